/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The network in which a guest finds its channels: the guest's own address,
 * and those that channels may have.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* A prefix leaves room for the guest and a channel, and is a guest's own network. */
#define VMC_NETWORK_PREFIX_MIN 8
#define VMC_NETWORK_PREFIX_MAX 31

/* Addresses are in host byte order. */
typedef struct {
    uint32_t guest;
    unsigned int prefix;
    uint32_t first;             /* of the channels' addresses; the guest's may lie among them */
    uint32_t last;
} vmcNetwork;

/* What a user may say of the channels' network. */
typedef struct {
    bool given;                 /* else it is the default one */
    vmcNetwork network;
    bool noDhcp;                /* the guest is offered no address: it has a static one */
} vmcNetworkDef;

/*
 * vmcNetworkDefault:
 * Returns the network of which nothing is said: 10.0.2.5/29 and the channels
 * 10.0.2.1 to 10.0.2.4, or 10.0.2.5/31 and 10.0.2.4 alone when @besideUser, a
 * user-mode network that routes 10.0.2.0/24.
 */
vmcNetwork vmcNetworkDefault(bool besideUser);

/*
 * vmcNetworkFromAddress:
 * Reads the guest's address, a dotted quad, and its prefix, a number; either may
 * be NULL, which is wrong. Returns false, and leaves @network alone, for anything
 * else, a prefix out of bounds, or an address that no host of its network can have.
 */
bool vmcNetworkFromAddress(const char *address, const char *prefix, vmcNetwork *network);

/* vmcNetworkFromString: the same of "ADDRESS/PREFIX". */
bool vmcNetworkFromString(const char *text, vmcNetwork *network);

/* vmcNetworkToString: "ADDRESS/PREFIX", which the caller frees. */
char *vmcNetworkToString(const vmcNetwork *network);

/* vmcNetworkWhole: the network, "ADDRESS/PREFIX" with no host in it. The caller frees it. */
char *vmcNetworkWhole(const vmcNetwork *network);

/* vmcNetworkGuest: the guest's address as a dotted quad, which the caller frees. */
char *vmcNetworkGuest(const vmcNetwork *network);

/*
 * vmcNetworkAddress: reads a dotted quad; false, and @value stays, for anything else.
 * vmcNetworkAddressToString: the reverse; the caller frees it.
 * vmcNetworkMask: the mask of @network's prefix.
 */
bool vmcNetworkAddress(const char *text, uint32_t *value);
char *vmcNetworkAddressToString(uint32_t value);
uint32_t vmcNetworkMask(const vmcNetwork *network);

/* vmcNetworkHas: whether a channel may have @address, a dotted quad. */
bool vmcNetworkHas(const vmcNetwork *network, const char *address);

/*
 * vmcNetworkPair:
 * Returns "ADDRESS/31" of the guest in a network that the channels at @address, and no
 * others, can have beside @userNets (vmcNetwork); NULL when there is none. The caller
 * frees it.
 */
char *vmcNetworkPair(const char *address, const GArray *userNets);

/* vmcNetworkAccepted: what channels may have, for a message. The caller frees it. */
char *vmcNetworkAccepted(const vmcNetwork *network);

/*
 * vmcNetworkUser:
 * Returns the user-mode network that is said as QEMU's net= has it: an address of
 * it, and its mask as a prefix or as a dotted quad. Without an address it is the
 * default, 10.0.2.0/24. What is not understood makes it as wide as it could be.
 */
vmcNetwork vmcNetworkUser(const char *address, const char *mask);

/*
 * vmcNetworkMeetsUser:
 * Whether @network shares addresses with 10.0.2.0/24, which QEMU's user-mode
 * network has by default, and the channels' default network lies in.
 */
bool vmcNetworkMeetsUser(const vmcNetwork *network);

/*
 * vmcNetworkInTheWay: the first of @networks (vmcNetwork), user-mode networks, beside
 * which the channels cannot have @network, or NULL. Within a wider one they can have
 * two addresses, a /31, as they have by default: the guest's routes lead there.
 * vmcNetworkAnyMeetsUser: whether one of them shares addresses with 10.0.2.0/24.
 */
const vmcNetwork *vmcNetworkInTheWay(const GArray *networks, const vmcNetwork *network);
bool vmcNetworkAnyMeetsUser(const GArray *networks);
