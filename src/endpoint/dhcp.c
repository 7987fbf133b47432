/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DHCP for one guest: see dhcp.h. It offers no router and no name server, so
 * that the guest's other networks stay as they are. Pure: works on the bytes
 * that it is given.
 */
#include <config.h>

#include "endpoint/dhcp.h"

#include <glib.h>
#include <string.h>

/* RFC 2131's message up to the options, as on the wire. */
typedef struct {
    uint8_t op;
    uint8_t hardware;
    uint8_t hardwareLen;
    uint8_t hops;
    uint32_t xid;
    uint16_t seconds;
    uint16_t flags;
    struct in_addr client;      /* ciaddr */
    struct in_addr yours;       /* yiaddr */
    struct in_addr server;      /* siaddr */
    struct in_addr relay;       /* giaddr */
    uint8_t address[16];        /* chaddr */
    uint8_t name[64];
    uint8_t file[128];
    uint8_t cookie[4];
} dhcpHeader;
G_STATIC_ASSERT(sizeof(dhcpHeader) == 240);

enum {
    OP_REQUEST = 1,
    OP_REPLY = 2,
    FLAG_BROADCAST = 0x8000,
    REPLY_MIN = 300,            /* BOOTP's size, both ways; some DHCP clients insist on it */
    MTU_DEFAULT = 1500,
    LEASE = 2000000,            /* seconds; some clients count milliseconds in 31 bits */
};

enum {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_MTU = 26,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_RENEW = 58,
    OPTION_REBIND = 59,
    OPTION_CLIENT = 61,
    OPTION_ARCHITECTURE = 93,   /* RFC 4578: of a firmware that wants to boot from the network */
    OPTION_END = 255,
};

enum {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_INFORM = 8,
    BOOTP = 256,                /* no such option: RFC 951's request; its reply has no type */
};

static const uint8_t cookie[4] = { 99, 130, 83, 99 };

/* What of a request matters to us. */
typedef struct {
    dhcpHeader header;
    uint16_t type;              /* BOOTP, or option 53; 0 is not valid */
    struct in_addr requested;   /* option 50, 0 when absent */
    struct in_addr server;      /* option 54, 0 when absent */
    size_t len;                 /* of the whole request */
    const uint8_t *client;      /* option 61, NULL when absent */
    uint8_t clientLen;
    bool firmware;
} dhcpRequest;

static struct in_addr
netMask(const vmcEndpointConfig *config)
{
    return (struct in_addr) { htonl(~(uint32_t)0 << (32 - config->prefix)) };
}

struct in_addr
vmcDhcpServer(const vmcEndpointConfig *config)
{
    uint32_t guest = ntohl(config->guest.s_addr);
    uint32_t hosts = ~ntohl(netMask(config).s_addr);

    /* A /31 has no network address of its own: its two addresses are hosts. */
    if (config->prefix == 31)
        return (struct in_addr) { htonl(guest ^ 1) };
    return (struct in_addr) { htonl(((guest - 1) & hosts) == 0 ? guest + 1 : guest - 1) };
}

static void
takeOption(dhcpRequest *request, uint8_t option, const uint8_t *data, uint8_t len)
{
    if (option == OPTION_TYPE) {
        request->type = len == 1 ? data[0] : 0;
    } else if (option == OPTION_REQUESTED && len == 4) {
        memcpy(&request->requested, data, 4);
    } else if (option == OPTION_SERVER && len == 4) {
        memcpy(&request->server, data, 4);
    } else if (option == OPTION_CLIENT && len >= 2) {
        request->client = data;
        request->clientLen = len;
    } else if (option == OPTION_ARCHITECTURE) {
        request->firmware = true;
    }
}

static bool
parseOptions(dhcpRequest *request, const uint8_t *data, size_t len)
{
    while (len > 0 && *data != OPTION_END) {
        size_t size = 1;

        if (*data != OPTION_PAD) {
            if (len < 2 || (size_t)data[1] + 2 > len)
                return false;
            takeOption(request, data[0], data + 2, data[1]);
            size = (size_t)data[1] + 2;
        }
        data += size;
        len -= size;
    }
    return true;
}

/* Options in the name and file fields (overload) are not looked for. */
static bool
parseRequest(dhcpRequest *request, const uint8_t *data, size_t len)
{
    if (len < sizeof(request->header))
        return false;
    memcpy(&request->header, data, sizeof(request->header));
    if (request->header.op != OP_REQUEST || request->header.hardware != 1 ||
        request->header.hardwareLen != 6 || request->header.relay.s_addr != 0 ||
        (request->header.address[0] & 1) != 0 ||
        memcmp(request->header.cookie, cookie, sizeof(cookie)) != 0)
        return false;
    return parseOptions(request, data + sizeof(request->header),
                        len - sizeof(request->header));
}

