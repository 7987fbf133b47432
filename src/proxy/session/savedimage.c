/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before a domain is started or restored: an image that was saved after a
 * channel was attached live names it in the record only, and QEMU would be
 * started without it. So the image's definition is read first, and written
 * back with a command line that has what the record says. Whatever goes wrong
 * is the daemon's to say, upon the client's own call.
 */
#include <config.h>

#include <libvirt/libvirt.h>
#include <string.h>

#include "documents/domain_mention.h"
#include "proxy/session/session_priv.h"

void
vmcSavedImageClear(vmcSession *session)
{
    g_clear_pointer(&session->mend.subject, g_byte_array_unref);
}

static void
goOn(vmcSession *session)
{
    vmcSessionDecide(session, VMC_FLOW_PASS);
}

static GByteArray *
subjectCall(vmcSession *session, guint32 procedure)
{
    GByteArray *call = vmcSessionCallNew(session, procedure);

    g_byte_array_append(call, session->mend.subject->data, session->mend.subject->len);
    return call;
}

static void
written(vmcSession *session, vmcXdrReader *reply G_GNUC_UNUSED)
{
    goOn(session);
}

/* The image's XML with all in the command line, or NULL: there is nothing to mend. */
static char *
mended(vmcSession *session, vmcXdrReader *reply)
{
    size_t length = 0;
    const char *bytes = vmcXdrReadString(reply, VMC_RPC_STRING_MAX, &length);
    g_autofree char *stock = bytes ? g_strndup(bytes, length) : NULL;
    g_autofree char *xml =
        stock && vmcMentionRecord(stock) ? vmcRewritingReverse(session, stock, NULL) : NULL;

    return xml ? vmcRewritingForward(session, xml, false) : NULL;
}

static void
gotImage(vmcSession *session, vmcXdrReader *reply)
{
    g_autofree char *xml = reply ? mended(session, reply) : NULL;
    GByteArray *call;

    if (!xml) {
        goOn(session);
        return;
    }
    call = subjectCall(session, session->mend.write);
    /* A managed image's XML is optional: it has a flag before it. */
    if (session->mend.write == VMC_RPC_DOMAIN_MANAGED_SAVE_DEFINE_XML)
        vmcXdrWriteOptional(call, xml);
    else
        vmcXdrWriteString(call, xml, strlen(xml));
    vmcXdrWriteU32(call, 0);
    vmcSessionTry(session, call, written);
}

static vmcFlowVerdict
readImage(vmcSession *session)
{
    GByteArray *call = subjectCall(session, session->mend.read);

    vmcXdrWriteU32(call, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
    return vmcSessionTry(session, call, gotImage);
}

static void
gotHasImage(vmcSession *session, vmcXdrReader *reply)
{
    if (reply && vmcXdrReadU32(reply))
        readImage(session);
    else
        goOn(session);
}

/* A start: there may be an image that libvirt keeps. */
static vmcFlowVerdict
mendManaged(vmcSession *session, vmcXdrReader *reader)
{
    size_t size = 0;
    const guint8 *domain = vmcRpcReadDomain(reader, &size);
    GByteArray *call;

    if (!domain)
        return VMC_FLOW_PASS;
    session->mend.subject = g_byte_array_new();
    g_byte_array_append(session->mend.subject, domain, size);
    session->mend.read = VMC_RPC_DOMAIN_MANAGED_SAVE_GET_XML_DESC;
    session->mend.write = VMC_RPC_DOMAIN_MANAGED_SAVE_DEFINE_XML;
    call = subjectCall(session, VMC_RPC_DOMAIN_HAS_MANAGED_SAVE_IMAGE);
    vmcXdrWriteU32(call, 0);
    return vmcSessionTry(session, call, gotHasImage);
}

static vmcFlowVerdict
mendFile(vmcSession *session, const char *path, size_t length)
{
    if (!path)
        return VMC_FLOW_PASS;
    session->mend.subject = g_byte_array_new();
    vmcXdrWriteString(session->mend.subject, path, length);
    session->mend.read = VMC_RPC_DOMAIN_SAVE_IMAGE_GET_XML_DESC;
    session->mend.write = VMC_RPC_DOMAIN_SAVE_IMAGE_DEFINE_XML;
    return readImage(session);
}

static vmcFlowVerdict
mendPath(vmcSession *session, vmcXdrReader *reader)
{
    size_t length = 0;
    const char *path = vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);

    return mendFile(session, path, length);
}

static vmcFlowVerdict
mendParams(vmcSession *session, vmcXdrReader *reader)
{
    size_t length = 0;
    const char *path = vmcRpcReadStringParam(reader, VIR_DOMAIN_SAVE_PARAM_FILE, &length);

    return mendFile(session, path, length);
}

static const struct {
    guint32 procedure;
    vmcFlowVerdict (*mend)(vmcSession *session, vmcXdrReader *reader);
} starts[] = {
    { VMC_RPC_DOMAIN_CREATE, mendManaged },
    { VMC_RPC_DOMAIN_CREATE_WITH_FLAGS, mendManaged },
    { VMC_RPC_DOMAIN_CREATE_WITH_FILES, mendManaged },
    { VMC_RPC_DOMAIN_RESTORE, mendPath },
    { VMC_RPC_DOMAIN_RESTORE_FLAGS, mendPath },
    { VMC_RPC_DOMAIN_RESTORE_PARAMS, mendParams },
};

vmcFlowVerdict
vmcSavedImageMessage(vmcSession *session, const vmcRpcProcedure *procedure, GByteArray **message)
{
    vmcFlowVerdict verdict = vmcRewritingForwardUp(session, procedure, message);
    vmcXdrReader reader;

    if (verdict != VMC_FLOW_PASS)
        return verdict;
    vmcSavedImageClear(session);
    vmcRpcPayload(*message, &reader);
    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++) {
        if (starts[i].procedure == procedure->number)
            return starts[i].mend(session, &reader);
    }
    return VMC_FLOW_PASS;
}
