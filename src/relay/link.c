/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The link's system calls: see link.h. Looks into no frame. */
#include <config.h>

#include "relay/link.h"

#include <errno.h>
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

ssize_t
vmcLinkReceive(int fd, void *buf, size_t len)
{
    ssize_t n;

    do
        n = recv(fd, buf, len, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        return 0;
    return n;
}

bool
vmcLinkSend(int fd, const struct iovec *iov, int niov)
{
    ssize_t n;

    do
        n = writev(fd, iov, niov);
    while (n < 0 && errno == EINTR);
    /* When QEMU is gone the frame has no reader: the read side hears of it. */
    return n >= 0 || errno != EAGAIN;
}

bool
vmcLinkBusy(int fd)
{
    int queued = 0;

    return ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0;
}
