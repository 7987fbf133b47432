/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host at the far end of the guest's link: see endpoint.h. Here stand its
 * life, its channels, and all that it answers but TCP, which is tcp.c's. Pure:
 * frames and a clock go in, frames and the owner's ops come out.
 *
 * What is answered, and nothing else: DHCP, and ARP, echo requests and TCP to the
 * endpoint's own addresses, which are those that have a channel, and the DHCP
 * server's. Answers go to the MAC that the frame came from, so that a guest with a
 * static address works too. An answer for which the link has no room is
 * dropped: the guest asks again.
 */
#include <config.h>

#include "endpoint/endpoint.h"

#include <string.h>

#include "endpoint/dhcp.h"
#include "endpoint/endpoint_priv.h"
#include "endpoint/output.h"
#include "endpoint/presence.h"
#include "endpoint/tcp.h"

enum {
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
    ICMP_UNREACHABLE = 3,
    ICMP_TOO_LARGE = 4,         /* its code: fragmentation needed */
    ICMP_ECHO = 8,
};

/* A guest that is silent for longer may have been rebooted meanwhile. */
#define SILENCE ((vmcTime)5000000)

/* Before any clock's start by more than each interval here. */
#define LONG_AGO (-((vmcTime)1 << 62))

static unsigned int
tupleHash(gconstpointer key)
{
    const vmcEndpointTuple *tuple = key;
    uint32_t hash = (uint32_t)tuple->port << 16 | tuple->peerPort;

    hash = (hash ^ tuple->peer.s_addr) * 0x9e3779b1u;
    hash = (hash ^ hash >> 15 ^ tuple->address.s_addr) * 0x85ebca77u;
    return hash ^ hash >> 13;
}

static gboolean
tupleEqual(gconstpointer keyA, gconstpointer keyB)
{
    const vmcEndpointTuple *a = keyA;
    const vmcEndpointTuple *b = keyB;

    return a->peerPort == b->peerPort && a->port == b->port &&
        a->peer.s_addr == b->peer.s_addr && a->address.s_addr == b->address.s_addr;
}

vmcEndpoint *
vmcEndpointNew(const vmcEndpointConfig *config, const vmcEndpointOps *ops, void *opaque)
{
    vmcEndpoint *ep = g_new0(vmcEndpoint, 1);

    /* The table's key is the first member of its value. */
    G_STATIC_ASSERT(offsetof(vmcEndpointConn, tuple) == 0);
    ep->config = *config;
    if (config->frameMax > 0)
        ep->config.mtu = MIN(config->mtu, (unsigned int)config->frameMax - VMC_ETHER_LEN);
    ep->ops = ops;
    ep->opaque = opaque;
    ep->channels = g_ptr_array_new_with_free_func(g_free);
    ep->conns = g_hash_table_new(tupleHash, tupleEqual);
    ep->timers = g_ptr_array_new();
    /* Not in the struct, which is cleared: untouched it takes no memory. */
    ep->payload = g_malloc(VMC_ENDPOINT_FRAME_MAX);
    ep->roundAt = VMC_TIME_NEVER;
    ep->askedAt = ep->knownAt = LONG_AGO;
    g_queue_init(&ep->turns);
    vmcTurnsInit(&ep->channelless);
    g_queue_init(&ep->linger);
    g_queue_init(&ep->held);
    return ep;
}

void
vmcEndpointFree(vmcEndpoint *ep)
{
    g_autoptr(GList) conns = NULL;

    if (!ep)
        return;
    conns = g_hash_table_get_keys(ep->conns);
    for (GList *item = conns; item; item = item->next) {
        vmcTcpDetach(ep, item->data, true);
        vmcTcpFree(ep, item->data);
    }
    g_hash_table_destroy(ep->conns);
    g_ptr_array_unref(ep->channels);
    g_ptr_array_free(ep->timers, TRUE);
    g_free(ep->payload);
    g_free(ep);
}

vmcEndpointChannel *
vmcEndpointFindChannel(const vmcEndpoint *ep, struct in_addr address, uint16_t port)
{
    for (unsigned int i = 0; i < ep->channels->len; i++) {
        vmcEndpointChannel *entry = ep->channels->pdata[i];

        if (entry->port == port && entry->address.s_addr == address.s_addr)
            return entry;
    }
    return NULL;
}

