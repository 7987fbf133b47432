/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay's command line: what qemu-vmchannel writes, and the errors. */
#include <config.h>

#include "relay/broker/options.h"
#include "util/error.h"

static vmcRelayOptions *
parse(const char *line)
{
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    return vmcRelayOptionsParse((const char *const *)argv);
}

static void
testWhole(void)
{
    g_autoptr(vmcRelayOptions) options =
        parse("relay --link-fd 7 --network 10.0.2.5/29 --mtu 9000 --name a,b --uuid u "
              "--vmchannel 600:unix:/p --vmchannel 10.0.2.1:601:null");
    const vmcChannel *first;

    g_assert_nonnull(options);
    g_assert_cmpint(options->linkFd, ==, 7);
    g_assert_cmphex(options->network.guest, ==, 0x0a000205);
    g_assert_cmpuint(options->network.prefix, ==, 29);
    g_assert_false(options->noDhcp);
    g_assert_cmpuint(options->mtu, ==, 9000);
    g_assert_cmpstr(options->name, ==, "a,b");
    g_assert_cmpstr(options->uuid, ==, "u");
    g_assert_cmpuint(options->channels->len, ==, 2);
    first = options->channels->pdata[0];
    g_assert_cmpuint(first->port, ==, 600);
    g_assert_cmpstr(first->source.path, ==, "/p");
}

static void
testDhcp(void)
{
    g_autoptr(vmcRelayOptions) off =
        parse("relay --link-fd 7 --network 10.0.2.5/29 --dhcp off --mtu 9000");
    g_autoptr(vmcRelayOptions) on =
        parse("relay --link-fd 7 --network 10.0.2.5/29 --dhcp off --dhcp on --mtu 9000");

    g_assert_true(off->noDhcp);
    g_assert_false(on->noDhcp);
}

static const struct {
    const char *line;
    const char *error;
} errors[] = {
    { "relay --dhcp no", "invalid argument: --dhcp 'no': accepted is on or off" },
    { "relay --link-fd 7 --network 10.0.2.5/29",
      "invalid argument: the options '--link-fd', '--network' and '--mtu' are needed" },
    { "relay --link-fd 2",
      "invalid argument: --link-fd '2': accepted is the number of an open descriptor" },
    { "relay --network 10.0.2.5/32",
      "invalid argument: --network '10.0.2.5/32': accepted is ADDRESS/PREFIX of the guest, "
      "with a prefix of 8 to 31" },
    { "relay --network 10.0.2/29",
      "invalid argument: --network '10.0.2/29': accepted is ADDRESS/PREFIX of the guest, "
      "with a prefix of 8 to 31" },
    { "relay --network 10.0.2.0/29",
      "invalid argument: --network '10.0.2.0/29': accepted is ADDRESS/PREFIX of the guest, "
      "with a prefix of 8 to 31" },
    { "relay --mtu 575", "invalid argument: --mtu '575': accepted is 576 to 65520" },
    { "relay --mtu 0x600", "invalid argument: --mtu '0x600': accepted is 576 to 65520" },
    { "relay --mtu", "invalid argument: option '--mtu' needs a value" },
    { "relay --verbose 1", "invalid argument: unknown option '--verbose'" },
};

static void
testErrors(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_assert_null(parse(errors[i].line));
        g_assert_cmpstr(vmcErrorLast()->message, ==, errors[i].error);
    }
}

static void
testChannelErrorIsItsOwn(void)
{
    g_assert_null(parse("relay --vmchannel 0:null"));
    g_assert_nonnull(strstr(vmcErrorLast()->message, "'0'"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/options/whole", testWhole);
    g_test_add_func("/relay/options/dhcp", testDhcp);
    g_test_add_func("/relay/options/errors", testErrors);
    g_test_add_func("/relay/options/channel-error", testChannelErrorIsItsOwn);
    return g_test_run();
}
