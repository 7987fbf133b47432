/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walk to the XML in a message: see rewrite.h. */
#include <config.h>

#include "rpc/rewrite.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* libvirt's limits for a list of typed parameters and for a parameter's name. */
#define PARAMS_MAX 64

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
    size_t n = strlen(signature);

    while (n > 0 && !strchr("XYP", signature[n - 1]))
        n--;
    vmcRpcPayload(message, &state->reader);
    for (const char *letter = signature; letter < signature + n; letter++) {
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
