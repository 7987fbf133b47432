/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's small pure parts: messages between its processes, lines, telnet,
 * the bytes kept for the guest, the room of a send buffer, and the probe of a
 * connection that the endpoint does not have.
 */
#include <config.h>

#include <string.h>

#include "endpointrig.h"
#include "relay/broker/conntable.h"
#include "relay/process/ipc.h"
#include "relay/pump/lines.h"
#include "relay/pump/telnet.h"
#include "relay/worker/inflight.h"
#include "relay/worker/sndbuf.h"

static bool
check(const vmcIpcMessage *message, unsigned int nfds, vmcIpcWay way)
{
    return vmcIpcCheck(message, sizeof(*message), nfds, way);
}

static void
testMessageWays(void)
{
    static const struct {
        vmcIpcType type;
        vmcIpcWay way;
        unsigned int fdsMin, fdsMax;
    } cases[] = {
        { VMC_IPC_CHILD_READY, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_OPEN, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_CLOSE, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_PROBED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_REMOVED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_BROKER_NETWORK, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_COUNTERS, VMC_IPC_TO_WORKER, 1, 1 },
        { VMC_IPC_BROKER_CHANNEL, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_REMOVE, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_KNOWN, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_SERVE, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_OPENED, VMC_IPC_TO_WORKER, 0, 1 },
        { VMC_IPC_BROKER_NULL, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_ACCEPTING, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_REFUSED, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_CAPTURE, VMC_IPC_TO_WORKER, 0, 1 },
        { VMC_IPC_BROKER_PUMP, VMC_IPC_TO_PUMP, 0, 3 },
        { VMC_IPC_BROKER_LOG, VMC_IPC_TO_PUMP, 1, 1 },
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(cases) == VMC_IPC_LAST);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcIpcMessage message = { .type = cases[i].type };

        for (int way = 0; way < VMC_IPC_WAY_LAST; way++) {
            bool right = way == (int)cases[i].way ||
                (cases[i].type == VMC_IPC_CHILD_READY && way == VMC_IPC_FROM_PUMP);

            for (unsigned int nfds = 0; nfds <= VMC_IPC_FDS; nfds++)
                g_assert_cmpint(check(&message, nfds, way), ==,
                                right && nfds >= cases[i].fdsMin && nfds <= cases[i].fdsMax);
        }
    }
}

/* Any length but the one, any type beyond the last, any byte that is not used. */
static void
testMessageForm(void)
{
    guint8 bytes[2 * sizeof(vmcIpcMessage)] = { VMC_IPC_WORKER_CLOSE };
    vmcIpcMessage message = { .type = VMC_IPC_LAST };

    for (gsize len = 0; len <= sizeof(bytes); len++)
        g_assert_cmpint(vmcIpcCheck(bytes, len, 0, VMC_IPC_FROM_WORKER), ==,
                        len == sizeof(vmcIpcMessage));
    for (int way = 0; way < VMC_IPC_WAY_LAST; way++)
        g_assert_false(check(&message, 0, way));
    for (gsize i = 0; i < sizeof(vmcIpcMessage); i++) {
        bool used = i >= offsetof(vmcIpcMessage, id) && i < offsetof(vmcIpcMessage, channel);

        if (i < sizeof(message.type))
            continue;
        bytes[i] = 1;
        g_assert_cmpint(vmcIpcCheck(bytes, sizeof(vmcIpcMessage), 0, VMC_IPC_FROM_WORKER),
                        ==, used);
        bytes[i] = 0;
    }
}

static void
testMessageTuple(void)
{
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcEndpointTuple got;
    vmcIpcMessage message = { .type = VMC_IPC_WORKER_OPEN };

    vmcIpcSetTuple(&message, &tuple);
    vmcIpcGetTuple(&message, &got);
    g_assert_true(got.address.s_addr == tuple.address.s_addr && got.port == 600 &&
                  got.peer.s_addr == tuple.peer.s_addr && got.peerPort == 40000);
}

