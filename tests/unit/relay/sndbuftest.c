/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of a send buffer the guest may be promised. */
#include <config.h>

#include "relay/worker/sndbuf.h"

/* However small a buffer is, an empty one takes anything: else nothing would ever move. */
static void
testEmptyTakes(void)
{
    for (size_t size = 0; size < 1024 * 1024; size += 1000) {
        vmcSndbuf sndbuf = { .size = size };

        vmcSndbufQueued(&sndbuf, 0);
        vmcSndbufPromise(&sndbuf);
        for (size_t len = 1; len <= VMC_SNDBUF_PIECE; len *= 2)
            g_assert_true(vmcSndbufTakes(&sndbuf, len));
    }
}

/* Small pieces wait once they would take room from what is owed, until some has come. */
static void
testGathers(void)
{
    vmcSndbuf sndbuf = { .size = 400000 };
    size_t promised, pieces = 0;

    vmcSndbufQueued(&sndbuf, 0);
    promised = vmcSndbufPromise(&sndbuf);
    g_assert_cmpuint(promised, ==, 306250);
    for (; vmcSndbufTakes(&sndbuf, 1); pieces++)
        vmcSndbufWritten(&sndbuf, 1);
    g_assert_cmpuint(pieces, ==, 48);
    g_assert_true(vmcSndbufTakes(&sndbuf, VMC_SNDBUF_PIECE));
    vmcSndbufQueued(&sndbuf, pieces * 768);
    g_assert_true(vmcSndbufTakes(&sndbuf, 1));
    g_assert_cmpuint(vmcSndbufPromise(&sndbuf), <, promised);
    g_assert_cmpuint(sndbuf.owed, ==, promised - pieces);
    vmcSndbufQueued(&sndbuf, 2 * sndbuf.size);
    g_assert_cmpuint(vmcSndbufPromise(&sndbuf), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/sndbuf/empty-takes", testEmptyTakes);
    g_test_add_func("/relay/sndbuf/gathers", testGathers);
    return g_test_run();
}
