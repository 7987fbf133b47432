/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames taken apart, by the bytes that their standards give: RFC 826 (ARP), 791 (IP),
 * 768 (UDP), 9293 and 7323 (TCP's options), 8200 (IPv6), 792 (what an ICMP error quotes:
 * the IP header and 8 bytes of what follows it), and IEEE 802.1Q (tags).
 */
#include <config.h>

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "endpoint/frame.h"

/* A "destination unreachable" about 10.0.2.4:600 → 10.0.2.5:40000, number 0x01020304. */
static const uint8_t unreachable[] = {
    3, 10, 0, 0, 0, 0, 0, 0,
    0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 4, 10, 0, 2, 5,
    600 >> 8, 600 & 0xff, 40000 >> 8, 40000 & 0xff, 1, 2, 3, 4,
};

static bool
quoted(const uint8_t *message, size_t len, vmcFrameAddress *address, uint32_t *seq)
{
    g_autofree uint8_t *copy = g_memdup2(message, len);     /* no byte behind it */
    vmcFrame frame = { .payload = copy, .len = len };

    return vmcFrameQuoted(&frame, address, seq);
}

static void
testQuoted(void)
{
    vmcFrameAddress address = { 0 };
    uint32_t seq = 0;

    g_assert_true(quoted(unreachable, sizeof(unreachable), &address, &seq));
    g_assert_cmpuint(address.src.s_addr, ==, inet_addr("10.0.2.4"));
    g_assert_cmpuint(address.dst.s_addr, ==, inet_addr("10.0.2.5"));
    g_assert_cmpuint(address.srcPort, ==, 600);
    g_assert_cmpuint(address.dstPort, ==, 40000);
    g_assert_cmphex(seq, ==, 0x01020304);
}

/* Too little of a segment, or something else. */
static void
testNotQuoted(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {
        { 8, 0x46 }, { 8, 0x65 },       /* IP options; IPv6 */
        { 17, 17 },                     /* UDP */
    };
    vmcFrameAddress address;
    uint32_t seq;

    for (size_t len = 0; len < sizeof(unreachable); len++)
        g_assert_false(quoted(unreachable, len, &address, &seq));
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        uint8_t changed[sizeof(unreachable)];

        memcpy(changed, unreachable, sizeof(changed));
        changed[changes[i].at] = changes[i].byte;
        g_assert_false(quoted(changed, sizeof(changed), &address, &seq));
    }
}

#define IP VMC_ETHER_LEN                        /* where it begins */
#define MESSAGE (VMC_ETHER_LEN + VMC_IP_LEN)    /* where TCP's or UDP's begins */

static const vmcFrameAddress way = {
    .srcMac = { 0x52, 0x54, 0, 1, 2, 3 }, .dstMac = { 0x52, 0x55, 10, 0, 2, 4 },
    .srcPort = 40000, .dstPort = 600,
};

static vmcFrameKind
parse(vmcFrame *frame, const uint8_t *bytes, size_t len, bool verify)
{
    g_autofree uint8_t *copy = g_memdup2(bytes, len);       /* no byte behind it */
    vmcFrameKind kind = vmcFrameParse(frame, copy, len, verify);

    frame->payload = NULL;
    return kind;
}

/* Puts the right sum into the IP header of @words words. */
static void
sumIp(uint8_t *bytes, size_t words)
{
    uint16_t sum;

    memset(bytes + IP + 10, 0, 2);
    sum = vmcChecksumFold(vmcChecksumAdd(0, bytes + IP, words * 4));
    memcpy(bytes + IP + 10, &sum, 2);
}

/* Each number of an ARP packet that says whose addresses it has. */
static void
testArp(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } others[] = {
        { 0, 1 }, { 1, 2 },             /* hardware: 1 is ethernet */
        { 2, 9 }, { 3, 1 },             /* protocol: 0x0800 is IP */
        { 4, 8 }, { 5, 16 },            /* lengths of their addresses */
    };
    const vmcArp arp = {
        .op = 2, .senderMac = { 1, 2, 3, 4, 5, 6 }, .sender = { inet_addr("10.0.2.5") },
        .targetMac = { 6, 5, 4, 3, 2, 1 }, .target = { inet_addr("10.0.2.4") },
    };
    uint8_t bytes[VMC_FRAME_HEADERS];
    size_t len = vmcFrameArp(bytes, way.srcMac, way.dstMac, &arp);
    vmcFrame frame;

    g_assert_cmpint(parse(&frame, bytes, len, true), ==, VMC_FRAME_ARP);
    g_assert_cmpuint(frame.arp.op, ==, 2);
    g_assert_cmpmem(frame.arp.senderMac, VMC_MAC_LEN, arp.senderMac, VMC_MAC_LEN);
    g_assert_cmpmem(frame.arp.targetMac, VMC_MAC_LEN, arp.targetMac, VMC_MAC_LEN);
    g_assert_cmphex(frame.arp.sender.s_addr, ==, arp.sender.s_addr);
    g_assert_cmphex(frame.arp.target.s_addr, ==, arp.target.s_addr);
    g_assert_cmpint(parse(&frame, bytes, len - 1, true), ==, VMC_FRAME_MALFORMED);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        uint8_t changed[VMC_FRAME_HEADERS];

        memcpy(changed, bytes, len);
        changed[VMC_ETHER_LEN + others[i].at] = others[i].byte;
        g_assert_cmpint(parse(&frame, changed, len, true), ==, VMC_FRAME_OTHER);
    }
}

