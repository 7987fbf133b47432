/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link's system calls: see link.h. Looks into no frame. */
#include <config.h>

#include "relay/process/link.h"

#include <errno.h>
#include <glib.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

int
vmcLinkCheck(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        vmcReportSystemError(errno, "link descriptor %d", fd);
        return -1;
    }
    if (type != SOCK_SEQPACKET) {
        vmcReportError(VIR_ERR_INVALID_ARG,
                       "link descriptor %d is no SOCK_SEQPACKET socket", fd);
        return -1;
    }
    return 0;
}

int
vmcLinkReceive(int fd, vmcLinkFrame frames[VMC_LINK_FRAMES], bool hungUp)
{
    struct mmsghdr packets[VMC_LINK_FRAMES] = { 0 };
    struct iovec iov[VMC_LINK_FRAMES];
    size_t bytes = 0;
    int n;

    for (int i = 0; i < VMC_LINK_FRAMES; i++) {
        iov[i] = (struct iovec){ frames[i].bytes, sizeof(frames[i].bytes) };
        packets[i].msg_hdr.msg_iov = &iov[i];
        packets[i].msg_hdr.msg_iovlen = 1;
    }
    do
        n = recvmmsg(fd, packets, VMC_LINK_FRAMES, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    for (int i = 0; i < n; i++) {
        frames[i].len = packets[i].msg_len;
        bytes += frames[i].len;
    }
    /* At the end of file come packets of no length, for ever. */
    return hungUp && bytes == 0 ? -1 : n;
}

enum {
    SMALL_ROOM = 6144,          /* eight frames of a few bytes each */
    OVERHEAD = 4608,            /* about what the kernel counts besides a large frame's bytes */
    FRAME_LEAST = 1514,
};

static void
setBuffer(int fd, int size)
{
    int half = size / 2;        /* the kernel doubles it */

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

/*
 * The kernel takes a frame while anything is left of the buffer: so the last large one
 * may use more, and that is kept free besides.
 */
void
vmcLinkDivide(int fd, int buffer, size_t frame, vmcLinkRoom *room)
{
    socklen_t len = sizeof(room->whole);
    int kept;

    setBuffer(fd, buffer);
    room->whole = buffer;
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room->whole, &len);
    kept = MIN((int)frame + OVERHEAD + SMALL_ROOM, room->whole / 2);
    room->bulk = room->whole - kept;
    room->frameMax = MIN(frame, (size_t)MAX(kept - OVERHEAD - SMALL_ROOM, FRAME_LEAST));
    setBuffer(fd, room->bulk);
}

bool
vmcLinkSendSmall(int fd, const vmcLinkRoom *room, const struct iovec *iov, int niov)
{
    bool sent = vmcLinkSend(fd, iov, niov);

    if (sent)
        return true;
    setBuffer(fd, room->whole);
    sent = vmcLinkSend(fd, iov, niov);
    setBuffer(fd, room->bulk);
    return sent;
}

/* Without memory for a frame just now (ENOBUFS) the kernel says at once that there is room. */
static bool
isFull(int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

bool
vmcLinkSend(int fd, const struct iovec *iov, int niov)
{
    ssize_t n;

    do
        n = writev(fd, iov, niov);
    while (n < 0 && errno == EINTR);
    /* Other errors: QEMU is gone, which vmcLinkReceive() notices. The frame is lost. */
    return n >= 0 || !isFull(errno);
}

size_t
vmcLinkUnread(int fd)
{
    int queued = 0;

    return ioctl(fd, SIOCOUTQ, &queued) == 0 ? (size_t)MAX(queued, 0) : 0;
}
