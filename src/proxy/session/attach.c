/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attach, detach and update of our devices. To libvirt they are arguments of a
 * command line, so for the domain's next start we change the persistent
 * definition as a whole: read it, change it, define it. In a running domain the
 * relay does it (live.c), and a record in the domain's metadata says so; that
 * is written first, so that the daemon decides who may.
 */
#include <config.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "documents/device.h"
#include "documents/domain_mention.h"
#include "proxy/session/session_priv.h"
#include "qemu/nic.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

#define AFFECT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* A procedure that changes a device. */
typedef struct vmcDeviceCall {
    guint32 procedure;
    bool hasFlags;              /* without them it means the running domain */
    bool hasAlias;              /* in the place of the device's XML */
    const char *verb;
    char *(*change)(const char *domain, const char *device);
} vmcDeviceCall;

static const vmcDeviceCall deviceCalls[] = {
    { VMC_RPC_DOMAIN_ATTACH_DEVICE, false, false, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE, false, false, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, false, "attach", vmcDeviceAttach },
    { VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS, true, false, "detach", vmcDeviceDetach },
    { VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS, true, false, "update", vmcDeviceUpdate },
    { VMC_RPC_DOMAIN_DETACH_DEVICE_ALIAS, true, true, "detach", vmcDeviceDetachAlias },
};

