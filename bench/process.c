/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of /proc: see process.h. */
#include <config.h>

#include "process.h"

#include <stdio.h>
#include <string.h>

GArray *
processSet(pid_t pid)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));

    g_array_append_val(pids, pid);
    return pids;
}

/* Each sums what @one says of a process's file. */
static double
sum(const GArray *pids, const char *file, double (*one)(const char *text, const char *key),
    const char *key)
{
    double total = 0;

    for (guint i = 0; i < pids->len; i++) {
        g_autofree char *path = g_strdup_printf("/proc/%d/%s", g_array_index(pids, pid_t, i), file);
        g_autofree char *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL))
            total += one(text, key);
    }
    return total;
}

/* The number after @key, which starts a line. */
static double
field(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? g_ascii_strtod(at + strlen(key), NULL) : 0;
}

double
processPss(const GArray *pids)
{
    return sum(pids, "smaps_rollup", field, "\nPss:");
}

double
processAnon(const GArray *pids)
{
    return sum(pids, "smaps_rollup", field, "\nAnonymous:");
}

double
processCpu(const GArray *pids)
{
    double nanoseconds = 0;

    for (guint i = 0; i < pids->len; i++) {
        g_autofree char *tasks = g_strdup_printf("/proc/%d/task", g_array_index(pids, pid_t, i));
        g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
            g_autofree char *path = g_build_filename(tasks, name, "schedstat", NULL);
            g_autofree char *text = NULL;

            if (g_file_get_contents(path, &text, NULL, NULL))
                nanoseconds += g_ascii_strtod(text, NULL);
        }
    }
    return nanoseconds / 1e9;
}

static double
switches(const GArray *pids)
{
    return sum(pids, "status", field, "\nvoluntary_ctxt_switches:");
}

double
processWakeups(const GArray *pids, unsigned int seconds)
{
    double before = switches(pids);

    g_usleep(seconds * G_USEC_PER_SEC);
    return (switches(pids) - before) / seconds;
}
