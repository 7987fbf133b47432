/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP as far as a host on a private link needs it: see tcp.h. Here stand the
 * life of a connection, its timers and windows, and how its frames are made.
 * Pure: it acts only through the owner's vmcEndpointOps.
 *
 * Theory of operation. A segment changes its connection at once (vmcTcpInput):
 * bytes go to the host side, acknowledgements consume what was peeked, and what
 * is to be answered becomes a flag. Frames leave at the flush, by turns
 * (vmcTcpOutput), so that one ACK stands for a batch; only the ACK of a
 * segment out of order leaves at once, since the guest counts those.
 *
 * To the host: bytes that come in order are written straight from the frame.
 * What the host side refuses waits in a ring that exists only then. The window
 * is what both have room for; it may turn out smaller than promised, and then
 * the rest of a segment is dropped unacknowledged and the guest sends it again.
 *
 * To the guest: no copy is kept. Bytes in flight are those between sndUna and
 * sndMax, and still lie on the host side, where peek() finds them again. Three
 * duplicate ACKs resend the first missing segment, as does each partial ACK
 * after them; a timeout goes back to sndUna and sends everything again. A
 * window of zero is probed with an old sequence number, which costs no byte.
 * The link does not lose frames, but a NIC may when its ring is full, so what
 * is in flight has a cap instead of a congestion window.
 *
 * A connection is attached from open() to close(). It ends for the host side
 * when both FINs are done and every byte is written, or by a reset; what is
 * left then (TIME_WAIT, or a RST that the full link did not take) lingers
 * without it. Nothing waits for a full link: flags stay set, and frames that
 * belong to no connection are dropped, as the guest asks again.
 */
#include <config.h>

#include "endpoint/tcp.h"

#include <string.h>

#include "endpoint/output.h"

enum {
    WINDOW_SCALE = 3,
    LINGER_MAX = 1024,
};

#define RTO_MIN (300 * VMC_TCP_MSEC)
#define RTO_MAX (8000 * VMC_TCP_MSEC)
#define TIME_WAIT_TIME (1000 * VMC_TCP_MSEC)

const vmcTcpStateRow vmcTcpStates[] = {
    [VMC_TCP_DIALLING] = { .pending = true },
    [VMC_TCP_SYN_RECEIVED] = { .pending = true },
    [VMC_TCP_ESTABLISHED] = {
        .synced = true, .receives = true, .sends = true,
        .onFin = VMC_TCP_CLOSE_WAIT, .onSend = VMC_TCP_FIN_WAIT_1,
    },
    [VMC_TCP_CLOSE_WAIT] = { .synced = true, .sends = true, .onSend = VMC_TCP_LAST_ACK },
    [VMC_TCP_FIN_WAIT_1] = {
        .synced = true, .receives = true, .sends = true,
        .onFin = VMC_TCP_CLOSING, .onAck = VMC_TCP_FIN_WAIT_2,
    },
    [VMC_TCP_FIN_WAIT_2] = { .synced = true, .receives = true, .onFin = VMC_TCP_TIME_WAIT },
    [VMC_TCP_CLOSING] = { .synced = true, .sends = true, .onAck = VMC_TCP_TIME_WAIT },
    [VMC_TCP_LAST_ACK] = { .synced = true, .sends = true, .onAck = VMC_TCP_CLOSED },
    [VMC_TCP_TIME_WAIT] = { .synced = true },
    [VMC_TCP_CLOSED] = { .synced = false },
};
G_STATIC_ASSERT(G_N_ELEMENTS(vmcTcpStates) == VMC_TCP_STATE_LAST);

static vmcTurns *
turnsOf(vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    return conn->channel ? &conn->channel->turns : &ep->channelless;
}

static void
waitForTurn(vmcEndpoint *ep, vmcEndpointConn *conn, bool first)
{
    if (conn->dirty)
        return;
    conn->dirty = true;
    vmcTurnsWait(&ep->turns, turnsOf(ep, conn), &conn->dirtyLink, first);
}

void
vmcTcpDue(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    waitForTurn(ep, conn, false);
}

void
vmcTcpDueAgain(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    waitForTurn(ep, conn, true);
}

