/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a domain's definition and, after a NUL, a device that is
 * attached to it, updated in it and detached from it. What must hold: a
 * failure has an error; what was attached is there; what an update found, a
 * detach of the same device finds too.
 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "documents/capabilities.h"
#include "documents/device.h"
#include "util/error.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
change(char *(*operation)(const char *domain, const char *device), const char *domain,
       const char *device)
{
    char *changed;

    vmcErrorReset();
    changed = operation(domain, device);
    g_assert_true(changed || vmcErrorLast()->code != VIR_ERR_OK);
    return changed;
}

static void
checkDevice(const char *domain, const char *device)
{
    g_autofree char *attached = change(vmcDeviceAttach, domain, device);
    g_autofree char *updated = change(vmcDeviceUpdate, domain, device);
    g_autofree char *detached = change(vmcDeviceDetach, domain, device);
    g_autofree char *again = updated && strstr(device, "<vmchannel")
        ? change(vmcDeviceDetach, updated, device) : NULL;

    g_assert_true(!attached || strlen(attached) > 0);
    g_assert_true(!detached || strlen(detached) > 0);
    if (updated && strstr(device, "<vmchannel"))
        g_assert_nonnull(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *domain = g_strndup((const char *)data, size);
    size_t length = strlen(domain);
    g_autofree char *device =
        length < size ? g_strndup((const char *)data + length + 1, size - length - 1) : NULL;
    g_autofree char *announced = vmcCapabilitiesAnnounce(domain);

    g_assert_nonnull(announced);
    if (device && (vmcDeviceIsChannel(device) || vmcDeviceIsNic(device)))
        checkDevice(domain, device);
    return 0;
}
