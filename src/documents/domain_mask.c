/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of what a guest may see of a domain: see domain_mask.h. */
#include <config.h>

#include "documents/domain_mask.h"

#include <string.h>

#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/*
 * An element, in a parent, that may be seen with these attributes, and with
 * its text where a # is among them. A parent of "*" is any device.
 */
typedef struct {
    const char *parent;
    const char *name;
    const char *attributes;
} visibleElement;

static const visibleElement visibleElements[] = {
    { "domain", "name", "#" },
    { "domain", "uuid", "#" },
    { "domain", "title", "#" },
    { "domain", "description", "#" },
    { "domain", "memory", "# unit dumpCore" },
    { "domain", "currentMemory", "# unit" },
    { "domain", "maxMemory", "# unit slots" },
    { "domain", "vcpu", "# placement current" },
    { "domain", "vcpus", "" },
    { "vcpus", "vcpu", "id enabled hotpluggable order" },
    { "domain", "iothreads", "#" },
    { "domain", "os", "firmware" },
    { "os", "type", "# arch machine" },
    { "os", "boot", "dev" },
    { "os", "bootmenu", "enable timeout" },
    { "os", "bios", "useserial rebootTimeout" },
    { "os", "smbios", "mode" },
    { "domain", "features", "" },
    { "features", "acpi", "" },
    { "features", "apic", "eoi" },
    { "features", "pae", "" },
    { "features", "hap", "state" },
    { "features", "smm", "state" },
    { "features", "vmport", "state" },
    { "features", "gic", "version" },
    { "domain", "cpu", "mode match check migratable" },
    { "cpu", "model", "# fallback" },
    { "cpu", "vendor", "#" },
    { "cpu", "topology", "sockets dies clusters cores threads" },
    { "cpu", "feature", "policy name" },
    { "cpu", "cache", "level mode" },
    { "cpu", "numa", "" },
    { "numa", "cell", "id cpus memory unit" },
    { "domain", "clock", "offset timezone adjustment basis" },
    { "clock", "timer", "name tickpolicy present track frequency mode" },
    { "domain", "on_poweroff", "#" },
    { "domain", "on_reboot", "#" },
    { "domain", "on_crash", "#" },
    { "domain", "on_lockfailure", "#" },
    { "domain", "pm", "" },
    { "pm", "suspend-to-mem", "enabled" },
    { "pm", "suspend-to-disk", "enabled" },
    { "domain", "devices", "" },

    { "*", "alias", "name" },
    { "*", "address", "type domain bus slot function multifunction controller target unit port"
                      " iobase irq" },
    { "*", "boot", "order" },
    { "devices", "disk", "type device" },
    { "disk", "driver", "name type cache io discard" },
    { "disk", "target", "dev bus tray removable rotation_rate" },
    { "disk", "serial", "#" },
    { "disk", "vendor", "#" },
    { "disk", "product", "#" },
    { "disk", "readonly", "" },
    { "disk", "shareable", "" },
    { "disk", "transient", "" },
    { "disk", "blockio", "logical_block_size physical_block_size" },
    { "devices", "filesystem", "type accessmode" },
    { "filesystem", "target", "dir" },
    { "filesystem", "readonly", "" },
    { "devices", "controller", "type index model ports vectors" },
    { "controller", "master", "startport" },
    { "controller", "model", "name" },
    { "controller", "target", "chassisNr chassis port busNr index" },
    { "devices", "interface", "type" },
    { "interface", "mac", "address" },
    { "interface", "target", "dev" },
    { "interface", "model", "type" },
    { "interface", "mtu", "size" },
    { "interface", "link", "state" },
    { "devices", "serial", "type" },
    { "serial", "target", "type port" },
    { "devices", "parallel", "type" },
    { "parallel", "target", "type port" },
    { "devices", "console", "type" },
    { "console", "target", "type port" },
    { "devices", "channel", "type" },
    { "channel", "target", "type name state address port" },
    { "devices", "vmchannel", "type" },
    { "vmchannel", "target", "address port state" },
    { "target", "model", "name" },
    { "devices", "input", "type bus model" },
    { "devices", "hub", "type" },
    { "devices", "graphics", "type" },
    { "devices", "video", "" },
    { "video", "model", "type ram vram vram64 vgamem heads primary" },
    { "devices", "sound", "model" },
    { "sound", "codec", "type" },
    { "devices", "audio", "id type" },
    { "devices", "watchdog", "model action" },
    { "devices", "memballoon", "model autodeflate freePageReporting" },
    { "memballoon", "stats", "period" },
    { "devices", "rng", "model" },
    { "rng", "rate", "bytes period" },
    { "devices", "panic", "model" },
    { "devices", "iommu", "model" },
    { "devices", "tpm", "model" },
    { "devices", "vsock", "model" },
    { "vsock", "cid", "auto address" },
    { "devices", "hostdev", "mode type" },
    { "devices", "redirdev", "bus type" },
    { "devices", "shmem", "role" },
    { "shmem", "model", "type" },
    { "shmem", "size", "# unit" },
};

/* Whether @word is one of the words of @list. */
static bool
hasWord(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool
isParent(const visibleElement *row, xmlNodePtr parent)
{
    if (strcmp(row->parent, "*") == 0)
        return parent->parent && vmcXmlIs(parent->parent, "devices");
    return vmcXmlIs(parent, row->parent);
}

/* The row of @element in its parent, or NULL. */
static const visibleElement *
findRow(xmlNodePtr element)
{
    for (size_t i = 0; i < G_N_ELEMENTS(visibleElements); i++) {
        if (vmcXmlIs(element, visibleElements[i].name) &&
            isParent(&visibleElements[i], element->parent))
            return &visibleElements[i];
    }
    return NULL;
}

static void
maskAttributes(xmlNodePtr element, const char *attributes)
{
    xmlAttrPtr next;

    for (xmlAttrPtr attribute = element->properties; attribute; attribute = next) {
        next = attribute->next;
        if (attribute->ns || !hasWord(attributes, (const char *)attribute->name))
            xmlRemoveProp(attribute);
    }
}

static void mask(xmlNodePtr element, const char *attributes);

/* Masks an element, or takes it out; takes out all that is no text either. */
static void
maskChild(xmlNodePtr child, bool text)
{
    const visibleElement *row = child->type == XML_ELEMENT_NODE ? findRow(child) : NULL;
    bool isText = child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE;

    if (row)
        mask(child, row->attributes);
    else if (!isText || !text)
        vmcXmlRemove(child);
}

static void
mask(xmlNodePtr element, const char *attributes)
{
    bool text = hasWord(attributes, "#");
    xmlNodePtr next;

    maskAttributes(element, attributes);
    for (xmlNodePtr child = element->children; child; child = next) {
        next = child->next;
        maskChild(child, text);
    }
    xmlFreeNsList(element->nsDef);
    element->nsDef = NULL;
}

char *
vmcDomainMask(const char *xml)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    GString *out;

    if (!doc)
        return NULL;
    if (!vmcXmlIs(root, "domain")) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s", "the document is no <domain>");
        return NULL;
    }
    mask(root, "type id");
    out = g_string_new(NULL);
    vmcXmlFormat(out, root, "", false);
    g_string_append_c(out, '\n');
    return g_string_free(out, FALSE);
}
