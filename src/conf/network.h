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

/*
 * vmcNetworkDefault:
 * Returns the network of which nothing is said: 10.0.2.5/29 and the channels
 * 10.0.2.1 to 10.0.2.4, or 10.0.2.5/31 and 10.0.2.4 alone when @besideUser, a
 * user-mode network that routes 10.0.2.0/24.
 */
vmcNetwork vmcNetworkDefault(bool besideUser);

/*
 * vmcNetworkFromString:
 * Reads "ADDRESS/PREFIX", the guest's address in dotted quad. Returns false,
 * and leaves @network alone, for anything else, a prefix out of bounds, or an
 * address that no host of its network can have.
 */
bool vmcNetworkFromString(const char *text, vmcNetwork *network);

/* vmcNetworkToString: "ADDRESS/PREFIX", which the caller frees. */
char *vmcNetworkToString(const vmcNetwork *network);

/* vmcNetworkHas: whether a channel may have @address, a dotted quad. */
bool vmcNetworkHas(const vmcNetwork *network, const char *address);

/* vmcNetworkAccepted: what channels may have, for a message. The caller frees it. */
char *vmcNetworkAccepted(const vmcNetwork *network);

/*
 * vmcNetworkMeetsDefault:
 * Whether a network shares addresses with 10.0.2.0/24, which QEMU's user-mode
 * network has by default and ours stands in. @net is as QEMU's net= has it,
 * "ADDRESS", "ADDRESS/PREFIX" or "ADDRESS/MASK"; NULL is the default itself.
 * In doubt it is taken as wide as it could be.
 */
bool vmcNetworkMeetsDefault(const char *net);
