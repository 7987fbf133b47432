/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface> elements: see domain_nic.h. */
#include <config.h>

#include "conf/domain_nic.h"

#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_DOMAIN

/* The short form: <source port=/><target path=/> inside the NIC. */
static vmcChannel *
shortFormParse(xmlNodePtr source, xmlNodePtr target)
{
    g_autoptr(vmcChannel) channel = g_new0(vmcChannel, 1);
    g_autofree char *port = vmcXmlAttribute(source, "port");
    const char *wrong = vmcXmlUnknownAttribute(source, "port", "address");
    const char *wrongTarget = vmcXmlUnknownAttribute(target, "path", "path");

    channel->element = VMC_CHR_DEVICE_VMCHANNEL;
    channel->source.type = VMC_CHR_TYPE_UNIX;
    channel->source.mode = VMC_CHR_MODE_CONNECT;
    channel->source.path = vmcXmlAttribute(target, "path");
    channel->address = vmcXmlAttribute(source, "address");
    if (wrong || wrongTarget) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "attribute '%s' in <%s> of " VMC_NIC_ELEMENT ": it can have <source port=/> and <target path=/>",
                       wrong ? wrong : wrongTarget, wrong ? "source" : "target");
        return NULL;
    }
    if (!port || !channel->source.path) {
        vmcReportError(VIR_ERR_XML_ERROR, "missing '%s' attribute in <%s> of " VMC_NIC_ELEMENT,
                       port ? "path" : "port", port ? "target" : "source");
        return NULL;
    }
    if (!vmcChannelPortFromString(port, &channel->port)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'port' attribute '%s' in <source> of " VMC_NIC_ELEMENT ": expected a number from 1 to 65535",
                       port);
        return NULL;
    }
    vmcChannelPostParse(channel);
    return vmcChannelValidate(channel) < 0 ? NULL : g_steal_pointer(&channel);
}

/* An <ip> gives the guest's address and its network. */
static int
networkParse(vmcNicDef *nic, xmlNodePtr ip)
{
    g_autofree char *family = vmcXmlAttribute(ip, "family");
    g_autofree char *address = vmcXmlAttribute(ip, "address");
    g_autofree char *prefix = vmcXmlAttribute(ip, "prefix");
    g_autofree char *peer = vmcXmlAttribute(ip, "peer");

    if ((family && !g_str_equal(family, "ipv4")) || peer || nic->net.given) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s in <ip> of " VMC_NIC_ELEMENT ": it can have one IPv4 address of the guest, and no peer",
                       peer ? "attribute 'peer'" : nic->net.given ? "a second address"
                                                                  : "another family");
        return -1;
    }
    if (!vmcNetworkFromAddress(address, prefix, &nic->net.network)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'address' and 'prefix' attributes '%s/%s' in <ip> of " VMC_NIC_ELEMENT ": expected the guest's IPv4 address, and a prefix from %d to %d",
                       address ? address : "", prefix ? prefix : "",
                       VMC_NETWORK_PREFIX_MIN, VMC_NETWORK_PREFIX_MAX);
        return -1;
    }
    nic->net.given = true;
    return 0;
}

/* A <dhcp> says whether the guest is offered its address. */
static int
dhcpParse(vmcNicDef *nic, xmlNodePtr dhcp)
{
    g_autofree char *enabled = vmcXmlAttribute(dhcp, "enabled");
    const char *unknown = vmcXmlUnknownAttribute(dhcp, "enabled", "enabled");

    if (vmcXmlChild(dhcp->parent, "dhcp") != dhcp) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s",
                       "a second <dhcp> in " VMC_NIC_ELEMENT ": it can have one");
        return -1;
    }
    if (unknown || vmcXmlFirst(dhcp)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s '%s' in <dhcp> of " VMC_NIC_ELEMENT ": it can have the attribute 'enabled', 'yes' or 'no'",
                       unknown ? "attribute" : "element",
                       unknown ? unknown : (const char *)vmcXmlFirst(dhcp)->name);
        return -1;
    }
    if (g_strcmp0(enabled, "yes") != 0 && g_strcmp0(enabled, "no") != 0) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'enabled' attribute '%s' in <dhcp> of " VMC_NIC_ELEMENT ": expected 'yes' or 'no'",
                       enabled ? enabled : "");
        return -1;
    }
    nic->net.noDhcp = g_str_equal(enabled, "no");
    return 0;
}

vmcNicDef *
vmcNicDefParse(xmlNodePtr interface)
{
    g_autoptr(vmcNicDef) nic = g_new0(vmcNicDef, 1);
    xmlNodePtr source = vmcXmlChild(interface, "source");
    xmlNodePtr target = vmcXmlChild(interface, "target");
    g_autofree char *path = vmcXmlAttribute(target, "path");

    for (xmlNodePtr node = vmcXmlFirst(interface); node; node = vmcXmlNext(node)) {
        if ((vmcXmlIs(node, "ip") && networkParse(nic, node) < 0) ||
            (vmcXmlIs(node, "dhcp") && dhcpParse(nic, node) < 0))
            return NULL;
    }
    if (source || path) {
        nic->channel = shortFormParse(source, target);
        if (!nic->channel)
            return NULL;
    }
    return g_steal_pointer(&nic);
}

void
vmcNicDefFree(vmcNicDef *nic)
{
    if (!nic)
        return;
    vmcChannelFree(nic->channel);
    g_free(nic);
}

bool
vmcNicIsPasst(xmlNodePtr interface)
{
    return vmcXmlAttributeIs(vmcXmlChild(interface, "backend"), "type", "passt");
}

bool
vmcNicUserNetwork(xmlNodePtr interface, vmcNetwork *network)
{
    if (!vmcXmlAttributeIs(interface, "type", "user") &&
        !(vmcXmlAttributeIs(interface, "type", "vhostuser") && vmcNicIsPasst(interface)))
        return false;
    *network = vmcNetworkUser(NULL, NULL);
    for (xmlNodePtr ip = vmcXmlFirst(interface); ip; ip = vmcXmlNext(ip)) {
        g_autofree char *family = vmcXmlAttribute(ip, "family");
        g_autofree char *address = vmcXmlAttribute(ip, "address");
        g_autofree char *prefix = vmcXmlAttribute(ip, "prefix");

        if (!vmcXmlIs(ip, "ip") || g_strcmp0(family, "ipv6") == 0)
            continue;
        *network = vmcNetworkUser(address, prefix);
        break;
    }
    return true;
}
