/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a guest that goes away is noticed, and one that lives on is left alone:
 * with a guest that may be there, booted afresh, behind a firewall or stopped.
 */
#include <config.h>

#include <arpa/inet.h>
#include <string.h>

#include "tests/lib/endpointrig.h"

#define SECOND ((vmcTime)1000000)
#define GUEST_ISN 1000u

/* What the guest makes of a segment of a connection that it had. */
typedef enum {
    GUEST_LIVES,                /* it has the connection */
    GUEST_NEW,                  /* it has not */
    GUEST_FIREWALL,             /* it has not, and says nothing */
    GUEST_REJECTS,              /* it has not, and its firewall says so */
    GUEST_STOPPED,              /* it reads one frame, which QEMU keeps, and no more */
} guestKind;

typedef struct {
    rig *r;
    guestKind kind;
    unsigned int questions;     /* bare ACKs with an old number */
    unsigned int resets;
    vmcTime lastAt;             /* of a question */
} guest;

static void
reject(guest *g, const uint8_t *sent)
{
    uint8_t frame[VMC_GUEST_FRAME];

    rigInput(g->r, frame, vmcGuestRejects(frame, sent), NULL, 0);
}

static void
answer(guest *g, const vmcFrame *frame, GBytes *sent)
{
    vmcFrameAddress address = rigGuest(frame->address.dstPort);
    vmcSegment ack = { .seq = frame->segment.ack, .ack = frame->segment.seq + 1,
                       .flags = VMC_TCP_ACK, .window = 1000, .scale = -1 };
    vmcSegment rst = { .seq = frame->segment.ack, .flags = VMC_TCP_RST, .scale = -1 };

    address.dstPort = frame->address.srcPort;
    g->questions++;
    g->lastAt = g->r->now;
    if (g->kind == GUEST_LIVES)
        rigSegment(g->r, &address, &ack, NULL, 0);
    else if (g->kind == GUEST_NEW)
        rigSegment(g->r, &address, &rst, NULL, 0);
    else if (g->kind == GUEST_REJECTS)
        reject(g, g_bytes_get_data(sent, NULL));
}

/* Takes all frames that it reads, and answers them. */
static void
takeFrames(guest *g)
{
    while (g->kind != GUEST_STOPPED || g->questions == 0) {
        vmcFrame frame;
        vmcFrameKind kind;
        g_autoptr(GBytes) bytes = rigTake(g->r, &frame, &kind);

        if (!bytes)
            break;
        if (kind != VMC_FRAME_TCP)
            continue;
        g->resets += (frame.segment.flags & VMC_TCP_RST) != 0;
        if (frame.segment.flags == VMC_TCP_ACK)
            answer(g, &frame, bytes);
        vmcEndpointFlush(g->r->ep, g->r->now);
    }
    g->r->unread = g->r->frames.length * (VMC_ETHER_LEN + VMC_IP_LEN + VMC_TCP_LEN);
    rigFlush(g->r);
}

/* Lets time pass, with the guest at work. Returns how often the endpoint woke up by itself. */
static unsigned int
pass(guest *g, vmcTime time)
{
    vmcTime until = g->r->now + time;
    unsigned int wakes = 0;

    rigFlush(g->r);
    takeFrames(g);
    while (g->r->next <= until) {
        g->r->now = g->r->next;
        wakes++;
        rigFlush(g->r);
        takeFrames(g);
    }
    g->r->now = until;
    return wakes;
}

static vmcFrameAddress
guestAt(uint16_t port, uint16_t channel)
{
    vmcFrameAddress address = rigGuest(port);

    address.dstPort = channel;
    return address;
}

static void
sendSyn(guest *g, uint16_t port, uint16_t channel, uint32_t seq)
{
    vmcFrameAddress address = guestAt(port, channel);
    vmcSegment syn = { .seq = seq, .flags = VMC_TCP_SYN, .window = 1000, .mss = 1460,
                       .scale = -1 };

    rigSegment(g->r, &address, &syn, NULL, 0);
}

static rigHost *
connectTo(guest *g, uint16_t port, uint16_t channel)
{
    vmcFrameAddress address = guestAt(port, channel);
    vmcSegment ack = { .seq = GUEST_ISN + 1, .flags = VMC_TCP_ACK, .window = 1000, .scale = -1 };
    vmcFrame frame;
    vmcFrameKind kind;

    sendSyn(g, port, channel, GUEST_ISN);
    rigFlush(g->r);
    g_bytes_unref(rigTake(g->r, &frame, &kind));
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_SYN | VMC_TCP_ACK);
    ack.ack = frame.segment.seq + 1;
    rigSegment(g->r, &address, &ack, NULL, 0);
    rigFlush(g->r);
    return rigLast(g->r);
}

