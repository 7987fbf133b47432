/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attach, detach and update of channels, and of the NIC that carries them. To
 * libvirt they are arguments of a command line, so for the domain's next start
 * the persistent definition is changed as a whole: it is read, changed, and
 * defined. In a running domain the relay does it (live.h), and a record in the
 * domain's metadata says so; that is written first, so that the daemon decides
 * who may.
 */
#pragma once

#include "proxy/session/listeners.h"
#include "proxy/session/rewriting.h"

/* vmcAttachCall: a call that changes a device. Of other devices it passes. */
vmcFlowVerdict vmcAttachCall(const vmcRewritingDirs *dirs, vmcListeners *listeners,
                             vmcCalls *calls, vmcWireMessage *message);
