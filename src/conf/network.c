/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network in which a guest finds its channels: see network.h. */
#include <config.h>

#include "conf/network.h"

#include <arpa/inet.h>
#include <string.h>

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* What QEMU's user-mode network has unless told otherwise. */
#define USER_NETWORK ADDRESS(10, 0, 2, 0)
#define USER_PREFIX 24
/* In the first addresses of such a network are QEMU's own hosts and who asks it by DHCP. */
#define USER_HOSTS 32

vmcNetwork
vmcNetworkDefault(bool besideUser)
{
    return (vmcNetwork){
        .guest = ADDRESS(10, 0, 2, 5),
        .prefix = besideUser ? 31 : 29,
        .first = besideUser ? ADDRESS(10, 0, 2, 4) : ADDRESS(10, 0, 2, 1),
        .last = ADDRESS(10, 0, 2, 4),
    };
}

static uint32_t
maskOf(unsigned int prefix)
{
    return prefix ? ~(uint32_t)0 << (32 - prefix) : 0;
}

uint32_t
vmcNetworkMask(const vmcNetwork *network)
{
    return maskOf(network->prefix);
}

bool
vmcNetworkAddress(const char *text, uint32_t *value)
{
    struct in_addr in;

    if (inet_pton(AF_INET, text, &in) != 1)
        return false;
    *value = ntohl(in.s_addr);
    return true;
}

bool
vmcNetworkFromAddress(const char *address, const char *prefix, vmcNetwork *network)
{
    vmcNetwork read;
    guint64 number;
    uint32_t lowest;

    if (!address || !prefix || !vmcNetworkAddress(address, &read.guest) ||
        !g_ascii_string_to_unsigned(prefix, 10, VMC_NETWORK_PREFIX_MIN, VMC_NETWORK_PREFIX_MAX,
                                    &number, NULL))
        return false;
    read.prefix = (unsigned int)number;
    lowest = read.guest & maskOf(read.prefix);
    read.first = lowest;
    read.last = lowest | ~maskOf(read.prefix);
    /* Both addresses of a /31 are hosts; else the ends are the network's and broadcast. */
    if (read.prefix < VMC_NETWORK_PREFIX_MAX) {
        read.first++;
        read.last--;
    }
    if (read.guest < read.first || read.guest > read.last)
        return false;
    *network = read;
    return true;
}

bool
vmcNetworkFromString(const char *text, vmcNetwork *network)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);

    return parts[0] && vmcNetworkFromAddress(parts[0], parts[1], network);
}

char *
vmcNetworkAddressToString(uint32_t value)
{
    struct in_addr in = { htonl(value) };
    char text[INET_ADDRSTRLEN];

    return g_strdup(inet_ntop(AF_INET, &in, text, sizeof(text)));
}

char *
vmcNetworkGuest(const vmcNetwork *network)
{
    return vmcNetworkAddressToString(network->guest);
}

char *
vmcNetworkToString(const vmcNetwork *network)
{
    g_autofree char *guest = vmcNetworkGuest(network);

    return g_strdup_printf("%s/%u", guest, network->prefix);
}

char *
vmcNetworkWhole(const vmcNetwork *network)
{
    g_autofree char *first = vmcNetworkAddressToString(network->guest & maskOf(network->prefix));

    return g_strdup_printf("%s/%u", first, network->prefix);
}

bool
vmcNetworkHas(const vmcNetwork *network, const char *address)
{
    uint32_t value;

    return vmcNetworkAddress(address, &value) && value >= network->first &&
           value <= network->last && value != network->guest;
}

char *
vmcNetworkAccepted(const vmcNetwork *network)
{
    bool among = network->guest >= network->first && network->guest <= network->last;
    g_autofree char *guest = vmcNetworkAddressToString(network->guest);
    g_autofree char *first = vmcNetworkAddressToString(network->first);
    g_autofree char *last = vmcNetworkAddressToString(network->last);

    if (network->first == network->last)
        return g_steal_pointer(&first);
    return g_strdup_printf("%s to %s%s%s", first, last, among ? ", not the guest's own " : "",
                           among ? guest : "");
}

/* The prefix of a mask; 0, which is all addresses, when it is not understood. */
static unsigned int
prefixOf(const char *mask)
{
    uint32_t dotted;
    guint64 number;
    unsigned int prefix = 0;

    if (g_ascii_string_to_unsigned(mask, 10, 1, 32, &number, NULL))
        return (unsigned int)number;
    if (!vmcNetworkAddress(mask, &dotted))
        return 0;
    while (prefix < 32 && dotted & UINT32_C(0x80000000) >> prefix)
        prefix++;
    return prefix;
}

vmcNetwork
vmcNetworkUser(const char *address, const char *mask)
{
    vmcNetwork network = { .guest = USER_NETWORK, .prefix = USER_PREFIX };

    if (address && vmcNetworkAddress(address, &network.guest)) {
        /* Without a mask QEMU goes by classes, of which A is the widest. */
        network.prefix = mask ? prefixOf(mask) : 8;
    } else if (address) {
        network.prefix = 0;
    }
    network.first = network.guest & maskOf(network.prefix);
    network.last = network.first | ~maskOf(network.prefix);
    return network;
}

static bool
meets(const vmcNetwork *a, const vmcNetwork *b)
{
    uint32_t mask = maskOf(MIN(a->prefix, b->prefix));

    return (a->guest & mask) == (b->guest & mask);
}

bool
vmcNetworkMeetsUser(const vmcNetwork *network)
{
    vmcNetwork user = vmcNetworkUser(NULL, NULL);

    return meets(network, &user);
}

const vmcNetwork *
vmcNetworkInTheWay(const GArray *networks, const vmcNetwork *network)
{
    for (guint i = 0; i < networks->len; i++) {
        const vmcNetwork *other = &g_array_index(networks, vmcNetwork, i);
        bool within = network->prefix == VMC_NETWORK_PREFIX_MAX && other->prefix < network->prefix;

        if (meets(other, network) && !within)
            return other;
    }
    return NULL;
}

bool
vmcNetworkAnyMeetsUser(const GArray *networks)
{
    for (guint i = 0; i < networks->len; i++) {
        if (vmcNetworkMeetsUser(&g_array_index(networks, vmcNetwork, i)))
            return true;
    }
    return false;
}

/* Whether @address is left free by the user-mode networks: no host's, and no broadcast. */
static bool
isFree(uint32_t address, const GArray *userNets)
{
    for (guint i = 0; i < userNets->len; i++) {
        const vmcNetwork *net = &g_array_index(userNets, vmcNetwork, i);
        uint32_t first = net->guest & maskOf(net->prefix);
        uint32_t last = first | ~maskOf(net->prefix);

        if (address >= first && address <= last &&
            (address - first < USER_HOSTS || address == last))
            return false;
    }
    return true;
}

char *
vmcNetworkPair(const char *address, const GArray *userNets)
{
    uint32_t value;
    vmcNetwork pair = { .prefix = VMC_NETWORK_PREFIX_MAX };

    if (!vmcNetworkAddress(address, &value) || !isFree(value, userNets) ||
        !isFree(value ^ 1, userNets))
        return NULL;
    pair.guest = value ^ 1;
    return vmcNetworkToString(&pair);
}
