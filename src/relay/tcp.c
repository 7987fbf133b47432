/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP as far as a host on a private link needs it: see tcp.h. Pure: it acts
 * only through the owner's vmcEndpointOps. It must not trust a single number
 * that stands in a segment.
 *
 * Theory of operation. A segment changes its connection at once (vmcTcpInput):
 * bytes go to the host side, acknowledgements consume what was peeked, and what
 * is to be answered becomes a flag. Frames leave at the flush (vmcTcpOutput),
 * so that one ACK stands for a batch; only the ACK of a segment out of order
 * leaves at once, since the guest counts those.
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

#include "relay/tcp.h"

#include <string.h>

enum {
    WINDOW_MAX = 256 * 1024,    /* bytes promised, and bytes in flight */
    WINDOW_SCALE = 3,
    WINDOW_STEP = 32 * 1024,    /* a window that opened by this much is told */
    MSS_DEFAULT = 536,
    MSS_MIN = 88,
    LINGER_MAX = 1024,
    DUPLICATES = 3,             /* ACKs that make a fast retransmission */
    RETRIES_MAX = 14,           /* about 85 s */
    RETRIES_SYN = 6,            /* about 19 s */
};

#define MSEC ((vmcTime)1000)
#define RTO_MIN (300 * MSEC)
#define RTO_MAX (8000 * MSEC)
#define DELAYED_ACK (5 * MSEC)
#define BAD_ACK_INTERVAL (10 * MSEC)
#define DIALLING_TIME (75000 * MSEC)    /* after the last SYN; guests double up to 64 s */
#define TIME_WAIT_TIME (1000 * MSEC)

/* What a connection in each state does. */
static const struct {
    bool pending;               /* counts as such */
    bool synced;                /* both sides know each other's numbers */
    bool receives;              /* guest bytes may still come */
    bool sends;                 /* host bytes or our FIN may be sent, or sent again */
    vmcTcpState onFin;          /* after the guest's FIN */
    vmcTcpState onSend;         /* after our FIN was sent */
    vmcTcpState onAck;          /* after our FIN was acknowledged */
} states[] = {
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
G_STATIC_ASSERT(G_N_ELEMENTS(states) == VMC_TCP_STATE_LAST);

static bool
before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static size_t
inFlight(const vmcEndpointConn *conn)
{
    return conn->sndNxt - conn->sndUna;
}

void
vmcTcpDue(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (conn->dirty)
        return;
    conn->dirty = true;
    g_queue_push_tail_link(&ep->dirty, &conn->dirtyLink);
}

static void
notDue(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (conn->dirty)
        g_queue_unlink(&ep->dirty, &conn->dirtyLink);
    conn->dirty = false;
}

vmcTime
vmcTcpNextTimer(const vmcEndpointConn *conn)
{
    return MIN(conn->rtxAt, MIN(conn->ackAt, conn->endAt));
}

/* A deadline that moves away is left alone: vmcEndpointTimer() corrects it. */
static void
setTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime *timer, vmcTime at)
{
    *timer = at;
    if (at < conn->deadline.at)
        vmcDeadlineSet(ep->deadlines, &conn->deadline, at);
}

static void
setState(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTcpState state)
{
    ep->pending -= states[conn->state].pending;
    ep->pending += states[state].pending;
    conn->state = (uint8_t)state;
}

void
vmcTcpDetach(vmcEndpoint *ep, vmcEndpointConn *conn, bool reset)
{
    if (!conn->attached)
        return;
    conn->attached = false;
    ep->attached--;
    g_clear_pointer(&conn->buffer, g_free);
    conn->bufferLen = 0;
    ep->ops->close(ep->opaque, conn->host, reset);
}

void
vmcTcpFree(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    notDue(ep, conn);
    if (conn->lingering)
        g_queue_unlink(&ep->linger, &conn->lingerLink);
    setState(ep, conn, VMC_TCP_CLOSED);
    vmcDeadlineSet(ep->deadlines, &conn->deadline, VMC_TIME_NEVER);
    g_hash_table_remove(ep->conns, &conn->tuple);
    g_free(conn->buffer);
    g_free(conn);
}

/* What lingers holds memory that no limit on connections counts. */
static void
linger(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    while (ep->linger.length >= LINGER_MAX)
        vmcTcpFree(ep, ep->linger.head->data);
    conn->lingering = true;
    g_queue_push_tail_link(&ep->linger, &conn->lingerLink);
}

