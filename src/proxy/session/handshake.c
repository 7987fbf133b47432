/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's messages before the daemon is known. Which daemon it wants, the
 * client says in CONNECT_OPEN, but first it asks how to authenticate: that is
 * answered here, and made good once the daemon is connected. A client whose
 * daemon cannot be reached is told why.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <string.h>

#include "proxy/session/session_priv.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

#define OPEN_READONLY 1
#define FEATURE_KEEPALIVE 10

enum { AUTH_NONE = 0, AUTH_POLKIT = 2 };

/* Authentication types in a daemon's list; it never has more. */
#define AUTH_TYPES_MAX 20

/* All is as if the client had spoken to the daemon from the start. */
static void
openNow(vmcSession *session)
{
    vmcSessionDecide(session, VMC_FLOW_PASS);
}

static void
keepaliveDone(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    openNow(session);
}

static void
authenticated(vmcSession *session)
{
    GByteArray *call;

    if (!session->keepalive) {
        openNow(session);
        return;
    }
    call = vmcSessionCallNew(session, VMC_RPC_CONNECT_SUPPORTS_FEATURE);
    vmcXdrWriteU32(call, FEATURE_KEEPALIVE);
    vmcSessionCall(session, call, keepaliveDone);
}

static void
polkitDone(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    authenticated(session);
}

static void
authListDone(vmcSession *session, vmcXdrReader *reply)
{
    guint32 n = vmcXdrReadU32(reply);
    guint32 type = n > 0 && n <= AUTH_TYPES_MAX ? vmcXdrReadU32(reply) : AUTH_NONE;

    if (type == AUTH_NONE) {
        authenticated(session);
    } else if (type == AUTH_POLKIT) {
        vmcSessionCall(session, vmcSessionCallNew(session, VMC_RPC_AUTH_POLKIT), polkitDone);
    } else {
        vmcReportError(VIR_ERR_AUTH_UNAVAILABLE,
                       "the daemon wants authentication of type %u: start the proxy with --system, --session or --upstream",
                       type);
        vmcSessionFail(session);
    }
}

/* The name in CONNECT_OPEN, which the caller frees; NULL when there is none. */
static char *
readOpen(const GByteArray *message, bool *readOnly)
{
    vmcXdrReader reader;
    size_t length = 0;
    const char *name = NULL;

    vmcRpcPayload(message, &reader);
    if (vmcXdrReadFlag(&reader))
        name = vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
    *readOnly = vmcXdrReadU32(&reader) & OPEN_READONLY;
    return name ? g_strndup(name, length) : NULL;
}

static vmcFlowVerdict
earlyOpen(vmcSession *session, const GByteArray *message)
{
    bool readOnly;
    g_autofree char *uri = readOpen(message, &readOnly);

    vmcUpstreamResolve(&session->upstream, uri, readOnly);
    if (vmcSessionConnect(session) < 0)
        return vmcSessionFail(session);
    return vmcSessionCall(session, vmcSessionCallNew(session, VMC_RPC_AUTH_LIST), authListDone);
}

static vmcFlowVerdict
earlyAuthList(vmcSession *session, const GByteArray *message G_GNUC_UNUSED)
{
    GByteArray *reply = vmcRpcReplyNew(&session->request);

    vmcXdrWriteU32(reply, 1);
    vmcXdrWriteU32(reply, AUTH_NONE);
    return vmcSessionAnswer(session, reply);
}

static vmcFlowVerdict
earlyFeature(vmcSession *session, const GByteArray *message)
{
    GByteArray *reply = vmcRpcReplyNew(&session->request);
    vmcXdrReader reader;
    bool supported;

    vmcRpcPayload(message, &reader);
    supported = vmcXdrReadU32(&reader) == FEATURE_KEEPALIVE;
    session->keepalive = session->keepalive || supported;
    vmcXdrWriteU32(reply, supported);
    return vmcSessionAnswer(session, reply);
}

static const struct {
    guint32 procedure;
    vmcFlowVerdict (*take)(vmcSession *session, const GByteArray *message);
} early[] = {
    { VMC_RPC_CONNECT_OPEN, earlyOpen },
    { VMC_RPC_CONNECT_SUPPORTS_FEATURE, earlyFeature },
    { VMC_RPC_AUTH_LIST, earlyAuthList },
};

static vmcFlowVerdict
earlyCall(vmcSession *session, const GByteArray *message)
{
    for (size_t i = 0; i < G_N_ELEMENTS(early); i++) {
        if (session->request.program == VMC_RPC_PROGRAM_REMOTE &&
            session->request.procedure == early[i].procedure)
            return early[i].take(session, message);
    }
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "hypervisor connection not open");
    return vmcSessionFail(session);
}

vmcFlowVerdict
vmcHandshakeMessage(vmcSession *session, GByteArray **message)
{
    if (session->request.type != VMC_RPC_CALL && session->request.type != VMC_RPC_CALL_WITH_FDS)
        return VMC_FLOW_DROP;
    if (!session->refusing)
        return earlyCall(session, *message);
    vmcErrorSet(session->errorDomain, session->errorCode, session->errorMessage);
    return vmcSessionFail(session);
}
