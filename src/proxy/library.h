/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the proxy reads documents and asks relays, as a library of its own:
 * with it come libxml2 and what that needs, ten times the memory that a
 * connection at rest has. So it is loaded when a document has something of
 * ours, and given back at rest. The proxy calls its functions by their usual
 * names; those are library.c's there, which load it.
 */
#pragma once

#include "proxy/device.h"
#include "proxy/document.h"
#include "proxy/live.h"
#include "proxy/region.h"
#include "proxy/validation.h"
#include "qemu/domain_live.h"
#include "qemu/domain_mask.h"
#include "qemu/domain_rewrite.h"

/* The library's file, beside the proxy where it is not installed. */
#define VMC_LIBRARY_FILE "vmchannel-documents.so"

/* Its functions; what they return is memory, and nothing of the library's own. */
#define VMC_LIBRARY_FUNCTIONS(DO) \
    DO(vmcDeviceIsOurs) \
    DO(vmcDeviceIsNic) \
    DO(vmcDeviceAttach) \
    DO(vmcDeviceDetach) \
    DO(vmcDeviceUpdate) \
    DO(vmcDeviceDetachAlias) \
    DO(vmcDeviceChannels) \
    DO(vmcDocumentWantsEmulator) \
    DO(vmcDocumentEmulator) \
    DO(vmcDocumentAnnounce) \
    DO(vmcDomainIsRunning) \
    DO(vmcDomainMask) \
    DO(vmcDomainRewriteForward) \
    DO(vmcDomainRewriteReverse) \
    DO(vmcLiveAlias) \
    DO(vmcLiveChange) \
    DO(vmcLiveQuery) \
    DO(vmcRecordFormat) \
    DO(vmcRegionEnd) \
    DO(vmcRegionStart) \
    DO(vmcValidateOurs)

/* What the file has under VMC_LIBRARY_SYMBOL. */
typedef struct {
    const char *version;        /* of the package: an upgrade does not wait for the proxies */
#define VMC_LIBRARY_MEMBER(function) __typeof__(function) *function;
    VMC_LIBRARY_FUNCTIONS(VMC_LIBRARY_MEMBER)
#undef VMC_LIBRARY_MEMBER
} vmcLibrary;

#define VMC_LIBRARY_SYMBOL "vmcLibraryFunctions"
extern const vmcLibrary vmcLibraryFunctions;

/* vmcLibrarySetPath: says where the file is; @path stays the caller's. */
void vmcLibrarySetPath(const char *path);

/* vmcLibraryRest: gives it back, until the next call of one of the functions. */
void vmcLibraryRest(void);
