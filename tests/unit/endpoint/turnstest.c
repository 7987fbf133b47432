/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shares of a link that is always full: each channel gets the same part of it, however
 * many connections another has, and so does each connection of one channel.
 */
#include <config.h>

#include <string.h>

#include "tests/lib/endpointrig.h"

#define FIRST_PORT 40000
#define MANY 100
#define KIB 1024u
#define LARGE 65480
#define USUAL 1460

/* A connection of the guest's, to either of the channels 600 and 601. */
typedef struct {
    rigHost *host;
    uint32_t next;              /* what it acknowledges */
    uint32_t came;              /* bytes */
} flow;

typedef struct {
    rig *r;
    size_t capacity;            /* bytes: what the link holds once it is full */
    GArray *flows;              /* flow; the first has FIRST_PORT, and so on */
} pipeline;

static uint16_t
channelOf(const pipeline *p, unsigned int number)
{
    return g_array_index(p->flows, flow, number).host->tuple.port;
}

static void
guestSends(pipeline *p, unsigned int number, uint16_t channel, uint8_t flags, uint16_t mss)
{
    const flow *f = &g_array_index(p->flows, flow, number);
    vmcFrameAddress address = rigGuest((uint16_t)(FIRST_PORT + number));
    vmcSegment segment = {
        .seq = flags & VMC_TCP_SYN ? 0 : 1, .ack = f->next, .flags = flags, .window = 65535,
        .mss = mss, .scale = flags & VMC_TCP_SYN ? 7 : -1,
    };

    address.dstPort = channel;
    rigSegment(p->r, &address, &segment, NULL, 0);
}

/* The guest reads one frame. Returns the number of its connection. */
static unsigned int
guestReads(pipeline *p)
{
    vmcFrame frame = { .len = 0 };
    vmcFrameKind kind = VMC_FRAME_OTHER;
    g_autoptr(GBytes) bytes = rigTake(p->r, &frame, &kind);
    unsigned int number = frame.address.dstPort - FIRST_PORT;
    flow *f = &g_array_index(p->flows, flow, number);

    g_assert_nonnull(bytes);
    g_assert_cmpuint(number, <, p->flows->len);
    f->came += (uint32_t)frame.len;
    f->next = frame.segment.seq + (uint32_t)frame.len + ((frame.segment.flags & VMC_TCP_SYN) != 0);
    return number;
}

/* The link holds what it can. */
static void
linkFills(pipeline *p)
{
    p->r->capacity = p->capacity;
    vmcEndpointLinkWritable(p->r->ep, p->r->now);
    rigFlush(p->r);
}

/* The guest reads all that the link holds and acknowledges it. */
static void
linkEmpties(pipeline *p)
{
    while (p->r->frames.length > 0) {
        unsigned int number = guestReads(p);

        if (g_array_index(p->flows, flow, number).host->conn)
            guestSends(p, number, channelOf(p, number), VMC_TCP_ACK, 0);
    }
}

/* Returns false when nothing came. */
static bool
turn(pipeline *p)
{
    bool come;

    linkFills(p);
    come = p->r->frames.length > 0;
    linkEmpties(p);
    return come;
}

/* So many bytes more, of which none is sent before the next turn. */
static void
hostWrites(pipeline *p, unsigned int number, uint32_t bytes)
{
    rigHost *host = g_array_index(p->flows, flow, number).host;
    guint before = host->source->len;

    g_byte_array_set_size(host->source, before + bytes);
    memset(host->source->data + before, 'x', bytes);
    vmcEndpointConnReadable(p->r->ep, host->conn);
}

static void
guestConnects(pipeline *p, unsigned int count, uint16_t channel, uint16_t mss)
{
    for (unsigned int i = 0; i < count; i++) {
        unsigned int number = p->flows->len;

        g_array_set_size(p->flows, number + 1);
        guestSends(p, number, channel, VMC_TCP_SYN, mss);
        g_array_index(p->flows, flow, number).host = rigLast(p->r);
        rigFlush(p->r);
        g_assert_cmpuint(guestReads(p), ==, number);
        guestSends(p, number, channel, VMC_TCP_ACK, 0);
        rigFlush(p->r);
        g_assert_cmpuint(p->r->frames.length, ==, 0);
    }
}

static void
begin(pipeline *p, size_t capacity)
{
    p->r = rigNew();
    p->capacity = capacity;
    p->flows = g_array_new(FALSE, TRUE, sizeof(flow));
    g_assert_cmpint(vmcEndpointAddChannel(p->r->ep, rigAddress("10.0.2.4"), 601, p->r, false),
                    ==, 0);
}

static void
end(pipeline *p)
{
    rigFree(p->r);
    g_array_unref(p->flows);
}

/* Bytes that came on all connections but the last. */
static uint32_t
otherBytes(const pipeline *p)
{
    uint32_t sum = 0;

    for (guint i = 0; i + 1 < p->flows->len; i++)
        sum += g_array_index(p->flows, flow, i).came;
    return sum;
}

/* The last one, which is alone in its channel, has got half. */
static void
checkHalf(const pipeline *p)
{
    uint32_t last = g_array_index(p->flows, flow, p->flows->len - 1).came;

    g_test_message("%u KiB beside %u", otherBytes(p) / KIB, last / KIB);
    g_assert_cmpuint(otherBytes(p), >, last / 10 * 9);
    g_assert_cmpuint(otherBytes(p), <, last / 10 * 11);
}

