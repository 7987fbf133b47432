/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole documents: a domain with our elements to its stock libvirt form, and
 * back. A document with none of our elements comes out byte for byte as it
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
     * /usr/bin/qemu-system-ARCH by the document's own <type arch=>.
     */
    const char *emulator;
    bool *emulatorGuessed;      /* set when that was so, and NULL; may be NULL itself */
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

/* How much of the stock form a domain has. */
typedef enum {
    VMC_DOMAIN_PLAIN,           /* nothing of ours */
    VMC_DOMAIN_STOCK,           /* all that it needs to run */
    VMC_DOMAIN_STOCK_BROKEN,    /* channels or their NIC, but another emulator */
} vmcDomainState;

/*
 * vmcDomainStateOf:
 * Says which of these the first domain of @xml is. A document that cannot be
 * read is PLAIN: others will say so.
 */
vmcDomainState vmcDomainStateOf(const char *xml, const vmcRewriteOptions *options);

/*
 * vmcDomainRewriteForward, vmcDomainRewriteReverse:
 * Return the other form of @xml, a string that the caller frees, or NULL with
 * an error. @xml is at most 4 MiB, as libvirt's own limit for a string.
 */
char *vmcDomainRewriteForward(const char *xml, const vmcRewriteOptions *options);
char *vmcDomainRewriteReverse(const char *xml, const vmcRewriteOptions *options);
