/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of enums: see enum.h. Pure. */
#include <config.h>

#include "util/enum.h"

int
vmcEnumFind(const char *const *words, int n, const char *word)
{
    for (int i = 0; i < n; i++) {
        if (word && words[i] && g_str_equal(words[i], word))
            return i;
    }
    return -1;
}

const char *
vmcEnumWord(const char *const *words, int n, int value)
{
    return value >= 0 && value < n ? words[value] : NULL;
}

char *
vmcEnumList(const char *const *words, int n)
{
    GString *list = g_string_new(NULL);
    const char *last = NULL;

    for (int i = 0; i < n; i++) {
        if (!words[i])
            continue;
        if (last)
            g_string_append_printf(list, "%s'%s'", list->len ? ", " : "", last);
        last = words[i];
    }
    if (last)
        g_string_append_printf(list, "%s'%s'", list->len ? " or " : "", last);
    return g_string_free(list, FALSE);
}