/* A tag with a priority alone changes nothing; one with a VLAN is of another network. */
static void
testTag(void)
{
    static const struct {
        uint8_t tag[2];
        vmcFrameKind kind;
    } cases[] = {
        { { 0x00, 0x00 }, VMC_FRAME_UDP }, { { 0xf0, 0x00 }, VMC_FRAME_UDP },
        { { 0x00, 0x01 }, VMC_FRAME_OTHER }, { { 0x08, 0x00 }, VMC_FRAME_OTHER },
    };
    uint8_t bytes[VMC_FRAME_HEADERS], tagged[VMC_FRAME_HEADERS + 4];
    size_t len = vmcFrameUdp(bytes, &way, NULL, 0, true);
    vmcFrame frame;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        memcpy(tagged, bytes, 12);
        memcpy(tagged + 12, (uint8_t[]){ 0x81, 0 }, 2);
        memcpy(tagged + 14, cases[i].tag, 2);
        memcpy(tagged + 16, bytes + 12, len - 12);
        g_assert_cmpint(parse(&frame, tagged, len + 4, true), ==, cases[i].kind);
    }
    memset(tagged + 14, 0, 2);
    g_assert_cmpint(parse(&frame, tagged, VMC_ETHER_LEN + 3, true), ==, VMC_FRAME_OTHER);
    g_assert_cmpint(parse(&frame, tagged, VMC_ETHER_LEN + 4, true), ==, VMC_FRAME_MALFORMED);
    g_assert_cmpint(parse(&frame, tagged, VMC_ETHER_LEN - 1, true), ==, VMC_FRAME_MALFORMED);
}

/* Of IPv6 only a host without an address is told. */
static void
testIp6(void)
{
    uint8_t bytes[VMC_ETHER_LEN + 40] = { [12] = 0x86, 0xdd, 0x60 };
    vmcFrame frame;

    g_assert_cmpint(parse(&frame, bytes, sizeof(bytes), true), ==, VMC_FRAME_IPV6_NEW);
    g_assert_cmpint(parse(&frame, bytes, sizeof(bytes) - 1, true), ==, VMC_FRAME_OTHER);
    for (size_t i = 0; i < 16; i++) {
        bytes[VMC_ETHER_LEN + 8 + i] = 1;
        g_assert_cmpint(parse(&frame, bytes, sizeof(bytes), true), ==, VMC_FRAME_OTHER);
        bytes[VMC_ETHER_LEN + 8 + i] = 0;
    }
    bytes[VMC_ETHER_LEN] = 0x50;
    g_assert_cmpint(parse(&frame, bytes, sizeof(bytes), true), ==, VMC_FRAME_OTHER);
}

/* Options of IP, up to the most that there can be, are skipped. */
static void
testIpOptions(void)
{
    uint8_t plain[VMC_FRAME_HEADERS], bytes[VMC_FRAME_HEADERS + 40];
    size_t len = vmcFrameUdp(plain, &way, NULL, 0, true);
    vmcFrame frame;

    for (size_t words = 5; words <= 15; words++) {
        size_t more = (words - 5) * 4;

        memcpy(bytes, plain, MESSAGE);
        memset(bytes + MESSAGE, 1, more);
        memcpy(bytes + MESSAGE + more, plain + MESSAGE, VMC_UDP_LEN);
        bytes[IP] = (uint8_t)(0x40 | words);
        bytes[IP + 3] = (uint8_t)(words * 4 + VMC_UDP_LEN);
        sumIp(bytes, words);
        g_assert_cmpint(parse(&frame, bytes, len + more, true), ==, VMC_FRAME_UDP);
        g_assert_cmpuint(frame.address.srcPort, ==, 40000);
        g_assert_cmpuint(frame.address.dstPort, ==, 600);
        /* Nothing behind the header. */
        bytes[IP + 3] = (uint8_t)(words * 4);
        sumIp(bytes, words);
        g_assert_cmpint(parse(&frame, bytes, len + more, true), ==, VMC_FRAME_MALFORMED);
    }
}

