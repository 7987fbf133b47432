/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How large socket buffers may be. */
#include <config.h>

#include <glib.h>

#include "endpoint/types.h"
#include "relay/process/share.h"

/* However they come: one that grew while there were k has no more than the kth part. */
static void
testSum(void)
{
    guint64 sum = 0;

    for (unsigned int conns = 1; conns <= VMC_ENDPOINT_MAX_CONNS; conns++) {
        g_assert_cmpint(vmcShare(conns), >=, VMC_SHARE_MIN);
        g_assert_cmpint(vmcShare(conns), <=, conns > 1 ? vmcShare(conns - 1) : VMC_SHARE_MAX);
        sum += (guint64)vmcShare(conns);
    }
    g_test_message("%" G_GUINT64_FORMAT " bytes", sum);
    g_assert_cmpuint(sum, <=, VMC_SHARE_SUM);
    g_assert_cmpuint(sum, >, VMC_SHARE_SUM - 1024 * 1024);
    g_assert_cmpint(vmcShare(16), ==, VMC_SHARE_MAX);
    g_assert_cmpint(vmcShare(17), <, VMC_SHARE_MAX);
    g_assert_cmpint(vmcShare(256), ==, VMC_SHARE_MIN);
    g_assert_cmpint(vmcShare(0), ==, VMC_SHARE_MAX);
}

/* By doubling, up to its part; and nothing is taken away from one that has more. */
static void
testGrown(void)
{
    int size = VMC_SHARE_MIN, steps = 0;

    for (; size < VMC_SHARE_MAX; steps++)
        size = vmcShareGrown(size, 1);
    g_assert_cmpint(size, ==, VMC_SHARE_MAX);
    g_assert_cmpint(steps, ==, 4);
    g_assert_cmpint(vmcShareGrown(size, 1), ==, size);
    g_assert_cmpint(vmcShareGrown(size, 768), ==, size);
    g_assert_cmpint(vmcShareGrown(VMC_SHARE_MIN, 768), ==, VMC_SHARE_MIN);
    g_assert_cmpint(vmcShareGrown(60000, 64), ==, 65536);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/share/sum", testSum);
    g_test_add_func("/relay/share/grown", testGrown);
    return g_test_run();
}
