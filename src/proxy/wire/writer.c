/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writing side of a connection: see writer.h. */
#include <config.h>

#include "proxy/wire/writer.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* A buffer that grew beyond this is given back when it is empty. */
#define KEEP_SIZE (64 * 1024)

/* A descriptor and where its byte stands in the buffer. */
typedef struct {
    size_t at;
    int fd;
} heldFd;

struct _vmcWireWriter {
    int fd;
    bool passing;               /* inside a message that passes through */
    bool broken;                /* the peer is gone: nothing is kept any more */
    GByteArray *buffer;
    size_t start;               /* of what is unsent in buffer */
    GArray *fds;                /* of heldFd, in order */
    GByteArray *inserted;       /* whole ones, until the one that is passing has passed */
};

static void
heldFdClear(void *element)
{
    vmcFdClose(&((heldFd *)element)->fd);
}

vmcWireWriter *
vmcWireWriterNew(int fd)
{
    vmcWireWriter *writer = g_new0(vmcWireWriter, 1);

    writer->fd = fd;
    writer->buffer = g_byte_array_new();
    writer->inserted = g_byte_array_new();
    writer->fds = g_array_new(FALSE, FALSE, sizeof(heldFd));
    g_array_set_clear_func(writer->fds, heldFdClear);
    return writer;
}

void
vmcWireWriterFree(vmcWireWriter *writer)
{
    if (!writer)
        return;
    g_byte_array_unref(writer->buffer);
    g_byte_array_unref(writer->inserted);
    g_array_unref(writer->fds);
    g_free(writer);
}

void
vmcWireWriterBegin(vmcWireWriter *writer)
{
    writer->passing = true;
}

void
vmcWireWriterAppend(vmcWireWriter *writer, const guint8 *bytes, size_t size)
{
    g_byte_array_append(writer->buffer, bytes, size);
}

void
vmcWireWriterAppendFd(vmcWireWriter *writer, guint8 byte, int fd)
{
    heldFd element = { .at = writer->buffer->len, .fd = fd };

    g_array_append_val(writer->fds, element);
    vmcWireWriterAppend(writer, &byte, 1);
}

void
vmcWireWriterEnd(vmcWireWriter *writer)
{
    writer->passing = false;
    vmcWireWriterAppend(writer, writer->inserted->data, writer->inserted->len);
    g_byte_array_set_size(writer->inserted, 0);
}

void
vmcWireWriterInsert(vmcWireWriter *writer, const GByteArray *message)
{
    g_byte_array_append(writer->passing ? writer->inserted : writer->buffer,
                        message->data, message->len);
}

size_t
vmcWireWriterPending(const vmcWireWriter *writer)
{
    return writer->buffer->len - writer->start;
}

size_t
vmcWireWriterSize(const vmcWireWriter *writer)
{
    return vmcWireWriterPending(writer) + writer->inserted->len;
}

static ssize_t
sendBytes(int fd, const guint8 *bytes, size_t size)
{
    ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write(fd, bytes, size) : n;
}

/* Sends what can go in one piece: bytes up to a descriptor, or one with its byte. */
static ssize_t
sendPiece(vmcWireWriter *writer)
{
    const guint8 *bytes = writer->buffer->data + writer->start;
    const heldFd *first;
    ssize_t n;

    if (writer->fds->len == 0)
        return sendBytes(writer->fd, bytes, writer->buffer->len - writer->start);
    first = &g_array_index(writer->fds, heldFd, 0);
    if (first->at > writer->start)
        return sendBytes(writer->fd, bytes, first->at - writer->start);
    n = vmcSocketSend(writer->fd, bytes, 1, &first->fd, 1);
    if (n > 0)
        g_array_remove_index(writer->fds, 0);
    return n;
}

static void
reset(vmcWireWriter *writer)
{
    bool large = writer->buffer->len > KEEP_SIZE;

    writer->start = 0;
    g_array_set_size(writer->fds, 0);
    g_byte_array_set_size(writer->buffer, 0);
    if (large) {
        g_byte_array_unref(writer->buffer);
        writer->buffer = g_byte_array_new();
    }
}

/* Moves what is unsent to the front, before much is in front of it. */
static void
compact(vmcWireWriter *writer)
{
    if (writer->start < KEEP_SIZE)
        return;
    for (guint i = 0; i < writer->fds->len; i++)
        g_array_index(writer->fds, heldFd, i).at -= writer->start;
    g_byte_array_remove_range(writer->buffer, 0, writer->start);
    writer->start = 0;
}

bool
vmcWireWriterIsBroken(const vmcWireWriter *writer)
{
    return writer->broken;
}

/* After a write failed: 0 when the peer takes nothing now, or is gone. */
static int
judge(vmcWireWriter *writer)
{
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    writer->broken = errno == EPIPE || errno == ECONNRESET;
    if (writer->broken)
        return 0;
    vmcReportSystemError(errno, "%s", "cannot write to a peer");
    return -1;
}

int
vmcWireWriterSend(vmcWireWriter *writer, const guint8 *bytes, size_t size, size_t *sent)
{
    ssize_t n = 0;
    int ret = 0;

    if (!writer->broken && writer->start == writer->buffer->len) {
        n = sendBytes(writer->fd, bytes, size);
        ret = n < 0 ? judge(writer) : 0;
    }
    *sent = writer->broken ? size : n > 0 ? (size_t)n : 0;
    return ret;
}

int
vmcWireWriterFlush(vmcWireWriter *writer)
{
    while (!writer->broken && writer->start < writer->buffer->len) {
        ssize_t n = sendPiece(writer);

        if (n > 0) {
            writer->start += n;
        } else if (judge(writer) < 0) {
            return -1;
        } else if (!writer->broken) {
            compact(writer);
            return 0;
        }
    }
    if (writer->start > 0 || writer->broken)
        reset(writer);
    return 0;
}
