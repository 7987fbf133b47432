/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages with XML: each goes to what its row in rpc's table says. A document
 * that has nothing of ours goes on in the bytes in which it came.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <string.h>

#include "documents/capabilities.h"
#include "proxy/session/session_priv.h"
#include "proxy/session/validation.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static vmcRewriteOptions
rewriteOptions(vmcSession *session)
{
    return (vmcRewriteOptions){
        .emulatorDir = session->options->emulatorDir,
        .emulator = session->emulator,
    };
}

char *
vmcRewritingForward(vmcSession *session, const char *xml, bool native)
{
    vmcRewriteOptions options = rewriteOptions(session);
    g_auto(vmcRewriteResult) result = { 0 };

    options.withoutNic = native;
    result = vmcDomainRewriteForward(xml, &options);
    if (result.emulatorGuessed && !session->wantsEmulator) {
        session->wantsEmulator = true;
        vmcEmulatorQueryClear(&session->query);
        session->query = result.query;
        result.query = (vmcEmulatorQuery){ 0 };
    }
    return g_steal_pointer(&result.text);
}

char *
vmcRewritingReverse(vmcSession *session, const char *xml, const GPtrArray *live)
{
    vmcRewriteOptions options = rewriteOptions(session);

    options.live = live;
    return vmcDomainRewriteReverse(xml, &options);
}

static char *
forward(const char *xml, void *opaque)
{
    return vmcRewritingForward(opaque, xml, false);
}

static char *
native(const char *xml, void *opaque)
{
    return vmcRewritingForward(opaque, xml, true);
}

/* The daemon's document, ours or not, is shown: what cannot be reversed as it is. */
static char *
show(vmcSession *session, const char *xml, const GPtrArray *live)
{
    char *other = vmcRewritingReverse(session, xml, live);

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
    vmcSession *session = opaque;
    g_autoptr(GPtrArray) live = NULL;
    g_autofree char *uuid = NULL;

    if (strstr(xml, session->options->emulatorDir) && vmcDomainIsRunning(xml, &uuid))
        live = vmcLiveQuery(uuid);
    return show(session, xml, live);
}

static char *
announce(const char *xml, void *opaque G_GNUC_UNUSED)
{
    return vmcCapabilitiesAnnounce(xml);
}

static char *
validated(const char *xml, void *opaque)
{
    const vmcSession *session = opaque;

    return vmcValidateOurs(xml, session->options->schemaDir) < 0 ? NULL : g_strdup(xml);
}

/* What becomes of XML; an action without one does something else, or nothing. */
static const vmcRpcRewriter rewriters[VMC_RPC_ACTION_LAST] = {
    [VMC_RPC_ACTION_FORWARD] = forward,
    [VMC_RPC_ACTION_NATIVE] = native,
    [VMC_RPC_ACTION_REVERSE] = reverse,
    [VMC_RPC_ACTION_ANNOUNCE] = announce,
    [VMC_RPC_ACTION_LIVE] = showLive,
    [VMC_RPC_ACTION_MEND] = forward,
};

static vmcRpcRewriteResult
rewriteCall(vmcSession *session, const vmcRpcProcedure *procedure, const GByteArray *message,
            GByteArray **out)
{
    return vmcRpcRewrite(message, procedure->call, rewriters[procedure->callAction], session, out);
}

/*
 * What becomes of a call, by what its rewriting came to; @out, if there is one,
 * takes the place of *@message. A verdict of VMC_FLOW_DROP comes with an answer.
 */
static vmcFlowVerdict
finishCall(vmcSession *session, vmcRpcRewriteResult result, GByteArray *out, GByteArray **message)
{
    if (result == VMC_RPC_REWRITE_FAILED)
        return vmcSessionFail(session);
    if (result == VMC_RPC_REWRITE_CHANGED) {
        g_byte_array_unref(*message);
        *message = out;
    }
    return VMC_FLOW_PASS;
}

/* The daemon has said which emulator a domain without one would get. */
static void
emulatorDone(vmcSession *session, vmcXdrReader *reply)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(&session->request);
    size_t length = 0;
    const char *bytes = vmcXdrReadString(reply, VMC_RPC_STRING_MAX, &length);
    g_autofree char *capabilities = g_strndup(bytes ? bytes : "", length);
    GByteArray *out = NULL;
    vmcRpcRewriteResult result;

    session->emulator = vmcCapabilitiesEmulator(capabilities);
    if (!session->emulator) {
        vmcSessionFail(session);
        return;
    }
    result = rewriteCall(session, procedure, session->replacement, &out);
    vmcSessionDecide(session, finishCall(session, result, out, &session->replacement));
}

static vmcFlowVerdict
askForEmulator(vmcSession *session, const GByteArray *message)
{
    GByteArray *call = vmcSessionCallNew(session, VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES);

    session->replacement = g_byte_array_new();
    g_byte_array_append(session->replacement, message->data, message->len);
    vmcXdrWriteOptional(call, NULL);
    vmcXdrWriteOptional(call, session->query.arch);
    vmcXdrWriteOptional(call, session->query.machine);
    vmcXdrWriteOptional(call, session->query.virtType);
    vmcXdrWriteU32(call, 0);
    return vmcSessionCall(session, call, emulatorDone);
}

vmcFlowVerdict
vmcRewritingForwardUp(vmcSession *session, const vmcRpcProcedure *procedure, GByteArray **message)
{
    GByteArray *out = NULL;
    vmcRpcRewriteResult result;

    if (vmcRpcAsksValidation(*message, procedure) &&
        vmcRpcRewrite(*message, procedure->call, validated, session, &out) ==
        VMC_RPC_REWRITE_FAILED)
        return vmcSessionFail(session);
    session->wantsEmulator = false;
    result = rewriteCall(session, procedure, *message, &out);
    if (session->wantsEmulator) {
        g_clear_pointer(&out, g_byte_array_unref);
        return askForEmulator(session, *message);
    }
    return finishCall(session, result, out, message);
}

/* What becomes of a call; an action without one is none of a call's. */
static vmcFlowVerdict (*const calls[VMC_RPC_ACTION_LAST])(vmcSession *session,
                                                          const vmcRpcProcedure *procedure,
                                                          GByteArray **message) = {
    [VMC_RPC_ACTION_FORWARD] = vmcRewritingForwardUp,
    [VMC_RPC_ACTION_NATIVE] = vmcRewritingForwardUp,
    [VMC_RPC_ACTION_DEVICE] = vmcAttachMessage,
    [VMC_RPC_ACTION_MEND] = vmcSavedImageMessage,
    [VMC_RPC_ACTION_LISTEN] = vmcListenersMessage,
};

vmcFlowVerdict
vmcRewritingUp(vmcSession *session, const vmcRpcProcedure *procedure, GByteArray **message)
{
    return calls[procedure->callAction](session, procedure, message);
}

vmcFlowVerdict
vmcRewritingDown(vmcSession *session, const vmcRpcHeader *header, GByteArray **message)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(header);
    GByteArray *out = NULL;

    if (procedure->replyAction == VMC_RPC_ACTION_LISTEN)
        vmcListenersReply(session, header, *message);
    else if (vmcRpcRewrite(*message, procedure->reply, rewriters[procedure->replyAction],
                           session, &out) == VMC_RPC_REWRITE_CHANGED) {
        g_byte_array_unref(*message);
        *message = out;
    }
    return VMC_FLOW_PASS;
}
