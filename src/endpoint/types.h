/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the endpoint, and those who speak of its connections, call things by.
 * Pure: only types.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds on a clock that never goes back. */
typedef int64_t vmcTime;
#define VMC_TIME_NEVER INT64_MAX

#define VMC_MAC_LEN 6

#define VMC_ENDPOINT_MAX_CONNS 1024     /* of all channels, see quota.h; TIME_WAIT not counted */
#define VMC_ENDPOINT_RATE 10000         /* new connections a second of one channel, for long */
#define VMC_ENDPOINT_BURST 2048         /* and at once, after a time without any */
#define VMC_ENDPOINT_CONN_BUFFER 64512  /* bytes of a stalled connection; 64 KiB with all else */
#define VMC_ENDPOINT_FLIGHT_MAX (448 * 1024)    /* bytes in flight to the guest, of a connection */
#define VMC_ENDPOINT_FRAME_MAX 65534    /* bytes, ethernet header included */

typedef struct {
    uint8_t mac[VMC_MAC_LEN];   /* the endpoint's own */
    struct in_addr guest;       /* the address that DHCP gives */
    unsigned int prefix;        /* its prefix length, 8 to 31 */
    bool noDhcp;                /* gives nobody: the guest's address is static */
    unsigned int mtu;           /* IP bytes a frame, 576 to 65520; option 26 */
    size_t frameMax;            /* bytes of a frame that the link takes; 0: any */
    uint8_t secret[16];         /* random: makes initial sequence numbers */
    bool noChecksums;           /* the link needs none: neither checked nor made */
} vmcEndpointConfig;

/* Which guest connection: the channel and the guest's side of the 4-tuple. */
typedef struct {
    struct in_addr address;     /* the channel's */
    uint16_t port;              /* the channel's, host byte order */
    struct in_addr peer;        /* the guest's */
    uint16_t peerPort;          /* host byte order */
} vmcEndpointTuple;
