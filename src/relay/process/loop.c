/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay's event loop: see loop.h. Knows nothing of what it watches. */
#include <config.h>

#include "relay/process/loop.h"

#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define EVENTS_A_TURN 64

struct _vmcLoop {
    int epoll;
    GPtrArray *deferred;        /* freed between turns */
};

vmcLoop *
vmcLoopNew(void)
{
    vmcLoop *loop;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0) {
        vmcReportSystemError(errno, "cannot create an epoll descriptor");
        return NULL;
    }
    loop = g_new0(vmcLoop, 1);
    loop->epoll = epoll;
    loop->deferred = g_ptr_array_new_with_free_func(g_free);
    return loop;
}

void
vmcLoopFree(vmcLoop *loop)
{
    if (!loop)
        return;
    close(loop->epoll);
    g_ptr_array_unref(loop->deferred);
    g_free(loop);
}

static int
loopControl(vmcLoop *loop, int operation, vmcWatch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    return epoll_ctl(loop->epoll, operation, watch->fd, &event);
}

int
vmcLoopAdd(vmcLoop *loop, vmcWatch *watch, uint32_t events)
{
    return loopControl(loop, EPOLL_CTL_ADD, watch, events);
}

int
vmcLoopChange(vmcLoop *loop, vmcWatch *watch, uint32_t events)
{
    return loopControl(loop, EPOLL_CTL_MOD, watch, events);
}

void
vmcLoopRemove(vmcLoop *loop, vmcWatch *watch)
{
    /* It is not watched, and another watch may have a descriptor of that number. */
    if (!watch->ready)
        return;
    /* For an event that was fetched already: vmcLoopTurn() looks at @ready. */
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->ready = NULL;
}

void
vmcLoopDefer(vmcLoop *loop, void *data)
{
    g_ptr_array_add(loop->deferred, data);
}

/* Rounded up to milliseconds: waking too early would only turn once more. */
static int
timeoutMs(int64_t us)
{
    return us < 0 ? -1 : (int)MIN((us + 999) / 1000, INT32_MAX);
}

int
vmcLoopTurn(vmcLoop *loop, int64_t timeoutUs)
{
    struct epoll_event events[EVENTS_A_TURN];
    int n = epoll_wait(loop->epoll, events, EVENTS_A_TURN, timeoutMs(timeoutUs));

    if (n < 0 && errno != EINTR)
        return -1;
    for (int i = 0; i < n; i++) {
        vmcWatch *watch = events[i].data.ptr;

        if (watch->ready)
            watch->ready(watch->opaque, events[i].events);
    }
    g_ptr_array_set_size(loop->deferred, 0);
    return MAX(n, 0);
}
