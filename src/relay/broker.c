/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker: see broker.h.
 *
 * The worker may be the guest's by now. So each message of its is checked: its
 * form by message.c, and against what is known of the worker by ledger.c. One
 * that is not in order costs the worker its life; its successor starts from
 * nothing but the channels and the 4-tuples of its connections, which it probes
 * so that the guest ends them.
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
#include "relay/ledger.h"
#include "relay/link.h"
#include "relay/mailbox.h"
#include "relay/source.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Messages taken before anything else gets its turn. */
#define MESSAGES_A_TURN 64

/* Answers that a worker may leave unread, with the descriptors beside them. */
#define UNREAD_MAX (VMC_LEDGER_KNOWN_MAX + 3 * VMC_ENDPOINT_MAX_CONNS)

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

/* A guest connection that has or awaits its host side; the ledger's data. */
typedef struct {
    vmcBroker *broker;
    uint32_t id;
    vmcSourceRequest *request;
} brokerConn;

struct _vmcBroker {
    const vmcRelayOptions *options;
    vmcLoop *loop;
    GPtrArray *sources;         /* of vmcSource, by the worker's numbers */
    vmcWatch link;              /* watched for its end only */
    vmcWatch signals;
    bool over;                  /* QEMU is gone, or we were told to go */

    vmcChild worker;
    vmcMailbox mailbox;
    vmcWatch letters;           /* the mailbox */
    vmcWatch ended;             /* the worker */
    unsigned int layers;        /* that hold, as it said; 0: not yet */
    vmcLedger *ledger;
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
    vmcMessageType answer;
    vmcSourceResult result;
    brokerConn *conn;
    int fd = -1;

    if (!vmcLedgerMayOpen(broker->ledger, message))
        return false;
    conn = g_new0(brokerConn, 1);
    conn->broker = broker;
    conn->id = message->id;
    result = vmcSourceOpen(broker->sources->pdata[message->channel], sourceAnswered, conn, &fd,
                           &conn->request);
    if (result == VMC_SOURCE_REFUSED)
        g_clear_pointer(&conn, g_free);
    vmcLedgerOpen(broker->ledger, message, conn);
    answer = result == VMC_SOURCE_DONE && fd < 0 ? VMC_MESSAGE_BROKER_NULL : answers[result];
    if (answer != VMC_MESSAGE_LAST)
        workerAnswer(broker, message->id, answer, fd);
    return true;
}

static bool
workerCloses(vmcBroker *broker, const vmcMessage *message)
{
    return vmcLedgerClose(broker->ledger, message->id);
}

static bool
workerProbed(vmcBroker *broker, const vmcMessage *message G_GNUC_UNUSED)
{
    vmcLedgerProbed(broker->ledger);
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
    vmcLedgerWorkerEnded(broker->ledger);
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
tell(void *opaque, const vmcMessage *message)
{
    workerPost(opaque, message, -1);
}

static void
tellWorker(vmcBroker *broker)
{
    const vmcRelayOptions *options = broker->options;
    vmcMessage network = { .type = VMC_MESSAGE_BROKER_NETWORK, .id = options->prefix,
                           .value = options->mtu, .peer = options->guest.s_addr };
    vmcMessage serve = { .type = VMC_MESSAGE_BROKER_SERVE };

    workerPost(broker, &network, -1);
    vmcLedgerTell(broker->ledger, tell, broker);
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
    struct in_addr address = { .s_addr = inet_addr(def->address) };
    vmcSource *source;

    if (!vmcLedgerAddChannel(broker->ledger, address, (uint16_t)def->port)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "two vmchannels have the address '%s' and the port '%u'",
                       def->address, def->port);
        return -1;
    }
    source = vmcSourceNew(broker->loop, def, guestName, keep);
    if (!source)
        return -1;
    g_ptr_array_add(broker->sources, source);
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
    broker->sources = g_ptr_array_new_with_free_func((GDestroyNotify)vmcSourceFree);
    broker->ledger = vmcLedgerNew(connFree);
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
    vmcLedgerFree(broker->ledger);
    g_ptr_array_unref(broker->sources);
    vmcLoopFree(broker->loop);
    vmcFdClose(&broker->signals.fd);
    vmcFdClose(&broker->link.fd);
    g_free(broker);
}

static bool
isReady(const vmcBroker *broker)
{
    for (unsigned int i = 0; i < broker->sources->len; i++) {
        if (!vmcSourceIsReady(broker->sources->pdata[i]))
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
    return number < broker->sources->len ? vmcSourceReport(broker->sources->pdata[number]) : NULL;
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
