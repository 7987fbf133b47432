/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the processes that serve one guest share: its policy, who it is, and
 * what was counted. The listening process makes it, before it has children.
 */
#pragma once

#include <glib.h>

#include "proxy/policy/policy.h"

typedef struct vmcGuardCounts vmcGuardCounts;

typedef struct {
    vmcPolicy *policy;
    char *uuid;                 /* of the domain whose channel it is */
    vmcGuardCounts *counts;     /* in memory that children share */
} vmcGuard;

/*
 * vmcGuardNew:
 * Reads the policy from @path, for the domain @uuid. Returns NULL with an
 * error; vmcGuardFree() frees it.
 */
vmcGuard *vmcGuardNew(const char *path, const char *uuid);
void vmcGuardFree(vmcGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcGuard, vmcGuardFree)

/* Why a call was refused. */
typedef enum {
    VMC_GUARD_PROCEDURE,        /* the policy does not allow it */
    VMC_GUARD_DOMAIN,           /* not on this domain, or not with these arguments */
    VMC_GUARD_REASONS
} vmcGuardReason;

/*
 * vmcGuardAllowed, vmcGuardRefused: count a call. The first refusal of a
 * procedure (NULL: one that is not known) for a reason is logged, whichever
 * process sees it. @name is the guest's, or NULL while it is not known.
 */
void vmcGuardAllowed(vmcGuard *guard);
void vmcGuardRefused(vmcGuard *guard, vmcGuardReason reason, const vmcRpcEntry *entry,
                     const char *name);

/* vmcGuardReport: logs what was counted so far. */
void vmcGuardReport(const vmcGuard *guard, const char *name);
