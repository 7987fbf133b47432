/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources that are sockets: unix and tcp, dialled or listened on, and udp. Not
 * what is done with their bytes.
 *
 * What a socket cannot be watched for is done by a thread, one for each source
 * at a time: a unix connect(2) while the listener's backlog is full (there is
 * no event when it has room again), and the lookup of a name. A thread touches
 * nothing but its own dial, and hands that back over a queue and an eventfd.
 */
#include <config.h>

#include "relay/broker/sources/source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* How long a guest connection waits for room in a host program's backlog. */
#define DIAL_SECONDS 120

/* Of a TCP socket; else it begins with 16 KiB, and so would the guest's window. */
#define TCP_BUFFER (256 * 1024)

#define ADDRESSES_MAX 16

/* What a thread works on; a source's at first, nobody's when that gave it up. */
struct _vmcSourceDial {
    gint references;            /* the source's and the thread's */
    int wakeup;                 /* the thread's duplicate of the eventfd */
    struct sockaddr_un address; /* to be dialled, or: */
    char *host, *service;       /* to be looked up */
    int fd;                     /* what came of it */
    GArray *addresses;
};

static void
dialUnref(vmcSourceDial *dial)
{
    if (!g_atomic_int_dec_and_test(&dial->references))
        return;
    vmcFdClose(&dial->fd);
    vmcFdClose(&dial->wakeup);
    g_clear_pointer(&dial->addresses, g_array_unref);
    g_free(dial->host);
    g_free(dial->service);
    g_free(dial);
}

