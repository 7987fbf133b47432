/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker: see worker.h. It confines itself before it reads the first byte
 * of the guest's, and serves until QEMU or the broker is gone. It has nothing
 * that its successor would need: the broker knows the connections, and the link
 * has whole frames.
 */
#include <config.h>

#include "relay/worker/worker.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "endpoint/frame.h"
#include "relay/process/child.h"
#include "relay/process/confine.h"
#include "relay/process/limits.h"
#include "relay/process/link.h"
#include "relay/process/mailbox.h"
#include "relay/worker/capture.h"
#include "relay/worker/host.h"

#define LINK_EVENTS (EPOLLIN | EPOLLRDHUP)

/* QEMU has closed its end; frames that it had sent may still be there. */
#define LINK_END (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/* How often frames are taken from the link before anything else gets its turn. */
#define TAKES_A_TURN 32

/*
 * How often each connection of a predecessor is probed, and how long after the
 * last time: the guest may limit its answers (Linux: two a second), and our
 * reset finds no room when the link is full just then.
 */
#define PROBES 4
#define PROBE_INTERVAL ((vmcTime)1000000)

/*
 * The pause until the guest has read the probes that were sent at once: a full link would have
 * no room for the resets that its answers call for.
 */
#define PROBE_PAUSE ((vmcTime)20000)

/* How long after QEMU's end host programs may still read; the broker waits a little longer. */
#define LEAVE_TIME ((vmcTime)250000)

/* Without an event for so long, nothing more is expected soon. */
#define REST_DELAY ((vmcTime)2000000)

/* Our MAC address towards the guest, for all our IP addresses. */
#define OUR_MAC { 0x52, 0x55, 0x0a, 0x00, 0x02, 0x04 }

typedef struct {
    vmcEndpointTuple tuple;
    uint8_t mac[VMC_MAC_LEN];
} knownConn;

typedef struct {
    vmcLoop *loop;
    vmcHosts hosts;
    vmcWatch link;
    vmcLinkRoom room;           /* of the link */
    vmcMailbox mailbox;
    vmcWatch mailboxWatch;
    bool mailboxFull;           /* the broker has left many messages unread */
    vmcEndpointConfig config;
    vmcEndpoint *endpoint;      /* NULL: NETWORK has not come yet */
    GHashTable *channels;       /* number → vmcHostChannel */
    vmcCounters *counters;      /* NULL: COUNTERS has not come yet */
    uint64_t channelMessages;   /* the counter, when the mailbox was read last */
    vmcCapture capture;
    GArray *known;              /* of knownConn: what a dead worker has left */
    unsigned int nextKnown;     /* of these, to be probed */
    bool probed;                /* all of them, lately */
    uint64_t probedTo;          /* bytes that the endpoint had sent after the last of them */
    unsigned int probes;        /* that each has had and the guest has read */
    vmcTime probeAt;
    bool serving;               /* SERVE has come: the link may be used */
    bool linkFull;              /* the endpoint waits for room in the link */
    vmcTime restAt;             /* when nothing will have happened for a while */
    vmcEndpointStats seen;      /* at the last turn */
    bool over;                  /* QEMU or the broker is gone */
} workerProcess;

static vmcTime
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (vmcTime)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool
sendFrame(void *opaque, const struct iovec *iov, int niov, bool answer)
{
    workerProcess *worker = opaque;
    int fd = worker->link.fd;

    if (answer ? vmcLinkSendSmall(fd, &worker->room, iov, niov) : vmcLinkSend(fd, iov, niov)) {
        vmcCaptureFrame(&worker->capture, iov, niov);
        return true;
    }
    if (!worker->linkFull)
        vmcLoopChange(worker->loop, &worker->link, LINK_EVENTS | EPOLLOUT);
    worker->linkFull = true;
    return false;
}

static const vmcEndpointOps endpointOps = {
    .send = sendFrame,
    .open = vmcHostOpen,
    .room = vmcHostRoom,
    .write = vmcHostWrite,
    .ended = vmcHostEnded,
    .shut = vmcHostShut,
    .peek = vmcHostPeek,
    .consume = vmcHostConsume,
    .close = vmcHostClose,
    .limited = vmcHostLimited,
};

static void mailboxReady(void *opaque, uint32_t events);

