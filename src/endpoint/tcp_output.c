/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a connection sends, at a flush or when a timer says so: see tcp.h. It
 * keeps no byte: peek() finds them again. Pure: it acts only through the
 * owner's vmcEndpointOps.
 */
#include <config.h>

#include "endpoint/tcp.h"

#include "endpoint/output.h"
#include "endpoint/presence.h"

enum {
    RETRIES_MAX = 14,           /* about 85 s */
    LOST_FOR_SIZE = 2,          /* timeouts of the same segment */
    RETRIES_SYN = 6,            /* about 19 s */
};

size_t
vmcTcpSendRoom(const vmcEndpointConn *conn)
{
    size_t limit = MIN(conn->sndWnd, VMC_ENDPOINT_FLIGHT_MAX);

    if (!vmcTcpStates[conn->state].sends || limit <= vmcTcpInFlight(conn))
        return 0;
    return limit - vmcTcpInFlight(conn);
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
    vmcTcpEnterState(ep, conn, now, vmcTcpStates[conn->state].onSend);
}

/*
 * Whether a part of a segment can wait for more: while two whole ones are in
 * flight, since the guest acknowledges the second at once. What was sent before
 * does not wait.
 */
static bool
mayWait(const vmcEndpointConn *conn, uint32_t seq, size_t len)
{
    return len < conn->sndMss && seq == conn->sndMax &&
           vmcTcpInFlight(conn) >= 2 * (uint32_t)conn->sndMss;
}

/* Sends the bytes at @seq, at most @max. Returns false when it sent nothing. */
static bool
sendData(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, uint32_t seq, size_t max)
{
    ssize_t end;
    size_t len = fillPayload(ep, conn, seq, MIN(max, conn->sndMss), &end);
    uint32_t next = seq + (uint32_t)len + (end == -1);
    uint8_t flags = (end == -1 ? VMC_TCP_FIN : 0) | (end <= 0 ? VMC_TCP_PSH : 0);

    if (end == 0 && mayWait(conn, seq, len)) {
        conn->idle = false;
        return false;
    }
    if (end == -2) {
        vmcTcpAbort(ep, conn);
        return false;
    }
    if (next != seq && !vmcTcpSendSegment(ep, conn, seq, flags, len))
        return false;
    conn->idle = end == 0;
    if (next == seq)
        return false;
    if (vmcTcpBefore(seq, conn->sndMax))
        ep->stats.retransmits++;
    if (end == -1)
        sentFin(ep, conn, now, seq + (uint32_t)len);
    if (vmcTcpBefore(conn->sndNxt, next))
        conn->sndNxt = next;
    if (vmcTcpBefore(conn->sndMax, next))
        conn->sndMax = next;
    vmcTcpArmRtx(ep, conn, now);
    return true;
}

/*
 * How much the next segment may carry. A window that has little room is not used
 * before it has grown, or nothing is in flight whose ACK would make it grow.
 */
static size_t
nextRoom(const vmcEndpointConn *conn)
{
    size_t room = vmcTcpSendRoom(conn);

    if (room < conn->sndMss && room < conn->sndWndMax / 2 && vmcTcpInFlight(conn) > 0)
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
    (void)now;
    if (!conn->rstDue)
        return true;
    if (vmcTcpSendReset(ep, conn)) {
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
    conn->synDue = !vmcTcpSendSegment(ep, conn, conn->iss, VMC_TCP_SYN, 0);
    return !conn->synDue;
}

static bool
outputResend(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (!conn->resendDue || !vmcTcpStates[conn->state].sends || conn->sndUna == conn->sndMax)
        return true;
    if (sendData(ep, conn, now, conn->sndUna, conn->sndMax - conn->sndUna))
        conn->resendDue = false;
    return !ep->linkFull && conn->attached;
}

/* With nothing in flight no ACK would say that a closed window has opened: a timer asks. */
static bool
outputData(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (!vmcTcpStates[conn->state].sends)
        return true;
    while (hasMore(conn) && nextRoom(conn) > 0) {
        if (ep->stats.bytesOut >= ep->turnEnd) {
            vmcTcpDue(ep, conn);
            break;
        }
        if (!sendData(ep, conn, now, conn->sndNxt, nextRoom(conn)))
            break;
    }
    if (conn->sndWnd == 0 && vmcTcpInFlight(conn) == 0)
        vmcTcpArmRtx(ep, conn, now);
    return !ep->linkFull && conn->attached;
}

/*
 * Whether a window that was small has opened. Small is what may hold a sender
 * up: many wait until a whole segment fits.
 */
static bool
windowWasSmall(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    uint32_t open = vmcTcpOpenWindow(conn);
    uint32_t segments = 2 * (uint32_t)conn->rcvMss;

    if (!vmcTcpStates[conn->state].receives || open >= MAX(segments, VMC_TCP_WINDOW_STEP))
        return false;
    return vmcTcpWantedWindow(ep, conn) >= open + MIN(segments, VMC_TCP_WINDOW_STEP);
}

/* A closed window: an old sequence number makes the guest tell its window. */
static bool
outputProbe(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    (void)now;
    if (!conn->probeDue)
        return true;
    if (!vmcTcpSendSegment(ep, conn, conn->sndUna - 1, 0, 0))
        return false;
    conn->probeDue = false;
    conn->sentTo = ep->stats.bytesOut;
    return true;
}

static bool
outputAck(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    (void)now;
    if (!vmcTcpStates[conn->state].synced)
        return true;
    if (conn->ackDue || windowWasSmall(ep, conn))
        return vmcTcpSendSegment(ep, conn, conn->sndMax, 0, 0);
    return true;
}

static void
outputConn(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    static bool (*const steps[])(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now) = {
        outputReset, outputSyn, outputResend, outputData, outputProbe, vmcPresenceOutput,
        outputAck,
    };

    vmcTcpNotDue(ep, conn);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i](ep, conn, now))
            continue;
        /* It is gone, or the link is full and it goes on here later. */
        if (ep->linkFull)
            vmcTcpDueAgain(ep, conn);
        return;
    }
}

