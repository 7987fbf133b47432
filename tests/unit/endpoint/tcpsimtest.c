/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's TCP against a guest of its own kind, over a link that loses,
 * doubles, reorders and damages frames, with sides that stall: whatever
 * happens, each side gets the other's bytes, each connection ends once, and no
 * more of the guest's bytes wait in the endpoint than may. And against a guest
 * that sends anything at all. A million segments in all.
 *
 * The guest here is not clever: it sends what the window allows, goes back when
 * nothing comes, and acknowledges each segment. One seed decides the whole run;
 * it is printed, and VMCHANNEL_TEST_SEED sets it.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "endpoint/tcp.h"
#include "tests/lib/endpointrig.h"

#define MSEC ((vmcTime)1000)
#define GUEST_RTO (200 * MSEC)
#define TIME_LIMIT (3600 * 1000 * MSEC)
#define SEGMENTS 1000000u

/* How bad the link and the host side are, in percent. */
typedef struct {
    const char *name;
    int lost;
    int doubled;
    int delayed;
    int damaged;
    int full;                   /* the link takes nothing for a while */
    int stalled;                /* a side takes nothing for a while */
    unsigned int mss;
    int scale;
    unsigned int conns;
    unsigned int bytes;         /* at most, each way */
    unsigned int window;        /* the guest's */
    bool wraps;                 /* sequence numbers, both ways; one connection */
} simConfig;

/* A frame on its way. */
typedef struct {
    vmcTime at;
    bool toGuest;
    GBytes *bytes;
} simFrame;

/* The guest's end of one connection; offsets count bytes of each stream. */
typedef struct {
    vmcFrameAddress address;
    uint32_t isn;
    uint32_t peerIsn;
    bool connected;
    bool finAcked;
    bool peerFin;
    GByteArray *source;
    GByteArray *sink;
    size_t una, nxt;            /* of the source; its length + 1 is past the FIN */
    size_t peerWindow;
    int peerScale;
    size_t room;                /* what the guest's reader leaves free */
    vmcTime resendAt;
    GByteArray *wanted;         /* what the host sends in all */
    size_t hostGiven;
} simGuest;

typedef struct {
    const simConfig *config;
    rig *r;
    GRand *rand;
    GList *flying;              /* simFrame */
    GPtrArray *guests;
    vmcTime limit;
} sim;

static bool
chance(sim *s, int percent)
{
    return g_rand_int_range(s->rand, 0, 100) < percent;
}

/* One byte of a packet, which its checksums must tell. Ethernet's is not ours to see. */
static GBytes *
damage(sim *s, GBytes *bytes)
{
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);
    uint8_t *copy = g_memdup2(data, len);
    gsize at = (gsize)g_rand_int_range(s->rand, VMC_ETHER_LEN, (gint32)len);

    copy[at] ^= (uint8_t)g_rand_int_range(s->rand, 1, 256);
    return g_bytes_new_take(copy, len);
}

static void
launch(sim *s, bool toGuest, GBytes *bytes)
{
    unsigned int copies = chance(s, s->config->lost) ? 0 : chance(s, s->config->doubled) ? 2 : 1;

    for (unsigned int i = 0; i < copies; i++) {
        simFrame *frame = g_new0(simFrame, 1);

        frame->toGuest = toGuest;
        frame->bytes = chance(s, s->config->damaged) ? damage(s, bytes) : g_bytes_ref(bytes);
        frame->at = s->r->now + 100;
        if (chance(s, s->config->delayed))
            frame->at += g_rand_int_range(s->rand, 0, 5000);
        s->flying = g_list_append(s->flying, frame);
    }
}