static void
testLines(void)
{
    g_autofree char *longest = g_strnfill(VMC_LINE_MAX, 'x');

    g_assert_cmpuint(vmcLinesReady("", 0, FALSE), ==, 0);
    g_assert_cmpuint(vmcLinesReady("half", 4, FALSE), ==, 0);
    g_assert_cmpuint(vmcLinesReady("half", 4, TRUE), ==, 4);
    g_assert_cmpuint(vmcLinesReady("one\ntwo\nhalf", 12, FALSE), ==, 8);
    g_assert_cmpuint(vmcLinesReady("one\n", 4, FALSE), ==, 4);
    g_assert_cmpuint(vmcLinesReady(longest, VMC_LINE_MAX - 1, FALSE), ==, 0);
    g_assert_cmpuint(vmcLinesReady(longest, VMC_LINE_MAX, FALSE), ==, VMC_LINE_MAX);
}

#define IAC "\xff"
#define SE "\xf0"
#define SB "\xfa"
#define WILL "\xfb"
#define WONT "\xfc"
#define DO "\xfd"
#define DONT "\xfe"

/* What the peer sends, the data in it, and what it is answered. */
static void
testTelnetReceive(void)
{
    static const struct {
        const char *sent, *data, *answer;
        bool server;
    } cases[] = {
        { "plain", "plain", "", false },
        { "a" IAC IAC "b", "a" IAC "b", "", false },
        { "a" IAC "\xf1" "b", "ab", "", false },                         /* NOP */
        { "a" IAC SB "\x18" "x" IAC IAC "y" IAC SE "b", "ab", "", false },
        { IAC DO "\x18", "", IAC WONT "\x18", false },
        { IAC WILL "\x18", "", IAC DONT "\x18", false },
        { IAC DO "\x18" IAC DO "\x18", "", IAC WONT "\x18", false },     /* once */
        { IAC DONT "\x18" IAC WONT "\x18", "", "", false },
        { IAC DO "\x03", "", "", false },                                /* we offered that */
        { IAC DO "\x01", "", IAC WONT "\x01", false },
        { IAC DO "\x01", "", "", true },
        { "a\r\nb", "a\r\nb", "", false },
        { IAC, "", "", false },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        /* Whole, and a byte at a time. */
        for (gsize step = 1; step <= 64; step += 63) {
            vmcTelnet telnet = { .server = cases[i].server };
            g_autoptr(GByteArray) data = g_byte_array_new(), answer = g_byte_array_new();
            gsize len = strlen(cases[i].sent);

            for (gsize at = 0; at < len; at += step)
                vmcTelnetReceive(&telnet, (const guint8 *)cases[i].sent + at, MIN(step, len - at),
                                 data, answer);
            g_assert_cmpmem(data->data, data->len, cases[i].data, strlen(cases[i].data));
            g_assert_cmpmem(answer->data, answer->len, cases[i].answer, strlen(cases[i].answer));
        }
    }
}

/* The NUL after a CR is telnet's, until the peer sends eight bits. */
static void
testTelnetBinary(void)
{
    static const guint8 sent[] = { 'a', '\r', 0, 'b', 0xff, 0xfb, 0, '\r', 0, 'c' };
    static const guint8 expected[] = { 'a', '\r', 'b', '\r', 0, 'c' };
    vmcTelnet telnet = { .server = true };
    g_autoptr(GByteArray) data = g_byte_array_new(), answer = g_byte_array_new();

    vmcTelnetReceive(&telnet, sent, sizeof(sent), data, answer);
    g_assert_cmpmem(data->data, data->len, expected, sizeof(expected));
    g_assert_cmpuint(answer->len, ==, 0);
}

/* Whatever comes, the answers end. */
static void
testTelnetBounded(void)
{
    vmcTelnet telnet = { .server = false };
    g_autoptr(GByteArray) data = g_byte_array_new(), answer = g_byte_array_new();

    for (int i = 0; i < 200000; i++) {
        guint8 bytes[3] = { 0xff, (guint8)(0xfb + g_test_rand_int_range(0, 4)),
                            (guint8)g_test_rand_int_range(0, 256) };

        vmcTelnetReceive(&telnet, bytes, sizeof(bytes), data, answer);
    }
    g_assert_cmpuint(answer->len, <=, 3 * 2 * 256);
    g_assert_cmpuint(data->len, ==, 0);
}

