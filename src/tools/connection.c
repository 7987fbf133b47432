/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt as the commands use it: see connection.h. */
#include <config.h>

#include "tools/connection.h"

#include <libvirt/virterror.h>
#include <stdbool.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

char *vmcToolUri;

void
vmcToolReportLibvirt(void)
{
    virErrorPtr error = virGetLastError();

    /* libvirt's message is whole already: it must not get a second prefix. */
    vmcErrorSet(error ? error->domain : VIR_FROM_NONE,
                error ? error->code : VIR_ERR_INTERNAL_ERROR,
                error && error->message ? error->message : "libvirt reports no reason");
}

static void
ignoreError(void *opaque G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

static gpointer
eventThread(gpointer opaque G_GNUC_UNUSED)
{
    while (virEventRunDefaultImpl() == 0)
        continue;
    return NULL;
}

void
vmcToolStartLibvirt(void)
{
    static bool started;

    if (started)
        return;
    started = true;
    virSetErrorFunc(NULL, ignoreError);
    virEventRegisterDefaultImpl();
    g_thread_unref(g_thread_new("events", eventThread, NULL));
}

vmcConnection *
vmcToolConnect(void)
{
    vmcConnection *connection;

    vmcToolStartLibvirt();
    connection = virConnectOpenAuth(vmcToolUri, virConnectAuthPtrDefault, 0);
    if (!connection)
        vmcToolReportLibvirt();
    return connection;
}

vmcDomain *
vmcToolFindDomain(vmcConnection *connection, const char *nameOrUuid)
{
    vmcDomain *domain = virDomainLookupByName(connection, nameOrUuid);

    if (!domain)
        domain = virDomainLookupByUUIDString(connection, nameOrUuid);
    if (!domain)
        vmcReportError(VIR_ERR_NO_DOMAIN, "no domain has the name or uuid '%s'", nameOrUuid);
    return domain;
}
