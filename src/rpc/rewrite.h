/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A visitor of the walk that gives every XML in a message to a rewriter. Knows the
 * places, not the XML.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "rpc/procedures.h"

/* What vmcRpcRewrite() made of a message. */
typedef enum {
    VMC_RPC_REWRITE_SAME,       /* nothing was changed, or it cannot be decoded */
    VMC_RPC_REWRITE_CHANGED,
    VMC_RPC_REWRITE_FAILED,     /* an error was reported */
} vmcRpcRewriteResult;

/*
 * Returns the other form of @xml, which the caller frees, or NULL with an
 * error. @xml itself, copied, where there is nothing to change.
 */
typedef char *(*vmcRpcRewriter)(const char *xml, void *opaque);

/*
 * vmcRpcRewrite:
 * Gives every XML in @message, a whole one with or without descriptors, to
 * @rewriter, @signature, which may be NULL, saying where they are. When one was changed, @out is
 * the new message, which the caller frees. What cannot be decoded is left to
 * its receiver to refuse.
 */
vmcRpcRewriteResult vmcRpcRewrite(const GByteArray *message, const char *signature,
                                  vmcRpcRewriter rewriter, void *opaque, GByteArray **out);

/*
 * vmcRpcAsksValidation: whether the call @message of @procedure asks the daemon
 * to validate its XML against a schema.
 */
bool vmcRpcAsksValidation(const GByteArray *message, const vmcRpcProcedure *procedure);
