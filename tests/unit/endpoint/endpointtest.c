/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the relay's endpoint answers besides TCP, what it drops, and its limits.
 */
#include <config.h>

#include <arpa/inet.h>
#include <string.h>

#include "endpoint/dhcp.h"
#include "endpoint/timer_heap.h"
#include "tests/lib/endpointrig.h"

static const uint8_t nobody[VMC_MAC_LEN];

static void
assertDropped(rig *r, uint64_t dropped, uint64_t malformed)
{
    g_assert_cmpuint(r->frames.length, ==, 0);
    g_assert_cmpuint(vmcEndpointGetStats(r->ep)->dropped, ==, dropped);
    g_assert_cmpuint(vmcEndpointGetStats(r->ep)->malformed, ==, malformed);
}

static void
sendArp(rig *r, const char *sender, const char *target, const uint8_t *dstMac)
{
    vmcArp arp = { .op = 1, .sender = rigAddress(sender), .target = rigAddress(target) };
    uint8_t frame[VMC_FRAME_HEADERS];

    memcpy(arp.senderMac, vmcGuestMac, VMC_MAC_LEN);
    rigInput(r, frame, vmcFrameArp(frame, vmcGuestMac, dstMac, &arp), NULL, 0);
}

static void
testArpAnswers(void)
{
    static const struct { const char *sender, *target; bool answered; } cases[] = {
        { "10.0.2.5", "10.0.2.4", true },
        { "192.168.7.7", "10.0.2.4", true },
        { "0.0.0.0", "10.0.2.4", true },
        { "10.0.2.5", "10.0.2.2", true },
        { "10.0.2.5", "10.0.2.1", false },
        { "0.0.0.0", "10.0.2.5", false },
        { "10.0.2.5", "10.0.2.5", false },
        { "10.0.2.4", "10.0.2.4", false },
    };
    g_autoptr(rig) r = rigNew();
    vmcFrame frame;
    vmcFrameKind kind;

    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.2"), 1, r, false), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GBytes) bytes = NULL;

        sendArp(r, cases[i].sender, cases[i].target, vmcMacBroadcast);
        bytes = rigTake(r, &frame, &kind);
        g_assert_cmpint(bytes != NULL, ==, cases[i].answered);
        if (!bytes)
            continue;
        g_assert_cmpint(kind, ==, VMC_FRAME_ARP);
        g_assert_cmpint(frame.arp.op, ==, 2);
        g_assert_cmpint(frame.arp.sender.s_addr, ==, rigAddress(cases[i].target).s_addr);
        g_assert_cmpint(frame.arp.target.s_addr, ==, rigAddress(cases[i].sender).s_addr);
        g_assert_cmpmem(frame.arp.senderMac, 6, r->config.mac, 6);
        g_assert_cmpmem(frame.arp.targetMac, 6, vmcGuestMac, 6);
        g_assert_cmpmem(frame.address.dstMac, 6, vmcGuestMac, 6);
    }
}

static void
testArpDropped(void)
{
    g_autoptr(rig) r = rigNew();
    vmcArp reply = { .op = 2, .sender = rigAddress("10.0.2.5"), .target = rigAddress("10.0.2.4") };
    uint8_t frame[VMC_FRAME_HEADERS];
    size_t len = vmcFrameArp(frame, vmcGuestMac, r->config.mac, &reply);

    rigInput(r, frame, len, NULL, 0);
    sendArp(r, "10.0.2.5", "10.0.2.4", vmcGuestMac);
    rigInput(r, frame, len - 1, NULL, 0);
    frame[VMC_ETHER_LEN + 1] = 6;       /* no ethernet */
    rigInput(r, frame, len, NULL, 0);
    assertDropped(r, 4, 1);
}

/* A DHCP request; @options are followed by an end option. */
static size_t
dhcpRequest(uint8_t *data, uint8_t type, const uint8_t *options, size_t len)
{
    static const uint8_t cookie[] = { 99, 130, 83, 99, 53, 1 };

    memset(data, 0, 240);
    data[0] = data[1] = 1;
    data[2] = 6;
    memcpy(data + 4, "XID!", 4);
    memcpy(data + 28, vmcGuestMac, 6);
    memcpy(data + 236, cookie, sizeof(cookie));
    data[242] = type;
    if (len > 0)
        memcpy(data + 243, options, len);
    data[243 + len] = 255;
    return 244 + len;
}

static void
sendDhcp(rig *r, const uint8_t *data, size_t len)
{
    vmcFrameAddress address = {
        .src = { 0 }, .dst = { INADDR_BROADCAST }, .srcPort = 68, .dstPort = 67,
    };
    uint8_t headers[VMC_FRAME_HEADERS];

    memcpy(address.srcMac, vmcGuestMac, 6);
    memcpy(address.dstMac, vmcMacBroadcast, 6);
    rigInput(r, headers, vmcFrameUdp(headers, &address, data, len, true), data, len);
}

/* An option of a reply, its length first; NULL when it is not there. */
static const uint8_t *
replyOption(const vmcFrame *frame, uint8_t option)
{
    size_t at = 240;

    while (at + 1 < frame->len && frame->payload[at] != 255) {
        g_assert_cmpuint(at + 2 + frame->payload[at + 1], <=, frame->len);
        if (frame->payload[at] == option)
            return frame->payload + at + 1;
        at += frame->payload[at + 1] + 2u;
    }
    g_assert_cmpuint(frame->payload[at], ==, 255);
    return NULL;
}

static void
assertOption(const vmcFrame *frame, uint8_t option, const char *bytes, size_t len)
{
    const uint8_t *at = replyOption(frame, option);

    g_assert_nonnull(at);
    g_assert_cmpmem(at + 1, at[0], bytes, len);
}

