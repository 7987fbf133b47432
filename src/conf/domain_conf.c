/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices as XML: see domain_conf.h. The attributes are rows: those
 * of a source type come from domain_chr.c, those of the device stand here.
 * What no row names stays in a copy of the element ("rest"), and is written
 * back with it, so that nothing of libvirt's is lost.
 */
#include <config.h>

#include "conf/domain_conf.h"

#include <stddef.h>
#include <string.h>

#include "conf/domain_nic.h"
#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_DOMAIN

/* Attributes of the device itself, in the order in which libvirt writes them. */
static const struct {
    const char *element;        /* "" is the device */
    const char *attribute;
    size_t offset;              /* in vmcChrDef: char * */
} deviceFields[] = {
    { "", "tty", offsetof(vmcChrDef, tty) },
    { "target", "type", offsetof(vmcChrDef, targetType) },
    { "target", "address", offsetof(vmcChrDef, targetAddress) },
    { "target", "port", offsetof(vmcChrDef, targetPort) },
    { "target", "name", offsetof(vmcChrDef, targetName) },
    { "target", "state", offsetof(vmcChrDef, targetState) },
    { "alias", "name", offsetof(vmcChrDef, alias) },
};

bool
vmcXmlIsChannel(xmlNodePtr node)
{
    return vmcXmlIs(node, "vmchannel") ||
           (vmcXmlIs(node, "channel") &&
            vmcXmlAttributeIs(vmcXmlChild(node, "target"), "type", "guestfwd"));
}

bool
vmcXmlIsNic(xmlNodePtr node)
{
    return vmcXmlIs(node, "interface") && vmcXmlAttributeIs(node, "type", "vmchannel");
}

static char **
deviceField(const vmcChrDef *def, size_t row)
{
    return (char **)(void *)((char *)def + deviceFields[row].offset);
}

/* Whether @node is the @name of @mode; a <source> without a mode dials. */
static bool
hasMode(xmlNodePtr node, const char *mode)
{
    g_autofree char *given = mode ? vmcXmlAttribute(node, "mode") : NULL;

    return !mode || g_str_equal(given ? given : "connect", mode);
}

static xmlNodePtr
childFind(xmlNodePtr parent, const char *name, const char *mode)
{
    for (xmlNodePtr child = vmcXmlFirst(parent); child; child = vmcXmlNext(child)) {
        if (vmcXmlIs(child, name) && hasMode(child, mode))
            return child;
    }
    return NULL;
}

static xmlNodePtr
childAdd(xmlNodePtr parent, const char *name, const char *mode)
{
    xmlNodePtr child = xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);

    if (mode)
        xmlNewProp(child, (const xmlChar *)"mode", (const xmlChar *)mode);
    return child;
}

/* The element that @path ("", "source", "source/reconnect") names below @device. */
static xmlNodePtr
pathFind(xmlNodePtr device, const char *path, const char *mode, bool create)
{
    g_auto(GStrv) names = g_strsplit(path, "/", 0);
    xmlNodePtr node = device;

    for (char **name = names; *name && node; name++) {
        xmlNodePtr child = childFind(node, *name, mode);

        node = !child && create ? childAdd(node, *name, mode) : child;
    }
    return node;
}

/* Takes the attribute out of @device; NULL when it is not there. */
static char *
attributeTake(xmlNodePtr device, const char *path, const char *mode, const char *attribute)
{
    xmlNodePtr node = pathFind(device, path, mode, false);
    char *value = vmcXmlAttribute(node, attribute);

    if (value)
        xmlUnsetNsProp(node, NULL, (const xmlChar *)attribute);
    return value;
}

static void
attributePut(xmlNodePtr device, const char *path, const char *mode, const char *attribute,
             const char *value)
{
    if (value) {
        xmlNewNsProp(pathFind(device, path, mode, true), NULL, (const xmlChar *)attribute,
                     (const xmlChar *)value);
    }
}

static int
sourceParse(vmcChrDef *def, xmlNodePtr device)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(def->source.type, &n);

    for (size_t i = 0; i < n; i++) {
        g_autofree char *value = attributeTake(device, fields[i].element, fields[i].sourceMode,
                                               fields[i].attribute);
        g_autofree char *words = NULL;

        if (!value || vmcChrFieldSet(&def->source, &fields[i], value))
            continue;
        words = vmcChrFieldWords(&fields[i]);
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid '%s' attribute '%s' in <%s> of <%s type='%s'>: expected %s",
                       fields[i].attribute, value, fields[i].element,
                       vmcChrDeviceTypeToString(def->element),
                       vmcChrTypeToString(def->source.type), words);
        return -1;
    }
    return 0;
}

