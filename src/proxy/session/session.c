/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection: see session.h. The loop, and who gets to see which
 * message. What is done to those stands in the files of the features: gate,
 * handshake, rewriting, attach, savedimage, listeners.
 */
#include <config.h>

#include "proxy/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/session/attach.h"
#include "proxy/session/calls.h"
#include "proxy/session/gate.h"
#include "proxy/session/handshake.h"
#include "proxy/session/listeners.h"
#include "proxy/session/savedimage.h"
#include "proxy/wire/identity.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* A client that leaves as much unread is not asked for more that we would answer. */
#define ANSWERS_HIGH (1024 * 1024)

/* Without any event for as long, a connection is at rest. */
#define REST_MS 1000

typedef struct {
    const vmcSessionOptions *options;
    int in;                     /* the client */
    int out;
    int daemon;                 /* -1 until connected */
    vmcWireReader *fromClient;
    vmcWireReader *fromDaemon;
    vmcWireWriter *toClient;
    vmcWireWriter *toDaemon;
    vmcFlow *up;                /* client to daemon */
    vmcFlow *down;              /* daemon to client */
    vmcCalls *calls;
    vmcHandshake handshake;
    vmcListeners *listeners;
    vmcGate *gate;              /* under a policy, else NULL */
    bool resting;               /* nothing happens: what memory can be was given back */
    bool closed;                /* the daemon has answered the client's last call */
    bool clientEnded;           /* and the daemon was told */
} vmcSession;

/* Whether a message of the daemon's is looked into. */
static bool
hasReplyAction(const vmcWireMessage *message)
{
    const vmcRpcProcedure *procedure = message->procedure;

    if (!vmcWireMessageIsReply(message) || !procedure)
        return false;
    /* Of who listens it matters too that he was refused. */
    return procedure->replyAction == VMC_RPC_ACTION_LISTEN ||
           (message->header.status == VMC_RPC_OK &&
            procedure->replyAction != VMC_RPC_ACTION_NONE);
}

/* Whether it is the daemon's error, in reply to the client or to us. */
static bool
isError(const vmcWireMessage *message)
{
    return vmcWireMessageIsReply(message) && message->header.status == VMC_RPC_ERROR;
}

/* Whether the daemon has let the client go: that is all that it says. */
static bool
isFarewell(const vmcRpcHeader *header)
{
    return header->program == VMC_RPC_PROGRAM_REMOTE &&
           header->procedure == VMC_RPC_CONNECT_CLOSE && header->type == VMC_RPC_REPLY &&
           header->status == VMC_RPC_OK && header->length == VMC_RPC_HEADER_SIZE;
}

static bool
wantsDown(void *opaque, const vmcWireMessage *message)
{
    vmcSession *session = opaque;

    session->closed = session->closed || isFarewell(&message->header);
    return vmcCallsIsReply(session->calls, &message->header) || hasReplyAction(message) ||
           isError(message) || (session->gate && vmcGateWantsDown(session->gate, message));
}

static vmcFlowVerdict
wholeDown(void *opaque, vmcWireMessage *message)
{
    vmcSession *session = opaque;

    if (isError(message))
        vmcRewritingError(&session->options->dirs, message);
    if (vmcCallsIsReply(session->calls, &message->header)) {
        vmcCallsTakeReply(session->calls, message);
        return VMC_FLOW_DROP;
    }
    if (hasReplyAction(message)) {
        if (message->procedure->replyAction == VMC_RPC_ACTION_LISTEN)
            vmcListenersReply(session->listeners, message);
        else
            vmcRewritingReply(&session->options->dirs, message);
    }
    return session->gate ? vmcGateDown(session->gate, message) : VMC_FLOW_PASS;
}

static const vmcFlowHandler downHandler = { wantsDown, wholeDown };

