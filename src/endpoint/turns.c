/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns to send: see turns.h. Pure. Between channels it is a deficit round robin
 * (Shreedhar and Varghese, 1995), whose turns may end late, by less than a frame.
 */
#include <config.h>

#include "endpoint/turns.h"

void
vmcTurnsInit(vmcTurns *turns)
{
    g_queue_init(&turns->waiting);
    turns->link = (GList){ .data = turns };
    turns->queued = false;
}

void
vmcTurnsClear(GQueue *channels, vmcTurns *turns)
{
    if (turns->queued)
        g_queue_unlink(channels, &turns->link);
    turns->queued = false;
}

void
vmcTurnsWait(GQueue *channels, vmcTurns *turns, GList *item, bool first)
{
    if (first)
        g_queue_push_head_link(&turns->waiting, item);
    else
        g_queue_push_tail_link(&turns->waiting, item);
    if (turns->queued)
        return;
    turns->queued = true;
    turns->left = VMC_TURN;
    g_queue_push_tail_link(channels, &turns->link);
}

void
vmcTurnsLeave(vmcTurns *turns, GList *item)
{
    g_queue_unlink(&turns->waiting, item);
}

vmcTurns *
vmcTurnsNext(GQueue *channels)
{
    vmcTurns *turns;

    while ((turns = g_queue_peek_head(channels))) {
        if (g_queue_is_empty(&turns->waiting)) {
            vmcTurnsClear(channels, turns);
        } else if (turns->left <= 0) {
            turns->left += VMC_TURN;
            g_queue_push_tail_link(channels, g_queue_pop_head_link(channels));
        } else {
            return turns;
        }
    }
    return NULL;
}
