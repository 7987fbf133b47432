/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The far end of the guest's link: a host that answers ARP, DHCP and echo
 * requests, and ends TCP connections to its channels. Frames and a clock go
 * in; frames and events come out. It does not know where bytes go.
 *
 * Pure: no descriptor, no clock, no randomness of its own, no log. Everything
 * that comes from the guest is hostile and bounded here.
 *
 * Bytes are pulled and pushed through vmcEndpointOps, so that host-to-guest
 * data is never copied into the endpoint: it peeks at what the host side has,
 * sends it, and consumes it when the guest has acknowledged it.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "endpoint/types.h"

typedef struct _vmcEndpoint vmcEndpoint;
typedef struct _vmcEndpointConn vmcEndpointConn;

/* What the host side answers to an open. */
typedef enum {
    VMC_ENDPOINT_OPEN_OK,       /* there, or bytes may wait for it: SYN-ACK */
    VMC_ENDPOINT_OPEN_REFUSED,  /* RST: the guest sees ECONNREFUSED */
    VMC_ENDPOINT_OPEN_WAIT,     /* vmcEndpointConnOpened() comes later */
} vmcEndpointOpen;

/*
 * What the endpoint asks of its owner; @opaque is vmcEndpointNew()'s. None of
 * these may call the endpoint back, but for vmcEndpointConnSetHost() in open()
 * and vmcEndpointConnReadable() anywhere.
 */
typedef struct {
    /*
     * Sends one frame to the guest. Returns false when the link is full: the
     * endpoint stops, and goes on after vmcEndpointLinkWritable(). @answer: a
     * small frame that stands alone, which is lost when it cannot go now: some room
     * is to be kept for these, and is asked for while the link is full, too.
     */
    bool (*send)(void *opaque, const struct iovec *iov, int niov, bool answer);

    /*
     * A guest connection to @channel (vmcEndpointAddChannel's pointer) begins.
     * On OPEN_OK and OPEN_WAIT the owner stores what it needs with
     * vmcEndpointConnSetHost(); it hears close() exactly once in the end.
     */
    vmcEndpointOpen (*open)(void *opaque, void *channel, vmcEndpointConn *conn,
                            const vmcEndpointTuple *tuple);

    /* Bytes that write() would take now. 0 when none, also while waiting. */
    size_t (*room)(void *opaque, void *host);

    /*
     * Guest bytes for the host side. Returns how many it took, fewer when it
     * is full, or would rather have them together with more; the endpoint keeps
     * the rest (its window promised no more than its buffer) until
     * vmcEndpointConnWritable() or until it has half of a buffer. -1: the host
     * side is gone and takes no more; the connection is reset.
     */
    ssize_t (*write)(void *opaque, void *host, const struct iovec *iov, int niov);

    /*
     * The guest sent FIN. @waiting: there are bytes before it that write() has not taken;
     * else shut() comes next.
     */
    void (*ended)(void *opaque, void *host, bool waiting);

    /* The guest sent FIN and everything before it was taken by write(). */
    void (*shut)(void *opaque, void *host);

    /*
     * Copies up to @len host bytes that start @offset bytes after the last
     * consumed one to @buf. Returns how many; 0 when there are none yet
     * (vmcEndpointConnReadable() comes when there are); -1 at end of file at
     * that offset; -2 on a failed host side (the connection is reset).
     */
    ssize_t (*peek)(void *opaque, void *host, size_t offset, void *buf, size_t len);

    /* The guest has acknowledged @n bytes that were peeked. */
    void (*consume)(void *opaque, void *host, size_t n);

    /*
     * The connection is over and @host is the owner's to release. @reset: by
     * RST, timeout or failure, not by an orderly end in both directions.
     * The conn is invalid after this returns.
     */
    void (*close)(void *opaque, void *host, bool reset);

    /*
     * @channel has as many connections as it may: a new one was refused, or, @evicted,
     * one of @channel's gives way to it, which is closed next.
     */
    void (*limited)(void *opaque, void *channel, bool evicted);
} vmcEndpointOps;

/* Counters, all since the start. */
typedef struct {
    uint64_t framesIn, framesOut;
    uint64_t bytesOut;          /* of frames */
    uint64_t dropped;           /* frames that we do not answer, of any kind */
    uint64_t malformed;         /* of these: cut short, bad length or checksum */
    uint64_t limited;           /* SYNs refused since there was no place */
    uint64_t evicted;           /* connections that gave way to another */
    uint64_t retransmits;
    uint64_t refused;           /* RSTs sent for a SYN */
    uint64_t answers;           /* segments that answer: the guest has the connection still */
} vmcEndpointStats;

