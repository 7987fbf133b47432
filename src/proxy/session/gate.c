/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session under a policy: see gate.h. The order is what matters here: the
 * header first, then the rate, then where the call's domain stands, and nothing
 * else of a call before it is allowed.
 */
#include <config.h>

#include "proxy/session/gate.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "proxy/policy/filter.h"
#include "proxy/session/handshake.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_ACCESS

#define PROGRAM_KEEPALIVE 0x6b656570
#define KEEPALIVE_PONG 2

struct _vmcGate {
    vmcPolicyShared *shared;
    vmcCalls *calls;
    vmcPolicyBucket bucket;
    gint64 wake;                /* when the call that waits may come, or 0 */
    bool admitted;              /* the call at hand is paid for */
    GPtrArray *domains;         /* vmcFilterDomain *, for the call at hand; or NULL */
    char *name;                 /* the guest's, once it is known */
};

/* The daemon is asked for the domains that there are. */
typedef struct {
    vmcJob job;
    vmcGate *gate;
    guint32 flags;              /* which of them */
} domainsJob;

static void askForDomains(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotDomains(vmcJob *job, vmcXdrReader *reply);
static vmcFlowVerdict lookAgain(vmcJob *job);

static const vmcJobStep domainsSteps[] = {
    { VMC_RPC_CONNECT_LIST_ALL_DOMAINS, NULL, askForDomains, gotDomains },
    { 0 },
};

static const vmcJobOps domainsOps = { .steps = domainsSteps, .end = lookAgain };

vmcGate *
vmcGateNew(vmcPolicyShared *shared, vmcCalls *calls)
{
    vmcGate *gate = g_new0(vmcGate, 1);

    gate->shared = shared;
    gate->calls = calls;
    return gate;
}

void
vmcGateFree(vmcGate *gate)
{
    if (!gate)
        return;
    vmcGateForget(gate);
    g_free(gate->name);
    g_free(gate);
}

int
vmcGateTimeout(const vmcGate *gate)
{
    gint64 left = gate->wake - g_get_monotonic_time();

    if (gate->wake == 0)
        return -1;
    return MAX(left, 0) / 1000 + 1;
}

void
vmcGateForget(vmcGate *gate)
{
    gate->admitted = false;
    g_clear_pointer(&gate->domains, g_ptr_array_unref);
}

static bool
isKeepalive(const vmcRpcHeader *header)
{
    return header->program == PROGRAM_KEEPALIVE && header->version == VMC_RPC_VERSION &&
           header->type == VMC_RPC_MESSAGE && header->procedure >= 1 &&
           header->procedure <= KEEPALIVE_PONG && header->length == VMC_RPC_HEADER_SIZE;
}

/* Whether @message is of a stream that the policy allows, in either direction. */
static bool
isStream(const vmcGate *gate, const vmcWireMessage *message)
{
    return (message->header.type == VMC_RPC_STREAM ||
            message->header.type == VMC_RPC_STREAM_HOLE) &&
           vmcPolicyAllows(gate->shared->policy, message->procedure) &&
           (message->procedure->traits & VMC_RPC_STREAMS);
}

static bool
mayCall(const vmcGate *gate, const vmcWireMessage *message)
{
    return message->header.status == VMC_RPC_OK &&
           vmcPolicyAllows(gate->shared->policy, message->procedure) &&
           !(message->procedure->traits & VMC_RPC_EVENT) &&
           (message->header.type == VMC_RPC_CALL || (message->procedure->traits & VMC_RPC_FDS));
}

/* Refuses the call at hand with the thread's error. */
static vmcFlowVerdict
refuse(vmcGate *gate, vmcRefusal reason, const vmcWireMessage *message)
{
    vmcPolicySharedRefused(gate->shared, reason, message->procedure, gate->name);
    return vmcCallsFail(gate->calls, message);
}

static vmcFlowVerdict
refuseProcedure(vmcGate *gate, const vmcWireMessage *message)
{
    if (message->procedure)
        vmcReportError(VIR_ERR_ACCESS_DENIED, "'%s' is not allowed by the policy",
                       message->procedure->name);
    else
        vmcReportError(VIR_ERR_ACCESS_DENIED,
                       "procedure %u of program 0x%08x is not allowed by the policy",
                       message->header.procedure, message->header.program);
    return refuse(gate, VMC_REFUSAL_PROCEDURE, message);
}

static vmcFlowVerdict
startDomains(vmcGate *gate, vmcWireMessage *message, guint32 flags)
{
    domainsJob *own = g_new0(domainsJob, 1);

    own->job.ops = &domainsOps;
    own->gate = gate;
    own->flags = flags;
    return vmcCallsStart(gate->calls, &own->job, message);
}

static void
askForDomains(vmcJob *job, GByteArray *call)
{
    vmcXdrWriteU32(call, 1);
    vmcXdrWriteU32(call, ((domainsJob *)job)->flags);
}

/* Remembers what the guest is called, for the log. */
static void
learnName(vmcGate *gate)
{
    g_autofree char *uuid = NULL;

    for (guint i = 0; i < gate->domains->len && !gate->name; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(gate->domains, i);

        g_free(uuid);
        uuid = vmcPolicyUuidFormat(domain->uuid);
        if (g_ascii_strcasecmp(uuid, gate->shared->uuid) == 0)
            gate->name = g_strdup(domain->name);
    }
}

static vmcFlowVerdict
gotDomains(vmcJob *job, vmcXdrReader *reply)
{
    vmcGate *gate = ((domainsJob *)job)->gate;

    gate->domains = vmcFilterDomains(gate->shared->policy, reply);
    if (!gate->domains)
        return vmcCallsFail(job->calls, job->message);
    learnName(gate);
    return VMC_FLOW_WAIT;
}

/* The call at hand is decided from the start, now with the list. */
static vmcFlowVerdict
lookAgain(vmcJob *job G_GNUC_UNUSED)
{
    return VMC_FLOW_WAIT;
}

static vmcFlowVerdict
answer(vmcGate *gate, vmcWireMessage *message, guint32 flags)
{
    GByteArray *reply;

    if (!gate->domains)
        return startDomains(gate, message, flags);
    reply = vmcFilterAnswer(&message->header, message->bytes, gate->domains);
    if (!reply)
        return refuse(gate, VMC_REFUSAL_DOMAIN, message);
    vmcPolicySharedAllowed(gate->shared);
    return vmcCallsAnswer(gate->calls, reply);
}

/*
 * The guest opens what we are connected to, and reads only where the policy
 * has nothing else: libvirt's daemon then holds it to that too.
 */
static bool
openAsAllowed(const vmcGate *gate, vmcWireMessage *message)
{
    static const char *const names[] = { "", "qemu:///system", "qemu:///session" };
    g_autofree char *name = NULL;
    GByteArray *open;
    guint32 flags;

    if (!vmcHandshakeReadOpen(message, &name, &flags) ||
        (name && vmcEnumFind(names, G_N_ELEMENTS(names), name) < 0)) {
        vmcReportError(VIR_ERR_ACCESS_DENIED, "%s",
                       "'CONNECT_OPEN' is allowed for qemu:///system and qemu:///session only");
        return false;
    }
    flags &= VIR_CONNECT_RO;
    if (vmcPolicyIsReadOnly(gate->shared->policy))
        flags = VIR_CONNECT_RO;
    open = vmcRpcMessageNew(&message->header);
    vmcXdrWriteOptional(open, name);
    vmcXdrWriteU32(open, flags);
    vmcRpcMessageFinish(open);
    vmcWireMessageReplace(message, open);
    return true;
}

/* An allowed procedure: what is it about? */
static vmcFlowVerdict
decide(vmcGate *gate, vmcWireMessage *message)
{
    const vmcRpcProcedure *procedure = message->procedure;
    guint32 flags;

    switch (vmcFilterCall(gate->shared->policy, procedure, message->bytes, gate->domains)) {
    case VMC_FILTER_OUTSIDE:
        return refuse(gate, VMC_REFUSAL_DOMAIN, message);
    case VMC_FILTER_ASK:
        return startDomains(gate, message, 0);
    case VMC_FILTER_INSIDE:
        break;
    }
    if (vmcFilterAnswers(procedure, message->bytes, &flags))
        return answer(gate, message, flags);
    if (procedure->number == VMC_RPC_CONNECT_OPEN && !openAsAllowed(gate, message))
        return refuse(gate, VMC_REFUSAL_DOMAIN, message);
    vmcPolicySharedAllowed(gate->shared);
    return VMC_FLOW_PASS;
}

/* Whether the call at hand may come now; else when. */
static bool
admit(vmcGate *gate)
{
    gint64 now = g_get_monotonic_time();
    gint64 wait = gate->admitted ? 0 : vmcPolicyTake(gate->shared->policy, &gate->bucket, now);

    gate->admitted = wait == 0;
    gate->wake = wait == 0 ? 0 : now + wait;
    return gate->admitted;
}

vmcFlowVerdict
vmcGateUp(vmcGate *gate, vmcWireMessage *message)
{
    if (isKeepalive(&message->header) || isStream(gate, message))
        return VMC_FLOW_PASS;
    if (!admit(gate))
        return VMC_FLOW_WAIT;
    if (!vmcWireMessageIsCall(message))
        return VMC_FLOW_DROP;
    if (!mayCall(gate, message))
        return refuseProcedure(gate, message);
    return decide(gate, message);
}

bool
vmcGateWantsDown(const vmcGate *gate, const vmcWireMessage *message)
{
    return message->header.status == VMC_RPC_ERROR || !isStream(gate, message);
}

static vmcFlowVerdict
hideDetails(vmcWireMessage *message)
{
    vmcWireMessageReplace(message, vmcFilterError(message->bytes));
    return VMC_FLOW_PASS;
}

static vmcFlowVerdict
showReply(const vmcGate *gate, vmcWireMessage *message)
{
    const vmcError *error;

    if (message->header.status != VMC_RPC_OK)
        return hideDetails(message);
    if (!vmcFilterReply(gate->shared->policy, message->procedure, &message->bytes)) {
        error = vmcErrorLast();
        vmcWireMessageReplace(message, vmcRpcErrorReplyNew(&message->header, error->domain,
                                                           error->code, error->message));
    }
    return VMC_FLOW_PASS;
}

static bool
isEventShown(const vmcGate *gate, vmcWireMessage *message)
{
    return (message->procedure->traits & VMC_RPC_EVENT) &&
           vmcFilterReply(gate->shared->policy, message->procedure, &message->bytes);
}

vmcFlowVerdict
vmcGateDown(vmcGate *gate, vmcWireMessage *message)
{
    if (isKeepalive(&message->header))
        return VMC_FLOW_PASS;
    if (isStream(gate, message))
        return hideDetails(message);
    if (!vmcPolicyAllows(gate->shared->policy, message->procedure))
        return VMC_FLOW_DROP;
    if (vmcWireMessageIsReply(message))
        return showReply(gate, message);
    if (message->header.type == VMC_RPC_MESSAGE && isEventShown(gate, message))
        return VMC_FLOW_PASS;
    return VMC_FLOW_DROP;
}

void
vmcGateReport(const vmcGate *gate)
{
    vmcPolicySharedReport(gate->shared, gate->name);
}
