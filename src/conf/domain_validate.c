/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that hold across the devices of a domain: see vmcDomainDef in
 * domain_conf.h. Judges only what a channel of ours has a part in; a conflict
 * between two of libvirt's own devices is libvirt's to report.
 */
#include <config.h>

#include "conf/domain_conf.h"

#include <string.h>

#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_DOMAIN

#define NIC_ELEMENT "<interface type='vmchannel'>"

static void
channelFree(gpointer channel)
{
    vmcChannelFree(channel);
}

static void
chrDefFree(gpointer def)
{
    vmcChrDefFree(def);
}

void
vmcDomainDefFree(vmcDomainDef *def)
{
    if (!def)
        return;
    g_ptr_array_unref(def->channels);
    g_ptr_array_unref(def->channelNodes);
    g_ptr_array_unref(def->others);
    g_ptr_array_unref(def->nics);
    g_free(def->foreignType);
    g_free(def);
}

static void
channelAdd(vmcDomainDef *def, vmcChannel *channel, xmlNodePtr node)
{
    g_ptr_array_add(def->channels, channel);
    g_ptr_array_add(def->channelNodes, node);
}

/* An attribute of @child other than @first and @second, or NULL. */
static const char *
unknownAttribute(xmlNodePtr child, const char *first, const char *second)
{
    for (const xmlAttr *attribute = child ? child->properties : NULL; attribute;
         attribute = attribute->next) {
        const char *name = (const char *)attribute->name;

        if (!g_str_equal(name, first) && !g_str_equal(name, second))
            return name;
    }
    return NULL;
}

/* The short form: <source port=/><target path=/> inside the NIC. */
static vmcChannel *
shortFormParse(xmlNodePtr source, xmlNodePtr target)
{
    g_autoptr(vmcChannel) channel = g_new0(vmcChannel, 1);
    g_autofree char *port = vmcXmlAttribute(source, "port");
    const char *wrong = unknownAttribute(source, "port", "address");
    const char *wrongTarget = unknownAttribute(target, "path", "path");

    channel->element = VMC_CHR_DEVICE_VMCHANNEL;
    channel->source.type = VMC_CHR_TYPE_UNIX;
    channel->source.mode = VMC_CHR_MODE_CONNECT;
    channel->source.path = vmcXmlAttribute(target, "path");
    channel->address = vmcXmlAttribute(source, "address");
    if (wrong || wrongTarget) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "attribute '%s' in <%s> of " NIC_ELEMENT ": it can have <source port=/> and <target path=/>",
                       wrong ? wrong : wrongTarget, wrong ? "source" : "target");
        return NULL;
    }
    if (!port || !channel->source.path) {
        vmcReportError(VIR_ERR_XML_ERROR, "missing '%s' attribute in <%s> of " NIC_ELEMENT,
                       port ? "path" : "port", port ? "target" : "source");
        return NULL;
    }
    if (!vmcChannelPortFromString(port, &channel->port)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'port' attribute '%s' in <source> of " NIC_ELEMENT ": expected a number from 1 to 65535",
                       port);
        return NULL;
    }
    vmcChannelPostParse(channel);
    return vmcChannelValidate(channel) < 0 ? NULL : g_steal_pointer(&channel);
}

/* An <ip> gives the guest's address and its network. */
static int
networkParse(vmcDomainDef *def, xmlNodePtr ip)
{
    g_autofree char *family = vmcXmlAttribute(ip, "family");
    g_autofree char *address = vmcXmlAttribute(ip, "address");
    g_autofree char *prefix = vmcXmlAttribute(ip, "prefix");
    g_autofree char *peer = vmcXmlAttribute(ip, "peer");
    g_autofree char *text = g_strdup_printf("%s/%s", address ? address : "", prefix ? prefix : "");

    if ((family && !g_str_equal(family, "ipv4")) || peer || def->hasNetwork) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s in <ip> of " NIC_ELEMENT ": it can have one IPv4 address of the guest, and no peer",
                       peer ? "attribute 'peer'" : def->hasNetwork ? "a second address"
                                                                   : "another family");
        return -1;
    }
    if (!vmcNetworkFromString(text, &def->network)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'address' and 'prefix' attributes '%s' in <ip> of " NIC_ELEMENT ": expected the guest's IPv4 address, and a prefix from %d to %d",
                       text, VMC_NETWORK_PREFIX_MIN, VMC_NETWORK_PREFIX_MAX);
        return -1;
    }
    def->hasNetwork = true;
    return 0;
}

static int
networksParse(vmcDomainDef *def, xmlNodePtr nic)
{
    for (xmlNodePtr node = vmcXmlFirst(nic); node; node = vmcXmlNext(node)) {
        if (vmcXmlIs(node, "ip") && networkParse(def, node) < 0)
            return -1;
    }
    return 0;
}