/* A FIN goes with the last byte. */
static void
guestSend(sim *s, simGuest *g, uint8_t flags, size_t at, size_t len)
{
    bool fin = g->connected && at + len == g->source->len && len > 0;
    vmcSegment segment = {
        .seq = g->isn + (flags & VMC_TCP_SYN ? 0 : 1 + (uint32_t)at),
        .ack = g->peerIsn + 1 + g->sink->len + g->peerFin,
        .flags = flags | (fin ? VMC_TCP_FIN : 0),
        .window = (uint16_t)MIN(g->room >> (g->connected ? MAX(s->config->scale, 0) : 0), 65535),
        .mss = flags & VMC_TCP_SYN ? (uint16_t)s->config->mss : 0,
        .scale = flags & VMC_TCP_SYN ? (int8_t)s->config->scale : -1,
    };
    GByteArray *frame = g_byte_array_new();
    uint8_t headers[VMC_FRAME_HEADERS];
    const uint8_t *data = len > 0 ? g->source->data + at : NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (flags & VMC_TCP_ACK)
        g_assert_true(g->connected);
    g_byte_array_append(frame, headers, (guint)vmcFrameTcp(headers, &g->address, &segment, data,
                                                          len, true));
    if (len > 0)
        g_byte_array_append(frame, data, (guint)len);
    bytes = g_byte_array_free_to_bytes(frame);
    launch(s, false, bytes);
}

static size_t
guestEnd(const simGuest *g)
{
    return g->source->len + 1;          /* the FIN */
}

static void
guestOutput(sim *s, simGuest *g)
{
    while (g->connected && g->nxt < g->source->len) {
        size_t limit = g->una + MAX(g->peerWindow, 1);
        size_t len = MIN(s->config->mss, g->source->len - g->nxt);

        if (g->nxt >= limit)
            break;
        len = MIN(len, limit - g->nxt);
        guestSend(s, g, VMC_TCP_ACK, g->nxt, len);
        g->nxt += len;
        if (g->nxt == g->source->len)
            g->nxt++;
    }
    if (g->resendAt == VMC_TIME_NEVER && !g->finAcked)
        g->resendAt = s->r->now + GUEST_RTO;
}

static void
guestResend(sim *s, simGuest *g)
{
    g->resendAt = VMC_TIME_NEVER;
    g->nxt = g->una == guestEnd(g) ? g->una : MIN(g->una, g->source->len - 1);
    if (!g->connected)
        guestSend(s, g, VMC_TCP_SYN, 0, 0);
    guestOutput(s, g);
}

static void
guestInput(sim *s, simGuest *g, const vmcFrame *frame)
{
    const vmcSegment *in = &frame->segment;
    size_t acked = in->ack - (g->isn + 1);
    size_t at = in->seq - (g->peerIsn + 1);

    if (in->flags & VMC_TCP_RST) {      /* the other end is done and has forgotten us */
        g_assert_true(g->peerFin);
        g->resendAt = VMC_TIME_NEVER;
        g->finAcked = true;
        return;
    }
    g_assert_cmpint(in->flags & VMC_TCP_ACK, ==, VMC_TCP_ACK);
    if (in->flags & VMC_TCP_SYN) {
        g_assert_cmpuint(acked, ==, 0);
        if (!g->connected) {
            g->peerIsn = in->seq;
            g->peerScale = MAX(in->scale, 0);
            g->peerWindow = in->window;
            g->connected = true;
            g->nxt = 0;
        }
        guestSend(s, g, VMC_TCP_ACK, 0, 0);
        return;
    }
    if (!g->connected)
        return;
    g_assert_cmpuint(acked, <=, guestEnd(g));
    if (acked >= g->una)
        g->peerWindow = (size_t)in->window << g->peerScale;
    if (acked > g->una) {
        g->una = acked;
        g->nxt = MAX(g->nxt, acked);
        g->finAcked = acked == guestEnd(g);
        g->resendAt = VMC_TIME_NEVER;
    }
    if (frame->len > 0 || (in->flags & VMC_TCP_FIN) || (uint32_t)at < g->sink->len + g->peerFin) {
        size_t old = g->sink->len - at;

        /* In order, new, and with room: else only the ACK goes back. */
        if ((int32_t)(uint32_t)old >= 0 && old <= frame->len && !g->peerFin) {
            size_t n = MIN(frame->len - old, g->room);

            g_byte_array_append(g->sink, frame->payload + old, (guint)n);
            g->room -= n;
            g->peerFin = (in->flags & VMC_TCP_FIN) && old + n == frame->len;
        }
        guestSend(s, g, VMC_TCP_ACK, g->nxt, 0);
    }
    guestOutput(s, g);
}

