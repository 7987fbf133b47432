/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's TCP by script: each case is a list of lines, segments and host
 * events in, expected segments out. Every frame that leaves must be expected.
 *
 *   < FLAGS seq= ack= len= win= mss= ws= port=   a segment of the guest
 *   << …                                         the same, with no flush after it
 *   > FLAGS seq= ack= len= win= mss= ws= port=   the next frame to the guest
 *   + MS                                         time passes
 *   host data= | eof | fail | room= | shortfall= | opened | refused | reset
 *   open ok | wait | refused                     what the host side will answer
 *   link full reserve= | writable | busy | unread= | idle
 *   = sink= source= shut= closes= reset= count= hosts= read= write= refused= limited=
 *
 * seq and ack count from the sender's and the receiver's initial number. What
 * a line of "<" leaves out goes on from what was sent before; "win" is as on the wire.
 * What a line of ">" leaves out is not compared, save len, which is 0 then.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "tests/lib/endpointrig.h"

#define GUEST_ISN 0xffffff9cu   /* so that numbers wrap within a case */
#define PORT 40000

typedef struct {
    rig *r;
    uint32_t isn;               /* ours, once seen */
    uint32_t guestNxt;          /* the guest's next number */
    uint32_t guestAck;          /* what it acknowledges when a line does not say */
    const char *line;
} script;

/* A word "key=number" of a line, or @other when it has none. */
static long
word(char **words, const char *key, long other)
{
    size_t len = strlen(key);

    for (size_t i = 1; words[i]; i++) {
        if (strncmp(words[i], key, len) == 0 && words[i][len] == '=')
            return strtol(words[i] + len + 1, NULL, 10);
    }
    return other;
}

static bool
has(char **words, const char *key)
{
    return g_strv_contains((const char *const *)words, key);
}

static uint8_t
flagsOf(const char *text)
{
    static const char letters[] = "FSRPA";
    uint8_t flags = 0;

    for (; *text; text++) {
        const char *at = strchr(letters, *text);

        g_assert_nonnull(at);
        flags |= (uint8_t)(1 << (at - letters));
    }
    return flags;
}

/* Byte @i of either stream. */
static uint8_t
pattern(uint32_t i)
{
    return (uint8_t)(i ^ i >> 8 ^ 0x5a);
}

static void
doGuest(script *s, char **words)
{
    vmcFrameAddress address = rigGuest((uint16_t)word(words, "port", PORT));
    size_t len = (size_t)word(words, "len", 0);
    uint8_t flags = flagsOf(words[1]);
    uint32_t seq = (uint32_t)word(words, "seq", s->guestNxt);
    uint32_t ack = (uint32_t)word(words, "ack", s->guestAck);
    g_autofree uint8_t *data = g_malloc(len + 1);
    vmcSegment segment = {
        .seq = seq + GUEST_ISN,
        .ack = flags & VMC_TCP_ACK ? ack + s->isn : 0,
        .flags = flags,
        .window = (uint16_t)word(words, "win", 64240),
        .mss = (uint16_t)word(words, "mss", 0),
        .scale = (int8_t)word(words, "ws", -1),
    };

    for (size_t i = 0; i < len; i++)
        data[i] = pattern(seq - 1 + (uint32_t)i);
    rigSegment(s->r, &address, &segment, data, len);
    seq += (uint32_t)len + ((flags & VMC_TCP_SYN) != 0) + ((flags & VMC_TCP_FIN) != 0);
    if ((int32_t)(seq - s->guestNxt) > 0)
        s->guestNxt = seq;
}

static void
checkNumber(const script *s, char **words, const char *key, long is)
{
    long wanted = word(words, key, is);

    if (is != wanted)
        g_error("'%s': %s is %ld", s->line, key, is);
}

static void
doExpect(script *s, char **words)
{
    vmcFrame frame = { .len = 0 };
    vmcFrameKind kind = VMC_FRAME_OTHER;
    g_autoptr(GBytes) bytes = rigTake(s->r, &frame, &kind);
    const vmcSegment *out = &frame.segment;
    uint8_t flags = flagsOf(words[1]);
    bool reset = (flags & (VMC_TCP_RST | VMC_TCP_ACK)) == VMC_TCP_RST;

    if (!bytes)
        g_error("'%s': nothing was sent", s->line);
    g_assert_cmpint(kind, ==, VMC_FRAME_TCP);
    if ((out->flags & ~VMC_TCP_PSH) != flags)
        g_error("'%s': flags are 0x%x", s->line, out->flags);
    if (flags & VMC_TCP_SYN)
        s->isn = out->seq;
    checkNumber(s, words, "seq", (long)(int32_t)(out->seq - s->isn));
    if (flags & VMC_TCP_ACK)
        checkNumber(s, words, "ack", (long)(int32_t)(out->ack - GUEST_ISN));
    if ((long)frame.len != word(words, "len", 0))
        g_error("'%s': length is %zu", s->line, frame.len);
    checkNumber(s, words, "win", out->window);
    checkNumber(s, words, "mss", out->mss);
    checkNumber(s, words, "ws", out->scale);
    g_assert_cmpuint(frame.address.srcPort, ==, 600);
    g_assert_cmpuint(frame.address.dstPort, ==, word(words, "port", PORT));
    for (size_t i = 0; i < frame.len; i++)
        g_assert_cmpuint(frame.payload[i], ==, pattern(out->seq - s->isn - 1 + (uint32_t)i));
    if (!reset)
        s->guestAck = out->seq - s->isn + (uint32_t)frame.len +
            ((flags & (VMC_TCP_SYN | VMC_TCP_FIN)) != 0);
}