static int
nicParse(vmcDomainDef *def, xmlNodePtr node)
{
    xmlNodePtr source = vmcXmlChild(node, "source");
    xmlNodePtr target = vmcXmlChild(node, "target");
    g_autofree char *path = vmcXmlAttribute(target, "path");
    vmcChannel *channel;

    g_ptr_array_add(def->nics, node);
    if (networksParse(def, node) < 0)
        return -1;
    if (!source && !path)
        return 0;
    channel = shortFormParse(source, target);
    if (!channel)
        return -1;
    channelAdd(def, channel, node);
    return 0;
}

/* Whether a user-mode NIC has the default network; an <ip> may say another. */
static bool
userNicMeetsDefault(xmlNodePtr nic)
{
    for (xmlNodePtr ip = vmcXmlFirst(nic); ip; ip = vmcXmlNext(ip)) {
        g_autofree char *family = vmcXmlAttribute(ip, "family");
        g_autofree char *address = vmcXmlAttribute(ip, "address");
        g_autofree char *prefix = vmcXmlAttribute(ip, "prefix");
        g_autofree char *net = g_strjoin("/", address ? address : "", prefix, NULL);

        if (vmcXmlIs(ip, "ip") && g_strcmp0(family, "ipv6") != 0)
            return vmcNetworkMeetsDefault(net);
    }
    return true;
}

static int
interfaceParse(vmcDomainDef *def, xmlNodePtr node)
{
    g_autofree char *type = vmcXmlAttribute(node, "type");

    if (g_strcmp0(type, "user") == 0 && userNicMeetsDefault(node))
        def->userNic = true;
    return g_strcmp0(type, "vmchannel") == 0 ? nicParse(def, node) : 0;
}

/* A <channel> with a guestfwd target is ours even when it does not parse. */
static bool
isOurs(xmlNodePtr node)
{
    g_autofree char *target = vmcXmlAttribute(vmcXmlChild(node, "target"), "type");

    return vmcXmlIs(node, "vmchannel") ||
           (vmcXmlIs(node, "channel") && g_strcmp0(target, "guestfwd") == 0);
}

static int
chrParse(vmcDomainDef *def, xmlNodePtr node)
{
    g_autoptr(vmcChrDef) chr = vmcChrDefParse(node);
    vmcChannel *channel;

    if (!isOurs(node)) {
        if (chr)
            g_ptr_array_add(def->others, g_steal_pointer(&chr));
        else
            vmcErrorReset();
        return 0;
    }
    channel = chr ? vmcChannelFromChrDef(chr) : NULL;
    if (!channel)
        return -1;
    channelAdd(def, channel, node);
    return 0;
}

/*
 * Another hypervisor's domain cannot have our elements. Its guestfwd channels
 * are its own.
 */
static int
foreignCheck(const char *domainType, xmlNodePtr node)
{
    g_autofree char *type = vmcXmlAttribute(node, "type");
    bool nic = vmcXmlIs(node, "interface") && g_strcmp0(type, "vmchannel") == 0;

    if (!nic && !vmcXmlIs(node, "vmchannel"))
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "%s in <domain type='%s'>: channels need a domain of type 'qemu' or 'kvm'",
                   nic ? NIC_ELEMENT : "<vmchannel>", domainType);
    return -1;
}

static int
deviceParse(vmcDomainDef *def, xmlNodePtr node)
{
    if (def->foreignType)
        return foreignCheck(def->foreignType, node);
    if (vmcXmlIs(node, "interface"))
        return interfaceParse(def, node);
    if (!node->ns && vmcChrDeviceTypeFromString((const char *)node->name) >= 0)
        return chrParse(def, node);
    return 0;
}

/* The domain's type when it is not QEMU's. A missing one is for libvirt to report. */
static char *
foreignType(xmlNodePtr domain)
{
    g_autofree char *type = vmcXmlAttribute(domain, "type");

    return type && !g_str_equal(type, "qemu") && !g_str_equal(type, "kvm")
               ? g_steal_pointer(&type) : NULL;
}

bool
vmcDomainIsForeign(xmlNodePtr domain)
{
    g_autofree char *type = foreignType(domain);

    return type;
}

vmcDomainDef *
vmcDomainDefParse(xmlNodePtr domain)
{
    g_autoptr(vmcDomainDef) def = g_new0(vmcDomainDef, 1);

    def->foreignType = foreignType(domain);
    def->channels = g_ptr_array_new_with_free_func(channelFree);
    def->channelNodes = g_ptr_array_new();
    def->others = g_ptr_array_new_with_free_func(chrDefFree);
    def->nics = g_ptr_array_new();
    for (xmlNodePtr part = vmcXmlFirst(domain); part; part = vmcXmlNext(part)) {
        if (!vmcXmlIs(part, "devices"))
            continue;
        for (xmlNodePtr node = vmcXmlFirst(part); node; node = vmcXmlNext(node)) {
            if (deviceParse(def, node) < 0)
                return NULL;
        }
    }
    return g_steal_pointer(&def);
}

