/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden tests: see testutils.h. */
#include <config.h>

#include "tests/lib/testutils.h"

#include <string.h>

#include <glib/gstdio.h>

char *
testPath(const char *name)
{
    const char *top = g_getenv("abs_top_srcdir");

    return g_build_filename(top ? top : ".", "tests", name, NULL);
}

static gint
compareNames(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GStrv
testCases(const char *folder, const char *suffix)
{
    g_autofree char *path = testPath(folder);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new();
    const char *file;

    while (dir && (file = g_dir_read_name(dir))) {
        size_t length = strcspn(file, ".");

        if (length > 0 && g_str_equal(file + length, suffix))
            g_ptr_array_add(names, g_strndup(file, length));
    }
    g_ptr_array_sort(names, compareNames);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

int
testRunCases(int argc, char **argv, const char *path, const char *folder, const char *suffix,
             GTestDataFunc test)
{
    g_auto(GStrv) names = NULL;

    g_test_init(&argc, &argv, NULL);
    names = testCases(folder, suffix);
    for (guint i = 0; names[i]; i++) {
        g_autofree char *name = g_strdup_printf("/%s/%s", path, names[i]);

        g_test_add_data_func(name, names[i], test);
    }
    return g_test_run();
}

char *
testRead(const char *path)
{
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

bool
testRegenerate(void)
{
    return g_getenv("VIR_TEST_REGENERATE_OUTPUT") != NULL;
}

static void
showDifference(const char *actual, const char *expected, const char *path)
{
    g_auto(GStrv) a = g_strsplit(actual ? actual : "", "\n", 0);
    g_auto(GStrv) e = g_strsplit(expected ? expected : "", "\n", 0);
    guint line = 0;

    while (a[line] && e[line] && g_str_equal(a[line], e[line]))
        line++;
    g_test_message("%s:%u: expected %s", path, line + 1, e[line] ? e[line] : "nothing more");
    g_test_message("%s:%u: got %s", path, line + 1, a[line] ? a[line] : "nothing more");
}

void
testCompareFile(const char *actual, const char *path)
{
    g_autofree char *expected = testRead(path);

    if (g_strcmp0(actual, expected) == 0)
        return;
    showDifference(actual, expected, path);
    if (testRegenerate() && actual)
        g_file_set_contents(path, actual, -1, NULL);
    else if (testRegenerate())
        g_unlink(path);
    g_test_fail();
}
