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

struct _vmcFeed {
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
forget(vmcFeed *feed)
{
    vmcLoopRemove(feed->loop, &feed->letters);
    vmcLoopRemove(feed->loop, &feed->ended);
    vmcMailboxClose(&feed->mailbox);
    feed->layers = 0;
}

static void
childEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcFeed *feed = opaque;

    forget(feed);
    vmcChildReap(&feed->child);
    feed->notBefore = g_get_monotonic_time() + RESTART_US;
}

/* It says that it is ready; there is nothing else to say. */
static void
mailboxReady(void *opaque, uint32_t events)
{
    vmcFeed *feed = opaque;
    vmcMessage message;
    int got = 0;

    if (events & EPOLLOUT && vmcMailboxFlush(&feed->mailbox))
        vmcLoopChange(feed->loop, &feed->letters, EPOLLIN);
    if (events & ~EPOLLOUT)
        got = vmcMailboxTake(feed->mailbox.fd, VMC_MESSAGE_FROM_PUMP, &message, NULL, NULL);
    if (got < 0)
        childEnded(feed, 0);
    else if (got > 0)
        feed->layers = message.value;
}

static void
post(vmcFeed *feed, const vmcMessage *message, const int *fds, unsigned int nfds)
{
    if (!vmcMailboxPost(&feed->mailbox, message, fds, nfds))
        vmcLoopChange(feed->loop, &feed->letters, EPOLLIN | EPOLLOUT);
}

static int
start(vmcFeed *feed)
{
    vmcMessage log = { .type = VMC_MESSAGE_BROKER_LOG };
    int mailbox, fd;

    if (vmcChildStart(&feed->child, "--pump", -1, &mailbox) < 0)
        return -1;
    vmcMailboxOpen(&feed->mailbox, mailbox);
    feed->letters = (vmcWatch){ mailbox, mailboxReady, feed };
    feed->ended = (vmcWatch){ feed->child.pidfd, childEnded, feed };
    if (vmcLoopAdd(feed->loop, &feed->letters, EPOLLIN) < 0 ||
        vmcLoopAdd(feed->loop, &feed->ended, EPOLLIN) < 0) {
        childEnded(feed, 0);
        return -1;
    }
    fd = feed->log < 0 ? -1 : fcntl(feed->log, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        post(feed, &log, &fd, 1);
    return 0;
}

vmcFeed *
vmcFeedNew(vmcLoop *loop, int log)
{
    vmcFeed *feed = g_new0(vmcFeed, 1);

    feed->loop = loop;
    feed->log = log;
    feed->mailbox.fd = feed->child.pidfd = -1;
    if (start(feed) < 0)
        g_clear_pointer(&feed, vmcFeedFree);
    return feed;
}

/* The pump of a channel that is no more has written what it had. */
static void
lastEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcFeed *feed = opaque;

    vmcLoopRemove(feed->loop, &feed->ended);
    vmcChildReap(&feed->child);
    vmcLoopDefer(feed->loop, feed);
}

void
vmcFeedFree(vmcFeed *feed)
{
    if (!feed)
        return;
    vmcFdClose(&feed->log);
    if (feed->child.pid <= 0) {
        vmcLoopDefer(feed->loop, feed);
        return;
    }
    vmcLoopRemove(feed->loop, &feed->letters);
    vmcMailboxClose(&feed->mailbox);
    feed->ended.ready = lastEnded;
}

unsigned int
vmcFeedLayers(const vmcFeed *feed)
{
    return feed->layers;
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
vmcFeedAdd(vmcFeed *feed, vmcPumpKind kind, int in, int out)
{
    vmcMessage message = { .type = VMC_MESSAGE_BROKER_PUMP, .value = kind };
    const int sides[] = { out, in };
    unsigned int n = (out >= 0) + (in >= 0);
    int fds[VMC_MESSAGE_FDS];
    int pair[2];

    if (feed->child.pid == 0 &&
        (g_get_monotonic_time() < feed->notBefore || start(feed) < 0))
        return -1;
    if (feed->mailbox.waiting.length >= WAITING_MAX ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    fds[0] = pair[1];
    if (duplicate(sides, n, fds + 1) < 0) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    post(feed, &message, fds, 1 + n);
    return pair[0];
}
