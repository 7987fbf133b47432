/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker: see worker.h. It confines itself before it reads the first byte
 * of the guest's, and serves until QEMU or the broker is gone. It keeps nothing
 * that its successor would need: the broker knows the connections, the link
 * keeps whole frames.
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

#include "relay/process/child.h"
#include "relay/process/confine.h"
#include "relay/process/link.h"
#include "relay/process/mailbox.h"
#include "relay/worker/capture.h"
#include "relay/worker/host.h"

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
 * Probes sent at once, two frames each, and the pause until the guest has read
 * them: a full link would have no room for the resets that its answers call for.
 */
#define PROBES_A_TURN 32
#define PROBE_PAUSE ((vmcTime)20000)

/* Without an event for so long, nothing more is expected soon. */
#define REST_DELAY ((vmcTime)2000000)

/* Ours towards the guest, whichever of our addresses it speaks to. */
#define OUR_MAC { 0x52, 0x55, 0x0a, 0x00, 0x02, 0x04 }

typedef struct {
    vmcEndpointTuple tuple;
    uint8_t mac[VMC_MAC_LEN];
} knownConn;

typedef struct {
    vmcLoop *loop;
    vmcHosts hosts;
    vmcWatch link;
    vmcWatch mailbox;
    vmcEndpointConfig config;
    vmcEndpoint *endpoint;      /* NULL: the broker has not told its network yet */
    GHashTable *channels;       /* number → vmcHostChannel */
    vmcCounters *counters;      /* NULL: not told yet */
    uint64_t told;              /* of the counters, when the mailbox was read last */
    vmcCapture capture;
    GArray *known;              /* of knownConn: what a dead worker has left */
    unsigned int nextKnown;     /* of these, to be probed */
    bool probed;                /* all of them, lately */
    unsigned int probes;        /* that each has had and the guest has read */
    vmcTime probeAt;
    bool serving;               /* all is told: the link may be used */
    bool linkFull;              /* the endpoint waits for room in the link */
    vmcTime restAt;             /* when nothing will have happened for a while */
    bool over;                  /* QEMU or the broker is gone */
} worker;

static vmcTime
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (vmcTime)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool
sendFrame(void *opaque, const struct iovec *iov, int niov)
{
    worker *w = opaque;

    if (vmcLinkSend(w->link.fd, iov, niov)) {
        vmcCaptureFrame(&w->capture, iov, niov);
        return true;
    }
    if (!w->linkFull)
        vmcLoopChange(w->loop, &w->link, EPOLLIN | EPOLLOUT);
    w->linkFull = true;
    return false;
}

static const vmcEndpointOps endpointOps = {
    .send = sendFrame,
    .open = vmcHostOpen,
    .room = vmcHostRoom,
    .write = vmcHostWrite,
    .shut = vmcHostShut,
    .peek = vmcHostPeek,
    .consume = vmcHostConsume,
    .close = vmcHostClose,
};

static void mailboxReady(void *opaque, uint32_t events);

/* What the broker has said of channels comes before a frame that was sent after it. */
static void
hearBroker(worker *w)
{
    uint64_t told = __atomic_load_n(&w->counters->told, __ATOMIC_ACQUIRE);

    if (told == w->told)
        return;
    w->told = told;
    mailboxReady(w, EPOLLIN);
}

/* Returns whether more may wait. */
static bool
takeFrames(worker *w)
{
    static vmcLinkFrame frames[VMC_LINK_FRAMES];
    int n = vmcLinkReceive(w->link.fd, frames);

    if (n < 0)
        w->over = true;
    if (n > 0)
        hearBroker(w);
    for (int i = 0; i < n; i++) {
        vmcCaptureFrame(&w->capture, &(struct iovec){ frames[i].bytes, frames[i].len }, 1);
        vmcEndpointInput(w->endpoint, now(), frames[i].bytes, frames[i].len);
    }
    return n == VMC_LINK_FRAMES;
}

static void
receiveFrames(worker *w)
{
    for (int i = 0; i < TAKES_A_TURN && takeFrames(w); i++)
        continue;
}

