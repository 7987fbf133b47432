/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One supervised child: see supervised.h. Does not know what it is for. */
#include <config.h>

#include "relay/process/supervised.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/process/child.h"
#include "relay/process/mailbox.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Messages taken before anything else gets its turn. */
#define MESSAGES_A_TURN 64

/* A process that lived so long does not count as a failure in a row. */
#define LIVED_LONG (60 * G_TIME_SPAN_SECOND)

/* Between the end of a process's descriptors and its own, on a busy machine. */
#define END_MS 1000

/*
 * One process. It is not used again for the next one, since events of its
 * descriptors may have been fetched already: it is freed after that turn.
 */
typedef struct {
    vmcChild process;
    vmcMailbox mailbox;
    vmcWatch mailboxWatch;
    vmcWatch endWatch;          /* the process's pidfd */
    unsigned int layers;        /* as it said; 0: not yet */
    int64_t startedAt;          /* microseconds */
} supervisedRun;

struct _vmcSupervised {
    vmcLoop *loop;
    const vmcSupervisedOps *ops;
    void *opaque;
    int link;
    supervisedRun *run;         /* NULL: there is no process */
    int64_t delay;              /* between the last end and the next start; 0: no failure */
    int64_t startAt;            /* when the next process may start, microseconds */
};

vmcSupervised *
vmcSupervisedNew(vmcLoop *loop, const vmcSupervisedOps *ops, void *opaque, int link)
{
    vmcSupervised *child = g_new0(vmcSupervised, 1);

    child->loop = loop;
    child->ops = ops;
    child->opaque = opaque;
    child->link = link;
    return child;
}

/* Returns whether the process has ended within that time. */
static bool
waitEnd(const supervisedRun *run, int milliseconds)
{
    struct pollfd end = { .fd = run->process.pidfd, .events = POLLIN };

    return poll(&end, 1, milliseconds) > 0;
}

/* Kills the process, if it has not ended, and returns its wait status. */
static int
endRun(vmcSupervised *child)
{
    supervisedRun *run = g_steal_pointer(&child->run);

    vmcLoopRemove(child->loop, &run->mailboxWatch);
    vmcLoopRemove(child->loop, &run->endWatch);
    vmcMailboxClose(&run->mailbox);
    vmcLoopDefer(child->loop, run);
    return vmcChildReap(&run->process);
}

static int64_t
restartDelay(const vmcSupervised *child, int status, bool failed, int64_t lived)
{
    const vmcSupervisedOps *ops = child->ops;
    bool killed = WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
                                          WTERMSIG(status) == SIGTERM);

    if (killed && !failed && ops->killedIsNoFailure)
        return 0;
    if (lived > LIVED_LONG || child->delay == 0)
        return ops->restartMin;
    return MIN(2 * child->delay, ops->restartMax);
}

/*
 * @failed: whatever its status will be, since it is we who kill it. So has one that was killed
 * before it was ready. A system that is short of memory kills one after the other: between
 * two starts there is always some time.
 */
static void
end(vmcSupervised *child, bool failed)
{
    int64_t startedAt = child->run->startedAt;
    bool ready = child->run->layers != 0;
    int status = endRun(child);
    int64_t now = g_get_monotonic_time();

    child->delay = restartDelay(child, status, failed || !ready, now - startedAt);
    child->startAt = MAX(now + child->delay, startedAt + child->ops->restartMin);
    if (child->ops->ended)
        child->ops->ended(child->opaque);
}

static void
processEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    end(opaque, false);
}

/* False: the process is to be killed. */
static bool
takeMessages(vmcSupervised *child)
{
    vmcIpcMessage message;

    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        int got = vmcMailboxTake(child->run->mailbox.fd, child->ops->way, &message, NULL, NULL);

        if (got <= 0)
            return got == 0;
        if (message.type == VMC_IPC_CHILD_READY)
            child->run->layers = message.value;
        else if (!child->ops->message(child->opaque, &message))
            return false;
    }
    return true;
}

