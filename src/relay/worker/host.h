/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's side of one guest connection: moves bytes between the endpoint
 * and a socket that the broker opened and sent. Opens nothing, and asks the
 * broker only for what the endpoint asks it for.
 */
#pragma once

#include <glib.h>

#include "endpoint/endpoint.h"
#include "relay/process/counters.h"
#include "relay/process/ipc.h"
#include "relay/process/loop.h"
#include "relay/process/mailbox.h"
#include "relay/worker/inflight.h"

typedef struct _vmcHost vmcHost;

/* All host sides of the worker, and what they need; the owner fills it in. */
typedef struct {
    vmcLoop *loop;
    vmcEndpoint *endpoint;
    vmcTime (*now)(void);
    vmcMailbox *mailbox;        /* to the broker */
    GHashTable *hosts;          /* id → vmcHost, from the open to the close */
    uint32_t lastId;
    bool leaving;               /* QEMU is gone: no more bytes come */
    vmcInflightPool inflightPool; /* memory for what is on its way to the guest */
} vmcHosts;

/* What the endpoint knows of a channel. */
typedef struct {
    vmcHosts *hosts;
    uint32_t number;            /* the broker's number of the channel */
    vmcCountersChannel *counters; /* where what it does is counted */
    unsigned int conns;         /* its connections */
    bool alone;                 /* it has one at a time */
    vmcTime limitedAt;          /* when the broker was last told of a limit */
} vmcHostChannel;

/*
 * vmcHostsAnswer: the broker's answer (OPENED, NULL, ACCEPTING or REFUSED) to a
 * request; @fd, -1 without one, is closed here when nothing waits for it. OPENED
 * without one is a refusal: the kernel dropped it, since we have too many.
 */
void vmcHostsAnswer(vmcHosts *hosts, const vmcIpcMessage *answer, int fd);

/*
 * vmcHostsLeave: QEMU is gone. What the guest's acknowledged bytes wait for is asked to take
 * them; vmcHostsHold: whether some wait still; vmcHostsAbandon: their host sides see a reset,
 * as far as they have one, and not an end.
 */
void vmcHostsLeave(vmcHosts *hosts);
bool vmcHostsHold(const vmcHosts *hosts);
void vmcHostsAbandon(vmcHosts *hosts);

/*
 * The operations that the endpoint asks of its owner, all but send: opaque is
 * not looked at, channels are vmcHostChannel, hosts are vmcHost.
 */
vmcEndpointOpen vmcHostOpen(void *opaque, void *channel, vmcEndpointConn *conn,
                            const vmcEndpointTuple *tuple);
size_t vmcHostRoom(void *opaque, void *host);
ssize_t vmcHostWrite(void *opaque, void *host, const struct iovec *iov, int niov);
void vmcHostEnded(void *opaque, void *host, bool waiting);
void vmcHostShut(void *opaque, void *host);
ssize_t vmcHostPeek(void *opaque, void *host, size_t offset, void *buf, size_t len);
void vmcHostConsume(void *opaque, void *host, size_t n);
void vmcHostClose(void *opaque, void *host, bool reset);
void vmcHostLimited(void *opaque, void *channel, bool evicted);
