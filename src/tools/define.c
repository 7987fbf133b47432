/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-vmchannel define: a domain with channels for a libvirt without the proxy. */
#include <config.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static gboolean validate;

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "validate", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &validate,
      "Have libvirt check the document against its schema", NULL },
    G_OPTION_ENTRY_NULL
};

/* Returns the string that @expression finds in @xml, or NULL. */
static char *
xpathString(const char *xml, const char *expression)
{
    xmlDocPtr doc = xmlReadMemory(xml, strlen(xml), NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
    xmlXPathObjectPtr found =
        context ? xmlXPathEvalExpression((const xmlChar *)expression, context) : NULL;
    char *string = found && found->stringval && *found->stringval
        ? g_strdup((const char *)found->stringval) : NULL;

    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    xmlFreeDoc(doc);
    return string;
}

/*
 * The emulator that libvirt itself would take for a document that names none
 * (distributions differ). NULL: the document names one, or libvirt does not say.
 */
static char *
emulatorOf(vmcConnection *connection, const char *xml)
{
    g_autofree char *named = xpathString(xml, "string(/domain/devices/emulator)");
    g_autofree char *arch = xpathString(xml, "string(/domain/os/type/@arch)");
    g_autofree char *type = xpathString(xml, "string(/domain/@type)");
    g_autofree char *capabilities = NULL;

    if (named)
        return NULL;
    capabilities = virConnectGetDomainCapabilities(connection, NULL, arch, NULL, type, 0);
    return capabilities ? xpathString(capabilities, "string(/domainCapabilities/path)") : NULL;
}

static int
defineStock(vmcConnection *connection, const char *stock)
{
    g_autoptr(vmcDomain) domain =
        virDomainDefineXMLFlags(connection, stock, validate ? VIR_DOMAIN_DEFINE_VALIDATE : 0);

    if (!domain) {
        vmcToolReportLibvirt();
        return -1;
    }
    printf("domain '%s' is defined\n", virDomainGetName(domain));
    return 0;
}

static int
define(const char *const *args)
{
    g_autofree char *xml = vmcToolReadDocument(args[0]);
    g_autoptr(vmcConnection) connection = xml ? vmcToolConnect() : NULL;
    g_autofree char *emulator = connection ? emulatorOf(connection, xml) : NULL;
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir(), .emulator = emulator };
    g_autofree char *stock =
        connection ? vmcRewriteText(vmcDomainRewriteForward(xml, &rewrite)) : NULL;

    if (!stock || defineStock(connection, stock) < 0)
        return vmcToolFail();
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandDefine = {
    .name = "define",
    .arguments = "FILE",
    .summary = "Define a domain with <vmchannel> devices in libvirt",
    .description =
        "FILE is a domain document, or - for standard input. The domain starts,\n"
        "autostarts and is listed by libvirt and virsh as any other.",
    .run = define,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
