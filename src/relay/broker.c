/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker: see broker.h.
 *
 * The worker may be the guest's by now. So each message of its is checked: its
 * form by message.c, and here that the channel exists, that address and port
 * are that channel's, that an id is new or known, and that there are no more
 * connections than the endpoint may have. One that is not in order costs the
 * worker its life; its successor starts from nothing but the channels and the
 * 4-tuples of its connections, which it probes so that the guest ends them.
 */
#include <config.h>

#include "relay/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/child.h"
#include "relay/link.h"
#include "relay/mailbox.h"
#include "relay/source.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Messages taken before anything else gets its turn. */
#define MESSAGES_A_TURN 64

/* Connections of dead workers that are still to be probed, at most. */
#define KNOWN_MAX (2 * VMC_ENDPOINT_MAX_CONNS)

/* Answers that a worker may leave unread, with the descriptors beside them. */
#define UNREAD_MAX (KNOWN_MAX + 3 * VMC_ENDPOINT_MAX_CONNS)

/* How long a worker that fails waits for its successor, in microseconds. */
#define BACKOFF_MIN (100 * G_TIME_SPAN_MILLISECOND)
#define BACKOFF_MAX (10 * G_TIME_SPAN_SECOND)
/* One that lived so long does not count as a failure in a row. */
#define BACKOFF_RESET (60 * G_TIME_SPAN_SECOND)

/* For the worker's last words, when QEMU is gone. */
#define LEAVE_MS 300

/* Between the end of a process's descriptors and its own. */
#define END_MS 200

#define READY_MS 10000

typedef struct {
    vmcSource *source;
    struct in_addr address;
    uint16_t port;
} brokerChannel;

/* A guest connection, from the worker's OPEN to its CLOSE. */
typedef struct {
    vmcBroker *broker;
    uint32_t id;
    vmcMessage known;           /* what a successor is told of it */
    vmcSourceRequest *request;  /* NULL: refused */
} brokerConn;

struct _vmcBroker {
    const vmcRelayOptions *options;
    vmcLoop *loop;
    GArray *channels;           /* of brokerChannel; the worker's numbers */
    vmcWatch link;              /* watched for its end only */
    vmcWatch signals;
    bool over;                  /* QEMU is gone, or we were told to go */

    vmcChild worker;
    vmcMailbox mailbox;
    vmcWatch letters;           /* the mailbox */
    vmcWatch ended;             /* the worker */
    unsigned int layers;        /* that hold, as it said; 0: not yet */
    GHashTable *conns;          /* id → brokerConn */
    GArray *known;              /* vmcMessage: connections of dead workers */
    gint64 startedAt;
    gint64 startAt;             /* when the next worker starts; 0: there is one */
    gint64 backoff;
};

static void
workerPost(vmcBroker *broker, const vmcMessage *message, int fd)
{
    if (!vmcMailboxPost(&broker->mailbox, message, &fd, fd >= 0))
        vmcLoopChange(broker->loop, &broker->letters, EPOLLIN | EPOLLOUT);
}

static void
workerAnswer(vmcBroker *broker, uint32_t id, vmcMessageType type, int fd)
{
    vmcMessage answer = { .type = type, .id = id };

    workerPost(broker, &answer, fd);
}

static void
connFree(gpointer opaque)
{
    brokerConn *conn = opaque;

    if (conn->request)
        vmcSourceRequestEnd(conn->request);
    g_free(conn);
}

/* A host side has come for one who waited, or never will. */
static void
sourceAnswered(void *opaque, int fd)
{
    brokerConn *conn = opaque;

    workerAnswer(conn->broker, conn->id,
                 fd >= 0 ? VMC_MESSAGE_BROKER_OPENED : VMC_MESSAGE_BROKER_REFUSED, fd);
}

/* What the worker hears at once; DIALLING: nothing yet. */
static const vmcMessageType answers[] = {
    [VMC_SOURCE_DONE] = VMC_MESSAGE_BROKER_OPENED,
    [VMC_SOURCE_REFUSED] = VMC_MESSAGE_BROKER_REFUSED,
    [VMC_SOURCE_DIALLING] = VMC_MESSAGE_LAST,
    [VMC_SOURCE_ACCEPTING] = VMC_MESSAGE_BROKER_ACCEPTING,
};

