/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attach, detach and update of channels: see attach.h. */
#include <config.h>

#include "proxy/session/attach.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <string.h>

#include "documents/device.h"
#include "documents/domain_mention.h"
#include "proxy/session/live.h"
#include "qemu/nic.h"
#include "rpc/walk.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* A procedure that changes a device. */
typedef struct {
    guint32 procedure;
    bool hasFlags;              /* without them it means the running domain */
    bool hasAlias;              /* in the place of the device's XML */
    const char *verb;
    char *(*change)(const char *domain, const char *device);
} deviceCall;

static const deviceCall deviceCalls[] = {
    { VMC_RPC_DOMAIN_ATTACH_DEVICE, false, false, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE, false, false, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, false, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS, true, false, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS, true, false, "update", vmcDeviceUpdate },
    { VMC_RPC_DOMAIN_DETACH_DEVICE_ALIAS, true, true, "detach", vmcDeviceDetachAlias },
};

typedef struct {
    vmcJob job;
    const vmcRewritingDirs *dirs;
    vmcListeners *listeners;
    const deviceCall *call;
    GByteArray *domain;         /* the domain object as the client sent it */
    char *device;               /* its XML, or its alias */
    guint32 flags;              /* VIR_DOMAIN_AFFECT_… */
    char *definition;           /* the new one for the domain's next start, stock form */
    char *uuid;                 /* of the running domain */
    vmcChannel *removed;        /* from it, or NULL */
    vmcChannel *added;          /* to it, or NULL */
    char *record;               /* of its channels as they will be */
    char *recordBefore;         /* and as they were; NULL: none was there */
    vmcError error;             /* the relay's; without a message: it has done it */
} deviceJob;

