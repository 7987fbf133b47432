/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets and the descriptors that they pass: see socket.h. */
#include <config.h>

#include "util/socket.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Room for descriptors beside a message, aligned as the kernel wants it. */
typedef union {
    struct cmsghdr align;
    char space[CMSG_SPACE(VMC_SOCKET_FDS_MAX * sizeof(int))];
} controlRoom;

bool
vmcSocketIs(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

int
vmcSocketAddress(struct sockaddr_un *address, const char *path)
{
    size_t len = strlen(path);

    if (len > VMC_SOCKET_PATH_MAX) {
        errno = ENAMETOOLONG;
        vmcReportSystemError(errno, "socket path '%s' has %zu bytes, more than %zu", path, len,
                             VMC_SOCKET_PATH_MAX);
        return -1;
    }
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address->sun_path, path, len);
    return 0;
}

int
vmcSocketConnect(const struct sockaddr_un *address, int flags, unsigned int seconds)
{
    struct timeval limit = { .tv_sec = seconds };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int rc;

    if (fd < 0)
        return -1;
    rc = seconds == 0 ? 0 : setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (rc == 0) {
        do
            rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
        while (rc < 0 && errno == EINTR);
    }
    if (rc < 0)
        vmcFdClose(&fd);
    return fd;
}

int
vmcSocketBind(const struct sockaddr_un *address, int flags, mode_t mode)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    mode_t mask = umask(0777 & ~mode);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        vmcFdClose(&fd);
    umask(mask);
    return fd;
}

ssize_t
vmcSocketSend(int fd, const void *bytes, size_t len, const int *fds, unsigned int nfds)
{
    controlRoom room = { .space = { 0 } };
    struct iovec iov = { (void *)(uintptr_t)bytes, len };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (nfds > VMC_SOCKET_FDS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (nfds > 0) {
        room.align.cmsg_level = SOL_SOCKET;
        room.align.cmsg_type = SCM_RIGHTS;
        room.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&room.align), fds, nfds * sizeof(int));
        message.msg_control = &room;
        message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
    }
    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Copies the descriptors that came to @fds; returns how many. */
static unsigned int
takeFds(struct msghdr *message, int *fds)
{
    unsigned int n = 0;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        size_t len = part->cmsg_len - CMSG_LEN(0);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(fds + n, CMSG_DATA(part), len);
        n += (unsigned int)(len / sizeof(int));
    }
    return n;
}

ssize_t
vmcSocketReceive(int fd, void *bytes, size_t size, int *fds, unsigned int *nfds)
{
    controlRoom room;
    struct iovec iov = { bytes, size };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    unsigned int n = 0;
    ssize_t len;

    if (nfds && *nfds > VMC_SOCKET_FDS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (nfds && *nfds > 0) {
        /* CMSG_SPACE() would round up, to room for one more than @fds has. */
        message.msg_control = &room;
        message.msg_controllen = CMSG_LEN(*nfds * sizeof(int));
    }
    do
        len = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len >= 0 && message.msg_control)
        n = takeFds(&message, fds);
    if (len >= 0 && message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        while (n > 0)
            close(fds[--n]);
    }
    if (nfds)
        *nfds = n;
    if (len >= 0 && message.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    return len;
}
