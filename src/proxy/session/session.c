/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection: see session.h. The loop, our own calls to the
 * daemon, and who gets to see which message. What is done to those stands in
 * handshake.c, rewriting.c and attach.c.
 */
#include <config.h>

#include "proxy/session/session_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/policy/filter.h"
#include "proxy/wire/identity.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* A client that leaves as much unread is not asked for more that we would answer. */
#define ANSWERS_HIGH (1024 * 1024)

/* Without any event for as long, a connection is at rest. */
#define REST_MS 1000

GByteArray *
vmcSessionCallNew(vmcSession *session, guint32 procedure)
{
    /*
     * Clients count up from 0, so half the circle away from the last one is
     * none that waits for its reply.
     */
    return vmcRpcCallNew(procedure, session->lastSerial + 0x80000000u);
}

vmcFlowVerdict
vmcSessionCall(vmcSession *session, GByteArray *call, vmcCallDone done)
{
    vmcRpcMessageFinish(call);
    vmcRpcHeaderParse(call->data, &session->call);
    session->busy = true;
    session->calling = true;
    session->trying = false;
    session->done = done;
    vmcWireWriterInsert(session->toDaemon, call);
    g_byte_array_unref(call);
    return VMC_FLOW_WAIT;
}

vmcFlowVerdict
vmcSessionTry(vmcSession *session, GByteArray *call, vmcCallDone done)
{
    vmcSessionCall(session, call, done);
    session->trying = true;
    return VMC_FLOW_WAIT;
}

void
vmcSessionDecide(vmcSession *session, vmcFlowVerdict verdict)
{
    session->decided = true;
    session->verdict = verdict;
}

vmcFlowVerdict
vmcSessionAnswer(vmcSession *session, GByteArray *reply)
{
    vmcRpcMessageFinish(reply);
    vmcWireWriterInsert(session->toClient, reply);
    g_byte_array_unref(reply);
    vmcSessionDecide(session, VMC_FLOW_DROP);
    return VMC_FLOW_DROP;
}

vmcFlowVerdict
vmcSessionFail(vmcSession *session)
{
    const vmcError *error = vmcErrorLast();

    return vmcSessionAnswer(session, vmcRpcErrorReplyNew(&session->request, error->domain,
                                                         error->code, error->message));
}

/* Whether @header begins the reply to our own call. */
static bool
isOurReply(const vmcSession *session, const vmcRpcHeader *header)
{
    return session->calling && header->type == VMC_RPC_REPLY &&
           header->serial == session->call.serial &&
           header->procedure == session->call.procedure &&
           header->program == session->call.program;
}

/* Replaces an error of the daemon's by what a guest may see of it. */
static GByteArray *
hideDetails(GByteArray *answer)
{
    GByteArray *shown;

    vmcRpcMessageFinish(answer);
    shown = vmcFilterError(answer);
    g_byte_array_unref(answer);
    return shown;
}

/* What the daemon says to our call when it refuses, it says to the client's. */
static void
passError(vmcSession *session, const GByteArray *reply)
{
    vmcRpcHeader header = session->request;
    GByteArray *answer;

    header.type = VMC_RPC_REPLY;
    header.status = VMC_RPC_ERROR;
    answer = vmcRpcMessageNew(&header);
    g_byte_array_append(answer, reply->data + VMC_RPC_HEADER_SIZE,
                        reply->len - VMC_RPC_HEADER_SIZE);
    if (session->options->shared)
        answer = hideDetails(answer);
    vmcSessionAnswer(session, answer);
}

static void
takeReply(vmcSession *session, const vmcRpcHeader *header, const GByteArray *reply)
{
    vmcXdrReader reader;

    session->calling = false;
    if (header->status != VMC_RPC_OK && session->trying) {
        session->done(session, NULL);
        return;
    }
    if (header->status != VMC_RPC_OK) {
        passError(session, reply);
        return;
    }
    vmcRpcPayload(reply, &reader);
    session->done(session, &reader);
}

/* Returns the job's end once it is decided. */
static vmcFlowVerdict
takeVerdict(vmcSession *session, GByteArray **message)
{
    if (!session->decided)
        return VMC_FLOW_WAIT;
    if (session->replacement) {
        g_byte_array_unref(*message);
        *message = g_steal_pointer(&session->replacement);
    }
    vmcAttachClear(session);
    vmcSavedImageClear(session);
    vmcGateForget(&session->gate);
    g_clear_pointer(&session->emulator, g_free);
    vmcEmulatorQueryClear(&session->query);
    session->busy = false;
    return session->verdict;
}

static bool
isCall(const vmcRpcHeader *header)
{
    return (header->type == VMC_RPC_CALL || header->type == VMC_RPC_CALL_WITH_FDS) &&
           header->status == VMC_RPC_OK;
}

/* Whether a client's message is looked into for its XML. */
static bool
isChangedUp(const vmcRpcHeader *header)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(header);

    return isCall(header) && procedure && procedure->callAction != VMC_RPC_ACTION_NONE;
}

static bool
wantsUp(void *opaque, const vmcRpcHeader *header)
{
    vmcSession *session = opaque;

    if (isCall(header))
        session->lastSerial = header->serial;
    return session->options->shared || isChangedUp(header);
}

static vmcFlowVerdict
wholeUp(void *opaque, const vmcRpcHeader *header, GByteArray **message)
{
    vmcSession *session = opaque;
    vmcFlowVerdict verdict;

    if (session->busy)
        return takeVerdict(session, message);
    session->request = *header;
    session->decided = false;
    if (session->daemon < 0)
        return vmcHandshakeMessage(session, message);
    if (session->options->shared) {
        verdict = vmcGateUp(session, message);
        if (verdict != VMC_FLOW_PASS || !isChangedUp(header))
            return verdict;
    }
    return vmcRewritingUp(session, vmcRpcProcedureFind(header), message);
}

