/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child of the broker's that is started again when it has ended: one process
 * at a time, and the mailbox to it. This is the one place where the broker
 * starts a process, hands it descriptors and hears of its end. What the messages
 * mean, and when to start the next process, is the owner's.
 */
#pragma once

#include "relay/process/ipc.h"
#include "relay/process/loop.h"

typedef struct _vmcSupervised vmcSupervised;

/* The owner's part; @opaque is vmcSupervisedNew()'s. */
typedef struct {
    const char *mode;           /* the argument that a process is started with: main.c */
    vmcIpcWay way;              /* the messages that it may send */
    unsigned int files;         /* descriptors that it may have, 0: as many as we */

    /* A new process was started: posts what it must know first. */
    void (*started)(void *opaque);

    /*
     * It sent a message, which has the form of one; never CHILD_READY. Returns
     * false when it had no right to: then it is killed. NULL when no such message
     * comes that @way.
     */
    bool (*message)(void *opaque, const vmcIpcMessage *message);

    /* It has ended or was killed. May be NULL. */
    void (*ended)(void *opaque);

    /*
     * How long after the end of one process the next may start, in microseconds:
     * restartMin, doubled with each failure in a row up to restartMax. When that was no
     * failure: restartMin after its own start.
     */
    int64_t restartMin, restartMax;
    bool killedIsNoFailure;     /* killed from outside, that is */
} vmcSupervisedOps;

/*
 * vmcSupervisedNew: no process yet; @loop, @ops and @opaque must outlive it.
 * @link (or -1) is handed to each process, and stays the caller's.
 * vmcSupervisedFree: kills the process that there is. No operation is called.
 * vmcSupervisedRelease: frees it too, but lets the process end by itself: it reads
 * the end of its mailbox. Both accept NULL.
 */
vmcSupervised *vmcSupervisedNew(vmcLoop *loop, const vmcSupervisedOps *ops, void *opaque,
                                int link);
void vmcSupervisedFree(vmcSupervised *child);
void vmcSupervisedRelease(vmcSupervised *child);

/*
 * vmcSupervisedStart: starts a process; there must be none. Returns -1 with an
 * error, which counts as a failure of the process.
 * vmcSupervisedStartDelay: microseconds until the next one may be started; 0: now,
 * -1: there is one.
 */
int vmcSupervisedStart(vmcSupervised *child);
int64_t vmcSupervisedStartDelay(const vmcSupervised *child);

/*
 * vmcSupervisedRuns: whether there is a process. The end of one that has ended, and
 * that the loop has not come to yet, is seen to first.
 */
bool vmcSupervisedRuns(vmcSupervised *child);

/* vmcSupervisedLayers: those that confine it (confine.h); 0: not ready, or none. */
unsigned int vmcSupervisedLayers(const vmcSupervised *child);

/*
 * vmcSupervisedPost: sends the process a message with @nfds descriptors, which are
 * taken over; without a process they are closed.
 * vmcSupervisedUnread: messages that wait, since it has left many unread.
 */
void vmcSupervisedPost(vmcSupervised *child, const vmcIpcMessage *message, const int *fds,
                       unsigned int nfds);
unsigned int vmcSupervisedUnread(const vmcSupervised *child);

/* vmcSupervisedWait: waits at most so long for the process to end. */
void vmcSupervisedWait(const vmcSupervised *child, int milliseconds);
