/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One domain to its stock libvirt form: see domain_stock.h. The emulator gets
 * its prefix, the NIC becomes a client, the channels and the network become
 * arguments, and the MTU a property of the NIC. Whatever is said about a
 * channel or its NIC ends up in the stock form, or is an error.
 */
#include <config.h>

#include <string.h>

#include "conf/xml.h"
#include "documents/domain_stock.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* What the steps share. */
typedef struct {
    vmcXmlEdit *edit;
    xmlNodePtr domain;
    xmlNodePtr devices;
    vmcDomainDef *def;
    vmcStockDef *stock;
    const vmcRewriteOptions *options;
    vmcRewriteResult *result;
    xmlNsPtr ns;                /* QEMU's, for what is put into the domain itself; NULL: not yet */
    unsigned int mtu;           /* to put in the override; 0: none */
} forwardPass;

/* The architectures whose emulator is not named after them. */
static const char *
emulatorArch(const char *arch)
{
    static const struct {
        const char *arch;
        const char *emulator;
    } names[] = {
        { "i686", "i386" }, { "armv6l", "arm" }, { "armv7b", "arm" }, { "armv7l", "arm" },
        { "ppc64le", "ppc64" }, { "ppcle", "ppc" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(names[i].arch, arch))
            return names[i].emulator;
    }
    return arch;
}

/* The emulator of a document that names none. The first such domain is the one to ask about. */
static char *
emulatorDefault(const forwardPass *f)
{
    vmcRewriteResult *result = f->result;
    xmlNodePtr type = vmcXmlChild(vmcXmlChild(f->domain, "os"), "type");
    g_autofree char *arch = vmcXmlAttribute(type, "arch");

    if (f->options->emulator)
        return g_strdup(f->options->emulator);
    if (!result->emulatorGuessed) {
        result->emulatorGuessed = true;
        result->query = (vmcEmulatorQuery){
            .virtType = vmcXmlAttribute(f->domain, "type"), .arch = g_strdup(arch),
            .machine = vmcXmlAttribute(type, "machine"),
        };
    }
    if (arch)
        return g_strdup_printf("/usr/bin/qemu-system-%s", emulatorArch(arch));
    vmcReportError(VIR_ERR_XML_ERROR, "%s",
                   "neither <emulator> nor an 'arch' attribute in <os><type>: a domain with channels needs one of them");
    return NULL;
}

static int
emulatorAdd(forwardPass *f)
{
    g_autofree char *path = emulatorDefault(f);
    g_autofree char *whole = path ? g_strconcat(f->options->emulatorDir, path, NULL) : NULL;
    xmlNodePtr emulator;

    if (!path)
        return -1;
    if (f->stock->emulator) {
        vmcXmlEditContent(f->edit, f->stock->emulator, whole);
        return 0;
    }
    emulator = vmcXmlElement(NULL, "emulator", NULL);
    xmlNodeAddContent(emulator, (const xmlChar *)whole);
    vmcXmlEditInsertNode(f->edit, f->devices, NULL, emulator);
    return 0;
}

static int
emulatorForward(forwardPass *f)
{
    xmlNodePtr emulator = f->stock->emulator;
    g_autofree char *text = emulator ? vmcXmlText(emulator) : NULL;
    const char *path = text ? g_strstrip(text) : "";

    if (f->stock->wrapped)
        return 0;
    if (!*path)
        return emulatorAdd(f);
    if (*path != '/') {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid path '%s' in <emulator> of a domain with channels: expected an absolute path",
                       path);
        return -1;
    }
    if (!vmcXmlEditPrepend(f->edit, emulator, f->options->emulatorDir)) {
        /* Written as references or CDATA, where white space can hide. */
        g_autofree char *whole = g_strconcat(f->options->emulatorDir, path, NULL);

        vmcXmlEditContent(f->edit, emulator, whole);
    }
    return 0;
}

/* The NIC's <mac> when none is said; NULL when the domain has no uuid to make it of. */
static xmlNodePtr
nicMac(const forwardPass *f)
{
    xmlNodePtr node = vmcXmlChild(f->domain, "uuid");
    g_autofree char *uuid = node ? vmcXmlText(node) : NULL;
    g_autofree char *mac = vmcNicMac(uuid);

    return mac ? vmcXmlElement(NULL, "mac", "address", mac, NULL) : NULL;
}