static bool
workerOpens(vmcBroker *broker, const vmcMessage *message)
{
    const brokerChannel *channel;
    brokerConn *conn;
    vmcMessageType answer;
    int fd = -1;

    if (message->channel >= broker->channels->len)
        return false;
    channel = &g_array_index(broker->channels, brokerChannel, message->channel);
    if (message->address != channel->address.s_addr || message->port != channel->port ||
        g_hash_table_size(broker->conns) >= VMC_ENDPOINT_MAX_CONNS ||
        g_hash_table_contains(broker->conns, GUINT_TO_POINTER(message->id)))
        return false;
    conn = g_new0(brokerConn, 1);
    conn->broker = broker;
    conn->id = message->id;
    conn->known = *message;
    conn->known.type = VMC_MESSAGE_BROKER_KNOWN;
    conn->known.id = conn->known.channel = 0;
    g_hash_table_insert(broker->conns, GUINT_TO_POINTER(conn->id), conn);
    answer = answers[vmcSourceOpen(channel->source, sourceAnswered, conn, &fd, &conn->request)];
    if (answer != VMC_MESSAGE_LAST)
        workerAnswer(broker, conn->id, answer, fd);
    return true;
}

static bool
workerCloses(vmcBroker *broker, const vmcMessage *message)
{
    return g_hash_table_remove(broker->conns, GUINT_TO_POINTER(message->id));
}

static bool
workerProbed(vmcBroker *broker, const vmcMessage *message G_GNUC_UNUSED)
{
    g_array_set_size(broker->known, 0);
    return true;
}

static bool
workerReady(vmcBroker *broker, const vmcMessage *message)
{
    broker->layers = message->value;
    return true;
}

static bool (*const asked[VMC_MESSAGE_LAST])(vmcBroker *broker, const vmcMessage *message) = {
    [VMC_MESSAGE_CHILD_READY] = workerReady,
    [VMC_MESSAGE_WORKER_OPEN] = workerOpens,
    [VMC_MESSAGE_WORKER_CLOSE] = workerCloses,
    [VMC_MESSAGE_WORKER_PROBED] = workerProbed,
};

/* Keeps what the next worker is to probe. The oldest gives way. */
static void
keepKnown(vmcBroker *broker)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, broker->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const brokerConn *conn = value;

        if (conn->request)
            g_array_append_val(broker->known, conn->known);
    }
    if (broker->known->len > KNOWN_MAX)
        g_array_remove_range(broker->known, 0, broker->known->len - KNOWN_MAX);
}

/* Who was killed from outside is followed at once, who fails by itself later. */
static gint64
nextBackoff(const vmcBroker *broker, int status, bool disobeyed)
{
    bool killed = WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL ||
                                          WTERMSIG(status) == SIGTERM);

    if (killed && !disobeyed)
        return 0;
    if (g_get_monotonic_time() - broker->startedAt > BACKOFF_RESET || broker->backoff == 0)
        return BACKOFF_MIN;
    return MIN(2 * broker->backoff, BACKOFF_MAX);
}

/* Ends the worker, if it has not, and lets another one follow. */
static void
workerEnd(vmcBroker *broker, bool disobeyed)
{
    int status;

    vmcLoopRemove(broker->loop, &broker->letters);
    vmcLoopRemove(broker->loop, &broker->ended);
    vmcMailboxClose(&broker->mailbox);
    status = vmcChildReap(&broker->worker);
    keepKnown(broker);
    g_hash_table_remove_all(broker->conns);
    broker->layers = 0;
    broker->backoff = nextBackoff(broker, status, disobeyed);
    broker->startAt = g_get_monotonic_time() + broker->backoff;
}

static void
workerEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    workerEnd(opaque, false);
}

static bool
hasEnded(const vmcBroker *broker, int milliseconds)
{
    struct pollfd ended = { .fd = broker->worker.pidfd, .events = POLLIN };

    return broker->worker.pid <= 0 || poll(&ended, 1, milliseconds) > 0;
}

