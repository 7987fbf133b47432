/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the endpoint's own files share: the endpoint and its connections. Not
 * for the owner of the endpoint. Pure: only types, and what works on them.
 */
#pragma once

#include <glib.h>

#include "endpoint/endpoint.h"
#include "endpoint/frame.h"
#include "endpoint/quota.h"
#include "endpoint/timer_heap.h"
#include "endpoint/turns.h"

/* RFC 9293's states, but for the first: there the host side is being opened. */
typedef enum {
    VMC_TCP_DIALLING,           /* SYN received, nothing sent */
    VMC_TCP_SYN_RECEIVED,
    VMC_TCP_ESTABLISHED,
    VMC_TCP_CLOSE_WAIT,         /* the guest has sent FIN */
    VMC_TCP_FIN_WAIT_1,         /* the endpoint has */
    VMC_TCP_FIN_WAIT_2,         /* and the guest has acknowledged it */
    VMC_TCP_CLOSING,            /* both have, the endpoint first; its FIN is not acknowledged */
    VMC_TCP_LAST_ACK,           /* the same, the guest was first */
    VMC_TCP_TIME_WAIT,
    VMC_TCP_CLOSED,
    VMC_TCP_STATE_LAST
} vmcTcpState;

typedef struct {
    struct in_addr address;
    uint16_t port;
    unsigned int conns;         /* that are attached or held */
    vmcRate rate;               /* of new ones */
    void *channel;              /* the owner's */
    bool alone;                 /* one connection at a time */
    vmcTurns turns;             /* of its connections, to send */
} vmcEndpointChannel;

/*
 * Sequence numbers: sndUna <= sndNxt <= sndMax. After a timeout sndNxt goes
 * back to sndUna; sndMax never does. rcvEdge is the right edge of the window
 * that was promised: it never goes back either.
 */
struct _vmcEndpointConn {
    vmcEndpointTuple tuple;     /* the key of the table */
    uint8_t mac[VMC_MAC_LEN];   /* of the guest */
    uint8_t state;              /* vmcTcpState */
    int8_t rcvScale;            /* -1: the guest offered no window scale */
    uint8_t sndScale;
    uint8_t duplicates;         /* duplicate acknowledgements in a row */
    uint8_t retries;            /* unanswered retransmissions or probes */
    uint8_t backoff;            /* how often the interval was doubled */
    uint8_t asked;              /* questions in a row that the guest has not answered */
    uint8_t askWaits;           /* how often the last one was unread when the next was due */
    uint16_t sndMss;
    uint16_t largeMss;          /* sndMss before a timeout made it smaller, on trial; or 0 */
    uint16_t rcvMss;            /* the longest segment that came */

    bool attached:1;            /* the host side waits for close() */
    bool synDue:1;              /* a SYN-ACK is to be sent */
    bool ackDue:1;              /* an ACK is to be sent, now */
    bool resendDue:1;           /* the segment at sndUna is to be sent again */
    bool probeDue:1;            /* a probe of a closed window is to be sent */
    bool rstDue:1;              /* the only thing left to do is a RST */
    bool idle:1;                /* peek() said 0 at sndMax */
    bool finReceived:1;         /* rcvNxt is past the guest's FIN */
    bool shutDone:1;            /* shut() was called */
    bool finSent:1;             /* finSeq is valid */
    bool recovering:1;          /* until sndUna reaches recover */
    bool dirty:1;               /* waits for its turn to send */
    bool lingering:1;           /* in its linger list */
    bool held:1;                /* in its held list */
    bool askDue:1;              /* a question is to be sent */

    uint32_t irs, rcvNxt, rcvEdge, rcvAcked;
    uint32_t iss, sndUna, sndNxt, sndMax, finSeq, recover;
    uint32_t sndWnd, sndWndMax; /* bytes */
    uint32_t sndWl1, sndWl2;    /* seq and ack of the last window update */

    uint32_t bufferHead, bufferLen;
    uint8_t *buffer;            /* a ring, there while bytes wait */

    uint64_t sentTo;            /* stats.bytesOut after the last segment that wants an answer */
    vmcTime rtxAt;              /* retransmission or zero window probe */
    vmcTime ackAt;              /* delayed ACK */
    vmcTime endAt;              /* end of DIALLING or TIME_WAIT */
    vmcTime badAckAt;           /* no ACK to a bad segment before */
    vmcTime unaAt;              /* when sndUna moved last */
    vmcTime repeatedAt;         /* since then only known bytes came; 0: not so */
    vmcTime askAt;              /* the next question, or the end for want of answers */
    vmcTime heardAt;            /* when the guest spoke last as one who has it */
    vmcTimer timer;             /* not after the earliest of what vmcTcpNextTimer() looks at */

    vmcEndpointChannel *channel; /* while attached or held */
    uint32_t number;            /* in the order of their SYNs */
    void *host;
    GList dirtyLink;
    GList lingerLink;           /* in the linger or the held list */
};
G_STATIC_ASSERT(sizeof(vmcEndpointConn) <= 300);

struct _vmcEndpoint {
    vmcEndpointConfig config;
    const vmcEndpointOps *ops;
    void *opaque;
    vmcEndpointStats stats;
    GPtrArray *channels;        /* vmcEndpointChannel; few */
    GHashTable *conns;          /* all, lingering ones too, by tuple */
    GPtrArray *timers;
    GQueue turns;               /* vmcTurns of channels whose connections have something to send */
    vmcTurns channelless;       /* of connections that have left their channel */
    uint64_t turnEnd;           /* stats.bytesOut when this turn is over */
    GQueue linger;              /* TIME_WAIT, or a RST is due; oldest first */
    GQueue held;                /* DIALLING: another one is in the way; oldest first */
    unsigned int attached;
    uint32_t opened;            /* connections so far */
    vmcTime roundAt;            /* when all connections are asked whether the guest has them */
    vmcTime askedAt;            /* when they were last */
    bool showsBoots;            /* the guest sends what shows that it boots */
    bool doubted;               /* the next round has a reason other than time */
    vmcTime doubtedAt;          /* when that was; only those not heard of since are asked */
    vmcTime frameAt;            /* when a frame of the guest's came last */
    vmcTime knownAt;            /* when one that speaks of a connection did */
    bool linkFull;
    uint8_t *payload;           /* of the frame that is being made, 64 KiB */
};

/* vmcEndpointFindChannel: the channel at @address:@port, or NULL. */
vmcEndpointChannel *vmcEndpointFindChannel(const vmcEndpoint *ep, struct in_addr address,
                                           uint16_t port);
