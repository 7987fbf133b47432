/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's event loop: calls a function when its descriptor is ready, over
 * epoll. Not GLib's, which walks all descriptors at each turn; here a thousand
 * idle connections cost nothing.
 */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

typedef struct _vmcLoop vmcLoop;

/*
 * Whoever watches a descriptor embeds one of these and keeps it until after
 * the turn in which it was removed: see vmcLoopDefer().
 */
typedef struct {
    int fd;
    void (*ready)(void *opaque, uint32_t events);   /* EPOLL… bits */
    void *opaque;
} vmcWatch;

/* vmcLoopNew: returns a loop, or NULL with an error. */
vmcLoop *vmcLoopNew(void);
void vmcLoopFree(vmcLoop *loop);

/*
 * Each returns 0, or -1 with errno, and no error report: confined processes have no use
 * for its text, and its making looks for files. @events as for epoll_ctl().
 */
int vmcLoopAdd(vmcLoop *loop, vmcWatch *watch, uint32_t events);
int vmcLoopChange(vmcLoop *loop, vmcWatch *watch, uint32_t events);

/* vmcLoopRemove: the watch is not called again, not even in this turn. */
void vmcLoopRemove(vmcLoop *loop, vmcWatch *watch);

/* vmcLoopDefer: frees @data when no event of this turn can point to it. */
void vmcLoopDefer(vmcLoop *loop, void *data);

/*
 * vmcLoopTurn:
 * Waits at most @timeoutUs microseconds (for ever if negative) and calls the
 * functions of what is ready. Returns how many events there were, or -1 with errno.
 */
int vmcLoopTurn(vmcLoop *loop, int64_t timeoutUs);
