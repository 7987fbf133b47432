/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host side of a channel, as the broker has it: binds, opens and looks
 * before the guest runs, then gives one descriptor for each guest connection.
 * Everything that needs a path, an address or a new socket is behind this
 * header, and nothing behind it sees a guest byte.
 */
#pragma once

#include "conf/domain_chr.h"
#include "relay/process/loop.h"

typedef struct _vmcSource vmcSource;

/* One guest connection's claim to the source. */
typedef struct _vmcSourceRequest vmcSourceRequest;

/*
 * Called at most once for a request that was not answered at once: @fd is the
 * host side, non-blocking, the receiver's to close, or -1: refused.
 */
typedef void (*vmcSourceDone)(void *opaque, int fd);

typedef enum {
    VMC_SOURCE_DONE,            /* *fd is there */
    VMC_SOURCE_REFUSED,         /* there is nobody on the host side */
    VMC_SOURCE_DIALLING,        /* the answer comes; the guest waits for it */
    VMC_SOURCE_ACCEPTING,       /* a host program comes; the guest may go on */
} vmcSourceResult;

/* What some kinds need to get ready. */
typedef struct {
    const char *guestName;      /* tells generated paths apart */
    int stdio[2];               /* standard input and output as they were given to us */
    bool live;                  /* the guest runs: others wait meanwhile, and not for long */
} vmcSourceStart;

/*
 * vmcSourceNew:
 * Gets the host side of @channel ready: binds, opens, looks whether a path could
 * be dialled. @channel and @loop must outlive it; @start stays the caller's.
 * Returns NULL with an error that names the channel.
 * vmcSourceFree: stops listening and removes the socket that it bound.
 */
vmcSource *vmcSourceNew(vmcLoop *loop, const vmcChannel *channel, const vmcSourceStart *start);
void vmcSourceFree(vmcSource *source);

/*
 * vmcSourceReopen: file and log are opened once more by their paths, since somebody has
 * renamed them. What cannot be opened goes on as it was: then it returns false, and
 * vmcSourceReopenError() says why until the next time; else that is NULL.
 */
bool vmcSourceReopen(vmcSource *source);
const char *vmcSourceReopenError(const vmcSource *source);

/* vmcSourceIsReady: whether its pump, if it has one, is confined. */
bool vmcSourceIsReady(const vmcSource *source);

/* vmcSourceIsAlone: whether it takes one guest connection at a time. */
bool vmcSourceIsAlone(const vmcSource *source);

/* vmcSourceReport: what a person must know to use it (a pty's path), or NULL. */
const char *vmcSourceReport(const vmcSource *source);

/* vmcSourcePath: where the host side is, a pty's and a generated path too. */
const char *vmcSourcePath(const vmcSource *source);

/*
 * vmcSourceOpen:
 * One host side for a guest connection. On REFUSED there is no request;
 * otherwise vmcSourceRequestEnd() ends *@request. On DONE *@fd is the caller's;
 * a null channel has none: -1.
 */
vmcSourceResult vmcSourceOpen(vmcSource *source, vmcSourceDone done, void *opaque, int *fd,
                              vmcSourceRequest **request);

/*
 * vmcSourceRequestLeft: the guest of a request that is ACCEPTING has ended, and left bytes:
 * a host program gets those guests first that are there still. Only so many wait: false
 * when the oldest of them gave way, which has been told that it is refused.
 */
bool vmcSourceRequestLeft(vmcSourceRequest *request);

/* vmcSourceRequestReset: the guest connection was reset: its bytes that wait are dropped. */
void vmcSourceRequestReset(vmcSourceRequest *request);

/* vmcSourceRequestEnd: the guest connection is over; no answer comes any more. */
void vmcSourceRequestEnd(vmcSourceRequest *request);
