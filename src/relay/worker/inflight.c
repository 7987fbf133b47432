/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues of blocks: see inflight.h. Each byte of a queue has its place in a ring. */
#include <config.h>

#include "relay/worker/inflight.h"

#include <string.h>

static uint8_t *
blockTake(vmcInflightPool *pool)
{
    if (pool->spares > 0)
        return pool->spare[--pool->spares];
    if (pool->blocks == VMC_INFLIGHT_BLOCKS_ALL)
        return NULL;
    pool->blocks++;
    return g_malloc(VMC_INFLIGHT_BLOCK);
}

static void
blockGive(vmcInflightPool *pool, uint8_t **block)
{
    if (*block)
        pool->spare[pool->spares++] = g_steal_pointer(block);
}

/* The block of the ring's @at, which may be past its end. */
static unsigned int
blockOf(size_t at)
{
    return (unsigned int)(at % VMC_INFLIGHT_MAX / VMC_INFLIGHT_BLOCK);
}

int
vmcInflightRoom(vmcInflight *queue, vmcInflightPool *pool, size_t len, struct iovec iov[2])
{
    size_t at = queue->start + queue->len;
    int n = 0;

    len = MIN(len, VMC_INFLIGHT_MAX - queue->len);
    while (n < 2 && len > 0) {
        uint8_t **block = &queue->blocks[blockOf(at)];
        size_t part = MIN(len, VMC_INFLIGHT_BLOCK - at % VMC_INFLIGHT_BLOCK);

        if (!*block)
            *block = blockTake(pool);
        if (!*block)
            break;
        iov[n++] = (struct iovec){ *block + at % VMC_INFLIGHT_BLOCK, part };
        at += part;
        len -= part;
    }
    return n;
}

void
vmcInflightAdd(vmcInflight *queue, size_t n)
{
    queue->len += n;
}

void
vmcInflightCopy(const vmcInflight *queue, size_t offset, uint8_t *buf, size_t len)
{
    size_t at = queue->start + offset;

    while (len > 0) {
        size_t n = MIN(len, VMC_INFLIGHT_BLOCK - at % VMC_INFLIGHT_BLOCK);

        memcpy(buf, queue->blocks[blockOf(at)] + at % VMC_INFLIGHT_BLOCK, n);
        buf += n;
        at += n;
        len -= n;
    }
}

static void
giveAll(vmcInflight *queue, vmcInflightPool *pool)
{
    for (unsigned int i = 0; i < VMC_INFLIGHT_BLOCKS; i++)
        blockGive(pool, &queue->blocks[i]);
    queue->start = 0;
}

/* The last bytes may have come round into the block that the first ones leave. */
void
vmcInflightDrop(vmcInflight *queue, vmcInflightPool *pool, size_t n)
{
    size_t passed = (queue->start % VMC_INFLIGHT_BLOCK + n) / VMC_INFLIGHT_BLOCK;
    unsigned int first = blockOf(queue->start);
    unsigned int last = blockOf(queue->start + queue->len - 1);

    queue->start = (queue->start + n) % VMC_INFLIGHT_MAX;
    queue->len -= n;
    if (queue->len == 0) {
        giveAll(queue, pool);
        return;
    }
    for (size_t i = 0; i < passed; i++) {
        unsigned int block = (unsigned int)((first + i) % VMC_INFLIGHT_BLOCKS);

        if (block != last)
            blockGive(pool, &queue->blocks[block]);
    }
}

void
vmcInflightPoolTrim(vmcInflightPool *pool)
{
    pool->blocks -= pool->spares;
    while (pool->spares > 0)
        g_free(pool->spare[--pool->spares]);
}
