/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NIC that libvirt gives, in each model, beside a user-mode NIC that keeps
 * the guest's default route. The command line is as libvirt writes it: a netdev
 * "hostua-vmchannel" that qemu-vmchannel takes over. One boot for each model, and
 * one each with a network that the command line says, and without DHCP.
 */
#include <config.h>

#include <string.h>

#include "tests/lib/guest.h"
#include "tests/lib/hostpeer.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define NETDEV_PLAIN "-netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel"
#define NETDEV_JSON "-netdev '{\"type\":\"socket\",\"connect\":\"127.0.0.1:1\"," \
    "\"id\":\"hostua-vmchannel\"}'"

static vmcGuest *
bootWith(const char *dir, const char *nic, const char *userModel)
{
    g_autofree char *wrapped = vmcWrapped();

    return vmcGuestStart("%s -nodefaults -netdev user,id=user0 -device %s,netdev=user0"
                         " %s -vmchannel 600:unix:%s/agent", wrapped, userModel, nic, dir);
}

static vmcGuest *
bootVirtio(const char *dir)
{
    return bootWith(dir, NETDEV_JSON " -device '{\"driver\":\"virtio-net-pci\",\"host_mtu\":65520,"
                    "\"netdev\":\"hostua-vmchannel\",\"id\":\"ua-vmchannel\","
                    "\"mac\":\"52:54:00:12:34:99\",\"bus\":\"pci.0\",\"addr\":\"0x9\"}'", "e1000");
}

static vmcGuest *
bootE1000(const char *dir)
{
    return bootWith(dir, NETDEV_PLAIN " -device e1000,netdev=hostua-vmchannel,id=ua-vmchannel,"
                    "mac=52:54:00:12:34:99,bus=pci.0,addr=0x9", "virtio-net-pci");
}

static vmcGuest *
bootRtl8139(const char *dir)
{
    return bootWith(dir, NETDEV_PLAIN " -device rtl8139,netdev=hostua-vmchannel,id=ua-vmchannel,"
                    "mac=52:54:00:12:34:99,bus=pci.0,addr=0x9", "virtio-net-pci");
}

static vmcGuest *
bootOwnNetwork(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();

    return vmcGuestStart("%s -nodefaults -netdev user,id=user0 -device e1000,netdev=user0 "
                         NETDEV_PLAIN " -device virtio-net-pci,netdev=hostua-vmchannel,"
                         "id=ua-vmchannel,mac=52:54:00:12:34:99 "
                         "-vmchannel network=192.168.77.5/28 "
                         "-vmchannel 192.168.77.14:600:unix:%s/agent", wrapped, dir);
}

static vmcGuest *
bootDhcpOff(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();

    return vmcGuestStart("%s -nodefaults " NETDEV_PLAIN " -device virtio-net-pci,"
                         "netdev=hostua-vmchannel,id=ua-vmchannel,mac=52:54:00:12:34:99 "
                         "-vmchannel dhcp=off -vmchannel 600:unix:%s/agent", wrapped, dir);
}

/* Our NIC's name in the guest, as shell text. */
#define OUR_NIC "$(basename $(dirname $(grep -l 52:54:00:12:34:99 /sys/class/net/*/address)))"

static void
testRoutes(vmcGuest *guest, const char *dir)
{
    (void)dir;
    vmcGuestExpect(guest, "10.0.2.5/31\n",
                   "ip -4 address show dev " OUR_NIC " | sed -n 's/^ *inet \\([^ ]*\\).*/\\1/p'");
    vmcGuestExpect(guest, "", "ip route get 10.0.2.4 | grep -q \"dev " OUR_NIC "\" || ip route");
    vmcGuestExpect(guest, "1\n", "ip route | grep -c '^default via 10.0.2.2 '");
    vmcGuestExpect(guest, "", "ip route | grep \"^default.*dev " OUR_NIC "\"");
    g_assert_cmpint(vmcGuestRun(guest, NULL, "ping -c 1 -W 10 10.0.2.2"), ==, 0);
}

static void
testConnections(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostEcho, 0);

    vmcGuestExpect(guest, "ok 20 failed 0\n", "nettool --sequence 20 10.0.2.4 600");
    vmcGuestExpect(guest, "ok 20 failed 0\n", "nettool --parallel 20 10.0.2.4 600");
    g_assert_true(vmcHostWaitFinished(host, 40));
    g_assert_cmpuint(vmcHostAccepted(host), ==, 40);
}

