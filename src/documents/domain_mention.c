/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A look at a document's bytes: see domain_mention.h. */
#include <config.h>

#include "documents/domain_mention.h"

#include <glib.h>
#include <string.h>

#include "documents/domain_live.h"

/* An element's name cannot be hidden; an attribute's value and a text can. */
static vmcMention
mentions(const char *xml, const char *word)
{
    if (strstr(xml, "vmchannel") || strstr(xml, word))
        return VMC_MENTION_PLAIN;
    return strstr(xml, "&#") ? VMC_MENTION_HIDDEN : VMC_MENTION_NONE;
}

vmcMention
vmcMentionForward(const char *xml)
{
    return mentions(xml, "guestfwd");
}

vmcMention
vmcMentionReverse(const char *xml, const char *emulatorDir)
{
    return mentions(xml, emulatorDir);
}

bool
vmcMentionId(const char *xml)
{
    char quote = '\0';

    /* Behind a prolog, the first tag is not the domain's. */
    if (!g_str_has_prefix(xml, "<domain"))
        return true;
    for (const char *c = xml; *c && (quote || *c != '>'); c++) {
        if (quote)
            quote = *c == quote ? '\0' : quote;
        else if (*c == '"' || *c == '\'')
            quote = *c;
        else if (g_ascii_isspace(*c) && g_str_has_prefix(c + 1, "id"))
            return true;
    }
    return false;
}

bool
vmcMentionRecord(const char *xml)
{
    return strstr(xml, VMC_RECORD_URI) != NULL;
}
