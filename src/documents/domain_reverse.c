/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One domain back from its stock libvirt form: see domain_stock.h. Undoes what
 * domain_forward.c did, wherever libvirt has put it since, and leaves alone
 * what a user wrote beside it.
 */
#include <config.h>

#include <string.h>

#include "conf/xml.h"
#include "documents/domain_stock.h"

/* What the steps share. */
typedef struct {
    vmcXmlEdit *edit;
    xmlNodePtr domain;
    vmcStockDef *stock;
    const vmcRewriteOptions *options;
    GHashTable *removed;        /* xmlNodePtr: what goes, children included by nature */
} reversePass;

static void
emulatorReverse(reversePass *r)
{
    const char *dir = r->options->emulatorDir;
    xmlNodePtr emulator = r->stock->emulator;
    g_autofree char *text = vmcXmlText(emulator);

    /* Else it is written in other characters than we write: references, CDATA. */
    if (!vmcXmlEditUnprepend(r->edit, emulator, dir))
        vmcXmlEditContent(r->edit, emulator, g_strstrip(text) + strlen(dir));
}

/* Whether nothing but what is removed, and white space, stands in @element. */
static bool
isEmptied(const reversePass *r, xmlNodePtr element)
{
    for (xmlNodePtr node = element->children; node; node = node->next) {
        if (!g_hash_table_contains(r->removed, node) && !xmlIsBlankNode(node))
            return false;
    }
    return true;
}

/* Takes @node out, and with it each parent that it leaves empty, up to the domain. */
static void
removeUpwards(reversePass *r, xmlNodePtr node)
{
    g_hash_table_add(r->removed, node);
    while (node->parent != r->domain && isEmptied(r, node->parent)) {
        node = node->parent;
        g_hash_table_add(r->removed, node);
    }
    vmcXmlEditRemove(r->edit, node);
}

/* The MTU is an attribute of the NIC again, where libvirt writes it. */
static void
mtuReverse(reversePass *r)
{
    static const char *const behind[] = {
        "coalesce", "boot", "alias", "rom", "acpi", "address", NULL
    };
    xmlNodePtr nic = r->stock->nic;
    g_autofree char *value = vmcXmlAttribute(r->stock->mtu, "value");

    if (!value || !vmcStockNicHasMtu(nic))
        return;
    vmcXmlEditInsertNode(r->edit, nic, vmcStockAnchorBefore(nic, behind),
                         vmcXmlElement(NULL, "mtu", "size", value, NULL));
    removeUpwards(r, r->stock->mtu);
}

/* The network as libvirt writes the address of a NIC, behind the MAC. */
static void
networkReverse(reversePass *r)
{
    xmlNodePtr nic = r->stock->nic;
    xmlNodePtr mac = vmcXmlChild(nic, "mac");
    const vmcNetworkDef *net = &r->stock->net;

    if (net->given) {
        g_autofree char *guest = vmcNetworkGuest(&net->network);
        g_autofree char *prefix = g_strdup_printf("%u", net->network.prefix);

        vmcXmlEditInsertNode(r->edit, nic, mac,
                             vmcXmlElement(NULL, "ip", "address", guest, "family", "ipv4",
                                           "prefix", prefix, NULL));
    }
    if (net->noDhcp)
        vmcXmlEditInsertNode(r->edit, nic, mac,
                             vmcXmlElement(NULL, "dhcp", "enabled", "no", NULL));
}

static void
nicReverse(reversePass *r)
{
    xmlNodePtr nic = r->stock->nic;

    vmcXmlEditAttribute(r->edit, nic, "type", "vmchannel");
    /* Its source and alias are there: the NIC was found by them. */
    vmcXmlEditRemove(r->edit, vmcStockNicSource(nic));
    mtuReverse(r);
    vmcXmlEditRemove(r->edit, vmcXmlChild(nic, "alias"));
    networkReverse(r);
}

static void
argumentsReverse(reversePass *r)
{
    GPtrArray *arguments = r->stock->arguments;
    xmlNodePtr last = NULL;

    for (guint i = 0; i < arguments->len; i++)
        g_hash_table_add(r->removed, g_ptr_array_index(arguments, i));
    for (guint i = 0; i < arguments->len; i++) {
        xmlNodePtr node = g_ptr_array_index(arguments, i);

        /* Arguments of one parent come one after the other: it is looked at once. */
        if (node->parent != last && isEmptied(r, node->parent)) {
            g_hash_table_add(r->removed, node->parent);
            vmcXmlEditRemove(r->edit, node->parent);
        }
        last = node->parent;
        if (!g_hash_table_contains(r->removed, last))
            vmcXmlEditRemove(r->edit, node);
    }
}

