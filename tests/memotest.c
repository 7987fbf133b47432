/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memo of rewritten documents: what it remembers, and that it is bounded. */
#include <config.h>

#include <glib.h>

#include "proxy/memo.h"

static void
testRemembers(void)
{
    g_autoptr(vmcMemo) memo = vmcMemoNew(1024);
    g_autofree char *copy = g_strdup("one");

    g_assert_null(vmcMemoFind(memo, "one"));
    vmcMemoKeep(memo, "one", "ONE");
    vmcMemoKeep(memo, "two", "TWO");
    g_assert_cmpstr(vmcMemoFind(memo, copy), ==, "ONE");
    g_assert_cmpstr(vmcMemoFind(memo, "two"), ==, "TWO");
    /* Each byte counts, and so does where it ends. */
    g_assert_null(vmcMemoFind(memo, "onE"));
    g_assert_null(vmcMemoFind(memo, "on"));
    g_assert_null(vmcMemoFind(memo, "one "));
    g_assert_null(vmcMemoFind(memo, ""));
}

static void
testForgetsTheOldest(void)
{
    g_autoptr(vmcMemo) memo = vmcMemoNew(32);

    /* Eight bytes each: four find room. */
    vmcMemoKeep(memo, "a12", "A12");
    vmcMemoKeep(memo, "b12", "B12");
    vmcMemoKeep(memo, "c12", "C12");
    vmcMemoKeep(memo, "d12", "D12");
    g_assert_cmpstr(vmcMemoFind(memo, "a12"), ==, "A12");
    vmcMemoKeep(memo, "e12", "E12");
    g_assert_null(vmcMemoFind(memo, "a12"));
    g_assert_cmpstr(vmcMemoFind(memo, "b12"), ==, "B12");
    g_assert_cmpstr(vmcMemoFind(memo, "e12"), ==, "E12");
}

static void
testLeavesOutTheLarge(void)
{
    g_autoptr(vmcMemo) memo = vmcMemoNew(32);

    vmcMemoKeep(memo, "a12", "A12");
    vmcMemoKeep(memo, "large", "LARGE");
    g_assert_null(vmcMemoFind(memo, "large"));
    g_assert_cmpstr(vmcMemoFind(memo, "a12"), ==, "A12");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memo/remembers", testRemembers);
    g_test_add_func("/memo/forgets-the-oldest", testForgetsTheOldest);
    g_test_add_func("/memo/leaves-out-the-large", testLeavesOutTheLarge);
    return g_test_run();
}
