/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker: see broker.h.
 *
 * The guest may have taken the worker over. So each message from it is checked:
 * its form by ipc.c, and against what is known of the worker by conntable.c. A
 * worker that sends one that is not in order is killed. Its successor gets only
 * the channels and the 4-tuples of the connections, which it probes so that the
 * guest ends them.
 */
#include <config.h>

#include "relay/broker/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "relay/broker/channels.h"
#include "relay/broker/commands.h"
#include "relay/broker/conntable.h"
#include "relay/broker/control_socket.h"
#include "relay/process/child.h"
#include "relay/process/limits.h"
#include "relay/process/link.h"
#include "relay/process/supervised.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* How long after a worker that failed its successor starts, in microseconds. */
#define RESTART_MIN (100 * G_TIME_SPAN_MILLISECOND)
#define RESTART_MAX (10 * G_TIME_SPAN_SECOND)

/* How long the worker may still pass on what it has, when QEMU is gone. */
#define LEAVE_MS 300

#define READY_MS 10000

/* Between two events of one channel's limits, in microseconds. */
#define LIMITED_INTERVAL G_TIME_SPAN_SECOND

/* A guest connection that has or awaits its host side; the conntable's data. */
typedef struct {
    vmcBroker *broker;
    vmcBrokerChannel *channel;
    vmcIpcMessage message;      /* the worker's OPEN */
    vmcSourceRequest *request;
    bool open;                  /* the guest's connect was answered */
} brokerConn;

struct _vmcBroker {
    const vmcRelayOptions *options;
    vmcLoop *loop;
    vmcChannels *channels;
    char *guestName;            /* in paths */
    vmcControlSocket *control;  /* or NULL */
    char *withoutControl;       /* why it is NULL */
    vmcWatch link;              /* watched for its end only */
    vmcWatch signals;
    bool over;                  /* QEMU is gone, or we were told to go */

    vmcConntable *conntable;
    vmcSupervised *worker;
    vmcCommands *commands;
};

static void
workerPost(vmcBroker *broker, const vmcIpcMessage *message, int fd)
{
    vmcSupervisedPost(broker->worker, message, &fd, fd >= 0);
}

static void
workerAnswer(vmcBroker *broker, uint32_t id, vmcIpcType type, int fd)
{
    vmcIpcMessage answer = { .type = type, .id = id };

    workerPost(broker, &answer, fd);
}

/* Sends the control socket's clients an event of a connection that the worker asked for. */
static void
sendEvent(vmcBroker *broker, const vmcBrokerChannel *channel, const vmcIpcMessage *message,
          const char *event)
{
    char peer[INET_ADDRSTRLEN];
    struct json_object *data;

    if (!vmcControlSocketListens(broker->control))
        return;
    data = vmcChannelName(channel);
    inet_ntop(AF_INET, &message->peer, peer, sizeof(peer));
    json_object_object_add(data, "peer-address", json_object_new_string(peer));
    json_object_object_add(data, "peer-port", json_object_new_int(message->peerPort));
    vmcControlSocketEvent(broker->control, event, data);
}

static void
channelRefused(vmcBroker *broker, vmcBrokerChannel *channel, const vmcIpcMessage *message)
{
    channel->refused++;
    sendEvent(broker, channel, message, "VMCHANNEL_REFUSED");
}

/* The numbers say how often: so one event a second is enough. */
static void
channelLimited(vmcBroker *broker, vmcBrokerChannel *channel)
{
    int64_t now = g_get_monotonic_time();

    if (!vmcControlSocketListens(broker->control) ||
        (channel->limitedAt != 0 && now - channel->limitedAt < LIMITED_INTERVAL))
        return;
    channel->limitedAt = now;
    vmcControlSocketEvent(broker->control, "VMCHANNEL_LIMITED",
                          vmcChannelLimited(broker->channels, channel));
}

/* The guest's connect is answered, whether a host program is there or will come later. */
static void
connOpened(brokerConn *conn)
{
    if (conn->open)
        return;
    conn->open = true;
    conn->channel->open++;
    conn->channel->opened++;
    sendEvent(conn->broker, conn->channel, &conn->message, "VMCHANNEL_CONNECTED");
}

static void
connFree(gpointer opaque)
{
    brokerConn *conn = opaque;

    vmcSourceRequestEnd(conn->request);
    if (conn->open) {
        conn->channel->open--;
        sendEvent(conn->broker, conn->channel, &conn->message, "VMCHANNEL_DISCONNECTED");
    }
    g_free(conn);
}