/* False: the worker is out of order. */
static bool
takeMessages(vmcBroker *broker)
{
    vmcMessage message;
    int got = 1;

    for (int i = 0; i < MESSAGES_A_TURN && got > 0; i++) {
        if (broker->mailbox.waiting.length > UNREAD_MAX)
            return false;
        got = vmcMailboxTake(broker->mailbox.fd, VMC_MESSAGE_FROM_WORKER, &message, NULL, NULL);
        if (got > 0 && !asked[message.type](broker, &message))
            return false;
    }
    return got >= 0;
}

static void
lettersReady(void *opaque, uint32_t events)
{
    vmcBroker *broker = opaque;

    if (events & EPOLLOUT && vmcMailboxFlush(&broker->mailbox))
        vmcLoopChange(broker->loop, &broker->letters, EPOLLIN);
    if (events & EPOLLHUP)
        workerEnd(broker, !hasEnded(broker, END_MS));
    else if (events & EPOLLIN && !takeMessages(broker))
        workerEnd(broker, true);
}

static void
tellWorker(vmcBroker *broker)
{
    const vmcRelayOptions *options = broker->options;
    vmcMessage network = { .type = VMC_MESSAGE_BROKER_NETWORK, .id = options->prefix,
                           .value = options->mtu, .peer = options->guest.s_addr };
    vmcMessage serve = { .type = VMC_MESSAGE_BROKER_SERVE };

    workerPost(broker, &network, -1);
    for (unsigned int i = 0; i < broker->channels->len; i++) {
        const brokerChannel *channel = &g_array_index(broker->channels, brokerChannel, i);
        vmcMessage told = { .type = VMC_MESSAGE_BROKER_CHANNEL, .channel = i,
                            .address = channel->address.s_addr, .port = channel->port };

        workerPost(broker, &told, -1);
    }
    for (unsigned int i = 0; i < broker->known->len; i++)
        workerPost(broker, &g_array_index(broker->known, vmcMessage, i), -1);
    workerPost(broker, &serve, -1);
}

static int
workerStart(vmcBroker *broker)
{
    int mailbox;

    broker->startAt = 0;
    broker->startedAt = g_get_monotonic_time();
    if (vmcChildStart(&broker->worker, "--worker", broker->link.fd, &mailbox) < 0)
        return -1;
    vmcMailboxOpen(&broker->mailbox, mailbox);
    broker->letters = (vmcWatch){ mailbox, lettersReady, broker };
    broker->ended = (vmcWatch){ broker->worker.pidfd, workerEnded, broker };
    if (vmcLoopAdd(broker->loop, &broker->letters, EPOLLIN) < 0 ||
        vmcLoopAdd(broker->loop, &broker->ended, EPOLLIN) < 0)
        return -1;
    tellWorker(broker);
    return 0;
}

static void
linkEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcBroker *broker = opaque;

    broker->over = true;
}

/* Signals that would end us: as events, so that our sockets are removed. */
static int
watchSignals(vmcBroker *broker)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        vmcReportSystemError(errno, "cannot watch signals");
        return -1;
    }
    broker->signals = (vmcWatch){ fd, linkEnded, broker };
    return vmcLoopAdd(broker->loop, &broker->signals, EPOLLIN);
}

/* Its bytes are the worker's; that it has ended shows without reading any. */
static int
watchLink(vmcBroker *broker)
{
    int fd = broker->options->linkFd;

    if (vmcLinkCheck(fd) < 0)
        return -1;
    broker->link = (vmcWatch){ fd, linkEnded, broker };
    return vmcLoopAdd(broker->loop, &broker->link, 0);
}

/* Each connection is a descriptor of the worker's, and there may be many. */
static void
raiseLimit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int
addChannel(vmcBroker *broker, const vmcChannel *def, const char *guestName, const int keep[2])
{
    brokerChannel channel = { .port = (uint16_t)def->port };

    channel.address.s_addr = inet_addr(def->address);
    for (unsigned int i = 0; i < broker->channels->len; i++) {
        const brokerChannel *other = &g_array_index(broker->channels, brokerChannel, i);

        if (other->address.s_addr == channel.address.s_addr && other->port == channel.port) {
            vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                           "two vmchannels have the address '%s' and the port '%u'",
                           def->address, def->port);
            return -1;
        }
    }
    channel.source = vmcSourceNew(broker->loop, def, guestName, keep);
    if (!channel.source)
        return -1;
    g_array_append_val(broker->channels, channel);
    return 0;
}