static void
arrive(sim *s, simFrame *flying)
{
    gsize len;
    const void *data = g_bytes_get_data(flying->bytes, &len);
    vmcFrame frame;
    vmcFrameKind kind;

    if (!flying->toGuest) {
        vmcEndpointInput(s->r->ep, s->r->now, data, len);
        return;
    }
    kind = vmcFrameParse(&frame, data, len, true);
    if (kind != VMC_FRAME_TCP && s->config->damaged > 0)
        return;
    g_assert_cmpint(kind, ==, VMC_FRAME_TCP);
    for (guint i = 0; i < s->guests->len; i++) {
        simGuest *g = g_ptr_array_index(s->guests, i);

        if (g->address.srcPort == frame.address.dstPort)
            guestInput(s, g, &frame);
    }
}

static simFrame *
firstFlying(const sim *s)
{
    simFrame *first = NULL;

    for (GList *item = s->flying; item; item = item->next) {
        simFrame *frame = item->data;

        if (!first || frame->at < first->at)
            first = frame;
    }
    return first;
}

static void
frameFree(simFrame *frame)
{
    g_bytes_unref(frame->bytes);
    g_free(frame);
}

static void
arriveDue(sim *s)
{
    simFrame *frame;

    while ((frame = firstFlying(s)) && frame->at <= s->r->now) {
        s->flying = g_list_remove(s->flying, frame);
        arrive(s, frame);
        frameFree(frame);
        if (chance(s, 50))
            rigFlush(s->r);
    }
}

/* The host side wakes up: it gives some bytes, makes some room, or neither. */
static void
hostTurn(sim *s, rigHost *host, simGuest *g)
{
    size_t offer = g_rand_int(s->rand) % 150000u;
    size_t n = MIN(g->wanted->len - g->hostGiven, offer);

    if (!host->conn || chance(s, s->config->stalled))
        return;
    if (s->r->answer == VMC_ENDPOINT_OPEN_WAIT)
        vmcEndpointConnOpened(s->r->ep, host->conn, s->r->now, true);
    if (n > 0)
        g_byte_array_append(host->source, g->wanted->data + g->hostGiven, (guint)n);
    g->hostGiven += n;
    host->eof = g->hostGiven == g->wanted->len;
    vmcEndpointConnReadable(s->r->ep, host->conn);
    host->room = g_rand_int(s->rand) % 300000u;
    host->shortfall = chance(s, 10) ? g_rand_int(s->rand) % 300000u : 0;
    if (vmcEndpointConnWantsWrite(host->conn))
        vmcEndpointConnWritable(s->r->ep, host->conn);
}

/* The guest's reader frees what its window has lost, or sleeps on. */
static void
guestTurn(sim *s, simGuest *g)
{
    if (chance(s, s->config->stalled) || g->room == s->config->window)
        return;
    g->room = s->config->window;
    if (g->connected && !g->peerFin)
        guestSend(s, g, VMC_TCP_ACK, g->nxt, 0);
}

static simGuest *
guestOf(const sim *s, const rigHost *host)
{
    for (guint i = 0; i < s->guests->len; i++) {
        simGuest *g = g_ptr_array_index(s->guests, i);

        if (g->address.srcPort == host->tuple.peerPort)
            return g;
    }
    g_assert_not_reached();
}

static void
sidesTurn(sim *s)
{
    for (guint i = 0; i < s->r->hosts->len; i++) {
        rigHost *host = g_ptr_array_index(s->r->hosts, i);

        hostTurn(s, host, guestOf(s, host));
    }
    for (guint i = 0; i < s->guests->len; i++)
        guestTurn(s, g_ptr_array_index(s->guests, i));
    if (s->r->full != chance(s, s->config->full)) {
        s->r->full = !s->r->full;
        if (!s->r->full)
            vmcEndpointLinkWritable(s->r->ep, s->r->now);
    }
}

static void
launchSent(sim *s)
{
    GBytes *bytes;

    rigFlush(s->r);
    while ((bytes = g_queue_pop_head(&s->r->frames))) {
        launch(s, true, bytes);
        g_bytes_unref(bytes);
    }
}

/* Lets time pass to the next event of anybody, at most a host's nap. */
static void
passTime(sim *s)
{
    const simFrame *flying = firstFlying(s);
    vmcTime next = MIN(s->r->now + 20 * MSEC, s->r->next);

    if (flying)
        next = MIN(next, flying->at);
    for (guint i = 0; i < s->guests->len; i++)
        next = MIN(next, ((simGuest *)g_ptr_array_index(s->guests, i))->resendAt);
    s->r->now = MAX(next, s->r->now + 1);
}