/* The host side that a connection waited for is there; or, with @fd -1, will not come. */
static void
sourceAnswered(void *opaque, int fd)
{
    brokerConn *conn = opaque;

    if (fd >= 0)
        connOpened(conn);
    else if (!conn->open)
        channelRefused(conn->broker, conn->channel, &conn->message);
    workerAnswer(conn->broker, conn->message.id,
                 fd >= 0 ? VMC_IPC_BROKER_OPENED : VMC_IPC_BROKER_REFUSED, fd);
}

/* What the worker is answered at once; VMC_IPC_LAST: nothing yet. */
static const vmcIpcType answers[] = {
    [VMC_SOURCE_DONE] = VMC_IPC_BROKER_OPENED,
    [VMC_SOURCE_REFUSED] = VMC_IPC_BROKER_REFUSED,
    [VMC_SOURCE_DIALLING] = VMC_IPC_LAST,
    [VMC_SOURCE_ACCEPTING] = VMC_IPC_BROKER_ACCEPTING,
};

/* Asks the channel's host side. Returns the connection, or NULL: refused. */
static brokerConn *
openSource(vmcBroker *broker, vmcBrokerChannel *channel, const vmcIpcMessage *message,
           vmcIpcType *answer, int *fd)
{
    brokerConn *conn = g_new0(brokerConn, 1);
    vmcSourceResult result;

    conn->broker = broker;
    conn->channel = channel;
    conn->message = *message;
    result = vmcSourceOpen(channel->source, sourceAnswered, conn, fd, &conn->request);
    *answer = result == VMC_SOURCE_DONE && *fd < 0 ? VMC_IPC_BROKER_NULL : answers[result];
    if (result == VMC_SOURCE_REFUSED) {
        channelRefused(broker, channel, message);
        g_clear_pointer(&conn, g_free);
    } else if (result != VMC_SOURCE_DIALLING) {
        connOpened(conn);
    }
    return conn;
}

static bool
workerOpens(vmcBroker *broker, const vmcIpcMessage *message)
{
    vmcIpcType answer = VMC_IPC_BROKER_REFUSED;
    vmcBrokerChannel *channel;
    brokerConn *conn = NULL;
    int fd = -1;

    if (!vmcConntableMayOpen(broker->conntable, message))
        return false;
    channel = vmcChannelsGet(broker->channels, message->channel);
    if (channel && vmcConntableHasRoom(broker->conntable, message->channel))
        conn = openSource(broker, channel, message, &answer, &fd);
    else if (channel)
        channelRefused(broker, channel, message);
    vmcConntableOpen(broker->conntable, message, conn);
    if (answer != VMC_IPC_LAST)
        workerAnswer(broker, message->id, answer, fd);
    return true;
}

/* It may be that it has got a host program just now: then that is all. */
static bool
workerGuestEnded(vmcBroker *broker, const vmcIpcMessage *message)
{
    void *data;
    const brokerConn *conn;

    if (!vmcConntableFind(broker->conntable, message->id, &data))
        return false;
    conn = data;
    if (conn && !vmcSourceRequestLeft(conn->request)) {
        conn->channel->evicted++;
        channelLimited(broker, conn->channel);
    }
    return true;
}

static bool
workerCloses(vmcBroker *broker, const vmcIpcMessage *message)
{
    void *data;

    if (message->value && vmcConntableFind(broker->conntable, message->id, &data) && data)
        vmcSourceRequestReset(((brokerConn *)data)->request);
    return vmcConntableClose(broker->conntable, message->id);
}

/* There was a message for each connection, maybe many: their memory is given back. */
static bool
workerProbed(vmcBroker *broker, const vmcIpcMessage *message G_GNUC_UNUSED)
{
    vmcConntableProbed(broker->conntable);
    malloc_trim(0);
    return true;
}

static bool
workerRemoved(vmcBroker *broker, const vmcIpcMessage *message)
{
    return vmcConntableRemoved(broker->conntable, message->channel);
}

/* The worker may speak of a channel that has just been removed. */
static bool
workerLimited(vmcBroker *broker, const vmcIpcMessage *message)
{
    vmcBrokerChannel *channel = vmcChannelsGet(broker->channels, message->channel);

    if (channel)
        channelLimited(broker, channel);
    return true;
}