static GBytes *
takeDhcp(rig *r, vmcFrame *frame)
{
    vmcFrameKind kind = VMC_FRAME_OTHER;
    GBytes *bytes = rigTake(r, frame, &kind);

    g_assert_nonnull(bytes);
    g_assert_cmpint(kind, ==, VMC_FRAME_UDP);
    g_assert_cmpint(frame->address.srcPort, ==, 67);
    g_assert_cmpint(frame->address.dstPort, ==, 68);
    g_assert_cmpint(frame->address.src.s_addr, ==, rigAddress("10.0.2.4").s_addr);
    g_assert_cmpuint(frame->len, >=, 300);
    g_assert_cmpmem(frame->payload + 4, 4, "XID!", 4);
    g_assert_cmpmem(frame->payload + 28, 6, vmcGuestMac, 6);
    g_assert_null(replyOption(frame, 3));       /* no router */
    g_assert_null(replyOption(frame, 6));       /* no name server */
    assertOption(frame, 54, "\x0a\0\2\4", 4);
    return bytes;
}

static void
testDhcpOffer(void)
{
    static const uint8_t options[] = { 61, 7, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 55, 1, 1 };
    g_autoptr(rig) r = rigNew();
    g_autoptr(GBytes) bytes = NULL;
    uint8_t data[400];
    vmcFrame frame;
    size_t end = 240;

    sendDhcp(r, data, dhcpRequest(data, 1, options, sizeof(options)));
    bytes = takeDhcp(r, &frame);
    g_assert_cmpint(frame.address.dst.s_addr, ==, rigAddress("10.0.2.5").s_addr);
    g_assert_cmpmem(frame.address.dstMac, 6, vmcGuestMac, 6);
    g_assert_cmpmem(frame.payload + 16, 4, "\x0a\0\2\5", 4);
    assertOption(&frame, 53, "\2", 1);
    assertOption(&frame, 1, "\xff\xff\xff\xf8", 4);
    assertOption(&frame, 51, "\0\x1e\x84\x80", 4);
    assertOption(&frame, 26, "\xff\xf0", 2);
    assertOption(&frame, 61, (const char *)options + 2, 7);
    /* BOOTP's 300 bytes: nothing behind the end option. */
    g_assert_cmpint(frame.len, ==, 300);
    while (frame.payload[end] != 255)
        end += 2 + frame.payload[end + 1];
    while (++end < frame.len)
        g_assert_cmpint(frame.payload[end], ==, 0);
}

