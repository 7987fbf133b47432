/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker opens the host sides of channels, and nothing else: it listens,
 * dials and opens files, and never sees a guest byte. Everything that needs a
 * path or a new socket is behind this header, which is where the relay will
 * part into two processes.
 */
#pragma once

#include "conf/domain_chr.h"
#include "relay/loop.h"

typedef struct _vmcBroker vmcBroker;

/* A request that is not answered yet. */
typedef struct _vmcBrokerRequest vmcBrokerRequest;

/*
 * Called once for each request that was not cancelled: @fd is the host side,
 * non-blocking, the receiver's to close, or -1 when it is refused.
 */
typedef void (*vmcBrokerDone)(void *opaque, int fd);

typedef enum {
    VMC_BROKER_DONE,            /* *fd is there */
    VMC_BROKER_REFUSED,         /* there is nobody on the host side */
    VMC_BROKER_DIALLING,        /* the answer comes; the guest waits for it */
    VMC_BROKER_ACCEPTING,       /* a host program comes; the guest may go on */
} vmcBrokerResult;

/* vmcBrokerNew: @loop must outlive the broker. */
vmcBroker *vmcBrokerNew(vmcLoop *loop);

/* vmcBrokerFree: stops listening and removes the sockets that it bound. */
void vmcBrokerFree(vmcBroker *broker);

/*
 * vmcBrokerAdd:
 * Gets the host side of @channel ready, before the guest runs: binds, opens,
 * looks whether a path could be dialled. @channel must outlive the broker;
 * @guestName tells generated paths apart. Returns the channel's number, or -1 with an error that names it.
 */
int vmcBrokerAdd(vmcBroker *broker, const vmcChannel *channel, const char *guestName);

/*
 * vmcBrokerOpen:
 * One host side for a guest connection to channel @number. Sets *@fd on DONE,
 * *@request on DIALLING and ACCEPTING. A null channel has no descriptor: DONE
 * with -1.
 */
vmcBrokerResult vmcBrokerOpen(vmcBroker *broker, int number, vmcBrokerDone done, void *opaque,
                              int *fd, vmcBrokerRequest **request);

/* vmcBrokerCancel: the guest has gone; @request is answered no more. */
void vmcBrokerCancel(vmcBroker *broker, vmcBrokerRequest *request);
