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
#include "relay/process/limits.h"

typedef struct _vmcConntable vmcConntable;

/*
 * vmcConntableNew: @end is called with each connection's data when it is over.
 * vmcConntableFree: all are over then.
 */
vmcConntable *vmcConntableNew(GDestroyNotify end);
void vmcConntableFree(vmcConntable *table);

/*
 * vmcConntableAddChannel: the channel gets the lowest *@number, from 0, that is
 * free. @alone: its host side takes one connection at a time. Returns false when another
 * one has that address and port (host byte order), or when there are VMC_NIC_CHANNELS_MAX.
 * vmcConntableRemoveChannel: its connections are over, and address and port free.
 * Its number is not: the worker may just have asked for it, and is refused.
 * vmcConntableRemoved: the worker knows, the number is free. Returns false when the
 * channel was not removed, or the worker has not closed its connections.
 */
bool vmcConntableAddChannel(vmcConntable *table, struct in_addr address, uint16_t port,
                            bool alone, uint32_t *number);
void vmcConntableRemoveChannel(vmcConntable *table, uint32_t number);
bool vmcConntableRemoved(vmcConntable *table, uint32_t number);

/*
 * vmcConntableMayOpen: whether @message, an OPEN, is in order: the channel exists
 * (or did, see above) and has that address and port, the id is new, and there is room.
 * vmcConntableHasRoom: whether, after that, the channel's quota has a place for it. The
 * worker goes by the same rule, but may not know yet that a channel was added.
 * vmcConntableOpen: takes note of it, after that. @data, the table's from now on,
 * is NULL when the guest is refused: a successor need not know of it then.
 * vmcConntableFind: its *@data, NULL also when it is over with its channel; returns false
 * when nothing of that id is open.
 * vmcConntableClose: returns false when nothing of that id is open.
 */
bool vmcConntableMayOpen(const vmcConntable *table, const vmcIpcMessage *message);
bool vmcConntableHasRoom(const vmcConntable *table, uint32_t number);
void vmcConntableOpen(vmcConntable *table, const vmcIpcMessage *message, void *data);
bool vmcConntableFind(const vmcConntable *table, uint32_t id, void **data);
bool vmcConntableClose(vmcConntable *table, uint32_t id);

/* vmcConntableCount: connections that are open. */
unsigned int vmcConntableCount(const vmcConntable *table);

/*
 * vmcConntableWorkerEnded: its connections are over, and known to its successor:
 * beyond the limit the oldest are forgotten. The numbers of removed channels
 * are free.
 * vmcConntableProbed: it has probed all that it was told.
 * vmcConntableTell: calls @tell with each message that a successor must have: the
 * channels first, then the connections, the latest before the others.
 */
void vmcConntableWorkerEnded(vmcConntable *table);
void vmcConntableProbed(vmcConntable *table);
void vmcConntableTell(const vmcConntable *table,
                      void (*tell)(void *opaque, const vmcIpcMessage *message), void *opaque);
