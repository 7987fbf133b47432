/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the parts of the stock form in a domain: see domain_stock.h. Edits nothing. */
#include <config.h>

#include "documents/domain_stock.h"

#include <string.h>

#include "conf/xml.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

static void
channelFree(gpointer channel)
{
    vmcChannelFree(channel);
}

void
vmcStockDefFree(vmcStockDef *stock)
{
    if (!stock)
        return;
    g_ptr_array_unref(stock->arguments);
    g_ptr_array_unref(stock->values);
    g_ptr_array_unref(stock->channels);
    g_free(stock);
}

bool
vmcStockDefIsStock(const vmcStockDef *stock)
{
    return stock->wrapped || stock->nic || stock->channels->len > 0 || stock->record;
}

xmlNodePtr
vmcStockNicSource(xmlNodePtr nic)
{
    xmlNodePtr source = vmcXmlChild(nic, "source");

    return source && vmcXmlAttributeIs(source, "address", VMC_STOCK_NIC_ADDRESS) &&
           vmcXmlAttributeIs(source, "port", VMC_STOCK_NIC_PORT) ? source : NULL;
}

/* A NIC whose <source> was changed since is no longer the channels'. */
static bool
isStockNic(xmlNodePtr node)
{
    return vmcXmlIs(node, "interface") && vmcXmlAttributeIs(node, "type", VMC_STOCK_NIC_TYPE) &&
           vmcXmlAttributeIs(vmcXmlChild(node, "alias"), "name", VMC_NIC_ALIAS) &&
           vmcStockNicSource(node);
}

bool
vmcStockNicHasMtu(xmlNodePtr nic)
{
    g_autofree char *model = vmcXmlAttribute(vmcXmlChild(nic, "model"), "type");

    return !model || g_str_has_prefix(model, "virtio");
}

static void
devicesParse(vmcStockDef *stock, xmlNodePtr devices, const vmcRewriteOptions *options)
{
    for (xmlNodePtr node = vmcXmlFirst(devices); node; node = vmcXmlNext(node)) {
        if (vmcXmlIs(node, "emulator") && !stock->emulator) {
            g_autofree char *text = vmcXmlText(node);
            const char *path = g_strstrip(text);

            stock->emulator = node;
            stock->wrapped = g_str_has_prefix(path, options->emulatorDir) &&
                             path[strlen(options->emulatorDir)] == '/';
        } else if (isStockNic(node) && !stock->nic) {
            stock->nic = node;
        }
    }
}

/* The next <qemu:arg> behind @node. */
static xmlNodePtr
argumentFrom(xmlNodePtr node)
{
    while (node && !vmcXmlIsNs(node, VMC_STOCK_URI, "arg"))
        node = vmcXmlNext(node);
    return node;
}

/* Takes the value of one -vmchannel; false: <vmchannel> cannot say it. */
static bool
optionParse(vmcStockDef *stock, const char *value)
{
    vmcChannel *channel;

    /* The network is shown in the NIC. */
    if (vmcQemuNetworkIs(value))
        return stock->nic && vmcQemuNetworkParse(value, &stock->net) == 0;
    channel = vmcQemuChannelParse(value);
    if (channel)
        g_ptr_array_add(stock->channels, channel);
    return channel;
}

static void
commandlineParse(vmcStockDef *stock, xmlNodePtr commandline)
{
    xmlNodePtr argument = argumentFrom(vmcXmlFirst(commandline));

    stock->commandline = commandline;
    for (xmlNodePtr node = argument; node; node = argumentFrom(vmcXmlNext(node))) {
        char *value = vmcXmlAttribute(node, "value");

        g_ptr_array_add(stock->values, value ? value : g_strdup(""));
    }
    while (argument) {
        xmlNodePtr next = argumentFrom(vmcXmlNext(argument));
        g_autofree char *value = vmcXmlAttribute(next, "value");

        if (value && vmcXmlAttributeIs(argument, "value", VMC_STOCK_OPTION) &&
            optionParse(stock, value)) {
            g_ptr_array_add(stock->arguments, argument);
            g_ptr_array_add(stock->arguments, next);
            next = argumentFrom(vmcXmlNext(next));
        }
        argument = next;
    }
}

bool
vmcStockMtuFromString(const char *text, unsigned int *mtu)
{
    guint64 value;

    if (!text || !g_ascii_string_to_unsigned(text, 10, VMC_NIC_MTU_MIN, VMC_NIC_MTU_MAX, &value,
                                             NULL))
        return false;
    *mtu = (unsigned int)value;
    return true;
}

