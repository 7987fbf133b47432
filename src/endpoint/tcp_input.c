/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a segment of the guest does to its connection: see tcp.h. It answers at
 * once only where the guest counts the answers. Pure: it acts only through the
 * owner's vmcEndpointOps. Nothing in a segment is believed before it is checked
 * against what the connection knows.
 */
#include <config.h>

#include "endpoint/tcp.h"

#include <string.h>

#include "endpoint/presence.h"

enum {
    MSS_DEFAULT = 536,
    LARGE_SEGMENT = 16384,      /* bytes */
    DUPLICATES = 3,             /* ACKs that make a fast retransmission */
    GATHERED = VMC_ENDPOINT_CONN_BUFFER / 2,    /* bytes that are shown to the host side again */
};

#define DELAYED_ACK (5 * VMC_TCP_MSEC)
#define BAD_ACK_INTERVAL (10 * VMC_TCP_MSEC)
#define PAST_ACK_TIME (500 * VMC_TCP_MSEC)      /* no frame is under way for so long */
#define PAST_DATA_TIME (10000 * VMC_TCP_MSEC)   /* nor are all ACKs lost for so long */
#define DIALLING_TIME (75000 * VMC_TCP_MSEC)    /* after the last SYN; guests wait up to 64 s */

/* RFC 6528: a hash of the connection, and a clock that ticks every 4 us. */
static uint32_t
initialSequence(const vmcEndpoint *ep, const vmcEndpointTuple *tuple, vmcTime now)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    uint8_t digest[32];
    gsize len = sizeof(digest);
    uint32_t hash;

    g_checksum_update(checksum, ep->config.secret, sizeof(ep->config.secret));
    g_checksum_update(checksum, (const uint8_t *)&tuple->address, sizeof(tuple->address));
    g_checksum_update(checksum, (const uint8_t *)&tuple->port, sizeof(tuple->port));
    g_checksum_update(checksum, (const uint8_t *)&tuple->peer, sizeof(tuple->peer));
    g_checksum_update(checksum, (const uint8_t *)&tuple->peerPort, sizeof(tuple->peerPort));
    g_checksum_get_digest(checksum, digest, &len);
    memcpy(&hash, digest, sizeof(hash));
    return hash + (uint32_t)(now / 4);
}

static vmcEndpointConn *
connNew(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const vmcFrame *frame,
        vmcEndpointChannel *channel, vmcTime now)
{
    const vmcSegment *syn = &frame->segment;
    vmcEndpointConn *conn = g_new0(vmcEndpointConn, 1);
    uint16_t mss = syn->mss != 0 ? syn->mss : MSS_DEFAULT;

    conn->tuple = *tuple;
    memcpy(conn->mac, frame->address.srcMac, VMC_MAC_LEN);
    conn->state = VMC_TCP_DIALLING;
    conn->channel = channel;
    conn->number = ep->opened++;
    conn->dirtyLink.data = conn->lingerLink.data = conn;
    conn->irs = syn->seq;
    conn->rcvNxt = conn->rcvEdge = conn->rcvAcked = syn->seq + 1;
    conn->rcvMss = MSS_DEFAULT;
    conn->rcvScale = syn->scale;
    conn->sndScale = (uint8_t)MAX(syn->scale, 0);
    conn->sndMss = (uint16_t)CLAMP(mss, VMC_TCP_MSS_MIN, ep->config.mtu - VMC_IP_LEN - VMC_TCP_LEN);
    conn->sndWnd = conn->sndWndMax = syn->window;
    conn->iss = initialSequence(ep, tuple, now);
    conn->sndUna = conn->sndNxt = conn->sndMax = conn->iss;
    conn->heardAt = now;
    conn->rtxAt = conn->ackAt = conn->endAt = conn->askAt = conn->timer.at = VMC_TIME_NEVER;
    return conn;
}

