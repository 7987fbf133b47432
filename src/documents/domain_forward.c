/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One domain to its stock libvirt form: see domain_stock.h. Each function adds
 * the edits for one row of the table in docs/architecture.md. Whatever is said
 * about a channel or its NIC ends up in the stock form, or is an error.
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
    GPtrArray *first;           /* char *: elements to put at the head of <devices> */
    GPtrArray *tail;            /* char *: elements to put at the end of the domain */
    char *prefix;               /* of the QEMU namespace, with its colon */
    unsigned int mtu;           /* to put in the override; 0: none */
} forward;

static void
forwardClear(forward *f)
{
    g_ptr_array_unref(f->first);
    g_ptr_array_unref(f->tail);
    g_free(f->prefix);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(forward, forwardClear)

/* @text for an attribute or element content. The caller frees it. */
static char *
escaped(const forward *f, const char *text)
{
    GString *out = g_string_new(NULL);

    vmcXmlEscape(out, text, vmcXmlEditAscii(f->edit));
    return g_string_free(out, FALSE);
}

/* The indentation that a child of @parent has or would have. */
static char *
childIndent(const forward *f, xmlNodePtr parent)
{
    xmlNodePtr child = vmcXmlFirst(parent);
    g_autofree char *indent = vmcXmlEditIndent(f->edit, child ? child : parent);

    return child ? g_steal_pointer(&indent) : g_strconcat(indent, "  ", NULL);
}

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
emulatorDefault(const forward *f)
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
emulatorAdd(forward *f)
{
    g_autofree char *path = emulatorDefault(f);
    g_autofree char *whole = path ? g_strconcat(f->options->emulatorDir, path, NULL) : NULL;
    g_autofree char *text = whole ? escaped(f, whole) : NULL;

    if (!path)
        return -1;
    if (f->stock->emulator)
        vmcXmlEditContent(f->edit, f->stock->emulator, text);
    else
        g_ptr_array_add(f->first, g_strdup_printf("<emulator>%s</emulator>", text));
    return 0;
}

static int
emulatorForward(forward *f)
{
    xmlNodePtr emulator = f->stock->emulator;
    g_autofree char *text = emulator ? vmcXmlText(emulator) : NULL;
    const char *path = text ? g_strstrip(text) : "";
    g_autofree char *prefix = escaped(f, f->options->emulatorDir);

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
    if (!vmcXmlEditPrepend(f->edit, emulator, prefix)) {
        /* Written as references or CDATA, where white space can hide. */
        g_autofree char *whole = g_strconcat(f->options->emulatorDir, path, NULL);
        g_autofree char *content = escaped(f, whole);

        vmcXmlEditContent(f->edit, emulator, content);
    }
    return 0;
}

/* The NIC's MAC address when none is said; NULL when the domain has no uuid. */
static char *
nicMac(const forward *f)
{
    xmlNodePtr node = vmcXmlChild(f->domain, "uuid");
    g_autofree char *uuid = node ? vmcXmlText(node) : NULL;

    return vmcNicMac(uuid);
}

static const char nicSource[] =
    "<source address='" VMC_STOCK_NIC_ADDRESS "' port='" VMC_STOCK_NIC_PORT "'/>";
static const char nicAlias[] = "<alias name='" VMC_NIC_ALIAS "'/>";
static const char nicModel[] = "<model type='virtio'/>";

/* Lines joined at @indent. */
static char *
joinLines(GPtrArray *lines, const char *indent)
{
    g_autofree char *separator = g_strconcat("\n", indent, NULL);

    g_ptr_array_add(lines, NULL);
    return g_strjoinv(separator, (char **)lines->pdata);
}

/* What stands inside a NIC of which nothing is said. */
static char *
nicContent(const forward *f, const char *indent)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_autofree char *mac = nicMac(f);
    g_autofree char *macLine = mac ? g_strdup_printf("<mac address='%s'/>", mac) : NULL;

    if (macLine)
        g_ptr_array_add(lines, macLine);
    g_ptr_array_add(lines, (gpointer)nicSource);
    g_ptr_array_add(lines, (gpointer)nicModel);
    g_ptr_array_add(lines, (gpointer)nicAlias);
    return joinLines(lines, indent);
}