static void writeDomain(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotActive(vmcJob *job, vmcXdrReader *reply);
static bool isForNextStart(const vmcJob *job);
static vmcFlowVerdict gotPersistent(vmcJob *job, vmcXdrReader *reply);
static void askForDefinition(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotDefinition(vmcJob *job, vmcXdrReader *reply);
static bool isForNow(const vmcJob *job);
static void askForRunning(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotRunning(vmcJob *job, vmcXdrReader *reply);
static void writeRecord(vmcJob *job, GByteArray *call);
static vmcFlowVerdict changeInRelay(vmcJob *job, vmcXdrReader *reply);
static bool relayFailed(const vmcJob *job);
static void writeRecordBefore(vmcJob *job, GByteArray *call);
static vmcFlowVerdict failLikeRelay(vmcJob *job, vmcXdrReader *reply);
static void writeDefinition(vmcJob *job, GByteArray *call);

/* The calls, in order: when each is needed, its arguments, and what its reply leads to. */
static const vmcJobStep steps[] = {
    { VMC_RPC_DOMAIN_IS_ACTIVE, NULL, writeDomain, gotActive },
    { VMC_RPC_DOMAIN_IS_PERSISTENT, isForNextStart, writeDomain, gotPersistent },
    { VMC_RPC_DOMAIN_GET_XML_DESC, isForNextStart, askForDefinition, gotDefinition },
    { VMC_RPC_DOMAIN_GET_XML_DESC, isForNow, askForRunning, gotRunning },
    { VMC_RPC_DOMAIN_SET_METADATA, isForNow, writeRecord, changeInRelay },
    { VMC_RPC_DOMAIN_SET_METADATA, relayFailed, writeRecordBefore, failLikeRelay },
    { VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, isForNextStart, writeDefinition, NULL },
    { 0 },
};

static vmcFlowVerdict
fail(const deviceJob *own)
{
    return vmcCallsFail(own->job.calls, own->job.message);
}

static vmcFlowVerdict
invalid(const deviceJob *own, const char *why)
{
    vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", why);
    return fail(own);
}

/* The change cannot be made. An alias that no channel has is a device of libvirt's. */
static vmcFlowVerdict
changeFailed(const deviceJob *own)
{
    if (own->call->hasAlias && vmcErrorLast()->code == VIR_ERR_DEVICE_MISSING)
        return VMC_FLOW_PASS;
    return fail(own);
}

static void
writeDomain(vmcJob *job, GByteArray *call)
{
    const deviceJob *own = (deviceJob *)job;

    g_byte_array_append(call, own->domain->data, own->domain->len);
}

static vmcFlowVerdict
gotActive(vmcJob *job, vmcXdrReader *reply)
{
    deviceJob *own = (deviceJob *)job;
    bool active = vmcXdrReadU32(reply);

    if (!(own->flags & AFFECT))
        own->flags |= active ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if (!(own->flags & VIR_DOMAIN_AFFECT_LIVE))
        return VMC_FLOW_WAIT;
    if (!active)
        return invalid(own, "domain is not running");
    /* The NIC is hardware of the guest's, and its link begins before the guest does. */
    if (own->call->hasAlias || !vmcDeviceIsNic(own->device))
        return VMC_FLOW_WAIT;
    vmcReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "%s of <interface type='vmchannel'> in a running domain: use --config, and start it again",
                   own->call->verb);
    return fail(own);
}

static bool
isForNextStart(const vmcJob *job)
{
    return ((const deviceJob *)job)->flags & VIR_DOMAIN_AFFECT_CONFIG;
}

static vmcFlowVerdict
gotPersistent(vmcJob *job, vmcXdrReader *reply)
{
    if (vmcXdrReadU32(reply))
        return VMC_FLOW_WAIT;
    return invalid((deviceJob *)job, "a transient domain has no configuration to change");
}

static void
askForDefinition(vmcJob *job, GByteArray *call)
{
    writeDomain(job, call);
    vmcXdrWriteU32(call, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
}

static vmcFlowVerdict
gotDefinition(vmcJob *job, vmcXdrReader *reply)
{
    deviceJob *own = (deviceJob *)job;
    g_autofree char *stock = vmcXdrReadText(reply, VMC_RPC_STRING_MAX);
    g_autofree char *before = vmcRewritingReverse(own->dirs, stock, NULL);
    g_autofree char *after = before ? own->call->change(before, own->device) : NULL;

    own->definition = after ? vmcRewritingForward(own->dirs, after) : NULL;
    return own->definition ? VMC_FLOW_WAIT : changeFailed(own);
}

static bool
isForNow(const vmcJob *job)
{
    return ((const deviceJob *)job)->flags & VIR_DOMAIN_AFFECT_LIVE;
}

static void
askForRunning(vmcJob *job, GByteArray *call)
{
    writeDomain(job, call);
    vmcXdrWriteU32(call, VIR_DOMAIN_XML_SECURE);
}

/* Whether libvirt's own view of the running domain lets the change begin; 0 or -1. */
static int
checkRunning(const deviceJob *own, const char *xml, bool hasNic)
{
    g_autofree char *after = own->call->hasAlias ? own->call->change(xml, own->device) : NULL;

    if (own->call->hasAlias && !after)
        return -1;
    if (hasNic)
        return 0;
    vmcReportError(VIR_ERR_OPERATION_INVALID,
                   "%s of a vmchannel device: the domain runs without an <interface type='vmchannel'>, use --config and start it again",
                   own->call->verb);
    return -1;
}

/*
 * The domain as it runs, by what its relay says, in the client's form, which the
 * caller frees; NULL with an error.
 */
static char *
runningDefinition(deviceJob *own, const char *stock)
{
    g_autoptr(GPtrArray) live = NULL;
    g_autoptr(GPtrArray) channels = NULL;
    g_autofree char *xml = NULL;
    bool hasNic = false;

    if (!vmcDomainIsRunning(stock, &own->uuid)) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", "domain is not running");
        return NULL;
    }
    xml = vmcRewritingReverse(own->dirs, stock, NULL);
    channels = xml ? vmcDeviceChannels(xml, &hasNic) : NULL;
    if (!channels || checkRunning(own, xml, hasNic) < 0)
        return NULL;
    live = vmcLiveQuery(own->uuid);
    if (!live)
        return NULL;
    if (vmcMentionRecord(stock))
        own->recordBefore = vmcRecordFormat(channels);
    return vmcRewritingReverse(own->dirs, stock, live);
}

/* The first channel of @these that is not in @those, which the caller frees, or NULL. */
static vmcChannel *
takeDifference(GPtrArray *these, const GPtrArray *those)
{
    for (guint i = 0; i < these->len; i++) {
        bool found = false;

        for (guint j = 0; j < those->len && !found; j++)
            found = vmcChannelEqual(g_ptr_array_index(these, i), g_ptr_array_index(those, j));
        if (!found)
            return g_ptr_array_steal_index(these, i);
    }
    return NULL;
}

/* What the change comes to in the running domain. */
static vmcFlowVerdict
gotRunning(vmcJob *job, vmcXdrReader *reply)
{
    deviceJob *own = (deviceJob *)job;
    g_autofree char *stock = vmcXdrReadText(reply, VMC_RPC_STRING_MAX);
    g_autofree char *before = runningDefinition(own, stock);
    g_autofree char *after = before ? own->call->change(before, own->device) : NULL;
    /* For its rules, across all devices of the domain. */
    g_autofree char *checked = after ? vmcRewritingForward(own->dirs, after) : NULL;
    bool hasNic = false;
    g_autoptr(GPtrArray) had = checked ? vmcDeviceChannels(before, &hasNic) : NULL;
    g_autoptr(GPtrArray) has = had ? vmcDeviceChannels(after, &hasNic) : NULL;

    own->record = has ? vmcRecordFormat(has) : NULL;
    if (!own->record)
        return changeFailed(own);
    own->removed = takeDifference(had, has);
    own->added = takeDifference(has, had);
    return VMC_FLOW_WAIT;
}

static void
setRecord(vmcJob *job, GByteArray *call, const char *record)
{
    writeDomain(job, call);
    vmcXdrWriteU32(call, VIR_DOMAIN_METADATA_ELEMENT);
    vmcXdrWriteOptional(call, record);
    vmcXdrWriteOptional(call, VMC_RECORD_KEY);
    vmcXdrWriteOptional(call, VMC_RECORD_URI);
    vmcXdrWriteU32(call, VIR_DOMAIN_AFFECT_LIVE);
}

static void
writeRecord(vmcJob *job, GByteArray *call)
{
    setRecord(job, call, ((deviceJob *)job)->record);
}

static void
tellListeners(const deviceJob *own, guint32 event, const vmcChannel *channel)
{
    g_autofree char *alias = channel ? vmcLiveAlias(channel) : NULL;

    if (alias)
        vmcListenersTell(own->listeners, event, own->domain, alias);
}

/* The daemon has taken the record, so the client may do it. */
static vmcFlowVerdict
changeInRelay(vmcJob *job, vmcXdrReader *reply G_GNUC_UNUSED)
{
    deviceJob *own = (deviceJob *)job;

    if (vmcLiveChange(own->uuid, own->removed, own->added) < 0) {
        own->error = *vmcErrorLast();
        own->error.message = g_strdup(own->error.message);
        return VMC_FLOW_WAIT;
    }
    tellListeners(own, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, own->removed);
    tellListeners(own, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, own->added);
    return VMC_FLOW_WAIT;
}

static bool
relayFailed(const vmcJob *job)
{
    return ((const deviceJob *)job)->error.message;
}

static void
writeRecordBefore(vmcJob *job, GByteArray *call)
{
    setRecord(job, call, ((deviceJob *)job)->recordBefore);
}

static vmcFlowVerdict
failLikeRelay(vmcJob *job, vmcXdrReader *reply G_GNUC_UNUSED)
{
    const deviceJob *own = (deviceJob *)job;

    vmcErrorSet(own->error.domain, own->error.code, own->error.message);
    return fail(own);
}

static void
writeDefinition(vmcJob *job, GByteArray *call)
{
    const char *definition = ((deviceJob *)job)->definition;

    vmcXdrWriteString(call, definition, strlen(definition));
    vmcXdrWriteU32(call, 0);
}

static vmcFlowVerdict
end(vmcJob *job)
{
    return vmcCallsAnswer(job->calls, vmcRpcReplyNew(&job->message->header));
}

static void
clear(vmcJob *job)
{
    deviceJob *own = (deviceJob *)job;

    g_clear_pointer(&own->domain, g_byte_array_unref);
    g_free(own->device);
    g_free(own->definition);
    g_free(own->uuid);
    vmcChannelFree(own->removed);
    vmcChannelFree(own->added);
    g_free(own->record);
    g_free(own->recordBefore);
    g_free(own->error.message);
}

static const vmcJobOps ops = { .steps = steps, .end = end, .clear = clear };

static const deviceCall *
findCall(guint32 procedure)
{
    for (size_t i = 0; i < G_N_ELEMENTS(deviceCalls); i++) {
        if (deviceCalls[i].procedure == procedure)
            return &deviceCalls[i];
    }
    return NULL;
}

/* Whether it may be a channel or its NIC; of an alias the domain has to be asked. */
static bool
mayBeChannel(const deviceCall *call, const char *device)
{
    return call->hasAlias ? g_str_has_prefix(device, "vmchannel-") || vmcChannelAliasIsUser(device)
                          : vmcDeviceIsChannel(device) || vmcDeviceIsNic(device);
}

vmcFlowVerdict
vmcAttachCall(const vmcRewritingDirs *dirs, vmcListeners *listeners, vmcCalls *calls,
              vmcWireMessage *message)
{
    const deviceCall *call = findCall(message->header.procedure);
    vmcXdrReader reader;
    size_t domainSize = 0;
    const guint8 *domain;
    guint32 flags;
    g_autofree char *device = NULL;
    deviceJob *own;

    vmcRpcPayload(message->bytes, &reader);
    domain = vmcRpcReadDomain(&reader, &domainSize);
    device = vmcXdrReadText(&reader, VMC_RPC_STRING_MAX);
    flags = call->hasFlags ? vmcXdrReadU32(&reader) : VIR_DOMAIN_AFFECT_LIVE;
    if (reader.failed)
        return VMC_FLOW_PASS;
    /* The alias that the NIC has in the daemon's form means the NIC here too. */
    if (call->hasAlias && g_str_equal(device, VMC_NIC_ALIAS)) {
        call = findCall(VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS);
        g_free(device);
        device = g_strdup("<interface type='vmchannel'/>");
    }
    if (!mayBeChannel(call, device))
        return VMC_FLOW_PASS;
    own = g_new0(deviceJob, 1);
    own->job.ops = &ops;
    own->dirs = dirs;
    own->listeners = listeners;
    own->call = call;
    own->domain = g_byte_array_new();
    g_byte_array_append(own->domain, domain, domainSize);
    own->device = g_steal_pointer(&device);
    own->flags = flags;
    return vmcCallsStart(calls, &own->job, message);
}