/* Ends the connection for the host side, without a word to the guest. */
static void
dropConn(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpDetach(ep, conn, true);
    vmcTcpFree(ep, conn);
}

void
vmcTcpAbort(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!conn->attached)
        return;
    setState(ep, conn, VMC_TCP_CLOSED);
    conn->rtxAt = conn->ackAt = conn->endAt = VMC_TIME_NEVER;
    conn->rstDue = true;
    linger(ep, conn);
    vmcTcpDue(ep, conn);
    vmcTcpDetach(ep, conn, true);
}

/* Returns false when @conn is gone. */
static bool
finishWhenDone(vmcEndpoint *ep, vmcEndpointConn *conn)
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

static void
enterState(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, vmcTcpState state)
{
    setState(ep, conn, state);
    if (state == VMC_TCP_TIME_WAIT)
        setTimer(ep, conn, &conn->endAt, now + TIME_WAIT_TIME);
}

/* RFC 6528: a hash of the connection, and a clock that ticks every 4 us. */
static uint32_t
initialSequence(const vmcEndpoint *ep, const vmcEndpointTuple *tuple, vmcTime now)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    uint8_t digest[32];
    gsize len = sizeof(digest);
    uint32_t hash;

    g_checksum_update(checksum, ep->config.secret, sizeof(ep->config.secret));
    g_checksum_update(checksum, (const guchar *)&tuple->address, sizeof(tuple->address));
    g_checksum_update(checksum, (const guchar *)&tuple->port, sizeof(tuple->port));
    g_checksum_update(checksum, (const guchar *)&tuple->peer, sizeof(tuple->peer));
    g_checksum_update(checksum, (const guchar *)&tuple->peerPort, sizeof(tuple->peerPort));
    g_checksum_get_digest(checksum, digest, &len);
    memcpy(&hash, digest, sizeof(hash));
    return hash + (uint32_t)(now / 4);
}

static size_t
bufferRoom(const vmcEndpointConn *conn)
{
    return VMC_ENDPOINT_CONN_BUFFER - conn->bufferLen;
}

/* The window that is still open, in bytes. */
static uint32_t
openWindow(const vmcEndpointConn *conn)
{
    return before(conn->rcvNxt, conn->rcvEdge) ? conn->rcvEdge - conn->rcvNxt : 0;
}

static uint32_t
windowLimit(const vmcEndpointConn *conn)
{
    return conn->rcvScale < 0 ? 65535 : WINDOW_MAX;
}

/* The window that host side and buffer have room for. */
static uint32_t
wantedWindow(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    size_t room = ep->ops->room(ep->opaque, conn->host);

    return (uint32_t)MIN(windowLimit(conn), MIN(room, WINDOW_MAX) + bufferRoom(conn));
}

/*
 * Moves the right edge as far as there is room, though not by small steps,
 * and returns the header's window field. When the edge stays, the field is
 * rounded up: rounding down would take back bytes that were promised.
 */
static uint16_t
advanceWindow(const vmcEndpoint *ep, vmcEndpointConn *conn, bool syn)
{
    unsigned int scale = syn || conn->rcvScale < 0 ? 0 : WINDOW_SCALE;
    uint32_t step = MIN(conn->rcvMss, WINDOW_STEP / 2);
    uint32_t open = openWindow(conn);
    uint32_t wanted = open;
    uint32_t field;

    if (conn->attached && open + step <= windowLimit(conn))
        wanted = wantedWindow(ep, conn);
    if (wanted >= open + step)
        field = wanted >> scale;
    else
        field = (open + (1u << scale) - 1) >> scale;
    field = MIN(field, 65535);
    if (before(conn->rcvEdge, conn->rcvNxt + (field << scale)))
        conn->rcvEdge = conn->rcvNxt + (field << scale);
    return (uint16_t)field;
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

    return vmcEndpointSend(ep, headers, size, ep->payload, len);
}