int
vmcEndpointAddChannel(vmcEndpoint *ep, struct in_addr address, uint16_t port, void *channel,
                      bool alone)
{
    vmcEndpointChannel *added;

    if (vmcEndpointFindChannel(ep, address, port))
        return -1;
    added = g_new0(vmcEndpointChannel, 1);
    added->address = address;
    added->port = port;
    added->rate = VMC_RATE_BEGIN;
    added->channel = channel;
    added->alone = alone;
    vmcTurnsInit(&added->turns);
    g_ptr_array_add(ep->channels, added);
    return 0;
}

/* Only attached and held connections: others may be freed when one of these is aborted. */
static GList *
attachedTo(const vmcEndpoint *ep, const void *channel)
{
    GList *found = NULL;
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, ep->conns);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const vmcEndpointConn *conn = key;

        if ((conn->attached || conn->held) && conn->channel->channel == channel)
            found = g_list_prepend(found, key);
    }
    return found;
}

void
vmcEndpointRemoveChannel(vmcEndpoint *ep, vmcTime now, void *channel)
{
    g_autoptr(GList) conns = attachedTo(ep, channel);

    for (GList *item = conns; item; item = item->next)
        vmcTcpAbort(ep, item->data);
    for (unsigned int i = ep->channels->len; i > 0; i--) {
        vmcEndpointChannel *entry = ep->channels->pdata[i - 1];

        if (entry->channel != channel)
            continue;
        vmcTurnsClear(&ep->turns, &entry->turns);
        g_ptr_array_remove_index(ep->channels, i - 1);
    }
    vmcEndpointFlush(ep, now);
}

static bool
isOwnAddress(const vmcEndpoint *ep, struct in_addr address)
{
    if (!ep->config.noDhcp && address.s_addr == vmcDhcpServer(&ep->config).s_addr)
        return true;
    for (unsigned int i = 0; i < ep->channels->len; i++) {
        const vmcEndpointChannel *entry = ep->channels->pdata[i];

        if (entry->address.s_addr == address.s_addr)
            return true;
    }
    return false;
}

/* Whether one host can have @address: not 0.x, loopback, multicast or above. */
static bool
isUnicast(struct in_addr address)
{
    uint32_t top = ntohl(address.s_addr) >> 24;

    return top != 0 && top != 127 && top < 224;
}

/* The address of an answer to @frame: there and back exchanged. */
static void
answerAddress(const vmcEndpoint *ep, const vmcFrame *frame, vmcFrameAddress *address)
{
    *address = frame->address;
    memcpy(address->dstMac, frame->address.srcMac, VMC_MAC_LEN);
    memcpy(address->srcMac, ep->config.mac, VMC_MAC_LEN);
    address->src = frame->address.dst;
    address->dst = frame->address.src;
}

/*
 * A probe for an address that nobody has yet (sender 0.0.0.0) is answered too. It, and the
 * announcement of an address, are what RFC 5227 wants of a host that comes up.
 */
static bool
inputArp(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    vmcArp reply = { .op = ARP_REPLY, .sender = frame->arp.target, .target = frame->arp.sender };
    uint8_t headers[VMC_FRAME_HEADERS];
    size_t len;

    if (frame->arp.sender.s_addr == 0 || frame->arp.sender.s_addr == frame->arp.target.s_addr)
        vmcPresenceBoots(ep, now);
    if (frame->arp.op != ARP_REQUEST || !isOwnAddress(ep, frame->arp.target) ||
        frame->arp.sender.s_addr == frame->arp.target.s_addr)
        return false;
    memcpy(reply.senderMac, ep->config.mac, VMC_MAC_LEN);
    memcpy(reply.targetMac, frame->arp.senderMac, VMC_MAC_LEN);
    len = vmcFrameArp(headers, ep->config.mac, frame->address.srcMac, &reply);
    vmcOutputAnswer(ep, headers, len, NULL, 0);
    return true;
}

static bool
inputEcho(vmcEndpoint *ep, const vmcFrame *frame)
{
    uint8_t headers[VMC_FRAME_HEADERS];
    vmcFrameAddress address;
    uint16_t sum;

    if (frame->payload[1] != 0 || frame->len > ep->config.mtu - VMC_IP_LEN)
        return false;
    memcpy(ep->payload, frame->payload, frame->len);
    memset(ep->payload, 0, 4);          /* an echo reply; its checksum comes last */
    sum = vmcChecksumFold(vmcChecksumAdd(0, ep->payload, frame->len));
    memcpy(ep->payload + 2, &sum, sizeof(sum));
    answerAddress(ep, frame, &address);
    vmcOutputAnswer(ep, headers, vmcFrameIcmp(headers, &address, frame->len),
                    ep->payload, frame->len);
    return true;
}