static bool (*const handlers[VMC_IPC_LAST])(vmcBroker *broker, const vmcIpcMessage *message) = {
    [VMC_IPC_WORKER_OPEN] = workerOpens,
    [VMC_IPC_WORKER_ENDED] = workerGuestEnded,
    [VMC_IPC_WORKER_CLOSE] = workerCloses,
    [VMC_IPC_WORKER_PROBED] = workerProbed,
    [VMC_IPC_WORKER_REMOVED] = workerRemoved,
    [VMC_IPC_WORKER_LIMITED] = workerLimited,
};

/* False: the worker had no right to send it, or reads no answers, and is killed. */
static bool
workerSentMessage(void *opaque, const vmcIpcMessage *message)
{
    vmcBroker *broker = opaque;

    return vmcSupervisedUnread(broker->worker) <= VMC_LIMIT_WORKER_UNREAD &&
        handlers[message->type](broker, message);
}

static void
workerEnded(void *opaque)
{
    vmcBroker *broker = opaque;

    vmcConntableWorkerEnded(broker->conntable);
}

static void
postMessage(void *opaque, const vmcIpcMessage *message)
{
    workerPost(opaque, message, -1);
}

static void
workerStarted(void *opaque)
{
    vmcBroker *broker = opaque;
    const vmcRelayOptions *options = broker->options;
    vmcIpcMessage network = { .type = VMC_IPC_BROKER_NETWORK, .id = options->network.prefix,
                           .value = options->mtu, .peer = htonl(options->network.guest),
                           .noDhcp = options->noDhcp };
    vmcIpcMessage counters = { .type = VMC_IPC_BROKER_COUNTERS };
    vmcIpcMessage serve = { .type = VMC_IPC_BROKER_SERVE };

    workerPost(broker, &network, -1);
    workerPost(broker, &counters,
               fcntl(vmcChannelsCountersFd(broker->channels), F_DUPFD_CLOEXEC, 0));
    vmcConntableTell(broker->conntable, postMessage, broker);
    vmcCommandsWorkerStarted(broker->commands);
    workerPost(broker, &serve, -1);
}

static const vmcSupervisedOps workerOps = {
    .mode = "--worker", .way = VMC_IPC_FROM_WORKER, .files = VMC_LIMIT_WORKER_FILES,
    .started = workerStarted, .message = workerSentMessage, .ended = workerEnded,
    .restartMin = RESTART_MIN, .restartMax = RESTART_MAX, .killedIsNoFailure = true,
};

/* QEMU is gone. */
static void
linkEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcBroker *broker = opaque;

    broker->over = true;
}

/* Who rotates logs hears nothing from a signal: whoever watches or asks is told. */
static void
reopen(vmcBroker *broker)
{
    for (unsigned int i = 0; i < vmcChannelsEnd(broker->channels); i++) {
        const vmcBrokerChannel *channel = vmcChannelsGet(broker->channels, i);

        if (channel && !vmcSourceReopen(channel->source) &&
            vmcControlSocketListens(broker->control))
            vmcControlSocketEvent(broker->control, "VMCHANNEL_NOT_REOPENED",
                                  vmcChannelNotReopened(channel));
    }
}

/* What rotates logs sends SIGHUP, after it has renamed them; the others ask us to go. */
static void
signalled(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcBroker *broker = opaque;
    struct signalfd_siginfo info;

    if (read(broker->signals.fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reopen(broker);
    else
        broker->over = true;
}

/* Signals that would kill the broker are taken as events, so that it removes its sockets. */
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
    broker->signals = (vmcWatch){ fd, signalled, broker };
    if (fd >= 0 && vmcLoopAdd(broker->loop, &broker->signals, EPOLLIN) == 0)
        return 0;
    vmcReportSystemError(errno, "cannot watch signals");
    return -1;
}

/* The worker reads the link. The broker only watches for its end, which needs no reading. */
static int
watchLink(vmcBroker *broker)
{
    int fd = broker->options->linkFd;

    if (vmcLinkCheck(fd) < 0)
        return -1;
    broker->link = (vmcWatch){ fd, linkEnded, broker };
    if (vmcLoopAdd(broker->loop, &broker->link, 0) == 0)
        return 0;
    vmcReportSystemError(errno, "cannot watch the link");
    return -1;
}

/* Connections that wait, listeners, pumps: each needs some. */
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
prepare(vmcBroker *broker, const int keep[2])
{
    const vmcRelayOptions *options = broker->options;
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());

    raiseLimit();
    broker->loop = vmcLoopNew();
    if (!broker->loop || vmcChildInit() < 0 || watchLink(broker) < 0 || watchSignals(broker) < 0)
        return -1;
    broker->guestName = vmcRunDirName(options->uuid ? options->uuid
                                      : options->name ? options->name : pid);
    broker->channels = vmcChannelsNew(broker->loop, options, broker->guestName, broker->conntable);
    if (!broker->channels)
        return -1;
    for (unsigned int i = 0; i < options->channels->len; i++) {
        if (!vmcChannelsAdd(broker->channels, options->channels->pdata[i], keep))
            return -1;
    }
    broker->worker = vmcSupervisedNew(broker->loop, &workerOps, broker, broker->link.fd);
    broker->commands = vmcCommandsNew(broker->loop, broker->channels, broker->conntable,
                                      broker->worker);
    if (vmcSupervisedStart(broker->worker) < 0)
        return -1;
    /* Where the folder cannot be written to, the guest runs without a control socket. */
    broker->control = vmcControlSocketNew(broker->loop, broker->guestName, &vmcCommandsOps,
                                          broker->commands);
    if (!broker->control)
        broker->withoutControl = g_strdup(vmcErrorLast()->message);
    return 0;
}

