/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages under a policy: which domains a call is about, the answers that we
 * give in the daemon's place so that other domains do not exist, and what is
 * taken out of the daemon's own.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "proxy/policy/policy.h"
#include "rpc/message.h"

/* A domain of the policy's, as the daemon knows it. */
typedef struct {
    char *name;
    size_t length;
    guint8 uuid[VMC_RPC_UUID_SIZE];
    gint32 id;
} vmcFilterDomain;

/*
 * vmcFilterDomains:
 * Of the daemon's reply to CONNECT_LIST_ALL_DOMAINS, the domains (vmcFilterDomain
 * *) that are the policy's; the caller unrefs the array. NULL with an error.
 */
GPtrArray *vmcFilterDomains(const vmcPolicy *policy, vmcXdrReader *reply);

/* What a call is about. */
typedef enum {
    VMC_FILTER_OUTSIDE,         /* something that is not the policy's, with an error */
    VMC_FILTER_INSIDE,
    VMC_FILTER_ASK,             /* it takes the daemon's list to know */
} vmcFilterPlace;

/*
 * vmcFilterCall:
 * Says so of the call @message to @procedure. @domains is what vmcFilterDomains()
 * returned, or NULL while it is not known.
 */
vmcFilterPlace vmcFilterCall(const vmcPolicy *policy, const vmcRpcProcedure *procedure,
                             const GByteArray *message, const GPtrArray *domains);

/*
 * vmcFilterAnswers:
 * Whether @procedure is a list or a lookup of domains: answered by vmcFilterAnswer()
 * from the list of the policy's domains. @flags are for that, as the call @message has them.
 */
bool vmcFilterAnswers(const vmcRpcProcedure *procedure, const GByteArray *message, guint32 *flags);

/*
 * vmcFilterAnswer:
 * Returns the reply to such a call, with @header, which the caller frees; NULL
 * with an error, in libvirt's words, when it is about no domain of @domains.
 */
GByteArray *vmcFilterAnswer(const vmcRpcHeader *header, const GByteArray *message,
                            const GPtrArray *domains);

/*
 * vmcFilterReply:
 * Takes out of *@message, a good reply or an event, what may not be seen, or
 * replaces it by another. Returns false when it may not be seen at all, with
 * an error.
 */
bool vmcFilterReply(const vmcPolicy *policy, const vmcRpcProcedure *procedure,
                    GByteArray **message);

/*
 * vmcFilterError:
 * Returns the error reply or stream error @message with the text of its code
 * alone, but for the few details that tell nothing of the host. The caller
 * frees it.
 */
GByteArray *vmcFilterError(const GByteArray *message);
