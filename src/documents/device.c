/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices into definitions: see device.h. The result goes through libvirt's
 * parser and formatter, so its white space does not matter; its rules are
 * checked where it is rewritten.
 */
#include <config.h>

#include "documents/device.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "conf/domain_conf.h"
#include "conf/xml.h"
#include "documents/domain_live.h"
#include "documents/domain_mention.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static bool
rootIs(const char *xml, bool (*predicate)(xmlNodePtr node))
{
    g_autoptr(xmlDoc) doc = vmcMentionForward(xml) == VMC_MENTION_NONE ? NULL : vmcXmlParse(xml);

    /* What we cannot read is libvirt's to judge. */
    vmcErrorReset();
    return doc && predicate(xmlDocGetRootElement(doc));
}

bool
vmcDeviceIsChannel(const char *xml)
{
    return rootIs(xml, vmcXmlIsChannel);
}

bool
vmcDeviceIsNic(const char *xml)
{
    return rootIs(xml, vmcXmlIsNic);
}

/* A definition, and a device that is to be put in or taken out. */
typedef struct {
    xmlDocPtr domainDoc;
    xmlDocPtr deviceDoc;
    xmlNodePtr devices;
    xmlNodePtr device;
    vmcDomainDef *def;
} deviceChange;

static void
changeClear(deviceChange *c)
{
    vmcDomainDefFree(c->def);
    g_clear_pointer(&c->domainDoc, xmlFreeDoc);
    g_clear_pointer(&c->deviceDoc, xmlFreeDoc);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(deviceChange, changeClear)

static int
changeInitDomain(deviceChange *c, const char *domain)
{
    xmlNodePtr root;

    c->domainDoc = vmcXmlParse(domain);
    if (!c->domainDoc)
        return -1;
    root = xmlDocGetRootElement(c->domainDoc);
    c->devices = vmcXmlChild(root, "devices");
    if (!c->devices) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s", "no <devices> in the domain's definition");
        return -1;
    }
    c->def = vmcDomainDefParse(root);
    return c->def ? 0 : -1;
}

static int
changeInit(deviceChange *c, const char *domain, const char *device)
{
    if (changeInitDomain(c, domain) < 0)
        return -1;
    c->deviceDoc = vmcXmlParse(device);
    if (!c->deviceDoc)
        return -1;
    c->device = xmlDocGetRootElement(c->deviceDoc);
    return 0;
}

static char *
changeFinish(const deviceChange *c)
{
    xmlChar *text = NULL;
    int size;
    char *copy;

    xmlDocDumpMemory(c->domainDoc, &text, &size);
    copy = g_strndup((const char *)text, text ? size : 0);
    xmlFree(text);
    return copy;
}

static void
add(const deviceChange *c)
{
    xmlAddChild(c->devices, xmlDocCopyNode(c->device, c->domainDoc, 1));
}

/* The channel at the address and port of @wanted; NULL with an error. */
static xmlNodePtr
findChannel(const deviceChange *c, const vmcChannel *wanted, bool sameSource)
{
    for (guint i = 0; i < c->def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(c->def->channels, i);

        if (channel->port == wanted->port && strcmp(channel->address, wanted->address) == 0 &&
            (!sameSource || vmcChrSourceEqual(&channel->source, &wanted->source)))
            return g_ptr_array_index(c->def->channelNodes, i);
    }
    vmcReportError(VIR_ERR_DEVICE_MISSING, "no %s at %s:%u%s",
                   vmcChrDeviceTypeToString(wanted->element), wanted->address, wanted->port,
                   sameSource ? " with this source" : "");
    return NULL;
}

/* The NIC, when it is the one that the device means; NULL with an error. */
static xmlNodePtr
findNic(const deviceChange *c)
{
    xmlNodePtr nic = c->def->nics->len > 0 ? g_ptr_array_index(c->def->nics, 0) : NULL;
    g_autofree char *wanted = vmcXmlAttribute(vmcXmlChild(c->device, "mac"), "address");
    g_autofree char *have = vmcXmlAttribute(vmcXmlChild(nic, "mac"), "address");

    if (nic && (!wanted || (have && g_ascii_strcasecmp(wanted, have) == 0)))
        return nic;
    vmcReportError(VIR_ERR_DEVICE_MISSING, "no <interface type='vmchannel'> with MAC address '%s'",
                   wanted ? wanted : "any");
    return NULL;
}

/* The node that the device means; NULL with an error. */
static xmlNodePtr
find(const deviceChange *c, bool sameSource)
{
    g_autoptr(vmcChrDef) def = NULL;
    g_autoptr(vmcChannel) channel = NULL;

    if (vmcXmlIsNic(c->device))
        return findNic(c);
    def = vmcChrDefParse(c->device);
    channel = def ? vmcChannelFromChrDef(def) : NULL;
    return channel ? findChannel(c, channel, sameSource) : NULL;
}

char *
vmcDeviceAttach(const char *domain, const char *device)
{
    g_auto(deviceChange) c = { 0 };

    if (changeInit(&c, domain, device) < 0)
        return NULL;
    add(&c);
    return changeFinish(&c);
}

char *
vmcDeviceDetach(const char *domain, const char *device)
{
    g_auto(deviceChange) c = { 0 };
    xmlNodePtr node;

    if (changeInit(&c, domain, device) < 0)
        return NULL;
    node = find(&c, true);
    if (!node)
        return NULL;
    if (vmcXmlIsNic(node) && c.def->channels->len > 0) {
        vmcReportError(VIR_ERR_OPERATION_INVALID,
                       "<interface type='vmchannel'> carries %u channels: detach them first",
                       c.def->channels->len);
        return NULL;
    }
    vmcXmlRemove(node);
    return changeFinish(&c);
}

/* What the guest knows the NIC by stays when the new one does not say it. */
static void
keepIdentity(const deviceChange *c, xmlNodePtr old)
{
    static const char *const names[] = { "mac", "address" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        xmlNodePtr node = vmcXmlChild(old, names[i]);

        if (node && !vmcXmlChild(c->device, names[i]))
            xmlAddChild(c->device, xmlDocCopyNode(node, c->deviceDoc, 1));
    }
}

char *
vmcDeviceUpdate(const char *domain, const char *device)
{
    g_auto(deviceChange) c = { 0 };
    xmlNodePtr node;

    if (changeInit(&c, domain, device) < 0)
        return NULL;
    node = find(&c, false);
    if (!node)
        return NULL;
    if (vmcXmlIsNic(node))
        keepIdentity(&c, node);
    vmcXmlRemove(node);
    add(&c);
    return changeFinish(&c);
}

char *
vmcDeviceDetachAlias(const char *domain, const char *alias)
{
    g_auto(deviceChange) c = { 0 };

    if (changeInitDomain(&c, domain) < 0)
        return NULL;
    for (guint i = 0; i < c.def->channels->len; i++) {
        g_autofree char *have = vmcLiveAlias(g_ptr_array_index(c.def->channels, i));

        if (g_str_equal(have, alias)) {
            vmcXmlRemove(g_ptr_array_index(c.def->channelNodes, i));
            return changeFinish(&c);
        }
    }
    vmcReportError(VIR_ERR_DEVICE_MISSING, "no vmchannel device with alias '%s'", alias);
    return NULL;
}

GPtrArray *
vmcDeviceChannels(const char *domain, bool *hasNic)
{
    g_auto(deviceChange) c = { 0 };

    if (changeInitDomain(&c, domain) < 0)
        return NULL;
    *hasNic = c.def->nics->len > 0;
    return g_ptr_array_ref(c.def->channels);
}
