/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest may ask of the host's libvirt: a key file, and the decision by
 * it. What the file does not allow is denied. Decides by a message's header
 * and the domain that stands in it, before anything else of it is looked at.
 *
 * Pure: opens nothing, starts nothing. Every byte of a message is a guest's.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "rpc/procedures.h"

/* Bytes of a policy's file, and entries of one of its lists. */
#define VMC_POLICY_MAX (64 * 1024)
#define VMC_POLICY_LIST_MAX 1024

typedef struct {
    guint8 uuid[VMC_RPC_UUID_SIZE];
} vmcPolicyDomain;

typedef struct {
    bool allowed[VMC_RPC_PROCEDURES_N];     /* in the order of the table */
    GArray *domains;            /* of vmcPolicyDomain: those named by uuid, and self */
    GPtrArray *patterns;        /* of GPatternSpec: those named by name */
    guint callsPerSecond;
    guint connections;          /* at a time */
    guint messageSize;          /* bytes of one of the guest's messages */
    bool secrets;               /* XML with passwords may be asked for */
    bool hostPaths;             /* what comes back is not stripped of the host */
} vmcPolicy;

/*
 * vmcPolicyParse:
 * Returns the policy of the @size bytes of @text, which vmcPolicyFree() frees,
 * or NULL with an error that names what is wrong and what is accepted. @self
 * is the uuid of the domain whose channel it is.
 */
vmcPolicy *vmcPolicyParse(const char *text, size_t size, const char *self);
void vmcPolicyFree(vmcPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcPolicy, vmcPolicyFree)

/* vmcPolicyIsReadOnly: whether a read-only connection to the daemon is enough. */
bool vmcPolicyIsReadOnly(const vmcPolicy *policy);

/* vmcPolicyAllows: whether @procedure, which may be NULL, is allowed. */
bool vmcPolicyAllows(const vmcPolicy *policy, const vmcRpcProcedure *procedure);

/*
 * vmcPolicyHas:
 * Whether the domain with this @uuid and true @name is the policy's; a NULL
 * @name is one that is not known. vmcPolicyAsksNames: whether names matter.
 */
bool vmcPolicyHas(const vmcPolicy *policy, const guint8 *uuid, const char *name, size_t length);
bool vmcPolicyAsksNames(const vmcPolicy *policy);

/* Text to 16 bytes and back; the caller frees it. False when it is no uuid. */
bool vmcPolicyUuidParse(const char *text, guint8 *uuid);
char *vmcPolicyUuidFormat(const guint8 *uuid);

/*
 * How many calls may come now: a bucket that fills at the policy's rate, up to
 * what one second brings. Times are microseconds of any clock that only grows.
 */
typedef struct {
    gint64 filled;              /* when it was last filled */
    gint64 level;               /* calls, in millionths */
} vmcPolicyBucket;

/*
 * vmcPolicyTake:
 * Takes one call from @bucket. Returns 0, or after how many microseconds there
 * will be one.
 */
gint64 vmcPolicyTake(const vmcPolicy *policy, vmcPolicyBucket *bucket, gint64 now);