void
vmcTcpNotDue(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (conn->dirty)
        vmcTurnsLeave(turnsOf(ep, conn), &conn->dirtyLink);
    conn->dirty = false;
}

vmcTime
vmcTcpNextTimer(const vmcEndpointConn *conn)
{
    return MIN(MIN(conn->rtxAt, conn->ackAt), MIN(conn->endAt, conn->askAt));
}

/* A timer that moves away is left alone: vmcEndpointTimer() corrects it. */
void
vmcTcpSetTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime *timer, vmcTime at)
{
    *timer = at;
    if (at < conn->timer.at)
        vmcTimerSet(ep->timers, &conn->timer, at);
}

void
vmcTcpSetState(vmcEndpointConn *conn, vmcTcpState state)
{
    conn->state = (uint8_t)state;
}

/* Its place is free. What it has still to send, it sends in a turn of its own. */
static void
leaveChannel(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    bool due = conn->dirty;

    if (!conn->channel)
        return;
    vmcTcpNotDue(ep, conn);
    conn->channel->conns--;
    conn->channel = NULL;
    if (due)
        vmcTcpDue(ep, conn);
}

void
vmcTcpDetach(vmcEndpoint *ep, vmcEndpointConn *conn, bool reset)
{
    if (!conn->attached)
        return;
    conn->attached = conn->askDue = false;
    conn->askAt = VMC_TIME_NEVER;
    ep->attached--;
    leaveChannel(ep, conn);
    g_clear_pointer(&conn->buffer, g_free);
    conn->bufferLen = 0;
    ep->ops->close(ep->opaque, conn->host, reset);
}

void
vmcTcpUnhold(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (conn->held)
        g_queue_unlink(&ep->held, &conn->lingerLink);
    conn->held = false;
}

void
vmcTcpFree(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpNotDue(ep, conn);
    vmcTcpUnhold(ep, conn);
    leaveChannel(ep, conn);
    if (conn->lingering)
        g_queue_unlink(&ep->linger, &conn->lingerLink);
    vmcTcpSetState(conn, VMC_TCP_CLOSED);
    vmcTimerSet(ep->timers, &conn->timer, VMC_TIME_NEVER);
    g_hash_table_remove(ep->conns, &conn->tuple);
    g_free(conn->buffer);
    g_free(conn);
}

/* Connections that linger are not counted by the other limits: they have one of their own. */
static void
linger(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    while (ep->linger.length >= LINGER_MAX)
        vmcTcpFree(ep, ep->linger.head->data);
    conn->lingering = true;
    g_queue_push_tail_link(&ep->linger, &conn->lingerLink);
}

/* Ends the connection for the host side; the guest is not told. */
void
vmcTcpDrop(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpDetach(ep, conn, true);
    vmcTcpFree(ep, conn);
}

void
vmcTcpAbort(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!conn->attached && conn->state != VMC_TCP_DIALLING)
        return;
    vmcTcpUnhold(ep, conn);
    vmcTcpSetState(conn, VMC_TCP_CLOSED);
    conn->rtxAt = conn->ackAt = conn->endAt = VMC_TIME_NEVER;
    conn->rstDue = true;
    linger(ep, conn);
    vmcTcpDetach(ep, conn, true);
    leaveChannel(ep, conn);     /* if it was held */
    vmcTcpDue(ep, conn);
}

/* Returns false when @conn is gone. */
bool
vmcTcpFinish(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!conn->attached || !conn->shutDone)
        return true;
    if (conn->state != VMC_TCP_TIME_WAIT && conn->state != VMC_TCP_CLOSED)
        return true;
    vmcTcpDetach(ep, conn, false);
    if (conn->state == VMC_TCP_TIME_WAIT) {
        linger(ep, conn);
        return true;
    }
    vmcTcpFree(ep, conn);
    return false;
}

void
vmcTcpEnterState(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, vmcTcpState state)
{
    vmcTcpSetState(conn, state);
    if (state == VMC_TCP_TIME_WAIT)
        vmcTcpSetTimer(ep, conn, &conn->endAt, now + TIME_WAIT_TIME);
}

