/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reading side of a connection: see reader.h. The kernel ends a read with
 * the bytes that a descriptor was sent with, so the last byte of a read is the
 * one that its descriptors belong to.
 */
#include <config.h>

#include "proxy/wire/reader.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/message.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* About what a unix socket holds: a read of more would seldom be filled. */
#define BUFFER_SIZE (128 * 1024)

/* A descriptor and the number of its byte, counted from the connection's first. */
typedef struct {
    guint64 at;
    int fd;
} heldFd;

struct _vmcWireReader {
    int fd;
    bool isSocket;
    bool ended;
    size_t start;               /* of what is unread in buffer */
    size_t end;
    guint64 consumed;           /* bytes before start since the connection's first */
    GArray *fds;                /* of heldFd, in order */
    guint8 *buffer;             /* of BUFFER_SIZE; NULL while nothing is unread, at rest */
};

static void
heldFdClear(void *element)
{
    vmcFdClose(&((heldFd *)element)->fd);
}

vmcWireReader *
vmcWireReaderNew(int fd)
{
    vmcWireReader *reader = g_new0(vmcWireReader, 1);

    reader->fd = fd;
    reader->isSocket = vmcSocketIs(fd);
    reader->fds = g_array_new(FALSE, FALSE, sizeof(heldFd));
    g_array_set_clear_func(reader->fds, heldFdClear);
    return reader;
}

void
vmcWireReaderFree(vmcWireReader *reader)
{
    if (!reader)
        return;
    g_array_unref(reader->fds);
    g_free(reader->buffer);
    g_free(reader);
}

static void
compact(vmcWireReader *reader)
{
    if (reader->start == 0)
        return;
    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
}

/* Descriptors are with the last byte that came with them; of more than can be meant, none. */
static ssize_t
receive(vmcWireReader *reader, guint8 *buffer, size_t size)
{
    int fds[VMC_RPC_FDS_MAX];
    unsigned int nfds = VMC_RPC_FDS_MAX;
    ssize_t n = vmcSocketReceive(reader->fd, buffer, size, fds, &nfds);

    for (unsigned int i = 0; i < nfds; i++) {
        heldFd element = { .at = reader->consumed + reader->end + (guint64)n - 1, .fd = fds[i] };

        if (n > 0 && reader->fds->len < VMC_RPC_FDS_MAX)
            g_array_append_val(reader->fds, element);
        else
            vmcFdClose(&element.fd);
    }
    return n;
}

int
vmcWireReaderFill(vmcWireReader *reader)
{
    ssize_t n;

    if (!reader->buffer)
        reader->buffer = g_malloc(BUFFER_SIZE);
    compact(reader);
    if (reader->ended || reader->end == BUFFER_SIZE)
        return 0;
    do {
        n = reader->isSocket
            ? receive(reader, reader->buffer + reader->end, BUFFER_SIZE - reader->end)
            : read(reader->fd, reader->buffer + reader->end, BUFFER_SIZE - reader->end);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        reader->end += n;
        return 0;
    }
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n == 0 || errno == ECONNRESET || errno == EPIPE) {
        reader->ended = true;
        return 0;
    }
    vmcReportSystemError(errno, "%s", "cannot read from a peer");
    return -1;
}

void
vmcWireReaderRest(vmcWireReader *reader)
{
    if (reader->start == reader->end)
        g_clear_pointer(&reader->buffer, g_free);
}

bool
vmcWireReaderIsFull(const vmcWireReader *reader)
{
    return reader->end - reader->start == BUFFER_SIZE;
}

bool
vmcWireReaderEnded(const vmcWireReader *reader)
{
    return reader->ended;
}

const guint8 *
vmcWireReaderPeek(const vmcWireReader *reader, size_t *size)
{
    *size = reader->end - reader->start;
    return *size > 0 ? reader->buffer + reader->start : NULL;
}

/* Closes the descriptors of all bytes that were consumed. */
static void
dropFds(vmcWireReader *reader)
{
    guint n = 0;

    while (n < reader->fds->len && g_array_index(reader->fds, heldFd, n).at < reader->consumed)
        n++;
    if (n > 0)
        g_array_remove_range(reader->fds, 0, n);
}

void
vmcWireReaderConsume(vmcWireReader *reader, size_t size)
{
    reader->start += size;
    reader->consumed += size;
    if (reader->start == reader->end)
        reader->start = reader->end = 0;
    dropFds(reader);
}

int
vmcWireReaderTakeFd(vmcWireReader *reader)
{
    int fd = -1;

    if (reader->fds->len > 0) {
        heldFd *first = &g_array_index(reader->fds, heldFd, 0);

        if (first->at == reader->consumed)
            fd = vmcFdSteal(&first->fd);
    }
    vmcWireReaderConsume(reader, 1);
    return fd;
}
