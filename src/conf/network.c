/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network in which a guest finds its channels: see network.h. */
#include <config.h>

#include "conf/network.h"

#include <arpa/inet.h>
#include <string.h>

#include <glib.h>

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* What QEMU's user-mode network has unless told otherwise. */
#define USER_NETWORK ADDRESS(10, 0, 2, 0)
#define USER_MASK 0xffffff00U

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
    return ~(uint32_t)0 << (32 - prefix);
}

bool
vmcNetworkFromString(const char *text, vmcNetwork *network)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 3);
    struct in_addr address;
    vmcNetwork read;
    guint64 prefix;
    uint32_t lowest;

    if (g_strv_length(parts) != 2 || inet_pton(AF_INET, parts[0], &address) != 1 ||
        !g_ascii_string_to_unsigned(parts[1], 10, VMC_NETWORK_PREFIX_MIN, VMC_NETWORK_PREFIX_MAX,
                                    &prefix, NULL))
        return false;
    read.guest = ntohl(address.s_addr);
    read.prefix = (unsigned int)prefix;
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

static char *
addressToString(uint32_t address)
{
    struct in_addr in = { htonl(address) };
    char text[INET_ADDRSTRLEN];

    return g_strdup(inet_ntop(AF_INET, &in, text, sizeof(text)));
}

char *
vmcNetworkToString(const vmcNetwork *network)
{
    g_autofree char *guest = addressToString(network->guest);

    return g_strdup_printf("%s/%u", guest, network->prefix);
}

bool
vmcNetworkHas(const vmcNetwork *network, const char *address)
{
    struct in_addr in;
    uint32_t value;

    if (inet_pton(AF_INET, address, &in) != 1)
        return false;
    value = ntohl(in.s_addr);
    return value >= network->first && value <= network->last && value != network->guest;
}

char *
vmcNetworkAccepted(const vmcNetwork *network)
{
    bool among = network->guest >= network->first && network->guest <= network->last;
    g_autofree char *guest = addressToString(network->guest);
    g_autofree char *first = addressToString(network->first);
    g_autofree char *last = addressToString(network->last);

    if (network->first == network->last)
        return g_steal_pointer(&first);
    return g_strdup_printf("%s to %s%s%s", first, last, among ? ", not the guest's own " : "",
                           among ? guest : "");
}

/* The mask of ADDRESS/@text; without one QEMU goes by classes, /8 at the widest. */
static bool
maskFromString(const char *text, uint32_t *mask)
{
    struct in_addr dotted;
    guint64 prefix;

    if (!text)
        *mask = maskOf(8);
    else if (g_ascii_string_to_unsigned(text, 10, 1, 32, &prefix, NULL))
        *mask = maskOf((unsigned int)prefix);
    else if (inet_pton(AF_INET, text, &dotted) == 1)
        *mask = ntohl(dotted.s_addr);
    else
        return false;
    return true;
}

bool
vmcNetworkMeetsDefault(const char *net)
{
    g_auto(GStrv) parts = net ? g_strsplit(net, "/", 2) : NULL;
    struct in_addr address;
    uint32_t mask;

    /* No part at all is what g_strsplit() makes of "". */
    if (!parts || !parts[0] || inet_pton(AF_INET, parts[0], &address) != 1 || !maskFromString(parts[1], &mask))
        return true;
    mask &= USER_MASK;
    return (ntohl(address.s_addr) & mask) == (USER_NETWORK & mask);
}
