/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile guest against the relay's endpoint, with a host side that does odd
 * things too. The input is a byte of settings (1: the link is busy, 2: it needs
 * no checksums) and a list of steps: a byte that says what, and what it needs.
 * What must hold is checked by the host side: no call after close(), one
 * close() for each open(), no byte consumed that was not peeked.
 *
 *   0-127    a frame as it is: two bytes of length, and the bytes
 *   128-199  a TCP segment: port, flags, seq, ack, window, length (see below)
 *   200-255  an event of the host side or the link, by the lowest bits
 *
 * Segments name numbers as small offsets from what the last frame to that port
 * made them expect, so that the states behind the handshake are within reach.
 */
#include <config.h>

#include <string.h>

#include "endpoint/endpoint.h"
#include "endpoint/frame.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PORTS = 4,                  /* of the guest */
    HOSTS = 256,
};

typedef struct {
    bool open;
    bool shut;
    vmcEndpointConn *conn;
    size_t written;             /* host bytes that exist */
    size_t consumed;
    size_t peeked;              /* furthest offset ever peeked at */
    size_t room;
    bool eof;
    bool failed;
} fuzzHost;

typedef struct {
    const uint8_t *data;
    size_t len;
    vmcTime now;
    bool busy;
    bool checksums;
    bool full;
    uint8_t answer;
    uint32_t seq[PORTS];        /* what the endpoint expects of the guest */
    uint32_t ack[PORTS];        /* what it has sent up to */
    fuzzHost hosts[HOSTS];
    unsigned int nhosts;
} fuzz;

