/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cuts one guest connection's bytes at the ends of lines, so that lines of
 * different connections to one file never mix.
 *
 * Pure: works on the bytes that it is given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A line longer than this is cut. */
#define VMC_LINE_MAX 4096

/*
 * vmcLinesReady:
 * Of @len gathered bytes, how many may be written now: up to the last end of a
 * line; all of them when the unfinished line is too long, or @last says that no
 * more will come.
 */
size_t vmcLinesReady(const char *data, size_t len, bool last);
