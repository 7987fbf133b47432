/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The endpoint's TCP: what a segment, a timer or the host side does to one
 * connection. Not for the owner of the endpoint. Pure: see endpoint.h.
 */
#pragma once

#include "relay/endpoint_priv.h"

/* vmcTcpInput: a segment for one of our addresses. False: it was dropped. */
bool vmcTcpInput(vmcEndpoint *ep, vmcTime now, const vmcFrame *frame);

/* vmcTcpOutput: sends all that is due on @conn, which may be gone afterwards. */
void vmcTcpOutput(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/* vmcTcpTimer: does what is due on @conn, which may be gone afterwards. */
void vmcTcpTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, bool linkBusy);

/* vmcTcpNextTimer: when vmcTcpTimer() has something to do, or NEVER. */
vmcTime vmcTcpNextTimer(const vmcEndpointConn *conn);

/* vmcTcpOpened: the host side of a DIALLING connection is there. */
void vmcTcpOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/* vmcTcpDrain: the host side takes bytes again; @conn may be gone afterwards. */
void vmcTcpDrain(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpAbort: ends @conn by RST; it is gone once the RST is sent. */
void vmcTcpAbort(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpFree: forgets @conn without a word to anyone. */
void vmcTcpFree(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpDetach: close(), once. */
void vmcTcpDetach(vmcEndpoint *ep, vmcEndpointConn *conn, bool reset);

/* vmcTcpDue: @conn has something to do at the next flush. */
void vmcTcpDue(vmcEndpoint *ep, vmcEndpointConn *conn);

/* vmcTcpSendRoom: bytes that the guest's window and our own limit let out. */
size_t vmcTcpSendRoom(const vmcEndpointConn *conn);
