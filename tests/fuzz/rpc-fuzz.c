/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a message, from a client and from a daemon, with the procedure
 * taken for one of the table's. What must hold: what was rewritten is a
 * message again, with all that is not XML in its place; forward of it changes
 * nothing more; a failure has an error.
 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "documents/domain_rewrite.h"
#include "rpc/rewrite.h"
#include "util/error.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const vmcRewriteOptions options = { .emulatorDir = "/vmchannel" };

static char *
forward(const char *xml, void *opaque G_GNUC_UNUSED)
{
    return vmcRewriteText(vmcDomainRewriteForward(xml, &options));
}

static char *
reverse(const char *xml, void *opaque G_GNUC_UNUSED)
{
    char *other = vmcDomainRewriteReverse(xml, &options);

    return other ? other : g_strdup(xml);
}

/* Takes each document for its length, so that what is left tells of the rest. */
static char *
blank(const char *xml G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
    return g_strdup("");
}

/* The row of a message's procedure where there is something to do, or any other such. */
static const vmcRpcProcedure *
rowOf(const vmcRpcHeader *header)
{
    const vmcRpcProcedure *row = vmcRpcProcedureFind(header);
    size_t i = header->procedure % VMC_RPC_PROCEDURES_N;

    while (!row || !row->note) {
        row = &vmcRpcProcedures()[i];
        i = (i + 1) % VMC_RPC_PROCEDURES_N;
    }
    return row;
}

/* The message without its length and its documents. */
static GByteArray *
withoutXml(const GByteArray *message, const char *signature)
{
    GByteArray *out = NULL;

    if (vmcRpcRewrite(message, signature, blank, NULL, &out) != VMC_RPC_REWRITE_CHANGED) {
        out = g_byte_array_new();
        g_byte_array_append(out, message->data, message->len);
    }
    memset(out->data, 0, sizeof(guint32));
    return out;
}

static void
checkRewritten(const GByteArray *message, const char *signature, const GByteArray *out)
{
    g_autoptr(GByteArray) before = withoutXml(message, signature);
    g_autoptr(GByteArray) after = withoutXml(out, signature);
    vmcRpcHeader header;

    g_assert_true(vmcRpcHeaderParse(out->data, &header));
    g_assert_cmpuint(header.length, ==, out->len);
    g_assert_cmpmem(before->data, before->len, after->data, after->len);
}

static void
checkSignature(const GByteArray *message, const char *signature, vmcRpcRewriter rewriter)
{
    g_autoptr(GByteArray) out = NULL;
    g_autoptr(GByteArray) again = NULL;
    vmcRpcRewriteResult result;

    vmcErrorReset();
    result = vmcRpcRewrite(message, signature, rewriter, NULL, &out);
    g_assert_true((result == VMC_RPC_REWRITE_CHANGED) == (out != NULL));
    if (result == VMC_RPC_REWRITE_FAILED)
        g_assert_cmpint(vmcErrorLast()->code, !=, VIR_ERR_OK);
    if (out)
        checkRewritten(message, signature, out);
    if (out && rewriter == forward)
        g_assert_cmpint(vmcRpcRewrite(out, signature, forward, NULL, &again), ==,
                        VMC_RPC_REWRITE_SAME);
}

static void
checkError(const GByteArray *message)
{
    vmcXdrReader reader;
    g_autofree char *text = NULL;
    int domain;
    int code;

    vmcRpcPayload(message, &reader);
    g_assert_true(vmcRpcErrorRead(&reader, &domain, &code, &text) == (text != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree guint8 *exact = g_memdup2(data, size);
    GByteArray message = { .data = exact, .len = size };
    vmcRpcHeader header;
    const vmcRpcProcedure *row;

    if (size < VMC_RPC_HEADER_SIZE)
        return 0;
    vmcRpcHeaderParse(exact, &header);
    checkError(&message);
    row = rowOf(&header);
    if (row->call)
        checkSignature(&message, row->call, forward);
    if (row->reply)
        checkSignature(&message, row->reply, reverse);
    return 0;
}