/* One connection of a channel beside many of another one: it gets half, in bytes. */
static void
testChannels(void)
{
    static const struct { size_t capacity; uint16_t many, one; } rows[] = {
        { 1, LARGE, LARGE }, { 2 * LARGE, LARGE, LARGE }, { 5 * LARGE, LARGE, LARGE },
        { 1, USUAL, USUAL }, { 3 * USUAL, USUAL, USUAL }, { 5 * LARGE, USUAL, USUAL },
        { 5 * LARGE, LARGE, USUAL }, { 5 * LARGE, USUAL, LARGE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        pipeline p;
        const flow *last;

        begin(&p, rows[i].capacity);
        guestConnects(&p, MANY, 600, rows[i].many);
        guestConnects(&p, 1, 601, rows[i].one);
        for (unsigned int j = 0; j < MANY; j++)
            hostWrites(&p, j, 192 * KIB);
        hostWrites(&p, MANY, 10240 * KIB);
        last = &g_array_index(p.flows, flow, MANY);
        while (last->came < 8192 * KIB)
            g_assert_true(turn(&p));
        g_test_message("a link of %zu bytes, segments of %u and %u", rows[i].capacity,
                       rows[i].many, rows[i].one);
        checkHalf(&p);
        end(&p);
    }
}

/* Many that have only a few bytes at a time take no turn from the one that has more. */
static void
testSmallTalk(void)
{
    pipeline p;
    const flow *last;

    begin(&p, 5 * LARGE);
    guestConnects(&p, MANY, 600, LARGE);
    guestConnects(&p, 1, 601, LARGE);
    hostWrites(&p, 0, 8192 * KIB);
    hostWrites(&p, MANY, 8192 * KIB);
    last = &g_array_index(p.flows, flow, MANY);
    while (last->came < 6144 * KIB) {
        for (unsigned int i = 1; i < MANY; i++)
            hostWrites(&p, i, 10);
        g_assert_true(turn(&p));
    }
    checkHalf(&p);
    end(&p);
}

/* Many connections of one channel: none gets a second turn before each has had one. */
static void
testConnections(void)
{
    pipeline p;
    uint32_t least, most;

    begin(&p, 5 * LARGE);
    guestConnects(&p, MANY, 600, LARGE);
    for (unsigned int i = 0; i < MANY; i++)
        hostWrites(&p, i, 256 * KIB);
    do {
        g_assert_true(turn(&p));
        least = UINT32_MAX;
        most = 0;
        for (guint i = 0; i < MANY; i++) {
            least = MIN(least, g_array_index(p.flows, flow, i).came);
            most = MAX(most, g_array_index(p.flows, flow, i).came);
        }
        g_assert_cmpuint(most - least, <=, LARGE);
    } while (least < 256 * KIB);
    end(&p);
}

/* A few bytes wait for what the link holds, and for one turn of each other channel. */
static void
testFewBytes(void)
{
    pipeline p;
    flow *last;

    begin(&p, 5 * LARGE);
    guestConnects(&p, MANY, 600, LARGE);
    guestConnects(&p, 1, 601, LARGE);
    for (unsigned int i = 0; i < MANY; i++)
        hostWrites(&p, i, 128 * KIB);
    for (int i = 0; i < 5; i++)
        g_assert_true(turn(&p));
    last = &g_array_index(p.flows, flow, MANY);
    linkFills(&p);
    hostWrites(&p, MANY, 3);
    linkEmpties(&p);
    g_assert_cmpuint(last->came, ==, 0);
    p.capacity = 2 * LARGE;
    linkFills(&p);
    linkEmpties(&p);
    g_assert_cmpuint(last->came, ==, 3);
    end(&p);
}

/* A channel that is removed while its connections wait: their resets have a turn of their own. */
static void
testRemoved(void)
{
    pipeline p;
    guint resets = 0;

    begin(&p, 3 * LARGE);
    guestConnects(&p, MANY, 601, LARGE);
    guestConnects(&p, 10, 600, LARGE);
    for (unsigned int i = 0; i < p.flows->len; i++)
        hostWrites(&p, i, 128 * KIB);
    g_assert_true(turn(&p));
    /* Both channels are the rig's; a second one of the number 601 can be had afterwards. */
    vmcEndpointRemoveChannel(p.r->ep, p.r->now, p.r);
    g_assert_cmpint(vmcEndpointAddChannel(p.r->ep, rigAddress("10.0.2.4"), 601, p.r, false),
                    ==, 0);
    for (guint i = 0; i < p.flows->len; i++)
        resets += g_array_index(p.flows, flow, i).host->reset;
    g_assert_cmpuint(resets, ==, p.flows->len);
    p.capacity = 0;
    while (turn(&p))
        continue;
    g_assert_cmpuint(vmcEndpointConnCount(p.r->ep), ==, 0);
    end(&p);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/turns/channels", testChannels);
    g_test_add_func("/endpoint/turns/small-talk", testSmallTalk);
    g_test_add_func("/endpoint/turns/connections", testConnections);
    g_test_add_func("/endpoint/turns/few-bytes", testFewBytes);
    g_test_add_func("/endpoint/turns/removed", testRemoved);
    return g_test_run();
}
