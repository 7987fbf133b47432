/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's network as a struct: what is read, what it has, what it meets. */
#include <config.h>

#include <glib.h>

#include "conf/network.h"

static void
testRead(void)
{
    static const struct {
        const char *text;
        const char *accepted;       /* NULL: refused */
    } cases[] = {
        { "10.0.2.5/29", "10.0.2.1 to 10.0.2.6, not the guest's own 10.0.2.5" },
        { "192.168.7.0/31", "192.168.7.0 to 192.168.7.1, not the guest's own 192.168.7.0" },
        { "10.1.2.3/8", "10.0.0.1 to 10.255.255.254, not the guest's own 10.1.2.3" },
        { "10.0.2.0/29", NULL }, { "10.0.2.7/29", NULL }, { "10.0.2.5/7", NULL },
        { "10.0.2.5/32", NULL }, { "10.0.2.5", NULL }, { "10.0.2.5/", NULL }, { "/29", NULL },
        { "", NULL }, { "10.0.2.5/29/1", NULL }, { "10.0.2/29", NULL }, { "fe80::1/29", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcNetwork network = { .prefix = 99 };
        g_autofree char *accepted = NULL;
        g_autofree char *text = NULL;

        g_assert_cmpint(vmcNetworkFromString(cases[i].text, &network), ==, cases[i].accepted != NULL);
        if (!cases[i].accepted) {
            g_assert_cmpuint(network.prefix, ==, 99);
            continue;
        }
        accepted = vmcNetworkAccepted(&network);
        text = vmcNetworkToString(&network);
        g_assert_cmpstr(accepted, ==, cases[i].accepted);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
    g_assert_false(vmcNetworkFromAddress(NULL, "29", NULL));
    g_assert_false(vmcNetworkFromAddress("10.0.2.5", NULL, NULL));
}

static void
testHas(void)
{
    vmcNetwork whole = vmcNetworkDefault(false);
    vmcNetwork beside = vmcNetworkDefault(true);
    g_autofree char *guest = vmcNetworkGuest(&whole);

    g_assert_cmpstr(guest, ==, "10.0.2.5");
    g_assert_true(vmcNetworkHas(&whole, "10.0.2.1"));
    g_assert_true(vmcNetworkHas(&whole, "10.0.2.4"));
    g_assert_false(vmcNetworkHas(&whole, "10.0.2.5"));
    g_assert_false(vmcNetworkHas(&whole, "10.0.2.6"));
    g_assert_false(vmcNetworkHas(&whole, "localhost"));
    g_assert_true(vmcNetworkHas(&beside, "10.0.2.4"));
    g_assert_false(vmcNetworkHas(&beside, "10.0.2.1"));
}

static void
testMeetsUser(void)
{
    static const struct {
        const char *address;
        const char *mask;
        bool meets;
    } cases[] = {
        { NULL, NULL, true }, { NULL, "16", true },
        { "10.0.2.0", "24", true }, { "10.0.2.128", "25", true }, { "10.0.2.9", "32", true },
        { "10.0.3.0", "24", false }, { "10.0.3.0", "23", true }, { "10.1.2.0", "24", false },
        { "10.1.2.0", NULL, true }, { "10.128.2.0", NULL, true }, { "192.168.1.0", NULL, false },
        { "10.0.3.0", "255.255.254.0", true }, { "10.0.3.0", "255.255.255.0", false },
        { "10.0.3.0", "255.255.255.255", false }, { "192.168.1.0", "0.0.0.0", true },
        /* What is not understood could be anything. */
        { "", NULL, true }, { "fec0::", "64", true }, { "192.168.1.0", "wide", true },
        { "192.168.1.0", "33", true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcNetwork network = vmcNetworkUser(cases[i].address, cases[i].mask);

        g_test_message("%s/%s", cases[i].address, cases[i].mask);
        g_assert_cmpint(vmcNetworkMeetsUser(&network), ==, cases[i].meets);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/network/read", testRead);
    g_test_add_func("/conf/network/has", testHas);
    g_test_add_func("/conf/network/meets-user", testMeetsUser);
    return g_test_run();
}
