/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at a document's bytes, before it is parsed: most have no channel,
 * and need no parser. Whoever wants to know whether to parse asks here: a look
 * of one's own would miss words that are hidden.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

/* What such a look finds. */
typedef enum {
    VMC_MENTION_NONE,
    VMC_MENTION_HIDDEN,         /* no such word, but a character reference could hide one */
    VMC_MENTION_PLAIN,          /* a word that a channel has */
} vmcMention;

/*
 * vmcMentionForward, vmcMentionReverse: whether vmcDomainRewriteForward() or
 * vmcDomainRewriteReverse() could have something to do in @xml.
 */
vmcMention vmcMentionForward(const char *xml);
vmcMention vmcMentionReverse(const char *xml, const char *emulatorDir);

/* vmcMentionId: whether @xml could be a domain as it runs, which libvirt gives an id. */
bool vmcMentionId(const char *xml);

/*
 * vmcMentionRecord: whether the domain of @xml, as the daemon writes it, could
 * have a record (domain_live.h). The daemon hides no letter of its namespace.
 */
bool vmcMentionRecord(const char *xml);