static int
typeParse(vmcChrDef *def, xmlNodePtr device)
{
    g_autofree char *type = attributeTake(device, "", NULL, "type");
    const char *element = vmcChrDeviceTypeToString(def->element);
    g_autofree char *words = NULL;
    int value;

    def->typeMissing = !type;
    def->source.type = VMC_CHR_TYPE_PTY;
    if (!type && def->element == VMC_CHR_DEVICE_VMCHANNEL) {
        vmcReportError(VIR_ERR_XML_ERROR, "missing 'type' attribute in <%s>", element);
        return -1;
    }
    if (!type)
        return 0;
    value = vmcChrTypeFromString(type);
    if (value < 0) {
        words = vmcChrTypeList();
        vmcReportError(VIR_ERR_XML_ERROR, "invalid 'type' attribute '%s' in <%s>: expected %s",
                       type, element, words);
        return -1;
    }
    def->source.type = value;
    return 0;
}

vmcChrDef *
vmcChrDefParse(xmlNodePtr node)
{
    g_autoptr(vmcChrDef) def = g_new0(vmcChrDef, 1);
    int element = vmcXmlIs(node, (const char *)node->name)
                      ? vmcChrDeviceTypeFromString((const char *)node->name) : -1;
    xmlNodePtr device;

    if (element < 0) {
        vmcReportError(VIR_ERR_XML_ERROR, "<%s> is no character device",
                       (const char *)node->name);
        return NULL;
    }
    def->element = element;
    def->rest = xmlNewDoc((const xmlChar *)"1.0");
    device = xmlDocCopyNode(node, def->rest, 1);
    xmlDocSetRootElement(def->rest, device);
    if (typeParse(def, device) < 0 || sourceParse(def, device) < 0)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(deviceFields); i++) {
        *deviceField(def, i) = attributeTake(device, deviceFields[i].element, NULL,
                                             deviceFields[i].attribute);
    }
    return g_steal_pointer(&def);
}

void
vmcChrDefFree(vmcChrDef *def)
{
    if (!def)
        return;
    vmcChrSourceClear(&def->source);
    for (size_t i = 0; i < G_N_ELEMENTS(deviceFields); i++)
        g_free(*deviceField(def, i));
    g_clear_pointer(&def->rest, xmlFreeDoc);
    g_free(def);
}

static void
chrDefFree(gpointer def)
{
    vmcChrDefFree(def);
}

GPtrArray *
vmcChrDefArrayNew(void)
{
    return g_ptr_array_new_with_free_func(chrDefFree);
}

vmcChrDef *
vmcChrDefCopy(const vmcChrDef *def)
{
    vmcChrDef *copy = g_new0(vmcChrDef, 1);

    copy->element = def->element;
    copy->typeMissing = def->typeMissing;
    vmcChrSourceCopy(&copy->source, &def->source);
    for (size_t i = 0; i < G_N_ELEMENTS(deviceFields); i++)
        *deviceField(copy, i) = g_strdup(*deviceField(def, i));
    copy->rest = def->rest ? xmlCopyDoc(def->rest, 1) : NULL;
    return copy;
}

bool
vmcChrDefEqual(const vmcChrDef *a, const vmcChrDef *b)
{
    g_autofree char *formattedA = vmcChrDefFormat(a, "", false);
    g_autofree char *formattedB = vmcChrDefFormat(b, "", false);

    return g_str_equal(formattedA, formattedB);
}

