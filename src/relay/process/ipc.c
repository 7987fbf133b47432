/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages between the relay's processes: see ipc.h. Does not know what
 * is answered.
 *
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "relay/process/ipc.h"

#include <string.h>

/* Parts of a message that are not zero in each of its kind. */
enum {
    USES_ID = 1 << 0,
    USES_CHANNEL = 1 << 1,
    USES_VALUE = 1 << 2,
    USES_LOCAL = 1 << 3,        /* the channel's address and port */
    USES_PEER = 1 << 4,         /* the guest's */
    USES_MAC = 1 << 5,
    USES_DHCP = 1 << 6,
};

static const struct {
    unsigned int ways;          /* bits of vmcIpcWay */
    unsigned int uses;
    unsigned int fdsMin, fdsMax;
} rows[] = {
#define WAY(name) (1u << VMC_IPC_ ## name)
    [VMC_IPC_CHILD_READY] = { WAY(FROM_WORKER) | WAY(FROM_PUMP), USES_VALUE, 0, 0 },
    [VMC_IPC_WORKER_OPEN] = {
        WAY(FROM_WORKER), USES_ID | USES_CHANNEL | USES_LOCAL | USES_PEER | USES_MAC, 0, 0 },
    [VMC_IPC_WORKER_ENDED] = { WAY(FROM_WORKER), USES_ID, 0, 0 },
    [VMC_IPC_WORKER_CLOSE] = { WAY(FROM_WORKER), USES_ID | USES_VALUE, 0, 0 },
    [VMC_IPC_WORKER_PROBED] = { WAY(FROM_WORKER), 0, 0, 0 },
    [VMC_IPC_WORKER_REMOVED] = { WAY(FROM_WORKER), USES_CHANNEL, 0, 0 },
    [VMC_IPC_WORKER_LIMITED] = { WAY(FROM_WORKER), USES_CHANNEL, 0, 0 },
    [VMC_IPC_BROKER_NETWORK] = {
        WAY(TO_WORKER), USES_ID | USES_VALUE | USES_PEER | USES_DHCP, 0, 0 },
    [VMC_IPC_BROKER_COUNTERS] = { WAY(TO_WORKER), 0, 1, 1 },
    [VMC_IPC_BROKER_CHANNEL] = {
        WAY(TO_WORKER), USES_CHANNEL | USES_VALUE | USES_LOCAL, 0, 0 },
    [VMC_IPC_BROKER_REMOVE] = { WAY(TO_WORKER), USES_CHANNEL, 0, 0 },
    [VMC_IPC_BROKER_KNOWN] = { WAY(TO_WORKER), USES_LOCAL | USES_PEER | USES_MAC, 0, 0 },
    [VMC_IPC_BROKER_SERVE] = { WAY(TO_WORKER), 0, 0, 0 },
    [VMC_IPC_BROKER_OPENED] = { WAY(TO_WORKER), USES_ID, 0, 1 },
    [VMC_IPC_BROKER_NULL] = { WAY(TO_WORKER), USES_ID, 0, 0 },
    [VMC_IPC_BROKER_ACCEPTING] = { WAY(TO_WORKER), USES_ID, 0, 0 },
    [VMC_IPC_BROKER_REFUSED] = { WAY(TO_WORKER), USES_ID, 0, 0 },
    [VMC_IPC_BROKER_CAPTURE] = { WAY(TO_WORKER), 0, 0, 1 },
    [VMC_IPC_BROKER_PUMP] = { WAY(TO_PUMP), USES_ID | USES_VALUE, 0, VMC_IPC_FDS },
    [VMC_IPC_BROKER_RESET] = { WAY(TO_PUMP), USES_ID, 0, 0 },
    [VMC_IPC_BROKER_LOG] = { WAY(TO_PUMP), 0, 1, 1 },
    [VMC_IPC_BROKER_FILE] = { WAY(TO_PUMP), 0, 1, 1 },
#undef WAY
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == VMC_IPC_LAST, "each message has a row");

/* Clears what a message with these uses may say. */
static void
clearUsed(vmcIpcMessage *message, unsigned int uses)
{
    message->type = 0;
    if (uses & USES_ID)
        message->id = 0;
    if (uses & USES_CHANNEL)
        message->channel = 0;
    if (uses & USES_VALUE)
        message->value = 0;
    if (uses & USES_LOCAL)
        message->address = message->port = 0;
    if (uses & USES_PEER)
        message->peer = message->peerPort = 0;
    if (uses & USES_MAC)
        memset(message->mac, 0, sizeof(message->mac));
    if (uses & USES_DHCP)
        message->noDhcp = 0;
}

bool
vmcIpcCheck(const void *data, size_t len, unsigned int nfds, vmcIpcWay way)
{
    static const vmcIpcMessage zero;
    vmcIpcMessage message;
    uint32_t type;

    if (len != sizeof(message))
        return false;
    memcpy(&message, data, sizeof(message));
    type = message.type;
    if (type >= VMC_IPC_LAST || !(rows[type].ways & 1u << way))
        return false;
    if (nfds < rows[type].fdsMin || nfds > rows[type].fdsMax)
        return false;
    clearUsed(&message, rows[type].uses);
    return memcmp(&message, &zero, sizeof(message)) == 0;
}

void
vmcIpcSetTuple(vmcIpcMessage *message, const vmcEndpointTuple *tuple)
{
    message->address = tuple->address.s_addr;
    message->port = tuple->port;
    message->peer = tuple->peer.s_addr;
    message->peerPort = tuple->peerPort;
}

void
vmcIpcGetTuple(const vmcIpcMessage *message, vmcEndpointTuple *tuple)
{
    tuple->address.s_addr = message->address;
    tuple->port = message->port;
    tuple->peer.s_addr = message->peer;
    tuple->peerPort = message->peerPort;
}