#define CONNS 20

static void signDiscover(guest *g);

/* One that has a lease, or else (@quiet) one that has shown nothing of its boot. */
static void
guestBegin(guest *g, unsigned int conns, bool quiet)
{
    *g = (guest) { .r = rigNew() };
    if (!quiet)
        signDiscover(g);
    takeFrames(g);
    g_assert_cmpint(vmcEndpointAddChannel(g->r->ep, rigAddress("10.0.2.4"), 601, g->r, true), ==,
                    0);
    for (unsigned int i = 0; i < conns; i++)
        connectTo(g, (uint16_t)(2000 + i), 600);
    g_assert_cmpuint(vmcEndpointConnCount(g->r->ep), ==, conns);
}

static void
guestInit(guest *g, unsigned int conns)
{
    guestBegin(g, conns, false);
}

static unsigned int
left(const guest *g)
{
    return vmcEndpointConnCount(g->r->ep);
}

/* Any frame that a booting guest sends and nobody answers: IPv6. */
static void
sendOther(guest *g)
{
    uint8_t frame[60] = { 0x33, 0x33, 0, 0, 0, 2 };

    memcpy(frame + 6, vmcGuestMac, VMC_MAC_LEN);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    rigInput(g->r, frame, sizeof(frame), NULL, 0);
}

/*
 * An hour of nothing: one timer a minute, a question each, all answered. A guest that has
 * shown nothing of its boot may show nothing of the next one: it is asked more often.
 */
static void
testIdle(gconstpointer quiet)
{
    unsigned int rounds = quiet ? 90 : 60, wakes;
    guest g;

    guestBegin(&g, CONNS, quiet != NULL);
    wakes = pass(&g, 3600 * SECOND);
    g_assert_cmpuint(wakes, <=, rounds);
    g_assert_cmpuint(g.questions, ==, wakes * CONNS);
    g_assert_cmpuint(g.questions, >=, (rounds - 1) * CONNS);
    g_assert_cmpuint(vmcEndpointGetStats(g.r->ep)->answers, ==, g.questions);
    g_assert_cmpuint(left(&g), ==, CONNS);
    rigFree(g.r);
}

/* The first question comes in time, and without connections there is no timer. */
static void
testNoConnections(void)
{
    guest g;
    vmcFrameAddress address = rigGuest(2000);
    vmcSegment rst = { .seq = GUEST_ISN + 1, .flags = VMC_TCP_RST, .scale = -1 };

    guestInit(&g, 0);
    g_assert_cmpuint(pass(&g, 600 * SECOND), ==, 0);
    connectTo(&g, 2000, 600);
    pass(&g, 60 * SECOND);
    g_assert_cmpuint(g.questions, ==, 1);
    rigSegment(g.r, &address, &rst, NULL, 0);
    g_assert_cmpuint(left(&g), ==, 0);
    g_assert_cmpuint(pass(&g, 600 * SECOND), ==, 0);
    rigFree(g.r);
}

/* What has gone without a word, by what answers for it then: seconds until all has ended. */
static const struct {
    const char *name;
    guestKind kind;
    bool quiet;
    unsigned int within;
} gone[] = {
    { "new", GUEST_NEW, false, 60 },
    { "rejects", GUEST_REJECTS, false, 60 },
    { "firewall", GUEST_FIREWALL, false, 78 },
    { "quiet/new", GUEST_NEW, true, 40 },
    { "quiet/rejects", GUEST_REJECTS, true, 40 },
    { "quiet/firewall", GUEST_FIREWALL, true, 58 },
};

static void
testGone(gconstpointer data)
{
    guest g;

    guestBegin(&g, CONNS, gone[GPOINTER_TO_UINT(data)].quiet);
    g.kind = gone[GPOINTER_TO_UINT(data)].kind;
    pass(&g, (gone[GPOINTER_TO_UINT(data)].within - 1) * SECOND);
    g_assert_cmpuint(left(&g), ==, CONNS);
    pass(&g, 1 * SECOND);
    g_assert_cmpuint(left(&g), ==, 0);
    for (guint i = 0; i < g.r->hosts->len; i++)
        g_assert_true(((rigHost *)g_ptr_array_index(g.r->hosts, i))->reset);
    rigFree(g.r);
}