void
vmcTcpOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    vmcTcpSetState(conn, VMC_TCP_SYN_RECEIVED);
    conn->endAt = VMC_TIME_NEVER;
    conn->sndNxt = conn->sndMax = conn->iss + 1;
    conn->synDue = true;
    vmcTcpSetTimer(ep, conn, &conn->rtxAt, now + vmcTcpRtxInterval(conn));
    vmcTcpDue(ep, conn);
}

/* Asks for the host side of a DIALLING connection. Returns false when it is refused. */
static bool
openHost(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    vmcEndpointOpen answer = ep->ops->open(ep->opaque, conn->channel->channel, conn, &conn->tuple);

    if (answer == VMC_ENDPOINT_OPEN_REFUSED)
        return false;
    conn->attached = true;
    ep->attached++;
    vmcPresenceBegin(ep, now);
    if (answer == VMC_ENDPOINT_OPEN_OK)
        vmcTcpOpened(ep, conn, now);
    else
        vmcTcpSetTimer(ep, conn, &conn->endAt, now + DIALLING_TIME);
    return true;
}

static void
openConn(vmcEndpoint *ep, vmcTime now, const vmcEndpointTuple *tuple, const vmcFrame *frame,
         vmcEndpointChannel *channel)
{
    bool hold = channel->alone && vmcPresenceMayHold(ep, channel, now);
    vmcEndpointConn *conn = connNew(ep, tuple, frame, channel, now);

    if (hold) {
        vmcPresenceHold(ep, conn);
        vmcTcpSetTimer(ep, conn, &conn->endAt, now + DIALLING_TIME);
    } else if (!openHost(ep, conn, now)) {
        g_free(conn);
        vmcTcpAnswerReset(ep, frame);
        return;
    }
    g_hash_table_add(ep->conns, conn);
    channel->conns++;
}

void
vmcTcpOpenHeld(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    vmcTcpUnhold(ep, conn);
    if (ep->attached >= VMC_ENDPOINT_MAX_CONNS || !openHost(ep, conn, now))
        vmcTcpAbort(ep, conn);
}

/* The channel that has most connections. */
static vmcEndpointChannel *
fullest(const vmcEndpoint *ep)
{
    vmcEndpointChannel *most = ep->channels->pdata[0];

    for (unsigned int i = 1; i < ep->channels->len; i++) {
        vmcEndpointChannel *entry = ep->channels->pdata[i];

        if (entry->conns > most->conns)
            most = entry;
    }
    return most;
}

/*
 * The oldest of a channel's connections that can give way: not answered yet, or ended by
 * the guest.
 */
static vmcEndpointConn *
oldestToGiveWay(const vmcEndpoint *ep, const vmcEndpointChannel *channel)
{
    vmcEndpointConn *oldest = NULL;
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, ep->conns);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        vmcEndpointConn *conn = key;

        if (conn->channel == channel &&
            (vmcTcpStates[conn->state].pending || conn->finReceived) &&
            (!oldest || vmcTcpBefore(conn->number, oldest->number)))
            oldest = conn;
    }
    return oldest;
}

/*
 * A place for a connection to @channel. When it has as many as it may, one of its own
 * gives way; when it has not, and all places are taken, one of the channel that has most.
 * For one that comes too soon after many others nothing does.
 */
static bool
makeRoom(vmcEndpoint *ep, vmcTime now, vmcEndpointChannel *channel)
{
    vmcQuota quota = vmcQuotaBegin(ep->channels->len);
    vmcEndpointConn *conn = NULL;
    vmcEndpointChannel *from = channel;
    bool inTime = vmcRateTakes(&channel->rate, now);

    for (unsigned int i = 0; i < ep->channels->len; i++)
        vmcQuotaAdd(&quota, ((const vmcEndpointChannel *)ep->channels->pdata[i])->conns);
    if (inTime && ep->attached < VMC_ENDPOINT_MAX_CONNS && vmcQuotaTakes(&quota, channel->conns))
        return true;
    if (channel->conns < quota.own)
        from = fullest(ep);
    if (inTime)
        conn = oldestToGiveWay(ep, from);
    if (conn) {
        ep->stats.evicted++;
        ep->ops->limited(ep->opaque, from->channel, true);
        vmcTcpAbort(ep, conn);
    } else {
        ep->stats.limited++;
        ep->ops->limited(ep->opaque, channel->channel, false);
    }
    return conn != NULL;
}