/* The address in a request, where it stands, and what is answered. */
static void
testDhcpRequest(void)
{
    static const struct {
        uint8_t type;
        uint8_t ciaddr;         /* last byte of 10.0.2.x, 0 for none */
        const char *options;
        size_t len;
        uint8_t reply;          /* 0: none */
        bool broadcast;
    } cases[] = {
        { 3, 0, "\62\4\x0a\0\2\5\66\4\x0a\0\2\4", 12, 5, false },
        { 3, 0, "\62\4\x0a\0\2\5", 6, 5, false },
        { 3, 5, "", 0, 5, false },
        { 3, 0, "\62\4\x0a\0\2\6", 6, 6, true },
        { 3, 9, "", 0, 6, true },
        { 3, 0, "", 0, 0, false },
        { 3, 0, "\62\4\x0a\0\2\5\66\4\x0a\0\2\3", 12, 0, false },
        { 4, 0, "", 0, 0, false },
        { 7, 5, "", 0, 0, false },
        { 8, 7, "", 0, 5, false },
        { 8, 0, "", 0, 0, false },
        { 2, 0, "", 0, 0, false },
        { 99, 0, "", 0, 0, false },
        { 0, 0, "", 0, 0, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(rig) r = rigNew();
        g_autoptr(GBytes) bytes = NULL;
        uint8_t data[400];
        size_t len = dhcpRequest(data, cases[i].type, (const uint8_t *)cases[i].options,
                                 cases[i].len);
        vmcFrame frame;

        if (cases[i].ciaddr != 0)
            memcpy(data + 12, (uint8_t []) { 10, 0, 2, cases[i].ciaddr }, 4);
        sendDhcp(r, data, len);
        g_assert_cmpuint(r->frames.length, ==, cases[i].reply != 0);
        if (cases[i].reply == 0)
            continue;
        bytes = takeDhcp(r, &frame);
        assertOption(&frame, 53, (const char *)&cases[i].reply, 1);
        g_assert_cmpint(frame.address.dst.s_addr == INADDR_BROADCAST, ==, cases[i].broadcast);
        g_assert_cmpint(replyOption(&frame, 51) != NULL, ==,
                        cases[i].reply == 5 && cases[i].type == 3);
        g_assert_cmpint(replyOption(&frame, 1) != NULL, ==, cases[i].reply == 5);
        if (cases[i].type == 8)
            g_assert_cmpint(frame.address.dst.s_addr, ==, rigAddress("10.0.2.7").s_addr);
    }
}

static void
testDhcpBroadcastFlag(void)
{
    g_autoptr(rig) r = rigNew();
    g_autoptr(GBytes) bytes = NULL;
    uint8_t data[400];
    size_t len = dhcpRequest(data, 1, NULL, 0);
    vmcFrame frame;

    data[10] = 0x80;
    sendDhcp(r, data, len);
    bytes = takeDhcp(r, &frame);
    g_assert_cmpint(frame.address.dst.s_addr, ==, INADDR_BROADCAST);
    g_assert_cmpmem(frame.address.dstMac, 6, vmcMacBroadcast, 6);
    g_assert_cmpuint(frame.payload[10], ==, 0x80);
    g_assert_null(replyOption(&frame, 61));
}

static void
testDhcpNetworks(void)
{
    static const struct { const char *guest, *server; unsigned int prefix; } cases[] = {
        { "10.0.2.5", "10.0.2.4", 29 },
        { "10.0.2.5", "10.0.2.4", 31 },
        { "10.0.2.4", "10.0.2.5", 31 },
        { "10.9.0.1", "10.9.0.2", 24 },
        { "10.9.0.0", "10.8.255.255", 8 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcEndpointConfig config = {
            .guest = rigAddress(cases[i].guest), .prefix = cases[i].prefix, .mtu = 1500,
        };
        uint32_t mask = htonl(~(uint32_t)0 << (32 - cases[i].prefix));
        vmcDhcpReply reply;
        uint8_t data[400];
        vmcFrame frame = { .payload = reply.data };

        g_assert_cmpint(vmcDhcpServer(&config).s_addr, ==, rigAddress(cases[i].server).s_addr);
        g_assert_true(vmcDhcpAnswer(&config, data, dhcpRequest(data, 1, NULL, 0), &reply));
        frame.len = reply.len;
        assertOption(&frame, 1, (const char *)&mask, 4);
        g_assert_null(replyOption(&frame, 26));
    }
}

/* Cut short anywhere, or with any one byte of the header changed: no harm. */
static void
testDhcpHostile(void)
{
    static const uint8_t options[] = { 61, 255 };
    g_autoptr(rig) r = rigNew();
    uint8_t data[400] = { 0 };
    vmcDhcpReply reply;
    size_t len = dhcpRequest(data, 1, options, sizeof(options));

    g_assert_false(vmcDhcpAnswer(&r->config, data, len, &reply));
    data[244] = 0;                      /* an option that is too short to count */
    g_assert_true(vmcDhcpAnswer(&r->config, data, len, &reply));
    for (size_t i = 0; i < len; i++) {
        g_autofree uint8_t *part = g_memdup2(data, i);

        g_assert_cmpint(vmcDhcpAnswer(&r->config, part, i, &reply), ==, i == 243 || i >= 245);
    }
    for (size_t i = 0; i < 240; i++) {
        uint8_t saved = data[i];

        data[i] ^= 0xff;
        vmcDhcpAnswer(&r->config, data, len, &reply);
        data[i] = saved;
    }
    len = dhcpRequest(data, 1, NULL, 0);
    data[243] = 61;
    data[244] = 155;                    /* the longest that fits */
    g_assert_true(vmcDhcpAnswer(&r->config, data, sizeof(data), &reply));
    g_assert_cmpuint(reply.len, <=, sizeof(reply.data));
}

static size_t
echoRequest(uint8_t *message, size_t len)
{
    uint16_t sum;

    memset(message, 0xa5, len);
    memcpy(message, (uint8_t []) { 8, 0, 0, 0, 1, 2, 3, 4 }, 8);
    sum = vmcChecksumFold(vmcChecksumAdd(0, message, len));
    memcpy(message + 2, &sum, 2);
    return len;
}

static void
sendIcmp(rig *r, const vmcFrameAddress *address, const uint8_t *message, size_t len)
{
    uint8_t headers[VMC_FRAME_HEADERS];

    rigInput(r, headers, vmcFrameIcmp(headers, address, len), message, len);
}

static void
testIcmpEcho(void)
{
    static const size_t sizes[] = { 8, 9, 64, 1480, 65500 };
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(0);
    g_autofree uint8_t *message = g_malloc(65501);

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GBytes) bytes = NULL;
        vmcFrame frame;
        vmcFrameKind kind = VMC_FRAME_OTHER;

        sendIcmp(r, &address, message, echoRequest(message, sizes[i]));
        bytes = rigTake(r, &frame, &kind);
        g_assert_nonnull(bytes);
        g_assert_cmpint(kind, ==, VMC_FRAME_ICMP);
        g_assert_cmpint(frame.payload[0], ==, 0);
        g_assert_cmpmem(frame.payload + 4, frame.len - 4, message + 4, sizes[i] - 4);
    }
    echoRequest(message, 64);
    message[63] ^= 1;
    sendIcmp(r, &address, message, 64);
    assertDropped(r, 1, 1);
    message[63] ^= 1;
    message[1] = 1;                     /* another code, with a right checksum */
    message[3] = (uint8_t)(message[3] - 1);
    sendIcmp(r, &address, message, 64);
    address.dst = rigAddress("10.0.2.1");
    sendIcmp(r, &address, message, echoRequest(message, 64));
    sendIcmp(r, &address, message, echoRequest(message, 65501));
    g_assert_cmpuint(r->frames.length, ==, 0);
}

/* A SYN that would be answered, changed in one way that makes it none. */
/* Bulk fills the link; what is small and stands alone goes into the room that is kept. */
static void
testFullLink(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(0);
    g_autofree uint8_t *message = g_malloc(4000);
    uint8_t data[600];
    size_t len = dhcpRequest(data, 1, NULL, 0);

    r->full = true;
    r->reserve = 10;
    echoRequest(message, 4000);         /* as large as bulk */
    sendIcmp(r, &address, message, 4000);
    g_assert_cmpuint(r->frames.length, ==, 0);
    sendArp(r, "10.0.2.5", "10.0.2.4", vmcMacBroadcast);
    g_assert_cmpuint(r->frames.length, ==, 1);
    echoRequest(message, 64);
    sendIcmp(r, &address, message, 64);
    g_assert_cmpuint(r->frames.length, ==, 2);
    sendDhcp(r, data, len);
    g_assert_cmpuint(r->frames.length, ==, 3);
    r->full = false;
    vmcEndpointLinkWritable(r->ep, r->now);
    echoRequest(message, 4000);
    sendIcmp(r, &address, message, 4000);
    g_assert_cmpuint(r->frames.length, ==, 4);
}

/* RFC 951 and 1534: no message type in, none out; the address is the same. */
static void
testBootp(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameKind kind;
    vmcFrame frame;
    uint8_t data[600];
    GBytes *bytes;

    dhcpRequest(data, 1, NULL, 0);
    memset(data + 240, 0, 60);
    sendDhcp(r, data, 300);
    bytes = rigTake(r, &frame, &kind);
    g_assert_nonnull(bytes);
    g_assert_cmpuint(frame.len, ==, 300);
    g_assert_cmpmem(frame.payload + 16, 4, "\x0a\0\2\5", 4);
    g_assert_null(replyOption(&frame, 53));
    g_assert_null(replyOption(&frame, 51));
    assertOption(&frame, 1, "\xff\xff\xff\xf8", 4);
    g_bytes_unref(bytes);
    dhcpRequest(data, 1, NULL, 0);
    data[241] = 2;              /* a type of two bytes is no BOOTP */
    sendDhcp(r, data, 300);
    g_assert_cmpuint(r->frames.length, ==, 0);
}

