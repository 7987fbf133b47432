/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the guest still has its connections: see presence.h. Pure: it acts only
 * through the owner's vmcEndpointOps.
 *
 * A guest that is reset says no goodbye. So it is asked, by a bare ACK with an old
 * sequence number, as every keepalive is (RFC 9293, 3.8.4): who has the connection
 * answers it with an ACK, who has not with a RST. A firewall that knows nothing of
 * the connection drops it, or answers with ICMP.
 *
 * All connections are asked once a minute, with one timer for all of them; and soon
 * after the guest has done what one does that boots: it asked for a lease afresh,
 * probed for or announced an address (an IPv6 one, too, which the kernel of most guests
 * does by itself and past any firewall), sent a SYN for a connection that is open, or
 * any frame after silence that speaks of no connection. None of these proves it: a
 * DHCP client or a network that is restarted in a living guest does the same. So
 * these, too, only ask. What does prove it is a firmware's request for a lease.
 *
 * A guest that has never done any of the first three may show nothing at its next boot,
 * either, until it connects. So its connections are asked more often than once a minute:
 * all have ended within one after a reset, also where a firewall answers nothing.
 *
 * A guest that boots has no address yet, and one that checks its address (RFC 5227)
 * has none for up to 9 s: it hears no question, and one that lives on after such a
 * check must not lose its connections. So a question is repeated for longer than that.
 *
 * A machine that is stopped does not read its link, but for one frame that QEMU
 * takes and keeps. So one question may look as if it were read, but no second one, and
 * none is repeated before it was read: none of its connections ends. After some time
 * the next minute is waited for.
 */
#include <config.h>

#include "endpoint/presence.h"

#include <string.h>

#include "endpoint/tcp.h"

enum {
    QUESTIONS = 6,              /* that are not answered end a connection */
    QUESTIONS_IN_THE_WAY = 3,   /* the same, when another waits for its end */
};

#define SECOND ((vmcTime)1000000)

#define ROUND_INTERVAL (60 * SECOND)
/* With all questions, less than a minute. */
#define ROUND_INTERVAL_QUIET (40 * SECOND)
#define QUESTION_INTERVAL (3 * SECOND)
/* A Linux guest answers a connection's questions twice a second. */
#define QUESTION_INTERVAL_IN_THE_WAY (1 * SECOND)
/* How long a question may be unread, by doubling the interval, before the next round. */
#define UNREAD_MAX (30 * SECOND)

/* How soon all are asked, and how long after the last time; a booting guest gives many signs. */
static const struct {
    vmcTime delay, gap;
} doubts[] = {
    [VMC_DOUBT_SILENCE] = { 1 * SECOND, 30 * SECOND },
    [VMC_DOUBT_BOOT] = { 1 * SECOND, 5 * SECOND },
    [VMC_DOUBT_PAST] = { 0, 0 },
};
G_STATIC_ASSERT(G_N_ELEMENTS(doubts) == VMC_DOUBT_LAST);

/*
 * Connections that are dialling or half open have timers of their own. And a guest may
 * forget one for which it has sent its last byte, while the host side has yet to read.
 */
static bool
canBeAsked(const vmcEndpointConn *conn)
{
    return conn->attached && vmcTcpStates[conn->state].receives;
}

static vmcTime
roundInterval(const vmcEndpoint *ep)
{
    return ep->showsBoots ? ROUND_INTERVAL : ROUND_INTERVAL_QUIET;
}

void
vmcPresenceBegin(vmcEndpoint *ep, vmcTime now)
{
    if (ep->attached > 1)
        return;
    ep->roundAt = now + roundInterval(ep);
    ep->doubted = false;
}

void
vmcPresenceDoubt(vmcEndpoint *ep, vmcTime now, vmcDoubt doubt)
{
    vmcTime at = MAX(now + doubts[doubt].delay, ep->askedAt + doubts[doubt].gap);

    if (ep->attached == 0)
        return;
    ep->doubted = true;
    ep->doubtedAt = now;
    ep->roundAt = MIN(ep->roundAt, at);
}

void
vmcPresenceBoots(vmcEndpoint *ep, vmcTime now)
{
    ep->showsBoots = true;
    vmcPresenceDoubt(ep, now, VMC_DOUBT_BOOT);
}

void
vmcPresenceHeard(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    ep->stats.answers += conn->asked > 0;
    conn->heardAt = now;
    conn->asked = conn->askWaits = 0;
    conn->askDue = false;
    conn->askAt = VMC_TIME_NEVER;
}

vmcTime
vmcPresenceNext(const vmcEndpoint *ep)
{
    return ep->attached > 0 ? ep->roundAt : VMC_TIME_NEVER;
}

static void
askSoon(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    conn->askWaits = 0;
    vmcTcpSetTimer(ep, conn, &conn->askAt, now);
}