static int
prepare(vmcBroker *broker, const int keep[2])
{
    const vmcRelayOptions *options = broker->options;
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    const char *name = options->uuid ? options->uuid : options->name ? options->name : pid;

    raiseLimit();
    broker->loop = vmcLoopNew();
    if (!broker->loop || vmcChildInit() < 0 || watchLink(broker) < 0 || watchSignals(broker) < 0)
        return -1;
    for (unsigned int i = 0; i < options->channels->len; i++) {
        if (addChannel(broker, options->channels->pdata[i], name, keep) < 0)
            return -1;
    }
    return workerStart(broker);
}

vmcBroker *
vmcBrokerNew(const vmcRelayOptions *options, const int keep[2])
{
    vmcBroker *broker = g_new0(vmcBroker, 1);

    broker->options = options;
    broker->link.fd = broker->signals.fd = broker->mailbox.fd = broker->worker.pidfd = -1;
    broker->channels = g_array_new(FALSE, FALSE, sizeof(brokerChannel));
    broker->known = g_array_new(FALSE, FALSE, sizeof(vmcMessage));
    broker->conns = g_hash_table_new_full(NULL, NULL, NULL, connFree);
    if (prepare(broker, keep) < 0)
        g_clear_pointer(&broker, vmcBrokerFree);
    return broker;
}

void
vmcBrokerFree(vmcBroker *broker)
{
    if (!broker)
        return;
    if (broker->worker.pid > 0) {
        vmcMailboxClose(&broker->mailbox);
        vmcChildReap(&broker->worker);
    }
    g_hash_table_unref(broker->conns);
    for (unsigned int i = 0; i < broker->channels->len; i++)
        vmcSourceFree(g_array_index(broker->channels, brokerChannel, i).source);
    g_array_unref(broker->channels);
    g_array_unref(broker->known);
    vmcLoopFree(broker->loop);
    vmcFdClose(&broker->signals.fd);
    vmcFdClose(&broker->link.fd);
    g_free(broker);
}

static bool
isReady(const vmcBroker *broker)
{
    for (unsigned int i = 0; i < broker->channels->len; i++) {
        if (!vmcSourceIsReady(g_array_index(broker->channels, brokerChannel, i).source))
            return false;
    }
    return broker->layers != 0;
}

unsigned int
vmcBrokerReady(vmcBroker *broker)
{
    gint64 end = g_get_monotonic_time() + READY_MS * G_TIME_SPAN_MILLISECOND;

    while (!isReady(broker) && broker->worker.pid > 0 && g_get_monotonic_time() < end) {
        if (vmcLoopTurn(broker->loop, MAX(end - g_get_monotonic_time(), 0)) < 0)
            return 0;
    }
    if (isReady(broker))
        return broker->layers;
    vmcReportError(VIR_ERR_OPERATION_FAILED, "%s",
                   "the relay's processes cannot be confined: is seccomp available?");
    return 0;
}

const char *
vmcBrokerReport(const vmcBroker *broker, unsigned int number)
{
    if (number >= broker->channels->len)
        return NULL;
    return vmcSourceReport(g_array_index(broker->channels, brokerChannel, number).source);
}

static int64_t
untilStart(const vmcBroker *broker)
{
    return broker->startAt == 0 ? -1 : MAX(broker->startAt - g_get_monotonic_time(), 0);
}

void
vmcBrokerServe(vmcBroker *broker)
{
    while (!broker->over) {
        if (broker->startAt != 0 && untilStart(broker) == 0 && workerStart(broker) < 0) {
            workerEnd(broker, true);
            continue;
        }
        if (vmcLoopTurn(broker->loop, untilStart(broker)) < 0)
            break;
    }
    /* The worker sees QEMU's end too, and what QEMU had sent before it. */
    hasEnded(broker, LEAVE_MS);
}
