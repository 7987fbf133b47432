/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session under a policy: every message of the guest's is decided before
 * anything else is done with it, and every one of the daemon's before the guest
 * sees it.
 */
#pragma once

#include <stdbool.h>

#include "proxy/policy/shared.h"
#include "proxy/session/calls.h"

typedef struct _vmcGate vmcGate;

/* vmcGateNew: @shared and @calls stay the caller's. */
vmcGate *vmcGateNew(vmcPolicyShared *shared, vmcCalls *calls);
void vmcGateFree(vmcGate *gate);

/* vmcGateTimeout: how long poll(2) may wait, milliseconds; -1: without end. */
int vmcGateTimeout(const vmcGate *gate);

/*
 * vmcGateUp: a message of the guest's. VMC_FLOW_PASS: it is allowed, and goes
 * on as any client's would. With VMC_FLOW_WAIT it has to be asked again.
 * vmcGateForget: there is a verdict about that message, be it this one's.
 */
vmcFlowVerdict vmcGateUp(vmcGate *gate, vmcWireMessage *message);
void vmcGateForget(vmcGate *gate);

/*
 * vmcGateWantsDown: whether a message of the daemon's has to be seen whole.
 * vmcGateDown: such a message, in the form for the guest already.
 */
bool vmcGateWantsDown(const vmcGate *gate, const vmcWireMessage *message);
vmcFlowVerdict vmcGateDown(vmcGate *gate, vmcWireMessage *message);

/* vmcGateReport: logs what was counted so far. */
void vmcGateReport(const vmcGate *gate);