bool
vmcTcpOutput(vmcEndpoint *ep, vmcTime now)
{
    vmcTurns *turns = vmcTurnsNext(&ep->turns);

    if (!turns)
        return false;
    ep->turnEnd = ep->stats.bytesOut + (uint64_t)turns->left;
    outputConn(ep, turns->waiting.head->data, now);
    turns->left = (int64_t)(ep->turnEnd - ep->stats.bytesOut);
    return true;
}

static void
timerProbe(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->probeDue = true;
    vmcTcpDue(ep, conn);
}

/*
 * The segment size for the next smaller packets that are common on the way: jumbo frames,
 * ethernet, and IPv6's least, which every tunnel carries. 0: there is none.
 */
static uint16_t
smallerMss(const vmcEndpointConn *conn)
{
    static const uint16_t mtus[] = { 9000, 1500, 1280 };

    for (size_t i = 0; i < G_N_ELEMENTS(mtus); i++) {
        uint16_t mss = mtus[i] - VMC_IP_LEN - VMC_TCP_LEN;

        if (mss < conn->sndMss)
            return mss;
    }
    return 0;
}

/*
 * RFC 4821: what is lost again and again may be too large for something on the way that
 * does not say so. One smaller segment is tried: the ACK of that and no more tells that
 * larger ones do not arrive.
 */
static bool
trySmaller(vmcEndpointConn *conn)
{
    uint16_t mss = smallerMss(conn);

    if (conn->retries < LOST_FOR_SIZE || mss == 0 || conn->sndMax - conn->sndUna <= mss)
        return false;
    if (conn->largeMss == 0)
        conn->largeMss = conn->sndMss;
    conn->sndMss = mss;
    return true;
}

bool
vmcTcpTooLarge(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, unsigned int mtu)
{
    unsigned int least = VMC_TCP_MSS_MIN + VMC_IP_LEN + VMC_TCP_LEN;
    unsigned int mss = mtu == 0 ? smallerMss(conn) : MAX(mtu, least) - VMC_IP_LEN - VMC_TCP_LEN;

    if (!vmcTcpStates[conn->state].sends || seq - conn->sndUna >= conn->sndMax - conn->sndUna ||
        mss == 0 || mss >= conn->sndMss)
        return false;
    conn->sndMss = (uint16_t)mss;
    conn->largeMss = 0;
    conn->sndNxt = conn->sndUna;
    vmcTcpDue(ep, conn);
    return true;
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
        conn->resendDue = trySmaller(conn) || conn->largeMss != 0;
        if (!conn->resendDue)
            conn->sndNxt = conn->sndUna;
    }
    vmcTcpDue(ep, conn);
}

static void
timerRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    bool pending = vmcTcpStates[conn->state].pending;

    conn->rtxAt = VMC_TIME_NEVER;
    if (!pending && conn->sndUna == conn->sndMax && conn->sndWnd > 0)
        return;
    if (conn->retries++ >= (pending ? RETRIES_SYN : RETRIES_MAX)) {
        vmcTcpAbort(ep, conn);
        return;
    }
    conn->backoff += conn->backoff < 8;
    if (!pending && conn->sndWnd == 0 && vmcTcpInFlight(conn) == 0)
        timerProbe(ep, conn);
    else
        timerResend(ep, conn);
    vmcTcpArmRtx(ep, conn, now);
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
        vmcTcpSetState(conn, VMC_TCP_CLOSED);
        return true;
    }
    vmcTcpFree(ep, conn);
    return false;
}

bool
vmcTcpMayAnswer(const vmcEndpoint *ep, const vmcEndpointConn *conn, size_t unread)
{
    return (ep->linkFull && conn->dirty) || !vmcOutputIsRead(ep, conn->sentTo, unread);
}

void
vmcTcpTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, size_t unread)
{
    if (conn->endAt <= now && !timerEnd(ep, conn))
        return;
    if (conn->ackAt <= now) {
        conn->ackAt = VMC_TIME_NEVER;
        vmcTcpAckSoon(ep, conn);
    }
    if (conn->rtxAt <= now) {
        if (vmcTcpMayAnswer(ep, conn, unread))
            vmcTcpSetTimer(ep, conn, &conn->rtxAt, now + vmcTcpRtxInterval(conn));
        else
            timerRtx(ep, conn, now);
    }
    if (conn->askAt <= now)
        vmcPresenceConnTimer(ep, conn, now, unread);
    vmcTimerSet(ep->timers, &conn->timer, vmcTcpNextTimer(conn));
}
