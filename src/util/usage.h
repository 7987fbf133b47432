/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program says with --help. GLib's own text has characters beyond ASCII in its
 * usage line, which a C locale shows as '?', and is in the reader's language where
 * ours is not; man pages and completion are made of it.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/*
 * vmcUsageParse:
 * Reads @options and --help out of *@argv, as g_option_context_parse() does. @options
 * may be NULL. Sets @help when --help was among them. Returns false with @error.
 */
bool vmcUsageParse(const GOptionEntry *options, int *argc, char ***argv, bool *help,
                   GError **error);

/*
 * vmcUsagePrint:
 * Prints the help: "usage: @program [OPTION...] @arguments", @summary, @options and
 * --help, and @description. @arguments and @options may be NULL.
 */
void vmcUsagePrint(const char *program, const char *arguments, const char *summary,
                   const GOptionEntry *options, const char *description);