/* Reads messages about channels before frames that the guest may have sent because of them. */
static void
readChannelMessages(workerProcess *worker)
{
    uint64_t posted = __atomic_load_n(&worker->counters->channelMessages, __ATOMIC_ACQUIRE);

    if (posted == worker->channelMessages)
        return;
    worker->channelMessages = posted;
    mailboxReady(worker, EPOLLIN);
}

/* Returns whether more may wait. */
static bool
takeFrames(workerProcess *worker, bool hungUp)
{
    static vmcLinkFrame frames[VMC_LINK_FRAMES];
    int n = vmcLinkReceive(worker->link.fd, frames, hungUp);

    if (n < 0)
        worker->over = true;
    if (n > 0)
        readChannelMessages(worker);
    for (int i = 0; i < n; i++) {
        vmcCaptureFrame(&worker->capture, &(struct iovec){ frames[i].bytes, frames[i].len }, 1);
        vmcEndpointInput(worker->endpoint, now(), frames[i].bytes, frames[i].len);
    }
    return n == VMC_LINK_FRAMES;
}

static void
receiveFrames(workerProcess *worker, bool hungUp)
{
    for (int i = 0; i < TAKES_A_TURN && takeFrames(worker, hungUp); i++)
        continue;
}

static void
linkReady(void *opaque, uint32_t events)
{
    workerProcess *worker = opaque;

    if (events & EPOLLOUT) {
        worker->linkFull = false;
        vmcLoopChange(worker->loop, &worker->link, LINK_EVENTS);
        vmcEndpointLinkWritable(worker->endpoint, now());
    }
    if (events & (EPOLLIN | LINK_END))
        receiveFrames(worker, events & LINK_END);
}

/* Whether the guest has read the last probes, whatever else is on its way to it. */
static bool
areProbesRead(const workerProcess *worker)
{
    return vmcEndpointGetStats(worker->endpoint)->bytesOut - worker->probedTo >=
        vmcLinkUnread(worker->link.fd);
}

/* Whether each has had all its probes. A round counts when the guest has read it. */
static bool
isProbed(workerProcess *worker)
{
    vmcIpcMessage probed = { .type = VMC_IPC_WORKER_PROBED };

    worker->probes += worker->probed && areProbesRead(worker);
    if (worker->probes < PROBES)
        return false;
    g_array_set_size(worker->known, 0);
    vmcMailboxPost(&worker->mailbox, &probed, NULL, 0);
    return true;
}

/* Probes connections of a dead worker, so that the guest ends them. */
static void
probeKnown(workerProcess *worker, vmcTime at)
{
    unsigned int end;

    if (worker->known->len == 0 || at < worker->probeAt ||
        (worker->nextKnown == 0 && isProbed(worker)))
        return;
    worker->probeAt = at + PROBE_PAUSE;
    if (!areProbesRead(worker))
        return;
    end = MIN(worker->nextKnown + VMC_LIMIT_PROBES, worker->known->len);
    for (; worker->nextKnown < end; worker->nextKnown++) {
        const knownConn *known = &g_array_index(worker->known, knownConn, worker->nextKnown);

        if (!vmcEndpointProbe(worker->endpoint, &known->tuple, known->mac))
            return;
        worker->probedTo = vmcEndpointGetStats(worker->endpoint)->bytesOut;
    }
    if (end < worker->known->len)
        return;
    worker->probed = true;
    worker->nextKnown = 0;
    worker->probeAt = at + PROBE_INTERVAL;
}

/* When the loop has something to do by itself. */
static vmcTime
nextDue(workerProcess *worker, vmcTime at)
{
    vmcTime next;

    if (!worker->serving)
        return VMC_TIME_NEVER;
    probeKnown(worker, at);
    vmcEndpointFlush(worker->endpoint, at);
    next = vmcEndpointNextTimer(worker->endpoint);
    if (next <= at)
        next = vmcEndpointTimer(worker->endpoint, at, vmcLinkUnread(worker->link.fd));
    /* While the link is full no probe can be sent: its room is waited for instead. */
    return worker->known->len > 0 && !worker->linkFull ? MIN(next, worker->probeAt) : next;
}

static bool
handleNetwork(workerProcess *worker, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    if (worker->endpoint)
        return false;
    worker->config.guest.s_addr = message->peer;
    worker->config.prefix = message->id;
    worker->config.mtu = message->value;
    worker->config.noDhcp = message->noDhcp != 0;
    vmcLinkDivide(worker->link.fd, VMC_LINK_BUFFER, message->value + VMC_ETHER_LEN,
                  &worker->room);
    worker->config.frameMax = worker->room.frameMax;
    worker->endpoint = vmcEndpointNew(&worker->config, &endpointOps, worker);
    worker->hosts.endpoint = worker->endpoint;
    return true;
}

