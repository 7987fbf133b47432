/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose turn it is to send to the guest: channels take turns, and within those of one
 * its connections do. So a channel's share of the link does not depend on how many
 * connections another has. Pure: it orders links of lists, whatever their data is.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint/types.h"

/* Bytes of a turn: the largest frame. */
#define VMC_TURN VMC_ENDPOINT_FRAME_MAX

/* Those of one channel who wait for their turn. */
typedef struct {
    GQueue waiting;
    GList link;                 /* in the queue of channels, whose head's turn it is */
    bool queued;                /* it is there, maybe with nobody waiting any more */
    int64_t left;               /* bytes of this turn, or, below 0, what the next one has less */
} vmcTurns;

/*
 * vmcTurnsInit: nobody waits. It must stay where it is.
 * vmcTurnsClear: it may be freed: nobody waits.
 */
void vmcTurnsInit(vmcTurns *turns);
void vmcTurnsClear(GQueue *channels, vmcTurns *turns);

/*
 * vmcTurnsWait: @item waits, behind all others of @turns or, @first, before them.
 * vmcTurnsLeave: it does not any more.
 */
void vmcTurnsWait(GQueue *channels, vmcTurns *turns, GList *item, bool first);
void vmcTurnsLeave(vmcTurns *turns, GList *item);

/*
 * vmcTurnsNext: those whose turn it is, NULL when nobody waits. The first who waits is to
 * send, and what it has sent to be taken from what is left.
 */
vmcTurns *vmcTurnsNext(GQueue *channels);