static void
testTelnetSend(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    vmcTelnet telnet = { .server = true };

    vmcTelnetSend((const guint8 *)"a" IAC "\r\n", 4, out);
    g_assert_cmpmem(out->data, out->len, "a" IAC IAC "\r\n", 5);
    g_byte_array_set_size(out, 0);
    vmcTelnetBegin(&telnet, out);
    g_assert_cmpmem(out->data, out->len, IAC WILL "\x01" IAC WILL "\x03" IAC WILL "\0" IAC DO "\0",
                    12);
}

/* Two bare ACKs; what the guest answers to one is reset by its own numbers. */
static void
testProbe(void)
{
    g_autoptr(rig) r = rigNew();
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcSegment answer = { .seq = 7777, .ack = 123456, .flags = VMC_TCP_ACK, .scale = -1 };
    vmcFrameAddress from = rigGuest(40000);
    guint32 seqs[2];
    vmcFrameKind kind;
    vmcFrame frame;

    g_assert_true(vmcEndpointProbe(r->ep, &tuple, rigGuestMac));
    for (int i = 0; i < 2; i++) {
        g_bytes_unref(rigTake(r, &frame, &kind));
        g_assert_cmpint(kind, ==, VMC_FRAME_TCP);
        g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_ACK);
        g_assert_cmpmem(frame.address.dstMac, VMC_MAC_LEN, rigGuestMac, VMC_MAC_LEN);
        seqs[i] = frame.segment.seq;
    }
    g_assert_cmphex(seqs[0] - seqs[1], ==, 1u << 31);
    rigSegment(r, &from, &answer, NULL, 0);
    rigFlush(r);
    g_bytes_unref(rigTake(r, &frame, &kind));
    g_assert_cmpint(frame.segment.flags, ==, VMC_TCP_RST);
    g_assert_cmpuint(frame.segment.seq, ==, 123456);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 0);
    r->full = true;
    g_assert_false(vmcEndpointProbe(r->ep, &tuple, rigGuestMac));
}

/* The guest has used the port again: a connection of ours is not disturbed. */
static void
testProbeReused(void)
{
    g_autoptr(rig) r = rigNew();
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcSegment syn = { .seq = 1, .flags = VMC_TCP_SYN, .window = 1000, .mss = 1460, .scale = -1 };
    vmcFrameAddress from = rigGuest(40000);
    vmcFrameKind kind;
    vmcFrame frame;

    r->answer = VMC_ENDPOINT_OPEN_WAIT;
    rigSegment(r, &from, &syn, NULL, 0);
    g_assert_cmpuint(vmcEndpointConnCount(r->ep), ==, 1);
    g_assert_true(vmcEndpointProbe(r->ep, &tuple, rigGuestMac));
    g_assert_null(rigTake(r, &frame, &kind));
}

static void
countEnd(gpointer data)
{
    ++*(unsigned int *)data;
}