/* The element as a document of its own: the rest, with the fields put in. */
static xmlDocPtr
chrDefBuild(const vmcChrDef *def)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(def->source.type, &n);
    xmlDocPtr doc = def->rest ? xmlCopyDoc(def->rest, 1) : xmlNewDoc((const xmlChar *)"1.0");
    xmlNodePtr device = xmlDocGetRootElement(doc);

    if (!device) {
        device = xmlNewDocNode(doc, NULL, (const xmlChar *)vmcChrDeviceTypeToString(def->element),
                               NULL);
        xmlDocSetRootElement(doc, device);
    }
    if (!def->typeMissing)
        attributePut(device, "", NULL, "type", vmcChrTypeToString(def->source.type));
    for (size_t i = 0; i < n; i++) {
        attributePut(device, fields[i].element, fields[i].sourceMode, fields[i].attribute,
                     vmcChrFieldGet(&def->source, &fields[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(deviceFields); i++) {
        attributePut(device, deviceFields[i].element, NULL, deviceFields[i].attribute,
                     *deviceField(def, i));
    }
    return doc;
}

char *
vmcChrDefFormat(const vmcChrDef *def, const char *indent, bool ascii)
{
    g_autoptr(xmlDoc) doc = chrDefBuild(def);
    GString *out = g_string_new(NULL);

    vmcXmlFormat(out, xmlDocGetRootElement(doc), indent, ascii);
    return g_string_free(out, FALSE);
}

/* The children that a channel may have; the rows of its type say more. */
static bool
isChannelChild(xmlNodePtr child)
{
    static const char *const names[] = { "source", "protocol", "log", "target", "alias" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (vmcXmlIs(child, names[i]))
            return true;
    }
    return false;
}

static int
reportLeftover(const vmcChrDef *def, const char *what, const xmlChar *name, const xmlChar *in)
{
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%s '%s' in <%s> of <%s type='%s'>: a channel cannot have it",
                   what, (const char *)name, (const char *)in,
                   vmcChrDeviceTypeToString(def->element), vmcChrTypeToString(def->source.type));
    return -1;
}

/*
 * What says what a channel does anyway (the raw protocol, no label of its own), in
 * libvirt's own element, which may have it.
 */
static bool
isIdle(const vmcChrDef *def, xmlNodePtr element)
{
    static const struct {
        const char *element;
        const char *attribute;
        const char *value;
        const char *beside;     /* what else it may have: without meaning then */
    } idle[] = {
        { "protocol", "type", "raw", "type" },
        { "seclabel", "relabel", "no", "model" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(idle); i++) {
        if (def->element == VMC_CHR_DEVICE_CHANNEL && vmcXmlIs(element, idle[i].element))
            return vmcXmlAttributeIs(element, idle[i].attribute, idle[i].value) &&
                   !vmcXmlFirst(element) &&
                   !vmcXmlUnknownAttribute(element, idle[i].attribute, idle[i].beside);
    }
    return false;
}

/* What says nothing any more, once the fields have taken what is theirs. */
static bool
isEmpty(const vmcChrDef *def, xmlNodePtr element)
{
    return def->element == VMC_CHR_DEVICE_CHANNEL && !element->properties && !vmcXmlFirst(element);
}

/* udp tells its two sources by their mode, which therefore stays in the rest. */
static bool
isSelector(const vmcChrDef *def, xmlNodePtr child, const xmlAttr *attribute)
{
    return def->source.type == VMC_CHR_TYPE_UDP && vmcXmlIs(child, "source") &&
           g_str_equal((const char *)attribute->name, "mode") &&
           (hasMode(child, "bind") || hasMode(child, "connect"));
}

static int
leftoverCheckChild(const vmcChrDef *def, xmlNodePtr device, xmlNodePtr child)
{
    const char *mode = def->source.type != VMC_CHR_TYPE_UDP || !vmcXmlIs(child, "source") ? NULL
                       : hasMode(child, "bind") ? "bind" : "connect";
    xmlNodePtr grandchild = vmcXmlFirst(child);

    if (isIdle(def, child))
        return 0;
    while (grandchild && (isIdle(def, grandchild) || isEmpty(def, grandchild)))
        grandchild = vmcXmlNext(grandchild);
    if (!isChannelChild(child) ||
        childFind(device, (const char *)child->name, mode) != child)
        return reportLeftover(def, "element", child->name, device->name);
    for (const xmlAttr *attribute = child->properties; attribute; attribute = attribute->next) {
        if (!isSelector(def, child, attribute))
            return reportLeftover(def, "attribute", attribute->name, child->name);
    }
    return grandchild ? reportLeftover(def, "element", grandchild->name, child->name) : 0;
}

/*
 * What no row took is something that the option string could not say: refused
 * rather than lost. An empty child says nothing and passes.
 */
static int
leftoverCheck(const vmcChrDef *def)
{
    xmlNodePtr device = def->rest ? xmlDocGetRootElement(def->rest) : NULL;

    if (device && device->properties)
        return reportLeftover(def, "attribute", device->properties->name, device->name);
    for (xmlNodePtr child = vmcXmlFirst(device); child; child = vmcXmlNext(child)) {
        if (leftoverCheckChild(def, device, child) < 0)
            return -1;
    }
    return 0;
}

/* A state is what libvirt shows of a running domain, and ignores. */
static int
targetParse(const vmcChrDef *def, vmcChannel *channel)
{
    const char *element = vmcChrDeviceTypeToString(def->element);
    const char *wrong = def->tty ? "tty" : def->targetName ? "name"
                        : def->targetType && def->element == VMC_CHR_DEVICE_VMCHANNEL ? "type"
                        : NULL;

    if (wrong) {
        return reportLeftover(def, "attribute", (const xmlChar *)wrong,
                              (const xmlChar *)(def->tty ? element : "target"));
    }
    if (!def->targetPort) {
        vmcReportError(VIR_ERR_XML_ERROR, "missing 'port' attribute in <target> of <%s>", element);
        return -1;
    }
    if (!vmcChannelPortFromString(def->targetPort, &channel->port)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'port' attribute '%s' in <target> of <%s>: expected a number from 1 to 65535",
                       def->targetPort, element);
        return -1;
    }
    channel->address = g_strdup(def->targetAddress);
    return 0;
}

vmcChannel *
vmcChannelFromChrDef(const vmcChrDef *def)
{
    g_autoptr(vmcChannel) channel = g_new0(vmcChannel, 1);

    channel->element = def->element;
    channel->alias = g_strdup(def->alias);
    vmcChrSourceCopy(&channel->source, &def->source);
    if (targetParse(def, channel) < 0)
        return NULL;
    vmcChannelPostParse(channel);
    /* Before what is left over: its errors say more. */
    if (vmcChannelValidate(channel) < 0 || leftoverCheck(def) < 0)
        return NULL;
    return g_steal_pointer(&channel);
}

vmcChrDef *
vmcChrDefFromChannel(const vmcChannel *channel)
{
    vmcChrDef *def = g_new0(vmcChrDef, 1);
    bool guestfwd = channel->element == VMC_CHR_DEVICE_CHANNEL;

    def->element = channel->element;
    vmcChrSourceCopy(&def->source, &channel->source);
    def->targetType = guestfwd ? g_strdup("guestfwd") : NULL;
    /* libvirt's own element always says the address. */
    if (guestfwd || !g_str_equal(channel->address, VMC_CHANNEL_DEFAULT_ADDRESS))
        def->targetAddress = g_strdup(channel->address);
    def->targetPort = g_strdup_printf("%u", channel->port);
    def->alias = g_strdup(channel->alias);
    return def;
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
    g_array_unref(def->userNets);
    g_free(def->foreignType);
    g_free(def);
}

static void
channelAdd(vmcDomainDef *def, vmcChannel *channel, xmlNodePtr node)
{
    g_ptr_array_add(def->channels, channel);
    g_ptr_array_add(def->channelNodes, node);
}

static int
nicParse(vmcDomainDef *def, xmlNodePtr node)
{
    g_autoptr(vmcNicDef) nic = vmcNicDefParse(node);

    if (!nic)
        return -1;
    g_ptr_array_add(def->nics, node);
    if (nic->net.given || nic->net.noDhcp)
        def->net = nic->net;
    if (nic->channel)
        channelAdd(def, g_steal_pointer(&nic->channel), node);
    return 0;
}

static int
interfaceParse(vmcDomainDef *def, xmlNodePtr node)
{
    vmcNetwork network;

    if (vmcNicUserNetwork(node, &network)) {
        g_array_append_val(def->userNets, network);
        def->besidePasst |= vmcNicIsPasst(node) && vmcNetworkMeetsUser(&network);
    }
    return vmcXmlIsNic(node) ? nicParse(def, node) : 0;
}

static int
chrParse(vmcDomainDef *def, xmlNodePtr node)
{
    g_autoptr(vmcChrDef) chr = vmcChrDefParse(node);
    vmcChannel *channel;

    if (!vmcXmlIsChannel(node)) {
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
 * Another hypervisor's domain cannot have a <vmchannel> or the NIC. Its guestfwd
 * channels are that hypervisor's.
 */
static int
foreignCheck(const char *domainType, xmlNodePtr node)
{
    bool nic = vmcXmlIsNic(node);

    if (!nic && !vmcXmlIs(node, "vmchannel"))
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "%s in <domain type='%s'>: channels need a domain of type 'qemu' or 'kvm'",
                   nic ? VMC_NIC_ELEMENT : "<vmchannel>", domainType);
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
    def->channels = vmcChannelArrayNew();
    def->channelNodes = g_ptr_array_new();
    def->others = vmcChrDefArrayNew();
    def->nics = g_ptr_array_new();
    def->userNets = g_array_new(FALSE, FALSE, sizeof(vmcNetwork));
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
vmcDomainDefHasChannels(const vmcDomainDef *def)
{
    return def->channels->len > 0 || def->nics->len > 0;
}