/* A machine that is stopped for a day keeps all, and nothing wakes up more than once a minute. */
static void
testStopped(void)
{
    guest g;
    unsigned int wakes;

    guestInit(&g, 1);
    g.kind = GUEST_STOPPED;
    pass(&g, 180 * SECOND);
    wakes = pass(&g, 86400 * SECOND);
    g_assert_cmpuint(wakes, <=, 86400 / 60);
    g_assert_cmpuint(left(&g), ==, 1);
    g_assert_cmpuint(g.r->frames.length, ==, 1);
    g.kind = GUEST_LIVES;
    pass(&g, 180 * SECOND);
    g_assert_cmpuint(left(&g), ==, 1);
    g.kind = GUEST_FIREWALL;
    pass(&g, 78 * SECOND);
    g_assert_cmpuint(left(&g), ==, 0);
    rigFree(g.r);
}

/* A function of that name, which sends a frame of guestframe.h's. */
#define SIGN(name, make, ...)                                                \
    static void                                                              \
    name(guest *g)                                                           \
    {                                                                        \
        uint8_t frame[VMC_GUEST_FRAME];                                      \
                                                                             \
        rigInput(g->r, frame, make(frame, __VA_ARGS__), NULL, 0);            \
    }

SIGN(signDiscover, vmcGuestDhcp, 1, "0.0.0.0", false)
SIGN(signFirmware, vmcGuestDhcp, 1, "0.0.0.0", true)
SIGN(signReboot, vmcGuestDhcp, 3, "0.0.0.0", false)
SIGN(signRenew, vmcGuestDhcp, 3, "10.0.2.5", false)
SIGN(signArpProbe, vmcGuestArp, "0.0.0.0", "10.0.2.5", 1)
SIGN(signArpAnnounce, vmcGuestArp, "10.0.2.5", "10.0.2.5", 1)
SIGN(signArpReply, vmcGuestArp, "10.0.2.5", "10.0.2.5", 2)
SIGN(signArpRequest, vmcGuestArp, "10.0.2.5", "10.0.2.4", 1)
SIGN(signIp6, vmcGuestIp6, NULL)
SIGN(signIp6Other, vmcGuestIp6, "fe80::5")

static void
signSyn(guest *g)
{
    sendSyn(g, 2000, 600, 777777);
}

/* What a guest does, after so many seconds of silence, and whether that makes all be asked. */
static const struct {
    const char *name;
    void (*send)(guest *g);
    unsigned int silence;
    bool asks;
} signs[] = {
    { "discover", signDiscover, 1, true },
    { "init-reboot", signReboot, 1, true },
    { "renew", signRenew, 1, false },
    { "arp-probe", signArpProbe, 1, true },
    { "arp-announcement", signArpAnnounce, 1, true },
    { "arp-announced-by-reply", signArpReply, 1, true },
    { "arp-request", signArpRequest, 1, false },
    { "arp-request-after-silence", signArpRequest, 6, true },
    { "ipv6-address-check", signIp6, 1, true },
    { "ipv6", signIp6Other, 1, false },
    { "frame", sendOther, 1, false },
    { "frame-after-silence", sendOther, 6, true },
    { "syn-of-a-connection", signSyn, 1, true },
};

/* One that lives is asked once and keeps all; all ends of one that does not, in time. */
static void
testSign(gconstpointer data)
{
    unsigned int i = GPOINTER_TO_UINT(data);
    static const guestKind kinds[] = { GUEST_NEW, GUEST_REJECTS, GUEST_FIREWALL };
    bool syn = signs[i].send == signSyn;
    guest g;

    guestInit(&g, CONNS);
    pass(&g, signs[i].silence * SECOND);
    signs[i].send(&g);
    pass(&g, 2 * SECOND);
    g_assert_cmpuint(g.questions, ==, signs[i].asks ? CONNS - syn : 0);
    g_assert_cmpuint(left(&g), ==, CONNS);
    rigFree(g.r);
    for (size_t k = 0; k < G_N_ELEMENTS(kinds) && signs[i].asks; k++) {
        guestInit(&g, CONNS);
        pass(&g, signs[i].silence * SECOND);
        signs[i].send(&g);
        g.kind = kinds[k];
        pass(&g, (kinds[k] == GUEST_FIREWALL ? 19 : 1) * SECOND);
        g_assert_cmpuint(left(&g), ==, syn);
        rigFree(g.r);
    }
}

/* One that asks for a lease, and checks its address before it uses that. */
static void
checksAddress(guest *g)
{
    guestInit(g, CONNS);
    pass(g, 10 * SECOND);
    signDiscover(g);
    g->kind = GUEST_FIREWALL;
    pass(g, 9 * SECOND);
    g_assert_cmpuint(left(g), ==, CONNS);
}

