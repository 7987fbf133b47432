/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole lines: see lines.h.
 *
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "relay/pump/lines.h"

#include <string.h>

gsize
vmcLinesReady(const char *data, gsize len, gboolean last)
{
    const char *end = len > 0 ? memrchr(data, '\n', len) : NULL;
    gsize whole = end ? (gsize)(end + 1 - data) : 0;

    return last || len - whole >= VMC_LINE_MAX ? len : whole;
}
