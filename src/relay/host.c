/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host sides of guest connections: see host.h.
 *
 * Sockets are watched edge-triggered, both ways, from the moment they are
 * there: the endpoint asks again by itself whenever it could go on, so an edge
 * is needed only after it was told "nothing now". Host bytes stay in the
 * socket until the guest has acknowledged them: they are peeked at an offset
 * (SO_PEEK_OFF), and read for good only to be dropped.
 */
#include <config.h>

#include "relay/host.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"

/* A line of a file channel longer than this is written in pieces. */
#define LINE_MAX_BYTES 4096

/* What a file channel promises to take at once. */
#define FILE_ROOM 65536

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
    const vmcHostChannel *channel;
    const hostDriver *driver;
    vmcEndpointConn *conn;
    vmcBrokerRequest *request;  /* while the host side is not there yet */
    vmcWatch watch;             /* its fd is the host side, or -1 */
    bool opened;                /* the guest's connect was answered */
    bool shut;                  /* the guest has sent its last byte */
    int sendBuffer;             /* a socket's SO_SNDBUF */
    size_t peekOffset;          /* where the kernel's next peek would start */
    GString *line;              /* a file's unfinished line, or NULL */
};

static void
socketReady(void *opaque, uint32_t events)
{
    vmcHost *host = opaque;
    vmcEndpoint *endpoint = host->channel->endpoint;

    /* After an error, what the host program had sent before it is still read. */
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        vmcEndpointConnReadable(endpoint, host->conn);
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        vmcEndpointConnWritable(endpoint, host->conn);
}

static void
socketAttach(vmcHost *host)
{
    socklen_t len = sizeof(host->sendBuffer);
    int start = 0;

    getsockopt(host->watch.fd, SOL_SOCKET, SO_SNDBUF, &host->sendBuffer, &len);
    setsockopt(host->watch.fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start));
    host->watch.ready = socketReady;
    host->watch.opaque = host;
    if (vmcLoopAdd(host->channel->loop, &host->watch,
                   EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) < 0)
        shutdown(host->watch.fd, SHUT_RDWR);    /* no events: better an end than a stall */
}

/*
 * The kernel counts its own overhead against the buffer too, so that half of
 * what it calls free is what can be promised.
 */
static size_t
socketRoom(vmcHost *host)
{
    int queued = 0;

    if (ioctl(host->watch.fd, SIOCOUTQ, &queued) < 0 || queued >= host->sendBuffer)
        return 0;
    return (host->sendBuffer - queued) / 2;
}

static ssize_t
socketWrite(vmcHost *host, const struct iovec *iov, int niov)
{
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = niov };
    ssize_t n;

    do
        n = sendmsg(host->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

static void
socketShut(vmcHost *host)
{
    shutdown(host->watch.fd, SHUT_WR);
}

static ssize_t
socketPeek(vmcHost *host, size_t offset, void *buf, size_t len)
{
    int start = offset;
    ssize_t n;

    if (offset != host->peekOffset) {
        if (setsockopt(host->watch.fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) < 0)
            return -2;
        host->peekOffset = offset;
    }
    do
        n = recv(host->watch.fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        host->peekOffset += n;
        return n;
    }
    if (n == 0)
        return -1;
    return errno == EAGAIN ? 0 : -2;
}

static void
socketConsume(vmcHost *host, size_t n)
{
    static char dropped[65536];

    while (n > 0) {
        ssize_t got = recv(host->watch.fd, dropped, MIN(n, sizeof(dropped)), MSG_DONTWAIT);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        n -= got;
        /* The kernel moves its peek offset back by what is read for good. */
        host->peekOffset -= MIN(host->peekOffset, (size_t)got);
    }
}

static void
fileAttach(vmcHost *host)
{
    host->line = g_string_new(NULL);
}

static size_t
fileRoom(vmcHost *host G_GNUC_UNUSED)
{
    return FILE_ROOM;
}

/* All of it or an error: nothing else can come between a line's two halves. */
static int
writeWhole(int fd, const char *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, buf, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        buf += n;
        len -= n;
    }
    return 0;
}

/* Writes the whole lines that are there, or all when there is no end to come. */
static int
flushLines(vmcHost *host, bool all)
{
    const char *end = memrchr(host->line->str, '\n', host->line->len);
    size_t len = end ? (size_t)(end + 1 - host->line->str) : 0;

    if (all || host->line->len - len > LINE_MAX_BYTES)
        len = host->line->len;
    if (writeWhole(host->watch.fd, host->line->str, len) < 0)
        return -1;
    g_string_erase(host->line, 0, len);
    return 0;
}

static ssize_t
fileWrite(vmcHost *host, const struct iovec *iov, int niov)
{
    size_t taken = 0;

    for (int i = 0; i < niov; i++) {
        g_string_append_len(host->line, iov[i].iov_base, iov[i].iov_len);
        taken += iov[i].iov_len;
    }
    return flushLines(host, false) < 0 ? -1 : (ssize_t)taken;
}