static const uint8_t ourMac[] = { 0x52, 0x55, 10, 0, 2, 4 };
static const uint8_t guestMac[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static bool
fuzzSend(void *opaque, const struct iovec *iov, int niov, bool answer)
{
    fuzz *f = opaque;
    uint8_t bytes[VMC_ENDPOINT_FRAME_MAX];
    size_t len = 0;
    vmcFrame frame;

    (void)answer;
    if (f->full)
        return false;
    for (int i = 0; i < niov; i++) {
        g_assert(len + iov[i].iov_len <= sizeof(bytes));
        memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    g_assert(vmcFrameParse(&frame, bytes, len, f->checksums) != VMC_FRAME_MALFORMED);
    if (vmcFrameParse(&frame, bytes, len, f->checksums) == VMC_FRAME_TCP) {
        f->seq[frame.address.dstPort % PORTS] = frame.segment.ack;
        f->ack[frame.address.dstPort % PORTS] = frame.segment.seq + (uint32_t)frame.len +
            ((frame.segment.flags & (VMC_TCP_SYN | VMC_TCP_FIN)) != 0);
    }
    return true;
}

static vmcEndpointOpen
fuzzOpen(void *opaque, void *channel, vmcEndpointConn *conn, const vmcEndpointTuple *tuple)
{
    fuzz *f = opaque;
    fuzzHost *host = &f->hosts[f->nhosts];

    g_assert(channel == f && tuple->port == 600);
    if (f->answer % 3 == VMC_ENDPOINT_OPEN_REFUSED || f->nhosts == HOSTS)
        return VMC_ENDPOINT_OPEN_REFUSED;
    f->nhosts++;
    host->open = true;
    host->conn = conn;
    host->room = 100000;
    vmcEndpointConnSetHost(conn, host);
    return f->answer % 3;
}

static size_t
fuzzRoom(void *opaque, void *data)
{
    const fuzzHost *host = data;

    (void)opaque;
    g_assert(host->open);
    return host->room;
}

static ssize_t
fuzzWrite(void *opaque, void *data, const struct iovec *iov, int niov)
{
    fuzzHost *host = data;
    size_t n = 0;

    (void)opaque;
    g_assert(host->open && !host->shut);
    for (int i = 0; i < niov; i++)
        n += iov[i].iov_len;
    g_assert(n > 0);
    n = MIN(n, host->room);
    host->room -= n;
    return host->failed ? -1 : (ssize_t)n;
}

static void
fuzzEnded(void *opaque, void *data, bool waiting)
{
    fuzzHost *host = data;

    (void)opaque;
    (void)waiting;
    g_assert(host->open && !host->shut);
}

static void
fuzzShut(void *opaque, void *data)
{
    fuzzHost *host = data;

    (void)opaque;
    g_assert(host->open && !host->shut);
    host->shut = true;
}

static ssize_t
fuzzPeek(void *opaque, void *data, size_t offset, void *buf, size_t len)
{
    fuzzHost *host = data;
    size_t at = host->consumed + offset;

    (void)opaque;
    g_assert(host->open && len > 0 && at <= host->written);
    if (host->failed)
        return -2;
    if (at == host->written)
        return host->eof ? -1 : 0;
    len = MIN(len, host->written - at);
    memset(buf, 'x', len);
    host->peeked = MAX(host->peeked, at + len);
    return (ssize_t)len;
}

static void
fuzzConsume(void *opaque, void *data, size_t n)
{
    fuzzHost *host = data;

    (void)opaque;
    host->consumed += n;
    g_assert(host->open && n > 0 && host->consumed <= host->peeked);
}

static void
fuzzClose(void *opaque, void *data, bool reset)
{
    fuzzHost *host = data;

    (void)opaque;
    g_assert(host->open && (reset || host->shut));
    host->open = false;
    host->conn = NULL;
}

static void
fuzzLimited(void *opaque, void *channel, bool evicted)
{
    (void)opaque;
    (void)evicted;
    g_assert(channel);
}

static const vmcEndpointOps fuzzOps = {
    .send = fuzzSend, .open = fuzzOpen, .room = fuzzRoom, .write = fuzzWrite,
    .ended = fuzzEnded, .shut = fuzzShut, .peek = fuzzPeek, .consume = fuzzConsume, .close = fuzzClose,
    .limited = fuzzLimited,
};

/* The next byte of the input, 0 after its end. */
static uint8_t
next(fuzz *f)
{
    if (f->len == 0)
        return 0;
    f->len--;
    return *f->data++;
}

static void
stepFrame(fuzz *f, vmcEndpoint *ep, uint8_t step)
{
    size_t len = (size_t)step << 8 | next(f);
    g_autofree uint8_t *exact = NULL;

    len = MIN(len, f->len);
    exact = g_memdup2(f->data, len);
    f->data += len;
    f->len -= len;
    vmcEndpointInput(ep, f->now, exact ? exact : ourMac, len);
}

static void
stepSegment(fuzz *f, vmcEndpoint *ep, uint8_t step)
{
    static uint8_t payload[65000];
    uint8_t port = step % PORTS;
    vmcFrameAddress address = {
        .srcPort = 1000 + port, .dstPort = 600,
        .src = { htonl(0x0a000205) }, .dst = { htonl(0x0a000204) },
    };
    vmcSegment segment = {
        .flags = next(f) & 0x1f,
        .seq = f->seq[port] + (uint32_t)((int8_t)next(f) * (step & 64 ? 1 : 1000)),
        .ack = f->ack[port] + (uint32_t)(int8_t)next(f),
        .window = (uint16_t)(next(f) * 257),
        .mss = step & 4 ? 1460 : 0,
        .scale = step & 8 ? 7 : -1,
    };
    size_t len = (size_t)next(f) * (step & 32 ? 250 : 1);
    uint8_t headers[VMC_FRAME_HEADERS];
    g_autofree uint8_t *frame = NULL;
    size_t size;

    memcpy(address.srcMac, guestMac, sizeof(guestMac));
    memcpy(address.dstMac, ourMac, sizeof(ourMac));
    size = vmcFrameTcp(headers, &address, &segment, payload, len, true);
    frame = g_malloc0(size + len);
    memcpy(frame, headers, size);
    vmcEndpointInput(ep, f->now, frame, size + len);
}

static void
stepHost(fuzz *f, vmcEndpoint *ep, fuzzHost *host, uint8_t what)
{
    size_t n = (size_t)next(f) * 500;

    switch (what) {
    case 0:
        host->written += host->eof ? 0 : n;
        vmcEndpointConnReadable(ep, host->conn);
        break;
    case 1:
        host->eof = true;
        vmcEndpointConnReadable(ep, host->conn);
        break;
    case 2:
        host->room = n;
        vmcEndpointConnWritable(ep, host->conn);
        break;
    case 3:
        host->failed = true;
        vmcEndpointConnWritable(ep, host->conn);
        break;
    case 4:
        vmcEndpointConnReset(ep, host->conn);
        break;
    default:
        vmcEndpointConnOpened(ep, host->conn, f->now, what == 5);
    }
}

static void
stepEvent(fuzz *f, vmcEndpoint *ep, uint8_t step)
{
    fuzzHost *host = f->nhosts > 0 ? &f->hosts[f->nhosts - 1 - next(f) % f->nhosts] : NULL;

    switch (step % 13) {
    case 7:
        f->answer = next(f);
        break;
    case 8:
        f->full = true;
        break;
    case 9:
        f->full = false;
        vmcEndpointLinkWritable(ep, f->now);
        break;
    case 10:
        f->now += 1000;
        break;
    case 11:
        f->now += 400000;
        break;
    case 12:
        f->now += (vmcTime)next(f) * 1000000;
        break;
    default:
        if (host && host->conn)
            stepHost(f, ep, host, step % 13);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vmcEndpointConfig config = {
        .guest = { htonl(0x0a000205) }, .prefix = 29, .mtu = 9000,
    };
    g_autofree fuzz *f = g_new0(fuzz, 1);
    vmcEndpoint *ep;
    uint8_t settings;

    f->data = data;
    f->len = size;
    f->now = 1;
    settings = next(f);
    f->busy = (settings & 1) != 0;
    f->checksums = (settings & 2) == 0;
    config.noChecksums = !f->checksums;
    memcpy(config.mac, ourMac, sizeof(ourMac));
    ep = vmcEndpointNew(&config, &fuzzOps, f);
    vmcEndpointAddChannel(ep, (struct in_addr) { htonl(0x0a000204) }, 600, f,
                          (settings & 4) != 0);
    while (f->len > 0) {
        uint8_t step = next(f);

        if (step < 128)
            stepFrame(f, ep, step);
        else if (step < 200)
            stepSegment(f, ep, step);
        else
            stepEvent(f, ep, step);
        vmcEndpointFlush(ep, f->now);
        g_assert(vmcEndpointTimer(ep, f->now, f->busy ? SIZE_MAX : 0) > f->now);
    }
    vmcEndpointFree(ep);
    for (unsigned int i = 0; i < f->nhosts; i++)
        g_assert(!f->hosts[i].open);
    return 0;
}
