/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proxy's side of library.h. Where a look at the bytes tells that there is
 * nothing to do, the library is not loaded.
 */
#include <config.h>

#include "proxy/library.h"

#include <dlfcn.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "qemu/domain_mention.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

static struct {
    const char *path;
    void *handle;               /* NULL: it is not loaded */
    const vmcLibrary *functions;
} library;

void
vmcLibrarySetPath(const char *path)
{
    library.path = path;
}

void
vmcLibraryRest(void)
{
    if (!library.handle)
        return;
    library.functions->vmcRegionEnd();
    dlclose(library.handle);
    library.handle = NULL;
}

/* The functions of a file that was loaded; NULL with an error when they are not ours. */
static const vmcLibrary *
functionsOf(void *handle)
{
    const vmcLibrary *functions = dlsym(handle, VMC_LIBRARY_SYMBOL);

    if (functions && strcmp(functions->version, PACKAGE_VERSION) == 0)
        return functions;
    vmcReportError(VIR_ERR_INTERNAL_ERROR,
                   "'%s' is of another version than this vmchannel-proxy, %s: connect again",
                   library.path, PACKAGE_VERSION);
    return NULL;
}

/* Loads it when it is not; false with an error. */
static bool
load(void)
{
    void *handle;

    if (library.handle)
        return true;
    handle = dlopen(library.path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "cannot load a part of vmchannel-proxy: %s",
                       dlerror());
        return false;
    }
    library.functions = functionsOf(handle);
    if (!library.functions) {
        dlclose(handle);
        return false;
    }
    library.handle = handle;
    library.functions->vmcRegionStart();
    return true;
}

/* What cannot be told is not the daemon's to judge: what comes next says why. */
bool
vmcDeviceIsOurs(const char *xml)
{
    return vmcMentionForward(xml) != VMC_MENTION_NONE &&
           (!load() || library.functions->vmcDeviceIsOurs(xml));
}

bool
vmcDeviceIsNic(const char *xml)
{
    return load() && library.functions->vmcDeviceIsNic(xml);
}

char *
vmcDeviceAttach(const char *domain, const char *device)
{
    return load() ? library.functions->vmcDeviceAttach(domain, device) : NULL;
}

char *
vmcDeviceDetach(const char *domain, const char *device)
{
    return load() ? library.functions->vmcDeviceDetach(domain, device) : NULL;
}

char *
vmcDeviceUpdate(const char *domain, const char *device)
{
    return load() ? library.functions->vmcDeviceUpdate(domain, device) : NULL;
}

char *
vmcDeviceDetachAlias(const char *domain, const char *alias)
{
    return load() ? library.functions->vmcDeviceDetachAlias(domain, alias) : NULL;
}

GPtrArray *
vmcDeviceChannels(const char *domain, bool *hasNic)
{
    return load() ? library.functions->vmcDeviceChannels(domain, hasNic) : NULL;
}

bool
vmcDocumentWantsEmulator(const char *xml, vmcEmulatorQuery *query)
{
    return load() && library.functions->vmcDocumentWantsEmulator(xml, query);
}

char *
vmcDocumentEmulator(const char *capabilities)
{
    return load() ? library.functions->vmcDocumentEmulator(capabilities) : NULL;
}

char *
vmcDocumentAnnounce(const char *capabilities)
{
    return load() ? library.functions->vmcDocumentAnnounce(capabilities) : g_strdup(capabilities);
}

bool
vmcDomainIsRunning(const char *xml, char **uuid)
{
    return vmcMentionId(xml) && load() && library.functions->vmcDomainIsRunning(xml, uuid);
}

char *
vmcDomainMask(const char *xml)
{
    return load() ? library.functions->vmcDomainMask(xml) : NULL;
}

char *
vmcDomainRewriteForward(const char *xml, const vmcRewriteOptions *options)
{
    if (vmcMentionForward(xml) == VMC_MENTION_NONE)
        return g_strdup(xml);
    return load() ? library.functions->vmcDomainRewriteForward(xml, options) : NULL;
}

char *
vmcDomainRewriteReverse(const char *xml, const vmcRewriteOptions *options)
{
    if (vmcMentionReverse(xml, options->emulatorDir) == VMC_MENTION_NONE)
        return g_strdup(xml);
    return load() ? library.functions->vmcDomainRewriteReverse(xml, options) : NULL;
}

char *
vmcLiveAlias(const vmcChannel *channel)
{
    return load() ? library.functions->vmcLiveAlias(channel) : NULL;
}

int
vmcLiveChange(const char *uuid, const vmcChannel *removed, const vmcChannel *added)
{
    return load() ? library.functions->vmcLiveChange(uuid, removed, added) : -1;
}

GPtrArray *
vmcLiveQuery(const char *uuid)
{
    return load() ? library.functions->vmcLiveQuery(uuid) : NULL;
}

char *
vmcRecordFormat(const GPtrArray *channels)
{
    return load() ? library.functions->vmcRecordFormat(channels) : NULL;
}

int
vmcValidateOurs(const char *xml, const char *schemaDir)
{
    if (vmcMentionForward(xml) == VMC_MENTION_NONE)
        return 0;
    return load() ? library.functions->vmcValidateOurs(xml, schemaDir) : -1;
}
