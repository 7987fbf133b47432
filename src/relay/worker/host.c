/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host sides of guest connections: see host.h.
 *
 * A host side is a stream socket, or nothing at all (a null). Sockets are
 * watched edge-triggered from the moment they are there: the endpoint asks again
 * by itself whenever it could go on, so an event is needed only after the answer
 * "nothing now". Each read of the host program would be an event too, and wake us
 * up: so EPOLLOUT is watched only while there is little room.
 *
 * Host bytes are read at once and kept until the guest has acknowledged them
 * (inflight.h), so that the host program may write on. When there is no memory for
 * more, they stay in the socket, and are peeked at by an offset (SO_PEEK_OFF, or
 * where the kernel has none for the socket's kind by peeking at all before it
 * too), until they are read for good only to be dropped.
 */
#include <config.h>

#include "relay/worker/host.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process/limits.h"
#include "relay/process/share.h"
#include "relay/worker/sndbuf.h"
#include "util/fd.h"

/*
 * What is asked of the kernel for guest bytes on the way to a host program that reads; it
 * gives twice that for its own overhead, where net.core.wmem_max lets it. LEAVE_ROOM of what it
 * gives is used at QEMU's end only: what the connection's own buffer holds goes there
 * then, and is read after we are gone. The kernel makes two pieces of that, and may have
 * taken one before that it had no room for; none takes more than 37 KiB.
 */
#define SEND_BUFFER (VMC_SHARE_MAX + LEAVE_ROOM / 2)
#define LEAVE_ROOM (76 * 1024)

/* The broker is told of a channel's limit no more often. */
#define LIMITED_INTERVAL ((vmcTime)1000000)

/* What a null takes at once. */
#define NULL_ROOM 65536

#define SOCKET_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)

/* How one kind of host side does each operation of vmcEndpointOps. */
typedef struct {
    void (*attach)(vmcHost *host);
    size_t (*room)(vmcHost *host);
    ssize_t (*write)(vmcHost *host, const struct iovec *iov, int niov);
    void (*shut)(vmcHost *host);
    ssize_t (*peek)(vmcHost *host, size_t offset, void *buf, size_t len);
    void (*consume)(vmcHost *host, size_t n);
} hostDriver;

struct _vmcHost {
    vmcHosts *owner;
    const hostDriver *driver;   /* NULL: the host side is not there yet */
    vmcHostChannel *channel;
    vmcEndpointConn *conn;
    uint32_t id;
    vmcWatch watch;             /* its fd is the host side, or -1 */
    bool opened;                /* the guest's connect was answered */
    bool shut;                  /* the guest has sent its last byte */
    bool forgotten;             /* by the broker: nobody is to be told of the end */
    bool ended;                 /* the host has too, and the socket has it */
    bool peeks;                 /* peekOffset is what the kernel has */
    bool skips;                 /* no SO_PEEK_OFF */
    bool waits;                 /* for the host program to read, since a write did not take all */
    bool watchesWritable;
    bool gathers;               /* not TCP: see sndbuf.h */
    int sndbufMax;              /* what it may grow to */
    size_t queued;              /* what the kernel last counted in it */
    size_t written;             /* bytes, since it has its size */
    vmcSndbuf sndbuf;
    size_t peekOffset;          /* where the kernel's next peek would start */
    bool drained;               /* the socket had no more when it was last read */
    bool marked;                /* it has had an urgent mark: a read may end there */
    bool broken;                /* the last read ended at a descriptor that was passed */
    vmcInflight inflight;       /* the first bytes in flight; the others are in the socket */
};

/* Returns 0 when the kernel does not say. */
static int
socketOption(const vmcHost *host, int option)
{
    int value = 0;
    socklen_t len = sizeof(value);

    getsockopt(host->watch.fd, SOL_SOCKET, option, &value, &len);
    return value;
}

