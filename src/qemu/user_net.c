/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * User-mode networks: see user_net.h. Keys and defaults are those of QEMU's
 * net/slirp.c and net/passt.c.
 *
 * Pure: opens nothing, starts nothing.
 */
#include <config.h>

#include "qemu/user_net.h"

#include "qemu/qemu_opts.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* The kinds of user-mode network, and the keys that say which addresses they have. */
static const struct {
    const char *type;
    const char *address;        /* with the mask behind a '/', or alone */
    const char *mask;           /* a key of its own, or NULL */
} types[] = {
    { "user", "net", NULL },
    { "passt", "address", "netmask" },
};

/* The hosts of such a network that have one address each, or that many on end. */
static const struct {
    const char *type;
    const char *key;
    const char *with;           /* there is none without this key, or NULL */
    uint32_t host;              /* the part behind the mask when nothing is said; 0: none */
    uint32_t n;
} hosts[] = {
    { "user", "host", NULL, 0x0202, 1 },
    { "user", "dns", NULL, 0x0203, 1 },
    { "user", "smbserver", "smb", 0x0204, 1 },
    { "user", "dhcpstart", NULL, 0x020f, 16 },
    { "passt", "address", NULL, 0, 1 },
    { "passt", "gateway", NULL, 0, 1 },
};

/* Addresses of a host, and what to call it: "smbserver of -nic 'user,smb=/srv'". */
typedef struct {
    uint32_t first;
    uint32_t last;
    char *name;
} hostAddresses;

struct _vmcUserNets {
    GArray *networks;           /* of vmcNetwork */
    GArray *hosts;              /* of hostAddresses */
};

static void
hostAddressesClear(gpointer host)
{
    g_free(((hostAddresses *)host)->name);
}

vmcUserNets *
vmcUserNetsNew(void)
{
    vmcUserNets *nets = g_new0(vmcUserNets, 1);

    nets->networks = g_array_new(FALSE, FALSE, sizeof(vmcNetwork));
    nets->hosts = g_array_new(FALSE, FALSE, sizeof(hostAddresses));
    g_array_set_clear_func(nets->hosts, hostAddressesClear);
    return nets;
}

void
vmcUserNetsFree(vmcUserNets *nets)
{
    if (!nets)
        return;
    g_array_unref(nets->networks);
    g_array_unref(nets->hosts);
    g_free(nets);
}

GArray *
vmcUserNetsNetworks(const vmcUserNets *nets)
{
    return nets->networks;
}

static vmcNetwork
networkRead(size_t type, const char *value)
{
    g_autofree char *address = vmcQemuOptsGet(value, "type", types[type].address);
    g_autofree char *mask = types[type].mask ? vmcQemuOptsGet(value, "type", types[type].mask)
                                             : NULL;
    g_auto(GStrv) parts = g_strsplit(address ? address : "", "/", 2);

    return vmcNetworkUser(address ? parts[0] ? parts[0] : "" : NULL,
                          mask ? mask : parts[0] ? parts[1] : NULL);
}

static void
hostAdd(vmcUserNets *nets, uint32_t first, uint32_t n, const char *key, const char *option,
        const char *value)
{
    hostAddresses host = {
        .first = first, .last = first + n - 1,
        .name = g_strdup_printf("%s of %s '%s'", key, option, value),
    };

    g_array_append_val(nets->hosts, host);
}

/* One row of the table, said or by default. */
static void
hostRead(vmcUserNets *nets, size_t row, const vmcNetwork *network, const char *option,
         const char *value)
{
    g_autofree char *with = hosts[row].with ? vmcQemuOptsGet(value, "type", hosts[row].with)
                                            : NULL;
    g_autofree char *said = vmcQemuOptsGet(value, "type", hosts[row].key);
    uint32_t address = network->first | (hosts[row].host & ~vmcNetworkMask(network));

    if (hosts[row].with && !with)
        return;
    if (said ? vmcNetworkAddress(said, &address) : hosts[row].host != 0)
        hostAdd(nets, address, hosts[row].n, hosts[row].key, option, value);
}

/* guestfwd=[tcp]:ADDRESS:PORT-TARGET, any number of them. */
static void
guestfwdsRead(vmcUserNets *nets, const char *option, const char *value)
{
    g_auto(GStrv) all = vmcQemuOptsGetAll(value, "guestfwd");

    for (char **one = all; *one; one++) {
        g_auto(GStrv) parts = g_strsplit(*one, ":", 3);
        uint32_t address;

        if (parts[0] && parts[1] && vmcNetworkAddress(parts[1], &address))
            hostAdd(nets, address, 1, "guestfwd", option, value);
    }
}

void
vmcUserNetsAdd(vmcUserNets *nets, const char *option, const char *value)
{
    g_autofree char *name = vmcQemuOptsGet(value, "type", "type");
    vmcNetwork network;
    size_t type = 0;

    while (type < G_N_ELEMENTS(types) && g_strcmp0(types[type].type, name) != 0)
        type++;
    if (type == G_N_ELEMENTS(types))
        return;
    network = networkRead(type, value);
    g_array_append_val(nets->networks, network);
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        if (g_str_equal(hosts[i].type, name))
            hostRead(nets, i, &network, option, value);
    }
    guestfwdsRead(nets, option, value);
}

static bool
isOn(const hostAddresses *host, uint32_t first, uint32_t last)
{
    return host->first <= last && host->last >= first;
}

int
vmcUserNetsCheck(const vmcUserNets *nets, const vmcNetwork *network)
{
    for (guint i = 0; i < nets->hosts->len; i++) {
        const hostAddresses *host = &g_array_index(nets->hosts, hostAddresses, i);
        g_autofree char *address = NULL;
        g_autofree char *channels = NULL;
        bool guest = isOn(host, network->guest, network->guest);

        if (!guest && !isOn(host, network->first, network->last))
            continue;
        address = vmcNetworkAddressToString(guest ? network->guest
                                                  : MAX(host->first, network->first));
        channels = vmcNetworkToString(network);
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%s has %s, which is in the channels' network %s: accepted is another address for it, or another network for the channels by -vmchannel network=ADDRESS/PREFIX or <ip> in <interface type='vmchannel'>",
                       host->name, address, channels);
        return -1;
    }
    return 0;
}