/* The NIC that appears by itself, last among the NICs. */
static void
nicAdd(forward *f)
{
    static const char *const before[] = {
        "emulator", "disk", "controller", "lease", "filesystem", "interface", NULL
    };
    xmlNodePtr anchor = vmcStockAnchor(f->devices, before);
    g_autofree char *indent = childIndent(f, f->devices);
    g_autofree char *inner = g_strconcat(indent, "  ", NULL);
    g_autofree char *content = nicContent(f, inner);
    char *nic = g_strdup_printf("<interface type='" VMC_STOCK_NIC_TYPE "'>\n%s%s\n%s</interface>",
                                inner, content, indent);

    f->mtu = VMC_NIC_MTU_MAX;
    if (!anchor) {
        g_ptr_array_add(f->first, nic);
        return;
    }
    vmcXmlEditInsertAfter(f->edit, anchor, nic);
    g_free(nic);
}

/* The alias is how the wrapper finds the NIC: there is no room for a user's. */
static int
nicAliasForward(forward *f, xmlNodePtr nic)
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
nicMtuForward(forward *f, xmlNodePtr nic)
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

/* The network is an argument by now: libvirt refuses <ip> on the stock form's type. */
static void
nicNetworkForward(forward *f, xmlNodePtr nic)
{
    xmlNodePtr node = vmcXmlChild(nic, "ip");

    if (node)
        vmcXmlEditRemove(f->edit, node);
}

/* The short form's channel is an argument by now; its elements go. */
static void
nicShortFormForward(forward *f, xmlNodePtr nic)
{
    xmlNodePtr source = vmcXmlChild(nic, "source");
    xmlNodePtr target = vmcXmlChild(nic, "target");
    g_autofree char *path = vmcXmlAttribute(target, "path");

    if (source)
        vmcXmlEditRemove(f->edit, source);
    if (path)
        vmcXmlEditRemove(f->edit, target);
}

/* Puts @text behind the last of @after in the NIC, else first. */
static void
nicInsert(forward *f, xmlNodePtr nic, const char *const *after, const char *text)
{
    xmlNodePtr anchor = vmcStockAnchor(nic, after);

    if (anchor)
        vmcXmlEditInsertAfter(f->edit, anchor, text);
    else
        vmcXmlEditInsertFirst(f->edit, nic, text);
}

static int
nicForward(forward *f, xmlNodePtr nic)
{
    static const char *const none[] = { NULL };
    static const char *const afterMac[] = { "mac", NULL };
    static const char *const beforeAddress[] = { "rom", "acpi", "address", NULL };
    bool model = vmcXmlChild(nic, "model");
    xmlNodePtr last = NULL;
    xmlNodePtr address = NULL;
    g_autofree char *mac = vmcXmlChild(nic, "mac") ? NULL : nicMac(f);
    g_autofree char *macLine = mac ? g_strdup_printf("<mac address='%s'/>", mac) : NULL;

    if (nicAliasForward(f, nic) < 0 || nicMtuForward(f, nic) < 0)
        return -1;
    vmcXmlEditAttribute(f->edit, nic, "type", VMC_STOCK_NIC_TYPE);
    nicShortFormForward(f, nic);
    nicNetworkForward(f, nic);
    if (!vmcXmlFirst(nic)) {
        g_autofree char *indent = vmcXmlEditIndent(f->edit, nic);
        g_autofree char *inner = g_strconcat(indent, "  ", NULL);
        g_autofree char *content = nicContent(f, inner);

        vmcXmlEditInsertFirst(f->edit, nic, content);
        return 0;
    }
    for (xmlNodePtr node = vmcXmlFirst(nic); node; node = vmcXmlNext(node)) {
        last = node;
        if (!address && !node->ns && g_strv_contains(beforeAddress, (const char *)node->name))
            address = node;
    }
    if (macLine)
        nicInsert(f, nic, none, macLine);
    nicInsert(f, nic, afterMac, nicSource);
    if (!model)
        nicInsert(f, nic, afterMac, nicModel);
    if (address)
        vmcXmlEditInsertBefore(f->edit, address, nicAlias);
    else
        vmcXmlEditInsertAfter(f->edit, last, nicAlias);
    return 0;
}

