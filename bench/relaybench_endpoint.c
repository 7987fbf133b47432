/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The endpoint alone: a guest's frames come from memory and its own go nowhere,
 * host bytes likewise. What is measured is what the endpoint does to each byte:
 * checksums, and towards the guest one copy. Beside it memcpy of the same bytes.
 */
#include <config.h>

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "endpoint/endpoint.h"
#include "endpoint/frame.h"
#include "relaybench.h"

#define ROUNDS 9
#define MTU 65520
#define SEGMENT (MTU - VMC_IP_LEN - VMC_TCP_LEN)
#define SEGMENTS 8192           /* in a round, half a GiB */
#define GIB (1024.0 * 1024 * 1024)
#define CHANNEL_PORT 600
#define GUEST_PORT 40000

static const benchRow rows[] = {
    { "endpoint_gib_s", false, BENCH_AT_LEAST, 4,
      "the endpoint alone, the slower direction, one core" },
    { "endpoint_up_gib_s", false, BENCH_NO_TARGET, 0, "guest to host" },
    { "endpoint_down_gib_s", false, BENCH_NO_TARGET, 0, "host to guest" },
    { "memcpy_gib_s", false, BENCH_NO_TARGET, 0, "memcpy of the same bytes" },
    { "endpoint_memcpy", true, BENCH_NO_TARGET, 0, "endpoint_gib_s to memcpy's" },
};

typedef struct {
    vmcEndpoint *endpoint;
    vmcEndpointConn *conn;
    uint32_t seq, ack;          /* the guest's next, and what it has from us */
    uint64_t limit;             /* bytes that the host has */
    uint64_t consumed;
    uint8_t frame[VMC_FRAME_HEADERS + SEGMENT];
    uint8_t source[SEGMENT];
} loopback;

static const uint8_t ourMac[VMC_MAC_LEN] = { 0x52, 0x55, 0x0a, 0, 2, 4 };
static const uint8_t guestMac[VMC_MAC_LEN] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static bool
sendFrame(void *opaque, const struct iovec *iov, int niov, bool answer)
{
    loopback *l = opaque;
    uint32_t seq;

    (void)answer;
    /* The headers come alone or before the payload. */
    memcpy(&seq, (const uint8_t *)iov[0].iov_base + VMC_ETHER_LEN + VMC_IP_LEN + 4, sizeof(seq));
    l->ack = ntohl(seq) + (niov > 1 ? (uint32_t)iov[1].iov_len : 0);
    return true;
}

static vmcEndpointOpen
openHost(void *opaque, void *channel G_GNUC_UNUSED, vmcEndpointConn *conn,
         const vmcEndpointTuple *tuple G_GNUC_UNUSED)
{
    loopback *l = opaque;

    l->conn = conn;
    vmcEndpointConnSetHost(conn, l);
    return VMC_ENDPOINT_OPEN_OK;
}

static size_t
hostRoom(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED)
{
    return 1024 * 1024;
}

static ssize_t
hostWrite(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED, const struct iovec *iov, int niov)
{
    size_t n = 0;

    for (int i = 0; i < niov; i++)
        n += iov[i].iov_len;
    return (ssize_t)n;
}

static void
hostShut(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED)
{
}

static ssize_t
hostPeek(void *opaque, void *host G_GNUC_UNUSED, size_t offset, void *buf, size_t len)
{
    loopback *l = opaque;
    uint64_t left = l->limit - l->consumed - offset;

    len = MIN(len, MIN(left, SEGMENT));
    memcpy(buf, l->source, len);
    return (ssize_t)len;
}

static void
hostConsume(void *opaque, void *host G_GNUC_UNUSED, size_t n)
{
    loopback *l = opaque;

    l->consumed += n;
}

