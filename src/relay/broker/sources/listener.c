/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bind mode: see listener.h. Nobody is accepted before a guest wants a host program:
 * the kernel's backlog is the queue.
 */
#include <config.h>

#include "relay/broker/sources/listener.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"

static void
waitForHostProgram(vmcSourceListener *listener, bool wait)
{
    vmcLoopChange(listener->source->loop, &listener->watch, wait ? EPOLLIN : 0);
}

/* Whether a host program has left without a word: no guest should get that one. */
static bool
isGone(int fd)
{
    struct pollfd state = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&state, 1, 0) > 0 && state.revents & POLLHUP &&
        recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/*
 * A host program has dialled: it gets the guest that has waited longest. That
 * one may have left in this same turn. It hears a refusal when we have no
 * descriptor for the two: the host program waits on.
 */
static void
acceptHostProgram(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSourceListener *listener = opaque;
    vmcSourceRequest *request;
    int fd;

    if (g_queue_is_empty(&listener->waiting))
        return;
    fd = accept4(listener->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EMFILE && errno != ENFILE)
        return;
    if (fd >= 0 && isGone(fd)) {
        close(fd);
        return;
    }
    if (fd >= 0 && listener->accepted)
        listener->accepted(fd);
    request = g_queue_pop_head(&listener->waiting);
    if (g_queue_is_empty(&listener->waiting))
        waitForHostProgram(listener, false);
    vmcSourceAnswer(request, fd);
}

int
vmcSourceListenerStart(vmcSourceListener *listener, vmcSource *source, int fd,
                       void (*accepted)(int fd))
{
    listener->source = source;
    listener->accepted = accepted;
    listener->watch = (vmcWatch){ fd, acceptHostProgram, listener };
    if (listen(fd, SOMAXCONN) == 0 && vmcLoopAdd(source->loop, &listener->watch, 0) == 0)
        return 0;
    vmcFdClose(&listener->watch.fd);
    listener->source = NULL;
    return -1;
}

void
vmcSourceListenerStop(vmcSourceListener *listener)
{
    if (!listener->source)
        return;
    vmcLoopRemove(listener->source->loop, &listener->watch);
    vmcFdClose(&listener->watch.fd);
    listener->source = NULL;
}

vmcSourceResult
vmcSourceListenerOpen(vmcSource *source, vmcSourceRequest *request, int *fd G_GNUC_UNUSED)
{
    vmcSourceListener *listener = source->own;

    if (g_queue_is_empty(&listener->waiting))
        waitForHostProgram(listener, true);
    g_queue_push_tail(&listener->waiting, request);
    return VMC_SOURCE_ACCEPTING;
}

void
vmcSourceListenerCancel(vmcSource *source, vmcSourceRequest *request)
{
    vmcSourceListener *listener = source->own;

    g_queue_remove(&listener->waiting, request);
    if (g_queue_is_empty(&listener->waiting))
        waitForHostProgram(listener, false);
}
