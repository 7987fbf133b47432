/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCP server of the guest's link: one request in, one reply out. It keeps
 * no leases: there is one address and it is always the same. Pure: works on
 * the bytes that it is given.
 */
#pragma once

#include "endpoint/types.h"

enum {
    VMC_DHCP_SERVER_PORT = 67,
    VMC_DHCP_CLIENT_PORT = 68,
    VMC_DHCP_REPLY_MAX = 576,
};

typedef struct {
    uint8_t data[VMC_DHCP_REPLY_MAX];
    size_t len;
    bool broadcast;             /* the client cannot take unicast yet */
    struct in_addr to;          /* where it goes when that is not set */
    uint8_t mac[6];             /* the client's */
    bool afresh;                /* the client has no address, or does not use it yet */
    bool firmware;              /* the client is no operating system, but what boots one */
} vmcDhcpReply;

/*
 * vmcDhcpServer: the DHCP server's address, which is its id too: the one before the
 * guest's, or the one after it where that is the network's own.
 */
struct in_addr vmcDhcpServer(const vmcEndpointConfig *config);

/*
 * vmcDhcpAnswer:
 * Returns false when @len bytes of @request get no answer: not well formed, not
 * for this server, or of a kind that wants none.
 */
bool vmcDhcpAnswer(const vmcEndpointConfig *config, const uint8_t *request, size_t len,
                   vmcDhcpReply *reply);
