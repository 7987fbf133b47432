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

#include "relay/process/limits.h"
#include "util/fd.h"

/* Watches for host programs while guests wait for one. */
static void
watch(vmcSourceListener *listener)
{
    bool wanted = !g_queue_is_empty(&listener->waiting) || !g_queue_is_empty(&listener->left);

    if (wanted != listener->watches)
        vmcLoopChange(listener->source->loop, &listener->watch, wanted ? EPOLLIN : 0);
    listener->watches = wanted;
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
 * The next host program that is there, -1 when there is none. When we have no
 * descriptor for it, *@full: it waits on.
 */
static int
nextHostProgram(const vmcSourceListener *listener, bool *full)
{
    int fd;

    do
        fd = accept4(listener->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd >= 0 && isGone(fd) && close(fd) == 0);
    *full = fd < 0 && (errno == EMFILE || errno == ENFILE);
    if (fd >= 0 && listener->accepted)
        listener->accepted(fd);
    return fd;
}

/*
 * A host program has dialled: it gets the guest that has waited longest, and of those
 * that have ended the first only when no other waits. Any of them may have left in this
 * same turn. A guest hears a refusal when we have no descriptor for the two.
 */
static void
acceptHostProgram(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSourceListener *listener = opaque;
    GQueue *queue = g_queue_is_empty(&listener->waiting) ? &listener->left : &listener->waiting;
    vmcSourceRequest *request;
    bool full;
    int fd;

    if (g_queue_is_empty(queue))
        return;
    fd = nextHostProgram(listener, &full);
    if (fd < 0 && !full)
        return;
    request = g_queue_pop_head(queue);
    watch(listener);
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

/* A host program that is there already is this guest's, unless others have waited for it. */
vmcSourceResult
vmcSourceListenerOpen(vmcSource *source, vmcSourceRequest *request, int *fd)
{
    vmcSourceListener *listener = source->own;
    bool full;

    if (g_queue_is_empty(&listener->waiting))
        *fd = nextHostProgram(listener, &full);
    if (*fd >= 0)
        return VMC_SOURCE_DONE;
    g_queue_push_tail(&listener->waiting, request);
    watch(listener);
    return VMC_SOURCE_ACCEPTING;
}

bool
vmcSourceListenerLeft(vmcSource *source, vmcSourceRequest *request)
{
    vmcSourceListener *listener = source->own;

    if (g_queue_remove(&listener->waiting, request))
        g_queue_push_tail(&listener->left, request);
    if (listener->left.length <= VMC_LIMIT_LEFT)
        return true;
    vmcSourceAnswer(g_queue_pop_head(&listener->left), -1);
    return false;
}

void
vmcSourceListenerCancel(vmcSource *source, vmcSourceRequest *request)
{
    vmcSourceListener *listener = source->own;

    if (!g_queue_remove(&listener->waiting, request))
        g_queue_remove(&listener->left, request);
    watch(listener);
}
