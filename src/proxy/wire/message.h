/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A message on its way through the proxy: what its header says and which
 * procedure it belongs to are found out once, when it begins, and stay with it.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "rpc/procedures.h"

typedef struct {
    vmcRpcHeader header;        /* as it was received */
    const vmcRpcProcedure *procedure;   /* its row; NULL: none that we know */
    GByteArray *bytes;          /* all of it; NULL unless it is collected */
} vmcWireMessage;

/*
 * vmcWireMessageBegin:
 * Reads the header of the message that begins with the VMC_RPC_HEADER_SIZE
 * @bytes. Returns false when its length is none that a message can have.
 */
bool vmcWireMessageBegin(vmcWireMessage *message, const guint8 *bytes);

/* vmcWireMessageReplace: @bytes, which it takes over, go on in the place of its own. */
void vmcWireMessageReplace(vmcWireMessage *message, GByteArray *bytes);

/* vmcWireMessageClear: frees what it owns. */
void vmcWireMessageClear(vmcWireMessage *message);

/* vmcWireMessageIsCall: whether it asks for something, and waits for a reply. */
bool vmcWireMessageIsCall(const vmcWireMessage *message);

/* vmcWireMessageIsReply: whether it is a reply, good or bad. */
bool vmcWireMessageIsReply(const vmcWireMessage *message);