/* One segment with @len bytes of ep->payload. It carries the ACK that was due. */
static bool
sendSegment(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, uint8_t flags, size_t len)
{
    bool syn = (flags & VMC_TCP_SYN) != 0;
    vmcFrameAddress address;
    vmcSegment segment = {
        .seq = seq,
        .ack = conn->rcvNxt,
        .flags = flags | VMC_TCP_ACK,
        .window = advanceWindow(ep, conn, syn),
        .mss = syn ? (uint16_t)(ep->config.mtu - VMC_IP_LEN - VMC_TCP_LEN) : 0,
        .scale = syn && conn->rcvScale >= 0 ? WINDOW_SCALE : -1,
    };

    connAddress(ep, conn, &address);
    if (!sendFrame(ep, &address, &segment, len))
        return false;
    conn->ackDue = false;
    conn->ackAt = VMC_TIME_NEVER;
    conn->rcvAcked = conn->rcvNxt;
    return true;
}

/* RFC 9293, 3.5.2: the answer to a segment that belongs to no connection. */
static void
sendReset(vmcEndpoint *ep, const vmcFrame *frame)
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
    sendFrame(ep, &address, &segment, 0);
}

static void
ackSoon(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->ackDue = true;
    vmcTcpDue(ep, conn);
}

/* An ACK to a segment that should not have come: two such ends must not loop. */
static void
ackBad(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (now < conn->badAckAt)
        return;
    conn->badAckAt = now + BAD_ACK_INTERVAL;
    ackSoon(ep, conn);
}

static vmcTime
rtxInterval(const vmcEndpointConn *conn)
{
    return MIN(RTO_MIN << MIN(conn->backoff, 8), RTO_MAX);
}

static void
armRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (conn->rtxAt == VMC_TIME_NEVER)
        setTimer(ep, conn, &conn->rtxAt, now + rtxInterval(conn));
}

/* The guest has moved on: intervals begin anew, for what is in flight now. */
static void
restartRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    conn->retries = conn->backoff = 0;
    conn->rtxAt = VMC_TIME_NEVER;
    if (conn->sndMax != conn->sndUna)
        armRtx(ep, conn, now);
}

static vmcEndpointConn *
connNew(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const vmcFrame *frame,
        void *channel, vmcTime now)
{
    const vmcSegment *syn = &frame->segment;
    vmcEndpointConn *conn = g_new0(vmcEndpointConn, 1);
    uint16_t mss = syn->mss != 0 ? syn->mss : MSS_DEFAULT;

    conn->tuple = *tuple;
    memcpy(conn->mac, frame->address.srcMac, VMC_MAC_LEN);
    conn->state = VMC_TCP_DIALLING;
    conn->channel = channel;
    conn->dirtyLink.data = conn->lingerLink.data = conn;
    conn->irs = syn->seq;
    conn->rcvNxt = conn->rcvEdge = conn->rcvAcked = syn->seq + 1;
    conn->rcvMss = MSS_DEFAULT;
    conn->rcvScale = syn->scale;
    conn->sndScale = (uint8_t)MAX(syn->scale, 0);
    conn->sndMss = (uint16_t)CLAMP(mss, MSS_MIN, ep->config.mtu - VMC_IP_LEN - VMC_TCP_LEN);
    conn->sndWnd = conn->sndWndMax = syn->window;
    conn->iss = initialSequence(ep, tuple, now);
    conn->sndUna = conn->sndNxt = conn->sndMax = conn->iss;
    conn->rtxAt = conn->ackAt = conn->endAt = conn->deadline.at = VMC_TIME_NEVER;
    return conn;
}

void
vmcTcpOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    setState(ep, conn, VMC_TCP_SYN_RECEIVED);
    conn->endAt = VMC_TIME_NEVER;
    conn->sndNxt = conn->sndMax = conn->iss + 1;
    conn->synDue = true;
    setTimer(ep, conn, &conn->rtxAt, now + rtxInterval(conn));
    vmcTcpDue(ep, conn);
}

static void
openConn(vmcEndpoint *ep, vmcTime now, const vmcEndpointTuple *tuple, const vmcFrame *frame,
         void *channel)
{
    vmcEndpointConn *conn = connNew(ep, tuple, frame, channel, now);
    vmcEndpointOpen answer = ep->ops->open(ep->opaque, channel, conn, &conn->tuple);

    if (answer == VMC_ENDPOINT_OPEN_REFUSED) {
        g_free(conn);
        sendReset(ep, frame);
        return;
    }
    g_hash_table_add(ep->conns, conn);
    conn->attached = true;
    ep->attached++;
    ep->pending++;
    if (answer == VMC_ENDPOINT_OPEN_OK)
        vmcTcpOpened(ep, conn, now);
    else
        setTimer(ep, conn, &conn->endAt, now + DIALLING_TIME);
}