/* Connects to the daemon; 0, or -1 with an error. */
static int
connectDaemon(vmcSession *session)
{
    session->daemon = vmcUpstreamConnect(&session->handshake.upstream);
    if (session->daemon < 0)
        return -1;
    session->fromDaemon = vmcWireReaderNew(session->daemon);
    session->toDaemon = vmcWireWriterNew(session->daemon);
    session->down = vmcFlowNew(session->fromDaemon, session->toClient, NULL, &downHandler, session);
    vmcFlowSetWriter(session->up, session->toDaemon);
    vmcCallsSetDaemon(session->calls, session->toDaemon);
    return 0;
}

static bool
isGoodCall(const vmcWireMessage *message)
{
    return vmcWireMessageIsCall(message) && message->header.status == VMC_RPC_OK;
}

/* Whether a client's message is looked into. */
static bool
hasCallAction(const vmcWireMessage *message)
{
    return isGoodCall(message) && message->procedure &&
           message->procedure->callAction != VMC_RPC_ACTION_NONE;
}

static bool
wantsUp(void *opaque, const vmcWireMessage *message)
{
    vmcSession *session = opaque;

    if (isGoodCall(message))
        vmcCallsNoteSerial(session->calls, message->header.serial);
    return session->gate || hasCallAction(message);
}

/* A call is looked into. */
static vmcFlowVerdict
act(vmcSession *session, vmcWireMessage *message)
{
    const vmcRewritingDirs *dirs = &session->options->dirs;

    switch (message->procedure->callAction) {
    case VMC_RPC_ACTION_FORWARD:
    case VMC_RPC_ACTION_NATIVE:
        return vmcRewritingCall(dirs, session->calls, message);
    case VMC_RPC_ACTION_DEVICE:
        return vmcAttachCall(dirs, session->listeners, session->calls, message);
    case VMC_RPC_ACTION_MEND:
        return vmcSavedImageCall(dirs, session->calls, message);
    case VMC_RPC_ACTION_LISTEN:
        vmcListenersCall(session->listeners, message);
        return VMC_FLOW_PASS;
    default:
        g_assert_not_reached(); /* actions of replies */
    }
}

/* A message while the daemon is not connected. */
static vmcFlowVerdict
takeEarly(vmcSession *session, vmcWireMessage *message)
{
    vmcFlowVerdict verdict = vmcHandshakeCall(&session->handshake, session->calls, message);

    if (verdict != VMC_FLOW_PASS)
        return verdict;
    if (connectDaemon(session) < 0)
        return vmcCallsFail(session->calls, message);
    return vmcHandshakeStart(&session->handshake, session->calls, message);
}

static vmcFlowVerdict
takeUp(vmcSession *session, vmcWireMessage *message)
{
    vmcFlowVerdict verdict = VMC_FLOW_PASS;

    if (vmcCallsIsBusy(session->calls))
        return vmcCallsTakeVerdict(session->calls);
    if (session->daemon < 0)
        return takeEarly(session, message);
    if (session->gate)
        verdict = vmcGateUp(session->gate, message);
    if (verdict != VMC_FLOW_PASS || !hasCallAction(message))
        return verdict;
    return act(session, message);
}

static vmcFlowVerdict
wholeUp(void *opaque, vmcWireMessage *message)
{
    vmcSession *session = opaque;
    vmcFlowVerdict verdict = takeUp(session, message);

    if (session->gate && verdict != VMC_FLOW_WAIT)
        vmcGateForget(session->gate);
    return verdict;
}

static const vmcFlowHandler upHandler = { wantsUp, wholeUp };

/*
 * Connects at once when it is known where to. When that fails, the client is
 * told so at its first call, and at any other: it does not expect us to speak
 * before that.
 */
static void
connectEarly(vmcSession *session)
{
    vmcUpstream *upstream = &session->handshake.upstream;

    if (!vmcUpstreamIsKnown(upstream) && getuid() == 0)
        vmcUpstreamResolve(upstream, NULL, false);
    if (vmcUpstreamIsKnown(upstream) && connectDaemon(session) < 0)
        vmcHandshakeRefuse(&session->handshake);
}

