/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session under a policy: see gate.h. The order is what matters here: the
 * header first, then the rate, then where the call's domain stands, and nothing
 * else of a call before it is allowed.
 */
#include <config.h>

#include "proxy/session/gate.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "proxy/policy/filter.h"
#include "proxy/policy/shared.h"
#include "proxy/session/session_priv.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_ACCESS

#define PROGRAM_KEEPALIVE 0x6b656570
#define KEEPALIVE_PONG 2

#define OPEN_READONLY 1

void
vmcGateClear(vmcGate *gate)
{
    g_clear_pointer(&gate->domains, g_ptr_array_unref);
    g_clear_pointer(&gate->name, g_free);
}

int
vmcGateTimeout(const vmcGate *gate)
{
    gint64 left = gate->wake - g_get_monotonic_time();

    if (gate->wake == 0)
        return -1;
    return MAX(left, 0) / 1000 + 1;
}

static bool
isKeepalive(const vmcRpcHeader *header)
{
    return header->program == PROGRAM_KEEPALIVE && header->version == VMC_RPC_VERSION &&
           header->type == VMC_RPC_MESSAGE && header->procedure >= 1 &&
           header->procedure <= KEEPALIVE_PONG && header->length == VMC_RPC_HEADER_SIZE;
}

/* Whether @header is of a stream that the policy allows, in either direction. */
static bool
isStream(const vmcSession *session, const vmcRpcHeader *header)
{
    const vmcRpcProcedure *entry = vmcRpcProcedureFind(header);

    return (header->type == VMC_RPC_STREAM || header->type == VMC_RPC_STREAM_HOLE) &&
           vmcPolicyAllows(session->options->shared->policy, entry) &&
           (entry->traits & VMC_RPC_STREAMS);
}

static bool
mayCall(const vmcPolicy *policy, const vmcRpcHeader *header, const vmcRpcProcedure *entry)
{
    return vmcPolicyAllows(policy, entry) && !(entry->traits & VMC_RPC_EVENT) &&
           (header->type == VMC_RPC_CALL || (entry->traits & VMC_RPC_FDS));
}

void
vmcGateForget(vmcGate *gate)
{
    gate->admitted = false;
    g_clear_pointer(&gate->domains, g_ptr_array_unref);
}

static vmcFlowVerdict
end(vmcSession *session, vmcFlowVerdict verdict)
{
    vmcGateForget(&session->gate);
    return verdict;
}

/* Refuses the call at hand with the thread's error. */
static vmcFlowVerdict
refuse(vmcSession *session, vmcRefusal reason, const vmcRpcProcedure *entry)
{
    vmcPolicySharedRefused(session->options->shared, reason, entry, session->gate.name);
    return end(session, vmcSessionFail(session));
}

static vmcFlowVerdict
refuseProcedure(vmcSession *session, const vmcRpcProcedure *entry)
{
    if (entry)
        vmcReportError(VIR_ERR_ACCESS_DENIED, "'%s' is not allowed by the policy", entry->name);
    else
        vmcReportError(VIR_ERR_ACCESS_DENIED,
                       "procedure %u of program 0x%08x is not allowed by the policy",
                       session->request.procedure, session->request.program);
    return refuse(session, VMC_REFUSAL_PROCEDURE, entry);
}

/* Remembers what the guest is called, for the log. */
static void
learnName(vmcSession *session)
{
    g_autofree char *uuid = NULL;

    for (guint i = 0; i < session->gate.domains->len && !session->gate.name; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(session->gate.domains, i);

        g_free(uuid);
        uuid = vmcPolicyUuidFormat(domain->uuid);
        if (g_ascii_strcasecmp(uuid, session->options->shared->uuid) == 0)
            session->gate.name = g_strdup(domain->name);
    }
}

/* The daemon's list: the call at hand is looked at again, with it. */
static void
gotDomains(vmcSession *session, vmcXdrReader *reply)
{
    session->gate.domains = vmcFilterDomains(session->options->shared->policy, reply);
    if (!session->gate.domains) {
        vmcSessionFail(session);
        return;
    }
    learnName(session);
    session->busy = false;
}

static vmcFlowVerdict
askForDomains(vmcSession *session, guint32 flags)
{
    GByteArray *call = vmcSessionCallNew(session, VMC_RPC_CONNECT_LIST_ALL_DOMAINS);

    vmcXdrWriteU32(call, 1);
    vmcXdrWriteU32(call, flags);
    return vmcSessionCall(session, call, gotDomains);
}

static vmcFlowVerdict
answer(vmcSession *session, const vmcRpcProcedure *entry, const GByteArray *message, guint32 flags)
{
    GByteArray *reply;

    if (!session->gate.domains)
        return askForDomains(session, flags);
    reply = vmcFilterAnswer(&session->request, message, session->gate.domains);
    if (!reply)
        return refuse(session, VMC_REFUSAL_DOMAIN, entry);
    vmcPolicySharedAllowed(session->options->shared);
    return end(session, vmcSessionAnswer(session, reply));
}

/*
 * The guest opens what we are connected to, and reads only where the policy
 * has nothing else: libvirt's daemon then holds it to that too.
 */
