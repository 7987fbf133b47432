/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Before a domain is started or restored: see savedimage.h. */
#include <config.h>

#include "proxy/session/savedimage.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "documents/domain_mention.h"
#include "rpc/walk.h"

typedef struct {
    vmcJob job;
    const vmcRewritingDirs *dirs;
    GByteArray *subject;        /* the start of each call: a domain, or an image's path */
    char *xml;                  /* the image's new definition */
} imageJob;

static void askForImage(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotHasImage(vmcJob *job, vmcXdrReader *reply);
static void askForXml(vmcJob *job, GByteArray *call);
static vmcFlowVerdict gotXml(vmcJob *job, vmcXdrReader *reply);
static void writeManagedXml(vmcJob *job, GByteArray *call);
static void writeFileXml(vmcJob *job, GByteArray *call);

/* A start: there may be an image that libvirt keeps. */
static const vmcJobStep managedSteps[] = {
    { VMC_RPC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, NULL, askForImage, gotHasImage },
    { VMC_RPC_DOMAIN_MANAGED_SAVE_GET_XML_DESC, NULL, askForXml, gotXml },
    { VMC_RPC_DOMAIN_MANAGED_SAVE_DEFINE_XML, NULL, writeManagedXml, NULL },
    { 0 },
};

/* A restore of the image at a path. */
static const vmcJobStep fileSteps[] = {
    { VMC_RPC_DOMAIN_SAVE_IMAGE_GET_XML_DESC, NULL, askForXml, gotXml },
    { VMC_RPC_DOMAIN_SAVE_IMAGE_DEFINE_XML, NULL, writeFileXml, NULL },
    { 0 },
};

static void
writeSubject(vmcJob *job, GByteArray *call)
{
    const imageJob *own = (imageJob *)job;

    g_byte_array_append(call, own->subject->data, own->subject->len);
}

static void
askForImage(vmcJob *job, GByteArray *call)
{
    writeSubject(job, call);
    vmcXdrWriteU32(call, 0);
}

static vmcFlowVerdict
gotHasImage(vmcJob *job G_GNUC_UNUSED, vmcXdrReader *reply)
{
    return reply && vmcXdrReadU32(reply) ? VMC_FLOW_WAIT : VMC_FLOW_PASS;
}

static void
askForXml(vmcJob *job, GByteArray *call)
{
    writeSubject(job, call);
    vmcXdrWriteU32(call, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE);
}

/* An image without a record needs nothing. */
static vmcFlowVerdict
gotXml(vmcJob *job, vmcXdrReader *reply)
{
    imageJob *own = (imageJob *)job;
    g_autofree char *stock = reply ? vmcXdrReadText(reply, VMC_RPC_STRING_MAX) : NULL;
    g_autofree char *xml =
        stock && vmcMentionRecord(stock) ? vmcRewritingReverse(own->dirs, stock, NULL) : NULL;

    own->xml = xml ? vmcRewritingForward(own->dirs, xml) : NULL;
    return own->xml ? VMC_FLOW_WAIT : VMC_FLOW_PASS;
}

/* A managed image's XML is optional: it has a flag before it. */
static void
writeManagedXml(vmcJob *job, GByteArray *call)
{
    writeSubject(job, call);
    vmcXdrWriteOptional(call, ((const imageJob *)job)->xml);
    vmcXdrWriteU32(call, 0);
}

static void
writeFileXml(vmcJob *job, GByteArray *call)
{
    const char *xml = ((const imageJob *)job)->xml;

    writeSubject(job, call);
    vmcXdrWriteString(call, xml, strlen(xml));
    vmcXdrWriteU32(call, 0);
}

static void
imageClear(vmcJob *job)
{
    imageJob *own = (imageJob *)job;

    g_byte_array_unref(own->subject);
    g_free(own->xml);
}

static const vmcJobOps managedOps = {
    .steps = managedSteps, .mayFail = true, .clear = imageClear,
};
static const vmcJobOps fileOps = {
    .steps = fileSteps, .mayFail = true, .clear = imageClear,
};

/* Where the image of each call is: of the domain, at a path, or at one among parameters. */
typedef enum { IMAGE_MANAGED, IMAGE_PATH, IMAGE_PARAMS } imagePlace;

static const struct {
    guint32 procedure;
    imagePlace place;
} starts[] = {
    { VMC_RPC_DOMAIN_CREATE, IMAGE_MANAGED },
    { VMC_RPC_DOMAIN_CREATE_WITH_FLAGS, IMAGE_MANAGED },
    { VMC_RPC_DOMAIN_CREATE_WITH_FILES, IMAGE_MANAGED },
    { VMC_RPC_DOMAIN_RESTORE, IMAGE_PATH },
    { VMC_RPC_DOMAIN_RESTORE_FLAGS, IMAGE_PATH },
    { VMC_RPC_DOMAIN_RESTORE_PARAMS, IMAGE_PARAMS },
};

/* The start of our calls about the image, which the caller unrefs; NULL: it names none. */
static GByteArray *
readSubject(const vmcWireMessage *message, imagePlace place)
{
    vmcXdrReader reader;
    size_t length = 0;
    const char *path = NULL;
    const guint8 *domain = NULL;
    GByteArray *subject;

    vmcRpcPayload(message->bytes, &reader);
    if (place == IMAGE_MANAGED)
        domain = vmcRpcReadDomain(&reader, &length);
    else if (place == IMAGE_PATH)
        path = vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
    else
        path = vmcRpcReadStringParam(&reader, VIR_DOMAIN_SAVE_PARAM_FILE, &length);
    if (!domain && !path)
        return NULL;
    subject = g_byte_array_new();
    if (domain)
        g_byte_array_append(subject, domain, length);
    else
        vmcXdrWriteString(subject, path, length);
    return subject;
}

static vmcFlowVerdict
startImage(const vmcRewritingDirs *dirs, vmcCalls *calls, vmcWireMessage *message,
           imagePlace place)
{
    GByteArray *subject = readSubject(message, place);
    imageJob *own;

    if (!subject)
        return VMC_FLOW_PASS;
    own = g_new0(imageJob, 1);
    own->job.ops = place == IMAGE_MANAGED ? &managedOps : &fileOps;
    own->dirs = dirs;
    own->subject = subject;
    return vmcCallsStart(calls, &own->job, message);
}

vmcFlowVerdict
vmcSavedImageCall(const vmcRewritingDirs *dirs, vmcCalls *calls, vmcWireMessage *message)
{
    vmcFlowVerdict verdict = vmcRewritingCall(dirs, calls, message);

    for (size_t i = 0; i < G_N_ELEMENTS(starts) && verdict == VMC_FLOW_PASS; i++) {
        if (starts[i].procedure == message->header.procedure)
            return startImage(dirs, calls, message, starts[i].place);
    }
    return verdict;
}
