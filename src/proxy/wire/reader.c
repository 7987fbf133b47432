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

#define VMC_FROM_THIS VIR_FROM_RPC

/* About what a unix socket holds: a read of more would seldom be filled. */
#define BUFFER_SIZE (128 * 1024)

/* A descriptor and the number of its byte, counted from the connection's first. */
typedef struct {
    guint64 at;
    int fd;
} sourceFd;

struct _vmcSource {
    int fd;
    bool isSocket;
    bool ended;
    size_t start;               /* of what is unread in buffer */
    size_t end;
    guint64 consumed;           /* bytes before start since the connection's first */
    GArray *fds;                /* of sourceFd, in order */
    guint8 *buffer;             /* of BUFFER_SIZE; NULL while nothing is unread, at rest */
};

static void
sourceFdClear(void *element)
{
    vmcFdClose(&((sourceFd *)element)->fd);
}

static bool
isSocket(int fd)
{
    int type;
    socklen_t length = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

vmcSource *
vmcSourceNew(int fd)
{
    vmcSource *source = g_new0(vmcSource, 1);

    source->fd = fd;
    source->isSocket = isSocket(fd);
    source->fds = g_array_new(FALSE, FALSE, sizeof(sourceFd));
    g_array_set_clear_func(source->fds, sourceFdClear);
    return source;
}

void
vmcSourceFree(vmcSource *source)
{
    if (!source)
        return;
    g_array_unref(source->fds);
    g_free(source->buffer);
    g_free(source);
}

static void
compact(vmcSource *source)
{
    if (source->start == 0)
        return;
    memmove(source->buffer, source->buffer + source->start, source->end - source->start);
    source->end -= source->start;
    source->start = 0;
}

/* Keeps the descriptors of a message; of more than can be meant, none. */
static void
takeControl(vmcSource *source, struct msghdr *message, guint64 at)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        sourceFd element = { .at = at };

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            memcpy(&element.fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (source->fds->len < VMC_RPC_FDS_MAX)
                g_array_append_val(source->fds, element);
            else
                vmcFdClose(&element.fd);
        }
    }
}

static ssize_t
receive(vmcSource *source, guint8 *buffer, size_t size)
{
    union {
        char bytes[CMSG_SPACE(VMC_RPC_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { .iov_base = buffer, .iov_len = size };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(source->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n > 0)
        takeControl(source, &message, source->consumed + source->end + n - 1);
    return n;
}

int
vmcSourceFill(vmcSource *source)
{
    ssize_t n;

    if (!source->buffer)
        source->buffer = g_malloc(BUFFER_SIZE);
    compact(source);
    if (source->ended || source->end == BUFFER_SIZE)
        return 0;
    do {
        n = source->isSocket
            ? receive(source, source->buffer + source->end, BUFFER_SIZE - source->end)
            : read(source->fd, source->buffer + source->end, BUFFER_SIZE - source->end);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        source->end += n;
        return 0;
    }
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n == 0 || errno == ECONNRESET || errno == EPIPE) {
        source->ended = true;
        return 0;
    }
    vmcReportSystemError(errno, "%s", "cannot read from a peer");
    return -1;
}

void
vmcSourceRest(vmcSource *source)
{
    if (source->start == source->end)
        g_clear_pointer(&source->buffer, g_free);
}

bool
vmcSourceIsFull(const vmcSource *source)
{
    return source->end - source->start == BUFFER_SIZE;
}

bool
vmcSourceEnded(const vmcSource *source)
{
    return source->ended;
}

const guint8 *
vmcSourcePeek(const vmcSource *source, size_t *size)
{
    *size = source->end - source->start;
    return *size > 0 ? source->buffer + source->start : NULL;
}

/* Closes the descriptors of all bytes that were consumed. */
static void
dropFds(vmcSource *source)
{
    guint n = 0;

    while (n < source->fds->len && g_array_index(source->fds, sourceFd, n).at < source->consumed)
        n++;
    if (n > 0)
        g_array_remove_range(source->fds, 0, n);
}

void
vmcSourceConsume(vmcSource *source, size_t size)
{
    source->start += size;
    source->consumed += size;
    if (source->start == source->end)
        source->start = source->end = 0;
    dropFds(source);
}

int
vmcSourceTakeFd(vmcSource *source)
{
    int fd = -1;

    if (source->fds->len > 0) {
        sourceFd *first = &g_array_index(source->fds, sourceFd, 0);

        if (first->at == source->consumed)
            fd = vmcFdSteal(&first->fd);
    }
    vmcSourceConsume(source, 1);
    return fd;
}