static void
linkReady(void *opaque, uint32_t events)
{
    worker *w = opaque;

    if (events & EPOLLOUT) {
        w->linkFull = false;
        vmcLoopChange(w->loop, &w->link, EPOLLIN);
        vmcEndpointLinkWritable(w->endpoint, now());
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receiveFrames(w);
}

/* Each has had its probes, or the last round has not been read and is no round. */
static bool
isProbed(worker *w)
{
    vmcIpcMessage probed = { .type = VMC_IPC_WORKER_PROBED };

    w->probes += w->probed && !vmcLinkBusy(w->link.fd);
    if (w->probes < PROBES)
        return false;
    g_array_set_size(w->known, 0);
    vmcMailboxTell(w->mailbox.fd, &probed);
    return true;
}

/* Connections of our predecessor: the guest hears that they are over. */
static void
probeKnown(worker *w, vmcTime at)
{
    unsigned int end;

    if (w->known->len == 0 || at < w->probeAt || (w->nextKnown == 0 && isProbed(w)))
        return;
    w->probeAt = at + PROBE_PAUSE;
    if (vmcLinkBusy(w->link.fd))
        return;
    end = MIN(w->nextKnown + PROBES_A_TURN, w->known->len);
    for (; w->nextKnown < end; w->nextKnown++) {
        const knownConn *known = &g_array_index(w->known, knownConn, w->nextKnown);

        if (!vmcEndpointProbe(w->endpoint, &known->tuple, known->mac))
            return;
    }
    if (end < w->known->len)
        return;
    w->probed = true;
    w->nextKnown = 0;
    w->probeAt = at + PROBE_INTERVAL;
}

/* When the loop has something to do by itself. */
static vmcTime
nextDue(worker *w, vmcTime at)
{
    vmcTime next;

    if (!w->serving)
        return VMC_TIME_NEVER;
    probeKnown(w, at);
    vmcEndpointFlush(w->endpoint, at);
    next = vmcEndpointNextTimer(w->endpoint);
    if (next <= at)
        next = vmcEndpointTimer(w->endpoint, at, vmcLinkBusy(w->link.fd));
    /* With a full link its room is what is waited for. */
    return w->known->len > 0 && !w->linkFull ? MIN(next, w->probeAt) : next;
}

static bool
toldNetwork(worker *w, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    if (w->endpoint)
        return false;
    w->config.guest.s_addr = message->peer;
    w->config.prefix = message->id;
    w->config.mtu = message->value;
    w->endpoint = w->hosts.endpoint = vmcEndpointNew(&w->config, &endpointOps, w);
    return true;
}

static bool
toldTally(worker *w, const vmcIpcMessage *message G_GNUC_UNUSED, int fd)
{
    if (w->counters)
        return false;
    w->counters = vmcCountersMap(fd);
    close(fd);
    return w->counters != NULL;
}

static bool
toldChannel(worker *w, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    struct in_addr address = { .s_addr = message->address };
    vmcHostChannel *channel;

    if (!w->counters || message->channel >= VMC_NIC_CHANNELS_MAX)
        return false;
    channel = g_new0(vmcHostChannel, 1);
    channel->hosts = &w->hosts;
    channel->number = message->channel;
    channel->counters = &w->counters->channels[message->channel];
    g_hash_table_insert(w->channels, GUINT_TO_POINTER(channel->number), channel);
    return vmcEndpointAddChannel(w->endpoint, address, message->port, channel) == 0;
}

/* Each of its connections is closed, which the broker so hears first. */
static bool
toldRemove(worker *w, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    vmcIpcMessage removed = { .type = VMC_IPC_WORKER_REMOVED, .channel = message->channel };
    vmcHostChannel *channel = g_hash_table_lookup(w->channels, GUINT_TO_POINTER(message->channel));

    if (!channel)
        return false;
    vmcEndpointRemoveChannel(w->endpoint, now(), channel);
    g_hash_table_remove(w->channels, GUINT_TO_POINTER(message->channel));
    vmcMailboxTell(w->mailbox.fd, &removed);
    return true;
}

static bool
toldCapture(worker *w, const vmcIpcMessage *message G_GNUC_UNUSED, int fd)
{
    vmcCaptureSet(&w->capture, fd);
    return true;
}

static bool
toldKnown(worker *w, const vmcIpcMessage *message, int fd G_GNUC_UNUSED)
{
    knownConn known;

    vmcIpcGetTuple(message, &known.tuple);
    memcpy(known.mac, message->mac, sizeof(known.mac));
    g_array_append_val(w->known, known);
    return true;
}

static bool
toldServe(worker *w, const vmcIpcMessage *message G_GNUC_UNUSED, int fd G_GNUC_UNUSED)
{
    if (w->serving)
        return false;
    w->serving = true;
    w->probeAt = now();
    return vmcLoopAdd(w->loop, &w->link, EPOLLIN) == 0;
}

static bool
toldAnswer(worker *w, const vmcIpcMessage *message, int fd)
{
    vmcHostsAnswer(&w->hosts, message, fd);
    return true;
}

/* What is done with each message; the rest is not for us. */
static bool (*const told[VMC_IPC_LAST])(worker *w, const vmcIpcMessage *message, int fd) = {
    [VMC_IPC_BROKER_NETWORK] = toldNetwork,
    [VMC_IPC_BROKER_COUNTERS] = toldTally,
    [VMC_IPC_BROKER_CHANNEL] = toldChannel,
    [VMC_IPC_BROKER_REMOVE] = toldRemove,
    [VMC_IPC_BROKER_KNOWN] = toldKnown,
    [VMC_IPC_BROKER_SERVE] = toldServe,
    [VMC_IPC_BROKER_OPENED] = toldAnswer,
    [VMC_IPC_BROKER_NULL] = toldAnswer,
    [VMC_IPC_BROKER_ACCEPTING] = toldAnswer,
    [VMC_IPC_BROKER_REFUSED] = toldAnswer,
    [VMC_IPC_BROKER_CAPTURE] = toldCapture,
};

static void
mailboxReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    worker *w = opaque;
    int fds[VMC_IPC_FDS];
    unsigned int nfds = 0;
    vmcIpcMessage message;
    int got;

    while ((got = vmcMailboxTake(w->mailbox.fd, VMC_IPC_TO_WORKER, &message, fds,
                                 &nfds)) > 0) {
        if ((!w->endpoint && message.type != VMC_IPC_BROKER_NETWORK) ||
            !told[message.type](w, &message, nfds > 0 ? fds[0] : -1))
            w->over = true;
    }
    if (got < 0)
        w->over = true;
}