/*
 * A SYN's copy that comes after all of its connection asks for another one,
 * which the guest does not know: no byte comes of it.
 */
static bool
isGhost(const sim *s, guint number)
{
    const rigHost *host = g_ptr_array_index(s->r->hosts, number);

    for (guint i = 0; i < number; i++) {
        const rigHost *other = g_ptr_array_index(s->r->hosts, i);

        if (other->tuple.peerPort == host->tuple.peerPort)
            return true;
    }
    return false;
}

/* How many of the guests' connections have come to a host side. */
static unsigned int
opened(const sim *s)
{
    unsigned int n = 0;

    for (guint i = 0; i < s->r->hosts->len; i++)
        n += !isGhost(s, i);
    return n;
}

static bool
simOver(const sim *s)
{
    if (opened(s) < s->config->conns || vmcEndpointConnCount(s->r->ep) > 0)
        return false;
    return true;
}

static GByteArray *
randomBytes(sim *s, size_t len)
{
    GByteArray *bytes = g_byte_array_sized_new((guint)len);

    g_byte_array_set_size(bytes, (guint)len);
    for (size_t i = 0; i < len; i++)
        bytes->data[i] = (uint8_t)g_rand_int(s->rand);
    return bytes;
}

static void
guestFree(gpointer data)
{
    simGuest *g = data;

    g_byte_array_unref(g->source);
    g_byte_array_unref(g->sink);
    g_byte_array_unref(g->wanted);
    g_free(g);
}

/* So many bytes before sequence numbers begin anew. */
#define WRAP_AT 5000u
#define FIRST_PORT 1000

/* When the endpoint's numbers for the first connection will be there. */
static vmcTime
wrappingTime(void)
{
    g_autoptr(rig) r = rigNew();
    vmcFrameAddress address = rigGuest(FIRST_PORT);
    vmcSegment syn = { .flags = VMC_TCP_SYN, .scale = -1 };
    g_autoptr(GBytes) bytes = NULL;
    vmcFrameKind kind;
    vmcFrame frame;

    rigSegment(r, &address, &syn, NULL, 0);
    rigFlush(r);
    bytes = rigTake(r, &frame, &kind);
    g_assert_nonnull(bytes);
    return r->now + 4 * (vmcTime)(0u - WRAP_AT - frame.segment.seq);
}

static void
guestNew(sim *s, uint16_t port)
{
    simGuest *g = g_new0(simGuest, 1);
    size_t least = s->config->wraps ? 2 * WRAP_AT : 0;

    g->address = rigGuest(port);
    g->isn = s->config->wraps ? 0u - WRAP_AT : g_rand_int(s->rand);
    g->source = randomBytes(s, least + 1 + g_rand_int(s->rand) % s->config->bytes);
    g->wanted = randomBytes(s, least + g_rand_int(s->rand) % s->config->bytes);
    g->sink = g_byte_array_new();
    g->room = s->config->window;
    g->resendAt = s->r->now;
    g_ptr_array_add(s->guests, g);
}

static void
assertDone(const sim *s)
{
    g_assert_cmpuint(opened(s), ==, s->config->conns);
    for (guint i = 0; i < s->r->hosts->len; i++) {
        const rigHost *host = g_ptr_array_index(s->r->hosts, i);
        const simGuest *g = guestOf(s, host);

        g_assert_cmpuint(host->closes, ==, 1);
        if (isGhost(s, i)) {
            g_assert_true(s->config->doubled > 0 || s->config->delayed > 0);
            g_assert_cmpuint(host->sink->len, ==, 0);
            continue;
        }
        g_assert_false(host->reset);
        g_assert_true(host->shut);
        g_assert_true(g->peerFin);
        g_assert_cmpmem(host->sink->data, host->sink->len, g->source->data, g->source->len);
        g_assert_cmpmem(g->sink->data, g->sink->len, g->wanted->data, g->wanted->len);
    }
}

/* What the guest was told is taken, and is not with its reader, waits in the endpoint. */
static void
assertBounded(const sim *s)
{
    for (guint i = 0; i < s->r->hosts->len; i++) {
        const rigHost *host = g_ptr_array_index(s->r->hosts, i);
        const simGuest *g = guestOf(s, host);

        /* What the guest was told is another connection's. */
        if (isGhost(s, i))
            g_assert_cmpuint(host->sink->len, ==, 0);
        else if (host->conn)
            g_assert_cmpuint(MIN(g->una, g->source->len), <=,
                             host->sink->len + VMC_ENDPOINT_CONN_BUFFER);
    }
}

