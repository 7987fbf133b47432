/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages with XML: see rewriting.h. */
#include <config.h>

#include "proxy/session/rewriting.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "documents/capabilities.h"
#include "documents/domain_rewrite.h"
#include "documents/emulator.h"
#include "proxy/session/live.h"
#include "proxy/session/validation.h"
#include "rpc/rewrite.h"
#include "util/error.h"

/* What the rewriting of one message needs, and what it finds out. */
typedef struct {
    const vmcRewritingDirs *dirs;
    const char *emulator;       /* what the daemon said; NULL: it was not asked */
    bool guessed;               /* one was guessed: the daemon may know better, by @query */
    vmcEmulatorQuery query;
} rewriting;

/* The daemon is asked which emulator a domain without one gets. */
typedef struct {
    vmcJob job;
    const vmcRewritingDirs *dirs;
    vmcEmulatorQuery query;
    char *emulator;
} emulatorJob;

static void askForEmulator(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotEmulator(vmcJob *job, vmcXdrReader *reply);

static const vmcJobStep emulatorSteps[] = {
    { VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES, NULL, askForEmulator, gotEmulator },
    { 0 },
};

char *
vmcRewritingForward(const vmcRewritingDirs *dirs, const char *xml)
{
    const vmcRewriteOptions options = { .emulatorDir = dirs->emulatorDir };

    return vmcRewriteText(vmcDomainRewriteForward(xml, &options));
}

char *
vmcRewritingReverse(const vmcRewritingDirs *dirs, const char *xml, const GPtrArray *live)
{
    const vmcRewriteOptions options = { .emulatorDir = dirs->emulatorDir, .live = live };

    return vmcDomainRewriteReverse(xml, &options);
}

static char *
forwardWith(rewriting *state, const char *xml, bool native)
{
    const vmcRewriteOptions options = {
        .emulatorDir = state->dirs->emulatorDir, .emulator = state->emulator,
        .withoutNic = native,
    };
    g_auto(vmcRewriteResult) result = vmcDomainRewriteForward(xml, &options);

    if (result.emulatorGuessed && !state->guessed) {
        state->guessed = true;
        state->query = result.query;
        result.query = (vmcEmulatorQuery){ 0 };
    }
    return g_steal_pointer(&result.text);
}

static char *
forward(const char *xml, void *opaque)
{
    return forwardWith(opaque, xml, false);
}

static char *
native(const char *xml, void *opaque)
{
    return forwardWith(opaque, xml, true);
}

/* A document of the daemon's that cannot be reversed is shown as it is. */
static char *
show(const rewriting *state, const char *xml, const GPtrArray *live)
{
    char *other = vmcRewritingReverse(state->dirs, xml, live);

    return other ? other : g_strdup(xml);
}

static char *
reverse(const char *xml, void *opaque)
{
    return show(opaque, xml, NULL);
}

/* Who may not ask the relay sees what libvirt knows. */
static char *
showLive(const char *xml, void *opaque)
{
    const rewriting *state = opaque;
    g_autoptr(GPtrArray) live = NULL;
    g_autofree char *uuid = NULL;

    if (strstr(xml, state->dirs->emulatorDir) && vmcDomainIsRunning(xml, &uuid))
        live = vmcLiveQuery(uuid);
    return show(state, xml, live);
}

static char *
announce(const char *xml, void *opaque G_GNUC_UNUSED)
{
    return vmcCapabilitiesAnnounce(xml);
}

static char *
validated(const char *xml, void *opaque)
{
    const rewriting *state = opaque;

    return vmcValidateChannels(xml, state->dirs->schemaDir) < 0 ? NULL : g_strdup(xml);
}

/* NULL: other files see to it, or it changes nothing. */
static const vmcRpcRewriter rewriters[VMC_RPC_ACTION_LAST] = {
    [VMC_RPC_ACTION_FORWARD] = forward,
    [VMC_RPC_ACTION_NATIVE] = native,
    [VMC_RPC_ACTION_REVERSE] = reverse,
    [VMC_RPC_ACTION_ANNOUNCE] = announce,
    [VMC_RPC_ACTION_LIVE] = showLive,
    [VMC_RPC_ACTION_MEND] = forward,
};

static vmcRpcRewriteResult
rewriteCall(rewriting *state, const vmcWireMessage *message, GByteArray **out)
{
    const vmcRpcProcedure *procedure = message->procedure;

    return vmcRpcRewrite(message->bytes, procedure->call, rewriters[procedure->callAction],
                         state, out);
}

/* What becomes of a call, by what its rewriting came to; @out takes its place. */
static vmcFlowVerdict
finishCall(vmcCalls *calls, vmcWireMessage *message, vmcRpcRewriteResult result, GByteArray *out)
{
    if (result == VMC_RPC_REWRITE_FAILED)
        return vmcCallsFail(calls, message);
    if (result == VMC_RPC_REWRITE_CHANGED)
        vmcWireMessageReplace(message, out);
    return VMC_FLOW_PASS;
}

static void
askForEmulator(vmcJob *job, GByteArray *call)
{
    const vmcEmulatorQuery *query = &((emulatorJob *)job)->query;

    vmcXdrWriteOptional(call, NULL);
    vmcXdrWriteOptional(call, query->arch);
    vmcXdrWriteOptional(call, query->machine);
    vmcXdrWriteOptional(call, query->virtType);
    vmcXdrWriteU32(call, 0);
}

static vmcFlowVerdict
gotEmulator(vmcJob *job, vmcXdrReader *reply)
{
    emulatorJob *own = (emulatorJob *)job;
    g_autofree char *capabilities = vmcXdrReadText(reply, VMC_RPC_STRING_MAX);

    own->emulator = vmcCapabilitiesEmulator(capabilities);
    return own->emulator ? VMC_FLOW_WAIT : vmcCallsFail(job->calls, job->message);
}

static vmcFlowVerdict
emulatorEnd(vmcJob *job)
{
    const emulatorJob *own = (emulatorJob *)job;
    rewriting state = { .dirs = own->dirs, .emulator = own->emulator };
    GByteArray *out = NULL;
    vmcRpcRewriteResult result = rewriteCall(&state, job->message, &out);

    return finishCall(job->calls, job->message, result, out);
}

static void
emulatorClear(vmcJob *job)
{
    emulatorJob *own = (emulatorJob *)job;

    vmcEmulatorQueryClear(&own->query);
    g_free(own->emulator);
}

static const vmcJobOps emulatorOps = {
    .steps = emulatorSteps, .end = emulatorEnd, .clear = emulatorClear,
};

static vmcFlowVerdict
startEmulator(rewriting *state, vmcCalls *calls, vmcWireMessage *message)
{
    emulatorJob *own = g_new0(emulatorJob, 1);

    own->job.ops = &emulatorOps;
    own->dirs = state->dirs;
    own->query = state->query;
    return vmcCallsStart(calls, &own->job, message);
}

vmcFlowVerdict
vmcRewritingCall(const vmcRewritingDirs *dirs, vmcCalls *calls, vmcWireMessage *message)
{
    rewriting state = { .dirs = dirs };
    GByteArray *out = NULL;
    vmcRpcRewriteResult result;

    if (vmcRpcAsksValidation(message->bytes, message->procedure) &&
        vmcRpcRewrite(message->bytes, message->procedure->call, validated, &state, &out) ==
        VMC_RPC_REWRITE_FAILED)
        return vmcCallsFail(calls, message);
    result = rewriteCall(&state, message, &out);
    if (state.guessed) {
        g_clear_pointer(&out, g_byte_array_unref);
        return startEmulator(&state, calls, message);
    }
    return finishCall(calls, message, result, out);
}

void
vmcRewritingReply(const vmcRewritingDirs *dirs, vmcWireMessage *message)
{
    const vmcRpcProcedure *procedure = message->procedure;
    rewriting state = { .dirs = dirs };
    GByteArray *out = NULL;

    if (vmcRpcRewrite(message->bytes, procedure->reply, rewriters[procedure->replyAction],
                      &state, &out) == VMC_RPC_REWRITE_CHANGED)
        vmcWireMessageReplace(message, out);
}

/* Whether it is sure that there is no such file. */
static bool
isMissing(const char *path)
{
    return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

void
vmcRewritingError(const vmcRewritingDirs *dirs, vmcWireMessage *message)
{
    vmcXdrReader reader;
    int domain;
    int code;
    g_autofree char *said = NULL;
    g_autofree char *qemu = NULL;
    g_autofree char *file = NULL;
    const vmcError *error;

    vmcRpcPayload(message->bytes, &reader);
    if (!vmcRpcErrorRead(&reader, &domain, &code, &said) || !said)
        return;
    qemu = vmcEmulatorInError(code, said, dirs->emulatorDir);
    file = qemu ? g_strconcat(dirs->emulatorDir, qemu, NULL) : NULL;
    if (!file || !isMissing(file))
        return;
    vmcEmulatorReportMissing(qemu, !isMissing(qemu));
    error = vmcErrorLast();
    vmcWireMessageReplace(message, vmcRpcErrorReplyNew(&message->header, error->domain,
                                                       error->code, error->message));
}
