/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What no event tells of is done by a thread: a connect(2) that waits for room in
 * a listener's backlog, the look-up of a name. One task at a time for each dial.
 * The thread touches nothing but its task, and hands that back through an eventfd.
 */
#pragma once

#include <stdbool.h>

#include "relay/process/loop.h"

typedef struct _vmcDial vmcDial;

typedef struct {
    void (*work)(void *task);                   /* in the thread; the result is the task's */
    void (*done)(void *opaque, void *task);     /* in the loop, after it; may start another */
    void (*free)(void *task);
} vmcDialOps;

/*
 * vmcDialNew: @opaque is done()'s. Returns NULL with errno.
 * vmcDialFree: a task that is still worked on is freed when the thread is done with
 * it, and nobody hears of it. NULL is accepted.
 */
vmcDial *vmcDialNew(vmcLoop *loop, const vmcDialOps *ops, void *opaque);
void vmcDialFree(vmcDial *dial);

/*
 * vmcDialStart: a thread begins with @task, which is the dial's from now on.
 * False: there can be none; the task is freed.
 * vmcDialIsBusy: whether there is a task that done() has not had yet.
 */
bool vmcDialStart(vmcDial *dial, void *task);
bool vmcDialIsBusy(const vmcDial *dial);
