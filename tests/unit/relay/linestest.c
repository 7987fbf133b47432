/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which part of what a guest wrote is whole lines. */
#include <config.h>

#include <glib.h>

#include "relay/pump/lines.h"

static void
testLines(void)
{
    g_autofree char *longest = g_strnfill(VMC_LINE_MAX, 'x');

    g_assert_cmpuint(vmcLinesReady("", 0, false), ==, 0);
    g_assert_cmpuint(vmcLinesReady("half", 4, false), ==, 0);
    g_assert_cmpuint(vmcLinesReady("half", 4, true), ==, 4);
    g_assert_cmpuint(vmcLinesReady("one\ntwo\nhalf", 12, false), ==, 8);
    g_assert_cmpuint(vmcLinesReady("one\n", 4, false), ==, 4);
    g_assert_cmpuint(vmcLinesReady(longest, VMC_LINE_MAX - 1, false), ==, 0);
    g_assert_cmpuint(vmcLinesReady(longest, VMC_LINE_MAX, false), ==, VMC_LINE_MAX);
    longest[VMC_LINE_MAX / 2] = '\n';
    g_assert_cmpuint(vmcLinesReady(longest, VMC_LINE_MAX, false), ==, VMC_LINE_MAX / 2 + 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/lines", testLines);
    return g_test_run();
}