/* A client that counts the lease in milliseconds, with sign, still gets it right. */
static void
testLease(void)
{
    g_autoptr(rig) r = rigNew();
    uint32_t times[3];
    static const uint8_t options[] = { 58, 59, 51 };
    vmcFrame frame;
    uint8_t data[600];
    GBytes *bytes;

    sendDhcp(r, data, dhcpRequest(data, 1, NULL, 0));
    bytes = takeDhcp(r, &frame);
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        const uint8_t *at = replyOption(&frame, options[i]);

        g_assert_nonnull(at);
        memcpy(&times[i], at + 1, 4);
        g_assert_cmpuint(ntohl(times[i]), <=, INT32_MAX / 1000);
        g_assert_cmpuint(ntohl(times[i]), >, i > 0 ? ntohl(times[i - 1]) : 0);
    }
    g_bytes_unref(bytes);
}

/* An echo request whose ethernet and IP headers are longer than ours are. */
static void
testLongHeaders(void)
{
    static const uint8_t tags[][4] = { { 0x81, 0, 0xe0, 0 }, { 0x81, 0, 0xe0, 1 } };
    static const uint8_t ipOptions[] = { 1, 1, 1, 0 };
    vmcFrameAddress address = rigGuest(0);
    uint8_t headers[VMC_FRAME_HEADERS], message[64], packet[200];
    size_t len;
    uint16_t sum;

    echoRequest(message, sizeof(message));
    len = vmcFrameIcmp(headers, &address, sizeof(message));
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        g_autoptr(rig) r = rigNew();

        memcpy(packet, headers, 12);
        memcpy(packet + 12, tags[i], 4);
        memcpy(packet + 16, headers + 12, len - 12);
        rigInput(r, packet, len + 4, message, sizeof(message));
        g_assert_cmpuint(r->frames.length, ==, i == 0);
    }
    for (int i = 0; i < 2; i++) {
        g_autoptr(rig) r = rigNew();
        uint8_t *ip = packet + VMC_ETHER_LEN;

        memcpy(packet, headers, len);
        memcpy(packet + len, ipOptions, sizeof(ipOptions));
        ip[0] = 0x46;
        ip[3] = (uint8_t)(ip[3] + 4 * (i == 0));    /* else cut short by the options */
        memset(ip + 10, 0, 2);
        sum = vmcChecksumFold(vmcChecksumAdd(0, ip, 24));
        memcpy(ip + 10, &sum, 2);
        rigInput(r, packet, len + 4, message, sizeof(message));
        g_assert_cmpuint(r->frames.length, ==, i == 0);
    }
}

/* A router of the guest's says that its next hop carries @mtu bytes, of the segment @seq. */
static void
sendTooLarge(rig *r, uint16_t mtu, uint32_t seq)
{
    vmcFrameAddress quoted = rigGuest(1000), address = rigGuest(0);
    vmcSegment segment = { .seq = seq, .flags = VMC_TCP_ACK, .scale = -1 };
    uint8_t headers[VMC_FRAME_HEADERS];
    uint8_t message[8 + 28] = { 3, 4, 0, 0, 0, 0, (uint8_t)(mtu >> 8), (uint8_t)mtu };
    struct in_addr guest = quoted.src;
    uint16_t sum;

    quoted.src = quoted.dst;
    quoted.dst = guest;
    quoted.srcPort = 600;
    quoted.dstPort = 1000;
    vmcFrameTcp(headers, &quoted, &segment, NULL, 0, true);
    memcpy(message + 8, headers + VMC_ETHER_LEN, 28);
    sum = vmcChecksumFold(vmcChecksumAdd(0, message, sizeof(message)));
    memcpy(message + 2, &sum, 2);
    sendIcmp(r, &address, message, sizeof(message));
    rigFlush(r);
}

/* RFC 1191, and RFC 5927's checks: only what quotes a segment in flight is believed. */
static void
testTooLarge(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(1000);
    vmcSegment segment = { .flags = VMC_TCP_SYN, .window = 60000, .mss = 1460, .scale = -1 };
    vmcFrameKind kind;
    vmcFrame frame;
    uint32_t first;

    rigSegment(r, &address, &segment, NULL, 0);
    rigFlush(r);
    g_bytes_unref(rigTake(r, &frame, &kind));
    first = frame.segment.seq + 1;
    segment = (vmcSegment) { .flags = VMC_TCP_ACK, .seq = 1, .ack = first, .window = 60000,
                             .scale = -1 };
    rigSegment(r, &address, &segment, NULL, 0);
    g_byte_array_set_size(rigLast(r)->source, 2000);
    memset(rigLast(r)->source->data, 0, 2000);
    vmcEndpointConnReadable(r->ep, rigLast(r)->conn);
    rigFlush(r);
    g_assert_cmpuint(r->frames.length, ==, 2);
    sendTooLarge(r, 1400, first - 1);
    sendTooLarge(r, 1400, first + 2000);
    sendTooLarge(r, 1500, first);
    g_assert_cmpuint(r->frames.length, ==, 2);
    g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
    sendTooLarge(r, 1400, first + 1460);
    g_bytes_unref(rigTake(r, &frame, &kind));
    g_assert_cmpuint(frame.segment.seq, ==, first);
    g_assert_cmpuint(frame.len, ==, 1360);
    g_assert_cmpuint(r->frames.length, ==, 1);
    g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
    sendTooLarge(r, 0, first);
    g_bytes_unref(rigTake(r, &frame, &kind));
    g_assert_cmpuint(frame.len, ==, 1240);
    g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
    sendTooLarge(r, 1, first);
    g_bytes_unref(rigTake(r, &frame, &kind));
    g_assert_cmpuint(frame.len, ==, 88);
}

