/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's messages before the daemon is known. Which daemon it wants, the
 * client says in CONNECT_OPEN, but it asks how to authenticate before that: such
 * calls are answered here, and the daemon gets to know of them once it is
 * connected. A client whose daemon cannot be reached is told why.
 */
#pragma once

#include <stdbool.h>

#include "proxy/session/calls.h"
#include "proxy/wire/upstream.h"
#include "util/error.h"

typedef struct {
    vmcUpstream upstream;       /* as far as it is known */
    bool keepalive;             /* the client was told that the daemon has it */
    bool refusing;              /* the daemon cannot be reached: all calls get this error */
    vmcError error;
} vmcHandshake;

/* vmcHandshakeRefuse: all calls get the thread's error from now on. */
void vmcHandshakeRefuse(vmcHandshake *handshake);
void vmcHandshakeClear(vmcHandshake *handshake);

/*
 * vmcHandshakeCall: @message came before the daemon is connected. VMC_FLOW_PASS:
 * it opens the connection. The daemon that it means is in @handshake: connect to
 * it, and then vmcHandshakeStart().
 */
vmcFlowVerdict vmcHandshakeCall(vmcHandshake *handshake, vmcCalls *calls,
                                vmcWireMessage *message);

/*
 * vmcHandshakeReadOpen: what CONNECT_OPEN @message opens: @uri, which the caller
 * frees, or NULL, and @flags (VIR_CONNECT_…). Returns false when it cannot be
 * read whole.
 */
bool vmcHandshakeReadOpen(const vmcWireMessage *message, char **uri, guint32 *flags);

/* vmcHandshakeStart: says to the daemon what it has missed, before @message. */
vmcFlowVerdict vmcHandshakeStart(const vmcHandshake *handshake, vmcCalls *calls,
                                 vmcWireMessage *message);
