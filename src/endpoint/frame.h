/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ethernet frames of the guest's link: taken apart into a small view, and put
 * together. Nothing here decides what is answered. Pure: works on the bytes
 * that it is given.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint/types.h"

#define VMC_ETHER_LEN 14        /* bytes of an ethernet header */
#define VMC_IP_LEN 20           /* of an IP header; options are skipped, and none sent */
#define VMC_TCP_LEN 20          /* of a TCP header without options */
#define VMC_UDP_LEN 8
#define VMC_ARP_LEN 28
#define VMC_TCP_OPTIONS 8       /* what we send: MSS, NOP and window scale */
#define VMC_FRAME_HEADERS (VMC_ETHER_LEN + VMC_IP_LEN + VMC_TCP_LEN + VMC_TCP_OPTIONS)

/* Flags of a TCP segment, as on the wire. */
enum {
    VMC_TCP_FIN = 0x01,
    VMC_TCP_SYN = 0x02,
    VMC_TCP_RST = 0x04,
    VMC_TCP_PSH = 0x08,
    VMC_TCP_ACK = 0x10,
};

typedef enum {
    VMC_FRAME_MALFORMED,        /* cut short, or a wrong length or checksum */
    VMC_FRAME_OTHER,            /* whole, but nothing that we speak */
    VMC_FRAME_ARP,
    VMC_FRAME_TCP,
    VMC_FRAME_UDP,
    VMC_FRAME_ICMP,
    VMC_FRAME_IPV6_NEW,         /* IPv6 of a host that has no address yet; no more of it is read */
    VMC_FRAME_LAST
} vmcFrameKind;

/* From where to where; ports in host byte order. */
typedef struct {
    uint8_t srcMac[VMC_MAC_LEN];
    uint8_t dstMac[VMC_MAC_LEN];
    struct in_addr src;
    struct in_addr dst;
    uint16_t srcPort;           /* TCP and UDP only */
    uint16_t dstPort;
} vmcFrameAddress;

/* The words of a TCP header, in host byte order. */
typedef struct {
    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
    uint16_t window;            /* as on the wire, not yet scaled */
    uint16_t mss;               /* 0: the option is absent */
    int8_t scale;               /* -1: the option is absent */
} vmcSegment;

/* The fields of an ARP packet that differ; addresses in network byte order. */
typedef struct {
    uint16_t op;                /* 1 request, 2 reply */
    uint8_t senderMac[VMC_MAC_LEN];
    struct in_addr sender;
    uint8_t targetMac[VMC_MAC_LEN];
    struct in_addr target;
} vmcArp;

/* One received frame; @payload points into it. */
typedef struct {
    vmcFrameAddress address;
    vmcSegment segment;         /* TCP */
    vmcArp arp;                 /* ARP */
    const uint8_t *payload;     /* TCP and UDP: data; ICMP: the whole message */
    size_t len;
} vmcFrame;

extern const uint8_t vmcMacBroadcast[VMC_MAC_LEN];

/*
 * vmcFrameParse:
 * Fills @frame from @len bytes of @data. @verify: checksums must be right.
 * On MALFORMED and OTHER the view's contents mean nothing.
 */
vmcFrameKind vmcFrameParse(vmcFrame *frame, const void *data, size_t len, bool verify);

/*
 * vmcFrameQuoted:
 * Which segment of TCP an ICMP error in @frame speaks of: from where to where (no
 * MAC addresses), and its number. False when it quotes none, or too little of it.
 */
bool vmcFrameQuoted(const vmcFrame *frame, vmcFrameAddress *address, uint32_t *seq);

/*
 * vmcFrameTcp, vmcFrameUdp, vmcFrameIcmp, vmcFrameArp:
 * Write the headers that stand before @len bytes of @payload, and return their
 * length: at most VMC_FRAME_HEADERS. @checksum: also that of the payload's
 * protocol; else its field is 0. An ICMP message has its own checksum inside.
 */
size_t vmcFrameTcp(uint8_t *headers, const vmcFrameAddress *address, const vmcSegment *segment,
                   const void *payload, size_t len, bool checksum);
size_t vmcFrameUdp(uint8_t *headers, const vmcFrameAddress *address,
                   const void *payload, size_t len, bool checksum);
size_t vmcFrameIcmp(uint8_t *headers, const vmcFrameAddress *address, size_t len);
size_t vmcFrameArp(uint8_t *headers, const uint8_t *srcMac, const uint8_t *dstMac,
                   const vmcArp *arp);

/*
 * vmcChecksumAdd: the one's complement sum of @len bytes, not folded, on top of
 * @sum. All parts but the last have an even length.
 * vmcChecksumFold: what is written to the wire, in network byte order.
 */
uint64_t vmcChecksumAdd(uint64_t sum, const void *data, size_t len);
uint16_t vmcChecksumFold(uint64_t sum);
