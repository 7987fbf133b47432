/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole documents: a domain with channels to its stock libvirt form, and
 * back. A document without channels comes out byte for byte as it
 * went in. Stands in this room, not in conf, because the stock form is QEMU
 * arguments in QEMU's XML namespace.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

typedef struct {
    const char *emulatorDir;    /* EMULATORDIR: goes before a real emulator's path */
    /*
     * What a document without <emulator> gets; NULL means
     * /usr/bin/qemu-system-ARCH by the document's own <type arch=>, a guess.
     */
    const char *emulator;
    /*
     * Leave the NIC out (forward only): domxml-to-native would make it a tap.
     */
    bool withoutNic;
    /*
     * The channels (vmcLiveChannel *) that the domain runs with, as its relay
     * says (reverse only); NULL: its record says them, or its command line.
     */
    const GPtrArray *live;
} vmcRewriteOptions;

/* What a domain says of the machine that it wants; what it does not say is NULL. */
typedef struct {
    char *virtType;
    char *arch;
    char *machine;
} vmcEmulatorQuery;

/* vmcEmulatorQueryClear: frees what it owns; usable with g_auto. */
static inline void
vmcEmulatorQueryClear(vmcEmulatorQuery *query)
{
    g_free(query->virtType);
    g_free(query->arch);
    g_free(query->machine);
    *query = (vmcEmulatorQuery){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(vmcEmulatorQuery, vmcEmulatorQueryClear)

/*
 * What came of a rewriting. A failed one may have guessed too: with an emulator
 * among its options it could succeed.
 */
typedef struct {
    char *text;                 /* the other form; NULL: an error was reported */
    bool emulatorGuessed;       /* a domain with channels names none, nor do the options */
    vmcEmulatorQuery query;     /* of the first such domain: which emulator would do */
} vmcRewriteResult;

/* vmcRewriteResultClear: frees what it owns; usable with g_auto. */
static inline void
vmcRewriteResultClear(vmcRewriteResult *result)
{
    g_clear_pointer(&result->text, g_free);
    vmcEmulatorQueryClear(&result->query);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(vmcRewriteResult, vmcRewriteResultClear)

/* How much of the stock form a domain has. */
typedef enum {
    VMC_DOMAIN_PLAIN,           /* no channel */
    VMC_DOMAIN_STOCK,           /* all that it needs to run */
    VMC_DOMAIN_STOCK_BROKEN,    /* channels or their NIC, but another emulator */
} vmcDomainState;

/*
 * vmcDomainStateOf:
 * Says which of these the first domain of @xml is. A document that cannot be
 * read is PLAIN: whoever rewrites it reports the error.
 */
vmcDomainState vmcDomainStateOf(const char *xml, const vmcRewriteOptions *options);

/*
 * vmcDomainRewriteForward:
 * Returns the stock form of @xml and what was guessed for it, which the caller
 * clears. @xml is at most 4 MiB, as libvirt's own limit for a string.
 */
vmcRewriteResult vmcDomainRewriteForward(const char *xml, const vmcRewriteOptions *options);

/*
 * vmcRewriteText:
 * Returns the text of @result, which the caller frees, or NULL, and frees the
 * rest: for callers to whom a guess is as good as an answer.
 */
char *vmcRewriteText(vmcRewriteResult result);

/*
 * vmcDomainRewriteReverse:
 * Returns the form of @xml with <vmchannel>, which the caller frees, or NULL with an error. The
 * limit is the same.
 */
char *vmcDomainRewriteReverse(const char *xml, const vmcRewriteOptions *options);