static void
doHost(script *s, char **words)
{
    rigHost *host = rigLast(s->r);
    long data = word(words, "data", 0);

    for (long i = 0; i < data; i++) {
        uint8_t byte = pattern(host->source->len);

        g_byte_array_append(host->source, &byte, 1);
    }
    host->eof |= has(words, "eof");
    host->failed |= has(words, "fail");
    host->room = (size_t)word(words, "room", (long)host->room);
    host->shortfall = (size_t)word(words, "shortfall", (long)host->shortfall);
    if (!host->conn)
        return;
    if (data > 0 || has(words, "eof") || has(words, "fail"))
        vmcEndpointConnReadable(s->r->ep, host->conn);
    if (word(words, "room", -1) >= 0 || word(words, "shortfall", -1) >= 0)
        vmcEndpointConnWritable(s->r->ep, host->conn);
    if (has(words, "opened") || has(words, "refused"))
        vmcEndpointConnOpened(s->r->ep, host->conn, s->r->now, has(words, "opened"));
    else if (has(words, "reset"))
        vmcEndpointConnReset(s->r->ep, host->conn);
}

static void
doOpen(script *s, char **words)
{
    s->r->answer = has(words, "wait") ? VMC_ENDPOINT_OPEN_WAIT :
        has(words, "refused") ? VMC_ENDPOINT_OPEN_REFUSED : VMC_ENDPOINT_OPEN_OK;
}

static void
doLink(script *s, char **words)
{
    s->r->full = has(words, "full");
    s->r->reserve = (unsigned int)word(words, "reserve", 0);
    s->r->unread = has(words, "busy") ? SIZE_MAX : (size_t)word(words, "unread", 0);
    if (has(words, "writable"))
        vmcEndpointLinkWritable(s->r->ep, s->r->now);
}

static void
doTime(script *s, char **words)
{
    rigAdvance(s->r, strtol(words[1], NULL, 10) * 1000);
}

static void
doCheck(script *s, char **words)
{
    const vmcEndpointStats *stats = vmcEndpointGetStats(s->r->ep);

    checkNumber(s, words, "hosts", s->r->hosts->len);
    checkNumber(s, words, "count", vmcEndpointConnCount(s->r->ep));
    checkNumber(s, words, "refused", (long)stats->refused);
    checkNumber(s, words, "limited", (long)stats->limited);
    checkNumber(s, words, "retransmits", (long)stats->retransmits);
    if (s->r->hosts->len == 0)
        return;
    for (size_t i = 0; i < rigLast(s->r)->sink->len; i++)
        g_assert_cmpuint(rigLast(s->r)->sink->data[i], ==, pattern((uint32_t)i));
    checkNumber(s, words, "sink", rigLast(s->r)->sink->len);
    checkNumber(s, words, "consumed", (long)rigLast(s->r)->consumed);
    checkNumber(s, words, "shut", rigLast(s->r)->shut);
    checkNumber(s, words, "closes", rigLast(s->r)->closes);
    checkNumber(s, words, "reset", rigLast(s->r)->reset);
    if (!rigLast(s->r)->conn)
        return;
    checkNumber(s, words, "read", vmcEndpointConnWantsRead(rigLast(s->r)->conn));
    checkNumber(s, words, "write", vmcEndpointConnWantsWrite(rigLast(s->r)->conn));
}

static void
runLine(script *s, const char *line)
{
    static const struct {
        const char *word;
        void (*run)(script *s, char **words);
        bool passive;           /* takes no turn of the loop */
    } verbs[] = {
        { "<", doGuest, false }, { "<<", doGuest, true }, { ">", doExpect, true },
        { "+", doTime, false }, { "host", doHost, false }, { "open", doOpen, true },
        { "link", doLink, false }, { "=", doCheck, true },
    };
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    s->line = line;
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(words[0], verbs[i].word) != 0)
            continue;
        if (!verbs[i].passive && s->r->frames.length > 0)
            g_error("before '%s': %u frames that were not expected", line, s->r->frames.length);
        verbs[i].run(s, words);
        if (!verbs[i].passive)
            rigFlush(s->r);
        return;
    }
    g_error("'%s': no such line", line);
}