/* Where channels go: behind the last character device, or what libvirt puts before those. */
static xmlNodePtr
channelAnchor(xmlNodePtr devices)
{
    static const char *const chrs[] = { "serial", "parallel", "console", "channel", NULL };
    static const char *const before[] = {
        "emulator", "disk", "controller", "lease", "filesystem", "interface", "smartcard", NULL
    };
    xmlNodePtr anchor = vmcStockAnchor(devices, chrs);

    return anchor ? anchor : vmcStockAnchor(devices, before);
}

static void
chrDefFree(gpointer def)
{
    vmcChrDefFree(def);
}

/* What libvirt shows of a running domain's device, and ignores when it is given it. */
static vmcChrDef *
liveDef(const vmcLiveChannel *live)
{
    vmcChrDef *def = vmcChrDefFromChannel(live->channel);

    if (!def->alias)
        def->alias = vmcLiveAlias(live->channel);
    def->targetState = g_strdup(live->connected ? "connected" : "disconnected");
    if (live->path) {
        g_free(def->source.path);
        def->source.path = g_strdup(live->path);
    }
    return def;
}

/* The channels that the domain has (vmcChrDef *); the caller unrefs them. */
static GPtrArray *
channelDefs(const reversePass *r)
{
    GPtrArray *defs = g_ptr_array_new_with_free_func(chrDefFree);
    g_autoptr(GPtrArray) recorded = vmcStockRecorded(r->stock);
    const GPtrArray *channels = recorded ? recorded : r->stock->channels;

    for (guint i = 0; r->options->live && i < r->options->live->len; i++)
        g_ptr_array_add(defs, liveDef(g_ptr_array_index(r->options->live, i)));
    for (guint i = 0; !r->options->live && i < channels->len; i++)
        g_ptr_array_add(defs, vmcChrDefFromChannel(g_ptr_array_index(channels, i)));
    return defs;
}

/* In the order of the arguments, of the record, or of the relay's list. */
static void
channelsReverse(reversePass *r, xmlNodePtr devices)
{
    g_autoptr(GPtrArray) defs = channelDefs(r);
    xmlNodePtr anchor = channelAnchor(devices);
    xmlNodePtr first = vmcXmlFirst(devices);
    g_autofree char *indent = vmcXmlEditIndent(r->edit, anchor ? anchor : first ? first : devices);

    for (guint i = 0; i < defs->len; i++) {
        g_autofree char *text = vmcChrDefFormat(g_ptr_array_index(defs, i), indent,
                                                vmcXmlEditAscii(r->edit));

        if (anchor)
            vmcXmlEditInsertAfter(r->edit, anchor, text);
        else
            vmcXmlEditInsertFirst(r->edit, devices, text);
    }
}

/* Whether anything that stays under @node uses the declaration @ns. */
static bool
usesNamespace(const reversePass *r, xmlNodePtr node, const xmlNs *ns)
{
    if (g_hash_table_contains(r->removed, node))
        return false;
    if (node->ns == ns)
        return true;
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        if (attribute->ns == ns)
            return true;
    }
    for (xmlNodePtr child = vmcXmlFirst(node); child; child = vmcXmlNext(child)) {
        if (usesNamespace(r, child, ns))
            return true;
    }
    return false;
}

/* libvirt declares the namespace exactly when something uses it. */
static void
namespaceReverse(reversePass *r)
{
    if (g_hash_table_size(r->removed) == 0)
        return;
    for (const xmlNs *ns = r->domain->nsDef; ns; ns = ns->next) {
        g_autofree char *name = NULL;

        if (!ns->prefix || !g_str_equal((const char *)ns->href, VMC_STOCK_URI) ||
            usesNamespace(r, r->domain, ns))
            continue;
        name = g_strdup_printf("xmlns:%s", (const char *)ns->prefix);
        vmcXmlEditAttributeRemove(r->edit, r->domain, name);
    }
}

void
vmcDomainReverse(vmcXmlEdit *edit, xmlNodePtr domain, vmcStockDef *stock,
                 const vmcRewriteOptions *options)
{
    g_autoptr(GHashTable) removed = g_hash_table_new(NULL, NULL);
    reversePass r = {
        .edit = edit, .domain = domain, .stock = stock, .options = options, .removed = removed,
    };
    xmlNodePtr devices = vmcXmlChild(domain, "devices");

    if (stock->wrapped)
        emulatorReverse(&r);
    if (stock->nic)
        nicReverse(&r);
    if (devices) {
        channelsReverse(&r, devices);
        argumentsReverse(&r);
        if (stock->record)
            removeUpwards(&r, stock->record);
    }
    namespaceReverse(&r);
}
