/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of procedures that carry XML, and the walk to the XML in a
 * message: see procedure.h.
 */
#include <config.h>

#include "rpc/procedure.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* libvirt's limits for a list of typed parameters and for a parameter's name. */
#define PARAMS_MAX 64

VMC_ENUM_IMPL(vmcRpcDocument, VMC_RPC_DOCUMENT_LAST,
              "domain", "device", "snapshot", "checkpoint", "backup", "capabilities",
              "domain capabilities", "none")

VMC_ENUM_IMPL(vmcRpcAction, VMC_RPC_ACTION_LAST,
              "none", "forward", "native", "reverse", "device", "announce", "live",
              "mend", "listen")

#define VALIDATED(number, name, document, call, callAction, reply, replyAction, note, flag) \
    { VMC_RPC_PROGRAM_REMOTE, number, name, VMC_RPC_DOCUMENT_ ## document, \
      call, VMC_RPC_ACTION_ ## callAction, reply, VMC_RPC_ACTION_ ## replyAction, note, flag }
#define REMOTE(number, name, document, call, callAction, reply, replyAction, note) \
    VALIDATED(number, name, document, call, callAction, reply, replyAction, note, 0)

#define STOCK_STAYS "what comes back is handed to the destination's libvirt, so it stays stock"
#define MENDED "an image saved after a channel was attached live gets it into its command line"
#define HEARD "DEVICE_ADDED and DEVICE_REMOVED are ours to send for channels"
#define NO_XML "no XML but what is inside opaque cookies, which libvirt hands to libvirt"

/* In the order of their numbers. */
static const vmcRpcProcedure procedures[] = {
    REMOTE(7, "CONNECT_GET_CAPABILITIES", CAPABILITIES, NULL, NONE, "X", NONE,
           "says which emulators libvirt found by itself, never ours; devices are not in it"),
    REMOTE(8, "DOMAIN_ATTACH_DEVICE", DEVICE, "dX", DEVICE, NULL, NONE, NULL),
    REMOTE(9, "DOMAIN_CREATE", NONE, "", MEND, NULL, NONE, MENDED),
    VALIDATED(10, "DOMAIN_CREATE_XML", DOMAIN, "X", FORWARD, NULL, NONE, NULL,
              VIR_DOMAIN_START_VALIDATE),
    REMOTE(11, "DOMAIN_DEFINE_XML", DOMAIN, "X", FORWARD, NULL, NONE, NULL),
    REMOTE(13, "DOMAIN_DETACH_DEVICE", DEVICE, "dX", DEVICE, NULL, NONE, NULL),
    REMOTE(14, "DOMAIN_GET_XML_DESC", DOMAIN, NULL, NONE, "X", LIVE, NULL),
    REMOTE(54, "DOMAIN_RESTORE", NONE, "", MEND, NULL, NONE, MENDED),
    REMOTE(108, "DOMAIN_MIGRATE_PREPARE2", DOMAIN, "ololX", FORWARD, NULL, NONE, NULL),
    REMOTE(135, "CONNECT_DOMAIN_XML_FROM_NATIVE", DOMAIN, NULL, NONE, "X", REVERSE,
           "libvirt 5.5 and later refuse it for QEMU"),
    REMOTE(136, "CONNECT_DOMAIN_XML_TO_NATIVE", DOMAIN, "sX", NATIVE, NULL, NONE,
           "without the NIC, of which libvirt would make a tap; the wrapper adds one"),
    REMOTE(148, "DOMAIN_MIGRATE_PREPARE_TUNNEL", DOMAIN, "lolX", FORWARD, NULL, NONE, NULL),
    REMOTE(160, "DOMAIN_ATTACH_DEVICE_FLAGS", DEVICE, "dX", DEVICE, NULL, NONE, NULL),
    REMOTE(161, "DOMAIN_DETACH_DEVICE_FLAGS", DEVICE, "dX", DEVICE, NULL, NONE, NULL),
    REMOTE(174, "DOMAIN_UPDATE_DEVICE_FLAGS", DEVICE, "dX", DEVICE, NULL, NONE, NULL),
    VALIDATED(185, "DOMAIN_SNAPSHOT_CREATE_XML", SNAPSHOT, "dX", FORWARD, NULL, NONE, NULL,
              VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE),
    REMOTE(186, "DOMAIN_SNAPSHOT_GET_XML_DESC", SNAPSHOT, NULL, NONE, "X", REVERSE, NULL),
    REMOTE(196, "DOMAIN_CREATE_WITH_FLAGS", NONE, "", MEND, NULL, NONE, MENDED),
    REMOTE(213, "DOMAIN_MIGRATE_BEGIN3", DOMAIN, "dY", FORWARD, "sX", NONE, STOCK_STAYS),
    REMOTE(214, "DOMAIN_MIGRATE_PREPARE3", DOMAIN, "sololX", FORWARD, NULL, NONE, NULL),
    REMOTE(215, "DOMAIN_MIGRATE_PREPARE_TUNNEL3", DOMAIN, "slolX", FORWARD, NULL, NONE, NULL),
    REMOTE(216, "DOMAIN_MIGRATE_PERFORM3", DOMAIN, "dY", FORWARD, NULL, NONE, NULL),
    REMOTE(217, "DOMAIN_MIGRATE_FINISH3", DOMAIN, NULL, NONE, NULL, NONE, NO_XML),
    REMOTE(218, "DOMAIN_MIGRATE_CONFIRM3", DOMAIN, NULL, NONE, NULL, NONE, NO_XML),
    REMOTE(232, "DOMAIN_SAVE_FLAGS", DOMAIN, "dsY", FORWARD, NULL, NONE, NULL),
    REMOTE(233, "DOMAIN_RESTORE_FLAGS", DOMAIN, "sY", MEND, NULL, NONE, MENDED),
    REMOTE(235, "DOMAIN_SAVE_IMAGE_GET_XML_DESC", DOMAIN, NULL, NONE, "X", REVERSE, NULL),
    REMOTE(236, "DOMAIN_SAVE_IMAGE_DEFINE_XML", DOMAIN, "sX", FORWARD, NULL, NONE, NULL),
    REMOTE(302, "DOMAIN_MIGRATE_BEGIN3_PARAMS", DOMAIN, "dP", FORWARD, "sX", NONE, STOCK_STAYS),
    REMOTE(303, "DOMAIN_MIGRATE_PREPARE3_PARAMS", DOMAIN, "P", FORWARD, NULL, NONE, NULL),
    REMOTE(304, "DOMAIN_MIGRATE_PREPARE_TUNNEL3_PARAMS", DOMAIN, "P", FORWARD, NULL, NONE, NULL),
    REMOTE(305, "DOMAIN_MIGRATE_PERFORM3_PARAMS", DOMAIN, "doP", FORWARD, NULL, NONE, NULL),
    REMOTE(306, "DOMAIN_MIGRATE_FINISH3_PARAMS", DOMAIN, "P", FORWARD, NULL, NONE, NULL),
    REMOTE(307, "DOMAIN_MIGRATE_CONFIRM3_PARAMS", DOMAIN, "dP", FORWARD, NULL, NONE, NULL),
    VALIDATED(309, "DOMAIN_CREATE_XML_WITH_FILES", DOMAIN, "X", FORWARD, NULL, NONE,
              "its descriptors follow the new message", VIR_DOMAIN_START_VALIDATE),
    REMOTE(310, "DOMAIN_CREATE_WITH_FILES", NONE, "", MEND, NULL, NONE, MENDED),
    REMOTE(316, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", NONE, "", LISTEN, "", LISTEN, HEARD),
    REMOTE(317, "CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY", NONE, "", LISTEN, NULL, NONE,
           HEARD),
    REMOTE(342, "CONNECT_GET_DOMAIN_CAPABILITIES", DOMAIN_CAPABILITIES, NULL, NONE, "X", ANNOUNCE,
           NULL),
    REMOTE(345, "DOMAIN_BLOCK_COPY", DEVICE, "dsX", NONE, NULL, NONE, "a disk, never ours"),
    VALIDATED(350, "DOMAIN_DEFINE_XML_FLAGS", DOMAIN, "X", FORWARD, NULL, NONE, NULL,
              VIR_DOMAIN_DEFINE_VALIDATE),
    REMOTE(388, "DOMAIN_MANAGED_SAVE_GET_XML_DESC", DOMAIN, NULL, NONE, "X", REVERSE, NULL),
    REMOTE(389, "DOMAIN_MANAGED_SAVE_DEFINE_XML", DOMAIN, "dY", FORWARD, NULL, NONE, NULL),
    REMOTE(392, "DOMAIN_DETACH_DEVICE_ALIAS", NONE, "", DEVICE, NULL, NONE,
           "an alias may be one of ours"),
    REMOTE(411, "DOMAIN_CHECKPOINT_CREATE_XML", CHECKPOINT, "dX", FORWARD, NULL, NONE, NULL),
    REMOTE(412, "DOMAIN_CHECKPOINT_GET_XML_DESC", CHECKPOINT, NULL, NONE, "X", REVERSE, NULL),
    REMOTE(421, "DOMAIN_BACKUP_BEGIN", CHECKPOINT, "dsY", FORWARD, NULL, NONE,
           "the checkpoint that goes with it; the backup itself has disks only"),
    REMOTE(422, "DOMAIN_BACKUP_GET_XML_DESC", BACKUP, NULL, NONE, "X", NONE, "disks only"),
    REMOTE(440, "DOMAIN_SAVE_PARAMS", DOMAIN, "dP", FORWARD, NULL, NONE, NULL),
    REMOTE(441, "DOMAIN_RESTORE_PARAMS", DOMAIN, "P", MEND, NULL, NONE, MENDED),
};

const vmcRpcProcedure *
vmcRpcProcedures(size_t *n)
{
    *n = G_N_ELEMENTS(procedures);
    return procedures;
}

const vmcRpcProcedure *
vmcRpcProcedureFind(const vmcRpcHeader *header)
{
    if (header->version != VMC_RPC_VERSION)
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(procedures); i++) {
        if (procedures[i].number == header->procedure &&
            procedures[i].program == header->program)
            return &procedures[i];
    }
    return NULL;
}

void
vmcRpcPayload(const GByteArray *message, vmcXdrReader *reader)
{
    vmcRpcHeader header;

    vmcXdrReaderInit(reader, message->data, message->len);
    vmcXdrSkip(reader, VMC_RPC_HEADER_SIZE);
    if (!reader->failed && vmcRpcHeaderParse(message->data, &header) &&
        vmcRpcHeaderHasFds(&header))
        vmcXdrReadU32(reader);
}

const guint8 *
vmcRpcReadDomain(vmcXdrReader *reader, size_t *size)
{
    const guint8 *start = reader->data + reader->pos;
    size_t from = reader->pos;
    size_t length;

    vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);
    vmcXdrSkip(reader, VMC_RPC_UUID_SIZE);
    vmcXdrReadU32(reader);
    *size = reader->pos - from;
    return reader->failed ? NULL : start;
}