static void
runScript(gconstpointer text)
{
    g_autoptr(rig) r = rigNew();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    script s = { .r = r };
    uint8_t frame[VMC_GUEST_FRAME];

    /* A guest that announces itself need not be asked before a minute is over. */
    rigInput(r, frame, vmcGuestArp(frame, "10.0.2.5", "10.0.2.5", 1), NULL, 0);
    for (size_t i = 0; lines[i]; i++) {
        if (*lines[i])
            runLine(&s, lines[i]);
    }
    if (r->frames.length > 0)
        g_error("at the end: %u frames that were not expected", r->frames.length);
}

/* A connection with a window of 1000 * 128 bytes and an MSS of 1000. */
#define CONNECT \
    "< S win=64240 mss=1000 ws=7\n" \
    "> SA seq=0 ack=1 mss=65480 ws=3\n" \
    "< A win=1000\n"

/* Large segments are lost twice: a smaller one is on trial. */
#define LARGE_LOST \
    "< S mss=15960 win=60000\n" \
    "> SA\n" \
    "< A win=60000\n" \
    "host data=20000\n" \
    "> A seq=1 len=15960\n" \
    "> A seq=15961 len=4040\n" \
    "+ 300\n" \
    "> A seq=1 len=15960\n" \
    "> A seq=15961 len=4040\n" \
    "+ 600\n" \
    "> A seq=1 len=8960\n"

