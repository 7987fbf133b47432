/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pumps from the broker's side: see channel_pump.h. Does not know what they pump for. */
#include <config.h>

#include "relay/broker/sources/channel_pump.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process/limits.h"
#include "relay/process/supervised.h"
#include "util/fd.h"

/* A new pump no sooner than this after the end of the last one, in microseconds. */
#define RESTART_US 100000

struct _vmcChannelPump {
    vmcSupervised *child;
    int log;
    int file;
    uint32_t lastId;
};

static void
postCopy(vmcChannelPump *pump, vmcIpcType type, int fd)
{
    vmcIpcMessage message = { .type = type };
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy >= 0)
        vmcSupervisedPost(pump->child, &message, &copy, 1);
}

static void
started(void *opaque)
{
    vmcChannelPump *pump = opaque;

    postCopy(pump, VMC_IPC_BROKER_LOG, pump->log);
    postCopy(pump, VMC_IPC_BROKER_FILE, pump->file);
}

/* It says that it is ready; there is nothing else to say. */
static const vmcSupervisedOps childOps = {
    .mode = "--pump", .way = VMC_IPC_FROM_PUMP, .started = started,
    .restartMin = RESTART_US, .restartMax = RESTART_US,
};

vmcChannelPump *
vmcChannelPumpNew(vmcLoop *loop, int log, int file)
{
    vmcChannelPump *pump = g_new0(vmcChannelPump, 1);

    pump->log = log;
    pump->file = file;
    pump->child = vmcSupervisedNew(loop, &childOps, pump, -1);
    if (vmcSupervisedStart(pump->child) < 0)
        g_clear_pointer(&pump, vmcChannelPumpFree);
    return pump;
}

/* The pump that is there is told now, any later one when it starts. */
static void
replace(vmcChannelPump *pump, vmcIpcType type, int *old, int fd)
{
    if (fd < 0)
        return;
    vmcFdClose(old);
    *old = fd;
    postCopy(pump, type, fd);
}

void
vmcChannelPumpReplace(vmcChannelPump *pump, int log, int file)
{
    replace(pump, VMC_IPC_BROKER_LOG, &pump->log, log);
    replace(pump, VMC_IPC_BROKER_FILE, &pump->file, file);
}

void
vmcChannelPumpFree(vmcChannelPump *pump)
{
    if (!pump)
        return;
    vmcSupervisedRelease(pump->child);
    vmcFdClose(&pump->log);
    vmcFdClose(&pump->file);
    g_free(pump);
}

unsigned int
vmcChannelPumpLayers(const vmcChannelPump *pump)
{
    return vmcSupervisedLayers(pump->child);
}

/* All or none: one that is missing would be taken for another. */
static int
duplicate(const int *fds, unsigned int n, int *copies)
{
    for (unsigned int i = 0; i < n; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copies[i] >= 0)
            continue;
        while (i > 0)
            close(copies[--i]);
        return -1;
    }
    return 0;
}

int
vmcChannelPumpAdd(vmcChannelPump *pump, vmcPumpKind kind, int in, int out, int buffer,
                  uint32_t *id)
{
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_PUMP, .id = ++pump->lastId, .value = kind };
    const int sides[] = { out, in };
    unsigned int n = (out >= 0) + (in >= 0);
    int fds[VMC_IPC_FDS];
    int pair[2];

    if (!vmcSupervisedRuns(pump->child) &&
        (vmcSupervisedStartDelay(pump->child) > 0 || vmcSupervisedStart(pump->child) < 0))
        return -1;
    if (vmcSupervisedUnread(pump->child) >= VMC_LIMIT_PUMP_WAITING ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    fds[0] = pair[1];
    if (duplicate(sides, n, fds + 1) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    vmcSupervisedPost(pump->child, &message, fds, 1 + n);
    *id = message.id;
    return pair[0];
}

void
vmcChannelPumpReset(vmcChannelPump *pump, uint32_t id)
{
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_RESET, .id = id };

    vmcSupervisedPost(pump->child, &message, NULL, 0);
}
