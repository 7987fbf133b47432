/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the relay's benchmark. Each adds the rows of its figures to a
 * list (of benchRow), and later samples to the report that has them; it leaves
 * out what it could not measure, having said why on standard error, and the
 * report fails for want of a sample.
 */
#pragma once

#include <glib.h>

#include "report.h"

/* The endpoint alone, between frames and host bytes in memory. */
void relaybenchEndpointRows(GArray *rows);
void relaybenchEndpoint(benchReport *report);

/* Each transport in one booted guest. */
void relaybenchGuestRows(GArray *rows);
void relaybenchGuest(benchReport *report);

/* One relay, more and more of what it serves; and many relays. */
void relaybenchGrowthRows(GArray *rows);
void relaybenchGrowth(benchReport *report);

/* Plots of the last two, as files in @dir. Return 0, or -1 having said why. */
int relaybenchGuestPlot(const benchReport *report, const char *dir);
int relaybenchGrowthPlot(const benchReport *report, const char *dir);
