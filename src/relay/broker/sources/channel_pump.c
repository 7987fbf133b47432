/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pumps from the broker's side: see channel_pump.h. Does not know what they pump for. */
#include <config.h>

#include "relay/broker/sources/channel_pump.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process/child.h"
#include "relay/process/mailbox.h"
#include "util/fd.h"

/* Connections that a pump, which a file may block, can have before it. */
#define WAITING_MAX 1024

/* A new pump no sooner than this after the one that failed, in microseconds. */
#define RESTART_US 100000

struct _vmcChannelPump {
    vmcLoop *loop;
    vmcChild child;
    vmcMailbox mailbox;
    vmcWatch letters;           /* the mailbox */
    vmcWatch ended;             /* the child */
    int log;
    unsigned int layers;        /* as it said */
    gint64 notBefore;
};

/* Forgets the pump that there is, without a word to it. */
static void
forget(vmcChannelPump *pump)
{
    vmcLoopRemove(pump->loop, &pump->letters);
    vmcLoopRemove(pump->loop, &pump->ended);
    vmcMailboxClose(&pump->mailbox);
    pump->layers = 0;
}

static void
childEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcChannelPump *pump = opaque;

    forget(pump);
    vmcChildReap(&pump->child);
    pump->notBefore = g_get_monotonic_time() + RESTART_US;
}

/* It says that it is ready; there is nothing else to say. */
static void
mailboxReady(void *opaque, uint32_t events)
{
    vmcChannelPump *pump = opaque;
    vmcIpcMessage message;
    int got = 0;

    if (events & EPOLLOUT && vmcMailboxFlush(&pump->mailbox))
        vmcLoopChange(pump->loop, &pump->letters, EPOLLIN);
    if (events & ~EPOLLOUT)
        got = vmcMailboxTake(pump->mailbox.fd, VMC_IPC_FROM_PUMP, &message, NULL, NULL);
    if (got < 0)
        childEnded(pump, 0);
    else if (got > 0)
        pump->layers = message.value;
}

static void
post(vmcChannelPump *pump, const vmcIpcMessage *message, const int *fds, unsigned int nfds)
{
    if (!vmcMailboxPost(&pump->mailbox, message, fds, nfds))
        vmcLoopChange(pump->loop, &pump->letters, EPOLLIN | EPOLLOUT);
}

static int
start(vmcChannelPump *pump)
{
    vmcIpcMessage log = { .type = VMC_IPC_BROKER_LOG };
    int mailbox, fd;

    if (vmcChildStart(&pump->child, "--pump", -1, &mailbox) < 0)
        return -1;
    vmcMailboxOpen(&pump->mailbox, mailbox);
    pump->letters = (vmcWatch){ mailbox, mailboxReady, pump };
    pump->ended = (vmcWatch){ pump->child.pidfd, childEnded, pump };
    if (vmcLoopAdd(pump->loop, &pump->letters, EPOLLIN) < 0 ||
        vmcLoopAdd(pump->loop, &pump->ended, EPOLLIN) < 0) {
        childEnded(pump, 0);
        return -1;
    }
    fd = pump->log < 0 ? -1 : fcntl(pump->log, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        post(pump, &log, &fd, 1);
    return 0;
}

vmcChannelPump *
vmcChannelPumpNew(vmcLoop *loop, int log)
{
    vmcChannelPump *pump = g_new0(vmcChannelPump, 1);

    pump->loop = loop;
    pump->log = log;
    pump->mailbox.fd = pump->child.pidfd = -1;
    if (start(pump) < 0)
        g_clear_pointer(&pump, vmcChannelPumpFree);
    return pump;
}

/* The pump of a channel that is no more has written what it had. */
static void
lastEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcChannelPump *pump = opaque;

    vmcLoopRemove(pump->loop, &pump->ended);
    vmcChildReap(&pump->child);
    vmcLoopDefer(pump->loop, pump);
}

void
vmcChannelPumpFree(vmcChannelPump *pump)
{
    if (!pump)
        return;
    vmcFdClose(&pump->log);
    if (pump->child.pid <= 0) {
        vmcLoopDefer(pump->loop, pump);
        return;
    }
    vmcLoopRemove(pump->loop, &pump->letters);
    vmcMailboxClose(&pump->mailbox);
    pump->ended.ready = lastEnded;
}

unsigned int
vmcChannelPumpLayers(const vmcChannelPump *pump)
{
    return pump->layers;
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
vmcChannelPumpAdd(vmcChannelPump *pump, vmcPumpKind kind, int in, int out)
{
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_PUMP, .value = kind };
    const int sides[] = { out, in };
    unsigned int n = (out >= 0) + (in >= 0);
    int fds[VMC_IPC_FDS];
    int pair[2];

    if (pump->child.pid == 0 &&
        (g_get_monotonic_time() < pump->notBefore || start(pump) < 0))
        return -1;
    if (pump->mailbox.waiting.length >= WAITING_MAX ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    fds[0] = pair[1];
    if (duplicate(sides, n, fds + 1) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    post(pump, &message, fds, 1 + n);
    return pair[0];
}