vmcBroker *
vmcBrokerNew(const vmcRelayOptions *options, const int keep[2])
{
    vmcBroker *broker = g_new0(vmcBroker, 1);

    broker->options = options;
    broker->link.fd = broker->signals.fd = -1;
    broker->conntable = vmcConntableNew(connFree);
    if (prepare(broker, keep) < 0)
        g_clear_pointer(&broker, vmcBrokerFree);
    return broker;
}

void
vmcBrokerFree(vmcBroker *broker)
{
    if (!broker)
        return;
    g_clear_pointer(&broker->control, vmcControlSocketFree);
    vmcCommandsFree(broker->commands);
    vmcSupervisedFree(broker->worker);
    vmcChannelsFree(broker->channels);
    vmcConntableFree(broker->conntable);
    vmcLoopFree(broker->loop);
    g_free(broker->guestName);
    g_free(broker->withoutControl);
    vmcFdClose(&broker->signals.fd);
    vmcFdClose(&broker->link.fd);
    g_free(broker);
}

static bool
isReady(const vmcBroker *broker)
{
    for (unsigned int i = 0; i < vmcChannelsEnd(broker->channels); i++) {
        const vmcBrokerChannel *channel = vmcChannelsGet(broker->channels, i);

        if (channel && !vmcSourceIsReady(channel->source))
            return false;
    }
    return vmcSupervisedLayers(broker->worker) != 0;
}

unsigned int
vmcBrokerReady(vmcBroker *broker)
{
    int64_t end = g_get_monotonic_time() + READY_MS * G_TIME_SPAN_MILLISECOND;

    while (!isReady(broker) && vmcSupervisedRuns(broker->worker) && g_get_monotonic_time() < end) {
        if (vmcLoopTurn(broker->loop, MAX(end - g_get_monotonic_time(), 0)) < 0) {
            vmcReportSystemError(errno, "cannot wait for events");
            return 0;
        }
    }
    if (isReady(broker))
        return vmcSupervisedLayers(broker->worker);
    vmcReportError(VIR_ERR_OPERATION_FAILED, "%s",
                   "the relay's processes cannot be confined: is seccomp available?");
    return 0;
}

const char *
vmcBrokerReport(const vmcBroker *broker, unsigned int number)
{
    const vmcBrokerChannel *channel = vmcChannelsGet(broker->channels, number);

    return channel ? vmcSourceReport(channel->source) : NULL;
}

const char *
vmcBrokerWithoutControl(const vmcBroker *broker)
{
    return broker->withoutControl;
}

void
vmcBrokerServe(vmcBroker *broker)
{
    while (!broker->over) {
        int64_t delay = vmcSupervisedStartDelay(broker->worker);

        if (delay == 0)
            vmcSupervisedStart(broker->worker);
        else if (vmcLoopTurn(broker->loop, delay) < 0)
            break;
    }
    /* Another guest of that name may start now, and needs the socket's path. */
    g_clear_pointer(&broker->control, vmcControlSocketFree);
    /* The worker also sees QEMU's end, but first what QEMU had sent before. */
    vmcSupervisedWait(broker->worker, LEAVE_MS);
}
