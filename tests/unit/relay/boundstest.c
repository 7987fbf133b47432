/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of limits in docs/architecture.md: its figures are those of the headers, and each
 * of process/limits.h stands in it.
 */
#include <config.h>

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "endpoint/types.h"
#include "qemu/nic.h"
#include "relay/process/limits.h"
#include "relay/process/share.h"
#include "relay/worker/inflight.h"

#define KIB 1024
#define MIB (1024 * KIB)

/* The text with which the row begins, and the words of it that have the figure. */
static const struct {
    const char *row;
    const char *format;         /* %s: the figure */
    const char *limit;          /* as it is called */
    guint64 value;
    guint64 unit;               /* in which it is said */
} bounds[] = {
#define BOUND(row, format, limit, unit) { row, format, #limit, limit, unit }
    BOUND("connections", "%s (`endpoint/types.h`)", VMC_ENDPOINT_MAX_CONNS, 1),
    BOUND("new connections", "%s a second of one channel", VMC_ENDPOINT_RATE, 1),
    BOUND("new connections", "and %s at once", VMC_ENDPOINT_BURST, 1),
    BOUND("guests that have ended and left bytes", "%s of a channel", VMC_LIMIT_LEFT, 1),
    BOUND("a stalled connection in the worker", "of which %s are the guest's bytes",
          VMC_ENDPOINT_CONN_BUFFER, KIB),
    BOUND("host bytes on their way to the guest", "%s KiB a connection",
          VMC_ENDPOINT_FLIGHT_MAX, KIB),
    BOUND("host bytes on their way to the guest", "%s MiB in all",
          VMC_INFLIGHT_BLOCKS_ALL * VMC_INFLIGHT_BLOCK, MIB),
    BOUND("a connection in a pump", "%s KiB each way", VMC_LIMIT_PUMP_CHUNK, KIB),
    BOUND("a connection in a pump", "a datagram of %s KiB", VMC_LIMIT_PUMP_DATAGRAM, KIB),
    BOUND("bytes of guests that have gone", "%s KiB in all", VMC_LIMIT_PUMP_LEFT, KIB),
    /* The kernel gives twice what it is asked for. */
    BOUND("the kernel's memory for guest bytes", "%s KiB a connection", 2 * VMC_SHARE_MIN, KIB),
    BOUND("the kernel's memory for guest bytes", "%s MiB divided", 2 * VMC_SHARE_TOTAL, MIB),
    BOUND("the kernel's memory for guest bytes", "%s KiB at most", 2 * VMC_SHARE_MAX, KIB),
    BOUND("the kernel's memory for guest bytes", "In all %s MiB", 2 * VMC_SHARE_SUM, MIB),
    BOUND("the same through a pump", "%s MiB from the worker", 2 * VMC_SHARE_SUM, MIB),
    BOUND("connections in a pump that are over", "%s, some", VMC_LIMIT_PUMP_GONE, 1),
    BOUND("answers that a worker leaves unread", "%s, then", VMC_LIMIT_WORKER_UNREAD, 1),
    BOUND("messages that a broker leaves unread", "%s, then", VMC_LIMIT_BROKER_UNREAD, 1),
    BOUND("connections that wait for a pump", "%s, then", VMC_LIMIT_PUMP_WAITING, 1),
    BOUND("connections of dead workers", "%s; at most", VMC_LIMIT_KNOWN, 1),
    BOUND("connections of dead workers", "at most %s at once", VMC_LIMIT_PROBES, 1),
    BOUND("channels", "%s; those count", VMC_NIC_CHANNELS_MAX, 1),
    BOUND("clients of the control socket", "%s; for one more", VMC_LIMIT_CLIENTS, 1),
    BOUND("clients of the control socket", "%s KiB of unread answers",
          VMC_LIMIT_CLIENT_UNREAD, KIB),
    BOUND("descriptors", "a worker's %s", VMC_LIMIT_WORKER_FILES, 1),
#undef BOUND
};

static char *
readSource(const char *name)
{
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

/* As the table writes numbers: 1,024. */
static char *
figure(guint64 value)
{
    if (value < 1000)
        return g_strdup_printf("%u", (guint)value);
    return g_strdup_printf("%u,%03u", (guint)(value / 1000), (guint)(value % 1000));
}

static void
testFigures(void)
{
    g_autofree char *text = readSource("docs/architecture.md");

    for (gsize i = 0; i < G_N_ELEMENTS(bounds); i++) {
        g_autofree char *begin = g_strdup_printf("\n| %s", bounds[i].row);
        g_autofree char *number = figure(bounds[i].value / bounds[i].unit);
        g_auto(GStrv) parts = g_strsplit(bounds[i].format, "%s", 2);
        g_autofree char *words = g_strjoinv(number, parts);
        const char *row = strstr(text, begin);
        g_autofree char *line = NULL;
        const char *at;

        g_test_message("%s: %s", bounds[i].limit, words);
        g_assert_nonnull(row);
        g_assert_cmpuint(bounds[i].value % bounds[i].unit, ==, 0);
        line = g_strndup(row + 1, strcspn(row + 1, "\n"));
        at = strstr(line, words);
        g_assert_nonnull(at);
        /* Not the end of a longer number. */
        g_assert_false(g_ascii_isdigit(words[0]) && (g_ascii_isdigit(at[-1]) || at[-1] == ','));
    }
}

/* No limit of process/limits.h is left out. */
static void
testAll(void)
{
    g_autofree char *text = readSource("src/relay/process/limits.h");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint found = 0;

    for (gsize i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
        bool listed = false;

        if (g_strcmp0(words[0], "#define") != 0)
            continue;
        for (gsize j = 0; j < G_N_ELEMENTS(bounds); j++)
            listed = listed || g_str_equal(bounds[j].limit, words[1]);
        if (!listed)
            g_test_message("%s has no row", words[1]);
        g_assert_true(listed);
        found++;
    }
    g_assert_cmpuint(found, >, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/bounds/figures", testFigures);
    g_test_add_func("/relay/bounds/all", testAll);
    return g_test_run();
}
