/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages with XML. The client's documents go to the daemon in the stock form,
 * the daemon's to the client in the form with channels. A document with no
 * channel and no NIC for channels goes on in the bytes in which it came.
 */
#pragma once

#include <glib.h>

#include "proxy/session/calls.h"

/* Where the files are that rewriting names or reads. */
typedef struct {
    const char *emulatorDir;
    const char *schemaDir;
} vmcRewritingDirs;

/*
 * vmcRewritingCall: a call with XML, by the action of its row. It waits for the
 * daemon when that has to say which emulator a domain gets.
 * vmcRewritingReply: a good reply with XML.
 * vmcRewritingError: a bad one: of an emulator file that is not there, whose path the
 * client never wrote, it says what to do.
 */
vmcFlowVerdict vmcRewritingCall(const vmcRewritingDirs *dirs, vmcCalls *calls,
                                vmcWireMessage *message);
void vmcRewritingReply(const vmcRewritingDirs *dirs, vmcWireMessage *message);
void vmcRewritingError(const vmcRewritingDirs *dirs, vmcWireMessage *message);

/*
 * vmcRewritingForward, vmcRewritingReverse: the document @xml of a domain that the
 * daemon has already, in its other form, which the caller frees; NULL with an
 * error. @live: the channels it runs with, as in domain_rewrite.h, or NULL.
 */
char *vmcRewritingForward(const vmcRewritingDirs *dirs, const char *xml);
char *vmcRewritingReverse(const vmcRewritingDirs *dirs, const char *xml, const GPtrArray *live);
