/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of a session share: the connections, and the job. A job is
 * what has to be done before it is known what becomes of a client's message:
 * calls of our own to the daemon, one at a time. Meanwhile the client's further
 * messages wait, and all that the daemon sends goes on to the client.
 */
#pragma once

#include <stdbool.h>

#include "documents/domain_rewrite.h"
#include "proxy/session/gate.h"
#include "proxy/session/live.h"
#include "proxy/session/session.h"
#include "proxy/wire/flow.h"
#include "rpc/rewrite.h"
#include "util/error.h"

typedef struct _vmcSession vmcSession;

/* A good reply to a call of our own, from its payload on. */
typedef void (*vmcCallDone)(vmcSession *session, vmcXdrReader *reply);

/* A device that is being put into a domain, or taken out; see attach.c. */
typedef struct {
    const struct vmcDeviceCall *call;
    GByteArray *domain;         /* the domain object as the client sent it */
    char *device;               /* its XML, or its alias */
    guint32 flags;              /* VIR_DOMAIN_AFFECT_… */
    char *definition;           /* the new one for the domain's next start, stock form; or NULL */
    char *uuid;                 /* of the running domain, or NULL */
    vmcChannel *removed;        /* from it, or NULL */
    vmcChannel *added;          /* to it, or NULL */
    char *record;               /* of its channels as they were; NULL: none was there */
    vmcError error;             /* why it comes to nothing */
} vmcDeviceJob;

/* A saved image that is about to be restored; see savedimage.c. */
typedef struct {
    GByteArray *subject;        /* the start of each call about it: a domain, or a path */
    guint32 read;               /* the procedures that read and write its XML */
    guint32 write;
} vmcSavedImageJob;

/* Who listens to devices that come and go; see listeners.c. */
typedef struct {
    guint32 event;
    guint32 serial;             /* of the call that asked */
    bool pending;               /* not answered yet */
    guint32 callback;           /* the daemon's answer */
    bool all;                   /* domains; else the one with this uuid */
    guint8 uuid[VMC_RPC_UUID_SIZE];
} vmcListener;

struct _vmcSession {
    const vmcSessionOptions *options;
    vmcUpstream upstream;
    int in;                     /* the client */
    int out;
    int daemon;                 /* -1 until connected */
    vmcWireReader *fromClient;
    vmcWireReader *fromDaemon;
    vmcWireWriter *toClient;
    vmcWireWriter *toDaemon;
    vmcFlow *up;                /* client to daemon */
    vmcFlow *down;              /* daemon to client */
    bool resting;               /* nothing happens: what memory can be was given back */
    bool closed;                /* the daemon has answered the client's last call */
    bool clientEnded;           /* and the daemon was told */
    guint32 lastSerial;         /* of the client's calls */

    /* The job; the message that it is about is held by the flow. */
    bool busy;
    bool decided;
    vmcFlowVerdict verdict;
    vmcRpcHeader request;       /* the header of the client's call */
    GByteArray *replacement;    /* passes in its place, or NULL */

    /* Our call to the daemon, while there is one. */
    bool calling;
    bool trying;
    vmcRpcHeader call;
    vmcCallDone done;

    bool wantsEmulator;         /* the rewriting guessed it: the daemon may know better */
    vmcEmulatorQuery query;
    char *emulator;             /* its answer, or NULL */
    vmcDeviceJob device;
    vmcSavedImageJob mend;
    GArray *listeners;          /* of vmcListener */
    vmcGate gate;               /* under a policy */

    bool refusing;              /* the daemon cannot be reached: all calls get this */
    int errorDomain;
    int errorCode;
    char *errorMessage;
    bool keepalive;             /* the client asked for it before the daemon was known */
};

/*
 * vmcSessionCallNew, vmcSessionCall:
 * A call of our own: arguments are appended to what the first returns, the
 * second sends and frees it. @done gets a good reply; a bad one ends the job,
 * and becomes the answer to the client's call.
 * vmcSessionTry: the same, but a bad reply is @done's too: a NULL reader.
 */
GByteArray *vmcSessionCallNew(vmcSession *session, guint32 procedure);
vmcFlowVerdict vmcSessionCall(vmcSession *session, GByteArray *call, vmcCallDone done);
vmcFlowVerdict vmcSessionTry(vmcSession *session, GByteArray *call, vmcCallDone done);

/* vmcSessionDecide: ends the job. */
void vmcSessionDecide(vmcSession *session, vmcFlowVerdict verdict);

/*
 * vmcSessionAnswer: sends the client @reply, which is freed, to the call that
 * the session is at. Returns VMC_FLOW_DROP.
 * vmcSessionFail: the same with the thread's error.
 */
vmcFlowVerdict vmcSessionAnswer(vmcSession *session, GByteArray *reply);
vmcFlowVerdict vmcSessionFail(vmcSession *session);

/* vmcSessionConnect: connects to the daemon; 0, or -1 with an error. */
int vmcSessionConnect(vmcSession *session);

/* The client's messages before the daemon is known: see handshake.c. */
vmcFlowVerdict vmcHandshakeMessage(vmcSession *session, GByteArray **message);

/* A message with XML, see rewriting.c: the client's, and the daemon's. */
vmcFlowVerdict vmcRewritingUp(vmcSession *session, const vmcRpcProcedure *procedure,
                              GByteArray **message);
vmcFlowVerdict vmcRewritingDown(vmcSession *session, const vmcRpcHeader *header,
                                GByteArray **message);

/* The form of @xml for the daemon, or for the client (@live as in domain_rewrite.h). */
char *vmcRewritingForward(vmcSession *session, const char *xml, bool native);
char *vmcRewritingReverse(vmcSession *session, const char *xml, const GPtrArray *live);

/* The same for what is to be rewritten and no more. */
vmcFlowVerdict vmcRewritingForwardUp(vmcSession *session, const vmcRpcProcedure *procedure,
                                     GByteArray **message);

/*
 * vmcAttachMessage: attach, detach and update; see attach.c.
 * vmcAttachClear: forgets the last one.
 */
vmcFlowVerdict vmcAttachMessage(vmcSession *session, const vmcRpcProcedure *procedure,
                                GByteArray **message);
void vmcAttachClear(vmcSession *session);

/* vmcSavedImageMessage: a start or a restore; see savedimage.c. vmcSavedImageClear: forgets it. */
vmcFlowVerdict vmcSavedImageMessage(vmcSession *session, const vmcRpcProcedure *procedure,
                                    GByteArray **message);
void vmcSavedImageClear(vmcSession *session);

/*
 * vmcListenersMessage, vmcListenersReply: the client asks for events, or no
 * longer, and what the daemon says to that.
 * vmcListenersTell: sends who listens the @event for a device of @domain, as
 * the client sent it.
 */
vmcFlowVerdict vmcListenersMessage(vmcSession *session, const vmcRpcProcedure *procedure,
                                   GByteArray **message);
void vmcListenersReply(vmcSession *session, const vmcRpcHeader *header,
                       const GByteArray *message);
void vmcListenersTell(vmcSession *session, guint32 event, const GByteArray *domain,
                      const char *alias);
