/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The endpoint's TCP: what a segment (tcp_input.c), a flush or a timer
 * (tcp_output.c) does to one connection, and what both need (tcp.c). Not for
 * the owner of the endpoint. Pure: see endpoint.h.
 */
#pragma once

#include "endpoint/endpoint_priv.h"

#define VMC_TCP_MSEC ((vmcTime)1000)
#define VMC_TCP_MSS_MIN 88
#define VMC_TCP_WINDOW_MAX (448 * 1024)         /* bytes promised */
#define VMC_TCP_WINDOW_STEP (32 * 1024)         /* a window that opened by this is told */

/* What a connection in a state does. */
typedef struct {
    bool pending;               /* the guest does not know yet that it is open */
    bool synced;                /* both sides know each other's numbers */
    bool receives;              /* guest bytes may still come */
    bool sends;                 /* host bytes or the FIN after them may be sent, or sent again */
    vmcTcpState onFin;          /* after the guest's FIN */
    vmcTcpState onSend;         /* after the host side's FIN was sent */
    vmcTcpState onAck;          /* after that was acknowledged */
} vmcTcpStateRow;

extern const vmcTcpStateRow vmcTcpStates[];

/* vmcTcpInput: a segment for one of the endpoint's addresses. False: it was dropped. */
bool vmcTcpInput(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame);

/* vmcTcpDrain: the host side takes bytes again; @conn may be gone afterwards. */
void vmcTcpDrain(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpOpenHeld: asks for the host side of a connection that was held; it may be aborted. */
void vmcTcpOpenHeld(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/* vmcTcpOpened: the host side of a DIALLING connection is there. */
void vmcTcpOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/*
 * vmcTcpOutput: sends what is due on the connection whose turn it is, or a part of it when
 * it is much. The connection may be gone afterwards. False: none was due.
 */
bool vmcTcpOutput(vmcEndpoint *ep, vmcTime now);

/* vmcTcpTimer: does what is due on @conn, which may be gone afterwards; @unread as there. */
void vmcTcpTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, size_t unread);

/*
 * vmcTcpMayAnswer: whether the guest may have to answer still: it has not read the last
 * segment, or the full link did not take it yet. A link that is never empty does not matter.
 */
bool vmcTcpMayAnswer(const vmcEndpoint *ep, const vmcEndpointConn *conn, size_t unread);

/*
 * vmcTcpTooLarge: what lies on the way carries IP packets of @mtu bytes only, or smaller
 * ones (0). @seq: a segment in flight says so; what is not is not believed.
 */
bool vmcTcpTooLarge(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, unsigned int mtu);

/* vmcTcpSendRoom: how many bytes the guest's window and the limit of bytes in flight allow. */
size_t vmcTcpSendRoom(const vmcEndpointConn *conn);

/*
 * The life of a connection.
 * vmcTcpDue: it has something to do at the next flush, in its turn. vmcTcpDueAgain: its
 * turn has begun and goes on then.
 * vmcTcpDetach: close(), once. vmcTcpFree: frees it and tells nobody.
 * vmcTcpDrop: both. vmcTcpAbort: ends it by RST; it is gone once that is sent.
 * vmcTcpUnhold: it waits for no other connection any more.
 * vmcTcpFinish: ends it when both directions are done; false when it is gone.
 */
void vmcTcpDue(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpDueAgain(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpNotDue(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpDetach(vmcEndpoint *ep, vmcEndpointConn *conn, bool reset);
void vmcTcpFree(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpDrop(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpUnhold(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpAbort(vmcEndpoint *ep, vmcEndpointConn *conn);
bool vmcTcpFinish(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcTcpSetState(vmcEndpointConn *conn, vmcTcpState state);
void vmcTcpEnterState(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, vmcTcpState state);

/*
 * Its timers. vmcTcpNextTimer: when vmcTcpTimer() has something to do, or NEVER.
 * vmcTcpArmRtx: unless it runs. vmcTcpRestartRtx: anew, from the first interval.
 */
vmcTime vmcTcpNextTimer(const vmcEndpointConn *conn);
void vmcTcpSetTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime *timer, vmcTime at);
vmcTime vmcTcpRtxInterval(const vmcEndpointConn *conn);
void vmcTcpArmRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);
void vmcTcpRestartRtx(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/* Its receive window in bytes: still open, at most, and what there is room for. */
uint32_t vmcTcpOpenWindow(const vmcEndpointConn *conn);
uint32_t vmcTcpWindowLimit(const vmcEndpointConn *conn);
uint32_t vmcTcpWantedWindow(const vmcEndpoint *ep, const vmcEndpointConn *conn);

/* Segments; those that return bool say whether the link took it. */
bool vmcTcpSendSegment(vmcEndpoint *ep, vmcEndpointConn *conn, uint32_t seq, uint8_t flags,
                       size_t len);
bool vmcTcpSendReset(vmcEndpoint *ep, const vmcEndpointConn *conn);
bool vmcTcpAnswerReset(vmcEndpoint *ep, const vmcFrame *frame);
void vmcTcpAckSoon(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpProbe: see vmcEndpointProbe(). */
bool vmcTcpProbe(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const uint8_t mac[VMC_MAC_LEN]);

/* Sequence numbers wrap: @a before @b means by less than half the circle. */
static inline bool
vmcTcpBefore(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline size_t
vmcTcpInFlight(const vmcEndpointConn *conn)
{
    return conn->sndNxt - conn->sndUna;
}

static inline size_t
vmcTcpBufferRoom(const vmcEndpointConn *conn)
{
    return VMC_ENDPOINT_CONN_BUFFER - conn->bufferLen;
}
