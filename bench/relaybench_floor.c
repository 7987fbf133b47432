/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread, one endpoint, and the host's part of pace.h answered in memory. */
#include <config.h>

#include "relaybench_floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint/endpoint.h"
#include "endpoint/frame.h"
#include "pace.h"

#define MTU 65520
#define ROOM (1024 * 1024)

typedef struct {
    int fd;
    bool connected;             /* fd is, to QEMU's end: from its first frame on */
    bool full;                  /* the link took no frame */
    vmcEndpoint *endpoint;
} floorRelay;

/*
 * In a host program's place: what its guest has asked for, as messages of so
 * many bytes, each of which is answered with so many.
 */
typedef struct {
    vmcEndpointConn *conn;
    paceRequest request;
    size_t have;                /* bytes of the request that are there */
    uint64_t message, answer;
    uint64_t expected;          /* guest bytes that have not come */
    uint64_t ready;             /* host bytes that are not acknowledged */
    bool shut;                  /* no more guest bytes come */
} floorHost;

static const uint8_t zeros[MTU];

static void
hostBegin(floorHost *host)
{
    const paceRequest *request = &host->request;

    switch (request->kind) {
    case PACE_UP:
        host->expected = host->message = request->count;
        host->answer = 1;
        break;
    case PACE_DOWN:
        host->ready += request->count;
        break;
    case PACE_ECHO:
        host->expected = request->count * request->size;
        host->message = host->answer = request->size;
        break;
    }
}

/* Messages that have not come whole. */
static uint64_t
hostMissing(const floorHost *host)
{
    return (host->expected + host->message - 1) / host->message;
}

static void
hostEat(floorHost *host, size_t len)
{
    uint64_t before = hostMissing(host);

    host->expected -= len;
    host->ready += (before - hostMissing(host)) * host->answer;
}

static void
hostTake(floorHost *host, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        bool heading = host->expected == 0;
        size_t n = MIN(len, heading ? sizeof(host->request) - host->have : host->expected);

        if (!heading) {
            hostEat(host, n);
        } else {
            memcpy((uint8_t *)&host->request + host->have, bytes, n);
            host->have += n;
            if (host->have == sizeof(host->request)) {
                host->have = 0;
                hostBegin(host);
            }
        }
        bytes += n;
        len -= n;
    }
}

static bool
sendFrame(void *opaque, const struct iovec *iov, int niov, bool answer)
{
    floorRelay *relay = opaque;

    (void)answer;
    relay->full = writev(relay->fd, iov, niov) < 0 && errno == EAGAIN;
    return !relay->full;
}

static vmcEndpointOpen
openHost(void *opaque G_GNUC_UNUSED, void *channel G_GNUC_UNUSED, vmcEndpointConn *conn,
         const vmcEndpointTuple *tuple G_GNUC_UNUSED)
{
    floorHost *host = g_new0(floorHost, 1);

    host->conn = conn;
    vmcEndpointConnSetHost(conn, host);
    return VMC_ENDPOINT_OPEN_OK;
}

static size_t
hostRoom(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED)
{
    return ROOM;
}

static ssize_t
hostWrite(void *opaque, void *data, const struct iovec *iov, int niov)
{
    floorRelay *relay = opaque;
    floorHost *host = data;
    ssize_t n = 0;

    for (int i = 0; i < niov; i++) {
        hostTake(host, iov[i].iov_base, iov[i].iov_len);
        n += (ssize_t)iov[i].iov_len;
    }
    if (host->ready > 0)
        vmcEndpointConnReadable(relay->endpoint, host->conn);
    return n;
}

static void
hostShut(void *opaque, void *data)
{
    floorRelay *relay = opaque;
    floorHost *host = data;

    host->shut = true;
    vmcEndpointConnReadable(relay->endpoint, host->conn);
}

static ssize_t
hostPeek(void *opaque G_GNUC_UNUSED, void *data, size_t offset, void *buf, size_t len)
{
    const floorHost *host = data;

    len = MIN(len, MIN(host->ready - offset, sizeof(zeros)));
    if (len == 0)
        return host->shut ? -1 : 0;
    memcpy(buf, zeros, len);
    return (ssize_t)len;
}