/* A message on its way from one form to the other. */
typedef struct {
    vmcXdrReader reader;
    GByteArray *out;            /* NULL until something was changed */
    size_t copied;              /* bytes of the reader that are in out, or replaced */
    vmcRpcRewriter rewriter;
    void *opaque;
    bool failed;                /* with an error */
} rewriting;

/* Puts what was read since the last change into the new message. */
static void
rewritingCopyUntil(rewriting *state, size_t pos)
{
    if (!state->out)
        state->out = g_byte_array_sized_new(state->reader.size);
    g_byte_array_append(state->out, state->reader.data + state->copied, pos - state->copied);
}

static void
rewriteXml(rewriting *state)
{
    size_t start = state->reader.pos;
    size_t length = 0;
    const char *bytes = vmcXdrReadString(&state->reader, VMC_RPC_STRING_MAX, &length);
    g_autofree char *xml = NULL;
    g_autofree char *other = NULL;

    if (!bytes)
        return;
    xml = g_strndup(bytes, length);
    other = state->rewriter(xml, state->opaque);
    if (!other) {
        state->failed = true;
        return;
    }
    if (strcmp(xml, other) == 0)
        return;
    length = strlen(other);
    if (length > VMC_RPC_STRING_MAX) {
        vmcReportError(VIR_ERR_RPC, "the rewritten document has %zu bytes, more than %d",
                       length, VMC_RPC_STRING_MAX);
        state->failed = true;
        return;
    }
    rewritingCopyUntil(state, start);
    vmcXdrWriteString(state->out, other, length);
    state->copied = state->reader.pos;
}