/* What the link does not take is not sent: the MTU is what it takes. */
static void
testLinkTakesLess(void)
{
    vmcEndpointConfig config = {
        .mac = { 0x52, 0x55, 10, 0, 2, 4 }, .guest = rigAddress("10.0.2.5"), .prefix = 29,
        .mtu = 65520, .frameMax = 20014,
    };
    g_autoptr(rig) r = rigNewConfig(&config);
    g_autofree char *source = g_malloc0(100000);
    vmcFrameAddress address = rigGuest(1000);
    vmcSegment segment = { .flags = VMC_TCP_SYN, .window = 65535, .mss = 65480, .scale = -1 };
    vmcFrameKind kind;
    vmcFrame frame;
    uint8_t data[600];
    GBytes *bytes;

    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false), ==, 0);
    sendDhcp(r, data, dhcpRequest(data, 1, NULL, 0));
    bytes = takeDhcp(r, &frame);
    assertOption(&frame, 26, "\x4e\x20", 2);
    g_bytes_unref(bytes);
    rigSegment(r, &address, &segment, NULL, 0);
    rigFlush(r);
    bytes = rigTake(r, &frame, &kind);
    g_assert_cmpuint(frame.segment.mss, ==, 19960);
    segment = (vmcSegment) { .flags = VMC_TCP_ACK, .seq = 1, .ack = frame.segment.seq + 1,
                             .window = 65535, .scale = -1 };
    g_bytes_unref(bytes);
    rigSegment(r, &address, &segment, NULL, 0);
    g_byte_array_append(rigLast(r)->source, (const guint8 *)source, 100000);
    vmcEndpointConnReadable(r->ep, rigLast(r)->conn);
    rigFlush(r);
    bytes = rigTake(r, &frame, &kind);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 20014);
    g_bytes_unref(bytes);
}

/*
 * A guest whose network boot takes the first lease that answers: it gets none from us, in
 * no kind of request, and with a static address all else is as ever.
 */
static void
testDhcpOff(void)
{
    static const uint8_t requested[] = { 50, 4, 10, 0, 2, 5 };
    vmcEndpointConfig config = {
        .mac = { 0x52, 0x55, 10, 0, 2, 4 }, .guest = rigAddress("10.0.2.5"), .prefix = 29,
        .mtu = 65520, .noDhcp = true,
    };
    g_autoptr(rig) r = rigNewConfig(&config);
    vmcFrameAddress address = rigGuest(1000);
    vmcSegment segment = { .flags = VMC_TCP_SYN, .window = 65535, .mss = 1460, .scale = -1 };
    uint8_t data[600] = { 0 };
    vmcFrameKind kind;
    vmcFrame frame;
    GBytes *bytes;

    sendDhcp(r, data, dhcpRequest(data, 1, NULL, 0));
    sendDhcp(r, data, dhcpRequest(data, 3, requested, sizeof(requested)));
    dhcpRequest(data, 1, NULL, 0);
    memset(data + 240, 0, 60);          /* BOOTP: no option says a type */
    sendDhcp(r, data, 300);
    sendArp(r, "10.0.2.5", "10.0.2.4", vmcMacBroadcast);    /* no channel, and no server, has it */
    assertDropped(r, 4, 0);

    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false), ==, 0);
    sendArp(r, "10.0.2.5", "10.0.2.4", vmcMacBroadcast);
    bytes = rigTake(r, &frame, &kind);
    g_assert_nonnull(bytes);
    g_assert_cmpint(kind, ==, VMC_FRAME_ARP);
    g_bytes_unref(bytes);
    rigSegment(r, &address, &segment, NULL, 0);
    rigFlush(r);
    bytes = rigTake(r, &frame, &kind);
    g_assert_nonnull(bytes);
    g_assert_cmpint(kind, ==, VMC_FRAME_TCP);
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_SYN | VMC_TCP_ACK);
    g_bytes_unref(bytes);
}

static void
testDropped(void)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        bool malformed;
    } cases[] = {
        { "to another MAC", 0, 0x50, false },
        { "from a group of MACs", 6, 0x53, false },
        { "IPv6", 12, 0x86, false },
        { "IP version 6", 14, 0x65, true },
        { "IP header of 16 bytes", 14, 0x44, true },
        { "IP options that the checksum does not know", 14, 0x46, true },
        { "packet longer than its frame", 17, 0xff, true },
        { "packet shorter than its header", 17, 19, true },
        { "more fragments", 20, 0x20, false },
        { "a later fragment", 21, 0x01, false },
        { "IP checksum", 24, 0, true },
        { "TCP checksum", 50, 0, true },
        { "TCP header of 16 bytes", 46, 0x40, true },
        { "TCP header longer than its packet", 46, 0xf0, true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(rig) r = rigNew();
        vmcFrameAddress address = rigGuest(4000);
        vmcSegment syn = { .seq = 7, .flags = VMC_TCP_SYN, .scale = -1 };
        uint8_t frame[VMC_FRAME_HEADERS];
        size_t len = vmcFrameTcp(frame, &address, &syn, NULL, 0, true);

        g_test_message("%s", cases[i].what);
        g_assert_cmpuint(frame[cases[i].at], !=, cases[i].value);
        frame[cases[i].at] = cases[i].value;
        rigInput(r, frame, len, NULL, 0);
        assertDropped(r, 1, cases[i].malformed);
    }
}

static void
testDroppedSources(void)
{
    static const char *const sources[] = {
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.2.4",
    };
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(4000);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .scale = -1 };

    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
        address.src = rigAddress(sources[i]);
        rigSegment(r, &address, &syn, NULL, 0);
        assertDropped(r, i + 1, 0);
    }
    address = rigGuest(4000);
    memcpy(address.dstMac, vmcMacBroadcast, 6);
    rigSegment(r, &address, &syn, NULL, 0);
    memcpy(address.dstMac, nobody, 6);
    rigSegment(r, &address, &syn, NULL, 0);
    address = rigGuest(4000);
    address.dst = rigAddress("10.0.2.3");
    rigSegment(r, &address, &syn, NULL, 0);
    assertDropped(r, G_N_ELEMENTS(sources) + 3, 0);
}