void
vmcAttachClear(vmcSession *session)
{
    vmcDeviceJob *job = &session->device;

    g_clear_pointer(&job->domain, g_byte_array_unref);
    g_clear_pointer(&job->device, g_free);
    g_clear_pointer(&job->definition, g_free);
    g_clear_pointer(&job->error.message, g_free);
    g_clear_pointer(&job->uuid, g_free);
    g_clear_pointer(&job->removed, vmcChannelFree);
    g_clear_pointer(&job->added, vmcChannelFree);
    g_clear_pointer(&job->record, g_free);
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

/* The XML in a reply, which the caller frees. */
static char *
readXml(vmcXdrReader *reply)
{
    size_t length = 0;
    const char *bytes = vmcXdrReadString(reply, VMC_RPC_STRING_MAX, &length);

    return g_strndup(bytes ? bytes : "", length);
}

static vmcFlowVerdict
invalid(vmcSession *session, const char *why)
{
    vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", why);
    return vmcSessionFail(session);
}

/* An alias that no channel of the domain has is a device of libvirt's. */
static void
changeFailed(vmcSession *session)
{
    if (session->device.call->hasAlias && vmcErrorLast()->code == VIR_ERR_DEVICE_MISSING)
        vmcSessionDecide(session, VMC_FLOW_PASS);
    else
        vmcSessionFail(session);
}

static void
defined(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    vmcSessionAnswer(session, vmcRpcReplyNew(&session->request));
}

/* What remains when the running domain, if it was meant, has been seen to. */
static void
finish(vmcSession *session)
{
    const char *definition = session->device.definition;
    GByteArray *call;

    if (!definition) {
        defined(session, NULL);
        return;
    }
    call = vmcSessionCallNew(session, VMC_RPC_DOMAIN_DEFINE_XML_FLAGS);
    vmcXdrWriteString(call, definition, strlen(definition));
    vmcXdrWriteU32(call, 0);
    vmcSessionCall(session, call, defined);
}

static void
setRecord(vmcSession *session, const char *record, vmcCallDone done)
{
    GByteArray *call = domainCall(session, VMC_RPC_DOMAIN_SET_METADATA);

    vmcXdrWriteU32(call, VIR_DOMAIN_METADATA_ELEMENT);
    vmcXdrWriteOptional(call, record);
    vmcXdrWriteOptional(call, VMC_RECORD_KEY);
    vmcXdrWriteOptional(call, VMC_RECORD_URI);
    vmcXdrWriteU32(call, VIR_DOMAIN_AFFECT_LIVE);
    vmcSessionCall(session, call, done);
}

static void
recordedBack(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    const vmcError *error = &session->device.error;

    vmcErrorSet(error->domain, error->code, error->message);
    vmcSessionFail(session);
}

static void
tellListeners(vmcSession *session, guint32 event, const vmcChannel *channel)
{
    g_autofree char *alias = channel ? vmcLiveAlias(channel) : NULL;

    if (alias)
        vmcListenersTell(session, event, session->device.domain, alias);
}

/* The daemon had nothing against it. */
static void
recorded(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    vmcDeviceJob *job = &session->device;

    if (vmcLiveChange(job->uuid, job->removed, job->added) < 0) {
        job->error = *vmcErrorLast();
        job->error.message = g_strdup(job->error.message);
        setRecord(session, job->record, recordedBack);
        return;
    }
    tellListeners(session, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, job->removed);
    tellListeners(session, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, job->added);
    finish(session);
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

/*
 * Finds out what the change comes to in the running domain of which @before is
 * the definition. Returns the record of the channels that it then has, which
 * the caller frees, or NULL with an error.
 */
static char *
liveChange(vmcSession *session, const char *before)
{
    vmcDeviceJob *job = &session->device;
    g_autofree char *after = job->call->change(before, job->device);
    /* For its rules, across all devices of the domain. */
    g_autofree char *stock = after ? vmcRewritingForward(session, after, false) : NULL;
    bool hasNic = false;
    g_autoptr(GPtrArray) had = stock ? vmcDeviceChannels(before, &hasNic) : NULL;
    g_autoptr(GPtrArray) has = had ? vmcDeviceChannels(after, &hasNic) : NULL;
    g_autofree char *record = has ? vmcRecordFormat(has) : NULL;

    if (!has)
        return NULL;
    job->removed = takeDifference(had, has);
    job->added = takeDifference(has, had);
    return g_steal_pointer(&record);
}

/* Whether libvirt's own view of the running domain lets the change begin; 0 or -1. */
static int
liveCheck(vmcDeviceJob *job, const char *xml, bool hasNic)
{
    g_autofree char *after = job->call->hasAlias ? job->call->change(xml, job->device) : NULL;

    if (job->call->hasAlias && !after)
        return -1;
    if (hasNic)
        return 0;
    vmcReportError(VIR_ERR_OPERATION_INVALID,
                   "%s of a vmchannel device: the domain runs without an <interface type='vmchannel'>, use --config and start it again",
                   job->call->verb);
    return -1;
}

/* What the relay says of the domain as it runs, in our form; NULL with an error. */
static char *
liveDefinition(vmcSession *session, const char *stock)
{
    vmcDeviceJob *job = &session->device;
    g_autoptr(GPtrArray) live = NULL;
    g_autoptr(GPtrArray) channels = NULL;
    g_autofree char *xml = NULL;
    bool hasNic = false;

    if (!vmcDomainIsRunning(stock, &job->uuid)) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", "domain is not running");
        return NULL;
    }
    xml = vmcRewritingReverse(session, stock, NULL);
    channels = xml ? vmcDeviceChannels(xml, &hasNic) : NULL;
    if (!channels || liveCheck(job, xml, hasNic) < 0)
        return NULL;
    live = vmcLiveQuery(job->uuid);
    if (!live)
        return NULL;
    if (vmcMentionRecord(stock))
        job->record = vmcRecordFormat(channels);
    return vmcRewritingReverse(session, stock, live);
}

static void
gotLive(vmcSession *session, vmcXdrReader *reply)
{
    g_autofree char *stock = readXml(reply);
    g_autofree char *before = liveDefinition(session, stock);
    g_autofree char *record = NULL;

    record = before ? liveChange(session, before) : NULL;
    if (record)
        setRecord(session, record, recorded);
    else
        changeFailed(session);
}

static void
changeLive(vmcSession *session)
{
    GByteArray *call;

    if (!(session->device.flags & VIR_DOMAIN_AFFECT_LIVE)) {
        finish(session);
        return;
    }
    call = domainCall(session, VMC_RPC_DOMAIN_GET_XML_DESC);
    vmcXdrWriteU32(call, VIR_DOMAIN_XML_SECURE);
    vmcSessionCall(session, call, gotLive);
}

static void
gotDefinition(vmcSession *session, vmcXdrReader *reply)
{
    vmcDeviceJob *job = &session->device;
    g_autofree char *stock = readXml(reply);
    g_autofree char *before = vmcRewritingReverse(session, stock, NULL);
    g_autofree char *after = before ? job->call->change(before, job->device) : NULL;

    job->definition = after ? vmcRewritingForward(session, after, false) : NULL;
    if (job->definition)
        changeLive(session);
    else
        changeFailed(session);
}

static void
gotPersistent(vmcSession *session, vmcXdrReader *reply)
{
    GByteArray *call;

    if (!vmcXdrReadU32(reply)) {
        invalid(session, "a transient domain has no configuration to change");
        return;
    }
    call = domainCall(session, VMC_RPC_DOMAIN_GET_XML_DESC);
    vmcXdrWriteU32(call, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    vmcSessionCall(session, call, gotDefinition);
}

/* The NIC is hardware of the guest's, and its link begins before the guest does. */
static bool
isLiveNic(const vmcDeviceJob *job)
{
    return (job->flags & VIR_DOMAIN_AFFECT_LIVE) && !job->call->hasAlias &&
           vmcDeviceIsNic(job->device);
}

static void
gotActive(vmcSession *session, vmcXdrReader *reply)
{
    vmcDeviceJob *job = &session->device;
    bool active = vmcXdrReadU32(reply);

    if (!(job->flags & AFFECT))
        job->flags |= active ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
    if ((job->flags & VIR_DOMAIN_AFFECT_LIVE) && !active) {
        invalid(session, "domain is not running");
        return;
    }
    if (isLiveNic(job)) {
        vmcReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                       "%s of <interface type='vmchannel'> in a running domain: use --config, and start it again",
                       job->call->verb);
        vmcSessionFail(session);
        return;
    }
    if (job->flags & VIR_DOMAIN_AFFECT_CONFIG)
        vmcSessionCall(session, domainCall(session, VMC_RPC_DOMAIN_IS_PERSISTENT), gotPersistent);
    else
        changeLive(session);
}

/* Whether it may be ours; of an alias the domain has to be asked. */
static bool
isOurs(const vmcDeviceCall *call, const char *device)
{
    return call->hasAlias ? g_str_has_prefix(device, "vmchannel-") || vmcChannelAliasIsUser(device)
                          : vmcDeviceIsChannel(device) || vmcDeviceIsNic(device);
}

/* The alias that the NIC has in the daemon's form means the NIC here too. */
static void
nicByAlias(vmcDeviceJob *job)
{
    if (!job->call->hasAlias || !g_str_equal(job->device, VMC_NIC_ALIAS))
        return;
    job->call = findCall(VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS);
    g_free(job->device);
    job->device = g_strdup("<interface type='vmchannel'/>");
}

vmcFlowVerdict
vmcAttachMessage(vmcSession *session, const vmcRpcProcedure *procedure, GByteArray **message)
{
    vmcDeviceJob *job = &session->device;
    vmcXdrReader reader;
    size_t domainSize = 0;
    size_t length = 0;
    const guint8 *domain;
    const char *bytes;

    vmcAttachClear(session);
    job->call = findCall(procedure->number);
    vmcRpcPayload(*message, &reader);
    domain = vmcRpcReadDomain(&reader, &domainSize);
    bytes = vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
    job->flags = job->call->hasFlags ? vmcXdrReadU32(&reader) : VIR_DOMAIN_AFFECT_LIVE;
    if (reader.failed)
        return VMC_FLOW_PASS;
    job->device = g_strndup(bytes, length);
    nicByAlias(job);
    if (!isOurs(job->call, job->device))
        return VMC_FLOW_PASS;
    job->domain = g_byte_array_new();
    g_byte_array_append(job->domain, domain, domainSize);
    return vmcSessionCall(session, domainCall(session, VMC_RPC_DOMAIN_IS_ACTIVE), gotActive);
}