static bool
handleCounters(workerProcess *worker, const vmcIpcMessage *message G_GNUC_UNUSED, int fd)
{
    if (worker->counters)
        return false;
    worker->counters = vmcCountersMap(fd);
    close(fd);
    return worker->counters != NULL;
}

static bool
handleChannel(workerProcess *worker, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    struct in_addr address = { .s_addr = message->address };
    vmcHostChannel *channel;

    if (!worker->counters || message->channel >= VMC_NIC_CHANNELS_MAX)
        return false;
    channel = g_new0(vmcHostChannel, 1);
    channel->hosts = &worker->hosts;
    channel->number = message->channel;
    channel->counters = &worker->counters->channels[message->channel];
    channel->alone = message->value != 0;
    g_hash_table_insert(worker->channels, GUINT_TO_POINTER(channel->number), channel);
    return vmcEndpointAddChannel(worker->endpoint, address, message->port, channel,
                                 channel->alone) == 0;
}

/* Its connections are closed first, so that the broker gets their CLOSE before REMOVED. */
static bool
handleRemove(workerProcess *worker, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    vmcIpcMessage removed = { .type = VMC_IPC_WORKER_REMOVED, .channel = message->channel };
    vmcHostChannel *channel;

    channel = g_hash_table_lookup(worker->channels, GUINT_TO_POINTER(message->channel));
    if (!channel)
        return false;
    vmcEndpointRemoveChannel(worker->endpoint, now(), channel);
    g_hash_table_remove(worker->channels, GUINT_TO_POINTER(message->channel));
    vmcMailboxPost(&worker->mailbox, &removed, NULL, 0);
    return true;
}

static bool
handleCapture(workerProcess *worker, const vmcIpcMessage *message G_GNUC_UNUSED, int fd)
{
    vmcCaptureSet(&worker->capture, fd);
    return true;
}

static bool
handleKnown(workerProcess *worker, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    knownConn known;

    vmcIpcGetTuple(message, &known.tuple);
    memcpy(known.mac, message->mac, sizeof(known.mac));
    g_array_append_val(worker->known, known);
    return true;
}

static bool
handleServe(workerProcess *worker, const vmcIpcMessage *message G_GNUC_UNUSED, int fd G_GNUC_UNUSED)
{
    if (worker->serving)
        return false;
    worker->serving = true;
    worker->probeAt = now();
    return vmcLoopAdd(worker->loop, &worker->link, LINK_EVENTS) == 0;
}

static bool
handleAnswer(workerProcess *worker, const vmcIpcMessage *message, int fd)
{
    vmcHostsAnswer(&worker->hosts, message, fd);
    return true;
}

/* What is done with each message that a worker may get. */
static bool (*const handlers[VMC_IPC_LAST])(workerProcess *worker, const vmcIpcMessage *message,
                                            int fd) = {
    [VMC_IPC_BROKER_NETWORK] = handleNetwork,
    [VMC_IPC_BROKER_COUNTERS] = handleCounters,
    [VMC_IPC_BROKER_CHANNEL] = handleChannel,
    [VMC_IPC_BROKER_REMOVE] = handleRemove,
    [VMC_IPC_BROKER_KNOWN] = handleKnown,
    [VMC_IPC_BROKER_SERVE] = handleServe,
    [VMC_IPC_BROKER_OPENED] = handleAnswer,
    [VMC_IPC_BROKER_NULL] = handleAnswer,
    [VMC_IPC_BROKER_ACCEPTING] = handleAnswer,
    [VMC_IPC_BROKER_REFUSED] = handleAnswer,
    [VMC_IPC_BROKER_CAPTURE] = handleCapture,
};

/* What the broker has no room for now goes when it has. */
static void
watchMailbox(workerProcess *worker)
{
    bool full = !g_queue_is_empty(&worker->mailbox.waiting);

    if (full != worker->mailboxFull)
        vmcLoopChange(worker->loop, &worker->mailboxWatch, EPOLLIN | (full ? EPOLLOUT : 0));
    worker->mailboxFull = full;
}