/* What a channel's removal does at once, and what waits until the worker has heard. */
static void
testLedgerRemove(void)
{
    vmcConntable *conntable = vmcConntableNew(countEnd);
    struct in_addr address = { htonl(0x0a000204) };
    vmcIpcMessage open = { .type = VMC_IPC_WORKER_OPEN, .id = 1, .port = 600,
                        .address = address.s_addr };
    unsigned int ended = 0;
    uint32_t first = 77, second = 77, third = 77;

    g_assert_true(vmcConntableAddChannel(conntable, address, 600, &first));
    g_assert_cmpuint(first, ==, 0);
    g_assert_false(vmcConntableRemoved(conntable, first));
    vmcConntableOpen(conntable, &open, &ended);
    vmcConntableRemoveChannel(conntable, first);
    g_assert_cmpuint(ended, ==, 1);
    /* The address is free, the number is not, and may still be asked for. */
    g_assert_true(vmcConntableAddChannel(conntable, address, 600, &second));
    g_assert_cmpuint(second, ==, 1);
    open.id = 2;
    g_assert_true(vmcConntableMayOpen(conntable, &open));
    g_assert_false(vmcConntableRemoved(conntable, first));
    g_assert_true(vmcConntableClose(conntable, 1));
    g_assert_cmpuint(ended, ==, 1);
    g_assert_true(vmcConntableRemoved(conntable, first));
    g_assert_false(vmcConntableRemoved(conntable, first));
    g_assert_false(vmcConntableMayOpen(conntable, &open));
    g_assert_true(vmcConntableAddChannel(conntable, address, 601, &third));
    g_assert_cmpuint(third, ==, 0);
    /* No worker, nobody who must hear. */
    vmcConntableRemoveChannel(conntable, second);
    vmcConntableWorkerEnded(conntable);
    g_assert_false(vmcConntableRemoved(conntable, second));
    g_assert_true(vmcConntableAddChannel(conntable, address, 602, &second));
    g_assert_cmpuint(second, ==, 1);
    vmcConntableFree(conntable);
}

/* Puts up to @len bytes of a stream, each told by its place; returns how many found room. */
static size_t
keptPut(vmcInflight *kept, vmcInflightPool *pool, size_t at, size_t len)
{
    struct iovec iov[2];
    int niov = vmcInflightRoom(kept, pool, len, iov);
    size_t done = 0;

    for (int i = 0; i < niov; i++) {
        for (size_t j = 0; j < iov[i].iov_len; j++, done++)
            ((uint8_t *)iov[i].iov_base)[j] = (uint8_t)((at + done) % 251);
    }
    vmcInflightAdd(kept, done);
    return done;
}

static void
keptCheck(const vmcInflight *kept, size_t first)
{
    g_autofree uint8_t *bytes = g_malloc(kept->len + 1);

    vmcInflightCopy(kept, 0, bytes, kept->len);
    for (size_t i = 0; i < kept->len; i++)
        g_assert_cmpuint(bytes[i], ==, (first + i) % 251);
}

