/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telnet: the data in what a peer sends, and what it is answered. */
#include <config.h>

#include <string.h>

#include "relay/pump/telnet.h"

#define IAC "\xff"
#define SE "\xf0"
#define SB "\xfa"
#define WILL "\xfb"
#define WONT "\xfc"
#define DO "\xfd"
#define DONT "\xfe"

/* What the peer sends, the data in it, and what it is answered. */
static void
testReceive(void)
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
        { IAC DO "\x18" IAC WILL "\x18", "", IAC WONT "\x18" IAC DONT "\x18", false },
        { IAC DO "\x18" IAC DO "\x19" IAC DO "\x38" IAC DO "\xf8", "",
          IAC WONT "\x18" IAC WONT "\x19" IAC WONT "\x38" IAC WONT "\xf8", false },
        { IAC WILL "\x03" IAC WILL "\x01", "", IAC DONT "\x03" IAC DONT "\x01", true },
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
testBinary(void)
{
    static const guint8 sent[] = { 'a', '\r', 0, 'b', 0xff, 0xfb, 0, '\r', 0, 'c' };
    static const guint8 expected[] = { 'a', '\r', 'b', '\r', 0, 'c' };
    vmcTelnet telnet = { .server = true };
    g_autoptr(GByteArray) data = g_byte_array_new(), answer = g_byte_array_new();

    vmcTelnetReceive(&telnet, sent, sizeof(sent), data, answer);
    g_assert_cmpmem(data->data, data->len, expected, sizeof(expected));
    g_assert_cmpuint(answer->len, ==, 0);
}

/* What the peer is allowed to send says nothing of what it sends; its refusal does. */
static void
testNotBinary(void)
{
    static const guint8 sent[] = { 0xff, 0xfd, 0, '\r', 0, 'a', 0xff, 0xfb, 0, '\r', 0, 'b',
                                   0xff, 0xfe, 0, '\r', 0, 'c', 0xff, 0xfc, 0, '\r', 0, 'd' };
    static const guint8 expected[] = { '\r', 'a', '\r', 0, 'b', '\r', 0, 'c', '\r', 'd' };
    vmcTelnet telnet = { .server = false };
    g_autoptr(GByteArray) data = g_byte_array_new(), answer = g_byte_array_new();

    vmcTelnetReceive(&telnet, sent, sizeof(sent), data, answer);
    g_assert_cmpmem(data->data, data->len, expected, sizeof(expected));
    g_assert_cmpuint(answer->len, ==, 0);
}

/* Whatever comes, the answers end. */
static void
testBounded(void)
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
testSend(void)
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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/telnet/receive", testReceive);
    g_test_add_func("/relay/telnet/binary", testBinary);
    g_test_add_func("/relay/telnet/not-binary", testNotBinary);
    g_test_add_func("/relay/telnet/bounded", testBounded);
    g_test_add_func("/relay/telnet/send", testSend);
    return g_test_run();
}
