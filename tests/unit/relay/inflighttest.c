/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes that are in flight to the guest: a queue of blocks from one bounded pool. */
#include <config.h>

#include "relay/worker/inflight.h"

/* Puts up to @len bytes of a stream, each told by its place; returns how many found room. */
static size_t
inflightPut(vmcInflight *inflight, vmcInflightPool *pool, size_t at, size_t len)
{
    struct iovec iov[2];
    int niov = vmcInflightRoom(inflight, pool, len, iov);
    size_t done = 0;

    for (int i = 0; i < niov; i++) {
        for (size_t j = 0; j < iov[i].iov_len; j++, done++)
            ((uint8_t *)iov[i].iov_base)[j] = (uint8_t)((at + done) % 251);
    }
    vmcInflightAdd(inflight, done);
    return done;
}

static void
inflightCheck(const vmcInflight *inflight, size_t first)
{
    g_autofree uint8_t *bytes = g_malloc(inflight->len + 1);

    vmcInflightCopy(inflight, 0, bytes, inflight->len);
    for (size_t i = 0; i < inflight->len; i++)
        g_assert_cmpuint(bytes[i], ==, (first + i) % 251);
}

/* A stream through a queue in steps of any size, so that it goes round many times. */
static void
testStream(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight inflight = { .start = 0 };
    size_t in = 0, out = 0;

    while (in < 20 * VMC_INFLIGHT_MAX) {
        size_t gone;

        in += inflightPut(&inflight, &pool, in, (size_t)g_test_rand_int_range(0, VMC_INFLIGHT_BLOCK + 1));
        g_assert_cmpuint(inflight.len, ==, in - out);
        g_assert_cmpuint(inflight.len, <=, VMC_INFLIGHT_MAX);
        inflightCheck(&inflight, out);
        gone = (size_t)g_test_rand_int_range(0, (gint32)MIN(inflight.len, VMC_INFLIGHT_BLOCK + 9) + 1);
        vmcInflightDrop(&inflight, &pool, gone);
        out += gone;
    }
    vmcInflightDrop(&inflight, &pool, inflight.len);
    g_assert_cmpuint(pool.blocks, ==, pool.spares);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

/* All but a few bytes go at once: the block that holds these is the first and the last. */
static void
testAlmostAll(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight inflight = { .start = 0 };
    size_t in = inflightPut(&inflight, &pool, 0, 100);

    vmcInflightDrop(&inflight, &pool, 90);
    while (inflight.len < VMC_INFLIGHT_MAX)
        in += inflightPut(&inflight, &pool, in, VMC_INFLIGHT_BLOCK);
    g_assert_cmpuint(inflightPut(&inflight, &pool, in, 1), ==, 0);
    g_assert_cmpuint(pool.blocks, ==, VMC_INFLIGHT_BLOCKS);
    vmcInflightDrop(&inflight, &pool, VMC_INFLIGHT_MAX - 5);
    inflightCheck(&inflight, in - 5);
    g_assert_cmpuint(pool.spares, ==, VMC_INFLIGHT_BLOCKS - 1);
    vmcInflightDrop(&inflight, &pool, 5);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

/* What all queues hold is bounded; a queue that got nothing holds nothing. */
static void
testBounded(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight inflight[VMC_INFLIGHT_BLOCKS_ALL + 1] = { { .start = 0 } };
    struct iovec iov[2];

    for (size_t i = 0; i < VMC_INFLIGHT_BLOCKS_ALL; i++)
        g_assert_cmpuint(inflightPut(&inflight[i], &pool, 0, 1), ==, 1);
    g_assert_cmpuint(inflightPut(&inflight[VMC_INFLIGHT_BLOCKS_ALL], &pool, 0, 1), ==, 0);
    g_assert_cmpuint(inflightPut(&inflight[0], &pool, 1, VMC_INFLIGHT_BLOCK), ==, VMC_INFLIGHT_BLOCK - 1);
    vmcInflightDrop(&inflight[1], &pool, 1);
    g_assert_cmpint(vmcInflightRoom(&inflight[1], &pool, 1, iov), ==, 1);
    vmcInflightDrop(&inflight[1], &pool, 0);
    g_assert_cmpuint(inflightPut(&inflight[VMC_INFLIGHT_BLOCKS_ALL], &pool, 0, 1), ==, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(inflight); i++)
        vmcInflightDrop(&inflight[i], &pool, inflight[i].len);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/inflight/stream", testStream);
    g_test_add_func("/relay/inflight/almost-all", testAlmostAll);
    g_test_add_func("/relay/inflight/bounded", testBounded);
    return g_test_run();
}
