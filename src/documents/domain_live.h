/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels of a running domain: what its relay says of them, and the record of
 * them that stands in the domain's metadata once they are no longer those of
 * the command line.
 *
 * The record is an element in <metadata>, in a namespace of its own, with the
 * value of -vmchannel for each channel that the domain has now. So libvirt
 * authorises whoever changes it, tells other clients, and puts it into a saved
 * image, whose command line it then overrules.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "conf/domain_chr.h"

/* The record's element, its namespace, and the prefix that libvirt is to give it. */
#define VMC_RECORD_ELEMENT "channels"
#define VMC_RECORD_URI "urn:vmchannel:live"
#define VMC_RECORD_KEY "vmchannel"

/* A channel and what is true of it now. */
typedef struct {
    vmcChannel *channel;
    bool connected;             /* a guest connection is open */
    char *path;                 /* that the relay chose: of a pty, or to be dialled; or NULL */
} vmcLiveChannel;

/* vmcLiveChannelFree: also as a GDestroyNotify; NULL is accepted. */
void vmcLiveChannelFree(gpointer live);

/*
 * vmcLiveAlias:
 * Returns the alias by which @channel of a running domain is known: the user's
 * own, or else one that its address and port make. The caller frees it.
 */
char *vmcLiveAlias(const vmcChannel *channel);

/* vmcRecordFormat: returns the record of @channels (vmcChannel *); the caller frees it. */
char *vmcRecordFormat(const GPtrArray *channels);

/*
 * vmcDomainIsRunning:
 * Whether @xml is the definition of a domain as it runs: libvirt gives it an
 * id. Its uuid goes to @uuid, which the caller frees.
 */
bool vmcDomainIsRunning(const char *xml, char **uuid);
