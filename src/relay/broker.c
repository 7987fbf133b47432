/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host sides of channels: see broker.h. One row a source type says how it
 * is made ready and how it is opened for a guest connection.
 *
 * A unix socket whose listener has a full backlog gives no event when there is
 * room again, so such a dial goes to a thread of its own that blocks in
 * connect(2). The threads touch nothing but their own dial, and hand it back
 * over a queue and an eventfd.
 */
#include <config.h>

#include "relay/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* How long a guest connection waits for room in a host program's backlog. */
#define DIAL_SECONDS 120

typedef struct brokerChannel brokerChannel;

/* How a source type's host side is got. */
typedef struct {
    int (*prepare)(brokerChannel *channel);
    vmcBrokerResult (*open)(brokerChannel *channel, vmcBrokerRequest *request, int *fd);
} brokerDriver;

struct brokerChannel {
    vmcBroker *broker;
    const brokerDriver *driver;
    const vmcChannel *def;
    char *path;                 /* the socket's or the file's */
    int fd;                     /* the listener or the open file, or -1 */
    vmcWatch listener;
    GQueue waiting;             /* of vmcBrokerRequest: guests without a host program */
};

struct _vmcBroker {
    vmcLoop *loop;
    GPtrArray *channels;        /* of brokerChannel */
    GAsyncQueue *dialled;       /* of vmcBrokerRequest, from the threads */
    vmcWatch wakeup;            /* eventfd: something is in dialled */
};

struct _vmcBrokerRequest {
    gint references;            /* the asker's, and the queue's or a thread's */
    vmcBroker *broker;
    brokerChannel *channel;
    vmcBrokerDone done;         /* NULL: cancelled */
    void *opaque;
    struct sockaddr_un address; /* dialled by a thread */
    GAsyncQueue *dialled;       /* where it comes back to; referenced */
    int wakeupFd;               /* its own duplicate */
    int fd;                     /* what came of it, or -1 */
};

static void
requestUnref(vmcBrokerRequest *request)
{
    if (!g_atomic_int_dec_and_test(&request->references))
        return;
    vmcFdClose(&request->fd);
    vmcFdClose(&request->wakeupFd);
    g_clear_pointer(&request->dialled, g_async_queue_unref);
    g_free(request);
}

/* Ends the reference of whoever worked on it and, answered, the asker's. */
static void
requestAnswer(vmcBrokerRequest *request)
{
    vmcBrokerDone done = g_steal_pointer(&request->done);

    if (done) {
        done(request->opaque, vmcFdSteal(&request->fd));
        requestUnref(request);
    }
    requestUnref(request);
}

static struct sockaddr_un
unixAddress(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return address;
}

/* Names the channel, as every error at start does. */
static void
reportChannel(const brokerChannel *channel, int errnum, const char *what)
{
    vmcReportSystemError(errnum, "vmchannel %s:%u: %s '%s'", channel->def->address,
                         channel->def->port, what, channel->path);
}

static int
checkParent(const brokerChannel *channel)
{
    g_autofree char *parent = g_path_get_dirname(channel->path);

    if (access(parent, X_OK) < 0) {
        vmcReportSystemError(errno, "vmchannel %s:%u: cannot search '%s', the directory of '%s'",
                             channel->def->address, channel->def->port, parent, channel->path);
        return -1;
    }
    return 0;
}

static int
checkSocketOrAbsent(const brokerChannel *channel)
{
    struct stat st;

    if (stat(channel->path, &st) < 0)
        return checkParent(channel);
    if (!S_ISSOCK(st.st_mode)) {
        reportChannel(channel, ENOTSOCK, "source path");
        return -1;
    }
    return 0;
}

static int
connectUnix(int fd, const struct sockaddr_un *address)
{
    int rc;

    do
        rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    while (rc < 0 && errno == EINTR);
    return rc;
}