static void
sessionInit(vmcSession *session, int in, int out, const vmcSessionOptions *options)
{
    *session = (vmcSession){
        .options = options, .in = in, .out = out, .daemon = -1,
        .handshake.upstream = options->upstream,
    };
    session->fromClient = vmcWireReaderNew(in);
    session->toClient = vmcWireWriterNew(out);
    session->up = vmcFlowNew(session->fromClient, NULL, session->toClient, &upHandler, session);
    session->calls = vmcCallsNew(session->toClient, options->shared != NULL);
    session->listeners = vmcListenersNew(session->toClient);
    if (!options->shared)
        return;
    session->gate = vmcGateNew(options->shared, session->calls);
    vmcFlowSetLimit(session->up, options->shared->policy->messageSize);
}

static void
sessionClear(vmcSession *session)
{
    vmcCallsFree(session->calls);
    vmcListenersFree(session->listeners);
    vmcGateFree(session->gate);
    vmcHandshakeClear(&session->handshake);
    vmcFlowFree(session->up);
    vmcFlowFree(session->down);
    vmcWireReaderFree(session->fromClient);
    vmcWireReaderFree(session->fromDaemon);
    vmcWireWriterFree(session->toClient);
    vmcWireWriterFree(session->toDaemon);
    vmcFdClose(&session->daemon);
}

static bool
isReadable(const vmcWireReader *reader, const vmcFlow *flow)
{
    return reader && !vmcWireReaderEnded(reader) && !vmcWireReaderIsFull(reader) &&
           !vmcFlowIsBlocked(flow) && !vmcFlowIsWaiting(flow);
}

static bool
hasToWrite(const vmcWireWriter *writer, const vmcFlow *flow)
{
    return writer && (vmcWireWriterPending(writer) > 0 || (flow && vmcFlowIsStalled(flow)));
}

/*
 * How long to wait for events, in ms: under a policy perhaps until a call may
 * go on; else, once after the last event, until the connection is at rest.
 */
static int
timeoutOf(const vmcSession *session)
{
    int gate = session->gate ? vmcGateTimeout(session->gate) : -1;

    return gate < 0 && !session->resting ? REST_MS : gate;
}

/* Many a client stays connected, and says nothing for hours. */
static void
rest(vmcSession *session)
{
    vmcWireReaderRest(session->fromClient);
    if (session->fromDaemon)
        vmcWireReaderRest(session->fromDaemon);
    malloc_trim(0);
}

/* The places in the poll set. */
enum { EVENT_IN, EVENT_OUT, EVENT_DAEMON, EVENT_N };

static int
waitForEvents(vmcSession *session, struct pollfd *fds)
{
    int n;

    fds[EVENT_IN] = (struct pollfd){ .fd = -1 };
    fds[EVENT_OUT] = (struct pollfd){ .fd = -1 };
    fds[EVENT_DAEMON] = (struct pollfd){ .fd = session->daemon };
    if (isReadable(session->fromClient, session->up) &&
        vmcWireWriterPending(session->toClient) < ANSWERS_HIGH)
        fds[EVENT_IN] = (struct pollfd){ .fd = session->in, .events = POLLIN };
    /* Watched even with nothing to say: a client that is gone must be noticed. */
    if (hasToWrite(session->toClient, session->down))
        fds[EVENT_OUT] = (struct pollfd){ .fd = session->out, .events = POLLOUT };
    else if (fds[EVENT_IN].fd < 0)
        fds[EVENT_OUT] = (struct pollfd){ .fd = session->out };
    if (isReadable(session->fromDaemon, session->down))
        fds[EVENT_DAEMON].events |= POLLIN;
    if (hasToWrite(session->toDaemon, session->up))
        fds[EVENT_DAEMON].events |= POLLOUT;
    /* Its end would be told again and again, while nothing can be done about it. */
    if (fds[EVENT_DAEMON].events == 0)
        fds[EVENT_DAEMON].fd = -1;
    do {
        n = poll(fds, EVENT_N, timeoutOf(session));
    } while (n < 0 && errno == EINTR);
    if (n == 0 && !session->resting)
        rest(session);
    session->resting = n == 0;
    if (n < 0)
        vmcReportSystemError(errno, "%s", "cannot wait for events");
    return n < 0 ? -1 : 0;
}