static bool
isEmptyTo(const sim *s, bool toGuest)
{
    for (GList *item = s->flying; item; item = item->next) {
        const simFrame *frame = item->data;

        if (frame->toGuest == toGuest)
            return false;
    }
    return true;
}

/*
 * Once all that was sent has arrived, the guest knows how far it may send, but for what
 * rounding took; and that it may, when the host side has room.
 */
static void
assertWindowKnown(const sim *s)
{
    const simConfig *config = s->config;

    if (config->lost + config->delayed + config->damaged > 0 || s->r->full ||
        !isEmptyTo(s, true))
        return;
    for (guint i = 0; i < s->r->hosts->len; i++) {
        const rigHost *host = g_ptr_array_index(s->r->hosts, i);
        const simGuest *g = guestOf(s, host);
        uint32_t known = g->isn + 1 + (uint32_t)(g->una + g->peerWindow);

        if (!host->conn || !vmcTcpStates[host->conn->state].receives || isGhost(s, i))
            continue;
        g_assert_cmpint((int32_t)(host->conn->rcvEdge - known), <, 8);
        if (host->room >= 65536 && host->shortfall == 0)
            g_assert_cmpuint(g->peerWindow, >, 0);
    }
}

/* Returns how many segments went either way. */
static uint64_t
simRun(const simConfig *config, uint32_t seed)
{
    g_autoptr(rig) r = rigNew();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func(guestFree);
    sim s = { .config = config, .r = r, .rand = rand, .guests = guests };
    const vmcEndpointStats *stats = vmcEndpointGetStats(r->ep);

    if (config->wraps)
        r->now = wrappingTime();
    s.limit = r->now + TIME_LIMIT;
    r->answer = chance(&s, 50) ? VMC_ENDPOINT_OPEN_OK : VMC_ENDPOINT_OPEN_WAIT;
    for (unsigned int i = 0; i < config->conns; i++)
        guestNew(&s, (uint16_t)(FIRST_PORT + i));
    while (!simOver(&s)) {
        for (guint i = 0; i < guests->len; i++) {
            simGuest *g = g_ptr_array_index(guests, i);

            if (g->resendAt <= r->now)
                guestResend(&s, g);
        }
        arriveDue(&s);
        if (chance(&s, 20))
            sidesTurn(&s);
        launchSent(&s);
        assertWindowKnown(&s);
        passTime(&s);
        assertBounded(&s);
        g_assert_cmpint(r->now, <, s.limit);
    }
    assertDone(&s);
    g_list_free_full(s.flying, (GDestroyNotify)(void (*)(void))frameFree);
    return stats->framesIn + stats->framesOut;
}

static const simConfig configs[] = {
    { "clean", 0, 0, 0, 0, 0, 10, 1460, 7, 3, 400000, 200000, false },
    { "jumbo", 0, 0, 0, 0, 5, 20, 65480, 7, 2, 2000000, 200000, false },
    { "lossy", 8, 0, 0, 0, 0, 10, 1460, 7, 2, 200000, 200000, false },
    { "lossy-jumbo", 10, 3, 5, 0, 10, 20, 65480, 7, 2, 1000000, 200000, false },
    { "doubling", 0, 30, 0, 0, 0, 10, 1460, 7, 2, 200000, 200000, false },
    { "reordering", 0, 0, 30, 0, 0, 10, 1460, 7, 2, 200000, 200000, false },
    { "damaging", 0, 0, 0, 10, 0, 10, 1460, 7, 2, 200000, 200000, false },
    { "no-scale", 3, 3, 3, 0, 0, 30, 1460, -1, 2, 100000, 65535, false },
    { "stalling", 1, 1, 1, 0, 30, 80, 1460, 7, 3, 200000, 200000, false },
    { "full-link", 0, 0, 0, 0, 60, 40, 1460, 7, 3, 200000, 200000, false },
    { "zero-window", 1, 1, 1, 0, 0, 90, 1460, 0, 3, 60000, 4000, false },
    { "tiny-window", 2, 2, 2, 0, 0, 10, 1460, 0, 3, 20000, 300, false },
    { "wrapping", 5, 3, 5, 0, 5, 20, 1460, 7, 1, 100000, 200000, true },
    { "awful", 15, 15, 15, 5, 20, 40, 536, 3, 5, 60000, 200000, false },
    { "tiny", 5, 5, 5, 2, 5, 20, 88, 0, 3, 4000, 200000, false },
};