/* For the form in which libvirt would make a tap of it. */
static void
nicRemove(forward *f)
{
    if (f->def->nics->len > 0)
        vmcXmlEditRemove(f->edit, g_ptr_array_index(f->def->nics, 0));
    if (f->stock->nic)
        vmcXmlEditRemove(f->edit, f->stock->nic);
    if (f->stock->device)
        vmcXmlEditRemove(f->edit, f->stock->device);
}

static int
nicsForward(forward *f)
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
channelsRemove(forward *f)
{
    for (guint i = 0; i < f->def->channelNodes->len; i++) {
        xmlNodePtr node = g_ptr_array_index(f->def->channelNodes, i);

        if (!vmcXmlIs(node, "interface"))
            vmcXmlEditRemove(f->edit, node);
    }
}

/*
 * The prefix of QEMU's namespace in @element's scope, with its colon; when
 * none is bound, one is declared on the domain.
 */
static char *
prefixFor(forward *f)
{
    xmlNsPtr ns = xmlSearchNsByHref(f->domain->doc, f->domain, (const xmlChar *)VMC_STOCK_URI);
    const char *name = "qemu";
    g_autofree char *declaration = NULL;

    if (ns && ns->prefix)
        return g_strdup_printf("%s:", (const char *)ns->prefix);
    if (xmlSearchNs(f->domain->doc, f->domain, (const xmlChar *)name))
        name = "vmchannel-qemu";
    declaration = g_strdup_printf("xmlns:%s", name);
    vmcXmlEditAttributeAdd(f->edit, f->domain, declaration, VMC_STOCK_URI);
    return g_strdup_printf("%s:", name);
}

/* Of an element that stands already, its own prefix; else one for the domain. */
static char *
prefixOf(forward *f, xmlNodePtr element)
{
    if (element)
        return element->ns->prefix ? g_strdup_printf("%s:", (const char *)element->ns->prefix)
                                   : g_strdup("");
    if (!f->prefix)
        f->prefix = prefixFor(f);
    return g_strdup(f->prefix);
}

static void
argumentAdd(forward *f, GPtrArray *lines, const char *prefix, const char *value)
{
    g_autofree char *text = escaped(f, value);

    g_ptr_array_add(lines, g_strdup_printf("<%sarg value='%s'/>", prefix, text));
}