static void
skipString(rewriting *state)
{
    size_t length;

    vmcXdrReadString(&state->reader, VMC_RPC_STRING_MAX, &length);
}

static void
skipOptional(rewriting *state)
{
    if (vmcXdrReadFlag(&state->reader))
        skipString(state);
}

static void
skipWord(rewriting *state)
{
    vmcXdrReadU32(&state->reader);
}

static void
skipDouble(rewriting *state)
{
    vmcXdrReadU64(&state->reader);
}

static void
skipDomain(rewriting *state)
{
    size_t size;

    vmcRpcReadDomain(&state->reader, &size);
}

static void
rewriteOptional(rewriting *state)
{
    if (vmcXdrReadFlag(&state->reader))
        rewriteXml(state);
}

static bool
paramIsXml(const char *name, size_t length)
{
    static const char *const names[] = { "dxml", "destination_xml", "persistent_xml" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return true;
    }
    return false;
}

/* How a typed parameter's value is passed over: int, uint, llong, ullong, double,
 * boolean, from 1 on; then string. */
static void (*const paramSkips[])(rewriting *) = {
    NULL, skipWord, skipWord, skipDouble, skipDouble, skipDouble, skipWord, skipString,
};

/* Reads a parameter's name, and how to pass over its value; NULL when it is none. */
static const char *
readParam(rewriting *state, size_t *length, void (**skip)(rewriting *))
{
    const char *name = vmcXdrReadString(&state->reader, VMC_RPC_STRING_MAX, length);
    guint32 type = vmcXdrReadU32(&state->reader);

    if (state->reader.failed || type >= G_N_ELEMENTS(paramSkips) || !paramSkips[type]) {
        state->reader.failed = true;
        return NULL;
    }
    *skip = paramSkips[type];
    return name;
}

