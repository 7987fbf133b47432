/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target over saved inputs: every file in the directory that is
 * the program's name below tests/fuzz/corpus, as one TAP test each. It makes
 * no inputs of its own; `make fuzz` does.
 */
#include <config.h>

#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replayFile(gconstpointer path)
{
    g_autofree char *data = NULL;
    g_autofree uint8_t *exact = NULL;
    gsize len;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    /* Without the final NUL that GLib adds: a read past the end shows. */
    exact = g_memdup2(data, len);
    LLVMFuzzerTestOneInput(exact, len);
}

/* tests/fuzz/NAME-fuzz reads tests/fuzz/corpus/NAME. */
static char *
corpusOf(const char *program)
{
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *name = g_path_get_basename(program);
    char *end = g_strrstr(name, "-fuzz");

    g_assert_nonnull(end);
    *end = '\0';
    return g_build_filename(top ? top : ".", "tests", "fuzz", "corpus", name, NULL);
}

int
main(int argc, char **argv)
{
    g_autofree char *corpus = corpusOf(argv[0]);
    g_autoptr(GDir) dir = g_dir_open(corpus, 0, NULL);
    const char *name;

    g_test_init(&argc, &argv, NULL);
    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *test = g_strconcat("/fuzz/", name, NULL);

        g_test_add_data_func_full(test, g_build_filename(corpus, name, NULL), replayFile, g_free);
    }
    return g_test_run();
}