/* A SYN that belongs to no connection (any more). */
static void
inputOpen(vmcEndpoint *ep, vmcTime now, const vmcEndpointTuple *tuple, const vmcFrame *frame)
{
    vmcEndpointChannel *channel = vmcEndpointFindChannel(ep, tuple->address, tuple->port);

    if (channel && makeRoom(ep, now, channel))
        openConn(ep, now, tuple, frame, channel);
    else
        vmcTcpAnswerReset(ep, frame);
}

/*
 * An ACK to a segment that should not have come. The guest may answer it with another
 * such segment, and so on: so there is a time between two of these ACKs.
 */
static void
ackBad(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (now < conn->badAckAt)
        return;
    conn->badAckAt = now + BAD_ACK_INTERVAL;
    vmcTcpAckSoon(ep, conn);
}

/* RFC 5961: a RST counts when its number is exact; one elsewhere in the window gets an ACK. */
static void
inputReset(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcSegment *in)
{
    if (in->seq == conn->rcvNxt)
        vmcTcpDrop(ep, conn);
    else if (vmcTcpStates[conn->state].synced && in->seq - conn->rcvNxt < vmcTcpOpenWindow(conn))
        ackBad(ep, conn, now);
}

/* The SYN that began this connection, once more. */
static void
inputSynAgain(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (conn->state == VMC_TCP_DIALLING) {
        vmcTcpSetTimer(ep, conn, &conn->endAt, now + DIALLING_TIME);
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

    return !vmcTcpBefore(end, conn->rcvNxt) &&
        !vmcTcpBefore(conn->rcvNxt + vmcTcpOpenWindow(conn), frame->segment.seq);
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

/* Smaller segments were on trial: an ACK of more than one shows that larger ones arrive. */
static void
judgeSize(vmcEndpointConn *conn, uint32_t bytes)
{
    if (conn->largeMss == 0)
        return;
    if (bytes > conn->sndMss)
        conn->sndMss = conn->largeMss;
    else
        conn->sndNxt = conn->sndUna;
    conn->largeMss = 0;
}

/* Returns false when @conn is gone. */
static bool
inputNewAck(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, uint32_t ack)
{
    uint32_t bytes = ack - conn->sndUna;
    bool fin = conn->finSent && ack == conn->finSeq + 1;

    conn->sndUna = ack;
    conn->unaAt = now;
    if (vmcTcpBefore(conn->sndNxt, ack))
        conn->sndNxt = ack;
    judgeSize(conn, bytes);
    conn->duplicates = 0;
    conn->resendDue = false;
    vmcTcpRestartRtx(ep, conn, now);
    if (conn->recovering && vmcTcpBefore(ack, conn->recover))
        resendFirst(ep, conn);
    else
        conn->recovering = false;
    vmcTcpDue(ep, conn);
    if (bytes > fin && conn->attached)
        ep->ops->consume(ep->opaque, conn->host, bytes - fin);
    if (!fin)
        return true;
    vmcTcpEnterState(ep, conn, now, vmcTcpStates[conn->state].onAck);
    return vmcTcpFinish(ep, conn);
}

static void
inputWindow(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcSegment *in)
{
    uint32_t window = (uint32_t)in->window << conn->sndScale;

    if (vmcTcpBefore(in->seq, conn->sndWl1) ||
        (in->seq == conn->sndWl1 && vmcTcpBefore(in->ack, conn->sndWl2)))
        return;
    if (window > conn->sndWnd || window == 0)
        vmcTcpDue(ep, conn);
    if (conn->sndWnd == 0 && window > 0)
        vmcTcpRestartRtx(ep, conn, now);
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
        vmcTcpAnswerReset(ep, frame);
        return false;
    }
    vmcTcpSetState(conn, VMC_TCP_ESTABLISHED);
    conn->synDue = false;
    conn->sndUna = in->ack;
    conn->unaAt = now;
    conn->sndWl1 = in->seq;
    conn->sndWl2 = in->ack;
    conn->sndWnd = conn->sndWndMax = (uint32_t)in->window << conn->sndScale;
    vmcTcpRestartRtx(ep, conn, now);
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
    if (vmcTcpBefore(conn->sndMax, in->ack)) {
        vmcTcpAnswerReset(ep, frame);
        vmcTcpDrop(ep, conn);
        return false;
    }
    if (vmcTcpBefore(in->ack, conn->sndUna))
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
    size_t n = MIN(len, vmcTcpBufferRoom(conn));
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

/*
 * Writes what is in the ring, and @data behind it, at once. Returns how many
 * bytes of @data were taken, or -1: the host side is gone, and so is the connection.
 */
static ssize_t
writeWith(vmcEndpoint *ep, vmcEndpointConn *conn, const uint8_t *data, size_t len)
{
    size_t first = MIN(conn->bufferLen, VMC_ENDPOINT_CONN_BUFFER - conn->bufferHead);
    /* Without a ring there is no address to count from. */
    const struct iovec parts[] = {
        { first > 0 ? conn->buffer + conn->bufferHead : NULL, first },
        { conn->buffer, conn->bufferLen - first },
        { (void *)data, len },
    };
    struct iovec iov[G_N_ELEMENTS(parts)];
    size_t buffered = conn->bufferLen;
    int niov = 0;
    ssize_t n;

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i].iov_len > 0)
            iov[niov++] = parts[i];
    }
    if (niov == 0)
        return 0;
    n = hostWrite(ep, conn, iov, niov, buffered + len);
    if (n < 0) {
        vmcTcpAbort(ep, conn);
        return -1;
    }
    bufferTake(conn, MIN((size_t)n, buffered));
    return MAX(n - (ssize_t)buffered, 0);
}

