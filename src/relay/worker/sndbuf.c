/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fits into a unix socket's send buffer: see sndbuf.h. */
#include <config.h>

#include "relay/worker/sndbuf.h"

/* Not promised, since small pieces may waste it, and the first one half of what it takes. */
#define WASTE(size) MAX((size) / 8, 2 * VMC_SNDBUF_PIECE)

/* Bytes that fit, in pieces of VMC_SNDBUF_PIECE and more. */
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
vmcSndbufQueued(vmcSndbuf *sndbuf, size_t queued)
{
    sndbuf->free = minus(sndbuf->size, queued);
}

size_t
vmcSndbufPromise(vmcSndbuf *sndbuf)
{
    size_t bytes = capacity(minus(sndbuf->free, WASTE(sndbuf->size)));

    sndbuf->owed = MAX(sndbuf->owed, bytes);
    return bytes;
}

/* An empty buffer: the host program has read all, and would wait for these bytes. */
bool
vmcSndbufTakes(const vmcSndbuf *sndbuf, size_t len)
{
    return len >= VMC_SNDBUF_PIECE || sndbuf->free == sndbuf->size ||
        capacity(minus(sndbuf->free, cost(len))) >= minus(sndbuf->owed, len);
}

void
vmcSndbufWritten(vmcSndbuf *sndbuf, size_t len)
{
    sndbuf->free = minus(sndbuf->free, len >= VMC_SNDBUF_PIECE ? len + len / 8 : cost(len));
    sndbuf->owed = minus(sndbuf->owed, len);
}
