/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a benchmark found: rows of samples, of which the medians are printed as
 * JSON for bench/results, and as a table with spread and targets for people. A
 * row is a figure with a unit, or a ratio of two things measured in turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    BENCH_NO_TARGET,
    BENCH_AT_MOST,
    BENCH_AT_LEAST,
} benchTarget;

typedef struct {
    const char *name;           /* in the JSON, its unit included: "call_extra_us" */
    bool isRatio;
    benchTarget target;
    double limit;
    const char *what;           /* for the table: what was measured */
} benchRow;

typedef struct _benchReport benchReport;

/* benchReportNew: @rows must outlive the report, which the caller frees. */
benchReport *benchReportNew(const benchRow *rows, size_t n);
void benchReportFree(benchReport *report);

/* benchReportAdd: one sample of the row with @name, which must be there. */
void benchReportAdd(benchReport *report, const char *name, double sample);

/*
 * benchReportQuantile: the value that @share (0 to 1) of the row's samples are
 * below. After benchReportPrint(), for rows that have samples.
 */
double benchReportQuantile(const benchReport *report, const char *name, double share);

/*
 * benchReportPrint:
 * Prints the JSON on standard output and the table on standard error. A target
 * that is missed is marked, and is no failure: a busy machine is none of the
 * code's. Returns 0, or -1 having named the rows that have no sample.
 */
int benchReportPrint(benchReport *report);