static void
hostClose(void *opaque G_GNUC_UNUSED, void *host G_GNUC_UNUSED, bool reset G_GNUC_UNUSED)
{
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

/* The guest's frame, whose payload stands in l->frame already. Returns its headers' length. */
static size_t
makeFrame(loopback *l, uint8_t flags, size_t len)
{
    vmcFrameAddress address = { .srcPort = GUEST_PORT, .dstPort = CHANNEL_PORT };
    bool syn = (flags & VMC_TCP_SYN) != 0;
    vmcSegment segment = {
        .seq = l->seq, .ack = l->ack, .flags = flags, .window = 65535,
        .mss = syn ? SEGMENT : 0, .scale = syn ? 7 : -1,
    };

    memcpy(address.srcMac, guestMac, VMC_MAC_LEN);
    memcpy(address.dstMac, ourMac, VMC_MAC_LEN);
    inet_pton(AF_INET, "10.0.2.5", &address.src);
    inet_pton(AF_INET, "10.0.2.4", &address.dst);
    return vmcFrameTcp(l->frame, &address, &segment,
                       l->frame + VMC_ETHER_LEN + VMC_IP_LEN + VMC_TCP_LEN, len, true);
}

static void
input(loopback *l, uint8_t flags)
{
    size_t size = makeFrame(l, flags, 0);

    vmcEndpointInput(l->endpoint, 1, l->frame, size);
    vmcEndpointFlush(l->endpoint, 1);
}

static void
loopbackStart(loopback *l)
{
    vmcEndpointConfig config = { .prefix = 29, .mtu = MTU };
    struct in_addr address;

    inet_pton(AF_INET, "10.0.2.5", &config.guest);
    inet_pton(AF_INET, "10.0.2.4", &address);
    memcpy(config.mac, ourMac, VMC_MAC_LEN);
    l->endpoint = vmcEndpointNew(&config, &ops, l);
    vmcEndpointAddChannel(l->endpoint, address, CHANNEL_PORT, l, false);
    for (size_t i = 0; i < SEGMENT; i++)
        l->source[i] = (uint8_t)(i * 31);
    l->seq = 1;
    input(l, VMC_TCP_SYN);
    l->seq++;
    l->ack++;                   /* its SYN */
    input(l, VMC_TCP_ACK);
}

static double
coreSeconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A checksum that was right before @old (network byte order, 32 bits) became @new. */
static void
patchChecksum(uint8_t *sum, uint32_t old, uint32_t new)
{
    uint16_t field;
    uint64_t total;

    memcpy(&field, sum, sizeof(field));
    total = (uint16_t)~field + (uint64_t)(uint32_t)~old + new;
    total = (total & 0xffffffff) + (total >> 32);
    field = vmcChecksumFold(total);
    memcpy(sum, &field, sizeof(field));
}

/* One frame is made; then only its numbers change, as the guest's work is none of ours. */
static double
measureUp(loopback *l)
{
    uint8_t *tcp = l->frame + VMC_ETHER_LEN + VMC_IP_LEN;
    size_t size;
    double begin;

    memcpy(tcp + VMC_TCP_LEN, l->source, SEGMENT);
    size = makeFrame(l, VMC_TCP_ACK, SEGMENT) + SEGMENT;
    begin = coreSeconds();
    for (int i = 0; i < SEGMENTS; i++) {
        uint32_t old = htonl(l->seq);
        uint32_t new = htonl(l->seq += SEGMENT);

        vmcEndpointInput(l->endpoint, 1, l->frame, size);
        vmcEndpointFlush(l->endpoint, 1);
        memcpy(tcp + 4, &new, sizeof(new));
        patchChecksum(tcp + 16, old, new);
    }
    return (double)SEGMENTS * SEGMENT / GIB / (coreSeconds() - begin);
}

static double
measureDown(loopback *l)
{
    double begin = coreSeconds();

    l->limit += (uint64_t)SEGMENTS * SEGMENT;
    vmcEndpointConnReadable(l->endpoint, l->conn);
    vmcEndpointFlush(l->endpoint, 1);
    while (l->consumed < l->limit)
        input(l, VMC_TCP_ACK);
    return (double)SEGMENTS * SEGMENT / GIB / (coreSeconds() - begin);
}

static double
measureMemcpy(loopback *l)
{
    double begin = coreSeconds();

    for (int i = 0; i < SEGMENTS; i++) {
        memcpy(l->frame, l->source, SEGMENT);
        __asm__ volatile("" : : "r"(l->frame) : "memory");      /* it is used */
    }
    return (double)SEGMENTS * SEGMENT / GIB / (coreSeconds() - begin);
}

void
relaybenchEndpointRows(GArray *all)
{
    g_array_append_vals(all, rows, G_N_ELEMENTS(rows));
}

void
relaybenchEndpoint(benchReport *report)
{
    g_autofree loopback *l = g_new0(loopback, 1);

    loopbackStart(l);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t before = vmcEndpointGetStats(l->endpoint)->malformed;
        double up = measureUp(l);
        double down = measureDown(l);
        double copy = measureMemcpy(l);

        g_assert_cmpuint(vmcEndpointGetStats(l->endpoint)->malformed, ==, before);
        benchReportAdd(report, "endpoint_gib_s", MIN(up, down));
        benchReportAdd(report, "endpoint_up_gib_s", up);
        benchReportAdd(report, "endpoint_down_gib_s", down);
        benchReportAdd(report, "memcpy_gib_s", copy);
        benchReportAdd(report, "endpoint_memcpy", MIN(up, down) / copy);
    }
    vmcEndpointFree(l->endpoint);
}
