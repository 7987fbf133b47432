/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes on their way to the guest, kept until it has acknowledged them: a queue
 * for each connection, of blocks that all of them share. Pure.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VMC_INFLIGHT_BLOCK ((size_t)65536)      /* bytes */
#define VMC_INFLIGHT_BLOCKS 8                   /* of one queue */
#define VMC_INFLIGHT_MAX (VMC_INFLIGHT_BLOCKS * VMC_INFLIGHT_BLOCK)
#define VMC_INFLIGHT_BLOCKS_ALL 32              /* of all queues of a pool */

/* Zeroed at first. Blocks are not cleared: what is never used takes no memory. */
typedef struct {
    unsigned int blocks;        /* there are, used or spare */
    unsigned int spares;
    uint8_t *spare[VMC_INFLIGHT_BLOCKS_ALL];
} vmcInflightPool;

/* Zeroed at first, which is empty. */
typedef struct {
    uint8_t *blocks[VMC_INFLIGHT_BLOCKS]; /* a ring; NULL where nothing is */
    size_t start;               /* in the ring */
    size_t len;
} vmcInflight;

/*
 * vmcInflightRoom: where the next @len bytes go; returns how many of @iov are filled
 * in, for less than @len when there is not as much room, and 0 for none. None of
 * them is in the queue before vmcInflightAdd says how many came. @len is at most a block's.
 */
int vmcInflightRoom(vmcInflight *queue, vmcInflightPool *pool, size_t len, struct iovec iov[2]);
void vmcInflightAdd(vmcInflight *queue, size_t n);

/* vmcInflightCopy: copies @len bytes that start at @offset; all of them are there. */
void vmcInflightCopy(const vmcInflight *queue, size_t offset, uint8_t *buf, size_t len);

/* vmcInflightDrop: forgets the first @n bytes, which are there. An empty queue has no block. */
void vmcInflightDrop(vmcInflight *queue, vmcInflightPool *pool, size_t n);

/* vmcInflightPoolTrim: frees what is spare. */
void vmcInflightPoolTrim(vmcInflightPool *pool);
