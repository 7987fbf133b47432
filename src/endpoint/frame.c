/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames taken apart and put together: see frame.h. Wire structs are copied in
 * and out, never overlaid, so alignment and length are checked in one place.
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "endpoint/frame.h"

#include <glib.h>
#include <string.h>

/* The wire's own layouts; every field in network byte order. */
typedef struct {
    uint8_t dst[VMC_MAC_LEN];
    uint8_t src[VMC_MAC_LEN];
    uint16_t type;
} etherHeader;
G_STATIC_ASSERT(sizeof(etherHeader) == VMC_ETHER_LEN);

typedef struct {
    uint16_t hardware;
    uint16_t protocol;
    uint8_t hardwareLen;
    uint8_t protocolLen;
    uint16_t op;
    uint8_t senderMac[VMC_MAC_LEN];
    uint8_t sender[4];
    uint8_t targetMac[VMC_MAC_LEN];
    uint8_t target[4];
} arpPacket;
G_STATIC_ASSERT(sizeof(arpPacket) == VMC_ARP_LEN);

typedef struct {
    uint8_t version;            /* and header length in words */
    uint8_t service;
    uint16_t len;
    uint16_t id;
    uint16_t fragment;          /* flags and offset */
    uint8_t ttl;
    uint8_t protocol;
    uint16_t sum;
    struct in_addr src;
    struct in_addr dst;
} ipHeader;
G_STATIC_ASSERT(sizeof(ipHeader) == VMC_IP_LEN);

typedef struct {
    uint16_t srcPort;
    uint16_t dstPort;
    uint32_t seq;
    uint32_t ack;
    uint8_t offset;             /* header length in words, in the upper half */
    uint8_t flags;
    uint16_t window;
    uint16_t sum;
    uint16_t urgent;
} tcpHeader;
G_STATIC_ASSERT(sizeof(tcpHeader) == VMC_TCP_LEN);

typedef struct {
    uint16_t srcPort;
    uint16_t dstPort;
    uint16_t len;
    uint16_t sum;
} udpHeader;
G_STATIC_ASSERT(sizeof(udpHeader) == VMC_UDP_LEN);

/* What a TCP or UDP checksum covers besides the message. */
typedef struct {
    struct in_addr src;
    struct in_addr dst;
    uint8_t zero;
    uint8_t protocol;
    uint16_t len;
} pseudoHeader;
G_STATIC_ASSERT(sizeof(pseudoHeader) == 12);

/* IPv6's (RFC 8200), which is not spoken. */
typedef struct {
    uint8_t version;            /* in the upper half */
    uint8_t other[7];
    struct in6_addr src;
    struct in6_addr dst;
} ip6Header;
G_STATIC_ASSERT(sizeof(ip6Header) == 40);

enum {
    ETHER_TYPE_IP = 0x0800,
    ETHER_TYPE_ARP = 0x0806,
    ETHER_TYPE_TAG = 0x8100,
    ETHER_TYPE_IPV6 = 0x86dd,
    VLAN = 0x0fff,
    IP_FRAGMENT = 0x3fff,       /* more fragments, or an offset */
    IP_DONT_FRAGMENT = 0x4000,
    ICMP_HEADER = 8,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_SCALE = 3,
    SCALE_MAX = 14,
};