static xmlNodePtr
nicSource(void)
{
    return vmcXmlElement(NULL, "source", "address", VMC_STOCK_NIC_ADDRESS,
                         "port", VMC_STOCK_NIC_PORT, NULL);
}

static xmlNodePtr
nicModel(void)
{
    return vmcXmlElement(NULL, "model", "type", "virtio", NULL);
}

static xmlNodePtr
nicAlias(void)
{
    return vmcXmlElement(NULL, "alias", "name", VMC_NIC_ALIAS, NULL);
}

/* The NIC that appears by itself, last among the NICs. */
static void
nicAdd(forwardPass *f)
{
    static const char *const before[] = {
        "emulator", "disk", "controller", "lease", "filesystem", "interface", NULL
    };
    xmlNodePtr nic = vmcXmlElement(NULL, "interface", "type", VMC_STOCK_NIC_TYPE, NULL);
    xmlNodePtr mac = nicMac(f);

    if (mac)
        xmlAddChild(nic, mac);
    xmlAddChild(nic, nicSource());
    xmlAddChild(nic, nicModel());
    xmlAddChild(nic, nicAlias());
    vmcXmlEditInsertNode(f->edit, f->devices, vmcStockAnchor(f->devices, before), nic);
    f->mtu = VMC_NIC_MTU_MAX;
}

/* The alias is how qemu-vmchannel finds the NIC: there is no room for a user's. */
static int
nicAliasForward(forwardPass *f, xmlNodePtr nic)
{
    xmlNodePtr node = vmcXmlChild(nic, "alias");
    g_autofree char *alias = vmcXmlAttribute(node, "name");

    if (alias && vmcChannelAliasIsUser(alias) && !g_str_equal(alias, VMC_NIC_ALIAS)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'name' attribute '%s' in <alias> of <interface type='vmchannel'>: its alias is always '%s'",
                       alias, VMC_NIC_ALIAS);
        return -1;
    }
    if (node)
        vmcXmlEditRemove(f->edit, node);
    return 0;
}

/* The MTU leaves the NIC, where libvirt refuses it, for the override. */
static int
nicMtuForward(forwardPass *f, xmlNodePtr nic)
{
    xmlNodePtr node = vmcXmlChild(nic, "mtu");
    g_autofree char *size = vmcXmlAttribute(node, "size");
    g_autofree char *model = vmcXmlAttribute(vmcXmlChild(nic, "model"), "type");

    if (!node) {
        f->mtu = model ? 0 : VMC_NIC_MTU_MAX;
        return 0;
    }
    if (!vmcStockMtuFromString(size, &f->mtu)) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'size' attribute '%s' in <mtu> of <interface type='vmchannel'>: expected a number from %d to %d",
                       size ? size : "", VMC_NIC_MTU_MIN, VMC_NIC_MTU_MAX);
        return -1;
    }
    if (!vmcStockNicHasMtu(nic)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "<mtu> in <interface type='vmchannel'> with model '%s': only a virtio NIC has it; the guest of another gets its MTU by DHCP",
                       model);
        return -1;
    }
    vmcXmlEditRemove(f->edit, node);
    return 0;
}

/* The network becomes an argument: for libvirt the stock form's type has no <ip> or <dhcp>. */
static void
nicNetworkForward(forwardPass *f, xmlNodePtr nic)
{
    for (xmlNodePtr node = vmcXmlFirst(nic); node; node = vmcXmlNext(node)) {
        if (vmcXmlIs(node, "ip") || vmcXmlIs(node, "dhcp"))
            vmcXmlEditRemove(f->edit, node);
    }
}

/* The short form's channel becomes an argument; its elements go. */
static void
nicShortFormForward(forwardPass *f, xmlNodePtr nic)
{
    xmlNodePtr source = vmcXmlChild(nic, "source");
    xmlNodePtr target = vmcXmlChild(nic, "target");
    g_autofree char *path = vmcXmlAttribute(target, "path");

    if (source)
        vmcXmlEditRemove(f->edit, source);
    if (path)
        vmcXmlEditRemove(f->edit, target);
}

