/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting without sleep, within bounds: see wait.h. */
#include <config.h>

#include "proxy/wait.h"

#include <sched.h>

/* As long as a daemon takes for a call that it answers from memory, and then some. */
#define SHORT_USEC 200

/* Waits in a comparison, in turn awake and asleep. */
#define COMPARED 64

/* What each wait has to be shorter for, since staying awake takes processor time. */
#define GAIN_USEC 4

/* A comparison in which as much was lost is over. */
#define LOST_USEC 2000

/* Waits between comparisons: twice as many after each that came to the same. */
#define PERIOD_MIN 512
#define PERIOD_MAX 8192

/* Until an event, or as long as a short wait may take. */
static int
giveWay(struct pollfd *fds, nfds_t n, gint64 begin)
{
    int ready;

    while ((ready = poll(fds, n, 0)) == 0 && g_get_monotonic_time() - begin < SHORT_USEC)
        sched_yield();
    return ready;
}

static void
startComparing(vmcWaitSide *side)
{
    side->comparing = COMPARED;
    side->lost = 0;
}

static void
conclude(vmcWaitSide *side)
{
    bool awake = side->lost < -GAIN_USEC * COMPARED / 2;

    side->period = awake == side->awake ? CLAMP(side->period * 2, PERIOD_MIN, PERIOD_MAX)
                                        : PERIOD_MIN;
    side->until = side->period;
    side->awake = awake;
    side->comparing = 0;
}

/* Counts a wait, which took that many µs. */
static void
learn(vmcWaitSide *side, bool awake, gint64 took)
{
    if (side->comparing == 0) {
        if (side->until > 0)
            side->until--;
        else
            startComparing(side);
        return;
    }
    side->lost += awake ? took : -took;
    side->comparing--;
    if (side->comparing == 0 || side->lost > LOST_USEC)
        conclude(side);
}

int
vmcWaitPoll(vmcWait *self, vmcWaitTurn turn, struct pollfd *fds, nfds_t n, int timeout)
{
    vmcWaitSide *side = &self->sides[turn];
    bool likely = side->wasShort && turn != self->last;
    bool awake = likely && (side->comparing > 0 ? side->comparing % 2 : side->awake);
    gint64 begin = g_get_monotonic_time();
    int ready = awake ? giveWay(fds, n, begin) : 0;
    gint64 took;

    if (ready == 0)
        ready = poll(fds, n, timeout);
    took = g_get_monotonic_time() - begin;
    if (likely)
        learn(side, awake, took);
    side->wasShort = ready > 0 && took < SHORT_USEC;
    self->last = turn;
    return ready;
}
