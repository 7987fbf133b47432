/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What golden tests share: where the data is, which cases there are, and the
 * comparison with a file. With VIR_TEST_REGENERATE_OUTPUT set, a file that
 * differs is rewritten, and the test still fails, so that the diff gets read.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* testPath: @name below the source tree's tests folder. The caller frees it. */
char *testPath(const char *name);

/*
 * testCases:
 * Returns the sorted names NAME for which tests/@folder has a file NAME@suffix,
 * with no further dot in NAME. The caller frees it with g_strfreev().
 */
GStrv testCases(const char *folder, const char *suffix);

/*
 * testRunCases:
 * The whole of main() for golden tests: runs @test with each NAME of
 * testCases() as a test case of its own, "/@path/NAME".
 */
int testRunCases(int argc, char **argv, const char *path, const char *folder, const char *suffix,
                 GTestDataFunc test);

/* testRead: the whole file, which the caller frees, or NULL when it is absent. */
char *testRead(const char *path);

/* testRegenerate: whether golden files are to be rewritten. */
bool testRegenerate(void);

/*
 * testCompareFile:
 * Fails the running test, and goes on, when the file @path is not @actual;
 * shows the first line that differs. @actual NULL means that there must be no
 * such file.
 */
void testCompareFile(const char *actual, const char *path);
