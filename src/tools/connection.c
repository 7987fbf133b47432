/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt as the commands use it: see connection.h. */
#include <config.h>

#include "tools/connection.h"

#include <libvirt/virterror.h>
#include <stdbool.h>
#include <string.h>

#include "documents/emulator.h"
#include "tools/command.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

char *vmcToolUri;

void
vmcToolReportLibvirt(void)
{
    virErrorPtr error = virGetLastError();
    int code = error ? error->code : VIR_ERR_INTERNAL_ERROR;
    const char *message = error && error->message ? error->message : "libvirt reports no reason";
    const char *dir = vmcToolEmulatorDir();
    g_autofree char *qemu = vmcEmulatorInError(code, message, dir);
    g_autofree char *file = qemu ? g_strconcat(dir, qemu, NULL) : NULL;

    if (file && !g_file_test(file, G_FILE_TEST_EXISTS)) {
        vmcEmulatorReportMissing(qemu, g_file_test(qemu, G_FILE_TEST_EXISTS));
        return;
    }
    /* libvirt's message is complete: it must not get a second prefix. */
    vmcErrorSet(error ? error->domain : VIR_FROM_NONE, code, message);
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

vmcControlClient *
vmcToolControl(const char *name)
{
    g_autoptr(vmcConnection) connection = NULL;
    g_autoptr(vmcDomain) domain = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];
    vmcControlClient *client;

    if (strchr(name, '/'))
        return vmcControlClientOpen(name);
    connection = vmcToolConnect();
    domain = connection ? vmcToolFindDomain(connection, name) : NULL;
    if (!domain)
        return NULL;
    if (virDomainIsActive(domain) != 1) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "domain '%s' is not running", name);
        return NULL;
    }
    virDomainGetUUIDString(domain, uuid);
    client = vmcControlClientFind(uuid);
    if (!client && vmcErrorLast()->code == VIR_ERR_OPERATION_INVALID)
        vmcReportError(VIR_ERR_OPERATION_INVALID, "domain '%s' has no control socket on this host",
                       name);
    return client;
}
