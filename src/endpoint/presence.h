/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the guest still has its connections: asks it, and ends those for
 * which it has no word. Not for the owner of the endpoint. Pure: see endpoint.h.
 */
#pragma once

#include "endpoint/endpoint_priv.h"

/* Why all connections are asked about, and not only once a minute. */
typedef enum {
    VMC_DOUBT_SILENCE,          /* a frame after silence that speaks of no connection */
    VMC_DOUBT_BOOT,             /* what a guest does that boots */
    VMC_DOUBT_PAST,             /* a guest that is in an earlier state */
    VMC_DOUBT_LAST
} vmcDoubt;

/* vmcPresenceDoubt: all that are not heard of from now on are soon asked. */
void vmcPresenceDoubt(vmcEndpoint *ep, vmcTime now, vmcDoubt doubt);

/* vmcPresenceBoots: the same, for what every boot of that guest shows. */
void vmcPresenceBoots(vmcEndpoint *ep, vmcTime now);

/* vmcPresenceHeard: the guest has sent a segment that only who has @conn can send. */
void vmcPresenceHeard(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);

/* vmcPresenceBegin: @conn is attached; there are questions from now on. */
void vmcPresenceBegin(vmcEndpoint *ep, vmcTime now);

/* vmcPresenceForgotten: a guest whose firmware has that MAC has no connection; it is not told. */
void vmcPresenceForgotten(vmcEndpoint *ep, const uint8_t mac[VMC_MAC_LEN]);

/*
 * vmcPresenceUnreachable: ICMP has answered the segment @seq. Returns whether that was a
 * question.
 */
bool vmcPresenceUnreachable(vmcEndpoint *ep, const vmcEndpointTuple *tuple, uint32_t seq);

/*
 * vmcPresenceMayHold: whether @channel, which takes one connection at a time, has one
 * in the way that is asked now, so that a further one has to wait.
 * vmcPresenceHold: @conn, whose host side is not asked for yet, waits for that.
 * vmcPresenceSettle: goes on with those that have waited long enough. Returns whether
 * there was one.
 */
bool vmcPresenceMayHold(vmcEndpoint *ep, const void *channel, vmcTime now);
void vmcPresenceHold(vmcEndpoint *ep, vmcEndpointConn *conn);
bool vmcPresenceSettle(vmcEndpoint *ep, vmcTime now);

/*
 * vmcPresenceNext: when vmcPresenceTimer() has something to do, or NEVER.
 * vmcPresenceTimer: makes it due that all are asked, when it is time.
 * vmcPresenceConnTimer: asks about @conn once more, or ends it.
 * vmcPresenceOutput: sends the question that is due. Returns false when the link is full.
 */
vmcTime vmcPresenceNext(const vmcEndpoint *ep);
void vmcPresenceTimer(vmcEndpoint *ep, vmcTime now, size_t unread);
void vmcPresenceConnTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, size_t unread);
bool vmcPresenceOutput(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now);