static int
nicForward(forwardPass *f, xmlNodePtr nic)
{
    static const char *const behindAlias[] = { "rom", "acpi", "address", NULL };
    xmlNodePtr mac = vmcXmlChild(nic, "mac");
    xmlNodePtr added = mac ? NULL : nicMac(f);

    if (added)
        vmcXmlEditInsertNode(f->edit, nic, NULL, added);
    if (nicAliasForward(f, nic) < 0 || nicMtuForward(f, nic) < 0)
        return -1;
    vmcXmlEditAttribute(f->edit, nic, "type", VMC_STOCK_NIC_TYPE);
    nicShortFormForward(f, nic);
    nicNetworkForward(f, nic);
    vmcXmlEditInsertNode(f->edit, nic, mac, nicSource());
    if (!vmcXmlChild(nic, "model"))
        vmcXmlEditInsertNode(f->edit, nic, mac, nicModel());
    vmcXmlEditInsertNode(f->edit, nic, vmcStockAnchorBefore(nic, behindAlias), nicAlias());
    return 0;
}

/* For the form in which libvirt would make a tap of it. */
static void
nicRemove(forwardPass *f)
{
    if (f->def->nics->len > 0)
        vmcXmlEditRemove(f->edit, g_ptr_array_index(f->def->nics, 0));
    if (f->stock->nic)
        vmcXmlEditRemove(f->edit, f->stock->nic);
    if (f->stock->device)
        vmcXmlEditRemove(f->edit, f->stock->device);
}

static int
nicsForward(forwardPass *f)
{
    if (f->def->nics->len > 0 && f->stock->nic) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "<interface type='vmchannel'> and another with alias '%s': a domain can have one",
                       VMC_NIC_ALIAS);
        return -1;
    }
    if (f->options->withoutNic) {
        nicRemove(f);
        return 0;
    }
    if (f->stock->nic)
        return 0;
    if (f->def->nics->len > 0)
        return nicForward(f, g_ptr_array_index(f->def->nics, 0));
    nicAdd(f);
    return 0;
}

static void
channelsRemove(forwardPass *f)
{
    for (guint i = 0; i < f->def->channelNodes->len; i++) {
        xmlNodePtr node = g_ptr_array_index(f->def->channelNodes, i);

        if (!vmcXmlIs(node, "interface"))
            vmcXmlEditRemove(f->edit, node);
    }
}

/*
 * QEMU's namespace as it is declared where the domain stands. When it is not,
 * it is declared on the domain, by a prefix that means nothing else there.
 */
static xmlNsPtr
namespaceForward(forwardPass *f)
{
    xmlNsPtr ns = xmlSearchNsByHref(f->domain->doc, f->domain, (const xmlChar *)VMC_STOCK_URI);
    g_autofree char *prefix = g_strdup("qemu");
    g_autofree char *declaration = NULL;

    if (ns && ns->prefix)
        return ns;
    while (xmlSearchNs(f->domain->doc, f->domain, (const xmlChar *)prefix)) {
        g_autofree char *taken = g_steal_pointer(&prefix);

        prefix = g_strconcat("vmchannel-", taken, NULL);
    }
    declaration = g_strdup_printf("xmlns:%s", prefix);
    vmcXmlEditAttributeAdd(f->edit, f->domain, declaration, VMC_STOCK_URI);
    return xmlNewNs(f->domain, (const xmlChar *)VMC_STOCK_URI, (const xmlChar *)prefix);
}

/* What is put into an element of QEMU's namespace has the element's own prefix. */
static xmlNsPtr
namespaceIn(forwardPass *f, xmlNodePtr element)
{
    if (element)
        return element->ns;
    if (!f->ns)
        f->ns = namespaceForward(f);
    return f->ns;
}

/* The last <qemu:arg> of @commandline. */
static xmlNodePtr
lastArgument(xmlNodePtr commandline)
{
    xmlNodePtr last = NULL;

    for (xmlNodePtr node = vmcXmlFirst(commandline); node; node = vmcXmlNext(node)) {
        if (vmcXmlIsNs(node, VMC_STOCK_URI, "arg"))
            last = node;
    }
    return last;
}

