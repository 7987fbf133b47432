/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A binary heap of deadlines: see timer_heap.h. Pure: time is a number here. */
#include <config.h>

#include "endpoint/timer_heap.h"

static vmcDeadline *
heapGet(const GPtrArray *heap, unsigned int slot)
{
    return g_ptr_array_index(heap, slot);
}

static void
heapPut(GPtrArray *heap, unsigned int slot, vmcDeadline *deadline)
{
    g_ptr_array_index(heap, slot) = deadline;
    deadline->slot = slot;
}

static unsigned int
siftUp(GPtrArray *heap, unsigned int slot, const vmcDeadline *deadline)
{
    while (slot > 0 && heapGet(heap, (slot - 1) / 2)->at > deadline->at) {
        heapPut(heap, slot, heapGet(heap, (slot - 1) / 2));
        slot = (slot - 1) / 2;
    }
    return slot;
}

static unsigned int
siftDown(GPtrArray *heap, unsigned int slot, const vmcDeadline *deadline)
{
    for (;;) {
        unsigned int child = 2 * slot + 1;

        if (child + 1 < heap->len && heapGet(heap, child + 1)->at < heapGet(heap, child)->at)
            child++;
        if (child >= heap->len || heapGet(heap, child)->at >= deadline->at)
            return slot;
        heapPut(heap, slot, heapGet(heap, child));
        slot = child;
    }
}

static void
heapPlace(GPtrArray *heap, unsigned int slot, vmcDeadline *deadline)
{
    slot = siftUp(heap, slot, deadline);
    heapPut(heap, siftDown(heap, slot, deadline), deadline);
}

static void
heapRemove(GPtrArray *heap, unsigned int slot)
{
    vmcDeadline *last = heapGet(heap, heap->len - 1);

    g_ptr_array_set_size(heap, (int)heap->len - 1);
    if (slot < heap->len)
        heapPlace(heap, slot, last);
}

void
vmcDeadlineSet(GPtrArray *heap, vmcDeadline *deadline, vmcTime at)
{
    bool in = deadline->at != VMC_TIME_NEVER;

    deadline->at = at;
    if (at == VMC_TIME_NEVER) {
        if (in)
            heapRemove(heap, deadline->slot);
        return;
    }
    if (!in) {
        deadline->slot = heap->len;
        g_ptr_array_add(heap, deadline);
    }
    heapPlace(heap, deadline->slot, deadline);
}

vmcDeadline *
vmcDeadlineFirst(const GPtrArray *heap)
{
    return heap->len > 0 ? heapGet(heap, 0) : NULL;
}
