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

/* The user-mode networks of a domain, of which the first that is NULL ends the list. */
static GArray *
userNets(const char *const *networks)
{
    GArray *nets = g_array_new(FALSE, FALSE, sizeof(vmcNetwork));

    for (; *networks; networks++) {
        g_auto(GStrv) parts = g_strsplit(*networks, "/", 2);
        vmcNetwork net = vmcNetworkUser(parts[0], parts[1]);

        g_array_append_val(nets, net);
    }
    return nets;
}

static void
testInTheWay(void)
{
    static const struct {
        const char *networks[3];
        const char *network;
        const char *found;      /* NULL: nothing is in the way */
    } cases[] = {
        { { NULL }, "10.0.2.5/29", NULL },
        { { "10.0.2.0/24" }, "10.0.2.5/29", "10.0.2.0/24" },
        { { "192.168.1.0/24", "10.0.2.0/24" }, "10.0.2.5/29", "10.0.2.0/24" },
        { { "192.168.1.0/24", "172.16.0.0/16" }, "10.0.2.5/29", NULL },
        { { "10.0.2.0/24" }, "10.0.2.5/31", NULL },         /* two addresses in a wider one */
        { { "10.0.2.4/31" }, "10.0.2.5/31", "10.0.2.4/31" },
        { { "10.0.2.4/32" }, "10.0.2.5/29", "10.0.2.4/32" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) nets = userNets(cases[i].networks);
        g_autofree char *found = NULL;
        const vmcNetwork *other;
        vmcNetwork network;

        g_test_message("%s", cases[i].network);
        g_assert_true(vmcNetworkFromString(cases[i].network, &network));
        other = vmcNetworkInTheWay(nets, &network);
        found = other ? vmcNetworkWhole(other) : NULL;
        g_assert_cmpstr(found, ==, cases[i].found);
    }
}

static void
testAnyMeetsUser(void)
{
    static const struct {
        const char *networks[3];
        bool meets;
    } cases[] = {
        { { NULL }, false }, { { "192.168.1.0/24" }, false },
        { { "192.168.1.0/24", "10.0.2.0/24" }, true },
        { { "10.0.2.0/24", "192.168.1.0/24" }, true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) nets = userNets(cases[i].networks);

        g_assert_cmpint(vmcNetworkAnyMeetsUser(nets), ==, cases[i].meets);
    }
}

/* Two addresses beside user-mode networks: none of a host's there, no broadcast. */
static void
testPair(void)
{
    static const struct {
        const char *address;
        const char *networks[3];
        const char *pair;       /* NULL: none */
    } cases[] = {
        { "192.0.2.42", { NULL }, "192.0.2.43/31" },
        { "192.0.2.43", { "10.0.2.0/24" }, "192.0.2.42/31" },
        { "10.0.2.100", { "10.0.2.0/24" }, "10.0.2.101/31" },
        { "10.0.2.1", { "10.0.2.0/24" }, NULL },        /* 10.0.2.0 is the network's */
        { "10.0.2.15", { "10.0.2.0/24" }, NULL },       /* the guest's on that network */
        { "10.0.2.254", { "10.0.2.0/24" }, NULL },      /* 10.0.2.255 is the broadcast */
        { "10.0.2.255", { "10.0.2.0/24" }, NULL },
        { "10.0.2.253", { "10.0.2.0/24" }, "10.0.2.252/31" },
        { "10.0.2.31", { "10.0.2.0/24" }, NULL },       /* a host that QEMU may say there */
        { "10.0.2.32", { "10.0.2.0/24" }, "10.0.2.33/31" },
        { "10.0.3.0", { "10.0.2.0/24" }, "10.0.3.1/31" },
        { "10.0.1.255", { "10.0.2.0/24" }, "10.0.1.254/31" },
        { "10.0.3.1", { "10.0.2.0/24", "10.0.3.0/24" }, NULL },
        { "localhost", { NULL }, NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GArray) nets = userNets(cases[i].networks);
        g_autofree char *pair = vmcNetworkPair(cases[i].address, nets);

        g_test_message("%s", cases[i].address);
        g_assert_cmpstr(pair, ==, cases[i].pair);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/network/read", testRead);
    g_test_add_func("/conf/network/has", testHas);
    g_test_add_func("/conf/network/meets-user", testMeetsUser);
    g_test_add_func("/conf/network/in-the-way", testInTheWay);
    g_test_add_func("/conf/network/any-meets-user", testAnyMeetsUser);
    g_test_add_func("/conf/network/pair", testPair);
    return g_test_run();
}