/* An option of ours with its value. */
static void
optionAdd(forward *f, GPtrArray *lines, const char *prefix, const char *value)
{
    argumentAdd(f, lines, prefix, VMC_STOCK_OPTION);
    argumentAdd(f, lines, prefix, value);
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

/* The channels and their network as arguments, behind the user's own. */
static void
argumentsForward(forward *f)
{
    xmlNodePtr commandline = f->stock->commandline;
    xmlNodePtr last = commandline ? lastArgument(commandline) : NULL;
    g_autofree char *prefix = NULL;
    g_autofree char *outer = childIndent(f, f->domain);
    g_autofree char *inner = commandline ? childIndent(f, commandline)
                                         : g_strconcat(outer, "  ", NULL);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = NULL;

    if (f->def->channels->len == 0 && !f->def->hasNetwork)
        return;
    prefix = prefixOf(f, commandline);
    if (f->def->hasNetwork) {
        g_autofree char *value = vmcQemuNetworkFormat(&f->def->network);

        optionAdd(f, lines, prefix, value);
    }
    for (guint i = 0; i < f->def->channels->len; i++) {
        g_autofree char *value = vmcQemuChannelFormat(g_ptr_array_index(f->def->channels, i));

        optionAdd(f, lines, prefix, value);
    }
    text = joinLines(lines, inner);
    if (last)
        vmcXmlEditInsertAfter(f->edit, last, text);
    else if (commandline)
        vmcXmlEditInsertFirst(f->edit, commandline, text);
    else
        g_ptr_array_add(f->tail, g_strdup_printf("<%scommandline>\n%s%s\n%s</%scommandline>", prefix,
                                                 inner, text, outer, prefix));
}

/* Nested elements, one a line: "<p:NAME ATTRIBUTES>\n … </p:NAME>". */
static char *
nest(const char *prefix, const char *name, const char *attributes, const char *indent,
     const char *content)
{
    return g_strdup_printf("<%s%s%s>\n%s  %s\n%s</%s%s>", prefix, name, attributes, indent, content,
                           indent, prefix, name);
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

static void
insertLast(forward *f, xmlNodePtr parent, const char *text)
{
    xmlNodePtr last = NULL;

    for (xmlNodePtr node = vmcXmlFirst(parent); node; node = vmcXmlNext(node))
        last = node;
    if (last)
        vmcXmlEditInsertAfter(f->edit, last, text);
    else
        vmcXmlEditInsertFirst(f->edit, parent, text);
}

/* The MTU as a property of the NIC, in as much of an override as there is not yet. */
static int
mtuForward(forward *f)
{
    xmlNodePtr have = f->stock->device ? frontendOf(f->stock->device) : NULL;
    xmlNodePtr into = have ? have : f->stock->device ? f->stock->device : f->stock->override;
    g_autofree char *prefix = NULL;
    g_autofree char *property = NULL;
    g_autofree char *indent = into ? childIndent(f, into) : childIndent(f, f->domain);
    g_autofree char *in1 = g_strconcat(indent, "  ", NULL);
    g_autofree char *in2 = g_strconcat(in1, "  ", NULL);
    g_autofree char *frontend = NULL;
    g_autofree char *device = NULL;

    if (f->mtu == 0)
        return 0;
    if (f->stock->mtu) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "property '%s' of '%s' in <override>: <mtu> of <interface type='vmchannel'> says it",
                       VMC_STOCK_MTU, VMC_NIC_ALIAS);
        return -1;
    }
    prefix = prefixOf(f, into);
    property = g_strdup_printf("<%sproperty name='" VMC_STOCK_MTU "' type='unsigned' value='%u'/>",
                               prefix, f->mtu);
    if (have) {
        insertLast(f, have, property);
        return 0;
    }
    frontend = nest(prefix, "frontend", "", f->stock->device ? indent : into ? in1 : in2, property);
    if (f->stock->device) {
        insertLast(f, f->stock->device, frontend);
        return 0;
    }
    device = nest(prefix, "device", " alias='" VMC_NIC_ALIAS "'", into ? indent : in1, frontend);
    if (into)
        insertLast(f, into, device);
    else
        g_ptr_array_add(f->tail, nest(prefix, "override", "", indent, device));
    return 0;
}

/* What goes to the head of <devices> and to the end of the domain. */
static void
flush(forward *f)
{
    g_autofree char *first = childIndent(f, f->devices);
    g_autofree char *firstText = f->first->len > 0 ? joinLines(f->first, first) : NULL;
    g_autofree char *tail = childIndent(f, f->domain);
    g_autofree char *tailText = f->tail->len > 0 ? joinLines(f->tail, tail) : NULL;

    if (firstText)
        vmcXmlEditInsertFirst(f->edit, f->devices, firstText);
    if (tailText)
        insertLast(f, f->domain, tailText);
}

int
vmcDomainForward(vmcXmlEdit *edit, xmlNodePtr domain, vmcDomainDef *def, vmcStockDef *stock,
                 const vmcRewriteOptions *options, vmcRewriteResult *result)
{
    g_auto(forward) f = {
        .edit = edit, .domain = domain, .devices = vmcXmlChild(domain, "devices"),
        .def = def, .stock = stock, .options = options, .result = result,
        .first = g_ptr_array_new_with_free_func(g_free),
        .tail = g_ptr_array_new_with_free_func(g_free),
    };

    if (!f.devices) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s", "no <devices> in a domain with channels");
        return -1;
    }
    if (emulatorForward(&f) < 0 || nicsForward(&f) < 0)
        return -1;
    channelsRemove(&f);
    argumentsForward(&f);
    if (mtuForward(&f) < 0)
        return -1;
    flush(&f);
    return 0;
}
