/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writing side of a connection: see writer.h. */
#include <config.h>

#include "proxy/wire/writer.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* A buffer that grew beyond this is given back when it is empty. */
#define KEEP_SIZE (64 * 1024)

/* A descriptor and where its byte stands in the buffer. */
typedef struct {
    size_t at;
    int fd;
} sinkFd;

struct _vmcSink {
    int fd;
    bool passing;               /* inside a message that is not ours */
    bool broken;                /* the peer is gone: nothing is kept any more */
    GByteArray *buffer;
    size_t start;               /* of what is unsent in buffer */
    GArray *fds;                /* of sinkFd, in order */
    GByteArray *inserted;       /* our own, until the one that is passing has passed */
};

static void
sinkFdClear(void *element)
{
    vmcFdClose(&((sinkFd *)element)->fd);
}

vmcSink *
vmcSinkNew(int fd)
{
    vmcSink *sink = g_new0(vmcSink, 1);

    sink->fd = fd;
    sink->buffer = g_byte_array_new();
    sink->inserted = g_byte_array_new();
    sink->fds = g_array_new(FALSE, FALSE, sizeof(sinkFd));
    g_array_set_clear_func(sink->fds, sinkFdClear);
    return sink;
}

void
vmcSinkFree(vmcSink *sink)
{
    if (!sink)
        return;
    g_byte_array_unref(sink->buffer);
    g_byte_array_unref(sink->inserted);
    g_array_unref(sink->fds);
    g_free(sink);
}

void
vmcSinkBegin(vmcSink *sink)
{
    sink->passing = true;
}

void
vmcSinkAppend(vmcSink *sink, const guint8 *bytes, size_t size)
{
    g_byte_array_append(sink->buffer, bytes, size);
}

void
vmcSinkAppendFd(vmcSink *sink, guint8 byte, int fd)
{
    sinkFd element = { .at = sink->buffer->len, .fd = fd };

    g_array_append_val(sink->fds, element);
    vmcSinkAppend(sink, &byte, 1);
}

void
vmcSinkEnd(vmcSink *sink)
{
    sink->passing = false;
    vmcSinkAppend(sink, sink->inserted->data, sink->inserted->len);
    g_byte_array_set_size(sink->inserted, 0);
}

void
vmcSinkInsert(vmcSink *sink, const GByteArray *message)
{
    g_byte_array_append(sink->passing ? sink->inserted : sink->buffer,
                        message->data, message->len);
}

size_t
vmcSinkPending(const vmcSink *sink)
{
    return sink->buffer->len - sink->start;
}

size_t
vmcSinkSize(const vmcSink *sink)
{
    return vmcSinkPending(sink) + sink->inserted->len;
}

static ssize_t
sendFd(int socket, const guint8 *byte, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t
sendBytes(int fd, const guint8 *bytes, size_t size)
{
    ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write(fd, bytes, size) : n;
}

/* Sends what can go in one piece: bytes up to a descriptor, or one with its byte. */
static ssize_t
sendPiece(vmcSink *sink)
{
    const guint8 *bytes = sink->buffer->data + sink->start;
    const sinkFd *first;
    ssize_t n;

    if (sink->fds->len == 0)
        return sendBytes(sink->fd, bytes, sink->buffer->len - sink->start);
    first = &g_array_index(sink->fds, sinkFd, 0);
    if (first->at > sink->start)
        return sendBytes(sink->fd, bytes, first->at - sink->start);
    n = sendFd(sink->fd, bytes, first->fd);
    if (n > 0)
        g_array_remove_index(sink->fds, 0);
    return n;
}

static void
reset(vmcSink *sink)
{
    bool large = sink->buffer->len > KEEP_SIZE;

    sink->start = 0;
    g_array_set_size(sink->fds, 0);
    g_byte_array_set_size(sink->buffer, 0);
    if (large) {
        g_byte_array_unref(sink->buffer);
        sink->buffer = g_byte_array_new();
    }
}

/* Moves what is unsent to the front, before much is in front of it. */
static void
compact(vmcSink *sink)
{
    if (sink->start < KEEP_SIZE)
        return;
    for (guint i = 0; i < sink->fds->len; i++)
        g_array_index(sink->fds, sinkFd, i).at -= sink->start;
    g_byte_array_remove_range(sink->buffer, 0, sink->start);
    sink->start = 0;
}

bool
vmcSinkIsBroken(const vmcSink *sink)
{
    return sink->broken;
}

/* After a write failed: 0 when the peer takes nothing now, or is gone. */
static int
judge(vmcSink *sink)
{
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    sink->broken = errno == EPIPE || errno == ECONNRESET;
    if (sink->broken)
        return 0;
    vmcReportSystemError(errno, "%s", "cannot write to a peer");
    return -1;
}

int
vmcSinkSend(vmcSink *sink, const guint8 *bytes, size_t size, size_t *sent)
{
    ssize_t n = 0;
    int ret = 0;

    if (!sink->broken && sink->start == sink->buffer->len) {
        n = sendBytes(sink->fd, bytes, size);
        ret = n < 0 ? judge(sink) : 0;
    }
    *sent = sink->broken ? size : n > 0 ? (size_t)n : 0;
    return ret;
}

int
vmcSinkFlush(vmcSink *sink)
{
    while (!sink->broken && sink->start < sink->buffer->len) {
        ssize_t n = sendPiece(sink);

        if (n > 0) {
            sink->start += n;
        } else if (judge(sink) < 0) {
            return -1;
        } else if (!sink->broken) {
            compact(sink);
            return 0;
        }
    }
    if (sink->start > 0 || sink->broken)
        reset(sink);
    return 0;
}