/* Every prefix of frames that are answered is answered by nothing. */
static void
testCutShort(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(4000);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .mss = 1460, .scale = 7 };
    uint8_t frame[VMC_FRAME_HEADERS];
    size_t len = vmcFrameTcp(frame, &address, &syn, "hello", 5, true);

    for (size_t i = 1; i < len + 5; i++) {
        g_autofree uint8_t *part = g_malloc(i);

        memcpy(part, frame, MIN(i, len));
        if (i > len)
            memcpy(part + len, "hello", i - len);
        vmcEndpointInput(r->ep, r->now, part, i);
        g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 0);
    }
    assertDropped(r, len + 4, len + 4);
}

/* A short frame is padded with whatever: the padding is no payload. */
static void
testPadding(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(4000);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .scale = -1 };
    uint8_t headers[VMC_FRAME_HEADERS];
    size_t len = vmcFrameTcp(headers, &address, &syn, NULL, 0, true);

    rigInput(r, headers, len, "padding", 6);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 1);
}

static void
testNoChecksums(void)
{
    vmcEndpointConfig config = {
        .mac = { 0x52, 0x55, 10, 0, 2, 4 }, .guest = rigAddress("10.0.2.5"),
        .prefix = 29, .mtu = 1500, .noChecksums = true,
    };
    g_autoptr(rig) r = rigNewConfig(&config);
    vmcFrameAddress address = rigGuest(4000);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .mss = 9000, .scale = -1 };
    uint8_t headers[VMC_FRAME_HEADERS];
    g_autoptr(GBytes) bytes = NULL;
    vmcFrame frame;

    vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false);
    rigInput(r, headers, vmcFrameTcp(headers, &address, &syn, NULL, 0, false), NULL, 0);
    rigFlush(r);
    bytes = g_queue_pop_head(&r->frames);
    g_assert_nonnull(bytes);
    g_assert_cmpint(vmcFrameParse(&frame, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                                  true), ==, VMC_FRAME_MALFORMED);
    g_assert_cmpint(vmcFrameParse(&frame, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                                  false), ==, VMC_FRAME_TCP);
    g_assert_cmpint(frame.segment.mss, ==, 1460);
}

/* The checksum against the plainest way to make one, at every length and place. */
static void
testChecksum(void)
{
    uint8_t data[160];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + 200);
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; len + start <= sizeof(data); len++) {
            uint32_t sum = 0;

            for (size_t i = 0; i < len; i++)
                sum += i % 2 ? data[start + i] : (uint32_t)data[start + i] << 8;
            while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
            g_assert_cmphex(ntohs(vmcChecksumFold(vmcChecksumAdd(0, data + start, len))), ==,
                            (uint16_t)~sum);
        }
    }
}

/* The heap against a look at every deadline. */
static void
testDeadlines(void)
{
    vmcTimer deadlines[40];
    g_autoptr(GPtrArray) heap = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(deadlines); i++)
        deadlines[i] = (vmcTimer) VMC_TIMER_INIT;
    for (unsigned int step = 0; step < 20000; step++) {
        vmcTimer *moved = &deadlines[g_test_rand_int_range(0, G_N_ELEMENTS(deadlines))];
        bool out = g_test_rand_int_range(0, 3) == 0;
        vmcTime first = VMC_TIME_NEVER;
        unsigned int in = 0;

        vmcTimerSet(heap, moved, out ? VMC_TIME_NEVER : g_test_rand_int_range(0, 100));
        for (size_t i = 0; i < G_N_ELEMENTS(deadlines); i++) {
            first = MIN(first, deadlines[i].at);
            in += deadlines[i].at != VMC_TIME_NEVER;
        }
        g_assert_cmpuint(heap->len, ==, in);
        if (in > 0)
            g_assert_cmpint(vmcTimerFirst(heap)->at, ==, first);
        else
            g_assert_null(vmcTimerFirst(heap));
    }
}

static void
sendSyn(rig *r, uint16_t port)
{
    vmcFrameAddress address = rigGuest(port);
    vmcSegment syn = { .seq = port, .flags = VMC_TCP_SYN, .scale = -1 };

    rigSegment(r, &address, &syn, NULL, 0);
    rigFlush(r);
}

/* Answers the SYN-ACK that was sent last; returns the number of the answer. */
static uint32_t
sendHandshake(rig *r, uint16_t port)
{
    vmcFrameAddress address = rigGuest(port);
    vmcFrame frame;
    vmcFrameKind kind;
    g_autoptr(GBytes) bytes = rigTake(r, &frame, &kind);
    vmcSegment ack = { .seq = port + 1u, .flags = VMC_TCP_ACK, .window = 1000, .scale = -1 };

    g_assert_nonnull(bytes);
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_SYN | VMC_TCP_ACK);
    ack.ack = frame.segment.seq + 1;
    rigSegment(r, &address, &ack, NULL, 0);
    rigFlush(r);
    return ack.ack;
}

/* The guest ends a connection that was opened by sendHandshake(), which returned @ack. */
static void
sendEnd(rig *r, uint16_t port, uint32_t ack)
{
    vmcFrameAddress address = rigGuest(port);
    vmcSegment fin = { .seq = port + 1u, .ack = ack, .flags = VMC_TCP_FIN | VMC_TCP_ACK,
                       .window = 1000, .scale = -1 };

    rigSegment(r, &address, &fin, NULL, 0);
    rigFlush(r);
}

/* The next frame refuses the connection from @port. */
static void
expectRefusal(rig *r, uint16_t port)
{
    vmcFrame frame;
    vmcFrameKind kind;
    g_autoptr(GBytes) bytes = rigTake(r, &frame, &kind);

    g_assert_nonnull(bytes);
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_RST | VMC_TCP_ACK);
    g_assert_cmpuint(frame.address.dstPort, ==, port);
    g_assert_cmpuint(frame.segment.ack, ==, port + 1u);
}