static void *
findChannel(const vmcEndpoint *ep, const vmcEndpointTuple *tuple)
{
    for (unsigned int i = 0; i < ep->channels->len; i++) {
        const vmcEndpointChannel *entry = &g_array_index(ep->channels, vmcEndpointChannel, i);

        if (entry->port == tuple->port && entry->address.s_addr == tuple->address.s_addr)
            return entry->channel;
    }
    return NULL;
}

/* A SYN that belongs to no connection (any more). */
static bool
inputOpen(vmcEndpoint *ep, vmcTime now, const vmcEndpointTuple *tuple, const vmcFrame *frame)
{
    void *channel = findChannel(ep, tuple);

    if (!channel) {
        sendReset(ep, frame);
        return true;
    }
    if (ep->attached >= VMC_ENDPOINT_MAX_CONNS || ep->pending >= VMC_ENDPOINT_MAX_PENDING) {
        ep->stats.limited++;
        return false;
    }
    openConn(ep, now, tuple, frame, channel);
    return true;
}

/* A RST counts when it is exact; one elsewhere in the window is questioned. */
static void
inputReset(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcSegment *in)
{
    if (in->seq == conn->rcvNxt)
        dropConn(ep, conn);
    else if (states[conn->state].synced && in->seq - conn->rcvNxt < openWindow(conn))
        ackBad(ep, conn, now);
}

/* The SYN that began this connection, once more. */
static void
inputSynAgain(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (conn->state == VMC_TCP_DIALLING) {
        setTimer(ep, conn, &conn->endAt, now + DIALLING_TIME);
    } else if (conn->state == VMC_TCP_SYN_RECEIVED) {
        conn->synDue = true;
        vmcTcpDue(ep, conn);
    } else {
        ackBad(ep, conn, now);
    }
}

/* Whether the segment touches the window, its edges included. */
static bool
inWindow(const vmcEndpointConn *conn, const vmcFrame *frame)
{
    uint32_t end = frame->segment.seq + (uint32_t)frame->len +
        ((frame->segment.flags & VMC_TCP_FIN) != 0);

    return !before(end, conn->rcvNxt) &&
        !before(conn->rcvNxt + openWindow(conn), frame->segment.seq);
}

static void
resendFirst(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->resendDue = true;
    vmcTcpDue(ep, conn);
}

static void
inputDuplicateAck(vmcEndpoint *ep, vmcEndpointConn *conn, const vmcFrame *frame,
                  uint32_t oldWindow)
{
    if (frame->len > 0 || (frame->segment.flags & VMC_TCP_FIN) != 0 ||
        conn->sndWnd != oldWindow || conn->sndMax == conn->sndUna) {
        conn->duplicates = 0;
        return;
    }
    if (conn->duplicates < DUPLICATES && ++conn->duplicates == DUPLICATES &&
        !conn->recovering) {
        conn->recovering = true;
        conn->recover = conn->sndMax;
        resendFirst(ep, conn);
    }
}

/* Returns false when @conn is gone. */
static bool
inputNewAck(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, uint32_t ack)
{
    uint32_t bytes = ack - conn->sndUna;
    bool fin = conn->finSent && ack == conn->finSeq + 1;

    conn->sndUna = ack;
    if (before(conn->sndNxt, ack))
        conn->sndNxt = ack;
    conn->duplicates = 0;
    conn->resendDue = false;
    restartRtx(ep, conn, now);
    if (conn->recovering && before(ack, conn->recover))
        resendFirst(ep, conn);
    else
        conn->recovering = false;
    vmcTcpDue(ep, conn);
    if (bytes > fin && conn->attached)
        ep->ops->consume(ep->opaque, conn->host, bytes - fin);
    if (!fin)
        return true;
    enterState(ep, conn, now, states[conn->state].onAck);
    return finishWhenDone(ep, conn);
}

static void
inputWindow(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcSegment *in)
{
    uint32_t window = (uint32_t)in->window << conn->sndScale;

    if (before(in->seq, conn->sndWl1) ||
        (in->seq == conn->sndWl1 && before(in->ack, conn->sndWl2)))
        return;
    if (window > conn->sndWnd || window == 0)
        vmcTcpDue(ep, conn);
    if (conn->sndWnd == 0 && window > 0)
        restartRtx(ep, conn, now);
    conn->sndWnd = window;
    conn->sndWndMax = MAX(conn->sndWndMax, window);
    conn->sndWl1 = in->seq;
    conn->sndWl2 = in->ack;
    if (window == 0)
        conn->retries = 0;      /* a closed window that is answered for may stay closed */
}

