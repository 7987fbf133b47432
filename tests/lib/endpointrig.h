/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An endpoint between a host side and a link that tests hold in their hands:
 * what it sends is kept as frames, and each connection's host side is a pair of
 * byte arrays. It has no opinion of what is right.
 */
#pragma once

#include <glib.h>

#include "endpoint/endpoint.h"
#include "endpoint/frame.h"
#include "tests/lib/guestframe.h"

typedef struct _rig rig;

/* The host side of one guest connection. */
typedef struct {
    rig *owner;
    vmcEndpointConn *conn;      /* NULL after close() */
    vmcEndpointTuple tuple;
    GByteArray *source;         /* what the guest is to get, from its first byte */
    size_t consumed;
    bool eof;                   /* after the source's last byte */
    bool failed;                /* peek() says -2 and write() -1 */
    GByteArray *sink;           /* what the guest has sent */
    size_t room;                /* bytes that write() will take */
    size_t shortfall;           /* how much less than room() it takes in fact */
    bool ended;                 /* the guest has; with bytes that were not taken yet: left */
    bool left;
    bool shut;
    unsigned int closes;
    bool reset;
} rigHost;

struct _rig {
    vmcEndpoint *ep;
    vmcEndpointConfig config;
    vmcTime now;
    vmcTime next;               /* what vmcEndpointTimer() said */
    GQueue frames;              /* GBytes, as sent */
    size_t capacity;            /* the link takes nothing while it holds so many; 0: it does */
    bool full;                  /* the link takes nothing, */
    unsigned int reserve;       /* but for so many answers */
    size_t unread;              /* of the last bytes sent, as the endpoint is told */
    vmcEndpointOpen answer;     /* to the next open() */
    size_t room;                /* of a new host side */
    unsigned int limited, evicted; /* as the owner hears */
    GPtrArray *hosts;           /* rigHost, in the order of open() */
};

/* rigNew: 10.0.2.5/29, MTU 65520, a channel at 10.0.2.4:600. */
rig *rigNew(void);
rig *rigNewConfig(const vmcEndpointConfig *config);
void rigFree(rig *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rig, rigFree)

struct in_addr rigAddress(const char *text);
rigHost *rigLast(const rig *r);

/* rigFlush: what the owner does at the end of each turn of its loop. */
void rigFlush(rig *r);
/* rigAdvance: lets time pass, with every timer on its way called. */
void rigAdvance(rig *r, vmcTime usec);

/* rigInput: one frame, and no flush. rigSegment: a guest's TCP segment. */
void rigInput(rig *r, const void *headers, size_t headersLen, const void *payload, size_t len);
void rigSegment(rig *r, const vmcFrameAddress *address, const vmcSegment *segment,
                const void *payload, size_t len);

/* rigTake: the oldest frame sent, which must be well formed; NULL when none. */
GBytes *rigTake(rig *r, vmcFrame *frame, vmcFrameKind *kind);

/* rigGuest: from the guest's usual address to the usual channel. */
vmcFrameAddress rigGuest(uint16_t port);
