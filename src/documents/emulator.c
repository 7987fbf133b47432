/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emulator files in words: see emulator.h. */
#include <config.h>

#include "documents/emulator.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "conf/xml.h"
#include "documents/domain_stock.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

char *
vmcEmulatorOf(const char *xml, const vmcRewriteOptions *options)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlNodePtr domain = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autoptr(vmcStockDef) stock =
        domain && vmcXmlIs(domain, "domain") ? vmcStockDefParse(domain, options) : NULL;
    g_autofree char *text = stock && stock->emulator ? vmcXmlText(stock->emulator) : NULL;
    const char *path = text ? g_strstrip(text) : "";

    if (stock && stock->wrapped)
        path += strlen(options->emulatorDir);
    return *path ? g_strdup(path) : NULL;
}

/* "Cannot check QEMU binary PATH: No such file or directory", in whatever language. */
char *
vmcEmulatorInError(int code, const char *message, const char *emulatorDir)
{
    const char *found = code == VIR_ERR_SYSTEM_ERROR ? strstr(message, emulatorDir) : NULL;
    const char *path = found ? found + strlen(emulatorDir) : "";
    const char *end = strstr(path, ": ");
    size_t length = end ? (size_t)(end - path) : strlen(path);

    if (path[0] != '/')
        return NULL;
    /* Some put it in quotes. */
    return g_strndup(path, path[length - 1] == '\'' ? length - 1 : length);
}

char *
vmcEmulatorRemedy(const char *qemu)
{
    g_autofree char *quoted = strpbrk(qemu, " '\"\\$`&;()<>|*?[#~") ? g_shell_quote(qemu) : NULL;

    return g_strdup_printf("%s %s", PKGLIBEXECDIR "/update-emulators", quoted ? quoted : qemu);
}

void
vmcEmulatorReportMissing(const char *qemu, bool installed)
{
    g_autofree char *remedy = vmcEmulatorRemedy(qemu);

    if (installed)
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'%s' in <emulator> has no emulator file of vmchannel: run '%s' as root",
                       qemu, remedy);
    else
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'%s' in <emulator> is not on this host: expected the path of a QEMU that is",
                       qemu);
}