static bool
isStockMtu(xmlNodePtr node)
{
    g_autofree char *value = vmcXmlAttribute(node, "value");
    unsigned int mtu;

    return vmcXmlIsNs(node, VMC_STOCK_URI, "property") &&
           vmcXmlAttributeIs(node, "name", VMC_STOCK_MTU) &&
           vmcXmlAttributeIs(node, "type", "unsigned") &&
           vmcStockMtuFromString(value, &mtu);
}

static void
deviceParse(vmcStockDef *stock, xmlNodePtr device)
{
    stock->device = device;
    for (xmlNodePtr frontend = vmcXmlFirst(device); frontend; frontend = vmcXmlNext(frontend)) {
        if (!vmcXmlIsNs(frontend, VMC_STOCK_URI, "frontend"))
            continue;
        for (xmlNodePtr node = vmcXmlFirst(frontend); node; node = vmcXmlNext(node)) {
            if (isStockMtu(node))
                stock->mtu = node;
        }
    }
}

static void
overrideParse(vmcStockDef *stock, xmlNodePtr override)
{
    stock->override = override;
    for (xmlNodePtr node = vmcXmlFirst(override); node; node = vmcXmlNext(node)) {
        if (vmcXmlIsNs(node, VMC_STOCK_URI, "device") &&
            vmcXmlAttributeIs(node, "alias", VMC_NIC_ALIAS))
            deviceParse(stock, node);
    }
}

static void
metadataParse(vmcStockDef *stock, xmlNodePtr metadata)
{
    for (xmlNodePtr node = vmcXmlFirst(metadata); node; node = vmcXmlNext(node)) {
        if (vmcXmlIsNs(node, VMC_RECORD_URI, VMC_RECORD_ELEMENT))
            stock->record = node;
    }
}

GPtrArray *
vmcStockRecorded(const vmcStockDef *stock)
{
    GPtrArray *channels = stock->record ? g_ptr_array_new_with_free_func(channelFree) : NULL;

    for (xmlNodePtr node = vmcXmlFirst(stock->record); node; node = vmcXmlNext(node)) {
        g_autofree char *value = vmcXmlText(node);
        vmcChannel *channel = vmcQemuChannelParse(value);

        if (channel)
            g_ptr_array_add(channels, channel);
    }
    vmcErrorReset();
    return channels;
}

vmcStockDef *
vmcStockDefParse(xmlNodePtr domain, const vmcRewriteOptions *options)
{
    vmcStockDef *stock = g_new0(vmcStockDef, 1);

    stock->arguments = g_ptr_array_new();
    stock->values = g_ptr_array_new_with_free_func(g_free);
    stock->channels = g_ptr_array_new_with_free_func(channelFree);
    for (xmlNodePtr node = vmcXmlFirst(domain); node; node = vmcXmlNext(node)) {
        if (vmcXmlIs(node, "devices"))
            devicesParse(stock, node, options);
        else if (vmcXmlIs(node, "metadata"))
            metadataParse(stock, node);
        else if (vmcXmlIsNs(node, VMC_STOCK_URI, "override"))
            overrideParse(stock, node);
    }
    /* Afterwards: what an argument is depends on the NIC. */
    for (xmlNodePtr node = vmcXmlFirst(domain); node; node = vmcXmlNext(node)) {
        if (vmcXmlIsNs(node, VMC_STOCK_URI, "commandline"))
            commandlineParse(stock, node);
    }
    vmcErrorReset();
    return stock;
}

static bool
isNamed(xmlNodePtr node, const char *const *names)
{
    return !node->ns && g_strv_contains(names, (const char *)node->name);
}

xmlNodePtr
vmcStockAnchor(xmlNodePtr parent, const char *const *names)
{
    xmlNodePtr anchor = NULL;

    for (xmlNodePtr node = vmcXmlFirst(parent); node; node = vmcXmlNext(node)) {
        if (isNamed(node, names))
            anchor = node;
    }
    return anchor;
}

xmlNodePtr
vmcStockAnchorBefore(xmlNodePtr parent, const char *const *names)
{
    xmlNodePtr anchor = NULL;

    for (xmlNodePtr node = vmcXmlFirst(parent); node && !isNamed(node, names);
         node = vmcXmlNext(node))
        anchor = node;
    return anchor;
}