static int
fill(const vmcSession *session, const struct pollfd *fds)
{
    const short readable = POLLIN | POLLHUP | POLLERR;

    if ((fds[EVENT_IN].revents & readable) && vmcWireReaderFill(session->fromClient) < 0)
        return -1;
    if ((fds[EVENT_DAEMON].events & POLLIN) && (fds[EVENT_DAEMON].revents & readable) &&
        vmcWireReaderFill(session->fromDaemon) < 0)
        return -1;
    return 0;
}

/* What came before bytes that are no message goes on, as far as it is taken. */
static void
flushLast(vmcSession *session)
{
    vmcError error = *vmcErrorLast();
    g_autofree char *message = g_strdup(error.message);

    vmcWireWriterFlush(session->toClient);
    if (session->toDaemon)
        vmcWireWriterFlush(session->toDaemon);
    vmcErrorSet(error.domain, error.code, message);
}

/* Moves what can be moved; what one direction does may set the other going. */
static int
pump(vmcSession *session)
{
    size_t before;
    size_t after;

    do {
        if ((session->down && vmcFlowRun(session->down) < 0) || vmcFlowRun(session->up) < 0) {
            flushLast(session);
            return -1;
        }
        before = vmcWireWriterPending(session->toClient) +
                 (session->toDaemon ? vmcWireWriterPending(session->toDaemon) : 0);
        if (vmcWireWriterFlush(session->toClient) < 0 ||
            (session->toDaemon && vmcWireWriterFlush(session->toDaemon) < 0))
            return -1;
        after = vmcWireWriterPending(session->toClient) +
                (session->toDaemon ? vmcWireWriterPending(session->toDaemon) : 0);
    } while (after < before);
    return 0;
}

/* Whether all that a side has said before its end has been passed on. */
static bool
isDrained(const vmcWireReader *reader, const vmcWireWriter *writer, const vmcFlow *flow)
{
    return reader && vmcWireReaderEnded(reader) && !hasToWrite(writer, flow);
}

/*
 * The client's end is passed on as such: what the daemon still has to say is
 * waited for, and its own end ends all; or its farewell, without waiting for the
 * end, since a client that started us looks at once whether we are gone, and
 * sleeps for 10 ms if we are not.
 */
static bool
isOver(vmcSession *session)
{
    if (vmcWireWriterIsBroken(session->toClient) ||
        (session->closed && !hasToWrite(session->toClient, session->down)) ||
        isDrained(session->fromDaemon, session->toClient, session->down))
        return true;
    if (session->clientEnded || vmcFlowIsWaiting(session->up) || vmcFlowIsBlocked(session->up) ||
        !isDrained(session->fromClient, session->toDaemon, session->up))
        return false;
    session->clientEnded = true;
    return session->daemon < 0 || shutdown(session->daemon, SHUT_WR) < 0;
}

static int
loop(vmcSession *session)
{
    struct pollfd fds[EVENT_N];

    for (;;) {
        if (waitForEvents(session, fds) < 0 || fill(session, fds) < 0 || pump(session) < 0)
            return -1;
        if (isOver(session))
            return 0;
        /* Nobody reads what we could still write. */
        if (fds[EVENT_OUT].revents & (POLLERR | POLLHUP))
            return 0;
    }
}

/* Sockets are told not to wait at each call; a pipe has to be told once. */
static void
setNonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/*
 * Under a policy: nothing is read of the guest's before the daemon is connected
 * and what we were for that is given up.
 */
static int
runGuarded(vmcSession *session)
{
    int ret;

    if (connectDaemon(session) < 0 || vmcIdentityDrop() < 0)
        return -1;
    ret = loop(session);
    vmcGateReport(session->gate);
    return ret;
}

int
vmcSessionRun(int in, int out, const vmcSessionOptions *options)
{
    vmcSession session;
    int ret;

    sessionInit(&session, in, out, options);
    setNonblocking(in);
    setNonblocking(out);
    if (session.gate) {
        ret = runGuarded(&session);
    } else {
        connectEarly(&session);
        ret = loop(&session);
    }
    sessionClear(&session);
    return ret;
}
