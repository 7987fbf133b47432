/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Before a domain is started or restored: an image that was saved after a
 * channel was attached live names it in the record only, and QEMU would be
 * started without it. So the image's definition is read first, and written
 * back with a command line that has what the record says. Whatever goes wrong
 * is the daemon's to say, upon the client's own call.
 */
#pragma once

#include "proxy/session/rewriting.h"

/* vmcSavedImageCall: a call that starts or restores a domain. */
vmcFlowVerdict vmcSavedImageCall(const vmcRewritingDirs *dirs, vmcCalls *calls,
                                 vmcWireMessage *message);