/*
 * What a firewall says that rejects: a protocol or a port unreachable, or prohibited.
 * And what a router says whose next hop does not carry so much (RFC 1191).
 */
static bool
inputUnreachable(vmcEndpoint *ep, const vmcFrame *frame)
{
    static const uint8_t codes[] = { 2, 3, 9, 10, 13 };
    bool large = frame->payload[1] == ICMP_TOO_LARGE;
    vmcFrameAddress quoted;
    vmcEndpointTuple tuple;
    vmcEndpointConn *conn;
    uint32_t seq;

    if ((!large && !memchr(codes, frame->payload[1], sizeof(codes))) ||
        !vmcFrameQuoted(frame, &quoted, &seq))
        return false;
    tuple = (vmcEndpointTuple) {
        .address = quoted.src, .port = quoted.srcPort,
        .peer = quoted.dst, .peerPort = quoted.dstPort,
    };
    if (!large)
        return vmcPresenceUnreachable(ep, &tuple, seq);
    conn = g_hash_table_lookup(ep->conns, &tuple);
    return conn && vmcTcpTooLarge(ep, conn, seq, frame->payload[6] << 8 | frame->payload[7]);
}

static bool
inputIcmp(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    (void)now;
    if (!isOwnAddress(ep, frame->address.dst))
        return false;
    if (frame->payload[0] == ICMP_UNREACHABLE)
        return inputUnreachable(ep, frame);
    return frame->payload[0] == ICMP_ECHO && inputEcho(ep, frame);
}

static bool
inputDhcp(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    uint8_t headers[VMC_FRAME_HEADERS];
    vmcFrameAddress address = {
        .src = vmcDhcpServer(&ep->config),
        .srcPort = VMC_DHCP_SERVER_PORT,
        .dstPort = VMC_DHCP_CLIENT_PORT,
    };
    vmcDhcpReply reply;
    size_t len;

    if (!vmcDhcpAnswer(&ep->config, frame->payload, frame->len, &reply))
        return false;
    address.dst = reply.to;
    if (reply.broadcast)
        address.dst.s_addr = INADDR_BROADCAST;
    memcpy(address.srcMac, ep->config.mac, VMC_MAC_LEN);
    memcpy(address.dstMac, reply.broadcast ? vmcMacBroadcast : reply.mac, VMC_MAC_LEN);
    len = vmcFrameUdp(headers, &address, reply.data, reply.len, !ep->config.noChecksums);
    vmcOutputAnswer(ep, headers, len, reply.data, reply.len);
    if (reply.firmware)
        vmcPresenceForgotten(ep, reply.mac);
    if (reply.afresh)
        vmcPresenceBoots(ep, now);
    return true;
}

static bool
inputUdp(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    return !ep->config.noDhcp && frame->address.dstPort == VMC_DHCP_SERVER_PORT &&
        frame->address.srcPort == VMC_DHCP_CLIENT_PORT && inputDhcp(ep, now, frame);
}

/* A segment to an address that is not the host's is dropped, not reset. */
static bool
inputTcp(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    return isOwnAddress(ep, frame->address.dst) && vmcTcpInput(ep, now, frame);
}

static bool
inputIp6New(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    (void)frame;
    vmcPresenceBoots(ep, now);
    return false;
}

/* What is done with each kind of frame, and which destinations it may have. */
static const struct {
    bool (*input)(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame);
    bool broadcast;             /* may come by broadcast */
    bool group;                 /* may come to a group */
    bool unicast;               /* only from one host, which is not the endpoint */
} kinds[] = {
    [VMC_FRAME_MALFORMED] = { .input = NULL },
    [VMC_FRAME_OTHER] = { .input = NULL },
    [VMC_FRAME_ARP] = { .input = inputArp, .broadcast = true },
    [VMC_FRAME_TCP] = { .input = inputTcp, .unicast = true },
    [VMC_FRAME_UDP] = { .input = inputUdp, .broadcast = true },
    [VMC_FRAME_ICMP] = { .input = inputIcmp, .unicast = true },
    [VMC_FRAME_IPV6_NEW] = { .input = inputIp6New, .group = true },
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == VMC_FRAME_LAST);

