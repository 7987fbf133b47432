/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program says with --help: see usage.h. */
#include <config.h>

#include "util/usage.h"

#include <stdio.h>
#include <string.h>

static gboolean helpWanted;

static const GOptionEntry helpEntries[] = {
    { "help", 'h', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &helpWanted,
      "Show this and exit", NULL },
    G_OPTION_ENTRY_NULL
};

bool
vmcUsageParse(const GOptionEntry *options, int *argc, char ***argv, bool *help, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, helpEntries, NULL);
    if (options)
        g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return false;
    *help = helpWanted;
    return true;
}

/* "-c, --connect=URI"; the caller frees it. */
static char *
optionName(const GOptionEntry *option)
{
    char letter[] = { '-', option->short_name, ',', ' ', '\0' };

    return g_strdup_printf("%s--%s%s%s", option->short_name ? letter : "", option->long_name,
                           option->arg_description ? "=" : "",
                           option->arg_description ? option->arg_description : "");
}

static size_t
widest(const GOptionEntry *options)
{
    size_t width = 0;

    for (; options && options->long_name; options++) {
        g_autofree char *name = optionName(options);

        width = MAX(width, strlen(name));
    }
    return width;
}

static void
printOptions(const GOptionEntry *options, size_t width)
{
    for (; options && options->long_name; options++) {
        g_autofree char *name = optionName(options);

        printf("  %-*s  %s\n", (int)width, name, options->description);
    }
}

void
vmcUsagePrint(const char *program, const char *arguments, const char *summary,
              const GOptionEntry *options, const char *description)
{
    size_t width = MAX(widest(helpEntries), widest(options));

    printf("usage: %s [OPTION...]%s%s\n\n%s\n\nOptions:\n", program, arguments ? " " : "",
           arguments ? arguments : "", summary);
    printOptions(helpEntries, width);
    printOptions(options, width);
    printf("\n%s\n", description);
}
