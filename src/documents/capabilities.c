/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's domain capabilities: see capabilities.h. */
#include <config.h>

#include "documents/capabilities.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "conf/domain_chr.h"
#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

char *
vmcCapabilitiesEmulator(const char *capabilities)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(capabilities);
    xmlNodePtr path = doc ? vmcXmlChild(xmlDocGetRootElement(doc), "path") : NULL;
    g_autofree char *text = path ? vmcXmlText(path) : NULL;

    if (!doc)
        return NULL;
    if (!text || *g_strstrip(text) != '/') {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "no emulator in the domain capabilities");
        return NULL;
    }
    return g_steal_pointer(&text);
}

static bool
isQemu(xmlNodePtr capabilities)
{
    xmlNodePtr node = vmcXmlChild(capabilities, "domain");
    g_autofree char *type = node ? vmcXmlText(node) : NULL;

    return vmcXmlIs(capabilities, "domainCapabilities") && type &&
           (strcmp(type, "qemu") == 0 || strcmp(type, "kvm") == 0);
}

static char *
announcement(void)
{
    GString *text = g_string_new("    <vmchannel supported='yes'>\n"
                                 "      <enum name='type'>\n");

    for (int i = 0; i < VMC_CHR_TYPE_LAST; i++) {
        if (vmcChrTypeIsChannel(i))
            g_string_append_printf(text, "        <value>%s</value>\n", vmcChrTypeToString(i));
    }
    g_string_append(text, "      </enum>\n"
                          "    </vmchannel>\n");
    return g_string_free(text, FALSE);
}

char *
vmcCapabilitiesAnnounce(const char *capabilities)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(capabilities);
    const char *end = g_strrstr(capabilities, "</devices>");
    g_autofree char *text = NULL;

    if (!doc || !end || !isQemu(xmlDocGetRootElement(doc)))
        return g_strdup(capabilities);
    while (end > capabilities && end[-1] == ' ')
        end--;
    text = announcement();
    return g_strdup_printf("%.*s%s%s", (int)(end - capabilities), capabilities, text, end);
}
