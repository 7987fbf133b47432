/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an ICMP error quotes: RFC 792, the IP header and 8 bytes of what follows it. */
#include <config.h>

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "endpoint/frame.h"

/* A "destination unreachable" about 10.0.2.4:600 → 10.0.2.5:40000, number 0x01020304. */
static const uint8_t unreachable[] = {
    3, 10, 0, 0, 0, 0, 0, 0,
    0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 4, 10, 0, 2, 5,
    600 >> 8, 600 & 0xff, 40000 >> 8, 40000 & 0xff, 1, 2, 3, 4,
};

static bool
quoted(const uint8_t *message, size_t len, vmcFrameAddress *address, uint32_t *seq)
{
    g_autofree uint8_t *copy = g_memdup2(message, len);     /* no byte behind it */
    vmcFrame frame = { .payload = copy, .len = len };

    return vmcFrameQuoted(&frame, address, seq);
}

static void
testQuoted(void)
{
    vmcFrameAddress address = { 0 };
    uint32_t seq = 0;

    g_assert_true(quoted(unreachable, sizeof(unreachable), &address, &seq));
    g_assert_cmpuint(address.src.s_addr, ==, inet_addr("10.0.2.4"));
    g_assert_cmpuint(address.dst.s_addr, ==, inet_addr("10.0.2.5"));
    g_assert_cmpuint(address.srcPort, ==, 600);
    g_assert_cmpuint(address.dstPort, ==, 40000);
    g_assert_cmphex(seq, ==, 0x01020304);
}

/* Too little of a segment, or something else. */
static void
testNotQuoted(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {
        { 8, 0x46 }, { 8, 0x65 },       /* IP options; IPv6 */
        { 17, 17 },                     /* UDP */
    };
    vmcFrameAddress address;
    uint32_t seq;

    for (size_t len = 0; len < sizeof(unreachable); len++)
        g_assert_false(quoted(unreachable, len, &address, &seq));
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        uint8_t changed[sizeof(unreachable)];

        memcpy(changed, unreachable, sizeof(changed));
        changed[changes[i].at] = changes[i].byte;
        g_assert_false(quoted(changed, sizeof(changed), &address, &seq));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/frame/quoted", testQuoted);
    g_test_add_func("/endpoint/frame/not-quoted", testNotQuoted);
    return g_test_run();
}