/* Returns false when the segment goes no further. */
static bool
inputHandshake(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    const vmcSegment *in = &frame->segment;

    if (in->ack != conn->iss + 1) {
        sendReset(ep, frame);
        return false;
    }
    setState(ep, conn, VMC_TCP_ESTABLISHED);
    conn->synDue = false;
    conn->sndUna = in->ack;
    conn->sndWl1 = in->seq;
    conn->sndWl2 = in->ack;
    conn->sndWnd = conn->sndWndMax = (uint32_t)in->window << conn->sndScale;
    restartRtx(ep, conn, now);
    vmcTcpDue(ep, conn);
    return true;
}

/* Returns false when the segment goes no further. */
static bool
inputAck(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    const vmcSegment *in = &frame->segment;
    uint32_t oldWindow = conn->sndWnd;

    if (conn->state == VMC_TCP_SYN_RECEIVED)
        return inputHandshake(ep, conn, now, frame);
    if (before(conn->sndMax, in->ack)) {
        sendReset(ep, frame);
        dropConn(ep, conn);
        return false;
    }
    if (before(in->ack, conn->sndUna))
        return true;
    inputWindow(ep, conn, now, in);
    if (in->ack != conn->sndUna)
        return inputNewAck(ep, conn, now, in->ack);
    inputDuplicateAck(ep, conn, frame, oldWindow);
    return true;
}

/* Puts what fits of @len bytes into the ring, and returns how many did. */
static size_t
bufferPut(vmcEndpointConn *conn, const uint8_t *data, size_t len)
{
    size_t tail = (conn->bufferHead + conn->bufferLen) % VMC_ENDPOINT_CONN_BUFFER;
    size_t n = MIN(len, bufferRoom(conn));
    size_t first = MIN(n, VMC_ENDPOINT_CONN_BUFFER - tail);

    if (n == 0)
        return 0;
    if (!conn->buffer)
        conn->buffer = g_malloc(VMC_ENDPOINT_CONN_BUFFER);
    memcpy(conn->buffer + tail, data, first);
    memcpy(conn->buffer, data + first, n - first);
    conn->bufferLen += (uint32_t)n;
    return n;
}

static void
bufferTake(vmcEndpointConn *conn, size_t n)
{
    conn->bufferHead = (uint32_t)((conn->bufferHead + n) % VMC_ENDPOINT_CONN_BUFFER);
    conn->bufferLen -= (uint32_t)n;
    if (conn->bufferLen > 0)
        return;
    conn->bufferHead = 0;
    g_clear_pointer(&conn->buffer, g_free);
}

static ssize_t
hostWrite(vmcEndpoint *ep, vmcEndpointConn *conn, const struct iovec *iov, int niov, size_t len)
{
    ssize_t n = ep->ops->write(ep->opaque, conn->host, iov, niov);

    return n < 0 ? -1 : MIN(n, (ssize_t)len);
}

/* Returns how many bytes found a place, or -1 when the connection was aborted. */
static ssize_t
deliver(vmcEndpoint *ep, vmcEndpointConn *conn, const uint8_t *data, size_t len)
{
    struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
    ssize_t n = 0;

    if (conn->bufferLen == 0 && len > 0)
        n = hostWrite(ep, conn, &iov, 1, len);
    if (n < 0) {
        vmcTcpAbort(ep, conn);
        return -1;
    }
    return n + (ssize_t)bufferPut(conn, data + n, len - (size_t)n);
}

/* Returns false when @conn is gone. */
static bool
shutWhenDrained(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!conn->finReceived || conn->bufferLen > 0 || conn->shutDone)
        return true;
    conn->shutDone = true;
    ep->ops->shut(ep->opaque, conn->host);
    return finishWhenDone(ep, conn);
}