static bool
isForUs(const vmcEndpoint *ep, vmcFrameKind kind, const vmcFrameAddress *address)
{
    bool broadcast = memcmp(address->dstMac, vmcMacBroadcast, VMC_MAC_LEN) == 0;

    if (address->srcMac[0] & 1)         /* a group address is no sender's */
        return false;
    if (broadcast ? !kinds[kind].broadcast :
        address->dstMac[0] & 1 ? !kinds[kind].group :
        memcmp(address->dstMac, ep->config.mac, VMC_MAC_LEN) != 0)
        return false;
    return !kinds[kind].unicast || (isUnicast(address->src) && !isOwnAddress(ep, address->src));
}

void
vmcEndpointInput(vmcEndpoint *ep, vmcTime now, const void *data, size_t len)
{
    vmcFrame frame = { .len = 0 };
    vmcFrameKind kind = vmcFrameParse(&frame, data, len, !ep->config.noChecksums);
    bool silent = ep->attached > 0 && now - ep->frameAt > SILENCE;

    ep->stats.framesIn++;
    ep->frameAt = now;
    if (kind == VMC_FRAME_MALFORMED)
        ep->stats.malformed++;
    if (!kinds[kind].input || !isForUs(ep, kind, &frame.address) ||
        !kinds[kind].input(ep, now, &frame))
        ep->stats.dropped++;
    if (silent && ep->knownAt != now)
        vmcPresenceDoubt(ep, now, VMC_DOUBT_SILENCE);
}

void
vmcEndpointFlush(vmcEndpoint *ep, vmcTime now)
{
    do {
        while (!ep->linkFull && vmcTcpOutput(ep, now))
            continue;
    } while (vmcPresenceSettle(ep, now));
}

/* The connection whose timer is due first. Timers that were moved since are corrected. */
static vmcEndpointConn *
firstDue(vmcEndpoint *ep)
{
    vmcTimer *timer;

    while ((timer = vmcTimerFirst(ep->timers))) {
        char *base = (char *)timer - offsetof(vmcEndpointConn, timer);
        vmcEndpointConn *conn = (vmcEndpointConn *)(void *)base;

        if (timer->at == vmcTcpNextTimer(conn))
            return conn;
        vmcTimerSet(ep->timers, timer, vmcTcpNextTimer(conn));
    }
    return NULL;
}

vmcTime
vmcEndpointNextTimer(vmcEndpoint *ep)
{
    const vmcEndpointConn *conn = firstDue(ep);

    return MIN(conn ? conn->timer.at : VMC_TIME_NEVER, vmcPresenceNext(ep));
}

vmcTime
vmcEndpointTimer(vmcEndpoint *ep, vmcTime now, size_t unread)
{
    vmcEndpointConn *conn;

    vmcPresenceTimer(ep, now, unread);
    while ((conn = firstDue(ep)) && conn->timer.at <= now)
        vmcTcpTimer(ep, conn, now, unread);
    vmcEndpointFlush(ep, now);
    return vmcEndpointNextTimer(ep);
}

void
vmcEndpointLinkWritable(vmcEndpoint *ep, vmcTime now)
{
    ep->linkFull = false;
    vmcEndpointFlush(ep, now);
}

void
vmcEndpointConnSetHost(vmcEndpointConn *conn, void *host)
{
    conn->host = host;
}

void
vmcEndpointConnOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, bool ok)
{
    if (conn->state != VMC_TCP_DIALLING)
        return;
    if (ok)
        vmcTcpOpened(ep, conn, now);
    else
        vmcTcpAbort(ep, conn);
}

void
vmcEndpointConnReadable(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->idle = false;
    vmcTcpDue(ep, conn);
}

void
vmcEndpointConnWritable(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpDrain(ep, conn);
}

void
vmcEndpointConnReset(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpAbort(ep, conn);
}

bool
vmcEndpointConnWantsRead(const vmcEndpointConn *conn)
{
    return !conn->finSent && vmcTcpSendRoom(conn) > 0;
}

bool
vmcEndpointConnWantsWrite(const vmcEndpointConn *conn)
{
    return conn->bufferLen > 0;
}

const uint8_t *
vmcEndpointConnMac(const vmcEndpointConn *conn)
{
    return conn->mac;
}

bool
vmcEndpointProbe(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const uint8_t mac[6])
{
    return g_hash_table_contains(ep->conns, tuple) || vmcTcpProbe(ep, tuple, mac);
}

const vmcEndpointStats *
vmcEndpointGetStats(const vmcEndpoint *ep)
{
    return &ep->stats;
}

unsigned int
vmcEndpointConnCount(const vmcEndpoint *ep)
{
    return ep->attached;
}
