/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the processes that serve one guest share: its policy, who it is, and
 * what was counted. The listening process makes it, before it has children.
 */
#pragma once

#include <glib.h>

#include "proxy/policy/policy.h"

typedef struct vmcPolicySharedCounts vmcPolicySharedCounts;

typedef struct {
    vmcPolicy *policy;
    char *uuid;                 /* of the domain whose channel it is */
    vmcPolicySharedCounts *counts; /* in memory that children share */
} vmcPolicyShared;

/*
 * vmcPolicySharedNew:
 * Reads the policy from @path, for the domain @uuid. Returns NULL with an
 * error; vmcPolicySharedFree() frees it.
 */
vmcPolicyShared *vmcPolicySharedNew(const char *path, const char *uuid);
void vmcPolicySharedFree(vmcPolicyShared *shared);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcPolicyShared, vmcPolicySharedFree)

/* Why a call was refused. */
typedef enum {
    VMC_REFUSAL_PROCEDURE,      /* the policy does not allow it */
    VMC_REFUSAL_DOMAIN,         /* not on this domain, or not with these arguments */
    VMC_REFUSAL_LAST
} vmcRefusal;

/*
 * vmcPolicySharedAllowed, vmcPolicySharedRefused: count a call. The first refusal of a
 * procedure (NULL: one that is not known) for a reason is logged, whichever
 * process sees it. @name is the guest's, or NULL while it is not known.
 */
void vmcPolicySharedAllowed(vmcPolicyShared *shared);
void vmcPolicySharedRefused(vmcPolicyShared *shared, vmcRefusal reason,
                            const vmcRpcProcedure *procedure, const char *name);

/* vmcPolicySharedReport: logs what was counted so far. */
void vmcPolicySharedReport(const vmcPolicyShared *shared, const char *name);