/* Which reply a request gets; 0: none. */
static uint16_t
replyType(const vmcEndpointConfig *config, const dhcpRequest *request)
{
    struct in_addr wanted = request->requested;

    if (request->server.s_addr != 0 && request->server.s_addr != vmcDhcpServer(config).s_addr)
        return 0;
    if (request->type == BOOTP)
        return request->len >= REPLY_MIN ? BOOTP : 0;
    if (request->type == DHCP_DISCOVER)
        return DHCP_OFFER;
    if (request->type == DHCP_INFORM)
        return request->header.client.s_addr != 0 ? DHCP_ACK : 0;
    if (request->type != DHCP_REQUEST)
        return 0;
    if (wanted.s_addr == 0)
        wanted = request->header.client;
    if (wanted.s_addr == 0)
        return 0;
    return wanted.s_addr == config->guest.s_addr ? DHCP_ACK : DHCP_NAK;
}

static void
putOption(vmcDhcpReply *reply, uint8_t option, const void *data, uint8_t len)
{
    reply->data[reply->len++] = option;
    reply->data[reply->len++] = len;
    memcpy(reply->data + reply->len, data, len);
    reply->len += len;
}

static void
putLease(const vmcEndpointConfig *config, const dhcpRequest *request, vmcDhcpReply *reply)
{
    uint32_t lease = htonl(LEASE), renew = htonl(LEASE / 2), rebind = htonl(LEASE / 8 * 7);
    struct in_addr mask = netMask(config);
    uint16_t mtu = htons((uint16_t)config->mtu);

    if (request->type != BOOTP && request->type != DHCP_INFORM) {
        putOption(reply, OPTION_LEASE, &lease, sizeof(lease));
        putOption(reply, OPTION_RENEW, &renew, sizeof(renew));
        putOption(reply, OPTION_REBIND, &rebind, sizeof(rebind));
    }
    putOption(reply, OPTION_MASK, &mask, sizeof(mask));
    if (config->mtu != MTU_DEFAULT)
        putOption(reply, OPTION_MTU, &mtu, sizeof(mtu));
}

static void
putReply(const vmcEndpointConfig *config, const dhcpRequest *request, uint16_t type,
         vmcDhcpReply *reply)
{
    uint8_t message = (uint8_t)type;
    struct in_addr server = vmcDhcpServer(config);
    dhcpHeader header = {
        .op = OP_REPLY,
        .hardware = 1,
        .hardwareLen = 6,
        .xid = request->header.xid,
        .flags = request->header.flags,
        .relay = request->header.relay,
    };

    memcpy(header.address, request->header.address, sizeof(header.address));
    memcpy(header.cookie, cookie, sizeof(cookie));
    if (type == DHCP_ACK)
        header.client = request->header.client;
    if (type != DHCP_NAK && request->type != DHCP_INFORM)
        header.yours = config->guest;
    memset(reply, 0, sizeof(*reply));
    memcpy(reply->data, &header, sizeof(header));
    reply->len = sizeof(header);
    if (type != BOOTP) {
        putOption(reply, OPTION_TYPE, &message, 1);
        putOption(reply, OPTION_SERVER, &server, sizeof(server));
    }
    if (type != DHCP_NAK)
        putLease(config, request, reply);
    if (request->client)        /* RFC 6842 */
        putOption(reply, OPTION_CLIENT, request->client, request->clientLen);
    reply->data[reply->len++] = OPTION_END;
    reply->len = MAX(reply->len, REPLY_MIN);
}

/* RFC 2131, 4.1: where a reply goes that did not come through a relay agent. */
static void
putDestination(const vmcEndpointConfig *config, const dhcpRequest *request, uint16_t type,
               vmcDhcpReply *reply)
{
    bool configured = request->header.client.s_addr != 0;

    memcpy(reply->mac, request->header.address, sizeof(reply->mac));
    reply->to = configured ? request->header.client : config->guest;
    reply->broadcast = type == DHCP_NAK ||
        (!configured && (ntohs(request->header.flags) & FLAG_BROADCAST) != 0);
}

bool
vmcDhcpAnswer(const vmcEndpointConfig *config, const uint8_t *request, size_t len,
              vmcDhcpReply *reply)
{
    dhcpRequest parsed = { .type = BOOTP, .len = len };
    uint16_t type;

    if (!parseRequest(&parsed, request, len))
        return false;
    type = replyType(config, &parsed);
    if (type == 0)
        return false;
    putReply(config, &parsed, type, reply);
    putDestination(config, &parsed, type, reply);
    reply->afresh = parsed.header.client.s_addr == 0;
    reply->firmware = parsed.firmware;
    return true;
}