bool
vmcDomainDefIsOurs(const vmcDomainDef *def)
{
    return def->channels->len > 0 || def->nics->len > 0;
}

/* What a device listens on: "unix path '/p'", or NULL. The caller frees it. */
static char *
boundResource(const vmcChrSource *source)
{
    bool bind = source->mode == VMC_CHR_MODE_BIND;

    if (source->type == VMC_CHR_TYPE_UNIX && bind && source->path)
        return g_strdup_printf("unix path '%s'", source->path);
    if (source->type == VMC_CHR_TYPE_TCP && bind && source->host && source->service)
        return g_strdup_printf("tcp address '%s' port '%s'", source->host, source->service);
    if (source->type == VMC_CHR_TYPE_UDP && source->bindService &&
        !g_str_equal(source->bindService, "0")) {
        return g_strdup_printf("udp address '%s' port '%s'",
                               source->bindHost ? source->bindHost : "", source->bindService);
    }
    return NULL;
}

/* One device in a message: "<vmchannel> 10.0.2.4:600" or "<serial type='unix'>". */
static char *
channelName(const vmcChannel *channel)
{
    return g_strdup_printf("<%s> %s:%u", vmcChrDeviceTypeToString(channel->element),
                           channel->address, channel->port);
}

static char *
otherName(const vmcChrDef *def)
{
    return g_strdup_printf("<%s type='%s'>", vmcChrDeviceTypeToString(def->element),
                           vmcChrTypeToString(def->source.type));
}

/*
 * Claims @key for a device. Both strings become the table's. Two of libvirt's
 * own devices are let through (@ours is false for the later one).
 */
static int
claim(GHashTable *claims, char *key, char *name, bool ours, const char *verb)
{
    const char *first = key ? g_hash_table_lookup(claims, key) : NULL;
    int ret = 0;

    if (first && ours) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s and %s %s %s", first, name, verb, key);
        ret = -1;
    }
    if (!key || first) {
        g_free(key);
        g_free(name);
    } else {
        g_hash_table_insert(claims, key, name);
    }
    return ret;
}

static int
validateBindings(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->others->len; i++) {
        const vmcChrDef *other = g_ptr_array_index(def->others, i);

        claim(claims, boundResource(&other->source), otherName(other), false, "");
    }
    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (claim(claims, boundResource(&channel->source), channelName(channel), true,
                  "both bind") < 0)
            return -1;
    }
    return 0;
}

static int
validateTargets(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);
        char *key = g_strdup_printf("address '%s' port '%u'", channel->address, channel->port);

        if (claim(claims, key, g_strdup_printf("<%s type='%s'>",
                                               vmcChrDeviceTypeToString(channel->element),
                                               vmcChrTypeToString(channel->source.type)),
                  true, "both have target") < 0)
            return -1;
    }
    return 0;
}

static char *
aliasKey(const char *alias)
{
    return alias && vmcChannelAliasIsUser(alias) ? g_strdup_printf("alias '%s'", alias) : NULL;
}

static int
validateAliases(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->others->len; i++) {
        const vmcChrDef *other = g_ptr_array_index(def->others, i);

        claim(claims, aliasKey(other->alias), otherName(other), false, "");
    }
    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (claim(claims, aliasKey(channel->alias), channelName(channel), true, "both have") < 0)
            return -1;
    }
    return 0;
}

static int
validateAddresses(const vmcDomainDef *def)
{
    vmcNetwork network = def->hasNetwork ? def->network : vmcNetworkDefault(def->userNic);
    g_autofree char *accepted = vmcNetworkAccepted(&network);
    bool squeezed = def->userNic && !def->hasNetwork;

    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (vmcNetworkHas(&network, channel->address))
            continue;
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'address' attribute '%s' in <target> of <%s>: expected %s%s",
                       channel->address, vmcChrDeviceTypeToString(channel->element), accepted,
                       squeezed ? ", since the domain has a user-mode NIC on the same network" : "");
        return -1;
    }
    return 0;
}

static int
validateNic(const vmcDomainDef *def)
{
    g_autofree char *network = vmcNetworkToString(&def->network);

    if (def->nics->len > 1) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%u " NIC_ELEMENT " elements: a domain can have one", def->nics->len);
        return -1;
    }
    if (def->hasNetwork && def->userNic && vmcNetworkMeetsDefault(network)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "network '%s' in <ip> of " NIC_ELEMENT ": the domain's user-mode NIC has 10.0.2.0/24",
                       network);
        return -1;
    }
    return 0;
}

int
vmcDomainDefValidate(const vmcDomainDef *def)
{
    static int (*const checks[])(const vmcDomainDef *) = {
        validateNic, validateTargets, validateBindings, validateAliases, validateAddresses,
    };

    if (!vmcDomainDefIsOurs(def))
        return 0;
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (checks[i](def) < 0)
            return -1;
    }
    return 0;
}