const uint8_t vmcMacBroadcast[VMC_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Two words side by side, added in one instruction where the machine can. */
typedef uint64_t wordPair __attribute__((vector_size(16)));

/*
 * Words of 8 bytes are summed by halves: 2^32 of them fit before one overflows.
 * Two sums of each half, so that one addition need not wait for the other.
 */
uint64_t
vmcChecksumAdd(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
    const wordPair mask = { 0xffffffff, 0xffffffff };
    wordPair low[2] = { { 0 } };
    wordPair high[2] = { { 0 } };
    wordPair total;

    for (; len >= 32; p += 32, len -= 32) {
        wordPair words[2];

        memcpy(words, p, sizeof(words));
        low[0] += words[0] & mask;
        low[1] += words[1] & mask;
        high[0] += words[0] >> 32;
        high[1] += words[1] >> 32;
    }
    total = low[0] + low[1] + high[0] + high[1];
    for (; len > 0; p += MIN(len, 8), len -= MIN(len, 8)) {
        uint64_t word = 0;

        memcpy(&word, p, MIN(len, 8));
        sum += (word & 0xffffffff) + (word >> 32);
    }
    return sum + total[0] + total[1];
}

uint16_t
vmcChecksumFold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint64_t
pseudoSum(struct in_addr src, struct in_addr dst, uint8_t protocol, size_t len)
{
    pseudoHeader pseudo = {
        .src = src, .dst = dst, .protocol = protocol, .len = htons((uint16_t)len),
    };

    return vmcChecksumAdd(0, &pseudo, sizeof(pseudo));
}

static vmcFrameKind
parseArp(vmcFrame *frame, const uint8_t *data, size_t len)
{
    arpPacket arp;

    if (len < sizeof(arp))
        return VMC_FRAME_MALFORMED;
    memcpy(&arp, data, sizeof(arp));
    if (ntohs(arp.hardware) != 1 || ntohs(arp.protocol) != ETHER_TYPE_IP ||
        arp.hardwareLen != VMC_MAC_LEN || arp.protocolLen != 4)
        return VMC_FRAME_OTHER;
    frame->arp.op = ntohs(arp.op);
    memcpy(frame->arp.senderMac, arp.senderMac, VMC_MAC_LEN);
    memcpy(&frame->arp.sender, arp.sender, 4);
    memcpy(frame->arp.targetMac, arp.targetMac, VMC_MAC_LEN);
    memcpy(&frame->arp.target, arp.target, 4);
    return VMC_FRAME_ARP;
}

/* Options that are cut short end the list: what stood before them counts. */
static void
parseTcpOptions(vmcSegment *segment, const uint8_t *data, size_t len)
{
    segment->mss = 0;
    segment->scale = -1;
    while (len > 0 && *data != OPTION_END) {
        size_t size = *data == OPTION_NOP ? 1 : len > 1 ? data[1] : 0;

        if (size == 0 || size > len || (size == 1 && *data != OPTION_NOP))
            return;
        if (*data == OPTION_MSS && size == 4)
            segment->mss = (uint16_t)(data[2] << 8 | data[3]);
        else if (*data == OPTION_SCALE && size == 3)
            segment->scale = (int8_t)MIN(data[2], SCALE_MAX);
        data += size;
        len -= size;
    }
}

static vmcFrameKind
parseTcp(vmcFrame *frame, const uint8_t *data, size_t len)
{
    tcpHeader tcp;
    size_t offset;

    if (len < sizeof(tcp))
        return VMC_FRAME_MALFORMED;
    memcpy(&tcp, data, sizeof(tcp));
    offset = (size_t)(tcp.offset >> 4) * 4;
    if (offset < sizeof(tcp) || offset > len)
        return VMC_FRAME_MALFORMED;
    frame->address.srcPort = ntohs(tcp.srcPort);
    frame->address.dstPort = ntohs(tcp.dstPort);
    frame->segment.seq = ntohl(tcp.seq);
    frame->segment.ack = ntohl(tcp.ack);
    frame->segment.flags = tcp.flags;
    frame->segment.window = ntohs(tcp.window);
    parseTcpOptions(&frame->segment, data + sizeof(tcp), offset - sizeof(tcp));
    frame->payload = data + offset;
    frame->len = len - offset;
    return VMC_FRAME_TCP;
}

static vmcFrameKind
parseUdp(vmcFrame *frame, const uint8_t *data, size_t len)
{
    udpHeader udp;

    if (len < sizeof(udp))
        return VMC_FRAME_MALFORMED;
    memcpy(&udp, data, sizeof(udp));
    if (ntohs(udp.len) < sizeof(udp) || ntohs(udp.len) > len)
        return VMC_FRAME_MALFORMED;
    frame->address.srcPort = ntohs(udp.srcPort);
    frame->address.dstPort = ntohs(udp.dstPort);
    frame->payload = data + sizeof(udp);
    frame->len = ntohs(udp.len) - sizeof(udp);
    return VMC_FRAME_UDP;
}

static vmcFrameKind
parseIcmp(vmcFrame *frame, const uint8_t *data, size_t len)
{
    if (len < ICMP_HEADER)
        return VMC_FRAME_MALFORMED;
    frame->payload = data;
    frame->len = len;
    return VMC_FRAME_ICMP;
}

static bool
checksumIsRight(const ipHeader *ip, const uint8_t *data, size_t len)
{
    udpHeader udp;
    uint64_t sum = 0;

    if (ip->protocol == IPPROTO_UDP && len >= sizeof(udp)) {
        memcpy(&udp, data, sizeof(udp));
        if (udp.sum == 0)       /* the sender has made none */
            return true;
        /* A UDP message may be shorter than its packet. */
        len = MIN(len, ntohs(udp.len));
    }
    if (ip->protocol != IPPROTO_ICMP)
        sum = pseudoSum(ip->src, ip->dst, ip->protocol, len);
    return vmcChecksumFold(vmcChecksumAdd(sum, data, len)) == 0;
}

static vmcFrameKind
parseProtocol(vmcFrame *frame, const ipHeader *ip, const uint8_t *data, size_t len, bool verify)
{
    static const struct {
        uint8_t protocol;
        vmcFrameKind (*parse)(vmcFrame *frame, const uint8_t *data, size_t len);
    } protocols[] = {
        { IPPROTO_TCP, parseTcp },
        { IPPROTO_UDP, parseUdp },
        { IPPROTO_ICMP, parseIcmp },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
        if (protocols[i].protocol != ip->protocol)
            continue;
        if (verify && !checksumIsRight(ip, data, len))
            return VMC_FRAME_MALFORMED;
        return protocols[i].parse(frame, data, len);
    }
    return VMC_FRAME_OTHER;
}

static vmcFrameKind
parseIp(vmcFrame *frame, const uint8_t *data, size_t len, bool verify)
{
    ipHeader ip;
    size_t header;

    if (len < sizeof(ip))
        return VMC_FRAME_MALFORMED;
    memcpy(&ip, data, sizeof(ip));
    header = (size_t)(ip.version & 0xf) * 4;
    /* A short frame is padded: only the packet's own length counts. */
    if (ip.version >> 4 != 4 || header < sizeof(ip) ||
        ntohs(ip.len) < header || ntohs(ip.len) > len)
        return VMC_FRAME_MALFORMED;
    if ((ntohs(ip.fragment) & IP_FRAGMENT) != 0)
        return VMC_FRAME_OTHER;
    if (verify && vmcChecksumFold(vmcChecksumAdd(0, data, header)) != 0)
        return VMC_FRAME_MALFORMED;
    frame->address.src = ip.src;
    frame->address.dst = ip.dst;
    return parseProtocol(frame, &ip, data + header, ntohs(ip.len) - header, verify);
}

/* RFC 4862: a host looks whether its address is free, from the unspecified one. */
static vmcFrameKind
parseIp6(const uint8_t *data, size_t len)
{
    ip6Header ip;

    if (len < sizeof(ip))
        return VMC_FRAME_OTHER;
    memcpy(&ip, data, sizeof(ip));
    return ip.version >> 4 == 6 && IN6_IS_ADDR_UNSPECIFIED(&ip.src) ? VMC_FRAME_IPV6_NEW
                                                                    : VMC_FRAME_OTHER;
}

vmcFrameKind
vmcFrameParse(vmcFrame *frame, const void *data, size_t len, bool verify)
{
    const uint8_t *packet;
    etherHeader ether;
    uint16_t tag[2];

    if (len < VMC_ETHER_LEN)
        return VMC_FRAME_MALFORMED;
    packet = (const uint8_t *)data + VMC_ETHER_LEN;
    memcpy(&ether, data, sizeof(ether));
    memcpy(frame->address.srcMac, ether.src, VMC_MAC_LEN);
    memcpy(frame->address.dstMac, ether.dst, VMC_MAC_LEN);
    len -= VMC_ETHER_LEN;
    /* IEEE 802.1Q: a tag for VLAN 0 says a priority only. */
    if (ntohs(ether.type) == ETHER_TYPE_TAG && len >= sizeof(tag)) {
        memcpy(tag, packet, sizeof(tag));
        if ((ntohs(tag[0]) & VLAN) != 0)
            return VMC_FRAME_OTHER;
        ether.type = tag[1];
        packet += sizeof(tag);
        len -= sizeof(tag);
    }
    switch (ntohs(ether.type)) {
    case ETHER_TYPE_ARP:
        return parseArp(frame, packet, len);
    case ETHER_TYPE_IP:
        return parseIp(frame, packet, len, verify);
    case ETHER_TYPE_IPV6:
        return parseIp6(packet, len);
    default:
        return VMC_FRAME_OTHER;
    }
}

bool
vmcFrameQuoted(const vmcFrame *frame, vmcFrameAddress *address, uint32_t *seq)
{
    const uint8_t *packet;
    ipHeader ip;
    uint16_t ports[2];
    uint32_t number;

    /* RFC 792: the IP header, and the first 8 bytes after it. */
    if (frame->len < ICMP_HEADER + sizeof(ip) + sizeof(ports) + sizeof(number))
        return false;
    packet = frame->payload + ICMP_HEADER;
    memcpy(&ip, packet, sizeof(ip));
    if (ip.version != 0x45 || ip.protocol != IPPROTO_TCP)
        return false;
    memcpy(ports, packet + sizeof(ip), sizeof(ports));
    memcpy(&number, packet + sizeof(ip) + sizeof(ports), sizeof(number));
    *address = (vmcFrameAddress) {
        .src = ip.src, .dst = ip.dst, .srcPort = ntohs(ports[0]), .dstPort = ntohs(ports[1]),
    };
    *seq = ntohl(number);
    return true;
}

static uint8_t *
putEther(uint8_t *p, const uint8_t *srcMac, const uint8_t *dstMac, uint16_t type)
{
    etherHeader ether = { .type = htons(type) };

    memcpy(ether.src, srcMac, VMC_MAC_LEN);
    memcpy(ether.dst, dstMac, VMC_MAC_LEN);
    memcpy(p, &ether, sizeof(ether));
    return p + sizeof(ether);
}

/* @len: bytes after the IP header. */
static uint8_t *
putIp(uint8_t *p, const vmcFrameAddress *address, uint8_t protocol, size_t len)
{
    ipHeader ip = {
        .version = 0x45,
        .len = htons((uint16_t)(sizeof(ip) + len)),
        .fragment = htons(IP_DONT_FRAGMENT),
        .ttl = 64,
        .protocol = protocol,
        .src = address->src,
        .dst = address->dst,
    };

    ip.sum = vmcChecksumFold(vmcChecksumAdd(0, &ip, sizeof(ip)));
    p = putEther(p, address->srcMac, address->dstMac, ETHER_TYPE_IP);
    memcpy(p, &ip, sizeof(ip));
    return p + sizeof(ip);
}

static size_t
putTcpOptions(uint8_t *p, const vmcSegment *segment)
{
    const uint8_t mss[4] = {
        OPTION_MSS, 4, (uint8_t)(segment->mss >> 8), (uint8_t)segment->mss
    };
    const uint8_t scale[4] = { OPTION_NOP, OPTION_SCALE, 3, (uint8_t)segment->scale };
    size_t len = 0;

    if (segment->mss != 0) {
        memcpy(p, mss, sizeof(mss));
        len += sizeof(mss);
    }
    if (segment->scale >= 0) {
        memcpy(p + len, scale, sizeof(scale));
        len += sizeof(scale);
    }
    return len;
}

size_t
vmcFrameTcp(uint8_t *headers, const vmcFrameAddress *address, const vmcSegment *segment,
            const void *payload, size_t len, bool checksum)
{
    uint8_t *p = headers + VMC_ETHER_LEN + VMC_IP_LEN;
    size_t size = sizeof(tcpHeader) + putTcpOptions(p + sizeof(tcpHeader), segment);
    tcpHeader tcp = {
        .srcPort = htons(address->srcPort),
        .dstPort = htons(address->dstPort),
        .seq = htonl(segment->seq),
        .ack = htonl(segment->ack),
        .offset = (uint8_t)(size / 4 << 4),
        .flags = segment->flags,
        .window = htons(segment->window),
    };
    uint64_t sum;

    putIp(headers, address, IPPROTO_TCP, size + len);
    memcpy(p, &tcp, sizeof(tcp));
    if (checksum) {
        sum = pseudoSum(address->src, address->dst, IPPROTO_TCP, size + len);
        sum = vmcChecksumAdd(vmcChecksumAdd(sum, p, size), payload, len);
        tcp.sum = vmcChecksumFold(sum);
        memcpy(p, &tcp, sizeof(tcp));
    }
    return VMC_ETHER_LEN + VMC_IP_LEN + size;
}

size_t
vmcFrameUdp(uint8_t *headers, const vmcFrameAddress *address,
            const void *payload, size_t len, bool checksum)
{
    udpHeader udp = {
        .srcPort = htons(address->srcPort),
        .dstPort = htons(address->dstPort),
        .len = htons((uint16_t)(sizeof(udp) + len)),
    };
    uint8_t *p = putIp(headers, address, IPPROTO_UDP, sizeof(udp) + len);
    uint64_t sum = pseudoSum(address->src, address->dst, IPPROTO_UDP, sizeof(udp) + len);

    if (checksum) {
        sum = vmcChecksumAdd(vmcChecksumAdd(sum, &udp, sizeof(udp)), payload, len);
        udp.sum = vmcChecksumFold(sum);
        if (udp.sum == 0)       /* 0 would say that there is none */
            udp.sum = 0xffff;
    }
    memcpy(p, &udp, sizeof(udp));
    return VMC_ETHER_LEN + VMC_IP_LEN + sizeof(udp);
}

size_t
vmcFrameIcmp(uint8_t *headers, const vmcFrameAddress *address, size_t len)
{
    putIp(headers, address, IPPROTO_ICMP, len);
    return VMC_ETHER_LEN + VMC_IP_LEN;
}

size_t
vmcFrameArp(uint8_t *headers, const uint8_t *srcMac, const uint8_t *dstMac, const vmcArp *arp)
{
    arpPacket packet = {
        .hardware = htons(1),
        .protocol = htons(ETHER_TYPE_IP),
        .hardwareLen = VMC_MAC_LEN,
        .protocolLen = 4,
        .op = htons(arp->op),
    };

    memcpy(packet.senderMac, arp->senderMac, VMC_MAC_LEN);
    memcpy(packet.sender, &arp->sender, 4);
    memcpy(packet.targetMac, arp->targetMac, VMC_MAC_LEN);
    memcpy(packet.target, &arp->target, 4);
    memcpy(putEther(headers, srcMac, dstMac, ETHER_TYPE_ARP), &packet, sizeof(packet));
    return VMC_ETHER_LEN + sizeof(packet);
}
