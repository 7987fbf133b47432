/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's benchmark: the endpoint alone, the relay beside what else can
 * carry a guest's bytes to a host program, and how its cost grows. Prints the
 * figures as JSON, a table for people, and writes plots into bench/results.
 */
#include <config.h>

#include <stdlib.h>

#include "relaybench.h"
#include "tests/lib/machine.h"

int
main(void)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(benchRow));
    g_autofree char *results = vmcBuildPath("bench/results");
    benchReport *report;
    int failed;

    relaybenchEndpointRows(rows);
    relaybenchGuestRows(rows);
    relaybenchGrowthRows(rows);
    report = benchReportNew((const benchRow *)(void *)rows->data, rows->len);
    relaybenchEndpoint(report);
    relaybenchGrowth(report);
    relaybenchGuest(report);
    failed = benchReportPrint(report) < 0 || relaybenchGuestPlot(report, results) < 0 ||
        relaybenchGrowthPlot(report, results) < 0;
    benchReportFree(report);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
