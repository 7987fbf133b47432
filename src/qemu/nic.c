/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NIC that carries the channels: see nic.h.
 *
 * Pure: opens nothing, starts nothing.
 */
#include <config.h>

#include "qemu/nic.h"

#include <glib.h>

#define UUID_DIGITS 32

char *
vmcNicMac(const char *uuid)
{
    g_autoptr(GString) digits = g_string_new(NULL);
    g_autofree char *sum = NULL;

    for (; uuid && *uuid; uuid++) {
        if (g_ascii_isxdigit(*uuid))
            g_string_append_c(digits, g_ascii_tolower(*uuid));
    }
    if (digits->len != UUID_DIGITS)
        return NULL;
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, digits->str, -1);
    return g_strdup_printf("52:54:00:%.2s:%.2s:%.2s", sum, sum + 2, sum + 4);
}
