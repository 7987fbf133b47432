/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host side of one guest connection: moves bytes between the endpoint and
 * a descriptor that the broker opened. One table row for each kind of
 * descriptor; nothing here opens anything.
 */
#pragma once

#include "relay/broker.h"
#include "relay/endpoint.h"

typedef struct _vmcHost vmcHost;

/* What a channel's host sides need; one for each channel, kept by the owner. */
typedef struct {
    vmcLoop *loop;
    vmcBroker *broker;
    vmcEndpoint *endpoint;
    vmcTime (*now)(void);
    int number;                 /* the broker's number of the channel */
    vmcChrType type;
} vmcHostChannel;

/*
 * The operations that the endpoint asks of its owner, all but send: opaque is
 * not looked at, channels are vmcHostChannel, hosts are vmcHost.
 */
vmcEndpointOpen vmcHostOpen(void *opaque, void *channel, vmcEndpointConn *conn,
                            const vmcEndpointTuple *tuple);
size_t vmcHostRoom(void *opaque, void *host);
ssize_t vmcHostWrite(void *opaque, void *host, const struct iovec *iov, int niov);
void vmcHostShut(void *opaque, void *host);
ssize_t vmcHostPeek(void *opaque, void *host, size_t offset, void *buf, size_t len);
void vmcHostConsume(void *opaque, void *host, size_t n);
void vmcHostClose(void *opaque, void *host, bool reset);
