/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A binary heap of timers: see timer_heap.h. Pure: time is a number here. */
#include <config.h>

#include "endpoint/timer_heap.h"

static vmcTimer *
heapGet(const GPtrArray *heap, unsigned int slot)
{
    return g_ptr_array_index(heap, slot);
}

static void
heapPut(GPtrArray *heap, unsigned int slot, vmcTimer *timer)
{
    g_ptr_array_index(heap, slot) = timer;
    timer->slot = slot;
}

static unsigned int
siftUp(GPtrArray *heap, unsigned int slot, const vmcTimer *timer)
{
    while (slot > 0 && heapGet(heap, (slot - 1) / 2)->at > timer->at) {
        heapPut(heap, slot, heapGet(heap, (slot - 1) / 2));
        slot = (slot - 1) / 2;
    }
    return slot;
}

static unsigned int
siftDown(GPtrArray *heap, unsigned int slot, const vmcTimer *timer)
{
    for (;;) {
        unsigned int child = 2 * slot + 1;

        if (child + 1 < heap->len && heapGet(heap, child + 1)->at < heapGet(heap, child)->at)
            child++;
        if (child >= heap->len || heapGet(heap, child)->at >= timer->at)
            return slot;
        heapPut(heap, slot, heapGet(heap, child));
        slot = child;
    }
}

static void
heapPlace(GPtrArray *heap, unsigned int slot, vmcTimer *timer)
{
    slot = siftUp(heap, slot, timer);
    heapPut(heap, siftDown(heap, slot, timer), timer);
}

static void
heapRemove(GPtrArray *heap, unsigned int slot)
{
    vmcTimer *last = heapGet(heap, heap->len - 1);

    g_ptr_array_set_size(heap, (int)heap->len - 1);
    if (slot < heap->len)
        heapPlace(heap, slot, last);
}

void
vmcTimerSet(GPtrArray *heap, vmcTimer *timer, vmcTime at)
{
    bool in = timer->at != VMC_TIME_NEVER;

    timer->at = at;
    if (at == VMC_TIME_NEVER) {
        if (in)
            heapRemove(heap, timer->slot);
        return;
    }
    if (!in) {
        timer->slot = heap->len;
        g_ptr_array_add(heap, timer);
    }
    heapPlace(heap, timer->slot, timer);
}

vmcTimer *
vmcTimerFirst(const GPtrArray *heap)
{
    return heap->len > 0 ? heapGet(heap, 0) : NULL;
}