/* UDP's own length, and its sum, which may be absent. */
static void
testUdp(void)
{
    static const struct {
        uint16_t len;
        uint16_t sum;
        bool verify;
        vmcFrameKind kind;
    } cases[] = {
        { VMC_UDP_LEN + 4, 0, true, VMC_FRAME_UDP },
        { VMC_UDP_LEN, 0, true, VMC_FRAME_UDP },
        { VMC_UDP_LEN - 1, 0, true, VMC_FRAME_MALFORMED },
        { VMC_UDP_LEN + 5, 0, true, VMC_FRAME_MALFORMED },
        { VMC_UDP_LEN + 4, 1, true, VMC_FRAME_MALFORMED },
        { VMC_UDP_LEN + 4, 1, false, VMC_FRAME_UDP },
    };
    uint8_t bytes[VMC_FRAME_HEADERS];
    vmcFrame frame;
    size_t len;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint16_t words[2] = { htons(cases[i].len), htons(cases[i].sum) };

        len = vmcFrameUdp(bytes, &way, "data", 4, true);
        memcpy(bytes + len, "data", 4);
        memcpy(bytes + MESSAGE + 4, words, sizeof(words));
        g_assert_cmpint(parse(&frame, bytes, len + 4, cases[i].verify), ==, cases[i].kind);
        if (cases[i].kind == VMC_FRAME_UDP)
            g_assert_cmpuint(frame.len, ==, cases[i].len - VMC_UDP_LEN);
    }

    /* A sum that comes out as 0 is sent as 0xffff, since 0 says that there is none. */
    for (unsigned int word = 0; word <= UINT16_MAX; word++) {
        const uint8_t data[2] = { (uint8_t)(word >> 8), (uint8_t)word };

        len = vmcFrameUdp(bytes, &way, data, 2, true);
        g_assert_false(bytes[len - 2] == 0 && bytes[len - 1] == 0);
        memcpy(bytes + len, data, 2);
        g_assert_cmpint(parse(&frame, bytes, len + 2, true), ==, VMC_FRAME_UDP);
    }
    len = vmcFrameUdp(bytes, &way, "data", 4, false);
    g_assert_cmphex(bytes[len - 2] | bytes[len - 1], ==, 0);
}

/* What TCP's options say, and where a list of them that is wrong ends. */
static void
testTcpOptions(void)
{
    static const struct {
        uint8_t options[8];
        uint16_t mss;
        int8_t scale;
    } cases[] = {
        { { 0 }, 0, -1 },
        { { 2, 4, 5, 0xb4, 1, 3, 3, 7 }, 1460, 7 },
        { { 1, 3, 3, 0, 2, 4, 1, 0 }, 256, 0 },
        { { 3, 3, 14, 0 }, 0, 14 }, { { 3, 3, 15, 0 }, 0, 14 }, { { 3, 3, 255, 0 }, 0, 14 },
        { { 0, 2, 4, 5, 0xb4 }, 0, -1 },                /* behind the end */
        { { 4, 2, 2, 4, 5, 0xb4 }, 1460, -1 },          /* another one before it */
        { { 2, 0, 2, 4, 5, 0xb4 }, 0, -1 }, { { 2, 1, 2, 4, 5, 0xb4 }, 0, -1 },
        { { 2, 3, 5, 3, 3, 7 }, 0, 7 }, { { 3, 4, 7, 0, 2, 4, 5, 0xb4 }, 1460, -1 },
        { { 1, 1, 1, 1, 3, 3, 7, 2 }, 0, 7 },           /* cut short behind its kind */
        { { 1, 1, 1, 1, 1, 3, 3, 7 }, 0, 7 },           /* up to the last byte */
        { { 1, 1, 1, 1, 1, 2, 4, 5 }, 0, -1 },          /* one byte too long */
    };
    const vmcSegment segment = { .flags = VMC_TCP_SYN, .mss = 1, .scale = 1 };
    uint8_t bytes[VMC_FRAME_HEADERS];
    size_t len = vmcFrameTcp(bytes, &way, &segment, NULL, 0, false);
    vmcFrame frame;

    g_assert_cmpuint(len, ==, sizeof(bytes));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        memcpy(bytes + MESSAGE + VMC_TCP_LEN, cases[i].options, 8);
        g_assert_cmpint(parse(&frame, bytes, len, false), ==, VMC_FRAME_TCP);
        g_assert_cmpuint(frame.segment.mss, ==, cases[i].mss);
        g_assert_cmpint(frame.segment.scale, ==, cases[i].scale);
        g_assert_cmpuint(frame.len, ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/frame/quoted", testQuoted);
    g_test_add_func("/endpoint/frame/not-quoted", testNotQuoted);
    g_test_add_func("/endpoint/frame/arp", testArp);
    g_test_add_func("/endpoint/frame/tag", testTag);
    g_test_add_func("/endpoint/frame/ip6", testIp6);
    g_test_add_func("/endpoint/frame/ip-options", testIpOptions);
    g_test_add_func("/endpoint/frame/udp", testUdp);
    g_test_add_func("/endpoint/frame/tcp-options", testTcpOptions);
    return g_test_run();
}
