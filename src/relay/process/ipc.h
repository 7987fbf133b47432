/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the relay's processes say to each other: one message a packet of a
 * SOCK_SEQPACKET pair, all of one size, descriptors beside it. The receiver
 * uses nothing of it before vmcIpcCheck().
 *
 * Pure: works on the bytes that it is given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint/types.h"

/* In the order of a conversation; the first part says who sends it. */
typedef enum {
    VMC_IPC_CHILD_READY,        /* confined; value: the layers, see confine.h */
    VMC_IPC_WORKER_OPEN,        /* a guest connection wants its host side */
    VMC_IPC_WORKER_ENDED,       /* the guest of one that is ACCEPTING has, and left bytes */
    VMC_IPC_WORKER_CLOSE,       /* the guest connection is over; value: by a reset */
    VMC_IPC_WORKER_PROBED,      /* each KNOWN has been probed */
    VMC_IPC_WORKER_REMOVED,     /* no OPEN of that channel comes any more */
    VMC_IPC_WORKER_LIMITED,     /* a channel has met its limits: see counters.h */
    VMC_IPC_BROKER_NETWORK,     /* the guest's address; id: prefix, value: MTU; noDhcp */
    VMC_IPC_BROKER_COUNTERS,    /* counters.h: where bytes are counted */
    VMC_IPC_BROKER_CHANNEL,     /* a channel's number, address, port; value: one at a time */
    VMC_IPC_BROKER_REMOVE,      /* a channel is no more, nor are its connections */
    VMC_IPC_BROKER_KNOWN,       /* a connection of a worker that is dead */
    VMC_IPC_BROKER_SERVE,       /* that was all: begin */
    VMC_IPC_BROKER_OPENED,      /* the host side is there; none with it: lost */
    VMC_IPC_BROKER_NULL,        /* there is none: bytes go nowhere */
    VMC_IPC_BROKER_ACCEPTING,     /* it will come; the guest may go on */
    VMC_IPC_BROKER_REFUSED,
    VMC_IPC_BROKER_CAPTURE,     /* where copies of frames go; none with it: nowhere */
    VMC_IPC_BROKER_PUMP,        /* value: vmcPumpKind; fds: guest, out, in */
    VMC_IPC_BROKER_RESET,       /* the guest has reset what had that id in PUMP */
    VMC_IPC_BROKER_LOG,         /* the log of all that is pumped, from now on */
    VMC_IPC_BROKER_FILE,        /* what FILE connections write, from now on */
    VMC_IPC_LAST
} vmcIpcType;

#define VMC_IPC_FDS 3           /* at most, beside one message */

/* What a pump has on its host side. */
typedef enum {
    VMC_PUMP_SOCKET,            /* a stream socket: ends of file pass both ways */
    VMC_PUMP_TELNET_CLIENT,     /* the same, with a telnet peer that we dialled */
    VMC_PUMP_TELNET_SERVER,     /* that dialled us */
    VMC_PUMP_DEVICE,            /* one guest at a time, whose end is the end */
    VMC_PUMP_STDIO,             /* the same, with descriptors that others share */
    VMC_PUMP_FIFO,              /* the same, one FIFO for both directions */
    VMC_PUMP_DATAGRAM,          /* a udp socket */
    VMC_PUMP_FILE,              /* written by whole lines, never read */
    VMC_PUMP_NULL,              /* no host side at all */
    VMC_PUMP_LAST
} vmcPumpKind;

/* Fields that a type does not use are zero. */
typedef struct {
    uint32_t type;              /* vmcIpcType */
    uint32_t id;                /* of a request, chosen by the worker; to a pump by the broker */
    uint32_t channel;
    uint32_t value;
    uint32_t address;           /* the channel's, network byte order */
    uint32_t peer;              /* the guest's, network byte order */
    uint16_t port;              /* the channel's, host byte order */
    uint16_t peerPort;          /* the guest's, host byte order */
    uint8_t mac[VMC_MAC_LEN];   /* the guest's */
    uint8_t noDhcp;             /* the guest is offered no address */
    uint8_t reserved;
} vmcIpcMessage;
_Static_assert(sizeof(vmcIpcMessage) == 36, "a message has no holes");

/* Who may send a message. */
typedef enum {
    VMC_IPC_FROM_WORKER,
    VMC_IPC_FROM_PUMP,
    VMC_IPC_TO_WORKER,
    VMC_IPC_TO_PUMP,
    VMC_IPC_WAY_LAST
} vmcIpcWay;

/*
 * vmcIpcCheck:
 * Whether @len bytes at @data with @nfds descriptors are a message that may go
 * @way. Numbers are the receiver's to check against its own tables.
 */
bool vmcIpcCheck(const void *data, size_t len, unsigned int nfds, vmcIpcWay way);

/* vmcIpcSetTuple, vmcIpcGetTuple: address and port on both sides. */
void vmcIpcSetTuple(vmcIpcMessage *message, const vmcEndpointTuple *tuple);
void vmcIpcGetTuple(const vmcIpcMessage *message, vmcEndpointTuple *tuple);