/*
 * dhcpcd, NetworkManager, NetBSD and Windows use an address only when nobody has objected for
 * some seconds: before, a new guest is as silent as a firewall.
 */
static void
testAddressCheck(void)
{
    guest g;

    checksAddress(&g);
    g.kind = GUEST_NEW;
    pass(&g, 3 * SECOND);
    g_assert_cmpuint(left(&g), ==, 0);
    rigFree(g.r);
    /* A client that is restarted in a living guest does the same. */
    checksAddress(&g);
    g.kind = GUEST_LIVES;
    pass(&g, 300 * SECOND);
    g_assert_cmpuint(left(&g), ==, CONNS);
    rigFree(g.r);
}

/* A guest that gives signs without end, and lives, is not asked without end. */
static void
testManySigns(void)
{
    guest g;

    guestInit(&g, CONNS);
    for (int i = 0; i < 600; i++) {
        signArpAnnounce(&g);
        pass(&g, SECOND / 10);
    }
    g_assert_cmpuint(g.questions, <=, 13 * CONNS);
    g.questions = 0;
    for (int i = 0; i < 60; i++) {
        pass(&g, 6 * SECOND);
        sendOther(&g);
    }
    g_assert_cmpuint(g.questions, <=, 13 * CONNS);
    rigFree(g.r);
}

/* A firmware has no connection, and is not told of any; another MAC's guest is not meant. */
static void
testFirmware(void)
{
    guest g;

    guestInit(&g, CONNS);
    g.kind = GUEST_FIREWALL;
    signFirmware(&g);
    g_assert_cmpuint(left(&g), ==, 0);
    pass(&g, SECOND);
    g_assert_cmpuint(g.resets, ==, 0);
    rigFree(g.r);
}

/* ICMP is an answer to a question only, and only with the question's number. */
static void
testUnreachable(void)
{
    vmcFrameAddress guestAddress = guestAt(2000, 600);
    vmcFrameAddress quoted = { .src = guestAddress.dst, .srcPort = guestAddress.dstPort,
                               .dst = guestAddress.src, .dstPort = guestAddress.srcPort };
    guest g;

    memcpy(quoted.srcMac, guestAddress.dstMac, VMC_MAC_LEN);
    memcpy(quoted.dstMac, guestAddress.srcMac, VMC_MAC_LEN);
    guestInit(&g, 1);
    for (int asked = 0; asked < 2; asked++) {
        vmcSegment segment = { .seq = 1, .flags = VMC_TCP_ACK, .scale = -1 };
        uint8_t frame[VMC_FRAME_HEADERS];

        vmcFrameTcp(frame, &quoted, &segment, NULL, 0, true);
        reject(&g, frame);
        g_assert_cmpuint(left(&g), ==, 1);
        g.kind = GUEST_FIREWALL;
        pass(&g, 60 * SECOND);
    }
    rigFree(g.r);
}

/* A channel for one at a time: what becomes of a SYN while one is there that does not speak. */
static const struct {
    const char *name;
    guestKind kind;
    unsigned int waits;         /* seconds */
    bool served;                /* rather than shown to the host side, which refuses it */
} alones[] = {
    { "lives", GUEST_LIVES, 0, false },
    { "new", GUEST_NEW, 0, true },
    { "rejects", GUEST_REJECTS, 0, true },
    { "firewall", GUEST_FIREWALL, 3, true },
};

static void
testAlone(gconstpointer data)
{
    unsigned int i = GPOINTER_TO_UINT(data);
    rigHost *first;
    guest g;

    guestInit(&g, 0);
    first = connectTo(&g, 3000, 601);
    pass(&g, 20 * SECOND);
    g.questions = 0;
    g.kind = alones[i].kind;
    sendSyn(&g, 3001, 601, GUEST_ISN);
    g_assert_true(rigLast(g.r) == first);
    g_assert_cmpuint(vmcEndpointGetStats(g.r->ep)->limited, ==, 0);
    if (alones[i].waits > 0) {
        pass(&g, alones[i].waits * SECOND - 1);
        g_assert_true(rigLast(g.r) == first);
    }
    /* The host side, asked while it is busy, refuses. */
    g.r->answer = alones[i].served ? VMC_ENDPOINT_OPEN_OK : VMC_ENDPOINT_OPEN_REFUSED;
    pass(&g, 1);
    g_assert_cmpuint(first->closes, ==, alones[i].served);
    g_assert_cmpuint(left(&g), ==, 1);
    if (alones[i].served)
        g_assert_true(rigLast(g.r) != first);
    else
        g_assert_cmpuint(g.resets, ==, 1);
    rigFree(g.r);
}