/* Whether a message of the daemon's is looked into for its XML. */
static bool
isChangedDown(const vmcRpcHeader *header)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(header);

    if ((header->type != VMC_RPC_REPLY && header->type != VMC_RPC_REPLY_WITH_FDS) || !procedure)
        return false;
    /* Of who listens it matters too that he was refused. */
    return procedure->replyAction == VMC_RPC_ACTION_LISTEN ||
           (header->status == VMC_RPC_OK && procedure->replyAction != VMC_RPC_ACTION_NONE);
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
wantsDown(void *opaque, const vmcRpcHeader *header)
{
    vmcSession *session = opaque;

    session->closed = session->closed || isFarewell(header);
    return isOurReply(session, header) || isChangedDown(header) ||
           (session->options->shared && vmcGateWantsDown(session, header));
}

static vmcFlowVerdict
wholeDown(void *opaque, const vmcRpcHeader *header, GByteArray **message)
{
    vmcSession *session = opaque;

    if (isOurReply(session, header)) {
        takeReply(session, header, *message);
        return VMC_FLOW_DROP;
    }
    if (isChangedDown(header))
        vmcRewritingDown(session, header, message);
    return session->options->shared ? vmcGateDown(session, header, message) : VMC_FLOW_PASS;
}

static const vmcFlowHandler upHandler = { wantsUp, wholeUp };
static const vmcFlowHandler downHandler = { wantsDown, wholeDown };

int
vmcSessionConnect(vmcSession *session)
{
    session->daemon = vmcUpstreamConnect(&session->upstream);
    if (session->daemon < 0)
        return -1;
    session->fromDaemon = vmcWireReaderNew(session->daemon);
    session->toDaemon = vmcWireWriterNew(session->daemon);
    session->down = vmcFlowNew(session->fromDaemon, session->toClient, NULL, &downHandler, session);
    vmcFlowSetWriter(session->up, session->toDaemon);
    return 0;
}

/*
 * Connects at once when it is known where to. When that fails, the client is
 * told so at its first call, and at any other: it does not expect us to speak
 * before that.
 */
static void
connectEarly(vmcSession *session)
{
    if (!vmcUpstreamIsKnown(&session->upstream) && getuid() == 0)
        vmcUpstreamResolve(&session->upstream, NULL, false);
    if (!vmcUpstreamIsKnown(&session->upstream) || vmcSessionConnect(session) == 0)
        return;
    session->refusing = true;
    session->errorDomain = vmcErrorLast()->domain;
    session->errorCode = vmcErrorLast()->code;
    session->errorMessage = g_strdup(vmcErrorLast()->message);
}

static void
sessionInit(vmcSession *session, int in, int out, const vmcSessionOptions *options)
{
    *session = (vmcSession){
        .options = options, .upstream = options->upstream, .in = in, .out = out, .daemon = -1,
    };
    session->listeners = g_array_new(FALSE, FALSE, sizeof(vmcListener));
    session->fromClient = vmcWireReaderNew(in);
    session->toClient = vmcWireWriterNew(out);
    session->up = vmcFlowNew(session->fromClient, NULL, session->toClient, &upHandler, session);
    if (options->shared)
        vmcFlowSetLimit(session->up, options->shared->policy->messageSize);
}

static void
sessionClear(vmcSession *session)
{
    vmcFlowFree(session->up);
    vmcFlowFree(session->down);
    vmcWireReaderFree(session->fromClient);
    vmcWireReaderFree(session->fromDaemon);
    vmcWireWriterFree(session->toClient);
    vmcWireWriterFree(session->toDaemon);
    vmcFdClose(&session->daemon);
    g_clear_pointer(&session->replacement, g_byte_array_unref);
    vmcAttachClear(session);
    vmcSavedImageClear(session);
    vmcGateClear(&session->gate);
    g_clear_pointer(&session->listeners, g_array_unref);
    vmcEmulatorQueryClear(&session->query);
    g_free(session->emulator);
    g_free(session->errorMessage);
}

static bool
isReadable(const vmcWireReader *source, const vmcFlow *flow)
{
    return source && !vmcWireReaderEnded(source) && !vmcWireReaderIsFull(source) &&
           !vmcFlowIsBlocked(flow) && !vmcFlowIsWaiting(flow);
}

static bool
hasToWrite(const vmcWireWriter *sink, const vmcFlow *flow)
{
    return sink && (vmcWireWriterPending(sink) > 0 || (flow && vmcFlowIsStalled(flow)));
}

/*
 * How long to wait for events, in ms: under a policy perhaps until a call may
 * go on; else, once after the last event, until the connection is at rest.
 */
static int
timeoutOf(const vmcSession *session)
{
    int gate = vmcGateTimeout(&session->gate);

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
isDrained(const vmcWireReader *source, const vmcWireWriter *sink, const vmcFlow *flow)
{
    return source && vmcWireReaderEnded(source) && !hasToWrite(sink, flow);
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

    if (vmcSessionConnect(session) < 0 || vmcIdentityDrop() < 0)
        return -1;
    ret = loop(session);
    vmcPolicySharedReport(session->options->shared, session->gate.name);
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
    if (options->shared) {
        ret = runGuarded(&session);
    } else {
        connectEarly(&session);
        ret = loop(&session);
    }
    sessionClear(&session);
    return ret;
}