/*
 * Returns how many bytes found a place, or -1 when the connection was aborted.
 * The host side may leave small pieces here until they are a large one.
 */
static ssize_t
deliver(vmcEndpoint *ep, vmcEndpointConn *conn, const uint8_t *data, size_t len)
{
    ssize_t n = 0;

    if (conn->bufferLen == 0 || conn->bufferLen + len > GATHERED)
        n = writeWith(ep, conn, data, len);
    if (n < 0)
        return -1;
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
    return vmcTcpFinish(ep, conn);
}

/* The window update that this may allow leaves at the flush. */
void
vmcTcpDrain(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    vmcTcpDue(ep, conn);
    if (conn->bufferLen > 0 && writeWith(ep, conn, NULL, 0) == 0)
        shutWhenDrained(ep, conn);
}

/* The ACK waits for a segment that carries it, though not for long. */
static void
ackWaits(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (conn->ackAt == VMC_TIME_NEVER)
        vmcTcpSetTimer(ep, conn, &conn->ackAt, now + DELAYED_ACK);
}

/*
 * Two segments, or half of the window, make an ACK due; less waits for more. Of
 * large segments few fit into the window, and each ACK costs the guest as much
 * as one of them: these wait for half of it.
 */
static void
ackReceived(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    uint32_t received = conn->rcvNxt - conn->rcvAcked;
    uint32_t window = conn->rcvEdge - conn->rcvAcked;
    uint32_t segments = conn->rcvMss < LARGE_SEGMENT ? 2 * (uint32_t)conn->rcvMss : window;

    if (received >= MIN(segments, window / 2))
        vmcTcpAckSoon(ep, conn);
    else
        ackWaits(ep, conn, now);
}

/* Our own FIN, when it is still to come, carries the ACK. */
static void
inputFin(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    conn->rcvNxt++;
    conn->finReceived = true;
    if (conn->finSent)
        vmcTcpAckSoon(ep, conn);
    else
        ackWaits(ep, conn, now);
    vmcTcpEnterState(ep, conn, now, vmcTcpStates[conn->state].onFin);
    ep->ops->ended(ep->opaque, conn->host, conn->bufferLen > 0);
    shutWhenDrained(ep, conn);
}