void
vmcPresenceTimer(vmcEndpoint *ep, vmcTime now, size_t unread)
{
    bool doubted = ep->doubted;
    vmcTime since = doubted ? ep->doubtedAt : now;
    GHashTableIter iter;
    gpointer key;

    if (now < vmcPresenceNext(ep))
        return;
    ep->roundAt = now + roundInterval(ep);
    ep->doubted = false;
    ep->askedAt = now;
    g_hash_table_iter_init(&iter, ep->conns);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        vmcEndpointConn *conn = key;

        if (canBeAsked(conn) && conn->heardAt < since && conn->askAt == VMC_TIME_NEVER &&
            (doubted || !vmcTcpMayAnswer(ep, conn, unread)))
            askSoon(ep, conn, now);
    }
}

static bool
isInTheWay(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    for (const GList *item = ep->held.head; item; item = item->next) {
        const vmcEndpointConn *held = item->data;

        if (held->channel == conn->channel)
            return true;
    }
    return false;
}

static vmcTime
questionInterval(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    return isInTheWay(ep, conn) ? QUESTION_INTERVAL_IN_THE_WAY : QUESTION_INTERVAL;
}

static void
waitForGuest(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    vmcTime interval = questionInterval(ep, conn) << conn->askWaits;

    conn->askAt = VMC_TIME_NEVER;
    if (interval > UNREAD_MAX)
        return;
    conn->askWaits++;
    vmcTcpSetTimer(ep, conn, &conn->askAt, now + interval);
}

void
vmcPresenceConnTimer(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, size_t unread)
{
    int questions = isInTheWay(ep, conn) ? QUESTIONS_IN_THE_WAY : QUESTIONS;

    if (vmcTcpMayAnswer(ep, conn, unread)) {
        waitForGuest(ep, conn, now);
        return;
    }
    conn->askAt = VMC_TIME_NEVER;
    if (conn->asked >= questions) {
        vmcTcpAbort(ep, conn);
        return;
    }
    conn->askDue = true;
    vmcTcpDue(ep, conn);
}

bool
vmcPresenceOutput(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now)
{
    if (!conn->askDue)
        return true;
    if (!vmcTcpSendSegment(ep, conn, conn->sndUna - 1, 0, 0))
        return false;
    conn->askDue = false;
    conn->sentTo = ep->stats.bytesOut;
    conn->asked++;
    conn->askWaits = 0;
    vmcTcpSetTimer(ep, conn, &conn->askAt, now + questionInterval(ep, conn));
    return true;
}

void
vmcPresenceForgotten(vmcEndpoint *ep, const uint8_t mac[VMC_MAC_LEN])
{
    g_autoptr(GList) conns = g_hash_table_get_keys(ep->conns);

    for (GList *item = conns; item; item = item->next) {
        vmcEndpointConn *conn = item->data;

        if (conn->attached && memcmp(conn->mac, mac, VMC_MAC_LEN) == 0)
            vmcTcpDrop(ep, conn);
    }
}

bool
vmcPresenceUnreachable(vmcEndpoint *ep, const vmcEndpointTuple *tuple, uint32_t seq)
{
    vmcEndpointConn *conn = g_hash_table_lookup(ep->conns, tuple);

    if (!conn || conn->asked == 0 || seq != conn->sndUna - 1)
        return false;
    vmcTcpDrop(ep, conn);
    return true;
}

/* The connection of @channel's that keeps others from it. */
static vmcEndpointConn *
inTheWay(const vmcEndpoint *ep, const void *channel)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, ep->conns);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        vmcEndpointConn *conn = key;

        if (conn->attached && conn->channel == channel)
            return conn;
    }
    return NULL;
}

/* One that was heard of just now need not be asked. */
bool
vmcPresenceMayHold(vmcEndpoint *ep, const void *channel, vmcTime now)
{
    vmcEndpointConn *conn = inTheWay(ep, channel);

    if (!conn || !canBeAsked(conn) || now - conn->heardAt < QUESTION_INTERVAL_IN_THE_WAY)
        return false;
    if (conn->asked == 0) {
        conn->askDue = true;
        vmcTcpDue(ep, conn);
    } else if (conn->askAt > now + QUESTION_INTERVAL_IN_THE_WAY) {
        vmcTcpSetTimer(ep, conn, &conn->askAt, now + QUESTION_INTERVAL_IN_THE_WAY);
    }
    return true;
}

void
vmcPresenceHold(vmcEndpoint *ep, vmcEndpointConn *conn)
{
    conn->held = true;
    g_queue_push_tail_link(&ep->held, &conn->lingerLink);
}

/* Whether @conn waits for the answer of the one in its way. */
static bool
stillWaits(const vmcEndpoint *ep, const vmcEndpointConn *conn)
{
    const vmcEndpointConn *other = inTheWay(ep, conn->channel);

    return other && canBeAsked(other) && other->heardAt < conn->heardAt;
}

bool
vmcPresenceSettle(vmcEndpoint *ep, vmcTime now)
{
    bool settled = false;
    GList *next;

    for (GList *item = ep->held.head; item; item = next) {
        vmcEndpointConn *conn = item->data;

        next = item->next;
        if (stillWaits(ep, conn))
            continue;
        settled = true;
        vmcTcpOpenHeld(ep, conn, now);
    }
    return settled;
}
