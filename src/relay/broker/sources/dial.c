/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads for what cannot be waited for in the loop: see dial.h. */
#include <config.h>

#include "relay/broker/sources/dial.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/eventfd.h>

#include "util/fd.h"

/* What dial and thread share: whoever lets go of it last frees it. */
typedef struct {
    gint references;
    int wakeup;                 /* the thread's duplicate of the eventfd */
    const vmcDialOps *ops;
    void *task;
} dialTask;

struct _vmcDial {
    vmcLoop *loop;
    const vmcDialOps *ops;
    void *opaque;
    dialTask *current;          /* or NULL */
    vmcWatch done;              /* the eventfd */
};

static void
taskUnref(dialTask *shared)
{
    if (!g_atomic_int_dec_and_test(&shared->references))
        return;
    vmcFdClose(&shared->wakeup);
    shared->ops->free(shared->task);
    g_free(shared);
}

static gpointer
threadMain(gpointer opaque)
{
    dialTask *shared = opaque;

    shared->ops->work(shared->task);
    eventfd_write(shared->wakeup, 1);
    taskUnref(shared);
    return NULL;
}

static void
taskDone(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcDial *dial = opaque;
    dialTask *shared = g_steal_pointer(&dial->current);
    eventfd_t count;

    eventfd_read(dial->done.fd, &count);
    if (!shared)
        return;
    dial->ops->done(dial->opaque, shared->task);
    taskUnref(shared);
}

vmcDial *
vmcDialNew(vmcLoop *loop, const vmcDialOps *ops, void *opaque)
{
    vmcDial *dial = g_new0(vmcDial, 1);

    dial->loop = loop;
    dial->ops = ops;
    dial->opaque = opaque;
    dial->done = (vmcWatch){ eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), taskDone, dial };
    if (dial->done.fd >= 0 && vmcLoopAdd(loop, &dial->done, EPOLLIN) == 0)
        return dial;
    vmcFdClose(&dial->done.fd);
    g_free(dial);
    return NULL;
}

void
vmcDialFree(vmcDial *dial)
{
    if (!dial)
        return;
    g_clear_pointer(&dial->current, taskUnref);
    vmcLoopRemove(dial->loop, &dial->done);
    vmcFdClose(&dial->done.fd);
    vmcLoopDefer(dial->loop, dial);
}

bool
vmcDialStart(vmcDial *dial, void *task)
{
    dialTask *shared = g_new0(dialTask, 1);
    GThread *thread;

    shared->references = 2;
    shared->ops = dial->ops;
    shared->task = task;
    shared->wakeup = fcntl(dial->done.fd, F_DUPFD_CLOEXEC, 0);
    thread = shared->wakeup >= 0 ? g_thread_try_new("vmch-dial", threadMain, shared, NULL) : NULL;
    if (!thread) {
        shared->references = 1;
        taskUnref(shared);
        return false;
    }
    g_thread_unref(thread);
    dial->current = shared;
    return true;
}

bool
vmcDialIsBusy(const vmcDial *dial)
{
    return dial->current != NULL;
}