static gpointer
dialThread(gpointer opaque)
{
    vmcBrokerRequest *request = opaque;
    GAsyncQueue *answers;
    struct timeval limit = { .tv_sec = DIAL_SECONDS };
    int wakeup = vmcFdSteal(&request->wakeupFd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connectUnix(fd, &request->address) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        request->fd = vmcFdSteal(&fd);
    vmcFdClose(&fd);
    answers = g_async_queue_ref(request->dialled);
    g_async_queue_push(answers, request);   /* no longer this thread's */
    g_async_queue_unref(answers);
    eventfd_write(wakeup, 1);
    close(wakeup);
    return NULL;
}

/* Hands the dial to a thread; false when there can be none. */
static bool
dialInThread(vmcBrokerRequest *request)
{
    vmcBroker *broker = request->broker;
    GThread *thread;

    request->wakeupFd = fcntl(broker->wakeup.fd, F_DUPFD_CLOEXEC, 0);
    if (request->wakeupFd < 0)
        return false;
    request->dialled = g_async_queue_ref(broker->dialled);
    g_atomic_int_inc(&request->references);
    thread = g_thread_try_new("vmch-dial", dialThread, request, NULL);
    if (!thread) {
        requestUnref(request);
        return false;
    }
    g_thread_unref(thread);
    return true;
}

static void
dialsDone(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcBroker *broker = opaque;
    vmcBrokerRequest *request;
    eventfd_t count;

    eventfd_read(broker->wakeup.fd, &count);
    while ((request = g_async_queue_try_pop(broker->dialled)))
        requestAnswer(request);
}

static int
prepareUnixConnect(brokerChannel *channel)
{
    channel->path = g_strdup(channel->def->source.path);
    return checkSocketOrAbsent(channel);
}

static vmcBrokerResult
openUnixConnect(brokerChannel *channel, vmcBrokerRequest *request, int *fd)
{
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return VMC_BROKER_REFUSED;
    request->address = unixAddress(channel->path);
    if (connectUnix(sock, &request->address) == 0) {
        *fd = sock;
        return VMC_BROKER_DONE;
    }
    vmcFdClose(&sock);
    return errno == EAGAIN && dialInThread(request) ? VMC_BROKER_DIALLING : VMC_BROKER_REFUSED;
}

/* Whether somebody listens on the socket at the channel's path. */
static bool
isAlive(const brokerChannel *channel)
{
    struct sockaddr_un address = unixAddress(channel->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && (connectUnix(fd, &address) == 0 || errno == EAGAIN);

    vmcFdClose(&fd);
    return alive;
}

/* A socket file that nobody listens on is left over from a crash: it goes. */
static int
removeStaleSocket(const brokerChannel *channel)
{
    struct stat st;

    if (checkSocketOrAbsent(channel) < 0)
        return -1;
    if (stat(channel->path, &st) < 0)
        return 0;
    if (isAlive(channel)) {
        reportChannel(channel, EADDRINUSE, "cannot bind to");
        return -1;
    }
    if (unlink(channel->path) < 0 && errno != ENOENT) {
        reportChannel(channel, errno, "cannot replace the stale socket");
        return -1;
    }
    return 0;
}

static void
waitForClients(brokerChannel *channel, bool wait)
{
    vmcLoopChange(channel->broker->loop, &channel->listener, wait ? EPOLLIN : 0);
}

/* A host program has dialled: it gets the guest that has waited longest. */
static void
acceptClient(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    brokerChannel *channel = opaque;
    vmcBrokerRequest *request;
    int fd = accept4(channel->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    request = g_queue_pop_head(&channel->waiting);
    if (g_queue_is_empty(&channel->waiting))
        waitForClients(channel, false);
    request->fd = fd;
    requestAnswer(request);
}

/* Where a bind channel without a path listens. */
static char *
generatedPath(const vmcChannel *channel, const char *guestName)
{
    g_autofree char *name = g_strdelimit(g_strdup(guestName), "/", '_');

    return g_strdup_printf("%s/vmchannel/%s-%s-%u.sock",
                           geteuid() == 0 ? "/run" : g_get_user_runtime_dir(),
                           name, channel->address, channel->port);
}

static int
generatePath(brokerChannel *channel, const char *guestName)
{
    g_autofree char *parent = NULL;

    channel->path = generatedPath(channel->def, guestName);
    parent = g_path_get_dirname(channel->path);
    if (strlen(channel->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        reportChannel(channel, ENAMETOOLONG, "generated path");
        return -1;
    }
    if (g_mkdir_with_parents(parent, 0770) < 0) {
        reportChannel(channel, errno, "cannot create the directory of");
        return -1;
    }
    return 0;
}

static int
prepareUnixBind(brokerChannel *channel)
{
    struct sockaddr_un address;

    if (!channel->path)
        channel->path = g_strdup(channel->def->source.path);
    address = unixAddress(channel->path);
    if (removeStaleSocket(channel) < 0)
        return -1;
    channel->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (channel->listener.fd < 0 ||
        bind(channel->listener.fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(channel->listener.fd, SOMAXCONN) < 0) {
        reportChannel(channel, errno, "cannot bind to");
        vmcFdClose(&channel->listener.fd);
        return -1;
    }
    channel->fd = channel->listener.fd;
    channel->listener.ready = acceptClient;
    channel->listener.opaque = channel;
    return vmcLoopAdd(channel->broker->loop, &channel->listener, 0);
}

static vmcBrokerResult
openUnixBind(brokerChannel *channel, vmcBrokerRequest *request, int *fd G_GNUC_UNUSED)
{
    if (g_queue_is_empty(&channel->waiting))
        waitForClients(channel, true);
    g_atomic_int_inc(&request->references);
    g_queue_push_tail(&channel->waiting, request);
    return VMC_BROKER_ACCEPTING;
}

static int
prepareFile(brokerChannel *channel)
{
    int truncate = channel->def->source.append == VMC_SWITCH_ON ? 0 : O_TRUNC;

    channel->path = g_strdup(channel->def->source.path);
    channel->fd = open(channel->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | truncate, 0600);
    if (channel->fd < 0) {
        reportChannel(channel, errno, "cannot open for writing");
        return -1;
    }
    return 0;
}

static vmcBrokerResult
openFile(brokerChannel *channel, vmcBrokerRequest *request G_GNUC_UNUSED, int *fd)
{
    *fd = fcntl(channel->fd, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? VMC_BROKER_REFUSED : VMC_BROKER_DONE;
}

static int
prepareNull(brokerChannel *channel G_GNUC_UNUSED)
{
    return 0;
}

static vmcBrokerResult
openNull(brokerChannel *channel G_GNUC_UNUSED, vmcBrokerRequest *request G_GNUC_UNUSED, int *fd)
{
    *fd = -1;
    return VMC_BROKER_DONE;
}

/* Per source type and mode; a row without functions is not served yet. */
static const brokerDriver drivers[VMC_CHR_TYPE_LAST][VMC_CHR_MODE_LAST] = {
    [VMC_CHR_TYPE_NULL] = { [VMC_CHR_MODE_DEFAULT] = { prepareNull, openNull } },
    [VMC_CHR_TYPE_FILE] = { [VMC_CHR_MODE_DEFAULT] = { prepareFile, openFile } },
    [VMC_CHR_TYPE_UNIX] = {
        [VMC_CHR_MODE_CONNECT] = { prepareUnixConnect, openUnixConnect },
        [VMC_CHR_MODE_BIND] = { prepareUnixBind, openUnixBind },
    },
};

static void
channelFree(gpointer opaque)
{
    brokerChannel *channel = opaque;
    vmcBrokerRequest *request;

    if (channel->listener.fd >= 0) {
        vmcLoopRemove(channel->broker->loop, &channel->listener);
        unlink(channel->path);
    }
    while ((request = g_queue_pop_head(&channel->waiting)))
        requestUnref(request);
    vmcFdClose(&channel->fd);
    g_free(channel->path);
    g_free(channel);
}

vmcBroker *
vmcBrokerNew(vmcLoop *loop)
{
    vmcBroker *broker = g_new0(vmcBroker, 1);

    broker->loop = loop;
    broker->channels = g_ptr_array_new_with_free_func(channelFree);
    broker->dialled = g_async_queue_new_full((GDestroyNotify)(void (*)(void))requestUnref);
    broker->wakeup.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    broker->wakeup.ready = dialsDone;
    broker->wakeup.opaque = broker;
    if (broker->wakeup.fd < 0) {
        vmcReportSystemError(errno, "cannot create an eventfd");
        vmcBrokerFree(broker);
        return NULL;
    }
    if (vmcLoopAdd(loop, &broker->wakeup, EPOLLIN) < 0) {
        vmcBrokerFree(broker);
        return NULL;
    }
    return broker;
}

void
vmcBrokerFree(vmcBroker *broker)
{
    if (!broker)
        return;
    g_ptr_array_unref(broker->channels);
    g_async_queue_unref(broker->dialled);
    vmcFdClose(&broker->wakeup.fd);
    g_free(broker);
}

static int
checkServed(const vmcChannel *def, const brokerDriver *driver)
{
    if (!driver->open) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "vmchannel %s:%u: type '%s' is not served yet: accepted are "
                       "'unix', 'file' and 'null'", def->address, def->port,
                       vmcChrTypeToString(def->source.type));
        return -1;
    }
    if (def->source.logPath) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "vmchannel %s:%u: log file '%s' is not served yet", def->address,
                       def->port, def->source.logPath);
        return -1;
    }
    return 0;
}

int
vmcBrokerAdd(vmcBroker *broker, const vmcChannel *def, const char *guestName)
{
    const brokerDriver *driver = &drivers[def->source.type][def->source.mode];
    brokerChannel *channel;

    if (checkServed(def, driver) < 0)
        return -1;
    channel = g_new0(brokerChannel, 1);
    channel->broker = broker;
    channel->driver = driver;
    channel->fd = channel->listener.fd = -1;
    channel->def = def;
    if ((def->source.mode == VMC_CHR_MODE_BIND && !def->source.path &&
         generatePath(channel, guestName) < 0) ||
        driver->prepare(channel) < 0) {
        channelFree(channel);
        return -1;
    }
    g_ptr_array_add(broker->channels, channel);
    return broker->channels->len - 1;
}

vmcBrokerResult
vmcBrokerOpen(vmcBroker *broker, int number, vmcBrokerDone done, void *opaque,
              int *fd, vmcBrokerRequest **request)
{
    brokerChannel *channel = g_ptr_array_index(broker->channels, number);
    vmcBrokerRequest *asked = g_new0(vmcBrokerRequest, 1);
    vmcBrokerResult result;

    asked->references = 1;
    asked->broker = broker;
    asked->channel = channel;
    asked->done = done;
    asked->opaque = opaque;
    asked->fd = asked->wakeupFd = -1;
    result = channel->driver->open(channel, asked, fd);
    if (result == VMC_BROKER_DIALLING || result == VMC_BROKER_ACCEPTING)
        *request = asked;
    else
        requestUnref(asked);
    return result;
}

void
vmcBrokerCancel(vmcBroker *broker G_GNUC_UNUSED, vmcBrokerRequest *request)
{
    brokerChannel *channel = request->channel;

    request->done = NULL;
    if (g_queue_remove(&channel->waiting, request)) {
        requestUnref(request);
        if (g_queue_is_empty(&channel->waiting))
            waitForClients(channel, false);
    }
    requestUnref(request);
}
