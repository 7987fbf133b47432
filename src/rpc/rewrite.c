/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The XML in a message: see rewrite.h. */
#include <config.h>

#include "rpc/rewrite.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "rpc/walk.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* A message on its way from one form to the other. */
typedef struct {
    vmcRpcRewriter rewriter;
    void *opaque;
} rewriting;

static vmcRpcVisit
rewriteXml(void *opaque, const char *text, size_t length, char **other)
{
    const rewriting *state = opaque;
    g_autofree char *xml = g_strndup(text, length);
    g_autofree char *written = state->rewriter(xml, state->opaque);

    if (!written)
        return VMC_RPC_VISIT_STOP;
    if (strcmp(xml, written) == 0)
        return VMC_RPC_VISIT_KEEP;
    if (strlen(written) > VMC_RPC_STRING_MAX) {
        vmcReportError(VIR_ERR_RPC, "the rewritten document has %zu bytes, more than %d",
                       strlen(written), VMC_RPC_STRING_MAX);
        return VMC_RPC_VISIT_STOP;
    }
    *other = g_steal_pointer(&written);
    return VMC_RPC_VISIT_KEEP;
}

static vmcRpcVisit
rewriteParam(void *opaque, const vmcRpcParam *param, char **other)
{
    static const char *const names[] = { "dxml", "destination_xml", "persistent_xml" };

    for (size_t i = 0; param->text && i < G_N_ELEMENTS(names); i++) {
        if (vmcRpcParamIs(param, names[i]))
            return rewriteXml(opaque, param->text, param->length, other);
    }
    return VMC_RPC_VISIT_KEEP;
}

vmcRpcRewriteResult
vmcRpcRewrite(const GByteArray *message, const char *signature,
              vmcRpcRewriter rewriter, void *opaque, GByteArray **out)
{
    static const vmcRpcVisitor visitor = {
        .letters = "XYP", .paramsMax = VMC_RPC_PARAMS_MAX, .xml = rewriteXml,
        .param = rewriteParam,
    };
    rewriting state = { .rewriter = rewriter, .opaque = opaque };
    g_autoptr(GByteArray) changed = NULL;
    vmcXdrReader reader;

    vmcRpcPayload(message, &reader);
    if (vmcRpcWalk(&reader, signature, &visitor, &state, &changed) == VMC_RPC_WALK_STOPPED)
        return VMC_RPC_REWRITE_FAILED;
    if (!changed)
        return VMC_RPC_REWRITE_SAME;
    if (changed->len > VMC_RPC_MESSAGE_MAX) {
        vmcReportError(VIR_ERR_RPC, "the rewritten message has %u bytes, more than %d",
                       changed->len, VMC_RPC_MESSAGE_MAX);
        return VMC_RPC_REWRITE_FAILED;
    }
    *out = g_steal_pointer(&changed);
    return VMC_RPC_REWRITE_CHANGED;
}

static vmcRpcVisit
takeFlags(void *opaque, guint32 flags)
{
    *(guint32 *)opaque = flags;
    return VMC_RPC_VISIT_KEEP;
}

bool
vmcRpcAsksValidation(const GByteArray *message, const vmcRpcProcedure *procedure)
{
    static const vmcRpcVisitor visitor = { .letters = "V", .flags = takeFlags };
    vmcXdrReader reader;
    guint32 flags = 0;

    vmcRpcPayload(message, &reader);
    vmcRpcWalk(&reader, procedure->call, &visitor, &flags, NULL);
    return flags & procedure->validateFlag;
}
