/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A page of small plots as SVG. Each panel has bars with a spread, or points on
 * a line, on scales that start at 0.
 */
#pragma once

#include <glib.h>

typedef struct _plot plot;

/* plotNew: a page for so many panels. plotFree accepts NULL. */
plot *plotNew(unsigned int panels);
void plotFree(plot *page);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(plot, plotFree)

/* plotPanel: begins the next panel, with bars or with points, not both. */
void plotPanel(plot *page, const char *title);
void plotBar(plot *page, const char *name, double value, double low, double high);
void plotPoint(plot *page, double x, double y);

/* plotWrite: makes the file. Returns 0, or -1 having said why. */
int plotWrite(const plot *page, const char *path);