static uint32_t
firstSeed(void)
{
    const char *set = g_getenv("VMCHANNEL_TEST_SEED");

    return set ? (uint32_t)strtoul(set, NULL, 10) : g_random_int();
}

/* Each case's part of the million; sanitizers make them ten times as slow. */
static uint64_t
share(void)
{
    uint64_t all = SEGMENTS / (G_N_ELEMENTS(configs) + 1) + 1;

#ifdef __SANITIZE_ADDRESS__
    all /= 10;
#endif
    return g_getenv("VMCHANNEL_TEST_SLOW") ? 10 * all : all;
}

static void
testConfig(gconstpointer config)
{
    bool once = g_getenv("VMCHANNEL_TEST_SEED") != NULL;
    uint32_t first = firstSeed(), seed = first;
    uint64_t segments = 0;

    g_test_message("the first seed is %u", first);
    do
        segments += simRun(config, seed++);
    while (segments < share() && !once);
    g_test_message("%u runs, %" G_GUINT64_FORMAT " segments", seed - first, segments);
}

enum { STRANGERS = 6 };         /* ports of the guest that sends anything */

/* A segment of any kind, its numbers near what was last said to that port, mostly. */
static void
sendAnything(rig *r, GRand *rand, const vmcFrame *last)
{
    static const uint8_t zeros[2000];
    int port = g_rand_int_range(rand, 0, STRANGERS);
    vmcFrameAddress address = rigGuest((uint16_t)(FIRST_PORT + port));
    bool near = g_rand_int_range(rand, 0, 10) > 0;
    vmcSegment segment = {
        .flags = (uint8_t)(g_rand_int_range(rand, 0, 4) ? VMC_TCP_ACK : g_rand_int(rand) & 0x1f),
        .seq = near ? last[port].segment.ack + (uint32_t)g_rand_int_range(rand, -2, 3)
                    : g_rand_int(rand),
        .ack = near ? last[port].segment.seq + (uint32_t)last[port].len -
                   (uint32_t)(g_rand_int_range(rand, 0, 4) ? 0 : g_rand_int_range(rand, 0, 3000))
                    : g_rand_int(rand),
        .window = (uint16_t)(g_rand_int_range(rand, 0, 3) * g_rand_int_range(rand, 0, 20000)),
        .scale = -1,
    };

    rigSegment(r, &address, &segment, zeros, (size_t)g_rand_int_range(rand, 0, sizeof(zeros)));
}

static void
takeAll(rig *r, vmcFrame *last)
{
    vmcFrameKind kind;
    vmcFrame frame;
    GBytes *bytes;

    while ((bytes = rigTake(r, &frame, &kind))) {
        int port = frame.address.dstPort - FIRST_PORT;

        if (kind == VMC_FRAME_TCP && port >= 0 && port < STRANGERS) {
            last[port] = frame;
            last[port].len += (frame.segment.flags & (VMC_TCP_SYN | VMC_TCP_FIN)) != 0;
        }
        g_bytes_unref(bytes);
    }
}

/* The host sides of that guest have something to say, or room, or end. */
static void
hostsTurn(rig *r, GRand *rand)
{
    static const uint8_t bytes[100] = "what the host has to say";

    for (guint i = 0; i < r->hosts->len; i++) {
        rigHost *host = g_ptr_array_index(r->hosts, i);

        if (!host->conn)
            continue;
        g_assert_cmpuint(host->closes, ==, 0);
        g_byte_array_append(host->source, bytes, sizeof(bytes));
        host->eof = host->eof || g_rand_int_range(rand, 0, 50) == 0;
        host->room = (size_t)g_rand_int_range(rand, 0, 3000);
        vmcEndpointConnReadable(r->ep, host->conn);
        vmcEndpointConnWritable(r->ep, host->conn);
    }
}

/*
 * Connects, answers the SYN-ACK with @window, and says @text. What others are sent
 * meanwhile is not looked at.
 */