static void
mailboxReady(void *opaque, uint32_t events)
{
    vmcSupervised *child = opaque;
    supervisedRun *run = child->run;

    if (events & EPOLLOUT && vmcMailboxFlush(&run->mailbox))
        vmcLoopChange(child->loop, &run->mailboxWatch, EPOLLIN);
    /* Where it matters who killed it, its own end is waited for. */
    if (events & EPOLLHUP)
        end(child, child->ops->killedIsNoFailure && !waitEnd(run, END_MS));
    else if (events & EPOLLIN && !takeMessages(child))
        end(child, true);
}

int
vmcSupervisedStart(vmcSupervised *child)
{
    supervisedRun *run = child->run = g_new0(supervisedRun, 1);
    int mailbox = -1;
    int started;

    run->startedAt = g_get_monotonic_time();
    run->process.pidfd = -1;
    started = vmcChildStart(&run->process, child->ops->mode, child->ops->files, child->link,
                            &mailbox);
    vmcMailboxOpen(&run->mailbox, mailbox);
    if (started < 0) {
        end(child, true);
        return -1;
    }
    run->mailboxWatch = (vmcWatch){ mailbox, mailboxReady, child };
    run->endWatch = (vmcWatch){ run->process.pidfd, processEnded, child };
    if (vmcLoopAdd(child->loop, &run->mailboxWatch, EPOLLIN) < 0 ||
        vmcLoopAdd(child->loop, &run->endWatch, EPOLLIN) < 0) {
        vmcReportSystemError(errno, "cannot watch a process");
        end(child, true);
        return -1;
    }
    child->ops->started(child->opaque);
    return 0;
}

int64_t
vmcSupervisedStartDelay(const vmcSupervised *child)
{
    return child->run ? -1 : MAX(child->startAt - g_get_monotonic_time(), 0);
}

/* The mailbox is a process's first descriptor to be closed: before what it was given. */
bool
vmcSupervisedRuns(vmcSupervised *child)
{
    struct pollfd mailbox = { .events = 0 };

    if (!child->run)
        return false;
    mailbox.fd = child->run->mailbox.fd;
    if (waitEnd(child->run, 0) || poll(&mailbox, 1, 0) > 0)
        mailboxReady(child, EPOLLHUP);
    return child->run != NULL;
}

unsigned int
vmcSupervisedLayers(const vmcSupervised *child)
{
    return child->run ? child->run->layers : 0;
}

void
vmcSupervisedPost(vmcSupervised *child, const vmcIpcMessage *message, const int *fds,
                  unsigned int nfds)
{
    supervisedRun *run = child->run;

    if (!run) {
        for (unsigned int i = 0; i < nfds; i++)
            close(fds[i]);
    } else if (!vmcMailboxPost(&run->mailbox, message, fds, nfds)) {
        vmcLoopChange(child->loop, &run->mailboxWatch, EPOLLIN | EPOLLOUT);
    }
}

unsigned int
vmcSupervisedUnread(const vmcSupervised *child)
{
    return child->run ? child->run->mailbox.waiting.length : 0;
}

void
vmcSupervisedWait(const vmcSupervised *child, int milliseconds)
{
    if (child->run)
        waitEnd(child->run, milliseconds);
}

void
vmcSupervisedFree(vmcSupervised *child)
{
    if (!child)
        return;
    if (child->run)
        endRun(child);
    vmcLoopDefer(child->loop, child);
}

static void
releasedEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSupervisedFree(opaque);
}

void
vmcSupervisedRelease(vmcSupervised *child)
{
    if (!child || !child->run) {
        vmcSupervisedFree(child);
        return;
    }
    vmcLoopRemove(child->loop, &child->run->mailboxWatch);
    vmcMailboxClose(&child->run->mailbox);
    child->run->endWatch.ready = releasedEnded;
}
