/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the broker knows of its worker: the channels that it may ask for, the
 * guest connections that it has open, and those that dead workers have left to
 * be probed. Says whether what the worker asks is in order; what is done about
 * it is the broker's.
 *
 * Pure: works on the messages that it is given, and believes none of them.
 */
#pragma once

#include <glib.h>

#include "relay/process/ipc.h"

/* Connections of dead workers that are still to be probed, at most. */
#define VMC_LEDGER_KNOWN_MAX (2 * VMC_ENDPOINT_MAX_CONNS)

typedef struct _vmcLedger vmcLedger;

/*
 * vmcLedgerNew: @end is called with each connection's data when it is over.
 * vmcLedgerFree: all are over then.
 */
vmcLedger *vmcLedgerNew(GDestroyNotify end);
void vmcLedgerFree(vmcLedger *ledger);

/*
 * vmcLedgerAddChannel: the channel gets the lowest *@number, from 0, that is
 * free. Returns false when another one has that address and port (host byte
 * order), or when there are VMC_NIC_CHANNELS_MAX.
 * vmcLedgerRemoveChannel: its connections are over, and address and port free.
 * Its number is not: the worker may just have asked for it, and is refused.
 * vmcLedgerRemoved: the worker has heard, the number is free. Returns false
 * when it had nothing to hear, or has not closed what it had opened.
 */
bool vmcLedgerAddChannel(vmcLedger *ledger, struct in_addr address, uint16_t port,
                         uint32_t *number);
void vmcLedgerRemoveChannel(vmcLedger *ledger, uint32_t number);
bool vmcLedgerRemoved(vmcLedger *ledger, uint32_t number);

/*
 * vmcLedgerMayOpen: whether @message, an OPEN, is in order: the channel exists
 * (or did, see above) and has that address and port, the id is new, and there is room.
 * vmcLedgerOpen: takes note of it, after that. @data, the ledger's from now on,
 * is NULL when the guest is refused: a successor need not know of it then.
 * vmcLedgerClose: returns false when nothing of that id is open.
 */
bool vmcLedgerMayOpen(const vmcLedger *ledger, const vmcMessage *message);
void vmcLedgerOpen(vmcLedger *ledger, const vmcMessage *message, void *data);
bool vmcLedgerClose(vmcLedger *ledger, uint32_t id);

/* vmcLedgerCount: connections that are open. */
unsigned int vmcLedgerCount(const vmcLedger *ledger);

/*
 * vmcLedgerWorkerEnded: its connections are over, and known to its successor:
 * beyond the limit the oldest are forgotten. Nobody needs to hear of removed
 * channels any more.
 * vmcLedgerProbed: it has probed all that it was told.
 * vmcLedgerTell: calls @tell with each message that a successor must have: the
 * channels first, then the connections, the latest before the others.
 */
void vmcLedgerWorkerEnded(vmcLedger *ledger);
void vmcLedgerProbed(vmcLedger *ledger);
void vmcLedgerTell(const vmcLedger *ledger, void (*tell)(void *opaque, const vmcMessage *message),
                   void *opaque);