static rigHost *
connectOnce(rig *r, uint16_t port, uint16_t window, const char *text)
{
    vmcFrameAddress address = rigGuest(port);
    vmcSegment segment = { .flags = VMC_TCP_SYN, .window = window, .scale = -1 };
    g_autoptr(GBytes) bytes = NULL;
    vmcFrameKind kind;
    vmcFrame frame;

    r->answer = VMC_ENDPOINT_OPEN_OK;
    rigSegment(r, &address, &segment, NULL, 0);
    rigFlush(r);
    do {
        g_clear_pointer(&bytes, g_bytes_unref);
        bytes = rigTake(r, &frame, &kind);
    } while (bytes && frame.address.dstPort != port);
    g_assert_nonnull(bytes);
    segment.flags = VMC_TCP_ACK;
    segment.seq = 1;
    segment.ack = frame.segment.seq + 1;
    rigSegment(r, &address, &segment, text, strlen(text));
    return rigLast(r);
}

/* Nothing that it sends does harm: each connection closes once, another is served. */
static void
testAnything(void)
{
    uint32_t seed = firstSeed();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    uint64_t segments = 0;

    g_test_message("the first seed is %u", seed);
    while (segments < share()) {
        g_autoptr(rig) r = rigNew();
        const vmcEndpointStats *stats = vmcEndpointGetStats(r->ep);
        vmcFrame last[STRANGERS] = { { .len = 0 } };
        const rigHost *served;

        for (int i = 0; i < 2000; i++) {
            sendAnything(r, rand, last);
            if (g_rand_int_range(rand, 0, 5) == 0)
                hostsTurn(r, rand);
            if (g_rand_int_range(rand, 0, 20) == 0)
                rigAdvance(r, g_rand_int_range(rand, 1, 2000) * MSEC);
            rigFlush(r);
            takeAll(r, last);
            g_assert_cmpuint(vmcEndpointConnCount(r->ep), <=, STRANGERS);
        }
        segments += stats->framesIn + stats->framesOut;
        g_assert_cmpuint(r->hosts->len, >, 0);
        served = connectOnce(r, FIRST_PORT + STRANGERS, 60000, "bytes");
        g_assert_cmpmem(served->sink->data, served->sink->len, "bytes", 5);
    }
    g_test_message("%" G_GUINT64_FORMAT " segments", segments);
}

/*
 * A guest that reads all and answers nothing, on a link that is never empty and now and
 * then full, since others have much to do: what was sent to it, or asked of it, is
 * answered or its connection ends. The argument is its window.
 */
static void
testUnanswered(gconstpointer window)
{
    g_autoptr(rig) r = rigNew();
    rigHost *host = connectOnce(r, FIRST_PORT, (uint16_t)GPOINTER_TO_UINT(window), "");
    vmcFrameAddress other = rigGuest(FIRST_PORT + 1);
    vmcSegment segment = { .flags = VMC_TCP_ACK, .scale = -1 };
    vmcTime limit = r->now + 200 * 1000 * MSEC;
    vmcFrameKind kind;
    vmcFrame frame;
    GBytes *bytes;

    g_byte_array_append(host->source, (const guint8 *)"data", 4);
    vmcEndpointConnReadable(r->ep, host->conn);
    r->unread = VMC_ETHER_LEN + VMC_IP_LEN + VMC_TCP_LEN;       /* a reset */
    for (int i = 0; host->conn; i++) {
        rigSegment(r, &other, &segment, NULL, 0);
        r->full = i % 3 == 0;
        if (!r->full)
            vmcEndpointLinkWritable(r->ep, r->now);
        rigAdvance(r, 10 * MSEC);
        while ((bytes = rigTake(r, &frame, &kind)))
            g_bytes_unref(bytes);
        g_assert_cmpint(r->now, <, limit);
    }
    g_assert_cmpint(r->now, >, limit / 4);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(configs); i++) {
        g_autofree char *path = g_strconcat("/tcp-sim/", configs[i].name, NULL);

        g_test_add_data_func(path, &configs[i], testConfig);
    }
    g_test_add_func("/tcp-sim/anything", testAnything);
    g_test_add_data_func("/tcp-sim/data-unanswered", GUINT_TO_POINTER(60000), testUnanswered);
    g_test_add_data_func("/tcp-sim/probe-unanswered", NULL, testUnanswered);
    return g_test_run();
}
