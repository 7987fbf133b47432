/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What qemu-vmchannel makes of command lines: QEMU's arguments and the
 * relay's, and the errors. Whole ones by libvirt are golden data of
 * qemuxml2argvtest; here are the ways in which a person writes them.
 */
#include <config.h>

#include <glib.h>

#include "qemu/qemu_argv.h"
#include "qemu/qemu_opts.h"
#include "util/error.h"

#define NETDEV "-netdev dgram,id=hostua-vmchannel,local.type=fd,local.str=LINK"
#define OWN_NIC_AT(slot, mac) \
    NETDEV " -device virtio-net-pci,netdev=hostua-vmchannel,id=ua-vmchannel,mac=" mac \
    ",host_mtu=65520,romfile=,addr=" slot
#define OWN_NIC(mac) OWN_NIC_AT("0x1e", mac)
#define MAC "52:54:00:76:6d:63"
#define RELAY(network, mtu) "RELAY --link-fd LINK --network " network " --mtu " mtu

/* Arguments are separated by single spaces. */
typedef struct {
    const char *name;
    const char *args;
    const char *config;         /* what its -readconfig file holds */
    const char *qemu;           /* NULL: unchanged */
    const char *relay;          /* NULL: there is none */
} argvCase;

static const argvCase cases[] = {
    { "nothing-of-ours", "-m 256 -net channel.img -nic user", NULL, NULL, NULL },
    { "nothing-at-all", "", NULL, "QEMU", NULL },
    { "net-without-its-value", "-m 256 -net", NULL, NULL, NULL },
    { "value-is-no-option", "-append -vmchannel -name 600:null", NULL, NULL, NULL },
    { "option-without-value", "-nodefaults -perfmap -jitdump -vmchannel 600:null", NULL,
      "QEMU -nodefaults -perfmap -jitdump " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "default-nic-kept", "-m 256 -vmchannel 600:unix:/p", NULL,
      "QEMU -m 256 -net nic -net user " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:unix:/p" },
    { "two-dashes", "--nodefaults --vmchannel 600:unix:/p", NULL,
      "QEMU --nodefaults " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:unix:/p" },
    { "spelling-of-0.10", "-nodefaults -net channel,600:unix:/p,server,nowait", NULL,
      "QEMU -nodefaults " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:unix:/p,server,nowait" },
    { "other-user-network", "-nic user,net=192.168.7.0/24 -vmchannel 10.0.2.1:600:null", NULL,
      "QEMU -nic user,net=192.168.7.0/24 " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 10.0.2.1:600:null" },
    { "beside-user-network", "-netdev user,id=n -device e1000,netdev=n -vmchannel 600:null", NULL,
      "QEMU -netdev user,id=n -device e1000,netdev=n " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "wide-user-network", "-nic user,net=10.0.0.0/255.0.0.0 -vmchannel 600:null", NULL,
      "QEMU -nic user,net=10.0.0.0/255.0.0.0 " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "empty-user-network", "-nic user,net= -vmchannel 600:null", NULL,
      "QEMU -nic user,net= " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "own-network", "-vmchannel 192.168.77.14:600:null -vmchannel network=192.168.77.5/28", NULL,
      "QEMU -net nic -net user " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("192.168.77.5/28", "65520") " --vmchannel 192.168.77.14:600:null" },
    { "dhcp-off", "-nodefaults -vmchannel 600:null -vmchannel dhcp=off", NULL,
      "QEMU -nodefaults " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --dhcp off --vmchannel 600:null" },
    { "dhcp-off-beside-user", "-vmchannel dhcp=off -vmchannel 600:null", NULL,
      "QEMU -net nic -net user " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --dhcp off --vmchannel 600:null" },
    { "dhcp-off-own-network",
      "-vmchannel 192.168.77.14:600:null -vmchannel network=192.168.77.5/28,dhcp=off", NULL,
      "QEMU -net nic -net user " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("192.168.77.5/28", "65520") " --dhcp off --vmchannel 192.168.77.14:600:null" },
    { "dhcp-last-word", "-nodefaults -net channel,dhcp=off -vmchannel 600:null -vmchannel dhcp=on",
      NULL, "QEMU -nodefaults " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "nic-none", "-nic none -vmchannel 600:null", NULL,
      "QEMU -nic none " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "readconfig-with-netdev", "-readconfig f -vmchannel 600:null",
      "# made by hand\n[netdev \"n\"]\n  type = \"user\"\n",
      "QEMU -readconfig f " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "readconfig-without", "-readconfig f -vmchannel 600:null",
      "[drive \"d\"]\n  file = \"[netdev]\"\n",
      "QEMU -readconfig f -net nic -net user " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "readconfig-unreadable", "-readconfig f -vmchannel 600:null", NULL,
      "QEMU -readconfig f -net nic -net user " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "readconfig-machine", "-readconfig f -vmchannel 600:null",
      "[machine]\n\ttype = \"microvm\"\n", "QEMU -readconfig f " NETDEV
      " -device virtio-net-device,netdev=hostua-vmchannel,id=ua-vmchannel,mac=52:54:00:76:6d:63,"
      "host_mtu=65520",
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "readconfig-q35-emulated", "-readconfig f -vmchannel 600:null",
      "[device \"ich9-pci-bridge\"]\n  driver = \"i82801b11-bridge\"\n  bus = \"pcie.0\"\n"
      "  addr = \"1e.0\"\n\n[netdev \"hostnet0\"]\n  type = \"user\"\n\n"
      "[device \"net0\"]\n  driver = \"e1000\"\n  netdev = \"hostnet0\"\n"
      "  bus = \"ich9-pci-bridge\"\n  addr = \"02.0\"\n\n"
      "[device \"ich9-hda-audio\"]\n  driver = \"ich9-intel-hda\"\n  addr = \"1b.0\"\n",
      "QEMU -readconfig f " OWN_NIC_AT("0x1c", MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "slots-taken", "-nodefaults -device pcie-root-port,id=a,addr=0x1e.0,multifunction=on "
      "-device {\"driver\":\"pcie-root-port\",\"id\":\"b\",\"addr\":\"0x1c\"} "
      "-net nic,model=e1000,addr=1b -net none -vmchannel 600:null", NULL,
      "QEMU -nodefaults -device pcie-root-port,id=a,addr=0x1e.0,multifunction=on "
      "-device {\"driver\":\"pcie-root-port\",\"id\":\"b\",\"addr\":\"0x1c\"} "
      "-net nic,model=e1000,addr=1b -net none " OWN_NIC_AT("0x1a", MAC),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "beside-passt", "-netdev passt,id=n -vmchannel 600:null", NULL,
      "QEMU -netdev passt,id=n " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "passt-elsewhere",
      "-netdev passt,id=n,address=192.168.7.2,netmask=255.255.255.0 -vmchannel 600:null", NULL,
      "QEMU -netdev passt,id=n,address=192.168.7.2,netmask=255.255.255.0 " OWN_NIC(MAC),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "user-network-has-smb-elsewhere", "-nic user,smb=/srv,smbserver=10.0.2.7 -vmchannel 600:null",
      NULL, "QEMU -nic user,smb=/srv,smbserver=10.0.2.7 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-what-is-no-address", "-nic user,dns=a,guestfwd=x -vmchannel 600:null",
      NULL, "QEMU -nic user,dns=a,guestfwd=x " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-host-beside-ours", "-nic user,host=10.0.2.3 -vmchannel 600:null", NULL,
      "QEMU -nic user,host=10.0.2.3 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-smb-beside-ours",
      "-nic user,smb=/srv,smbserver=10.0.2.3 -vmchannel 600:null", NULL,
      "QEMU -nic user,smb=/srv,smbserver=10.0.2.3 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-guestfwd-beside-ours",
      "-nic user,guestfwd=tcp:10.0.2.3:1-cmd:x,guestfwd= -vmchannel 600:null", NULL,
      "QEMU -nic user,guestfwd=tcp:10.0.2.3:1-cmd:x,guestfwd= " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-leases-up-to-ours",
      "-nic user,net=10.0.0.0/16,dhcpstart=10.0.1.244 -vmchannel 600:null", NULL,
      "QEMU -nic user,net=10.0.0.0/16,dhcpstart=10.0.1.244 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-leases-behind-ours", "-nic user,dhcpstart=10.0.2.6 -vmchannel 600:null", NULL,
      "QEMU -nic user,dhcpstart=10.0.2.6 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "passt-beside-ours",
      "-netdev passt,id=n,address=10.0.2.3,netmask=24,gateway=10.0.2.6 -vmchannel 600:null", NULL,
      "QEMU -netdev passt,id=n,address=10.0.2.3,netmask=24,gateway=10.0.2.6 " OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-what-is-no-guestfwd",
      "-netdev {\"type\":\"user\",\"id\":\"n\",\"guestfwd\":\"tcp:10.0.2.4:1\"} "
      "-vmchannel 600:null", NULL,
      "QEMU -netdev {\"type\":\"user\",\"id\":\"n\",\"guestfwd\":\"tcp:10.0.2.4:1\"} "
      OWN_NIC(MAC),
      RELAY("10.0.2.5/31", "65520") " --vmchannel 600:null" },
    { "user-network-has-smb-and-channels-their-own",
      "-nic user,smb=/srv -vmchannel network=192.168.77.5/28 -vmchannel 192.168.77.1:600:null",
      NULL, "QEMU -nic user,smb=/srv " OWN_NIC(MAC),
      RELAY("192.168.77.5/28", "65520") " --vmchannel 192.168.77.1:600:null" },
    { "readconfig-odd", "-readconfig f -vmchannel 600:null",
      "[net]\n  type user\n  type = user\n  type = \"user\n",
      "QEMU -readconfig f " OWN_NIC("52:54:00:76:6d:63"),
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "microvm", "-M microvm,acpi=off -vmchannel 600:null", NULL,
      "QEMU -M microvm,acpi=off " NETDEV " -device virtio-net-device,netdev=hostua-vmchannel,"
      "id=ua-vmchannel,mac=52:54:00:76:6d:63,host_mtu=65520",
      RELAY("10.0.2.5/29", "65520") " --vmchannel 600:null" },
    { "name-and-uuid",
      "-nodefaults -name guest=a,,b,debug-threads=on -uuid 96b73be6-6b8d-4d94-a7d8-2d3d6b7d7a4e "
      "-vmchannel 600:null", NULL,
      "QEMU -nodefaults -name guest=a,,b,debug-threads=on "
      "-uuid 96b73be6-6b8d-4d94-a7d8-2d3d6b7d7a4e " OWN_NIC("52:54:00:3a:5c:d4"),
      RELAY("10.0.2.5/29", "65520") " --name a,b --uuid 96b73be6-6b8d-4d94-a7d8-2d3d6b7d7a4e "
      "--vmchannel 600:null" },
    { "libvirt-nic-json",
      "-nodefaults -netdev {\"type\":\"socket\",\"connect\":\"127.0.0.1:1\","
      "\"id\":\"hostua-vmchannel\"} -device {\"driver\":\"virtio-net-pci\",\"host_mtu\":9000,"
      "\"netdev\":\"hostua-vmchannel\",\"id\":\"ua-vmchannel\",\"addr\":\"0x3\"} "
      "-vmchannel 600:null", NULL,
      "QEMU -nodefaults " NETDEV " -device {\"driver\":\"virtio-net-pci\",\"host_mtu\":9000,"
      "\"netdev\":\"hostua-vmchannel\",\"id\":\"ua-vmchannel\",\"addr\":\"0x3\"}",
      RELAY("10.0.2.5/29", "9000") " --vmchannel 600:null" },
    { "libvirt-nic-alone",
      "-nodefaults -netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel "
      "-device e1000,netdev=hostua-vmchannel,id=ua-vmchannel", NULL,
      "QEMU -nodefaults " NETDEV " -device e1000,netdev=hostua-vmchannel,id=ua-vmchannel",
      RELAY("10.0.2.5/29", "16000") },
    { "rtl8139",
      "-nodefaults -netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel "
      "-device rtl8139,netdev=hostua-vmchannel -vmchannel 600:null", NULL,
      "QEMU -nodefaults " NETDEV " -device rtl8139,netdev=hostua-vmchannel",
      RELAY("10.0.2.5/29", "4000") " --vmchannel 600:null" },
    { "unknown-nic-model",
      "-nodefaults -netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel "
      "-device pcnet,netdev=hostua-vmchannel -vmchannel 600:null", NULL,
      "QEMU -nodefaults " NETDEV " -device pcnet,netdev=hostua-vmchannel",
      RELAY("10.0.2.5/29", "1500") " --vmchannel 600:null" },
};

static void
testCase(gconstpointer data)
{
    const argvCase *c = data;
    g_auto(GStrv) args = g_strsplit(c->args, " ", -1);
    const char *configs[] = { c->config, NULL };
    g_autoptr(vmcQemuArgv) plan =
        vmcQemuArgvParse((const char *const *)args, configs);
    g_autofree char *unchanged = g_strconcat("QEMU ", c->args, NULL);
    g_auto(GStrv) qemu = NULL;
    g_auto(GStrv) relay = NULL;
    g_autofree char *qemuLine = NULL;
    g_autofree char *relayLine = NULL;

    g_assert_cmpstr(vmcErrorLast()->message, ==, "");
    g_assert_nonnull(plan);
    g_assert_cmpint(vmcQemuArgvSettle(plan, true), ==, 0);
    qemu = vmcQemuArgvFormat(plan, "QEMU", "LINK");
    relay = vmcQemuArgvFormatRelay(plan, "RELAY", "LINK");
    qemuLine = g_strjoinv(" ", qemu);
    relayLine = g_strjoinv(" ", relay);
    g_assert_cmpstr(qemuLine, ==, c->qemu ? c->qemu : unchanged);
    g_assert_cmpint(vmcQemuArgvHasVmchannel(plan), ==, c->relay != NULL);
    if (c->relay)
        g_assert_cmpstr(relayLine, ==, c->relay);
}

static const struct {
    const char *args;
    const char *error;
} errors[] = {
    { "-m 1 -vmchannel",
      "invalid argument: option '-vmchannel' needs a value: [ADDRESS:]PORT:CHARDEV" },
    { "-vmchannel 600:null -vmchannel 10.0.2.4:600:unix:/p",
      "unsupported configuration: two vmchannels have the address '10.0.2.4' and the port '600'" },
    { "-vmchannel 600:null -vmchannel 601:null -vmchannel 602:null -vmchannel 601:pty",
      "unsupported configuration: two vmchannels have the address '10.0.2.4' and the port '601'" },
    { "-vmchannel 10.0.2.5:600:null",
      "unsupported configuration: vmchannel address '10.0.2.5' of port 600: accepted is "
      "10.0.2.4, beside a user-mode network" },
    { "-nodefaults -vmchannel 10.0.2.5:600:null",
      "unsupported configuration: vmchannel address '10.0.2.5' of port 600: accepted is "
      "10.0.2.1 to 10.0.2.4" },
    { "-nodefaults -vmchannel 10.0.2.0:600:null",
      "unsupported configuration: vmchannel address '10.0.2.0' of port 600: accepted is "
      "10.0.2.1 to 10.0.2.4" },
    { "-nic user -vmchannel 10.0.2.1:600:null",
      "unsupported configuration: vmchannel address '10.0.2.1' of port 600: accepted is "
      "10.0.2.4, beside a user-mode network" },
    { "-nodefaults -vmchannel network=192.168.77.5/28 -vmchannel 192.168.77.5:600:null",
      "unsupported configuration: vmchannel address '192.168.77.5' of port 600: accepted is "
      "192.168.77.1 to 192.168.77.14, not the guest's own 192.168.77.5" },
    { "-vmchannel network=10.0.2.130/28 -vmchannel 10.0.2.129:600:null",
      "unsupported configuration: -vmchannel network '10.0.2.130/28': the guest's user-mode "
      "network has 10.0.2.0/24" },
    { "-nic user,net=192.168.77.0/24 -vmchannel network=192.168.77.5/28",
      "unsupported configuration: -vmchannel network '192.168.77.5/28': the guest's user-mode "
      "network has 192.168.77.0/24" },
#define ON_OURS(what, address) \
    "unsupported configuration: " what " has " address ", which is in the channels' network " \
    "10.0.2.5/31: accepted is another address for it, or another network for the channels by " \
    "-vmchannel network=ADDRESS/PREFIX or <ip> in <interface type='vmchannel'>"
    { "-nic user,smb=/srv -vmchannel 600:null",
      ON_OURS("smbserver of -nic 'user,smb=/srv'", "10.0.2.4") },
    { "-net nic -net user,host=10.0.2.4 -vmchannel 600:null",
      ON_OURS("host of -net 'user,host=10.0.2.4'", "10.0.2.4") },
    { "--netdev user,id=n,dns=10.0.2.5 -vmchannel 600:null",
      ON_OURS("dns of --netdev 'user,id=n,dns=10.0.2.5'", "10.0.2.5") },
    { "-nic user,dhcpstart=10.0.2.3 -vmchannel 600:null",
      ON_OURS("dhcpstart of -nic 'user,dhcpstart=10.0.2.3'", "10.0.2.5") },
    { "-nic user,guestfwd=tcp:10.0.2.9:1-cmd:x,guestfwd=:10.0.2.4:2-cmd:y -vmchannel 600:null",
      ON_OURS("guestfwd of -nic 'user,guestfwd=tcp:10.0.2.9:1-cmd:x,guestfwd=:10.0.2.4:2-cmd:y'",
              "10.0.2.4") },
    { "-netdev {\"type\":\"user\",\"id\":\"n\",\"guestfwd\":[{\"str\":\"tcp:10.0.2.4:1-cmd:x\"}]} "
      "-vmchannel 600:null",
      ON_OURS("guestfwd of -netdev '{\"type\":\"user\",\"id\":\"n\",\"guestfwd\":"
              "[{\"str\":\"tcp:10.0.2.4:1-cmd:x\"}]}'", "10.0.2.4") },
    { "-netdev passt,id=n,address=10.0.2.5,netmask=24 -vmchannel 600:null",
      ON_OURS("address of -netdev 'passt,id=n,address=10.0.2.5,netmask=24'", "10.0.2.5") },
    { "-vmchannel network=192.168.77.5/28 -vmchannel network=192.168.77.5/28",
      "unsupported configuration: -vmchannel 'network=192.168.77.5/28': a network is given already" },
    { "-vmchannel network=192.168.77.15/28",
      "invalid argument: -vmchannel 'network=192.168.77.15/28': expected network=ADDRESS/PREFIX, "
      "the guest's IPv4 address and a prefix from 8 to 31" },
    { "-vmchannel network=192.168.77.5/28,network=192.168.77.5/28",
      "unsupported configuration: -vmchannel 'network=192.168.77.5/28,network=192.168.77.5/28': a network is given already" },
    { "-vmchannel dhcp=no",
      "invalid argument: -vmchannel 'dhcp=no': 'dhcp=no': expected 'on' or 'off'" },
    { "-vmchannel network=192.168.77.5/28,dhcp",
      "invalid argument: -vmchannel 'network=192.168.77.5/28,dhcp': unknown part 'dhcp': "
      "expected network=ADDRESS/PREFIX or dhcp=on or dhcp=off" },
    { "-netdev socket,id=hostua-vmchannel -netdev socket,id=hostua-vmchannel",
      "unsupported configuration: -netdev id 'hostua-vmchannel' is given twice" },
};

/*
 * The hosts that a user-mode network has when nothing is said of them: QEMU's manual,
 * invocation, -netdev user. The channels' network is of these two addresses.
 */
static void
testUserHosts(void)
{
    static const struct {
        const char *args;
        const char *guest;
        const char *channel;
        const char *has;        /* NULL: both addresses are free */
    } hosts[] = {
        { "-nic user,dns=10.0.2.9", "10.0.2.2", "10.0.2.3",
          "host of -nic 'user,dns=10.0.2.9' has 10.0.2.2" },
        { "-nic user,host=10.0.2.9", "10.0.2.2", "10.0.2.3",
          "dns of -nic 'user,host=10.0.2.9' has 10.0.2.3" },
        { "-nic user", "10.0.2.12", "10.0.2.13", NULL },
        { "-nic user", "10.0.2.14", "10.0.2.15", "dhcpstart of -nic 'user' has 10.0.2.15" },
        { "-nic user", "10.0.2.30", "10.0.2.31", "dhcpstart of -nic 'user' has 10.0.2.30" },
        { "-nic user", "10.0.2.32", "10.0.2.33", NULL },
        { "-nic user,net=10.9.0.0/16", "10.9.0.14", "10.9.0.15", NULL },
        { "-nic user,net=10.9.0.0/16", "10.9.2.14", "10.9.2.15",
          "dhcpstart of -nic 'user,net=10.9.0.0/16' has 10.9.2.15" },
    };
    const char *none[] = { NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *line = g_strdup_printf("%s -vmchannel network=%s/31 "
                                                "-vmchannel %s:600:null", hosts[i].args,
                                                hosts[i].guest, hosts[i].channel);
        g_auto(GStrv) args = g_strsplit(line, " ", -1);
        g_autoptr(vmcQemuArgv) plan = vmcQemuArgvParse((const char *const *)args, none);
        g_autofree char *begin = g_strdup_printf("unsupported configuration: %s,",
                                                 hosts[i].has ? hosts[i].has : "");
        bool settled = vmcQemuArgvSettle(plan, true) == 0;

        g_test_message("%s: %s", line, vmcErrorLast()->message);
        g_assert_cmpint(settled, ==, !hosts[i].has);
        g_assert_true(settled || g_str_has_prefix(vmcErrorLast()->message, begin));
        vmcErrorReset();
    }
}

static void
testErrors(void)
{
    const char *none[] = { NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_auto(GStrv) args = g_strsplit(errors[i].args, " ", -1);
        g_autoptr(vmcQemuArgv) plan = vmcQemuArgvParse((const char *const *)args, none);

        g_assert_true(!plan || vmcQemuArgvSettle(plan, true) < 0);
        g_assert_cmpstr(vmcErrorLast()->message, ==, errors[i].error);
    }
    vmcErrorReset();
}

static void
testTooMany(void)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_auto(GStrv) args = NULL;
    g_autoptr(vmcQemuArgv) plan = NULL;
    const char *none[] = { NULL };

    for (int port = 1; port <= 1025; port++) {
        g_autofree char *value = g_strdup_printf("%d:null", port);

        g_strv_builder_add_many(builder, "-vmchannel", value, NULL);
    }
    args = g_strv_builder_end(builder);
    plan = vmcQemuArgvParse((const char *const *)args, none);
    g_assert_cmpint(vmcQemuArgvSettle(plan, true), <, 0);
    g_assert_cmpstr(vmcErrorLast()->message, ==,
                    "unsupported configuration: 1025 vmchannels: accepted are 1024");
    vmcErrorReset();
}

/* A QEMU that was built without user-mode network has a NIC by default, and nothing behind it. */
static void
testWithoutUserNet(void)
{
    const char *args[] = { "-vmchannel", "10.0.2.1:600:null", NULL };
    const char *none[] = { NULL };
    g_autoptr(vmcQemuArgv) plan = vmcQemuArgvParse(args, none);
    g_auto(GStrv) qemu = NULL;
    g_autofree char *line = NULL;

    g_assert_true(vmcQemuHasUserNet("Available netdev backend types:\nsocket\nuser\nvde\n"));
    g_assert_false(vmcQemuHasUserNet("Available netdev backend types:\nsocket\nvhost-user\n"));
    g_assert_cmpint(vmcQemuArgvSettle(plan, false), ==, 0);
    qemu = vmcQemuArgvFormat(plan, "QEMU", "LINK");
    line = g_strjoinv(" ", qemu);
    g_assert_cmpstr(line, ==, "QEMU -net nic " OWN_NIC(MAC));
}

static void
testReadconfigs(void)
{
    g_auto(GStrv) args = g_strsplit("-S -readconfig a -append -readconfig -readconfig b -readconfig",
                                    " ", -1);
    g_auto(GStrv) files = vmcQemuArgvReadconfigs((const char *const *)args);

    g_assert_cmpstrv(files, ((const char *const []){ "a", "b", NULL }));
}

static const struct {
    const char *opts;
    const char *implied;
    const char *key;
    const char *value;
} optCases[] = {
    { "user,id=n", "type", "type", "user" },
    { "user,id=n", "type", "id", "n" },
    { "id=n,type=user", "type", "type", "user" },
    { "a,,b,id=c,,d", "type", "type", "a,b" },
    { "a,,b,id=c,,d", "type", "id", "c,d" },
    { "x,flag", "type", "flag", "on" },
    { "x,id=1,id=2", "type", "id", "2" },
    { "x", NULL, "x", "on" },
    { "", "type", "type", NULL },
    { "{\"type\":\"user\",\"n\":5,\"b\":true}", "type", "type", "user" },
    { "{\"type\":\"user\",\"n\":5,\"b\":true}", "type", "n", "5" },
    { "{\"a\":{\"id\":\"x\"}}", "type", "id", NULL },
    { "{\"a\":{\"id\":\"x\"}}", "type", "a", NULL },
    { "{\"type\":", "type", "type", NULL },
    { "{", "type", "type", NULL },
};

static void
testOpts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(optCases); i++) {
        g_autofree char *value =
            vmcQemuOptsGet(optCases[i].opts, optCases[i].implied, optCases[i].key);

        g_assert_cmpstr(value, ==, optCases[i].value);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu/opts/get", testOpts);
    g_test_add_func("/qemu/argv/readconfigs", testReadconfigs);
    g_test_add_func("/qemu/argv/errors", testErrors);
    g_test_add_func("/qemu/argv/too-many", testTooMany);
    g_test_add_func("/qemu/argv/user-hosts", testUserHosts);
    g_test_add_func("/qemu/argv/without-user-network", testWithoutUserNet);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/qemu/argv/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], testCase);
    }
    return g_test_run();
}
