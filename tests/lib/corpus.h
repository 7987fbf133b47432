/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documents that nobody here wrote: every *.xml of the folder that
 * $VMCHANNEL_CORPUS names (shared/corpus/domains beside the source tree when it
 * is unset), and the channels that tests put into them.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* corpusDocuments: their whole paths; empty without a corpus. g_strfreev() frees it. */
GStrv corpusDocuments(void);

/* corpusIsOurs: whether a document has channels already (libvirt's guestfwd). */
bool corpusIsOurs(const char *xml);

/*
 * corpusWithChannels:
 * Returns the document with a NIC and two channels where libvirt would write
 * them, or NULL for a domain that is not QEMU's or has no devices. The caller
 * frees it.
 */
char *corpusWithChannels(const char *xml);