/* The window update that this may allow leaves at the flush. */
void
vmcTcpDrain(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    size_t first = MIN(conn->bufferLen, VMC_ENDPOINT_CONN_BUFFER - conn->bufferHead);
    struct iovec iov[2];
    ssize_t n;

    vmcTcpDue(ep, conn);
    if (conn->bufferLen == 0)
        return;
    iov[0] = (struct iovec) { conn->buffer + conn->bufferHead, first };
    iov[1] = (struct iovec) { conn->buffer, conn->bufferLen - first };
    n = hostWrite(ep, conn, iov, iov[1].iov_len > 0 ? 2 : 1, conn->bufferLen);
    if (n < 0) {
        vmcTcpAbort(ep, conn);
        return;
    }
    bufferTake(conn, (size_t)n);
    shutWhenDrained(ep, conn);
}

static void
inputFin(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    conn->rcvNxt++;
    conn->finReceived = true;
    ackSoon(ep, conn);
    enterState(ep, conn, now, states[conn->state].onFin);
    shutWhenDrained(ep, conn);
}

/* Two segments, or half of the window, make an ACK due; less waits for more. */
static void
ackReceived(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    uint32_t received = conn->rcvNxt - conn->rcvAcked;
    uint32_t window = conn->rcvEdge - conn->rcvAcked;

    if (received >= MIN(2 * (uint32_t)conn->rcvMss, window / 2))
        ackSoon(ep, conn);
    else if (conn->ackAt == VMC_TIME_NEVER)
        setTimer(ep, conn, &conn->ackAt, now + DELAYED_ACK);
}

/* The guest counts ACKs of what comes after a gap: each leaves at once. */
static void
inputOutOfOrder(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!sendSegment(ep, conn, conn->sndMax, 0, 0))
        ackSoon(ep, conn);
}

/* New bytes in order, @old of them known already. */
static void
inputInOrder(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame,
             uint32_t old)
{
    const uint8_t *data = frame->payload + MIN(old, frame->len);
    size_t len = frame->len - MIN(old, frame->len);
    ssize_t taken = deliver(ep, conn, data, MIN(len, openWindow(conn)));

    if (taken < 0)
        return;
    conn->rcvNxt += (uint32_t)taken;
    conn->rcvMss = (uint16_t)MAX(conn->rcvMss, frame->len);
    if (taken > 0)
        ackReceived(ep, conn, now);
    if ((size_t)taken < len)
        ackBad(ep, conn, now);
    else if (frame->segment.flags & VMC_TCP_FIN)
        inputFin(ep, conn, now);
}

static void
inputData(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    uint32_t old = conn->rcvNxt - frame->segment.seq;
    uint32_t len = (uint32_t)frame->len + ((frame->segment.flags & VMC_TCP_FIN) != 0);

    if (len == 0)
        return;
    if (before(conn->rcvNxt, frame->segment.seq))
        inputOutOfOrder(ep, conn);
    else if (old >= len || !states[conn->state].receives)
        ackBad(ep, conn, now);
    else
        inputInOrder(ep, conn, now, frame, old);
}

static void
inputSegment(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    if (!inWindow(conn, frame)) {
        ackBad(ep, conn, now);
        return;
    }
    if (inputAck(ep, conn, now, frame)) {
        memcpy(conn->mac, frame->address.srcMac, VMC_MAC_LEN);
        inputData(ep, conn, now, frame);
    }
}

/* Whether the segment is one for @conn, and not for a place where none is. */
static bool
connTakes(const vmcEndpointConn *conn)
{
    return conn && conn->state != VMC_TCP_CLOSED;
}

static bool
inputSyn(vmcEndpoint *ep, vmcTime now, const vmcEndpointTuple *tuple, vmcEndpointConn *conn,
         const vmcFrame *frame)
{
    if (frame->segment.flags & (VMC_TCP_ACK | VMC_TCP_FIN))
        return false;
    if (connTakes(conn) && frame->segment.seq == conn->irs) {
        inputSynAgain(ep, conn, now);
        return true;
    }
    if (conn)                   /* the guest has forgotten it: take the new one */
        dropConn(ep, conn);
    return inputOpen(ep, now, tuple, frame);
}

static void
inputNoConn(vmcEndpoint *ep, vmcEndpointConn *conn, const vmcFrame *frame)
{
    if (!(frame->segment.flags & VMC_TCP_RST))
        sendReset(ep, frame);
    if (conn && !conn->attached && !ep->linkFull)
        vmcTcpFree(ep, conn);
}