/* So many connections, all open, from @first and the ports after it. */
static void
openMany(rig *r, uint16_t first, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        r->now += 1000000 / VMC_ENDPOINT_RATE;
        sendSyn(r, (uint16_t)(first + i));
        sendHandshake(r, (uint16_t)(first + i));
    }
}

/* Nothing gives way: the guest is refused at once, and let in when one has ended. */
static void
testLimitConns(void)
{
    g_autoptr(rig) r = rigNew();
    rigHost *host;

    openMany(r, 1000, VMC_ENDPOINT_MAX_CONNS);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, VMC_ENDPOINT_MAX_CONNS);
    sendSyn(r, 9000);
    expectRefusal(r, 9000);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_MAX_CONNS);
    g_assert_cmpuint(vmcEndpointGetStats(r->ep)->limited, ==, 1);
    g_assert_cmpuint(r->limited, ==, 1);
    host = g_ptr_array_index(r->hosts, 5);
    vmcEndpointConnReset(r->ep, host->conn);
    sendSyn(r, 9000);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_MAX_CONNS + 1);
    g_assert_cmpuint(r->evicted, ==, 0);
}

/* Of those that are not answered yet, or that the guest has ended, the oldest gives way. */
static void
testLimitGivesWay(void)
{
    g_autoptr(rig) r = rigNew();
    const rigHost *dialled, *ended;

    openMany(r, 1000, VMC_ENDPOINT_MAX_CONNS - 2);
    r->answer = VMC_ENDPOINT_OPEN_WAIT;
    sendSyn(r, 8000);
    dialled = rigLast(r);
    r->answer = VMC_ENDPOINT_OPEN_OK;
    sendSyn(r, 8001);
    ended = rigLast(r);
    sendEnd(r, 8001, sendHandshake(r, 8001));
    sendSyn(r, 8002);
    expectRefusal(r, 8000);
    sendHandshake(r, 8002);
    g_assert_true(dialled->closes == 1 && dialled->reset && ended->closes == 0);
    sendSyn(r, 8003);
    g_assert_true(ended->closes == 1 && ended->reset);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, VMC_ENDPOINT_MAX_CONNS);
    g_assert_cmpuint(r->evicted, ==, 2);
    g_assert_cmpuint(vmcEndpointGetStats(r->ep)->evicted, ==, 2);
    g_assert_cmpuint(r->limited, ==, 0);
}

/* One channel may take all that is for whoever comes first, and none of what is the other's. */
static void
testLimitOther(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address;
    vmcSegment syn = { .flags = VMC_TCP_SYN, .window = 1000, .mss = 1400, .scale = -1 };
    unsigned int own = VMC_ENDPOINT_MAX_CONNS / 4;

    vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 601, r, false);
    openMany(r, 1000, VMC_ENDPOINT_MAX_CONNS - own);
    sendSyn(r, 9000);
    expectRefusal(r, 9000);
    for (unsigned int i = 0; i < own; i++) {
        address = rigGuest((uint16_t)(9001 + i));
        address.dstPort = 601;
        rigSegment(r, &address, &syn, NULL, 0);
    }
    rigFlush(r);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_MAX_CONNS);
    g_assert_cmpuint(r->limited, ==, 1);
    g_assert_cmpuint(r->evicted, ==, 0);
}

/* More at once than the channel's rate: host sides are not asked for, guests are refused. */
static void
testLimitRate(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress other = rigGuest(1000);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .window = 1000, .mss = 1400, .scale = -1 };

    other.dstPort = 601;
    vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 601, r, false);
    r->answer = VMC_ENDPOINT_OPEN_WAIT;
    for (unsigned int i = 0; i < VMC_ENDPOINT_BURST; i++)
        sendSyn(r, (uint16_t)(1000 + i));
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_BURST);
    rigFlush(r);
    g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
    sendSyn(r, 9000);
    expectRefusal(r, 9000);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_BURST);
    g_assert_cmpuint(r->limited, ==, 1);
    rigSegment(r, &other, &syn, NULL, 0);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_BURST + 1);
    r->now += 1000000 / VMC_ENDPOINT_RATE;
    sendSyn(r, 9000);
    g_assert_cmpuint(r->hosts->len, ==, VMC_ENDPOINT_BURST + 2);
}

/* Resets that the full link does not take are remembered, but not without end. */
static void
testLimitLinger(void)
{
    g_autoptr(rig) r = rigNew();

    for (uint16_t round = 0; round < 3; round++) {
        r->full = false;
        r->now += 1000000;      /* the channel's rate allows so many again */
        vmcEndpointLinkWritable(r->ep, r->now);
        g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
        g_queue_init(&r->frames);
        for (uint16_t i = 0; i < 700; i++) {
            sendSyn(r, 1000 + 1000 * round + i);
            sendHandshake(r, 1000 + 1000 * round + i);
        }
        r->full = true;
        for (uint16_t i = 0; i < 700; i++) {
            rigHost *host = g_ptr_array_index(r->hosts, 700u * round + i);

            vmcEndpointConnReset(r->ep, host->conn);
        }
        rigFlush(r);
        g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 0);
    }
    r->full = false;
    vmcEndpointLinkWritable(r->ep, r->now);
    g_assert_cmpuint(r->frames.length, ==, 700);
}

static void
testRemoveChannel(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrame frame;
    vmcFrameKind kind;
    g_autoptr(GBytes) bytes = NULL;

    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false), ==, -1);
    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 601, &frame, false), ==, 0);
    sendSyn(r, 1000);
    sendHandshake(r, 1000);
    vmcEndpointRemoveChannel(r->ep, r->now, &frame);
    g_assert_cmpuint(rigLast(r)->closes, ==, 0);
    vmcEndpointRemoveChannel(r->ep, r->now, r);
    g_assert_cmpuint(rigLast(r)->closes, ==, 1);
    g_assert_true(rigLast(r)->reset);
    bytes = rigTake(r, &frame, &kind);
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_RST | VMC_TCP_ACK);
    sendSyn(r, 1001);
    g_clear_pointer(&bytes, g_bytes_unref);
    bytes = rigTake(r, &frame, &kind);
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_RST | VMC_TCP_ACK);
    g_assert_cmpuint(vmcEndpointGetStats(r->ep)->refused, ==, 1);
}