static const struct {
    const char *name;
    const char *text;
} cases[] = {
    { "handshake",
      "< S mss=1460 ws=7 win=64240\n"
      "> SA seq=0 ack=1 win=65535 mss=65480 ws=3\n"
      "= hosts=1 count=1 read=0\n"
      "< A seq=1 ack=1 win=500\n"
      "= read=1 write=0 closes=0\n" },
    { "handshake-without-window-scale",
      "< S mss=1460\n"
      "> SA seq=0 ack=1 win=65535 mss=65480 ws=-1\n"
      "< A\n"
      "< AP len=1460\n"
      "< AP len=1460\n"
      "> A ack=2921 win=65535\n" },
    { "handshake-without-mss",
      "< S\n"
      "> SA\n"
      "< A\n"
      "host data=600\n"
      "> A seq=1 len=536\n"
      "> A seq=537 len=64\n" },
    { "handshake-tiny-mss",
      "< S mss=1\n"
      "> SA\n"
      "< A\n"
      "host data=100\n"
      "> A seq=1 len=88\n"
      "> A seq=89 len=12\n" },
    { "refused",
      "open refused\n"
      "< S mss=1460\n"
      "> RA ack=1\n"
      "= hosts=0 count=0 refused=1\n" },
    { "open-waits",
      "open wait\n"
      "< S mss=1460 ws=7\n"
      "= hosts=1 count=1 read=0 write=0\n"
      "+ 1000\n"
      "< S seq=0 mss=1460 ws=7\n"
      "+ 2000\n"
      "host opened\n"
      "> SA seq=0 ack=1\n"
      "< A seq=1\n"
      "= read=1\n" },
    { "open-waits-then-refused",
      "open wait\n"
      "< S mss=1460 ws=7\n"
      "host refused\n"
      "> RA ack=1\n"
      "= closes=1 reset=1 count=0 refused=1\n" },
    { "open-waits-guest-gives-up",
      "open wait\n"
      "< S mss=1460 ws=7\n"
      "+ 74000\n"
      "= closes=0\n"
      "+ 2000\n"
      "> RA ack=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "syn-again-repeats-syn-ack",
      "< S\n"
      "> SA seq=0 ack=1\n"
      "< S seq=0\n"
      "> SA seq=0 ack=1\n"
      "= hosts=1\n" },
    { "syn-ack-repeated-then-given-up",
      "< S\n"
      "> SA\n"
      "+ 300\n"
      "> SA seq=0\n"
      "+ 600\n"
      "> SA seq=0\n"
      "+ 1200\n"
      "> SA seq=0\n"
      "+ 2400\n"
      "> SA seq=0\n"
      "+ 4800\n"
      "> SA seq=0\n"
      "+ 8000\n"
      "> SA seq=0\n"
      "+ 8000\n"
      "> RA\n"
      "= closes=1 reset=1 count=0\n" },
    { "syn-ack-acked-wrongly",
      "< S\n"
      "> SA\n"
      "< A ack=7\n"
      "> R seq=7\n"
      "< A ack=1\n"
      "= read=1 closes=0\n" },
    { "no-channel",
      "< S port=1\n"
      "> SA port=1\n"
      "= hosts=1\n" },
    { "no-connection",
      "< A seq=5 ack=77 len=3\n"
      "> R seq=77\n"
      "< F seq=5 len=3\n"
      "> RA ack=9\n"
      "< R seq=5\n"
      "< RA seq=5 ack=5\n" },
    { "host-to-guest",
      CONNECT
      "host data=2500\n"
      "> A seq=1 ack=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "= consumed=0\n"
      "< A ack=1001 win=1000\n"
      "> A seq=2001 len=500\n"
      "= consumed=1000\n"
      "< A ack=2501 win=1000\n"
      "= consumed=2500\n"
      "+ 59000\n" },
    { "host-data-before-open",
      "< S mss=1000\n"
      "> SA\n"
      "host data=10\n"
      "< A\n"
      "> A seq=1 len=10\n" },
    { "guest-to-host-delayed-ack",
      CONNECT
      "< A seq=1 len=100\n"
      "= sink=100\n"
      "+ 4\n"
      "+ 1\n"
      "> A seq=1 ack=101\n" },
    { "ack-at-two-segments",
      CONNECT
      "< A seq=1 len=1000\n"
      "< A seq=1001 len=1000\n"
      "> A ack=2001\n"
      "+ 100\n" },
    { "ack-once-for-a-batch",
      CONNECT
      "<< A seq=1 len=1000\n"
      "<< A seq=1001 len=1000\n"
      "<< A seq=2001 len=1000\n"
      "<< A seq=3001 len=1000\n"
      "< A seq=4001 len=1000\n"
      "> A ack=5001\n"
      "+ 100\n" },
    { "guest-of-the-past-knows-less",
      CONNECT
      "host data=500\n"
      "> A seq=1 len=500\n"
      "< A ack=501 win=1000\n"
      "< A ack=1\n"
      "= closes=0\n"
      "+ 1000\n"
      "< A ack=1\n"
      "> R seq=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "guest-of-the-past-repeats",
      CONNECT
      "< A seq=1 len=100\n"
      "+ 5\n"
      "> A ack=101\n"
      "< A seq=1 len=50\n"
      "> A ack=101\n"
      "+ 6000\n"
      "< A seq=1 len=50\n"
      "> A ack=101\n"
      "+ 6000\n"
      "< A seq=1 len=50\n"
      "> R seq=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "keepalive-is-no-repetition",
      CONNECT
      "< A seq=1 len=100\n"
      "+ 5\n"
      "> A ack=101\n"
      "+ 7000\n"
      "< A seq=100\n"
      "> A ack=101\n"
      "+ 7000\n"
      "< A seq=100 len=1\n"
      "> A ack=101\n"
      "+ 7000\n"
      "< A seq=100\n"
      "> A ack=101\n"
      "= closes=0\n" },
    { "ack-rides-on-data",
      CONNECT
      "< A seq=1 len=100\n"
      "host data=50\n"
      "> A seq=1 ack=101 len=50\n"
      "+ 100\n" },
    { "ack-at-half-the-window",
      "< S mss=1000 ws=7\n"
      "> SA\n"
      "host room=0\n"
      "< A win=1000\n"
      "< A seq=1 len=40000\n"
      "> A ack=40001\n" },
    { "out-of-order-acked-at-once",
      CONNECT
      "<< A seq=1001 len=1000\n"
      "> A ack=1\n"
      "<< A seq=2001 len=1000\n"
      "> A ack=1\n"
      "<< A seq=3001 len=1000\n"
      "> A ack=1\n"
      "= sink=0\n"
      "< A seq=1 len=1000\n"
      "+ 5\n"
      "> A ack=1001\n"
      "= sink=1000\n" },
    { "overlap-is-trimmed",
      CONNECT
      "< A seq=1 len=100\n"
      "< A seq=51 len=100\n"
      "= sink=150\n"
      "+ 5\n"
      "> A ack=151\n" },
    { "old-data-acked-again",
      CONNECT
      "< A seq=1 len=100\n"
      "+ 5\n"
      "> A ack=101\n"
      "< A seq=1 len=100\n"
      "> A ack=101\n"
      "= sink=100\n"
      "< A seq=1 len=100\n"
      "+ 20\n"
      "< A seq=1 len=100\n"
      "> A ack=101\n" },
    { "beyond-the-window",
      CONNECT
      "< A seq=500000 len=100\n"
      "> A ack=1\n"
      "< A seq=500000 len=100\n"
      "= sink=0 closes=0\n" },
    { "beyond-the-window-is-cut-off",
      "< S mss=60000\n"
      "> SA win=65535\n"
      "< A\n"
      "host room=1024\n"
      "<< A seq=1 len=60000\n"
      "< A seq=60001 len=6000\n"
      "> A ack=65536 win=0\n" },
    { "old-window-means-nothing",
      CONNECT
      "< A seq=6 len=0 win=0\n"
      "< A seq=1 len=10 win=1000\n"
      "= read=0\n" },
    { "fin-carries-the-ack-of-the-guests",
      CONNECT
      "< FA seq=1 len=10\n"
      "host eof\n"
      "> FA seq=1 ack=12\n"
      "< A seq=12 ack=2\n"
      "= sink=10 shut=1 closes=1 reset=0 count=0\n" },
    { "guest-closes-first",
      CONNECT
      "< FA seq=1 len=10\n"
      "+ 5\n"
      "> A ack=12\n"
      "= sink=10 shut=1 closes=0 read=1\n"
      "host data=5\n"
      "> A seq=1 ack=12 len=5\n"
      "host eof\n"
      "> FA seq=6 ack=12\n"
      "= closes=0\n"
      "< A ack=7\n"
      "= consumed=5 closes=1 reset=0 count=0\n"
      "< A ack=7\n"
      "> R seq=7\n" },
    { "host-closes-first",
      CONNECT
      "host data=5 eof\n"
      "> FA seq=1 len=5\n"
      "= read=0\n"
      "< A ack=7\n"
      "= consumed=5 closes=0\n"
      "< A seq=1 len=10\n"
      "= sink=10 shut=0\n"
      "< FA seq=11\n"
      "> A seq=7 ack=12\n"
      "= shut=1 closes=1 reset=0 count=0\n"
      "< FA seq=11\n"
      "> A seq=7 ack=12\n"
      "+ 2000\n"
      "< FA seq=11\n"
      "> R\n" },
    { "both-close-at-once",
      CONNECT
      "host eof\n"
      "> FA seq=1\n"
      "< FA seq=1 ack=1\n"
      "> A seq=2 ack=2\n"
      "= shut=1 closes=0\n"
      "< A seq=2 ack=2\n"
      "= closes=1 reset=0 count=0\n" },
    { "fin-acked-with-fin",
      CONNECT
      "host eof\n"
      "> FA seq=1\n"
      "< FA seq=1 ack=2\n"
      "> A seq=2 ack=2\n"
      "= shut=1 closes=1 reset=0\n" },
    { "fin-repeated",
      CONNECT
      "host data=5 eof\n"
      "> FA seq=1 len=5\n"
      "+ 300\n"
      "> FA seq=1 len=5\n"
      "< A ack=6\n"
      "+ 300\n"
      "> FA seq=6\n"
      "= retransmits=2\n"
      "< A ack=7\n"
      "+ 59000\n"
      "= closes=0\n" },
    { "time-wait-takes-new-syn",
      CONNECT
      "host eof\n"
      "> FA seq=1\n"
      "< FA seq=1 ack=2\n"
      "> A\n"
      "= hosts=1\n"
      "< S seq=5000\n"
      "> SA ack=5001\n"
      "= hosts=2 count=1\n" },
    { "port-used-again-while-bytes-wait",
      CONNECT
      "host room=0 eof\n"
      "> FA seq=1\n"
      "< FA seq=1 len=10 ack=2\n"
      "> A ack=12\n"
      "< S seq=5000\n"
      "= hosts=1 limited=1 closes=0\n"
      "host room=10\n"
      "= sink=10 shut=1 closes=1 reset=0\n"
      "< S seq=5000\n"
      "> SA ack=5001\n"
      "= hosts=2 count=1\n" },
    { "reset-exact",
      CONNECT
      "< R seq=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "reset-in-window-is-questioned",
      CONNECT
      "< R seq=500\n"
      "> A seq=1 ack=1\n"
      "= closes=0\n"
      "< R seq=1\n"
      "= closes=1\n" },
    { "reset-out-of-window",
      CONNECT
      "< R seq=400000\n"
      "< R seq=0\n"
      "= closes=0\n" },
    { "reset-while-dialling",
      "open wait\n"
      "< S\n"
      "< R seq=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "syn-of-the-same-connection",
      CONNECT
      "< S seq=0\n"
      "> A seq=1 ack=1\n"
      "= hosts=1 closes=0\n" },
    { "syn-on-a-live-tuple",
      CONNECT
      "= hosts=1\n"
      "< S seq=90000 mss=1000 ws=7\n"
      "> SA seq=0 ack=90001\n"
      "= hosts=2 closes=0 count=1\n"
      "< A\n"
      "= read=1\n" },
    { "syn-on-a-tuple-that-is-dialling",
      "open wait\n"
      "< S\n"
      "< S seq=77\n"
      "= hosts=2 count=1\n"
      "host opened\n"
      "> SA ack=78\n" },
    { "syn-with-fin-or-ack",
      "< SF\n"
      "< SA ack=0\n"
      "= hosts=0\n" },
    { "ack-of-what-was-never-sent",
      CONNECT
      "< A ack=500\n"
      "> R seq=500\n"
      "= closes=1 reset=1 count=0\n" },
    { "zero-window-probed",
      CONNECT
      "host data=10\n"
      "> A seq=1 len=10\n"
      "< A ack=11 win=0\n"
      "= read=0\n"
      "host data=10\n"
      "+ 300\n"
      "> A seq=10\n"
      "< A ack=11 win=0\n"
      "+ 600\n"
      "> A seq=10\n"
      "< A ack=11 win=0\n"
      "+ 1200\n"
      "> A seq=10\n"
      "< A ack=11 win=1000\n"
      "> A seq=11 len=10\n"
      "+ 300\n"
      "> A seq=11 len=10\n" },
    { "zero-window-unanswered",
      CONNECT
      "< A win=0\n"
      "+ 300\n"
      "> A seq=0\n"
      "+ 600\n"
      "> A seq=0\n"
      "+ 1200\n"
      "> A seq=0\n"
      "+ 2400\n"
      "> A seq=0\n"
      "+ 4800\n"
      "> A seq=0\n"
      "+ 9000\n"
      "> A seq=0\n"
      "= closes=0\n" },
    { "small-window-filled",
      "< S mss=1000\n"
      "> SA\n"
      "< A win=600\n"
      "host data=1000\n"
      "> A seq=1 len=600\n"
      "= read=0\n"
      "< A ack=601 win=600\n"
      "> A seq=601 len=400\n" },
    { "sliver-of-a-window-waits",
      "< S mss=1000\n"
      "> SA\n"
      "< A win=2100\n"
      "host data=5000\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "< A ack=1001 win=2100\n"
      "> A seq=2001 len=1000\n"
      "< A ack=3001 win=2100\n"
      "> A seq=3001 len=1000\n"
      "> A seq=4001 len=1000\n" },
    { "timeout-goes-back",
      CONNECT
      "host data=2500\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "< A ack=1001 win=1000\n"
      "> A seq=2001 len=500\n"
      "+ 299\n"
      "+ 1\n"
      "> A seq=1001 len=1000\n"
      "> A seq=2001 len=500\n"
      "+ 600\n"
      "> A seq=1001 len=1000\n"
      "> A seq=2001 len=500\n"
      "= retransmits=4\n"
      "< A ack=2501 win=1000\n"
      "+ 59000\n"
      "= consumed=2500\n" },
    { "timeout-then-ack-of-the-first-sending",
      CONNECT
      "host data=2000\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "link full\n"
      "+ 300\n"
      "< A ack=2001 win=1000\n"
      "link writable\n"
      "host data=10\n"
      "> A seq=2001 len=10\n" },
    { "a-part-waits-behind-two",
      CONNECT
      "host data=2500\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "host data=500\n"
      "> A seq=2001 len=1000\n"
      "host data=10\n"
      "< A ack=3001 win=3000\n"
      "> A seq=3001 len=10\n" },
    { "an-end-does-not-wait",
      CONNECT
      "host data=2500\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "host eof\n"
      "> FA seq=2001 len=500\n" },
    { "large-segments-are-lost",
      LARGE_LOST
      "+ 1200\n"
      "> A seq=1 len=1460\n"
      "< A ack=1461 win=5000\n"
      "> A seq=1461 len=1460\n"
      "> A seq=2921 len=1460\n"
      "> A seq=4381 len=1460\n"
      "< A ack=5841 win=1000\n"
      "> A seq=5841 len=1000\n" },
    { "large-segments-came-late",
      LARGE_LOST
      "< A ack=15961 win=60000\n"
      "< A ack=20001 win=60000\n"
      "host data=15960\n"
      "> A seq=20001 len=15960\n" },
    { "timeout-gives-up",
      CONNECT
      "host data=1\n"
      "> A seq=1 len=1\n"
      "+ 300\n"
      "> A seq=1 len=1\n"
      "+ 600\n"
      "> A seq=1 len=1\n"
      "+ 1200\n"
      "> A seq=1 len=1\n"
      "+ 2400\n"
      "> A seq=1 len=1\n"
      "+ 4800\n"
      "> A seq=1 len=1\n"
      "+ 50000\n"
      "> A seq=1 len=1\n> A seq=1 len=1\n> A seq=1 len=1\n"
      "> A seq=1 len=1\n> A seq=1 len=1\n> A seq=1 len=1\n"
      "+ 18000\n"
      "> A seq=0\n> A seq=0\n> A seq=1 len=1\n> A seq=0\n> A seq=0\n"
      "> A seq=0\n> A seq=1 len=1\n> A seq=0\n"
      "= closes=0\n"
      "+ 1000\n"
      "> RA seq=2 ack=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "three-duplicates-resend-one",
      CONNECT
      "host data=4000\n"
      "> A seq=1 len=1000\n"
      "> A seq=1001 len=1000\n"
      "> A seq=2001 len=1000\n"
      "> A seq=3001 len=1000\n"
      "< A ack=1 win=1000\n"
      "< A ack=1 win=1000\n"
      "< A ack=1 win=1000\n"
      "> A seq=1 len=1000\n"
      "< A ack=1 win=1000\n"
      "< A ack=2001 win=1000\n"
      "> A seq=2001 len=1000\n"
      "< A ack=4001 win=1000\n"
      "+ 59000\n"
      "= retransmits=2 consumed=4000\n" },
    { "window-updates-are-no-duplicates",
      CONNECT
      "host data=1000\n"
      "> A seq=1 len=1000\n"
      "< A ack=1 win=1001\n"
      "< A ack=1 win=1002\n"
      "< A ack=1 win=1003\n"
      "< A ack=1 win=1004\n" },
    { "busy-link-freezes-timers",
      CONNECT
      "host data=1\n"
      "> A seq=1 len=1\n"
      "link busy\n"
      "+ 600000\n"
      "= closes=0\n"
      "link idle\n"
      "+ 300\n"
      "> A seq=1 len=1\n" },
    { "what-others-were-sent-freezes-no-timer",
      CONNECT
      "host data=1\n"
      "> A seq=1 len=1\n"
      "open refused\n"
      "< S seq=77 port=41000\n"
      "> RA port=41000\n"
      "link unread=55\n"
      "+ 600\n"
      "link unread=54\n"
      "+ 300\n"
      "> A seq=1 len=1\n"
      "+ 60000\n"
      "< S seq=77 port=41000\n"
      "> RA port=41000\n"
      "+ 600\n"
      "> A seq=1 len=1\n" },
    { "full-link-counts-no-timeout",
      CONNECT
      "host data=1\n"
      "> A seq=1 len=1\n"
      "link full\n"
      "+ 600000\n"
      "= closes=0\n"
      "link writable\n"
      "> A seq=1 len=1\n" },
    { "full-link-takes-a-reset",
      CONNECT
      "link full reserve=1\n"
      "host data=10\n"
      "< A port=41000 seq=5 ack=77\n"
      "> R port=41000 seq=77\n"
      "< A port=41000 seq=5 ack=77\n"
      "link writable\n"
      "> A seq=1 len=10\n" },
    { "full-link-keeps-a-probe",
      CONNECT
      "< A win=0\n"
      "link full\n"
      "+ 60000\n"
      "link writable\n"
      "> A seq=0\n" },
    { "full-link-keeps-what-is-due",
      CONNECT
      "link full\n"
      "host data=1500\n"
      "< A seq=1 len=1000\n"
      "< A seq=1001 len=1000\n"
      "+ 1000\n"
      "link writable\n"
      "> A seq=1 ack=2001 len=1000\n"
      "> A seq=1001 len=500\n"
      "= sink=2000\n" },
    { "full-link-hinders-no-host",
      CONNECT
      "host room=0\n"
      "link full\n"
      "< FA seq=1 len=10\n"
      "host room=100\n"
      "= sink=10 shut=1\n"
      "+ 5\n"
      "link writable\n"
      "> A ack=12\n" },
    { "full-link-keeps-an-ack",
      CONNECT
      "link full\n"
      "< A seq=1 len=10\n"
      "+ 1000\n"
      "link writable\n"
      "> A ack=11\n" },
    { "full-link-keeps-a-reset",
      CONNECT
      "link full\n"
      "host reset\n"
      "= closes=1 reset=1 count=0\n"
      "+ 600000\n"
      "link writable\n"
      "> RA seq=1 ack=1\n" },
    { "full-link-keeps-a-fin",
      CONNECT
      "link full\n"
      "host eof\n"
      "+ 1000\n"
      "link writable\n"
      "> FA seq=1\n" },
    { "host-full-bytes-wait",
      CONNECT
      "host room=300\n"
      "< A seq=1 len=1000\n"
      "= sink=300 write=1\n"
      "+ 5\n"
      "> A ack=1001\n"
      "< A seq=1001 len=1000\n"
      "+ 5\n"
      "> A ack=2001\n"
      "host room=10000\n"
      "= sink=2000 write=0\n" },
    { "host-full-window-closes-and-opens",
      "< S mss=60000 ws=7\n"
      "> SA win=65535\n"
      "host room=1024\n"
      "< A win=1000\n"
      "< A seq=1 len=60000\n"
      "> A ack=60001 win=692\n"
      "= write=1 sink=1024\n"
      "< A seq=60001 len=5535\n"
      "> A ack=65536 win=0\n"
      "< A seq=65536 len=2\n"
      "> A ack=65537 win=0\n"
      "host room=1000\n"
      "= sink=2024 write=1\n"
      "host room=100000\n"
      "> A ack=65537 win=12625\n"
      "= sink=65536 write=0\n"
      "< A seq=65537 len=1\n"
      "+ 5\n"
      "> A ack=65538\n" },
    { "window-update-waits-for-the-link",
      "< S mss=60000 ws=7\n"
      "> SA win=65535\n"
      "host room=0\n"
      "< A win=1000\n"
      "< A seq=1 len=60000\n"
      "> A ack=60001 win=691\n"
      "link full\n"
      "host room=100000\n"
      "= sink=60000 write=0\n"
      "+ 1000\n"
      "link writable\n"
      "> A ack=60001 win=13064\n" },
    { "window-shrinks-by-less-than-its-unit",
      CONNECT
      "< A seq=1 len=1000\n"
      "+ 5\n"
      "> A ack=1001 win=57344\n"
      "host room=0\n"
      "< A seq=1001 len=1003\n"
      "+ 5\n"
      "> A ack=2004 win=57218\n"
      "= write=1\n" },
    { "host-takes-less-than-it-said",
      CONNECT
      "< A seq=1 len=1000\n"
      "+ 5\n"
      "> A ack=1001 win=57344\n"
      "host shortfall=10000000\n"
      "<< A seq=1001 len=60000\n"
      "< A seq=61001 len=60000\n"
      "> A ack=65513\n"
      "= sink=1000 write=1\n"
      "host shortfall=0\n"
      "= sink=65512 write=0\n"
      "< A seq=65513 len=55488\n"
      "+ 5\n"
      "> A ack=121001\n"
      "= sink=121000\n" },
    { "fin-waits-for-the-host",
      CONNECT
      "host room=0\n"
      "< FA seq=1 len=10\n"
      "+ 5\n"
      "> A ack=12\n"
      "= sink=0 shut=0 write=1\n"
      "host eof\n"
      "> FA seq=1\n"
      "< A ack=2\n"
      "+ 5000\n"
      "= closes=0 count=1 shut=0\n"
      "host room=100\n"
      "= sink=10 shut=1 closes=1 reset=0 count=0\n" },
    { "fin-waits-for-the-host-in-time-wait",
      CONNECT
      "host room=0\n"
      "host eof\n"
      "> FA seq=1\n"
      "< FA seq=1 ack=2 len=10\n"
      "> A ack=12\n"
      "+ 5000\n"
      "= closes=0 count=1\n"
      "host room=100\n"
      "= sink=10 shut=1 closes=1 reset=0 count=0\n" },
    { "write-fails",
      CONNECT
      "host fail\n"
      "> RA seq=1 ack=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "write-fails-on-guest-data",
      CONNECT
      "host data=10\n"
      "> A seq=1 len=10\n"
      "< A ack=1 win=0\n"
      "host fail\n"
      "< A seq=1 len=10 ack=1 win=0\n"
      "> RA seq=11 ack=1\n"
      "= closes=1 reset=1\n" },
    { "write-fails-on-buffered-data",
      CONNECT
      "host room=0\n"
      "< A seq=1 len=10 win=0\n"
      "host fail room=10\n"
      "> RA seq=1 ack=11\n"
      "= closes=1 reset=1\n" },
    { "host-resets",
      CONNECT
      "host reset\n"
      "> RA seq=1 ack=1\n"
      "= closes=1 reset=1 count=0\n"
      "< A seq=1 len=5\n"
      "> R seq=1\n" },
    { "host-resets-half-open",
      "< S\n"
      "> SA\n"
      "host reset\n"
      "> RA seq=1 ack=1\n"
      "= closes=1 reset=1 count=0\n" },
    { "in-flight-has-a-cap",
      "< S mss=65480 ws=14\n"
      "> SA\n"
      "< A win=65535\n"
      "host data=600000\n"
      "> A seq=1 len=65480\n"
      "> A seq=65481 len=65480\n"
      "> A seq=130961 len=65480\n"
      "> A seq=196441 len=65480\n"
      "> A seq=261921 len=65480\n"
      "> A seq=327401 len=65480\n"
      "> A seq=392881 len=65480\n"
      "= read=1\n"
      "< A ack=65481 win=65535\n"
      "> A seq=458361 len=65480\n" },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/tcp/", cases[i].name, NULL);

        g_test_add_data_func(path, cases[i].text, runScript);
    }
    return g_test_run();
}
