/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's messages before the daemon is known: see handshake.h. */
#include <config.h>

#include "proxy/session/handshake.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define VMC_FROM_THIS VIR_FROM_RPC

#define FEATURE_KEEPALIVE 10

enum { AUTH_NONE = 0, AUTH_POLKIT = 2 };

/* Authentication types in a daemon's list; it never has more. */
#define AUTH_TYPES_MAX 20

typedef struct {
    vmcJob job;
    bool keepalive;
    guint32 auth;               /* the type that the daemon wants */
} handshakeJob;

static vmcFlowVerdict gotAuthList(vmcJob *job, vmcXdrReader *reply);
static bool needsPolkit(const vmcJob *job);
static bool needsKeepalive(const vmcJob *job);
static void askForKeepalive(vmcJob *job, GByteArray *call);

/* After these, all is as if the client had spoken to the daemon from the start. */
static const vmcJobStep steps[] = {
    { VMC_RPC_AUTH_LIST, NULL, NULL, gotAuthList },
    { VMC_RPC_AUTH_POLKIT, needsPolkit, NULL, NULL },
    { VMC_RPC_CONNECT_SUPPORTS_FEATURE, needsKeepalive, askForKeepalive, NULL },
    { 0 },
};

static vmcFlowVerdict
gotAuthList(vmcJob *job, vmcXdrReader *reply)
{
    handshakeJob *own = (handshakeJob *)job;
    guint32 n = vmcXdrReadU32(reply);

    own->auth = n > 0 && n <= AUTH_TYPES_MAX ? vmcXdrReadU32(reply) : AUTH_NONE;
    if (own->auth == AUTH_NONE || own->auth == AUTH_POLKIT)
        return VMC_FLOW_WAIT;
    vmcReportError(VIR_ERR_AUTH_UNAVAILABLE,
                   "the daemon wants authentication of type %u: start the proxy with --system, --session or --upstream",
                   own->auth);
    return vmcCallsFail(job->calls, job->message);
}

static bool
needsPolkit(const vmcJob *job)
{
    return ((const handshakeJob *)job)->auth == AUTH_POLKIT;
}

static bool
needsKeepalive(const vmcJob *job)
{
    return ((const handshakeJob *)job)->keepalive;
}

static void
askForKeepalive(vmcJob *job G_GNUC_UNUSED, GByteArray *call)
{
    vmcXdrWriteU32(call, FEATURE_KEEPALIVE);
}

static const vmcJobOps ops = { .steps = steps };

vmcFlowVerdict
vmcHandshakeStart(const vmcHandshake *handshake, vmcCalls *calls, vmcWireMessage *message)
{
    handshakeJob *own = g_new0(handshakeJob, 1);

    own->job.ops = &ops;
    own->keepalive = handshake->keepalive;
    return vmcCallsStart(calls, &own->job, message);
}

void
vmcHandshakeRefuse(vmcHandshake *handshake)
{
    handshake->refusing = true;
    handshake->error = *vmcErrorLast();
    handshake->error.message = g_strdup(handshake->error.message);
}

void
vmcHandshakeClear(vmcHandshake *handshake)
{
    g_clear_pointer(&handshake->error.message, g_free);
}

bool
vmcHandshakeReadOpen(const vmcWireMessage *message, char **uri, guint32 *flags)
{
    vmcXdrReader reader;

    vmcRpcPayload(message->bytes, &reader);
    *uri = vmcXdrReadFlag(&reader) ? vmcXdrReadText(&reader, VMC_RPC_STRING_MAX) : NULL;
    *flags = vmcXdrReadU32(&reader);
    return !reader.failed;
}

static vmcFlowVerdict
callOpen(vmcHandshake *handshake, vmcCalls *calls G_GNUC_UNUSED, vmcWireMessage *message)
{
    g_autofree char *uri = NULL;
    guint32 flags;

    vmcHandshakeReadOpen(message, &uri, &flags);
    vmcUpstreamResolve(&handshake->upstream, uri, flags & VIR_CONNECT_RO);
    return VMC_FLOW_PASS;
}

static vmcFlowVerdict
callAuthList(vmcHandshake *handshake G_GNUC_UNUSED, vmcCalls *calls, vmcWireMessage *message)
{
    GByteArray *reply = vmcRpcReplyNew(&message->header);

    vmcXdrWriteU32(reply, 1);
    vmcXdrWriteU32(reply, AUTH_NONE);
    return vmcCallsAnswer(calls, reply);
}

static vmcFlowVerdict
callFeature(vmcHandshake *handshake, vmcCalls *calls, vmcWireMessage *message)
{
    GByteArray *reply = vmcRpcReplyNew(&message->header);
    vmcXdrReader reader;
    bool supported;

    vmcRpcPayload(message->bytes, &reader);
    supported = vmcXdrReadU32(&reader) == FEATURE_KEEPALIVE;
    handshake->keepalive = handshake->keepalive || supported;
    vmcXdrWriteU32(reply, supported);
    return vmcCallsAnswer(calls, reply);
}

static const struct {
    guint32 procedure;
    vmcFlowVerdict (*take)(vmcHandshake *handshake, vmcCalls *calls, vmcWireMessage *message);
} early[] = {
    { VMC_RPC_CONNECT_OPEN, callOpen },
    { VMC_RPC_CONNECT_SUPPORTS_FEATURE, callFeature },
    { VMC_RPC_AUTH_LIST, callAuthList },
};

vmcFlowVerdict
vmcHandshakeCall(vmcHandshake *handshake, vmcCalls *calls, vmcWireMessage *message)
{
    const vmcError *error = &handshake->error;

    if (!vmcWireMessageIsCall(message))
        return VMC_FLOW_DROP;
    if (handshake->refusing) {
        vmcErrorSet(error->domain, error->code, error->message);
        return vmcCallsFail(calls, message);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(early); i++) {
        if (message->header.program == VMC_RPC_PROGRAM_REMOTE &&
            message->header.procedure == early[i].procedure)
            return early[i].take(handshake, calls, message);
    }
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "hypervisor connection not open");
    return vmcCallsFail(calls, message);
}