static void
fileShut(vmcHost *host)
{
    if (flushLines(host, true) < 0)
        vmcEndpointConnReset(host->channel->endpoint, host->conn);
    else
        vmcEndpointConnReadable(host->channel->endpoint, host->conn);
}

/* A file has nothing to read; its end comes when the guest's has. */
static ssize_t
filePeek(vmcHost *host, size_t offset G_GNUC_UNUSED, void *buf G_GNUC_UNUSED,
         size_t len G_GNUC_UNUSED)
{
    return host->shut ? -1 : 0;
}

static void
nullAttach(vmcHost *host G_GNUC_UNUSED)
{
}

static ssize_t
nullWrite(vmcHost *host G_GNUC_UNUSED, const struct iovec *iov, int niov)
{
    size_t taken = 0;

    for (int i = 0; i < niov; i++)
        taken += iov[i].iov_len;
    return taken;
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

static const hostDriver drivers[VMC_CHR_TYPE_LAST] = {
    [VMC_CHR_TYPE_NULL] = {
        nullAttach, fileRoom, nullWrite, nullShut, nullPeek, nullConsume },
    [VMC_CHR_TYPE_FILE] = {
        fileAttach, fileRoom, fileWrite, fileShut, filePeek, nullConsume },
    [VMC_CHR_TYPE_UNIX] = {
        socketAttach, socketRoom, socketWrite, socketShut, socketPeek, socketConsume },
};

/* The host side is there: what has waited for it goes on. */
static void
hostAttach(vmcHost *host, int fd)
{
    host->watch.fd = fd;
    host->driver->attach(host);
    if (host->shut)
        host->driver->shut(host);
}

/* What the broker was asked for has come, or was refused: fd is -1. */
static void
hostAnswered(void *opaque, int fd)
{
    vmcHost *host = opaque;
    const vmcHostChannel *channel = host->channel;

    host->request = NULL;
    if (fd >= 0)
        hostAttach(host, fd);
    if (!host->opened) {
        host->opened = true;
        vmcEndpointConnOpened(channel->endpoint, host->conn, channel->now(), fd >= 0);
        return;
    }
    vmcEndpointConnWritable(channel->endpoint, host->conn);
    vmcEndpointConnReadable(channel->endpoint, host->conn);
}

static bool
isThere(const vmcHost *host)
{
    return !host->request;
}

vmcEndpointOpen
vmcHostOpen(void *opaque G_GNUC_UNUSED, void *data, vmcEndpointConn *conn,
            const vmcEndpointTuple *tuple G_GNUC_UNUSED)
{
    const vmcHostChannel *channel = data;
    vmcHost *host = g_new0(vmcHost, 1);
    int fd = -1;

    host->channel = channel;
    host->driver = &drivers[channel->type];
    host->conn = conn;
    host->watch.fd = -1;
    vmcEndpointConnSetHost(conn, host);
    switch (vmcBrokerOpen(channel->broker, channel->number, hostAnswered, host, &fd,
                          &host->request)) {
    case VMC_BROKER_DONE:
        hostAttach(host, fd);
        G_GNUC_FALLTHROUGH;
    case VMC_BROKER_ACCEPTING:
        host->opened = true;
        return VMC_ENDPOINT_OPEN_OK;
    case VMC_BROKER_DIALLING:
        return VMC_ENDPOINT_OPEN_WAIT;
    case VMC_BROKER_REFUSED:
    default:
        vmcEndpointConnSetHost(conn, NULL);
        g_free(host);
        return VMC_ENDPOINT_OPEN_REFUSED;
    }
}

size_t
vmcHostRoom(void *opaque G_GNUC_UNUSED, void *data)
{
    vmcHost *host = data;

    return isThere(host) ? host->driver->room(host) : 0;
}

ssize_t
vmcHostWrite(void *opaque G_GNUC_UNUSED, void *data, const struct iovec *iov, int niov)
{
    vmcHost *host = data;

    return isThere(host) ? host->driver->write(host, iov, niov) : 0;
}

void
vmcHostShut(void *opaque G_GNUC_UNUSED, void *data)
{
    vmcHost *host = data;

    host->shut = true;
    if (isThere(host))
        host->driver->shut(host);
}

ssize_t
vmcHostPeek(void *opaque G_GNUC_UNUSED, void *data, size_t offset, void *buf, size_t len)
{
    vmcHost *host = data;

    return isThere(host) ? host->driver->peek(host, offset, buf, len) : 0;
}

void
vmcHostConsume(void *opaque G_GNUC_UNUSED, void *data, size_t n)
{
    vmcHost *host = data;

    host->driver->consume(host, n);
}

void
vmcHostClose(void *opaque G_GNUC_UNUSED, void *data, bool reset G_GNUC_UNUSED)
{
    vmcHost *host = data;
    vmcLoop *loop = host->channel->loop;

    if (host->request)
        vmcBrokerCancel(host->channel->broker, host->request);
    if (host->watch.ready)
        vmcLoopRemove(loop, &host->watch);
    vmcFdClose(&host->watch.fd);
    if (host->line)
        g_string_free(host->line, TRUE);
    vmcLoopDefer(loop, host);
}
