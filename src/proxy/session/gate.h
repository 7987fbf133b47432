/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session under a policy: every message of the guest's is decided before
 * anything else is done with it, and every one of the daemon's before the guest
 * sees it.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "proxy/policy/policy.h"
#include "proxy/wire/flow.h"

/* What a session keeps for its gate. */
typedef struct {
    vmcPolicyBucket bucket;
    gint64 wake;                /* when the call that waits may come, or 0 */
    bool admitted;              /* the call at hand is paid for */
    GPtrArray *domains;         /* vmcFilterDomain *, for the call at hand; or NULL */
    char *name;                 /* the guest's, once it is known */
} vmcGate;

struct _vmcSession;

/* vmcGateTimeout: how long poll(2) may wait, milliseconds; -1: without end. */
int vmcGateTimeout(const vmcGate *gate);

/*
 * vmcGateForget: the call at hand is done with; the next one starts afresh.
 * vmcGateClear: frees what it owns.
 */
void vmcGateForget(vmcGate *gate);
void vmcGateClear(vmcGate *gate);

/*
 * vmcGateUp: a message of the guest's. VMC_FLOW_PASS: it is allowed, and goes
 * on as any client's would. With VMC_FLOW_WAIT it has to be asked again.
 */
vmcFlowVerdict vmcGateUp(struct _vmcSession *session, GByteArray **message);

/*
 * vmcGateWantsDown: whether a message of the daemon's has to be seen whole.
 * vmcGateDown: such a message, in the form for the guest already.
 */
bool vmcGateWantsDown(const struct _vmcSession *session, const vmcRpcHeader *header);
vmcFlowVerdict vmcGateDown(struct _vmcSession *session, const vmcRpcHeader *header,
                           GByteArray **message);