/* The host's bytes arrive, then its end of file; the guest's still go up. */
static void
testBulk(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostSendFirst, 8 * MIB);
    guint64 want = vmcHostPatternSum(8 * MIB), sum = 0;
    g_autofree char *expected = g_strdup_printf("received %" G_GUINT64_FORMAT " %016"
                                                G_GINT64_MODIFIER "x\nsent %" G_GUINT64_FORMAT
                                                " %016" G_GINT64_MODIFIER "x\n",
                                                8 * MIB, want, 8 * MIB, want);

    vmcGuestExpect(guest, expected, "nettool 10.0.2.4 600 sum sendn:%" G_GUINT64_FORMAT, 8 * MIB);
    g_assert_true(vmcHostWaitFinished(host, 1));
    g_assert_cmpuint(vmcHostReceived(host, 0, &sum), ==, 8 * MIB);
    g_assert_cmphex(sum, ==, want);
}

static void
expectMtu(vmcGuest *guest, const char *mtu)
{
    vmcGuestExpect(guest, mtu, "cat /sys/class/net/" OUR_NIC "/mtu");
}

static void
testMtuVirtio(vmcGuest *guest, const char *dir)
{
    (void)dir;
    expectMtu(guest, "65520\n");
}

static void
testMtuE1000(vmcGuest *guest, const char *dir)
{
    (void)dir;
    expectMtu(guest, "16000\n");
}

static void
testMtuRtl8139(vmcGuest *guest, const char *dir)
{
    (void)dir;
    expectMtu(guest, "4000\n");
}

static void
testOwnNetwork(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostEcho, 0);

    vmcGuestExpect(guest, "192.168.77.5/28\n",
                   "ip -4 address show dev " OUR_NIC " | sed -n 's/^ *inet \\([^ ]*\\).*/\\1/p'");
    vmcGuestExpect(guest, "1\n", "ip route | grep -c '^default via 10.0.2.2 '");
    vmcGuestExpect(guest, "ok 5 failed 0\n", "nettool --sequence 5 192.168.77.14 600");
    g_assert_true(vmcHostWaitFinished(host, 5));
}

/* The guest's client has asked in vain; with a static address the channel is there. */
static void
testDhcpOff(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostEcho, 0);

    vmcGuestExpect(guest, "1\n", "grep -c ' no lease$' /tmp/net");
    vmcGuestExpect(guest, "", "ip -4 address show dev " OUR_NIC " | grep inet");
    g_assert_cmpint(vmcGuestRun(guest, NULL, "ip address add 10.0.2.5/29 dev " OUR_NIC), ==, 0);
    vmcGuestExpect(guest, "ok 5 failed 0\n", "nettool --sequence 5 10.0.2.4 600");
    g_assert_true(vmcHostWaitFinished(host, 5));
}

static const vmcGuestCase dhcpOffCases[] = {
    { "/guest/nic/dhcp-off", testDhcpOff },
};

static const vmcGuestCase ownNetworkCases[] = {
    { "/guest/nic/own-network", testOwnNetwork },
};

#define NIC_CASES(model, mtu)                                           \
    static const vmcGuestCase mtu##Cases[] = {                          \
        { "/guest/nic/" model "/mtu", mtu },                            \
        { "/guest/nic/" model "/default-route-kept", testRoutes },      \
        { "/guest/nic/" model "/connections", testConnections },        \
        { "/guest/nic/" model "/8-mib-each-way", testBulk },            \
    }

NIC_CASES("virtio", testMtuVirtio);
NIC_CASES("e1000", testMtuE1000);
NIC_CASES("rtl8139", testMtuRtl8139);

int
main(int argc, char **argv)
{
    static const vmcGuestSuite suites[] = {
        { bootVirtio, testMtuVirtioCases, G_N_ELEMENTS(testMtuVirtioCases), false },
        { bootE1000, testMtuE1000Cases, G_N_ELEMENTS(testMtuE1000Cases), false },
        { bootRtl8139, testMtuRtl8139Cases, G_N_ELEMENTS(testMtuRtl8139Cases), false },
        { bootOwnNetwork, ownNetworkCases, G_N_ELEMENTS(ownNetworkCases), false },
        { bootDhcpOff, dhcpOffCases, G_N_ELEMENTS(dhcpOffCases), false },
    };

    return vmcGuestSuiteRun(argc, argv, suites, G_N_ELEMENTS(suites));
}
