/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The proxy's own calls and answers: see calls.h. */
#include <config.h>

#include "proxy/session/calls.h"

#include "proxy/policy/filter.h"
#include "util/error.h"

struct _vmcCalls {
    vmcWireWriter *toClient;
    vmcWireWriter *toDaemon;    /* NULL until connected */
    bool isGuest;
    guint32 lastSerial;         /* of the client's calls */
    guint32 serial;             /* of our call, while there is a job */
    vmcJob *job;
    vmcFlowVerdict verdict;     /* of the last job, until it is taken; else VMC_FLOW_WAIT */
};

vmcCalls *
vmcCallsNew(vmcWireWriter *toClient, bool isGuest)
{
    vmcCalls *calls = g_new0(vmcCalls, 1);

    calls->toClient = toClient;
    calls->isGuest = isGuest;
    calls->verdict = VMC_FLOW_WAIT;
    return calls;
}

static void
jobFree(vmcJob *job)
{
    if (job && job->ops->clear)
        job->ops->clear(job);
    g_free(job);
}

void
vmcCallsFree(vmcCalls *calls)
{
    if (!calls)
        return;
    jobFree(calls->job);
    g_free(calls);
}

void
vmcCallsSetDaemon(vmcCalls *calls, vmcWireWriter *toDaemon)
{
    calls->toDaemon = toDaemon;
}

void
vmcCallsNoteSerial(vmcCalls *calls, guint32 serial)
{
    calls->lastSerial = serial;
}

vmcFlowVerdict
vmcCallsAnswer(vmcCalls *calls, GByteArray *reply)
{
    vmcRpcMessageFinish(reply);
    vmcWireWriterInsert(calls->toClient, reply);
    g_byte_array_unref(reply);
    return VMC_FLOW_DROP;
}

vmcFlowVerdict
vmcCallsFail(vmcCalls *calls, const vmcWireMessage *message)
{
    const vmcError *error = vmcErrorLast();

    return vmcCallsAnswer(calls, vmcRpcErrorReplyNew(&message->header, error->domain,
                                                     error->code, error->message));
}

/* Makes the call of the job's step, or of the next one that is needed; false: none is. */
static bool
makeCall(vmcCalls *calls)
{
    vmcJob *job = calls->job;
    GByteArray *call;

    while (job->step->procedure != 0 && job->step->needed && !job->step->needed(job))
        job->step++;
    if (job->step->procedure == 0)
        return false;
    /*
     * Clients count up from 0, so half the circle away from the last one is
     * none that waits for its reply.
     */
    calls->serial = calls->lastSerial + 0x80000000u;
    call = vmcRpcCallNew(job->step->procedure, calls->serial);
    if (job->step->arguments)
        job->step->arguments(job, call);
    vmcRpcMessageFinish(call);
    vmcWireWriterInsert(calls->toDaemon, call);
    g_byte_array_unref(call);
    return true;
}

vmcFlowVerdict
vmcCallsStart(vmcCalls *calls, vmcJob *job, vmcWireMessage *message)
{
    job->calls = calls;
    job->message = message;
    job->step = job->ops->steps;
    calls->job = job;
    makeCall(calls);
    return VMC_FLOW_WAIT;
}

bool
vmcCallsIsBusy(const vmcCalls *calls)
{
    return calls->job || calls->verdict != VMC_FLOW_WAIT;
}

vmcFlowVerdict
vmcCallsTakeVerdict(vmcCalls *calls)
{
    vmcFlowVerdict verdict = calls->verdict;

    calls->verdict = VMC_FLOW_WAIT;
    return verdict;
}

bool
vmcCallsIsReply(const vmcCalls *calls, const vmcRpcHeader *header)
{
    return calls->job && header->type == VMC_RPC_REPLY && header->serial == calls->serial &&
           header->procedure == calls->job->step->procedure &&
           header->program == VMC_RPC_PROGRAM_REMOTE;
}

/* What the daemon says to our call when it refuses, it says to the client's. */
static vmcFlowVerdict
passError(vmcCalls *calls, const GByteArray *reply)
{
    vmcRpcHeader header = calls->job->message->header;
    GByteArray *answer;
    GByteArray *shown;

    header.type = VMC_RPC_REPLY;
    header.status = VMC_RPC_ERROR;
    answer = vmcRpcMessageNew(&header);
    g_byte_array_append(answer, reply->data + VMC_RPC_HEADER_SIZE,
                        reply->len - VMC_RPC_HEADER_SIZE);
    if (calls->isGuest) {
        vmcRpcMessageFinish(answer);
        shown = vmcFilterError(answer);
        g_byte_array_unref(answer);
        answer = shown;
    }
    return vmcCallsAnswer(calls, answer);
}

void
vmcCallsTakeReply(vmcCalls *calls, const vmcWireMessage *reply)
{
    vmcJob *job = calls->job;
    const vmcJobStep *step = job->step;
    bool good = reply->header.status == VMC_RPC_OK;
    vmcFlowVerdict verdict = VMC_FLOW_WAIT;
    vmcXdrReader reader;

    if (!good && !job->ops->mayFail) {
        verdict = passError(calls, reply->bytes);
    } else if (step->reply) {
        vmcRpcPayload(reply->bytes, &reader);
        verdict = step->reply(job, good ? &reader : NULL);
    }
    if (verdict == VMC_FLOW_WAIT) {
        job->step++;
        if (makeCall(calls))
            return;
        verdict = job->ops->end ? job->ops->end(job) : VMC_FLOW_PASS;
    }
    calls->verdict = verdict;
    jobFree(g_steal_pointer(&calls->job));
}
