/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices as XML, and the devices of a domain that channels have to
 * do with. One parser and one formatter serve <serial>, <parallel>, <console>,
 * <channel> and <vmchannel>. The rules across devices: conf/domain_validate.h.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libxml/tree.h>

#include "conf/domain_chr.h"
#include "conf/network.h"

/*
 * vmcXmlIsChannel, vmcXmlIsNic:
 * Whether @node is a <vmchannel> or a <channel> with a guestfwd target; whether
 * it is an <interface type='vmchannel'>, the NIC that carries channels. What
 * else stands in it may make no sense.
 */
bool vmcXmlIsChannel(xmlNodePtr node);
bool vmcXmlIsNic(xmlNodePtr node);

/* A character device: what it says by name, and the rest as it was written. */
typedef struct {
    vmcChrDeviceType element;
    bool typeMissing;           /* no type attribute: source.type is pty, as libvirt has it */
    char *tty;                  /* attributes of the element and of its children; NULL: absent */
    vmcChrSource source;
    char *targetType;
    char *targetAddress;
    char *targetPort;
    char *targetName;
    char *targetState;
    char *alias;
    /*
     * The element as it was read, less what the fields above hold: attributes
     * and children that only libvirt understands, and the order of all. NULL
     * for a device that was not read from XML.
     */
    xmlDocPtr rest;
} vmcChrDef;

void vmcChrDefFree(vmcChrDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcChrDef, vmcChrDefFree)

/* vmcChrDefArrayNew: an empty array that owns the vmcChrDef * in it. */
GPtrArray *vmcChrDefArrayNew(void);

/*
 * vmcChrDefParse:
 * Reads one of the five elements. Returns what the caller frees, or NULL with
 * an error (unknown element, type or word).
 */
vmcChrDef *vmcChrDefParse(xmlNodePtr node);

/* vmcChrDefCopy: a deep copy, which the caller frees. */
vmcChrDef *vmcChrDefCopy(const vmcChrDef *def);

/* vmcChrDefEqual: whether both are written the same. */
bool vmcChrDefEqual(const vmcChrDef *a, const vmcChrDef *b);

/*
 * vmcChrDefFormat:
 * Returns the element in libvirt's manner, which the caller frees; later lines
 * are indented by @indent. With @ascii other characters become references.
 */
char *vmcChrDefFormat(const vmcChrDef *def, const char *indent, bool ascii);

/*
 * vmcChannelFromChrDef:
 * Returns the channel, post-parsed and validated, which the caller frees, or
 * NULL with an error. What a channel cannot carry is an error, not dropped.
 */
vmcChannel *vmcChannelFromChrDef(const vmcChrDef *def);

/* vmcChrDefFromChannel: the reverse; cannot fail. The caller frees it. */
vmcChrDef *vmcChrDefFromChannel(const vmcChannel *channel);

/* The devices of a domain that the rules for channels look at. */
typedef struct {
    char *foreignType;          /* the domain's type when it is not QEMU's, else NULL */
    GPtrArray *channels;        /* vmcChannel *, owned, in document order */
    GPtrArray *channelNodes;    /* xmlNodePtr, borrowed: the elements they were read from */
    GPtrArray *others;          /* vmcChrDef *, owned: the other character devices */
    GPtrArray *nics;            /* xmlNodePtr, borrowed: each <interface type='vmchannel'> */
    vmcNetworkDef net;          /* what <ip> and <dhcp> of the NIC say */
    GArray *userNets;           /* vmcNetwork, owned: the domain's user-mode networks */
    bool besidePasst;           /* one of them is passt's, and shares our default's addresses */
} vmcDomainDef;

void vmcDomainDefFree(vmcDomainDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcDomainDef, vmcDomainDefFree)

/* vmcDomainIsForeign: whether @domain is another hypervisor's than QEMU. */
bool vmcDomainIsForeign(xmlNodePtr domain);

/*
 * vmcDomainDefParse:
 * Reads the devices of @domain, a <domain> or <inactiveDomain>; the short form
 * of 2009 (an interface with the channel in it) gives a channel whose node is
 * the interface. A device of libvirt's own that makes no sense is left to
 * libvirt; in another hypervisor's domain a <vmchannel> or the NIC is an error. Returns what the
 * caller frees, or NULL with an error.
 */
vmcDomainDef *vmcDomainDefParse(xmlNodePtr domain);

/* vmcDomainDefHasChannels: whether it has a channel, or the NIC that carries them. */
bool vmcDomainDefHasChannels(const vmcDomainDef *def);