/* The window that is still open, in bytes. */
uint32_t
vmcTcpOpenWindow(const vmcEndpointConn *conn)
{
    return vmcTcpBefore(conn->rcvNxt, conn->rcvEdge) ? conn->rcvEdge - conn->rcvNxt : 0;
}

uint32_t
vmcTcpWindowLimit(const vmcEndpointConn *conn)
{
    return conn->rcvScale < 0 ? 65535 : VMC_TCP_WINDOW_MAX;
}

/* The window that host side and buffer have room for. */
uint32_t
vmcTcpWantedWindow(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    size_t room = ep->ops->room(ep->opaque, conn->host);

    room = MIN(room, VMC_TCP_WINDOW_MAX) + vmcTcpBufferRoom(conn);
    return (uint32_t)MIN(vmcTcpWindowLimit(conn), room);
}

static unsigned int
windowScale(const vmcEndpointConn *conn, bool syn)
{
    return syn || conn->rcvScale < 0 ? 0 : WINDOW_SCALE;
}

/*
 * The header's window field: as far as there is room, though not by small steps.
 * When the right edge stays, the field is rounded up: rounding down takes back bytes
 * that were promised, and happens only where there is no room for the few more.
 */
static uint16_t
windowField(const vmcEndpoint *ep, const vmcEndpointConn *conn, unsigned int scale)
{
    uint32_t step = MIN(conn->rcvMss, VMC_TCP_WINDOW_STEP / 2);
    uint32_t open = vmcTcpOpenWindow(conn);
    uint32_t above = (open + (1u << scale) - 1) >> scale << scale;
    uint32_t wanted = above;

    if (conn->attached && open + step <= vmcTcpWindowLimit(conn))
        wanted = vmcTcpWantedWindow(ep, conn);
    if (wanted < open + step)
        wanted = wanted >= above ? above : open;
    return (uint16_t)MIN(wanted >> scale, 65535);
}

/* The guest will have these words: a segment that did not go out has promised nothing. */
static void
acknowledged(vmcEndpointConn *conn, const vmcSegment *segment, unsigned int scale)
{
    uint32_t edge = segment->ack + ((uint32_t)segment->window << scale);

    conn->ackDue = false;
    conn->ackAt = VMC_TIME_NEVER;
    conn->rcvAcked = segment->ack;
    if (vmcTcpBefore(conn->rcvEdge, edge))
        conn->rcvEdge = edge;
}

static void
connAddress(const vmcEndpoint *ep, const vmcEndpointConn *conn, vmcFrameAddress *address)
{
    memcpy(address->srcMac, ep->config.mac, VMC_MAC_LEN);
    memcpy(address->dstMac, conn->mac, VMC_MAC_LEN);
    address->src = conn->tuple.address;
    address->dst = conn->tuple.peer;
    address->srcPort = conn->tuple.port;
    address->dstPort = conn->tuple.peerPort;
}

static bool
sendFrame(vmcEndpoint *ep, const vmcFrameAddress *address, const vmcSegment *segment,
          size_t len)
{
    uint8_t headers[VMC_FRAME_HEADERS];
    size_t size = vmcFrameTcp(headers, address, segment, ep->payload, len,
                              !ep->config.noChecksums);

    return vmcOutputFrame(ep, headers, size, ep->payload, len);
}

/* A segment without bytes that no connection would send again. */
static bool
sendAnswer(vmcEndpoint *ep, const vmcFrameAddress *address, const vmcSegment *segment)
{
    uint8_t headers[VMC_FRAME_HEADERS];
    size_t size = vmcFrameTcp(headers, address, segment, NULL, 0, !ep->config.noChecksums);

    return vmcOutputAnswer(ep, headers, size, NULL, 0);
}