static void
hostConsume(void *opaque G_GNUC_UNUSED, void *data, size_t n)
{
    floorHost *host = data;

    host->ready -= n;
}

static void
hostClose(void *opaque G_GNUC_UNUSED, void *data, bool reset G_GNUC_UNUSED)
{
    g_free(data);
}

static void
hostEnded(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED, bool waiting G_GNUC_UNUSED)
{
}

static void
hostLimited(void *opaque G_GNUC_UNUSED, void *channel G_GNUC_UNUSED, bool evicted G_GNUC_UNUSED)
{
}

static const vmcEndpointOps ops = {
    .send = sendFrame, .open = openHost, .room = hostRoom, .write = hostWrite,
    .shut = hostShut, .peek = hostPeek, .consume = hostConsume, .close = hostClose,
    .ended = hostEnded, .limited = hostLimited,
};

static vmcEndpoint *
newEndpoint(floorRelay *relay)
{
    vmcEndpointConfig config = { .prefix = 29, .mtu = MTU,
                                 .mac = { 0x52, 0x55, 0x0a, 0, 5, 4 } };
    vmcEndpoint *endpoint;
    struct in_addr address;

    inet_pton(AF_INET, "10.0.5.5", &config.guest);
    inet_pton(AF_INET, RELAYBENCH_FLOOR_ADDRESS, &address);
    endpoint = vmcEndpointNew(&config, &ops, relay);
    vmcEndpointAddChannel(endpoint, address, RELAYBENCH_FLOOR_PORT, relay, false);
    return endpoint;
}

/* QEMU's end is known from its first frame. Returns a frame's length, or -1. */
static ssize_t
receive(floorRelay *relay, void *frame, size_t size)
{
    struct sockaddr_un from;
    socklen_t len = sizeof(from);
    ssize_t n;

    if (relay->connected)
        return recv(relay->fd, frame, size, MSG_DONTWAIT);
    n = recvfrom(relay->fd, frame, size, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    relay->connected = n >= 0 && connect(relay->fd, (struct sockaddr *)&from, len) == 0;
    return n;
}

static void
waitForLink(const floorRelay *relay)
{
    vmcTime next = vmcEndpointNextTimer(relay->endpoint);
    struct pollfd ready = { .fd = relay->fd, .events = relay->full ? POLLIN | POLLOUT : POLLIN };
    int timeout = next == VMC_TIME_NEVER ? -1 :
        (int)(MAX(next - g_get_monotonic_time(), 0) / G_TIME_SPAN_MILLISECOND) + 1;

    poll(&ready, 1, timeout);
}

static gpointer
serve(gpointer data)
{
    floorRelay *relay = data;
    static uint8_t frame[VMC_ENDPOINT_FRAME_MAX];
    ssize_t n;

    for (;;) {
        vmcTime now;

        waitForLink(relay);
        now = g_get_monotonic_time();
        if (relay->full) {
            relay->full = false;        /* until the next frame that it does not take */
            vmcEndpointLinkWritable(relay->endpoint, now);
        }
        while ((n = receive(relay, frame, sizeof(frame))) >= 0)
            vmcEndpointInput(relay->endpoint, now, frame, (size_t)n);
        vmcEndpointFlush(relay->endpoint, now);
        vmcEndpointTimer(relay->endpoint, now, 0);
    }
    return NULL;
}

int
relaybenchFloorStart(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "floor", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    floorRelay *relay = g_new0(floorRelay, 1);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    relay->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (relay->fd < 0 || bind(relay->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    relay->endpoint = newEndpoint(relay);
    g_thread_unref(g_thread_new("floor", serve, relay));
    return 0;
}

char *
relaybenchFloorNetdev(const char *dir)
{
    return g_strdup_printf("dgram,id=floor,local.type=unix,local.path=%s/floor-qemu,"
                           "remote.type=unix,remote.path=%s/floor", dir, dir);
}
