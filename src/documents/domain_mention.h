/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look at a document's bytes, before it is parsed: most have nothing of ours,
 * and need no parser.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

/* How far such a look goes towards something of ours. */
typedef enum {
    VMC_MENTION_NONE,
    VMC_MENTION_HIDDEN,         /* a character reference could hide any word */
    VMC_MENTION_PLAIN,
} vmcMention;

/*
 * vmcMentionForward, vmcMentionReverse: whether vmcDomainRewriteForward() or
 * vmcDomainRewriteReverse() could have something to do in @xml.
 */
vmcMention vmcMentionForward(const char *xml);
vmcMention vmcMentionReverse(const char *xml, const char *emulatorDir);

/* vmcMentionId: whether @xml could be a domain as it runs, which libvirt gives an id. */
bool vmcMentionId(const char *xml);

/* vmcMentionRecord: whether the domain of @xml could have a record (domain_live.h). */
bool vmcMentionRecord(const char *xml);