static bool
openAsAllowed(vmcSession *session, GByteArray **message)
{
    static const char *const names[] = { "", "qemu:///system", "qemu:///session" };
    vmcXdrReader reader;
    size_t length = 0;
    const char *bytes = NULL;
    g_autofree char *name = NULL;
    GByteArray *open;
    guint32 flags;

    vmcRpcPayload(*message, &reader);
    if (vmcXdrReadFlag(&reader))
        bytes = vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
    flags = vmcXdrReadU32(&reader) & OPEN_READONLY;
    name = bytes ? g_strndup(bytes, length) : NULL;
    if (reader.failed || (name && vmcEnumFind(names, G_N_ELEMENTS(names), name) < 0)) {
        vmcReportError(VIR_ERR_ACCESS_DENIED, "%s",
                       "'CONNECT_OPEN' is allowed for qemu:///system and qemu:///session only");
        return false;
    }
    if (vmcPolicyIsReadOnly(session->options->shared->policy))
        flags |= OPEN_READONLY;
    open = vmcRpcMessageNew(&session->request);
    vmcXdrWriteOptional(open, name);
    vmcXdrWriteU32(open, flags);
    vmcRpcMessageFinish(open);
    g_byte_array_unref(*message);
    *message = open;
    return true;
}

/* An allowed procedure: what is it about? */
static vmcFlowVerdict
decide(vmcSession *session, const vmcRpcProcedure *entry, GByteArray **message)
{
    guint32 flags;

    switch (vmcFilterCall(session->options->shared->policy, entry, *message,
                          session->gate.domains)) {
    case VMC_FILTER_OUTSIDE:
        return refuse(session, VMC_REFUSAL_DOMAIN, entry);
    case VMC_FILTER_ASK:
        return askForDomains(session, 0);
    case VMC_FILTER_INSIDE:
        break;
    }
    if (vmcFilterAnswers(entry, *message, &flags))
        return answer(session, entry, *message, flags);
    if (session->request.procedure == VMC_RPC_CONNECT_OPEN && !openAsAllowed(session, message))
        return refuse(session, VMC_REFUSAL_DOMAIN, entry);
    vmcPolicySharedAllowed(session->options->shared);
    return end(session, VMC_FLOW_PASS);
}

/* Whether the call at hand may come now; else when. */
static bool
admit(vmcSession *session)
{
    vmcGate *gate = &session->gate;
    gint64 now = g_get_monotonic_time();
    gint64 wait = gate->admitted
        ? 0 : vmcPolicyTake(session->options->shared->policy, &gate->bucket, now);

    gate->admitted = wait == 0;
    gate->wake = wait == 0 ? 0 : now + wait;
    return gate->admitted;
}

vmcFlowVerdict
vmcGateUp(vmcSession *session, GByteArray **message)
{
    const vmcRpcHeader *header = &session->request;
    const vmcRpcProcedure *entry = vmcRpcProcedureFind(header);

    if (isKeepalive(header) || isStream(session, header))
        return VMC_FLOW_PASS;
    if (!admit(session))
        return VMC_FLOW_WAIT;
    if (header->type != VMC_RPC_CALL && header->type != VMC_RPC_CALL_WITH_FDS)
        return end(session, VMC_FLOW_DROP);
    if (header->status != VMC_RPC_OK ||
        !mayCall(session->options->shared->policy, header, entry))
        return refuseProcedure(session, entry);
    return decide(session, entry, message);
}

bool
vmcGateWantsDown(const vmcSession *session, const vmcRpcHeader *header)
{
    return header->status == VMC_RPC_ERROR || !isStream(session, header);
}

static vmcFlowVerdict
replace(GByteArray **message, GByteArray *other)
{
    g_byte_array_unref(*message);
    *message = other;
    return VMC_FLOW_PASS;
}

static vmcFlowVerdict
showReply(vmcSession *session, const vmcRpcHeader *header, GByteArray **message)
{
    const vmcError *error;

    if (header->status != VMC_RPC_OK)
        return replace(message, vmcFilterError(*message));
    if (vmcFilterReply(session->options->shared->policy, vmcRpcProcedureFind(header), message))
        return VMC_FLOW_PASS;
    error = vmcErrorLast();
    return replace(message,
                   vmcRpcErrorReplyNew(header, error->domain, error->code, error->message));
}

static bool
isEventShown(vmcSession *session, const vmcRpcHeader *header, GByteArray **message)
{
    const vmcRpcProcedure *entry = vmcRpcProcedureFind(header);

    return (entry->traits & VMC_RPC_EVENT) &&
           vmcFilterReply(session->options->shared->policy, entry, message);
}

vmcFlowVerdict
vmcGateDown(vmcSession *session, const vmcRpcHeader *header, GByteArray **message)
{
    if (isKeepalive(header))
        return VMC_FLOW_PASS;
    if (isStream(session, header))
        return replace(message, vmcFilterError(*message));
    if (!vmcPolicyAllows(session->options->shared->policy, vmcRpcProcedureFind(header)))
        return VMC_FLOW_DROP;
    if (header->type == VMC_RPC_REPLY || header->type == VMC_RPC_REPLY_WITH_FDS)
        return showReply(session, header, message);
    if (header->type == VMC_RPC_MESSAGE && isEventShown(session, header, message))
        return VMC_FLOW_PASS;
    return VMC_FLOW_DROP;
}