static xmlNodePtr
lastChild(xmlNodePtr parent)
{
    static const char *const none[] = { NULL };

    return vmcStockAnchorBefore(parent, none);
}

/* The channels and their network as arguments, behind the user's own. */
static void
argumentsForward(forwardPass *f)
{
    xmlNodePtr commandline = f->stock->commandline;
    xmlNodePtr last = commandline ? lastArgument(commandline) : NULL;
    char *network = vmcQemuNetworkFormat(&f->def->net);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    xmlNodePtr added = NULL;
    xmlNsPtr ns;

    if (network)
        g_ptr_array_add(values, network);
    for (guint i = 0; i < f->def->channels->len; i++)
        g_ptr_array_add(values, vmcQemuChannelFormat(g_ptr_array_index(f->def->channels, i)));
    if (values->len == 0)
        return;
    ns = namespaceIn(f, commandline);
    if (!commandline)
        added = vmcXmlElement(ns, "commandline", NULL);
    for (guint i = 0; i < values->len; i++) {
        const char *const arguments[] = { VMC_STOCK_OPTION, g_ptr_array_index(values, i) };

        for (size_t j = 0; j < G_N_ELEMENTS(arguments); j++) {
            xmlNodePtr argument = vmcXmlElement(ns, "arg", "value", arguments[j], NULL);

            if (added)
                xmlAddChild(added, argument);
            else
                vmcXmlEditInsertNode(f->edit, commandline, last, argument);
        }
    }
    if (added)
        vmcXmlEditInsertNode(f->edit, f->domain, lastChild(f->domain), added);
}

static xmlNodePtr
frontendOf(xmlNodePtr device)
{
    for (xmlNodePtr node = vmcXmlFirst(device); node; node = vmcXmlNext(node)) {
        if (vmcXmlIsNs(node, VMC_STOCK_URI, "frontend"))
            return node;
    }
    return NULL;
}

/* Returns the @name that @node is put into, with the same prefix. */
static xmlNodePtr
wrap(xmlNodePtr node, const char *name)
{
    xmlNodePtr outer = vmcXmlElement(node->ns, name, NULL);

    xmlAddChild(outer, node);
    return outer;
}

/* The MTU as a property of the NIC, in as much of an override as there is not yet. */
static int
mtuForward(forwardPass *f)
{
    const vmcStockDef *stock = f->stock;
    xmlNodePtr frontend = stock->device ? frontendOf(stock->device) : NULL;
    xmlNodePtr into = frontend ? frontend : stock->device ? stock->device : stock->override;
    g_autofree char *mtu = g_strdup_printf("%u", f->mtu);
    xmlNodePtr node;

    if (f->mtu == 0)
        return 0;
    if (stock->mtu) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "property '%s' of '%s' in <override>: <mtu> of <interface type='vmchannel'> says it",
                       VMC_STOCK_MTU, VMC_NIC_ALIAS);
        return -1;
    }
    node = vmcXmlElement(namespaceIn(f, into), "property", "name", VMC_STOCK_MTU,
                         "type", "unsigned", "value", mtu, NULL);
    if (!frontend)
        node = wrap(node, "frontend");
    if (!stock->device) {
        node = wrap(node, "device");
        xmlNewProp(node, (const xmlChar *)"alias", (const xmlChar *)VMC_NIC_ALIAS);
    }
    if (!into) {
        node = wrap(node, "override");
        into = f->domain;
    }
    vmcXmlEditInsertNode(f->edit, into, lastChild(into), node);
    return 0;
}

int
vmcDomainForward(vmcXmlEdit *edit, xmlNodePtr domain, vmcDomainDef *def, vmcStockDef *stock,
                 const vmcRewriteOptions *options, vmcRewriteResult *result)
{
    forwardPass f = {
        .edit = edit, .domain = domain, .devices = vmcXmlChild(domain, "devices"),
        .def = def, .stock = stock, .options = options, .result = result,
    };

    if (!f.devices) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s", "no <devices> in a domain with channels");
        return -1;
    }
    if (emulatorForward(&f) < 0 || nicsForward(&f) < 0)
        return -1;
    channelsRemove(&f);
    argumentsForward(&f);
    return mtuForward(&f);
}
