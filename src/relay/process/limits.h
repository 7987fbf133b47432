/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of anything a guest, a host program or a process that was taken over can have the
 * relay's processes hold: the table in docs/architecture.md, with what happens at each. Those of
 * connections are the endpoint's: endpoint/types.h, endpoint/quota.h; of the kernel's buffers
 * process/share.h has them, and of bytes on their way to the guest worker/inflight.h. What is
 * defined here has a row there: boundstest holds its figures to these.
 */
#pragma once

#include "endpoint/types.h"

/* Clients of the control socket, and the bytes that may wait for one of them. */
#define VMC_LIMIT_CLIENTS 16
#define VMC_LIMIT_CLIENT_UNREAD 65536

/*
 * A worker's descriptors: the host side of each connection, and its own. One that says it
 * has closed what it has not gets no more.
 */
#define VMC_LIMIT_WORKER_FILES (VMC_ENDPOINT_MAX_CONNS + 16)

/* Connections of dead workers that are still to be probed; and those probed at once. */
#define VMC_LIMIT_KNOWN (2 * VMC_ENDPOINT_MAX_CONNS)
#define VMC_LIMIT_PROBES 16

/* Messages that a worker may leave unread, with the descriptors beside them. */
#define VMC_LIMIT_WORKER_UNREAD (VMC_LIMIT_KNOWN + 3 * VMC_ENDPOINT_MAX_CONNS)

/* That a busy broker may, before guests are refused: two for each connection. */
#define VMC_LIMIT_BROKER_UNREAD (2 * VMC_ENDPOINT_MAX_CONNS)

/* Connections that may wait for a pump which a file blocks. */
#define VMC_LIMIT_PUMP_WAITING 1024

/* Of one pump: bytes that it takes at once, each way, and a datagram. */
#define VMC_LIMIT_PUMP_CHUNK 16384
#define VMC_LIMIT_PUMP_DATAGRAM 65536

/* Bytes of guests that have gone, once another has come. */
#define VMC_LIMIT_PUMP_LEFT 65536

/* Of one pump: connections that are over for their guests, with bytes for the host side. */
#define VMC_LIMIT_PUMP_GONE 16

/* Of one channel in mode bind: guests that have ended and left bytes for a host program. */
#define VMC_LIMIT_LEFT 16
