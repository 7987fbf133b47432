/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for events, for a process in the middle: most of what it adds to a
 * call is that it sleeps and has to be woken, twice. So while both sides speak in
 * turn, and the last wait for the same side was short, it may give way to others
 * instead of sleeping, for a short while. From time to time it compares both
 * ways: where others need the processor, who sleeps is served first.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include <glib.h>

/* Whose turn it is to speak. */
typedef enum {
    VMC_WAIT_CLIENT,
    VMC_WAIT_DAEMON,
    VMC_WAIT_LAST
} vmcWaitTurn;

/* What is known of the waits for one side. */
typedef struct {
    bool wasShort;              /* the last one */
    bool awake;                 /* that way was the shorter one */
    guint comparing;            /* waits until that is known */
    guint until;                /* waits until they are compared again */
    guint period;               /* waits between comparisons */
    gint64 lost;                /* µs that this comparison's waits were longer awake than asleep */
} vmcWaitSide;

/* Empty at first. */
typedef struct {
    vmcWaitSide sides[VMC_WAIT_LAST];
    vmcWaitTurn last;           /* the same again: a stream or events, no conversation */
} vmcWait;

/* vmcWaitPoll: as poll(2), @timeout in ms, its errors included. */
int vmcWaitPoll(vmcWait *self, vmcWaitTurn turn, struct pollfd *fds, nfds_t n, int timeout);