static struct sockaddr_un
unixAddress(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return address;
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

/* The addresses of a host and a port, at most some; NULL with getaddrinfo()'s error. */
static GArray *
lookUp(const char *host, const char *service, int type, int flags, int *error)
{
    struct addrinfo hints = { .ai_socktype = type, .ai_flags = flags };
    struct addrinfo *found = NULL;
    GArray *addresses;

    *error = getaddrinfo(host, service, &hints, &found);
    if (*error != 0)
        return NULL;
    addresses = g_array_new(FALSE, TRUE, sizeof(struct sockaddr_storage));
    for (struct addrinfo *one = found; one && addresses->len < ADDRESSES_MAX; one = one->ai_next) {
        g_array_set_size(addresses, addresses->len + 1);
        memcpy(&g_array_index(addresses, struct sockaddr_storage, addresses->len - 1),
               one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(found);
    return addresses;
}

static const struct sockaddr *
addressAt(const GArray *addresses, unsigned int i)
{
    return (const struct sockaddr *)&g_array_index(addresses, struct sockaddr_storage, i);
}

static socklen_t
addressLen(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

/* In the thread: a unix dial that waits for room in the backlog. */
static void
dialBlocking(vmcSourceDial *dial)
{
    struct timeval limit = { .tv_sec = DIAL_SECONDS };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connectUnix(fd, &dial->address) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        dial->fd = vmcFdSteal(&fd);
    vmcFdClose(&fd);
}

static gpointer
dialThread(gpointer opaque)
{
    vmcSourceDial *dial = opaque;
    int error;

    if (dial->host)
        dial->addresses = lookUp(dial->host, dial->service, SOCK_STREAM, 0, &error);
    else
        dialBlocking(dial);
    eventfd_write(dial->wakeup, 1);
    dialUnref(dial);
    return NULL;
}

void
vmcSourceStopDialling(vmcSource *source)
{
    g_clear_pointer(&source->dial, dialUnref);
    if (source->dialled.ready)
        vmcLoopRemove(source->loop, &source->dialled);
    vmcFdClose(&source->dialled.fd);
}

/* Starts the thread, if it does not run. False: there can be none. */
static bool
dialInThread(vmcSource *source)
{
    vmcSourceDial *dial;
    GThread *thread;

    if (source->dial)
        return true;
    dial = g_new0(vmcSourceDial, 1);
    dial->references = 1;
    dial->fd = -1;
    dial->wakeup = fcntl(source->dialled.fd, F_DUPFD_CLOEXEC, 0);
    if (source->def->source.type == VMC_CHR_TYPE_UNIX) {
        dial->address = unixAddress(source->path);
    } else {
        dial->host = g_strdup(source->def->source.host);
        dial->service = g_strdup(source->def->source.service);
    }
    g_atomic_int_inc(&dial->references);
    thread = dial->wakeup >= 0 ? g_thread_try_new("vmch-dial", dialThread, dial, NULL) : NULL;
    if (!thread) {
        dialUnref(dial);
        dialUnref(dial);
        return false;
    }
    g_thread_unref(thread);
    source->dial = dial;
    return true;
}

static int
prepareDialling(vmcSource *source, void (*done)(void *opaque, uint32_t events))
{
    source->dialled.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (source->dialled.fd < 0) {
        vmcSourceReportError(source, errno, "cannot get ready to dial");
        return -1;
    }
    source->dialled.ready = done;
    source->dialled.opaque = source;
    return vmcLoopAdd(source->loop, &source->dialled, EPOLLIN);
}

/* Takes what the thread has done. */
static vmcSourceDial *
takeDial(vmcSource *source)
{
    eventfd_t count;

    eventfd_read(source->dialled.fd, &count);
    return g_steal_pointer(&source->dial);
}

static void
cancelWaiting(vmcSource *source, vmcSourceRequest *request)
{
    g_queue_remove(&source->waiting, request);
}

static int
checkParent(const vmcSource *source)
{
    g_autofree char *parent = g_path_get_dirname(source->path);

    if (access(parent, X_OK) < 0) {
        vmcReportSystemError(errno, "vmchannel %s:%u: cannot search '%s', the directory of '%s'",
                             source->def->address, source->def->port, parent, source->path);
        return -1;
    }
    return 0;
}

static int
checkSocketOrAbsent(const vmcSource *source)
{
    struct stat st;

    if (stat(source->path, &st) < 0)
        return checkParent(source);
    if (!S_ISSOCK(st.st_mode)) {
        vmcSourceReportError(source, ENOTSOCK, "source path");
        return -1;
    }
    return 0;
}

/* A connection, or -1 with errno: EAGAIN when the listener's backlog is full. */
static int
dialUnix(const vmcSource *source)
{
    struct sockaddr_un address = unixAddress(source->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connectUnix(fd, &address) < 0)
        vmcFdClose(&fd);
    return fd;
}

/* Serves those who wait, in their order, until the backlog is full again. */
static void
dialWaiting(vmcSource *source)
{
    while (!g_queue_is_empty(&source->waiting)) {
        int fd = dialUnix(source);

        if (fd < 0 && errno == EAGAIN && dialInThread(source))
            return;
        vmcSourceAnswer(g_queue_pop_head(&source->waiting), fd);
    }
}

/* The connection is the longest waiter's, whoever it was begun for. */
static void
unixDialled(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSource *source = opaque;
    vmcSourceDial *dial = takeDial(source);

    if (!dial)
        return;
    if (!g_queue_is_empty(&source->waiting))
        vmcSourceAnswer(g_queue_pop_head(&source->waiting), vmcFdSteal(&dial->fd));
    dialUnref(dial);
    dialWaiting(source);
}

static int
prepareUnixConnect(vmcSource *source)
{
    if (checkSocketOrAbsent(source) < 0)
        return -1;
    return prepareDialling(source, unixDialled);
}

static vmcSourceResult
openUnixConnect(vmcSource *source, vmcSourceRequest *request, int *fd)
{
    if (!source->dial && (*fd = dialUnix(source)) >= 0)
        return VMC_SOURCE_DONE;
    if (!source->dial && (errno != EAGAIN || !dialInThread(source)))
        return VMC_SOURCE_REFUSED;
    g_queue_push_tail(&source->waiting, request);
    return VMC_SOURCE_DIALLING;
}

const vmcSourceDriver vmcSourceUnixConnect = {
    .prepare = prepareUnixConnect, .open = openUnixConnect, .cancel = cancelWaiting,
    .pumpKind = VMC_PUMP_SOCKET,
};

/* Whether somebody listens on the socket at the source's path. */
static bool
isAlive(const vmcSource *source)
{
    int fd = dialUnix(source);
    bool alive = fd >= 0 || errno == EAGAIN;

    vmcFdClose(&fd);
    return alive;
}

/* A socket file that nobody listens on is left over from a crash: it goes. */
static int
removeStaleSocket(const vmcSource *source)
{
    struct stat st;

    if (checkSocketOrAbsent(source) < 0)
        return -1;
    if (stat(source->path, &st) < 0)
        return 0;
    if (isAlive(source)) {
        vmcSourceReportError(source, EADDRINUSE, "cannot bind to");
        return -1;
    }
    if (unlink(source->path) < 0 && errno != ENOENT) {
        vmcSourceReportError(source, errno, "cannot replace the stale socket");
        return -1;
    }
    return 0;
}

static void
waitForClients(vmcSource *source, bool wait)
{
    vmcLoopChange(source->loop, &source->listener, wait ? EPOLLIN : 0);
}

static void
tuneTcp(int fd)
{
    int on = 1;
    int size = TCP_BUFFER;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Whether a unix client has left without a word: no guest should get that one. */
static bool
isGone(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&one, 1, 0) > 0 && one.revents & POLLHUP &&
        recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/*
 * A host program has dialled: it gets the guest that has waited longest. That
 * one may have left in this same turn. It hears a refusal when we have no
 * descriptor for the two: the host program waits on.
 */
static void
acceptClient(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSource *source = opaque;
    vmcSourceRequest *request;
    int fd;

    if (g_queue_is_empty(&source->waiting))
        return;
    fd = accept4(source->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EMFILE && errno != ENFILE)
        return;
    if (fd >= 0 && isGone(fd)) {
        close(fd);
        return;
    }
    if (fd >= 0 && !source->bound)
        tuneTcp(fd);
    request = g_queue_pop_head(&source->waiting);
    if (g_queue_is_empty(&source->waiting))
        waitForClients(source, false);
    vmcSourceAnswer(request, fd);
}

static vmcSourceResult
openBind(vmcSource *source, vmcSourceRequest *request, int *fd G_GNUC_UNUSED)
{
    if (g_queue_is_empty(&source->waiting))
        waitForClients(source, true);
    g_queue_push_tail(&source->waiting, request);
    return VMC_SOURCE_ACCEPTING;
}

static void
cancelBind(vmcSource *source, vmcSourceRequest *request)
{
    cancelWaiting(source, request);
    if (g_queue_is_empty(&source->waiting))
        waitForClients(source, false);
}

/* Nobody is accepted before a guest wants one: the backlog is the queue. */
static int
watchListener(vmcSource *source)
{
    source->listener.ready = acceptClient;
    source->listener.opaque = source;
    return vmcLoopAdd(source->loop, &source->listener, 0);
}

/* Where a bind channel without a path listens: path is the guest's name still. */
static int
generatePath(vmcSource *source)
{
    g_autofree char *name = g_strdelimit(g_steal_pointer(&source->path), "/", '_');
    g_autofree char *parent = vmcRunDirOwn();

    source->path = g_strdup_printf("%s/%s-%s-%u.sock", parent, name, source->def->address,
                                   source->def->port);
    if (strlen(source->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        vmcSourceReportError(source, ENAMETOOLONG, "generated path");
        return -1;
    }
    if (g_mkdir_with_parents(parent, 0770) < 0) {
        vmcSourceReportError(source, errno, "cannot create the directory of");
        return -1;
    }
    return 0;
}

static int
prepareUnixBind(vmcSource *source)
{
    struct sockaddr_un address;

    if ((!source->def->source.path && generatePath(source) < 0) || removeStaleSocket(source) < 0)
        return -1;
    address = unixAddress(source->path);
    source->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (source->listener.fd < 0 ||
        bind(source->listener.fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        vmcSourceReportError(source, errno, "cannot bind to");
        return -1;
    }
    source->bound = true;
    if (listen(source->listener.fd, SOMAXCONN) < 0) {
        vmcSourceReportError(source, errno, "cannot listen at");
        return -1;
    }
    return watchListener(source);
}

const vmcSourceDriver vmcSourceUnixBind = {
    .prepare = prepareUnixBind, .open = openBind, .cancel = cancelBind, .pumpKind = VMC_PUMP_SOCKET,
};

static void
nameAddress(vmcSource *source, const char *host, const char *service)
{
    g_free(source->path);
    source->path = g_strdup_printf("%s:%s", host ? host : "", service ? service : "");
}

static int
reportLookUp(const vmcSource *source, int error)
{
    vmcReportError(VIR_ERR_OPERATION_FAILED, "vmchannel %s:%u: cannot look up '%s': %s",
                   source->def->address, source->def->port, source->path, gai_strerror(error));
    return -1;
}

/* Goes on to the next address; answers when there is none, or no need. */
static void tcpReady(void *opaque, uint32_t events);

static void
tcpStop(vmcSourceRequest *request)
{
    if (request->connecting.ready)
        vmcLoopRemove(request->source->loop, &request->connecting);
    vmcFdClose(&request->connecting.fd);
}

/* Begins to dial the next address that can be; returns whether one is under way. */
static bool
tcpNext(vmcSourceRequest *request)
{
    while (request->next < request->addresses->len) {
        const struct sockaddr *address = addressAt(request->addresses, request->next++);
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue;
        tuneTcp(fd);
        request->connecting = (vmcWatch){ fd, tcpReady, request };
        if ((connect(fd, address, addressLen(address)) == 0 || errno == EINPROGRESS) &&
            vmcLoopAdd(request->source->loop, &request->connecting, EPOLLOUT) == 0)
            return true;
        request->connecting.ready = NULL;
        vmcFdClose(&request->connecting.fd);
    }
    return false;
}

static void
tcpReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSourceRequest *request = opaque;
    int error = 0;
    socklen_t len = sizeof(error);
    int fd;

    getsockopt(request->connecting.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        tcpStop(request);
        if (!tcpNext(request))
            vmcSourceAnswer(request, -1);
        return;
    }
    vmcLoopRemove(request->source->loop, &request->connecting);
    fd = vmcFdSteal(&request->connecting.fd);
    vmcSourceAnswer(request, fd);
}

static bool
tcpBegin(vmcSourceRequest *request, GArray *addresses)
{
    request->addresses = g_array_ref(addresses);
    return tcpNext(request);
}

/* The name was looked up: those who waited for it dial. */
static void
tcpLookedUp(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcSource *source = opaque;
    vmcSourceDial *dial = takeDial(source);
    vmcSourceRequest *request;

    if (!dial)
        return;
    while ((request = g_queue_pop_head(&source->waiting))) {
        if (!dial->addresses || !tcpBegin(request, dial->addresses))
            vmcSourceAnswer(request, -1);
    }
    dialUnref(dial);
}

static void
cancelTcp(vmcSource *source, vmcSourceRequest *request)
{
    cancelWaiting(source, request);
    tcpStop(request);
}

/* A numeric address is known for good; a name is looked up at each dial. */
static int
prepareTcpConnect(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    int error;

    nameAddress(source, def->host, def->service);
    source->addresses = lookUp(def->host, def->service, SOCK_STREAM, AI_NUMERICHOST, &error);
    if (!source->addresses && error != EAI_NONAME)
        return reportLookUp(source, error);
    return prepareDialling(source, tcpLookedUp);
}

static vmcSourceResult
openTcpConnect(vmcSource *source, vmcSourceRequest *request, int *fd G_GNUC_UNUSED)
{
    if (source->addresses)
        return tcpBegin(request, source->addresses) ? VMC_SOURCE_DIALLING : VMC_SOURCE_REFUSED;
    if (!dialInThread(source))
        return VMC_SOURCE_REFUSED;
    g_queue_push_tail(&source->waiting, request);
    return VMC_SOURCE_DIALLING;
}

const vmcSourceDriver vmcSourceTcpConnect = {
    .prepare = prepareTcpConnect, .open = openTcpConnect, .cancel = cancelTcp,
    .pumpKind = VMC_PUMP_SOCKET,
};

/* Binds a socket to the first of @addresses that lets it, or -1 with errno. */
static int
bindFirst(const GArray *addresses, int type)
{
    int on = 1;
    int fd = -1;

    for (unsigned int i = 0; fd < 0 && i < addresses->len; i++) {
        const struct sockaddr *address = addressAt(addresses, i);

        fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && type == SOCK_STREAM)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (fd >= 0 && bind(fd, address, addressLen(address)) < 0)
            vmcFdClose(&fd);
    }
    return fd;
}

static int
prepareTcpBind(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    g_autoptr(GArray) addresses = NULL;
    int error;

    nameAddress(source, def->host, def->service);
    addresses = lookUp(def->host, def->service, SOCK_STREAM, AI_PASSIVE, &error);
    if (!addresses)
        return reportLookUp(source, error);
    source->listener.fd = bindFirst(addresses, SOCK_STREAM);
    if (source->listener.fd < 0 || listen(source->listener.fd, SOMAXCONN) < 0) {
        vmcSourceReportError(source, errno, "cannot bind to");
        return -1;
    }
    return watchListener(source);
}

const vmcSourceDriver vmcSourceTcpBind = {
    .prepare = prepareTcpBind, .open = openBind, .cancel = cancelBind, .pumpKind = VMC_PUMP_SOCKET,
};

/* Our own address of the same family as the one that is sent to. */
static int
bindUdp(const vmcSource *source, const struct sockaddr *to, int *error)
{
    const vmcChrSource *def = &source->def->source;
    const char *any = to->sa_family == AF_INET6 ? "::" : "0.0.0.0";
    g_autoptr(GArray) addresses = NULL;

    addresses = lookUp(def->bindHost ? def->bindHost : any,
                       def->bindService ? def->bindService : "0", SOCK_DGRAM, AI_PASSIVE, error);
    return addresses ? bindFirst(addresses, SOCK_DGRAM) : -1;
}

static int
prepareUdp(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    g_autoptr(GArray) remote = NULL;
    const struct sockaddr *to;
    int error = 0;

    nameAddress(source, def->host, def->service);
    remote = lookUp(def->host ? def->host : "localhost", def->service, SOCK_DGRAM, 0, &error);
    if (!remote)
        return reportLookUp(source, error);
    to = addressAt(remote, 0);
    source->in = source->out = bindUdp(source, to, &error);
    if (error != 0)
        return reportLookUp(source, error);
    if (source->in < 0) {
        nameAddress(source, def->bindHost, def->bindService);
        vmcSourceReportError(source, errno, "cannot bind to");
        return -1;
    }
    if (connect(source->in, to, addressLen(to)) < 0) {
        vmcSourceReportError(source, errno, "cannot send to");
        return -1;
    }
    return 0;
}

static vmcSourceResult
openUdp(vmcSource *source G_GNUC_UNUSED, vmcSourceRequest *request G_GNUC_UNUSED,
        int *fd G_GNUC_UNUSED)
{
    return VMC_SOURCE_DONE;
}

const vmcSourceDriver vmcSourceUdp = {
    .prepare = prepareUdp, .open = openUdp,
    .pumped = true, .alone = true, .pumpKind = VMC_PUMP_DATAGRAM,
};