/*
 * vmcEndpointNew: the config is copied; the ops must outlive the endpoint.
 * Never fails. vmcEndpointFree closes every connection (close() with reset,
 * no frame is sent) and accepts NULL.
 */
vmcEndpoint *vmcEndpointNew(const vmcEndpointConfig *config, const vmcEndpointOps *ops,
                            void *opaque);
void vmcEndpointFree(vmcEndpoint *ep);

/*
 * vmcEndpointAddChannel: from now on connections to @address:@port (host byte
 * order) open @channel. Returns -1 when that pair is taken. @alone: one at a time is
 * accepted by its host side. While one is open, another's open() is called only when
 * the guest has said that it has the first one still, or that one is over.
 * vmcEndpointRemoveChannel: no new connections, and open ones are reset.
 */
int vmcEndpointAddChannel(vmcEndpoint *ep, struct in_addr address, uint16_t port, void *channel,
                          bool alone);
void vmcEndpointRemoveChannel(vmcEndpoint *ep, vmcTime now, void *channel);

/* vmcEndpointInput: one frame from the guest. */
void vmcEndpointInput(vmcEndpoint *ep, vmcTime now, const void *frame, size_t len);

/*
 * vmcEndpointFlush: sends what is due after a batch of inputs and host
 * events: data, window updates, piggybacked or due ACKs. Call it once per turn
 * of the owner's loop, after its inputs.
 */
void vmcEndpointFlush(vmcEndpoint *ep, vmcTime now);

/*
 * vmcEndpointTimer: runs what is due at @now. @unread: of the last bytes that were
 * sent at most so many are unread. What a connection has sent must have been read
 * before its retransmission or probe expires: the VM may be stopped, or behind.
 * Returns when it wants to be called next, or NEVER.
 * Call it after vmcEndpointFlush(), before sleeping.
 * vmcEndpointNextTimer: that time, without running anything.
 */
vmcTime vmcEndpointTimer(vmcEndpoint *ep, vmcTime now, size_t unread);
vmcTime vmcEndpointNextTimer(vmcEndpoint *ep);

/* vmcEndpointLinkWritable: the link takes frames again after send() said no. */
void vmcEndpointLinkWritable(vmcEndpoint *ep, vmcTime now);

/*
 * What the owner tells about one connection; frames leave at the next flush.
 * Opened (with @ok false), Writable and Reset may call close() before they
 * return. Opened is for OPEN_WAIT and means nothing otherwise. Writable hands
 * over the bytes that wait, also while the link is full.
 */
void vmcEndpointConnSetHost(vmcEndpointConn *conn, void *host);
void vmcEndpointConnOpened(vmcEndpoint *ep, vmcEndpointConn *conn, vmcTime now, bool ok);
void vmcEndpointConnReadable(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcEndpointConnWritable(vmcEndpoint *ep, vmcEndpointConn *conn);
void vmcEndpointConnReset(vmcEndpoint *ep, vmcEndpointConn *conn);

/*
 * vmcEndpointConnWantsRead: whether host bytes could be sent now; while false
 * (the guest's window is full) the owner need not watch for readability.
 * vmcEndpointConnWantsWrite: whether guest bytes or a FIN wait in the
 * endpoint for the host side to become writable.
 */
bool vmcEndpointConnWantsRead(const vmcEndpointConn *conn);
bool vmcEndpointConnWantsWrite(const vmcEndpointConn *conn);

/* vmcEndpointConnMac: the guest's MAC address (6 bytes) when it last spoke. */
const uint8_t *vmcEndpointConnMac(const vmcEndpointConn *conn);

/*
 * vmcEndpointProbe:
 * Asks the guest about a connection that is not this endpoint's: one that
 * another endpoint had before. A guest that still knows it answers with an ACK,
 * which belongs to no connection here, and so is reset by its own numbers.
 * When it has one of the same addresses and ports here, there is nothing to ask.
 * Returns false when the link is full: nothing was asked.
 */
bool vmcEndpointProbe(vmcEndpoint *ep, const vmcEndpointTuple *tuple, const uint8_t mac[6]);

const vmcEndpointStats *vmcEndpointGetStats(const vmcEndpoint *ep);

/* vmcEndpointConnCount: connections that are not in TIME_WAIT. */
unsigned int vmcEndpointConnCount(const vmcEndpoint *ep);