bool
vmcTcpInput(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame)
{
    uint8_t flags = frame->segment.flags;
    vmcEndpointTuple tuple = {
        .address = frame->address.dst, .port = frame->address.dstPort,
        .peer = frame->address.src, .peerPort = frame->address.srcPort,
    };
    vmcEndpointConn *conn = g_hash_table_lookup(ep->conns, &tuple);

    if ((flags & (VMC_TCP_SYN | VMC_TCP_RST)) == VMC_TCP_SYN)
        return inputSyn(ep, now, &tuple, conn, frame);
    if (!connTakes(conn))
        inputNoConn(ep, conn, frame);
    else if (flags & VMC_TCP_RST)
        inputReset(ep, conn, now, &frame->segment);
    else if (!(flags & VMC_TCP_ACK) || conn->state == VMC_TCP_DIALLING)
        return false;
    else
        inputSegment(ep, conn, now, frame);
    return true;
}

size_t
vmcTcpSendRoom(const vmcEndpointConn *conn)
{
    size_t limit = MIN(conn->sndWnd, WINDOW_MAX);

    if (!states[conn->state].sends || limit <= inFlight(conn))
        return 0;
    return limit - inFlight(conn);
}

/*
 * Fills ep->payload with up to @max bytes that start at @seq; returns how
 * many. @end: what peek() said after the last of them, 1 when it wasn't asked.
 */
static size_t
fillPayload(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, size_t max, ssize_t *end)
{
    size_t offset = seq - conn->sndUna;
    size_t n = 0;

    *end = 1;
    if (conn->finSent && conn->finSeq - seq <= max) {
        max = conn->finSeq - seq;
        *end = -1;
    }
    while (n < max) {
        ssize_t got = ep->ops->peek(ep->opaque, conn->host, offset + n, ep->payload + n, max - n);

        if (got <= 0) {
            *end = got;
            break;
        }
        n += MIN((size_t)got, max - n);
    }
    return n;
}

static void
sentFin(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, uint32_t seq)
{
    if (conn->finSent)
        return;
    conn->finSent = true;
    conn->finSeq = seq;
    enterState(ep, conn, now, states[conn->state].onSend);
}

/* Sends the bytes at @seq, at most @max. Returns false when it sent nothing. */
static bool
sendData(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, uint32_t seq, size_t max)
{
    ssize_t end;
    size_t len = fillPayload(ep, conn, seq, MIN(max, conn->sndMss), &end);
    uint32_t next = seq + (uint32_t)len + (end == -1);
    uint8_t flags = (end == -1 ? VMC_TCP_FIN : 0) | (end <= 0 ? VMC_TCP_PSH : 0);

    if (end == -2) {
        vmcTcpAbort(ep, conn);
        return false;
    }
    if (next != seq && !sendSegment(ep, conn, seq, flags, len))
        return false;
    conn->idle = end == 0;
    if (next == seq)
        return false;
    if (before(seq, conn->sndMax))
        ep->stats.retransmits++;
    if (end == -1)
        sentFin(ep, conn, now, seq + (uint32_t)len);
    if (before(conn->sndNxt, next))
        conn->sndNxt = next;
    if (before(conn->sndMax, next))
        conn->sndMax = next;
    armRtx(ep, conn, now);
    return true;
}

/*
 * How much the next segment may carry. A sliver of a window is left until it
 * has grown or there is nothing in flight that would make it grow.
 */
static size_t
nextRoom(const vmcEndpointConn *conn)
{
    size_t room = vmcTcpSendRoom(conn);

    if (room < conn->sndMss && room < conn->sndWndMax / 2 && inFlight(conn) > 0)
        return 0;
    return room;
}

/* Whether there may be something at sndNxt. */
static bool
hasMore(const vmcEndpointConn *conn)
{
    if (conn->sndNxt != conn->sndMax)
        return true;
    return !conn->finSent && !conn->idle;
}

static bool
outputReset(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    vmcSegment segment = {
        .seq = conn->sndMax, .ack = conn->rcvNxt, .flags = VMC_TCP_RST | VMC_TCP_ACK, .scale = -1,
    };
    vmcFrameAddress address;

    (void)now;
    if (!conn->rstDue)
        return true;
    connAddress(ep, conn, &address);
    if (sendFrame(ep, &address, &segment, 0)) {
        if (conn->sndMax == conn->iss)
            ep->stats.refused++;
        vmcTcpFree(ep, conn);
    }
    return false;
}