/* Several that wait, in their order; one that gives up; and the channel's removal. */
static void
testAloneMany(void)
{
    vmcFrameAddress address = guestAt(3001, 601);
    vmcSegment rst = { .seq = GUEST_ISN + 1, .flags = VMC_TCP_RST, .scale = -1 };
    guest g;

    guestInit(&g, 0);
    connectTo(&g, 3000, 601);
    pass(&g, 20 * SECOND);
    g.kind = GUEST_FIREWALL;
    for (uint16_t port = 3001; port <= 3003; port++) {
        sendSyn(&g, port, 601, GUEST_ISN);
        sendSyn(&g, port, 601, GUEST_ISN);
    }
    rigSegment(g.r, &address, &rst, NULL, 0);
    g.r->answer = VMC_ENDPOINT_OPEN_WAIT;
    pass(&g, 4 * SECOND);
    g_assert_cmpuint(g.r->hosts->len, ==, 3);
    g_assert_cmpuint(rigLast(g.r)->tuple.peerPort, ==, 3003);
    rigFree(g.r);
    guestInit(&g, 0);
    connectTo(&g, 3000, 601);
    pass(&g, 20 * SECOND);
    g.kind = GUEST_FIREWALL;
    sendSyn(&g, 3001, 601, GUEST_ISN);
    vmcEndpointRemoveChannel(g.r->ep, g.r->now, g.r);
    pass(&g, SECOND);
    g_assert_cmpuint(left(&g), ==, 0);
    g_assert_cmpuint(g.resets, ==, 2);
    rigFree(g.r);
}

/* A connection that has lately said something is not asked: its channel is busy. */
static void
testAloneLately(void)
{
    guest g;

    guestInit(&g, 0);
    connectTo(&g, 3000, 601);
    g.r->answer = VMC_ENDPOINT_OPEN_REFUSED;
    sendSyn(&g, 3001, 601, GUEST_ISN);
    pass(&g, 1);
    g_assert_cmpuint(g.questions, ==, 0);
    g_assert_cmpuint(g.resets, ==, 1);
    rigFree(g.r);
}

/* A guest that has sent its last byte may forget the connection before the host has read it. */
static void
testHalfClosed(void)
{
    vmcFrameAddress address = rigGuest(2000);
    vmcSegment fin = { .seq = GUEST_ISN + 1, .flags = VMC_TCP_ACK | VMC_TCP_FIN, .window = 1000,
                       .scale = -1 };
    vmcFrame frame;
    vmcFrameKind kind;
    guest g;

    guestInit(&g, 0);
    sendSyn(&g, 2000, 600, GUEST_ISN);
    rigFlush(g.r);
    g_bytes_unref(rigTake(g.r, &frame, &kind));
    fin.ack = frame.segment.seq + 1;
    rigSegment(g.r, &address, &fin, NULL, 0);
    g.kind = GUEST_FIREWALL;    /* the ACK of its FIN is no question */
    pass(&g, SECOND);
    g.kind = GUEST_NEW;
    pass(&g, 600 * SECOND);
    g_assert_cmpuint(left(&g), ==, 1);
    rigFree(g.r);
}

#define ADD_ROWS(prefix, rows, test)                                        \
    for (unsigned int i = 0; i < G_N_ELEMENTS(rows); i++) {                 \
        g_autofree char *path = g_strconcat(prefix, rows[i].name, NULL);    \
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test);              \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/presence/idle", NULL, testIdle);
    g_test_add_data_func("/presence/idle-quiet", "", testIdle);
    g_test_add_func("/presence/no-connections", testNoConnections);
    ADD_ROWS("/presence/gone/", gone, testGone)
    g_test_add_func("/presence/stopped", testStopped);
    ADD_ROWS("/presence/sign/", signs, testSign)
    g_test_add_func("/presence/address-check", testAddressCheck);
    g_test_add_func("/presence/many-signs", testManySigns);
    g_test_add_func("/presence/firmware", testFirmware);
    g_test_add_func("/presence/unreachable", testUnreachable);
    ADD_ROWS("/presence/alone/", alones, testAlone)
    g_test_add_func("/presence/alone-many", testAloneMany);
    g_test_add_func("/presence/alone-lately", testAloneLately);
    g_test_add_func("/presence/half-closed", testHalfClosed);
    return g_test_run();
}