/* A stream through a queue in steps of any size, so that it goes round many times. */
static void
testKeptStream(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight kept = { .start = 0 };
    size_t in = 0, out = 0;

    while (in < 20 * VMC_INFLIGHT_MAX) {
        size_t gone;

        in += keptPut(&kept, &pool, in, (size_t)g_test_rand_int_range(0, VMC_INFLIGHT_BLOCK + 1));
        g_assert_cmpuint(kept.len, ==, in - out);
        g_assert_cmpuint(kept.len, <=, VMC_INFLIGHT_MAX);
        keptCheck(&kept, out);
        gone = (size_t)g_test_rand_int_range(0, (gint32)MIN(kept.len, VMC_INFLIGHT_BLOCK + 9) + 1);
        vmcInflightDrop(&kept, &pool, gone);
        out += gone;
    }
    vmcInflightDrop(&kept, &pool, kept.len);
    g_assert_cmpuint(pool.blocks, ==, pool.spares);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

/* All but a few bytes go at once: the block that holds these is the first and the last. */
static void
testKeptAlmostAll(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight kept = { .start = 0 };
    size_t in = keptPut(&kept, &pool, 0, 100);

    vmcInflightDrop(&kept, &pool, 90);
    while (kept.len < VMC_INFLIGHT_MAX)
        in += keptPut(&kept, &pool, in, VMC_INFLIGHT_BLOCK);
    g_assert_cmpuint(keptPut(&kept, &pool, in, 1), ==, 0);
    g_assert_cmpuint(pool.blocks, ==, VMC_INFLIGHT_BLOCKS);
    vmcInflightDrop(&kept, &pool, VMC_INFLIGHT_MAX - 5);
    keptCheck(&kept, in - 5);
    g_assert_cmpuint(pool.spares, ==, VMC_INFLIGHT_BLOCKS - 1);
    vmcInflightDrop(&kept, &pool, 5);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

/* What all queues hold is bounded; a queue that got nothing holds nothing. */
static void
testKeptBounded(void)
{
    vmcInflightPool pool = { 0 };
    vmcInflight kept[VMC_INFLIGHT_BLOCKS_ALL + 1] = { { .start = 0 } };
    struct iovec iov[2];

    for (size_t i = 0; i < VMC_INFLIGHT_BLOCKS_ALL; i++)
        g_assert_cmpuint(keptPut(&kept[i], &pool, 0, 1), ==, 1);
    g_assert_cmpuint(keptPut(&kept[VMC_INFLIGHT_BLOCKS_ALL], &pool, 0, 1), ==, 0);
    g_assert_cmpuint(keptPut(&kept[0], &pool, 1, VMC_INFLIGHT_BLOCK), ==, VMC_INFLIGHT_BLOCK - 1);
    vmcInflightDrop(&kept[1], &pool, 1);
    g_assert_cmpint(vmcInflightRoom(&kept[1], &pool, 1, iov), ==, 1);
    vmcInflightDrop(&kept[1], &pool, 0);
    g_assert_cmpuint(keptPut(&kept[VMC_INFLIGHT_BLOCKS_ALL], &pool, 0, 1), ==, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        vmcInflightDrop(&kept[i], &pool, kept[i].len);
    vmcInflightPoolTrim(&pool);
    g_assert_cmpuint(pool.blocks, ==, 0);
}

/* However small a buffer is, an empty one takes anything: else nothing would ever move. */
static void
testRoomEmptyTakes(void)
{
    for (size_t size = 0; size < 1024 * 1024; size += 1000) {
        vmcSndbuf room = { .size = size };

        vmcSndbufQueued(&room, 0);
        vmcSndbufPromise(&room);
        for (size_t len = 1; len <= VMC_SNDBUF_PIECE; len *= 2)
            g_assert_true(vmcSndbufTakes(&room, len));
    }
}

/* Small pieces wait once they would take room from what is owed, until some has come. */
static void
testRoomGathers(void)
{
    vmcSndbuf room = { .size = 400000 };
    size_t promised, pieces = 0;

    vmcSndbufQueued(&room, 0);
    promised = vmcSndbufPromise(&room);
    g_assert_cmpuint(promised, ==, 306250);
    for (; vmcSndbufTakes(&room, 1); pieces++)
        vmcSndbufWritten(&room, 1);
    g_assert_cmpuint(pieces, ==, 48);
    g_assert_true(vmcSndbufTakes(&room, VMC_SNDBUF_PIECE));
    vmcSndbufQueued(&room, pieces * 768);
    g_assert_true(vmcSndbufTakes(&room, 1));
    g_assert_cmpuint(vmcSndbufPromise(&room), <, promised);
    g_assert_cmpuint(room.owed, ==, promised - pieces);
    vmcSndbufQueued(&room, 2 * room.size);
    g_assert_cmpuint(vmcSndbufPromise(&room), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/kept/stream", testKeptStream);
    g_test_add_func("/relay/kept/almost-all", testKeptAlmostAll);
    g_test_add_func("/relay/kept/bounded", testKeptBounded);
    g_test_add_func("/relay/room/empty-takes", testRoomEmptyTakes);
    g_test_add_func("/relay/room/gathers", testRoomGathers);
    g_test_add_func("/relay/conntable/remove", testLedgerRemove);
    g_test_add_func("/relay/message/ways", testMessageWays);
    g_test_add_func("/relay/message/form", testMessageForm);
    g_test_add_func("/relay/message/tuple", testMessageTuple);
    g_test_add_func("/relay/lines", testLines);
    g_test_add_func("/relay/telnet/receive", testTelnetReceive);
    g_test_add_func("/relay/telnet/binary", testTelnetBinary);
    g_test_add_func("/relay/telnet/bounded", testTelnetBounded);
    g_test_add_func("/relay/telnet/send", testTelnetSend);
    g_test_add_func("/relay/probe", testProbe);
    g_test_add_func("/relay/probe-reused", testProbeReused);
    return g_test_run();
}
