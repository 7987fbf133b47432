/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The <interface> elements of a domain that matter to channels: the NIC that
 * carries them, <interface type='vmchannel'>, and QEMU's user-mode network.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libxml/tree.h>

#include "conf/domain_chr.h"
#include "conf/network.h"

/* The NIC's element, for messages. */
#define VMC_NIC_ELEMENT "<interface type='vmchannel'>"

/* What the NIC says about channels; the rest of it is libvirt's to read. */
typedef struct {
    vmcNetworkDef net;          /* what its <ip> and <dhcp> say */
    vmcChannel *channel;        /* of the short form of 2009, or NULL */
} vmcNicDef;

/*
 * vmcNicDefParse:
 * Reads @interface, an <interface type='vmchannel'>. The short form has the
 * channel in it, as <source port=/> and <target path=/>. Returns what the caller
 * frees, or NULL with an error.
 */
vmcNicDef *vmcNicDefParse(xmlNodePtr interface);

void vmcNicDefFree(vmcNicDef *nic);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcNicDef, vmcNicDefFree)

/*
 * vmcNicUserNetwork:
 * Returns whether @interface is on a user-mode network: of type 'user', or 'vhostuser'
 * with passt behind it. Then @network is that network, of which an <ip> may speak.
 */
bool vmcNicUserNetwork(xmlNodePtr interface, vmcNetwork *network);

/* vmcNicIsPasst: whether passt is behind @interface, of whatever type. */
bool vmcNicIsPasst(xmlNodePtr interface);
