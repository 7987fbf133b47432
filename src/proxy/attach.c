/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attach, detach and update of our devices. To libvirt they are arguments of a
 * command line, so we change the persistent definition as a whole: read it,
 * change it, define it. A running domain's devices are not changed here.
 */
#include <config.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "proxy/device.h"
#include "proxy/session_priv.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* A procedure that changes a device. */
typedef struct vmcDeviceCall {
    guint32 procedure;
    bool hasFlags;              /* without them it means the running domain */
    const char *verb;
    char *(*change)(const char *domain, const char *device);
} vmcDeviceCall;

static const vmcDeviceCall deviceCalls[] = {
    { VMC_RPC_DOMAIN_ATTACH_DEVICE, false, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE, false, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS, true, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS, true, "update", vmcDeviceUpdate },
};

void
vmcAttachClear(vmcSession *session)
{
    g_clear_pointer(&session->device.domain, g_byte_array_unref);
    g_clear_pointer(&session->device.xml, g_free);
}

static const vmcDeviceCall *
findCall(guint32 procedure)
{
    for (size_t i = 0; i < G_N_ELEMENTS(deviceCalls); i++) {
        if (deviceCalls[i].procedure == procedure)
            return &deviceCalls[i];
    }
    return NULL;
}

/* A call of ours about the domain. */
static GByteArray *
domainCall(vmcSession *session, guint32 procedure)
{
    GByteArray *call = vmcSessionCallNew(session, procedure);

    g_byte_array_append(call, session->device.domain->data, session->device.domain->len);
    return call;
}

static void
defined(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    vmcSessionAnswer(session, vmcRpcReplyNew(&session->request));
}

/* The definition with the device changed, in the daemon's form; NULL with an error. */
static char *
changed(vmcSession *session, const char *stock)
{
    g_autofree char *before = vmcDocumentsReverse(session, stock);
    g_autofree char *after =
        before ? session->device.call->change(before, session->device.xml) : NULL;

    return after ? vmcDocumentsForward(session, after, false) : NULL;
}

static void
gotDefinition(vmcSession *session, vmcXdrReader *reply)
{
    size_t length = 0;
    const char *bytes = vmcXdrReadString(reply, VMC_RPC_STRING_MAX, &length);
    g_autofree char *stock = g_strndup(bytes ? bytes : "", length);
    g_autofree char *xml = changed(session, stock);
    GByteArray *call;

    if (!xml) {
        vmcSessionFail(session);
        return;
    }
    call = vmcSessionCallNew(session, VMC_RPC_DOMAIN_DEFINE_XML_FLAGS);
    vmcXdrWriteString(call, xml, strlen(xml));
    vmcXdrWriteU32(call, 0);
    vmcSessionCall(session, call, defined);
}

static void
gotPersistent(vmcSession *session, vmcXdrReader *reply)
{
    GByteArray *call;

    if (!vmcXdrReadU32(reply)) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       "a transient domain has no configuration to change");
        vmcSessionFail(session);
        return;
    }
    call = domainCall(session, VMC_RPC_DOMAIN_GET_XML_DESC);
    vmcXdrWriteU32(call, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    vmcSessionCall(session, call, gotDefinition);
}

static vmcFlowVerdict
changeConfig(vmcSession *session)
{
    return vmcSessionCall(session, domainCall(session, VMC_RPC_DOMAIN_IS_PERSISTENT),
                          gotPersistent);
}

static vmcFlowVerdict
refuseLive(vmcSession *session)
{
    vmcReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "%s of a vmchannel device in a running domain: use --config, and restart the domain",
                   session->device.call->verb);
    return vmcSessionFail(session);
}

static void
gotActive(vmcSession *session, vmcXdrReader *reply)
{
    if (vmcXdrReadU32(reply))
        refuseLive(session);
    else
        changeConfig(session);
}

static vmcFlowVerdict
start(vmcSession *session, guint32 flags)
{
    if (!session->device.call->hasFlags || (flags & VIR_DOMAIN_AFFECT_LIVE))
        return refuseLive(session);
    if (flags & VIR_DOMAIN_AFFECT_CONFIG)
        return changeConfig(session);
    return vmcSessionCall(session, domainCall(session, VMC_RPC_DOMAIN_IS_ACTIVE), gotActive);
}

vmcFlowVerdict
vmcAttachMessage(vmcSession *session, GByteArray **message)
{
    vmcXdrReader reader;
    size_t domainSize = 0;
    size_t length = 0;
    const guint8 *domain;
    const char *bytes;
    guint32 flags = 0;

    session->device.call = findCall(session->request.procedure);
    vmcRpcPayload(*message, &reader);
    domain = vmcRpcReadDomain(&reader, &domainSize);
    bytes = vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
    if (session->device.call->hasFlags)
        flags = vmcXdrReadU32(&reader);
    if (reader.failed)
        return VMC_FLOW_PASS;
    vmcAttachClear(session);
    session->device.xml = g_strndup(bytes, length);
    if (!vmcDeviceIsOurs(session->device.xml))
        return VMC_FLOW_PASS;
    session->device.domain = g_byte_array_new();
    g_byte_array_append(session->device.domain, domain, domainSize);
    return start(session, flags);
}
