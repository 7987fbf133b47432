/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-vmchannel dumpxml: a domain of a libvirt without the proxy, as it was written. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "tools/connection.h"

static gboolean inactive;
static gboolean securityInfo;

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "inactive", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &inactive,
      "The definition, also while the domain runs", NULL },
    { "security-info", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &securityInfo,
      "With passwords and the like", NULL },
    G_OPTION_ENTRY_NULL
};

static int
dumpxml(const char *const *args)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    unsigned int flags = (inactive ? VIR_DOMAIN_XML_INACTIVE : 0) |
                         (securityInfo ? VIR_DOMAIN_XML_SECURE : 0);
    g_autoptr(vmcConnection) connection = vmcToolConnect();
    g_autoptr(vmcDomain) domain = connection ? vmcToolFindDomain(connection, args[0]) : NULL;
    g_autofree char *stock = NULL;
    g_autofree char *xml = NULL;

    if (!domain)
        return vmcToolFail();
    stock = virDomainGetXMLDesc(domain, flags);
    if (!stock)
        vmcToolReportLibvirt();
    xml = stock ? vmcDomainRewriteReverse(stock, &rewrite) : NULL;
    if (!xml)
        return vmcToolFail();
    fputs(xml, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : VMC_EXIT_FAILURE;
}

const vmcCommand vmcCommandDumpxml = {
    .name = "dumpxml",
    .arguments = "DOMAIN",
    .summary = "Print a domain of libvirt with its <vmchannel> devices",
    .description = "DOMAIN is a name or a uuid.",
    .run = dumpxml,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