/* The guest counts ACKs of what comes after a gap: each leaves at once. */
static void
inputOutOfOrder(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    if (!vmcTcpSendSegment(ep, conn, conn->sndMax, 0, 0))
        vmcTcpAckSoon(ep, conn);
}

/* New bytes in order, @old of them known already. */
static void
inputInOrder(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame,
             uint32_t old)
{
    const uint8_t *data = frame->payload + MIN(old, frame->len);
    size_t len = frame->len - MIN(old, frame->len);
    ssize_t taken = deliver(ep, conn, data, MIN(len, vmcTcpOpenWindow(conn)));

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
    if (vmcTcpBefore(conn->rcvNxt, frame->segment.seq))
        inputOutOfOrder(ep, conn);
    else if (old >= len || !vmcTcpStates[conn->state].receives)
        ackBad(ep, conn, now);
    else
        inputInOrder(ep, conn, now, frame, old);
}

/*
 * Whether for a long time only bytes have come that are known. A window probe, one
 * byte before the window, does not count.
 */
static bool
onlyRepeats(vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    uint32_t end = frame->segment.seq + (uint32_t)frame->len;

    if (!vmcTcpBefore(frame->segment.seq, conn->rcvNxt - 1) || vmcTcpBefore(conn->rcvNxt, end)) {
        conn->repeatedAt = 0;
        return false;
    }
    if (conn->repeatedAt == 0)
        conn->repeatedAt = now;
    return now - conn->repeatedAt > PAST_DATA_TIME;
}

/*
 * Whether the guest was taken back to an earlier state of its own (a snapshot):
 * then it knows less than it had acknowledged, or has yet to send what we have.
 * Nothing can bring such a connection together again.
 */
static bool
isFromPast(vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    if (!vmcTcpStates[conn->state].synced)
        return false;
    return onlyRepeats(conn, now, frame) ||
        (vmcTcpBefore(frame->segment.ack, conn->sndUna) && now - conn->unaAt > PAST_ACK_TIME);
}

/* Its other connections may be in the same state, or unknown to the guest: probe them. */
static void
inputFromPast(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    vmcTcpAnswerReset(ep, frame);
    vmcTcpDrop(ep, conn);
    vmcPresenceDoubt(ep, now, VMC_DOUBT_PAST);
}

static void
inputSegment(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, const vmcFrame *frame)
{
    if (isFromPast(conn, now, frame)) {
        inputFromPast(ep, conn, now, frame);
        return;
    }
    if (!inWindow(conn, frame)) {
        ackBad(ep, conn, now);
        return;
    }
    if (inputAck(ep, conn, now, frame)) {
        vmcPresenceHeard(ep, conn, now);
        memcpy(conn->mac, frame->address.srcMac, VMC_MAC_LEN);
        inputData(ep, conn, now, frame);
    }
}

/* Whether there is a connection, and it takes segments. */
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
    /* The guest has ended it, and uses the port again: bytes that it was told came are not lost. */
    if (conn && conn->attached && conn->finReceived && conn->bufferLen > 0) {
        ep->stats.limited++;
        return true;
    }
    if (conn) {                 /* the guest has forgotten it: take the new one */
        if (conn->attached)
            vmcPresenceDoubt(ep, now, VMC_DOUBT_BOOT);
        vmcTcpDrop(ep, conn);
    }
    inputOpen(ep, now, tuple, frame);
    return true;
}

static void
inputNoConn(vmcEndpoint *ep, vmcEndpointConn *conn, const vmcFrame *frame)
{
    bool answered = (frame->segment.flags & VMC_TCP_RST) || vmcTcpAnswerReset(ep, frame);

    if (conn && !conn->attached && answered)
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
    if (conn && !(flags & VMC_TCP_RST))
        ep->knownAt = now;
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