/* The same connection at another time, or with another secret, begins elsewhere. */
static void
testInitialSequence(void)
{
    uint32_t seen[3];

    for (size_t i = 0; i < 3; i++) {
        vmcEndpointConfig config = {
            .guest = rigAddress("10.0.2.5"), .prefix = 29, .mtu = 1500,
            .mac = { 0x52, 0x55, 10, 0, 2, 4 }, .secret = { i == 2 },
        };
        g_autoptr(rig) r = rigNewConfig(&config);
        vmcFrame frame;
        vmcFrameKind kind;
        g_autoptr(GBytes) bytes = NULL;

        vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false);
        r->now += i == 1 ? 4000 : 0;
        sendSyn(r, 1000);
        bytes = rigTake(r, &frame, &kind);
        seen[i] = frame.segment.seq;
    }
    g_assert_cmpuint(seen[1] - seen[0], ==, 1000);
    g_assert_cmpuint(seen[2], !=, seen[0]);
}

/* Bare ACKs; what the guest answers to one is reset by its own numbers. */
static void
testProbe(void)
{
    g_autoptr(rig) r = rigNew();
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcSegment answer = { .seq = 7777, .ack = 123456, .flags = VMC_TCP_ACK, .scale = -1 };
    vmcFrameAddress from = rigGuest(40000);
    guint32 known[4][2];
    vmcFrameKind kind;
    vmcFrame frame;

    g_assert_true(vmcEndpointProbe(r->ep, &tuple, vmcGuestMac));
    for (int i = 0; i < 4; i++) {
        g_bytes_unref(rigTake(r, &frame, &kind));
        g_assert_cmpint(kind, ==, VMC_FRAME_TCP);
        g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_ACK);
        g_assert_cmpmem(frame.address.dstMac, VMC_MAC_LEN, vmcGuestMac, VMC_MAC_LEN);
        known[i][0] = frame.segment.seq;
        known[i][1] = frame.segment.ack;
        for (int j = 0; j < 2; j++)
            g_assert_cmphex(known[i][j] & ~(1u << 31), ==, 0);
        for (int j = 0; j < i; j++)
            g_assert_true(memcmp(known[i], known[j], sizeof(known[i])) != 0);
    }
    rigSegment(r, &from, &answer, NULL, 0);
    rigFlush(r);
    g_bytes_unref(rigTake(r, &frame, &kind));
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_RST);
    g_assert_cmpuint(frame.segment.seq, ==, 123456);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 0);
    r->full = true;
    g_assert_false(vmcEndpointProbe(r->ep, &tuple, vmcGuestMac));
}

/* The guest has used the port again: a connection of ours is not disturbed. */
static void
testProbeReused(void)
{
    g_autoptr(rig) r = rigNew();
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcSegment syn = { .seq = 1, .flags = VMC_TCP_SYN, .window = 1000, .mss = 1460, .scale = -1 };
    vmcFrameAddress from = rigGuest(40000);
    vmcFrameKind kind;
    vmcFrame frame;

    r->answer = VMC_ENDPOINT_OPEN_WAIT;
    rigSegment(r, &from, &syn, NULL, 0);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 1);
    g_assert_true(vmcEndpointProbe(r->ep, &tuple, vmcGuestMac));
    g_assert_null(rigTake(r, &frame, &kind));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/arp/answers", testArpAnswers);
    g_test_add_func("/endpoint/arp/dropped", testArpDropped);
    g_test_add_func("/endpoint/dhcp/offer", testDhcpOffer);
    g_test_add_func("/endpoint/dhcp/request", testDhcpRequest);
    g_test_add_func("/endpoint/dhcp/broadcast-flag", testDhcpBroadcastFlag);
    g_test_add_func("/endpoint/dhcp/networks", testDhcpNetworks);
    g_test_add_func("/endpoint/dhcp/hostile", testDhcpHostile);
    g_test_add_func("/endpoint/dhcp/off", testDhcpOff);
    g_test_add_func("/endpoint/icmp/echo", testIcmpEcho);
    g_test_add_func("/endpoint/dhcp/bootp", testBootp);
    g_test_add_func("/endpoint/dhcp/lease", testLease);
    g_test_add_func("/endpoint/long-headers", testLongHeaders);
    g_test_add_func("/endpoint/icmp/too-large", testTooLarge);
    g_test_add_func("/endpoint/full-link", testFullLink);
    g_test_add_func("/endpoint/link-takes-less", testLinkTakesLess);
    g_test_add_func("/endpoint/dropped/headers", testDropped);
    g_test_add_func("/endpoint/dropped/addresses", testDroppedSources);
    g_test_add_func("/endpoint/dropped/cut-short", testCutShort);
    g_test_add_func("/endpoint/padding", testPadding);
    g_test_add_func("/endpoint/checksum", testChecksum);
    g_test_add_func("/endpoint/no-checksums", testNoChecksums);
    g_test_add_func("/endpoint/deadlines", testDeadlines);
    g_test_add_func("/endpoint/limit/conns", testLimitConns);
    g_test_add_func("/endpoint/limit/gives-way", testLimitGivesWay);
    g_test_add_func("/endpoint/limit/other-channel", testLimitOther);
    g_test_add_func("/endpoint/limit/rate", testLimitRate);
    g_test_add_func("/endpoint/limit/linger", testLimitLinger);
    g_test_add_func("/endpoint/remove-channel", testRemoveChannel);
    g_test_add_func("/endpoint/initial-sequence", testInitialSequence);
    g_test_add_func("/endpoint/probe", testProbe);
    g_test_add_func("/endpoint/probe-reused", testProbeReused);
    return g_test_run();
}