static void
rewriteParam(rewriting *state)
{
    size_t length = 0;
    void (*skip)(rewriting *) = NULL;
    const char *name = readParam(state, &length, &skip);

    if (!name)
        return;
    if (skip == skipString && paramIsXml(name, length))
        rewriteXml(state);
    else
        skip(state);
}

static void
rewriteParams(rewriting *state)
{
    guint32 n = vmcXdrReadU32(&state->reader);

    if (n > PARAMS_MAX)
        state->reader.failed = true;
    for (guint32 i = 0; i < n && !state->reader.failed && !state->failed; i++)
        rewriteParam(state);
}

const char *
vmcRpcReadStringParam(vmcXdrReader *reader, const char *name, size_t *length)
{
    rewriting state = { .reader = *reader };
    guint32 n = vmcXdrReadU32(&state.reader);
    const char *found = NULL;

    for (guint32 i = 0; i < MIN(n, PARAMS_MAX) && !state.reader.failed && !found; i++) {
        size_t nameLength = 0;
        void (*skip)(rewriting *) = NULL;
        const char *have = readParam(&state, &nameLength, &skip);

        if (!have)
            break;
        if (skip == skipString && nameLength == strlen(name) &&
            memcmp(have, name, nameLength) == 0)
            found = vmcXdrReadString(&state.reader, VMC_RPC_STRING_MAX, length);
        else
            skip(&state);
    }
    *reader = state.reader;
    return found;
}

/* What is done at each letter of a signature. */
static const struct {
    char letter;
    void (*step)(rewriting *state);
} steps[] = {
    { 'w', skipWord },
    { 'l', skipDouble },
    { 's', skipString },
    { 'o', skipOptional },
    { 'd', skipDomain },
    { 'X', rewriteXml },
    { 'Y', rewriteOptional },
    { 'P', rewriteParams },
};

static void
rewriteLetter(rewriting *state, char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i].letter == letter) {
            steps[i].step(state);
            return;
        }
    }
    g_assert_not_reached();
}

/* Goes to the end of the last XML, or to where something is not as it should be. */
static void
rewritingWalk(rewriting *state, const GByteArray *message, const char *signature)
{
    vmcRpcPayload(message, &state->reader);
    for (const char *letter = signature; *letter; letter++) {
        if (!state->failed && !state->reader.failed)
            rewriteLetter(state, *letter);
    }
}

static char *
keep(const char *xml, void *opaque G_GNUC_UNUSED)
{
    return g_strdup(xml);
}

bool
vmcRpcAsksValidation(const GByteArray *message, const vmcRpcProcedure *procedure)
{
    rewriting state = { .rewriter = keep };

    if (procedure->validateFlag == 0)
        return false;
    rewritingWalk(&state, message, procedure->call);
    return vmcXdrReadU32(&state.reader) & procedure->validateFlag;
}

vmcRpcRewriteResult
vmcRpcRewrite(const GByteArray *message, const char *signature,
              vmcRpcRewriter rewriter, void *opaque, GByteArray **out)
{
    rewriting state = { .rewriter = rewriter, .opaque = opaque };

    rewritingWalk(&state, message, signature);
    if (state.failed || state.reader.failed || !state.out) {
        g_clear_pointer(&state.out, g_byte_array_unref);
        return state.failed ? VMC_RPC_REWRITE_FAILED : VMC_RPC_REWRITE_SAME;
    }
    rewritingCopyUntil(&state, state.reader.size);
    if (state.out->len > VMC_RPC_MESSAGE_MAX) {
        vmcReportError(VIR_ERR_RPC, "the rewritten message has %u bytes, more than %d",
                       state.out->len, VMC_RPC_MESSAGE_MAX);
        g_byte_array_unref(state.out);
        return VMC_RPC_REWRITE_FAILED;
    }
    vmcRpcMessageFinish(state.out);
    *out = state.out;
    return VMC_RPC_REWRITE_CHANGED;
}
