/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Medians, spread and targets: see report.h. */
#include <config.h>

#include "report.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>

struct _benchReport {
    const benchRow *rows;
    size_t n;
    GArray **samples;           /* of double, one array a row */
};

benchReport *
benchReportNew(const benchRow *rows, size_t n)
{
    benchReport *report = g_new0(benchReport, 1);

    report->rows = rows;
    report->n = n;
    report->samples = g_new0(GArray *, n);
    for (size_t i = 0; i < n; i++)
        report->samples[i] = g_array_new(FALSE, FALSE, sizeof(double));
    return report;
}

void
benchReportFree(benchReport *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->n; i++)
        g_array_unref(report->samples[i]);
    g_free(report->samples);
    g_free(report);
}

static GArray *
samplesOf(const benchReport *report, const char *name)
{
    for (size_t i = 0; i < report->n; i++) {
        if (strcmp(report->rows[i].name, name) == 0)
            return report->samples[i];
    }
    g_error("no row '%s'", name);
}

void
benchReportAdd(benchReport *report, const char *name, double sample)
{
    g_array_append_val(samplesOf(report, name), sample);
}

static gint
compare(gconstpointer left, gconstpointer right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The sample that @share of all are below; they are sorted. */
static double
quantile(const GArray *samples, double share)
{
    double at = share * (samples->len - 1);
    guint below = (guint)at;
    guint above = MIN(below + 1, samples->len - 1);
    double low = g_array_index(samples, double, below);

    return low + (at - below) * (g_array_index(samples, double, above) - low);
}

double
benchReportQuantile(const benchReport *report, const char *name, double share)
{
    return quantile(samplesOf(report, name), share);
}

static bool
isMissed(const benchRow *row, double median)
{
    return (row->target == BENCH_AT_MOST && median > row->limit) ||
           (row->target == BENCH_AT_LEAST && median < row->limit);
}

static void
printRow(const benchRow *row, const GArray *samples)
{
    static const char *const signs[] = { "", "<=", ">=" };
    double median = quantile(samples, 0.5);
    g_autofree char *limit = row->target == BENCH_NO_TARGET
        ? g_strdup("-") : g_strdup_printf("%s %g", signs[row->target], row->limit);
    const char *verdict = row->target == BENCH_NO_TARGET ? ""
        : isMissed(row, median) ? "MISSED" : "ok";

    fprintf(stderr, "%-36s %10.3f %10.3f %10.3f %5u  %-8s %-6s  %s\n", row->name, median,
            quantile(samples, 0.25), quantile(samples, 0.75), samples->len, limit, verdict,
            row->what);
}

static void
printObject(const benchReport *report, bool ratios)
{
    const char *before = "";

    printf("  \"%s\": {", ratios ? "ratios" : "figures");
    for (size_t i = 0; i < report->n; i++) {
        if (report->rows[i].isRatio != ratios)
            continue;
        printf("%s\n    \"%s\": %.3f", before, report->rows[i].name,
               quantile(report->samples[i], 0.5));
        before = ",";
    }
    printf("\n  }");
}

int
benchReportPrint(benchReport *report)
{
    int ret = 0;

    for (size_t i = 0; i < report->n; i++) {
        g_array_sort(report->samples[i], compare);
        if (report->samples[i]->len == 0) {
            fprintf(stderr, "bench: '%s' was not measured\n", report->rows[i].name);
            ret = -1;
        }
    }
    if (ret < 0)
        return ret;
    fprintf(stderr, "%-36s %10s %10s %10s %5s  %-8s\n", "", "median", "25 %", "75 %", "n",
            "target");
    for (size_t i = 0; i < report->n; i++)
        printRow(&report->rows[i], report->samples[i]);
    puts("{");
    printObject(report, false);
    puts(",");
    printObject(report, true);
    puts("\n}");
    return 0;
}