static int
prepare(worker *w)
{
    static const uint8_t mac[VMC_MAC_LEN] = OUR_MAC;

    memcpy(w->config.mac, mac, sizeof(mac));
    w->channels = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    w->capture.fd = -1;
    w->known = g_array_new(FALSE, FALSE, sizeof(knownConn));
    w->loop = w->hosts.loop = vmcLoopNew();
    w->hosts.hosts = g_hash_table_new(NULL, NULL);
    w->hosts.mailbox = VMC_CHILD_MAILBOX;
    w->hosts.now = now;
    w->link = (vmcWatch){ VMC_CHILD_LINK, linkReady, w };
    w->mailbox = (vmcWatch){ VMC_CHILD_MAILBOX, mailboxReady, w };
    if (!w->loop || vmcLinkCheck(VMC_CHILD_LINK) < 0 ||
        fcntl(VMC_CHILD_LINK, F_SETFL, O_NONBLOCK) < 0 ||
        getrandom(w->config.secret, sizeof(w->config.secret), 0) != sizeof(w->config.secret))
        return -1;
    return vmcLoopAdd(w->loop, &w->mailbox, EPOLLIN);
}

/*
 * Many a guest says nothing for hours: after a pause the memory of what has
 * been done before it is given back, once.
 */
static void
restLater(worker *w, vmcTime at, bool busy)
{
    if (busy) {
        w->restAt = at + REST_DELAY;
    } else if (at >= w->restAt) {
        w->restAt = VMC_TIME_NEVER;
        vmcInflightPoolTrim(&w->hosts.keptPool);
        malloc_trim(0);
        vmcChildForget();
    }
}

static void
serve(worker *w)
{
    int events = 1;

    while (!w->over) {
        vmcTime start = now();
        vmcTime next = nextDue(w, start);

        restLater(w, start, events > 0);
        next = MIN(next, w->restAt);
        events = vmcLoopTurn(w->loop, next == VMC_TIME_NEVER ? -1 : MAX(next - start, 0));
        if (events < 0)
            return;
    }
    /* What QEMU had sent before it died is in; the host sides get it. */
    if (w->endpoint)
        vmcEndpointFlush(w->endpoint, now());
}

/*
 * Bytes to and from sockets that are there, and the broker. Only the broker can
 * pass descriptors: sendmsg is not among these.
 */
static const vmcConfineCall calls[] = {
    { SCMP_SYS(recvmmsg), { { 0 } } },
    { SCMP_SYS(recvfrom), { { 0 } } },
    { SCMP_SYS(recvmsg), { { 0 } } },
    { SCMP_SYS(writev), { { 0 } } },
    { SCMP_SYS(sendto), { { 4, UINT64_MAX, 0 } } },         /* no address */
    { SCMP_SYS(shutdown), { { 0 } } },
    { SCMP_SYS(close), { { 0 } } },
    { SCMP_SYS(ioctl), { { 1, UINT32_MAX, SIOCOUTQ } } },
    { SCMP_SYS(getsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    { SCMP_SYS(getsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_DOMAIN } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_PEEK_OFF } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_LINGER } } },
    { SCMP_SYS(epoll_ctl), { { 0 } } },
    { SCMP_SYS(epoll_wait), { { 0 } } },
    { SCMP_SYS(epoll_pwait), { { 0 } } },
};

int
vmcWorkerMain(void)
{
    static worker w;
    vmcIpcMessage ready = { .type = VMC_IPC_CHILD_READY };

    if (vmcChildBegin("vmch-worker", true) < 0 || prepare(&w) < 0 ||
        (ready.value = vmcConfine(calls, G_N_ELEMENTS(calls))) == 0)
        return EXIT_FAILURE;
    vmcMailboxTell(w.mailbox.fd, &ready);
    serve(&w);
    /* The host sides see an end of file, as from any program that ends. */
    return EXIT_SUCCESS;
}
