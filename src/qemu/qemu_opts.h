/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of QEMU's options, one key at a time: "type,key=value,…" with commas
 * doubled, or JSON as libvirt writes them today.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

/*
 * vmcQemuOptsGet:
 * Returns the value of @key in @opts, which the caller frees, or NULL when it
 * has none. @implied names the key that the first item stands for when it is
 * written without one ("user,id=n": implied "type"), or is NULL. In JSON only
 * strings, numbers and booleans of the outermost object have a value; the
 * last of several wins, as in QEMU.
 */
char *vmcQemuOptsGet(const char *opts, const char *implied, const char *key);

/*
 * vmcQemuOptsGetAll:
 * Returns all values of @key, in their order: in JSON the elements of its array, or
 * what such an element has as "str". A NULL-terminated list, which the caller frees
 * with g_strfreev().
 */
char **vmcQemuOptsGetAll(const char *opts, const char *key);

/*
 * vmcQemuOptionHasValue:
 * Whether QEMU's option @name, given without its dashes, takes the next
 * argument as its value. An option that we have never heard of does.
 */
bool vmcQemuOptionHasValue(const char *name);
