/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole lines: see lines.h.
 *
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "relay/pump/lines.h"

#include <string.h>

size_t
vmcLinesReady(const char *data, size_t len, bool last)
{
    const char *end = len > 0 ? memrchr(data, '\n', len) : NULL;
    size_t whole = end ? (size_t)(end + 1 - data) : 0;

    return last || len - whole >= VMC_LINE_MAX ? len : whole;
}