/* One segment with @len bytes of ep->payload. It carries the ACK that was due. */
bool
vmcTcpSendSegment(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, uint8_t flags, size_t len)
{
    bool syn = (flags & VMC_TCP_SYN) != 0;
    unsigned int scale = windowScale(conn, syn);
    vmcFrameAddress address;
    vmcSegment segment = {
        .seq = seq,
        .ack = conn->rcvNxt,
        .flags = flags | VMC_TCP_ACK,
        .window = windowField(ep, conn, scale),
        .mss = syn ? (uint16_t)(ep->config.mtu - VMC_IP_LEN - VMC_TCP_LEN) : 0,
        .scale = syn && conn->rcvScale >= 0 ? WINDOW_SCALE : -1,
    };

    connAddress(ep, conn, &address);
    if (!sendFrame(ep, &address, &segment, len))
        return false;
    acknowledged(conn, &segment, scale);
    if (len > 0 || (flags & (VMC_TCP_SYN | VMC_TCP_FIN)) != 0)
        conn->sentTo = ep->stats.bytesOut;
    return true;
}

/* The RST that ends a connection which the guest still has. */
bool
vmcTcpSendReset(vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    vmcSegment segment = {
        .seq = conn->sndMax, .ack = conn->rcvNxt, .flags = VMC_TCP_RST | VMC_TCP_ACK, .scale = -1,
    };
    vmcFrameAddress address;

    connAddress(ep, conn, &address);
    return sendFrame(ep, &address, &segment, 0);
}

/* RFC 9293, 3.5.2: the answer to a segment that belongs to no connection. */
bool
vmcTcpAnswerReset(vmcEndpoint *ep, const vmcFrame *frame)
{
    const vmcSegment *in = &frame->segment;
    uint32_t len = (uint32_t)frame->len + ((in->flags & VMC_TCP_SYN) != 0) +
        ((in->flags & VMC_TCP_FIN) != 0);
    vmcSegment segment = { .flags = VMC_TCP_RST, .scale = -1 };
    vmcFrameAddress address = {
        .src = frame->address.dst, .dst = frame->address.src,
        .srcPort = frame->address.dstPort, .dstPort = frame->address.srcPort,
    };

    if (in->flags & VMC_TCP_ACK) {
        segment.seq = in->ack;
    } else {
        segment.flags |= VMC_TCP_ACK;
        segment.ack = in->seq + len;
    }
    memcpy(address.srcMac, ep->config.mac, VMC_MAC_LEN);
    memcpy(address.dstMac, frame->address.srcMac, VMC_MAC_LEN);
    if (in->flags & VMC_TCP_SYN)
        ep->stats.refused++;
    return sendAnswer(ep, &address, &segment);
}

void
vmcTcpAckSoon(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->ackDue = true;
    vmcTcpDue(ep, conn);
}

vmcTime
vmcTcpRtxInterval(const vmcEndpointConn *conn)
{
    return MIN(RTO_MIN << MIN(conn->backoff, 8), RTO_MAX);
}

void
vmcTcpArmRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (conn->rtxAt == VMC_TIME_NEVER)
        vmcTcpSetTimer(ep, conn, &conn->rtxAt, now + vmcTcpRtxInterval(conn));
}

/* The guest has acknowledged something: intervals begin anew, for what is in flight now. */
void
vmcTcpRestartRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    conn->retries = conn->backoff = 0;
    conn->rtxAt = VMC_TIME_NEVER;
    if (conn->sndMax != conn->sndUna)
        vmcTcpArmRtx(ep, conn, now);
}

/*
 * ACKs half of the sequence numbers apart: no window holds all, and the guest answers
 * one outside of it with its own numbers. A firewall in the guest looks at both numbers
 * first: Linux's lets those through that lie behind its window, and drops those ahead.
 * So one of the four gets there.
 */
bool
vmcTcpProbe(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const uint8_t mac[VMC_MAC_LEN])
{
    vmcFrameAddress address = {
        .src = tuple->address, .dst = tuple->peer,
        .srcPort = tuple->port, .dstPort = tuple->peerPort,
    };
    bool sent = true;

    memcpy(address.srcMac, ep->config.mac, VMC_MAC_LEN);
    memcpy(address.dstMac, mac, VMC_MAC_LEN);
    for (uint32_t i = 0; i < 4 && sent; i++) {
        vmcSegment segment = { .seq = i << 31, .ack = i >> 1 << 31, .flags = VMC_TCP_ACK,
                               .scale = -1 };

        sent = sendAnswer(ep, &address, &segment);
    }
    return sent;
}