static void
mailboxReady(void *opaque, uint32_t events)
{
    workerProcess *worker = opaque;
    int fds[VMC_IPC_FDS];
    unsigned int nfds = 0;
    vmcIpcMessage message;
    int got;

    if (events & EPOLLOUT)
        vmcMailboxFlush(&worker->mailbox);
    while ((got = vmcMailboxTake(worker->mailbox.fd, VMC_IPC_TO_WORKER, &message, fds,
                                 &nfds)) > 0) {
        if ((!worker->endpoint && message.type != VMC_IPC_BROKER_NETWORK) ||
            !handlers[message.type](worker, &message, nfds > 0 ? fds[0] : -1))
            worker->over = true;
    }
    if (got < 0)
        worker->over = true;
}

static int
prepare(workerProcess *worker)
{
    static const uint8_t mac[VMC_MAC_LEN] = OUR_MAC;

    memcpy(worker->config.mac, mac, sizeof(mac));
    worker->channels = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    worker->capture.fd = -1;
    worker->known = g_array_new(FALSE, FALSE, sizeof(knownConn));
    worker->loop = worker->hosts.loop = vmcLoopNew();
    worker->hosts.hosts = g_hash_table_new(NULL, NULL);
    vmcMailboxOpen(&worker->mailbox, VMC_CHILD_MAILBOX);
    worker->hosts.mailbox = &worker->mailbox;
    worker->hosts.now = now;
    worker->link = (vmcWatch){ VMC_CHILD_LINK, linkReady, worker };
    worker->mailboxWatch = (vmcWatch){ VMC_CHILD_MAILBOX, mailboxReady, worker };
    if (!worker->loop || vmcLinkCheck(VMC_CHILD_LINK) < 0 ||
        fcntl(VMC_CHILD_LINK, F_SETFL, O_NONBLOCK) < 0 ||
        getrandom(worker->config.secret, sizeof(worker->config.secret), 0) !=
            sizeof(worker->config.secret))
        return -1;
    return vmcLoopAdd(worker->loop, &worker->mailboxWatch, EPOLLIN);
}

/* Whether since the last time the guest has only said that it has its connections. */
static bool
onlyAnswers(workerProcess *worker)
{
    vmcEndpointStats last = worker->seen;

    if (!worker->endpoint)
        return false;
    worker->seen = *vmcEndpointGetStats(worker->endpoint);
    return worker->seen.answers != last.answers &&
        worker->seen.answers - last.answers == worker->seen.framesIn - last.framesIn;
}

/*
 * A guest may be silent for hours: some time after the last event, memory that was
 * needed before is given back, once.
 */
static void
restLater(workerProcess *worker, vmcTime at, bool busy)
{
    if (busy) {
        worker->restAt = at + REST_DELAY;
    } else if (at >= worker->restAt) {
        worker->restAt = VMC_TIME_NEVER;
        vmcInflightPoolTrim(&worker->hosts.inflightPool);
        malloc_trim(0);
        vmcChildForget();
    }
}

/* The host sides still get what QEMU had sent before it died. */
static void
leave(workerProcess *worker)
{
    vmcTime end = now() + LEAVE_TIME;

    vmcLoopRemove(worker->loop, &worker->link);
    vmcEndpointFlush(worker->endpoint, now());
    vmcHostsLeave(&worker->hosts);
    while (vmcHostsHold(&worker->hosts) && now() < end) {
        if (vmcLoopTurn(worker->loop, MAX(end - now(), 0)) < 0)
            break;
    }
    vmcHostsAbandon(&worker->hosts);
}

static void
serve(workerProcess *worker)
{
    int events = 1;

    while (!worker->over) {
        vmcTime start = now();
        vmcTime next = nextDue(worker, start);

        watchMailbox(worker);
        restLater(worker, start, events > 0 && !onlyAnswers(worker));
        next = MIN(next, worker->restAt);
        events = vmcLoopTurn(worker->loop, next == VMC_TIME_NEVER ? -1 : MAX(next - start, 0));
        if (events < 0)
            return;
    }
    if (worker->endpoint)
        leave(worker);
}

int
vmcWorkerMain(void)
{
    static workerProcess worker;
    vmcIpcMessage ready = { .type = VMC_IPC_CHILD_READY };

    if (vmcChildBegin("vmch-worker", true) < 0 || prepare(&worker) < 0 ||
        (ready.value = vmcConfine(VMC_FILTER_WORKER)) == 0)
        return EXIT_FAILURE;
    vmcMailboxTell(worker.mailbox.fd, &ready);
    serve(&worker);
    /* The host sides see an end of file, as from any program that ends. */
    return EXIT_SUCCESS;
}
