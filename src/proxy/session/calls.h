/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proxy's own calls to the daemon, and its own answers to the client.
 *
 * What becomes of a client's message may depend on what the daemon says to a
 * few questions first. A job is the list of these calls; they are made one
 * after the other. Until the job has ended its message waits, and so do the
 * client's messages behind it; what the daemon sends still goes to the client.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "proxy/wire/flow.h"
#include "proxy/wire/message.h"
#include "proxy/wire/writer.h"

typedef struct _vmcCalls vmcCalls;
typedef struct _vmcJob vmcJob;

/* One call of a job. */
typedef struct {
    guint32 procedure;          /* of the remote program */
    /* Whether the call is made; NULL: always. The first one of a job always is. */
    bool (*needed)(const vmcJob *job);
    /* Appends its arguments; NULL: it has none. */
    void (*arguments)(vmcJob *job, GByteArray *call);
    /*
     * What the daemon's reply leads to; it is read from its payload on.
     * VMC_FLOW_WAIT: the next call; else the job ends with this verdict. NULL: the
     * next call.
     */
    vmcFlowVerdict (*reply)(vmcJob *job, vmcXdrReader *reply);
} vmcJobStep;

typedef struct {
    const vmcJobStep *steps;    /* in order; the last one's procedure is 0 */
    /*
     * What an error of the daemon's leads to. False: it ends the job, and answers
     * the client's call. True: it is a reply like any other, a NULL reader.
     */
    bool mayFail;
    /*
     * The verdict after the last call; NULL: VMC_FLOW_PASS. VMC_FLOW_WAIT: the
     * client's message is looked at again, as if it had just come.
     */
    vmcFlowVerdict (*end)(vmcJob *job);
    void (*clear)(vmcJob *job); /* frees what it owns, but not itself; NULL: that is nothing */
} vmcJobOps;

/* The first member of a feature's own struct, which is made with g_new0(). */
struct _vmcJob {
    const vmcJobOps *ops;
    vmcCalls *calls;
    vmcWireMessage *message;    /* the client's that it is about, which stays the flow's */
    const vmcJobStep *step;     /* whose reply is waited for */
};

/*
 * vmcCallsStart: makes the first call of @job, which is about @message. The job
 * is freed at its end, or with @calls. Returns VMC_FLOW_WAIT.
 */
vmcFlowVerdict vmcCallsStart(vmcCalls *calls, vmcJob *job, vmcWireMessage *message);

/*
 * vmcCallsAnswer: sends the client @reply, which is freed. Returns VMC_FLOW_DROP:
 * the daemon does not get the call.
 * vmcCallsFail: the same with the thread's error, to the call @message.
 */
vmcFlowVerdict vmcCallsAnswer(vmcCalls *calls, GByteArray *reply);
vmcFlowVerdict vmcCallsFail(vmcCalls *calls, const vmcWireMessage *message);

/*
 * vmcCallsNew: @toClient stays the caller's. A guest, behind a policy, is not
 * shown the details of the daemon's errors.
 * vmcCallsSetDaemon: where our own calls go, once that is connected.
 */
vmcCalls *vmcCallsNew(vmcWireWriter *toClient, bool isGuest);
void vmcCallsFree(vmcCalls *calls);
void vmcCallsSetDaemon(vmcCalls *calls, vmcWireWriter *toDaemon);

/* vmcCallsNoteSerial: the client's last call has @serial. The proxy's own are far from it. */
void vmcCallsNoteSerial(vmcCalls *calls, guint32 serial);

/*
 * vmcCallsIsBusy: whether a job was started whose verdict was not taken yet.
 * vmcCallsTakeVerdict: takes it; VMC_FLOW_WAIT: there is none yet.
 */
bool vmcCallsIsBusy(const vmcCalls *calls);
vmcFlowVerdict vmcCallsTakeVerdict(vmcCalls *calls);

/*
 * vmcCallsIsReply: whether the daemon's message with @header is the reply to our call.
 * vmcCallsTakeReply: that message, whole. The job goes on, or ends.
 */
bool vmcCallsIsReply(const vmcCalls *calls, const vmcRpcHeader *header);
void vmcCallsTakeReply(vmcCalls *calls, const vmcWireMessage *reply);
