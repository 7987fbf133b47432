/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents that nobody here wrote: see corpus.h. */
#include <config.h>

#include "tests/lib/corpus.h"

#include <string.h>

#include "conf/xml.h"
#include "documents/xml_edit.h"
#include "tests/lib/testutils.h"

static char *
corpusFolder(void)
{
    const char *named = g_getenv("VMCHANNEL_CORPUS");

    return named ? g_strdup(named) : testPath("../../shared/corpus/domains");
}

GStrv
corpusDocuments(void)
{
    g_autofree char *folder = corpusFolder();
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GPtrArray *names = g_ptr_array_new();
    const char *file;

    while (dir && (file = g_dir_read_name(dir))) {
        if (g_str_has_suffix(file, ".xml"))
            g_ptr_array_add(names, g_build_filename(folder, file, NULL));
    }
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

bool
corpusIsOurs(const char *xml)
{
    return strstr(xml, "guestfwd") != NULL;
}

/* As libvirt would write them. */
static const char nic[] =
    "<interface type='vmchannel'>\n"
    "  <mac address='52:54:00:12:34:56'/>\n"
    "  <model type='virtio'/>\n"
    "  <mtu size='65520'/>\n"
    "  <address type='pci' domain='0x0000' bus='0x00' slot='0x1d' function='0x0'/>\n"
    "</interface>";
static const char channels[] =
    "<vmchannel type='unix'>\n"
    "  <source mode='connect' path='/run/a,b&amp;c'/>\n"
    "  <target port='600'/>\n"
    "  <alias name='ua-agent'/>\n"
    "</vmchannel>\n"
    "<channel type='unix'>\n"
    "  <source mode='bind' path='/run/d'/>\n"
    "  <target type='guestfwd' address='10.0.2.4' port='601'/>\n"
    "</channel>";

/* Puts @text behind @anchor, indented as that is, or first among the devices. */
static void
insertIndented(vmcXmlEdit *edit, xmlNodePtr devices, xmlNodePtr anchor, const char *text)
{
    xmlNodePtr like = anchor ? anchor : vmcXmlFirst(devices);
    g_autofree char *indent = vmcXmlEditIndent(edit, like ? like : devices);
    g_autofree char *separator = g_strconcat("\n", like ? "" : "  ", indent, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    g_autofree char *indented = g_strjoinv(separator, lines);

    if (anchor)
        vmcXmlEditInsertAfter(edit, anchor, indented);
    else
        vmcXmlEditInsertFirst(edit, devices, indented);
}

static xmlNodePtr
lastOf(xmlNodePtr devices, const char *const *names)
{
    xmlNodePtr last = NULL;

    for (xmlNodePtr node = vmcXmlFirst(devices); node; node = vmcXmlNext(node)) {
        if (!node->ns && g_strv_contains(names, (const char *)node->name))
            last = node;
    }
    return last;
}

char *
corpusWithChannels(const char *xml)
{
    static const char *const before[] = {
        "emulator", "disk", "controller", "lease", "filesystem", "interface", NULL
    };
    static const char *const chrs[] = { "serial", "parallel", "console", "channel", NULL };
    static const char *const smartcard[] = { "smartcard", NULL };
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlNodePtr root = xmlDocGetRootElement(doc);
    xmlNodePtr devices = vmcXmlChild(root, "devices");
    g_autofree char *type = vmcXmlAttribute(root, "type");
    xmlNodePtr anchor = devices ? lastOf(devices, before) : NULL;
    xmlNodePtr chr = devices ? lastOf(devices, chrs) : NULL;
    g_autofree char *both = g_strconcat(nic, "\n", channels, NULL);
    g_autoptr(vmcXmlEdit) edit = NULL;

    if (!vmcXmlIs(root, "domain") || !devices ||
        (g_strcmp0(type, "qemu") != 0 && g_strcmp0(type, "kvm") != 0))
        return NULL;
    edit = vmcXmlEditNew(xml, doc);
    if (!chr)
        chr = lastOf(devices, smartcard);
    if (!anchor && !vmcXmlFirst(devices)) {
        insertIndented(edit, devices, NULL, both);
        return vmcXmlEditFinish(edit);
    }
    insertIndented(edit, devices, anchor, nic);
    insertIndented(edit, devices, chr ? chr : anchor, channels);
    return vmcXmlEditFinish(edit);
}