static bool
outputSyn(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    (void)now;
    if (!conn->synDue)
        return true;
    conn->synDue = !sendSegment(ep, conn, conn->iss, VMC_TCP_SYN, 0);
    return !conn->synDue;
}

static bool
outputResend(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (!conn->resendDue || !states[conn->state].sends || conn->sndUna == conn->sndMax)
        return true;
    if (sendData(ep, conn, now, conn->sndUna, conn->sndMax - conn->sndUna))
        conn->resendDue = false;
    return !ep->linkFull && conn->attached;
}

/* With nothing in flight, nothing would tell that a closed window has opened. */
static bool
outputData(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (!states[conn->state].sends)
        return true;
    while (hasMore(conn) && nextRoom(conn) > 0) {
        if (!sendData(ep, conn, now, conn->sndNxt, nextRoom(conn)))
            break;
    }
    if (conn->sndWnd == 0 && inFlight(conn) == 0)
        armRtx(ep, conn, now);
    return !ep->linkFull && conn->attached;
}

/*
 * Whether a window that was small has opened. Small is what may hold a sender
 * up: many wait until a whole segment fits.
 */
static bool
windowWasSmall(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    uint32_t open = openWindow(conn);
    uint32_t segments = 2 * (uint32_t)conn->rcvMss;

    if (!states[conn->state].receives || open >= MAX(segments, WINDOW_STEP))
        return false;
    return wantedWindow(ep, conn) >= open + MIN(segments, WINDOW_STEP);
}

static bool
outputAck(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    (void)now;
    if (!states[conn->state].synced)
        return true;
    if (conn->ackDue || windowWasSmall(ep, conn))
        return sendSegment(ep, conn, conn->sndMax, 0, 0);
    return true;
}

void
vmcTcpOutput(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    static bool (*const steps[])(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now) = {
        outputReset, outputSyn, outputResend, outputData, outputAck,
    };

    notDue(ep, conn);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i](ep, conn, now))
            continue;
        /* It is gone, or the link is full and it goes on here later. */
        if (ep->linkFull)
            vmcTcpDue(ep, conn);
        return;
    }
}

/* A closed window: an old sequence number makes the guest tell its window. */
static void
timerProbe(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    sendSegment(ep, conn, conn->sndUna - 1, 0, 0);
}

static void
timerResend(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->recovering = false;
    conn->duplicates = 0;
    if (conn->state == VMC_TCP_SYN_RECEIVED) {
        conn->synDue = true;
        ep->stats.retransmits++;
    } else {
        conn->sndNxt = conn->sndUna;
        conn->resendDue = false;
    }
    vmcTcpDue(ep, conn);
}

static void
timerRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    bool pending = states[conn->state].pending;

    conn->rtxAt = VMC_TIME_NEVER;
    if (!pending && conn->sndUna == conn->sndMax && conn->sndWnd > 0)
        return;
    if (conn->retries++ >= (pending ? RETRIES_SYN : RETRIES_MAX)) {
        vmcTcpAbort(ep, conn);
        return;
    }
    conn->backoff += conn->backoff < 8;
    if (!pending && conn->sndWnd == 0 && inFlight(conn) == 0)
        timerProbe(ep, conn);
    else
        timerResend(ep, conn);
    armRtx(ep, conn, now);
}

/* Returns false when @conn is gone. */
static bool
timerEnd(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->endAt = VMC_TIME_NEVER;
    if (conn->state == VMC_TCP_DIALLING) {
        vmcTcpAbort(ep, conn);
        return true;
    }
    if (conn->attached) {       /* bytes still wait for the host side */
        setState(ep, conn, VMC_TCP_CLOSED);
        return true;
    }
    vmcTcpFree(ep, conn);
    return false;
}

void
vmcTcpTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, bool linkBusy)
{
    if (conn->endAt <= now && !timerEnd(ep, conn))
        return;
    if (conn->ackAt <= now) {
        conn->ackAt = VMC_TIME_NEVER;
        ackSoon(ep, conn);
    }
    if (conn->rtxAt <= now) {
        if (linkBusy || ep->linkFull)
            setTimer(ep, conn, &conn->rtxAt, now + rtxInterval(conn));
        else
            timerRtx(ep, conn, now);
    }
    vmcDeadlineSet(ep->deadlines, &conn->deadline, vmcTcpNextTimer(conn));
}
