/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fits into a unix socket's send buffer: see sndbuf.h. */
#include <config.h>

#include "relay/worker/sndbuf.h"

/* That is not promised: what small pieces may waste. */
#define WASTE(size) ((size) / 8)

/* Bytes that find room, in pieces of VMC_SNDBUF_PIECE and more. */
static size_t
capacity(size_t free)
{
    return free / 8 * 7;
}

/* What a write of @len bytes costs at most: powers of two, and a header. */
static size_t
cost(size_t len)
{
    return 2 * len + 1024;
}

static size_t
minus(size_t a, size_t b)
{
    return a - MIN(a, b);
}

void
vmcSndbufQueued(vmcSndbuf *room, size_t queued)
{
    room->free = minus(room->size, queued);
}

size_t
vmcSndbufPromise(vmcSndbuf *room)
{
    size_t bytes = capacity(minus(room->free, WASTE(room->size)));

    room->owed = MAX(room->owed, bytes);
    return bytes;
}

/* Of a host program that has read all there is nothing to wait for. */
bool
vmcSndbufTakes(const vmcSndbuf *room, size_t len)
{
    return len >= VMC_SNDBUF_PIECE || room->free == room->size ||
        capacity(minus(room->free, cost(len))) >= minus(room->owed, len);
}

void
vmcSndbufWritten(vmcSndbuf *room, size_t len)
{
    room->free = minus(room->free, len >= VMC_SNDBUF_PIECE ? len + len / 8 : cost(len));
    room->owed = minus(room->owed, len);
}