static void
setSendBuffer(vmcHost *host, int size)
{
    setsockopt(host->watch.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void
querySndbuf(vmcHost *host)
{
    int queued = 0;

    if (ioctl(host->watch.fd, SIOCOUTQ, &queued) < 0)
        queued = INT_MAX;
    host->queued = (size_t)queued;
    vmcSndbufQueued(&host->sndbuf, host->queued);
}

static void
resizeSndbuf(vmcHost *host, int size)
{
    setSendBuffer(host, size);
    host->sndbuf.size = (size_t)socketOption(host, SO_SNDBUF);
    host->written = 0;
}

/*
 * A host program that has read as much as the buffer takes gets a larger one; one that reads
 * nothing holds up little.
 */
static void
growSndbuf(vmcHost *host)
{
    int size = (int)host->sndbuf.size / 2;
    int grown = MIN(vmcShareGrown(size, host->channel->conns), host->sndbufMax);

    if (grown <= size || host->written < host->sndbuf.size)
        return;
    querySndbuf(host);
    if (host->written < host->sndbuf.size + host->queued)
        return;
    resizeSndbuf(host, grown);
    vmcSndbufQueued(&host->sndbuf, host->queued);
}

static void
socketReady(void *opaque, uint32_t events)
{
    vmcHost *host = opaque;
    vmcEndpoint *endpoint = host->owner->endpoint;

    if (events & ~(uint32_t)EPOLLOUT)
        host->drained = false;
    if (events & EPOLLPRI)
        host->marked = true;
    if (events & EPOLLRDHUP)
        host->ended = true;
    /* After an error, what the host program had sent before it is still read. */
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        vmcEndpointConnReadable(endpoint, host->conn);
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        vmcEndpointConnWritable(endpoint, host->conn);
}

/*
 * It begins small; but where one guest waits for another's end, what that one leaves should
 * find room. Where net.core.wmem_max is low, about as large a part is left as elsewhere.
 */
static void
divideSendBuffer(vmcHost *host)
{
    int size;

    setSendBuffer(host, SEND_BUFFER);
    size = socketOption(host, SO_SNDBUF);
    host->sndbufMax = (size - MIN(LEAVE_ROOM, size / 4)) / 2;
    resizeSndbuf(host, host->channel->alone ? host->sndbufMax
                                            : MIN(VMC_SHARE_MIN, host->sndbufMax));
    vmcSndbufQueued(&host->sndbuf, 0);
}

static void
socketAttach(vmcHost *host)
{
    int domain = socketOption(host, SO_DOMAIN);

    divideSendBuffer(host);
    /* TCP joins small pieces in its buffer; other kinds of sockets count each as a page's worth. */
    host->gathers = domain != AF_INET && domain != AF_INET6;
    host->watch.ready = socketReady;
    host->watch.opaque = host;
    if (vmcLoopAdd(host->owner->loop, &host->watch, SOCKET_EVENTS) < 0)
        shutdown(host->watch.fd, SHUT_RDWR);    /* without events it would stall: end it */
}

/* If there is room already, the event comes at once. */
static void
watchWritable(vmcHost *host, bool on)
{
    if (host->watchesWritable == on)
        return;
    host->watchesWritable = on;
    vmcLoopChange(host->owner->loop, &host->watch, SOCKET_EVENTS | (on ? EPOLLOUT : 0));
}

/*
 * There is at least what was left when the kernel was last asked, which is good
 * enough while it is nearly all. TCP gathers small pieces itself, and counts
 * otherwise: half of it is what is safe.
 */
static size_t
socketRoom(vmcHost *host)
{
    growSndbuf(host);
    if (host->sndbuf.free < host->sndbuf.size / 8 * 7)
        querySndbuf(host);
    watchWritable(host, host->waits || host->sndbuf.free < host->sndbuf.size / 2);
    return host->gathers ? vmcSndbufPromise(&host->sndbuf) : host->sndbuf.free / 2;
}

static size_t
iovLength(const struct iovec *iov, int niov)
{
    size_t len = 0;

    for (int i = 0; i < niov; i++)
        len += iov[i].iov_len;
    return len;
}

static ssize_t
writeSome(vmcHost *host, const struct iovec *iov, int niov)
{
    ssize_t n;

    do
        n = writev(host->watch.fd, iov, niov);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        vmcSndbufWritten(&host->sndbuf, (size_t)n);
    host->written += n > 0 ? (size_t)n : 0;
    return n < 0 && errno == EAGAIN ? 0 : n;
}

/* Whether so many bytes wait until there are more, or the host program has read. */
static bool
isPieceTooSmall(vmcHost *host, size_t len)
{
    if (!host->gathers || host->owner->leaving || vmcSndbufTakes(&host->sndbuf, len))
        return false;
    querySndbuf(host);
    return !vmcSndbufTakes(&host->sndbuf, len);
}

static ssize_t
socketWrite(vmcHost *host, const struct iovec *iov, int niov)
{
    size_t len = iovLength(iov, niov);
    ssize_t n = 0;

    if (!isPieceTooSmall(host, len))
        n = writeSome(host, iov, niov);
    host->waits = n >= 0 && (size_t)n < len;
    if (host->waits)
        watchWritable(host, true);
    return n;
}

static void
socketShut(vmcHost *host)
{
    shutdown(host->watch.fd, SHUT_WR);
}

/* As recv() with MSG_PEEK at @offset, for a socket without SO_PEEK_OFF. */
static ssize_t
peekPast(vmcHost *host, size_t offset, void *buf, size_t len)
{
    /* Never more than are in flight. */
    static char skipped[VMC_ENDPOINT_FLIGHT_MAX];
    struct iovec iov[2] = { { skipped, offset }, { buf, len } };
    struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
    ssize_t n;

    if (offset > sizeof(skipped)) {
        errno = EAGAIN;
        return -1;
    }
    n = recvmsg(host->watch.fd, &message, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 || (size_t)n > offset)
        return n < 0 ? -1 : n - (ssize_t)offset;
    if (host->ended || offset == 0)
        return 0;
    errno = EAGAIN;
    return -1;
}

/*
 * Reads bytes for good, which moves the kernel's peek offset back. A descriptor that a host
 * program passes is dropped by the kernel: we have given it no place.
 */
static ssize_t
receive(vmcHost *host, struct iovec *iov, int niov)
{
    struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)niov };
    ssize_t n;

    do
        n = recvmsg(host->watch.fd, &message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        host->peekOffset -= MIN(host->peekOffset, (size_t)n);
    host->broken = n >= 0 && message.msg_flags & MSG_CTRUNC;
    return n;
}

/*
 * Reads bytes up to @end into the queue, until it has the one at @offset. Returns as
 * recv(); 1 also when the queue takes no more.
 */
static ssize_t
readAhead(vmcHost *host, size_t offset, size_t end)
{
    vmcInflightPool *pool = &host->owner->inflightPool;
    ssize_t n = 1;

    while (host->inflight.len <= offset && n > 0) {
        struct iovec iov[2];
        size_t wanted = MIN(end - host->inflight.len, VMC_INFLIGHT_BLOCK);
        int niov = vmcInflightRoom(&host->inflight, pool, wanted, iov);

        if (niov == 0)
            break;
        n = receive(host, iov, niov);
        host->drained = n != 0 && n < (ssize_t)iovLength(iov, niov) && !host->ended &&
            !host->marked && !host->broken;
        vmcInflightAdd(&host->inflight, n > 0 ? (size_t)n : 0);
    }
    if (host->inflight.len == 0)
        vmcInflightDrop(&host->inflight, pool, 0);
    return n;
}

/* What recv() returned when it brought nothing, as peek() says it. */
static ssize_t
peeked(ssize_t n)
{
    if (n == 0)
        return -1;
    return errno == EAGAIN ? 0 : -2;
}

static void
setPeekOffset(vmcHost *host, size_t offset)
{
    int start = (int)offset;

    if (host->peeks && offset == host->peekOffset)
        return;
    host->peeks = setsockopt(host->watch.fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) == 0;
    host->skips = !host->peeks;
    host->peekOffset = offset;
}

/* Bytes that stay in the socket, which starts with the one at @offset 0. */
static ssize_t
peekSocket(vmcHost *host, size_t offset, void *buf, size_t len)
{
    ssize_t n;

    if (!host->skips)
        setPeekOffset(host, offset);
    do
        n = host->skips ? peekPast(host, offset, buf, len)
                        : recv(host->watch.fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return peeked(n);
    host->peekOffset += n;
    return n;
}

static ssize_t
socketPeek(vmcHost *host, size_t offset, void *buf, size_t len)
{
    ssize_t n;

    if (host->drained && offset >= host->inflight.len)
        return 0;
    n = readAhead(host, offset, offset + len);
    if (host->inflight.len > offset) {
        len = MIN(len, host->inflight.len - offset);
        vmcInflightCopy(&host->inflight, offset, buf, len);
        return len;
    }
    return n > 0 ? peekSocket(host, offset - host->inflight.len, buf, len) : peeked(n);
}

static void
socketConsume(vmcHost *host, size_t n)
{
    static char dropped[65536];
    size_t queued = MIN(n, host->inflight.len);

    vmcInflightDrop(&host->inflight, &host->owner->inflightPool, queued);
    for (n -= queued; n > 0;) {
        struct iovec iov = { dropped, MIN(n, sizeof(dropped)) };
        ssize_t got = receive(host, &iov, 1);

        if (got <= 0)
            return;
        n -= got;
    }
}

static void
nullAttach(vmcHost *host G_GNUC_UNUSED)
{
}

static size_t
nullRoom(vmcHost *host G_GNUC_UNUSED)
{
    return NULL_ROOM;
}

static ssize_t
nullWrite(vmcHost *host G_GNUC_UNUSED, const struct iovec *iov, int niov)
{
    return iovLength(iov, niov);
}

static void
nullShut(vmcHost *host G_GNUC_UNUSED)
{
}

static ssize_t
nullPeek(vmcHost *host G_GNUC_UNUSED, size_t offset G_GNUC_UNUSED, void *buf G_GNUC_UNUSED,
         size_t len G_GNUC_UNUSED)
{
    return -1;
}

static void
nullConsume(vmcHost *host G_GNUC_UNUSED, size_t n G_GNUC_UNUSED)
{
}

static const hostDriver socketDriver = {
    socketAttach, socketRoom, socketWrite, socketShut, socketPeek, socketConsume,
};

static const hostDriver nullDriver = {
    nullAttach, nullRoom, nullWrite, nullShut, nullPeek, nullConsume,
};

/* The host side is there: what the guest has sent since it connected goes to it. */
static void
attach(vmcHost *host, int fd)
{
    host->watch.fd = fd;
    host->driver = fd < 0 ? &nullDriver : &socketDriver;
    host->driver->attach(host);
    if (host->shut)
        host->driver->shut(host);
    if (!host->opened)
        return;
    vmcEndpointConnWritable(host->owner->endpoint, host->conn);
    vmcEndpointConnReadable(host->owner->endpoint, host->conn);
}

/* Answers the guest's connect, once. */
static void
answerGuest(vmcHost *host, bool ok)
{
    if (host->opened)
        return;
    host->opened = true;
    vmcEndpointConnOpened(host->owner->endpoint, host->conn, host->owner->now(), ok);
}

void
vmcHostsAnswer(vmcHosts *hosts, const vmcIpcMessage *answer, int fd)
{
    vmcHost *host = g_hash_table_lookup(hosts->hosts, GUINT_TO_POINTER(answer->id));
    bool refused = answer->type == VMC_IPC_BROKER_REFUSED ||
        (answer->type == VMC_IPC_BROKER_OPENED && fd < 0);

    if (!host || host->driver) {
        vmcFdClose(&fd);        /* the guest has given up meanwhile */
        return;
    }
    if (!refused && answer->type != VMC_IPC_BROKER_ACCEPTING)
        attach(host, fd);
    if (refused && host->opened)
        vmcEndpointConnReset(hosts->endpoint, host->conn);
    else
        answerGuest(host, !refused);
}

/* Each request has a number of its own; 0 is none. */
static uint32_t
newId(vmcHosts *hosts)
{
    do
        hosts->lastId++;
    while (hosts->lastId == 0 ||
           g_hash_table_contains(hosts->hosts, GUINT_TO_POINTER(hosts->lastId)));
    return hosts->lastId;
}

vmcEndpointOpen
vmcHostOpen(void *opaque G_GNUC_UNUSED, void *data, vmcEndpointConn *conn,
            const vmcEndpointTuple *tuple)
{
    vmcHostChannel *channel = data;
    vmcHosts *hosts = channel->hosts;
    vmcIpcMessage question = { .type = VMC_IPC_WORKER_OPEN, .channel = channel->number };
    vmcHost *host;

    if (hosts->mailbox->waiting.length >= VMC_LIMIT_BROKER_UNREAD)
        return VMC_ENDPOINT_OPEN_REFUSED;
    host = g_new0(vmcHost, 1);
    host->owner = hosts;
    host->channel = channel;
    channel->conns++;
    host->conn = conn;
    host->id = newId(hosts);
    host->watch.fd = -1;
    g_hash_table_insert(hosts->hosts, GUINT_TO_POINTER(host->id), host);
    vmcEndpointConnSetHost(conn, host);
    question.id = host->id;
    vmcIpcSetTuple(&question, tuple);
    memcpy(question.mac, vmcEndpointConnMac(conn), sizeof(question.mac));
    vmcMailboxPost(hosts->mailbox, &question, NULL, 0);
    return VMC_ENDPOINT_OPEN_WAIT;
}

size_t
vmcHostRoom(void *opaque G_GNUC_UNUSED, void *data)
{
    vmcHost *host = data;

    return host->driver ? host->driver->room(host) : 0;
}

ssize_t
vmcHostWrite(void *opaque G_GNUC_UNUSED, void *data, const struct iovec *iov, int niov)
{
    vmcHost *host = data;
    ssize_t n = host->driver ? host->driver->write(host, iov, niov) : 0;

    host->channel->counters->up += n > 0 ? n : 0;
    return n;
}

/*
 * A guest that has come for a host program and ended before there was one: without a byte
 * it has nothing to wait for; with some, those guests go first that are there still.
 */
void
vmcHostEnded(void *opaque G_GNUC_UNUSED, void *data, bool waiting)
{
    vmcHost *host = data;
    vmcIpcMessage message = { .type = waiting ? VMC_IPC_WORKER_ENDED : VMC_IPC_WORKER_CLOSE,
                              .id = host->id };

    if (host->driver)
        return;
    vmcMailboxPost(host->owner->mailbox, &message, NULL, 0);
    if (waiting)
        return;
    host->forgotten = true;
    host->driver = &nullDriver;
    vmcEndpointConnReadable(host->owner->endpoint, host->conn);
}

void
vmcHostShut(void *opaque G_GNUC_UNUSED, void *data)
{
    vmcHost *host = data;

    host->shut = true;
    if (host->driver)
        host->driver->shut(host);
}

ssize_t
vmcHostPeek(void *opaque G_GNUC_UNUSED, void *data, size_t offset, void *buf, size_t len)
{
    vmcHost *host = data;

    return host->driver ? host->driver->peek(host, offset, buf, len) : 0;
}

void
vmcHostConsume(void *opaque G_GNUC_UNUSED, void *data, size_t n)
{
    vmcHost *host = data;

    host->channel->counters->down += n;
    host->driver->consume(host, n);
}

/* When it is closed, a TCP peer gets a RST; other kinds of sockets have none. */
static void
resetOnClose(vmcHost *host)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    if (host->watch.fd >= 0)
        setsockopt(host->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void
vmcHostsLeave(vmcHosts *hosts)
{
    g_autoptr(GList) all = g_hash_table_get_values(hosts->hosts);

    hosts->leaving = true;
    for (GList *item = all; item; item = item->next) {
        vmcHost *host = item->data;

        if (host->driver != &socketDriver)
            continue;
        setSendBuffer(host, SEND_BUFFER);
        vmcEndpointConnWritable(hosts->endpoint, host->conn);
    }
}

static gboolean
waitsForHost(gpointer id G_GNUC_UNUSED, gpointer value, gpointer opaque G_GNUC_UNUSED)
{
    const vmcHost *host = value;

    return host->driver == &socketDriver && vmcEndpointConnWantsWrite(host->conn);
}

bool
vmcHostsHold(const vmcHosts *hosts)
{
    return g_hash_table_find(hosts->hosts, waitsForHost, NULL) != NULL;
}

void
vmcHostsAbandon(vmcHosts *hosts)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, hosts->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (waitsForHost(NULL, value, NULL))
            resetOnClose(value);
    }
}

/* A reset goes as far as the socket's kind can say it. */
void
vmcHostClose(void *opaque G_GNUC_UNUSED, void *data, bool reset)
{
    vmcHost *host = data;
    vmcHosts *hosts = host->owner;
    vmcIpcMessage closed = { .type = VMC_IPC_WORKER_CLOSE, .id = host->id, .value = reset };

    if (host->watch.ready)
        vmcLoopRemove(hosts->loop, &host->watch);
    if (reset)
        resetOnClose(host);
    host->channel->conns--;
    vmcFdClose(&host->watch.fd);
    vmcInflightDrop(&host->inflight, &hosts->inflightPool, host->inflight.len);
    g_hash_table_remove(hosts->hosts, GUINT_TO_POINTER(host->id));
    if (!host->forgotten)
        vmcMailboxPost(hosts->mailbox, &closed, NULL, 0);
    vmcLoopDefer(hosts->loop, host);
}

void
vmcHostLimited(void *opaque G_GNUC_UNUSED, void *data, bool evicted)
{
    vmcHostChannel *channel = data;
    vmcIpcMessage limited = { .type = VMC_IPC_WORKER_LIMITED, .channel = channel->number };
    vmcTime now = channel->hosts->now();

    if (evicted)
        channel->counters->evicted++;
    else
        channel->counters->dropped++;
    if (channel->limitedAt != 0 && now - channel->limitedAt < LIMITED_INTERVAL)
        return;
    channel->limitedAt = now;
    vmcMailboxPost(channel->hosts->mailbox, &limited, NULL, 0);
}
