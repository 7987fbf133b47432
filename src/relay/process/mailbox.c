/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages between the relay's processes, the system calls: see mailbox.h.
 * What a message means is not known here.
 */
#include <config.h>

#include "relay/process/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"

typedef struct {
    vmcIpcMessage message;
    int fds[VMC_IPC_FDS];
    unsigned int nfds;
} queuedMessage;

/* Room for descriptors beside a message, aligned as the kernel wants it. */
typedef union {
    struct cmsghdr align;
    char space[CMSG_SPACE(VMC_IPC_FDS * sizeof(int))];
} control;

static void
messageFree(queuedMessage *queued)
{
    for (unsigned int i = 0; i < queued->nfds; i++)
        close(queued->fds[i]);
    g_free(queued);
}

void
vmcMailboxOpen(vmcMailbox *mailbox, int fd)
{
    mailbox->fd = fd;
    g_queue_init(&mailbox->waiting);
}

void
vmcMailboxClose(vmcMailbox *mailbox)
{
    queuedMessage *queued;

    while ((queued = g_queue_pop_head(&mailbox->waiting)))
        messageFree(queued);
    vmcFdClose(&mailbox->fd);
}

/* Returns false when there is no room. When the reader is gone the message is lost. */
static bool
sendMessage(int fd, const queuedMessage *queued)
{
    control fds = { .space = { 0 } };
    struct iovec iov = { (void *)&queued->message, sizeof(queued->message) };
    struct msghdr packet = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (queued->nfds > 0) {
        fds.align.cmsg_level = SOL_SOCKET;
        fds.align.cmsg_type = SCM_RIGHTS;
        fds.align.cmsg_len = CMSG_LEN(queued->nfds * sizeof(int));
        memcpy(CMSG_DATA(&fds.align), queued->fds, queued->nfds * sizeof(int));
        packet.msg_control = &fds;
        packet.msg_controllen = CMSG_SPACE(queued->nfds * sizeof(int));
    }
    return sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
        (errno != EAGAIN && errno != ETOOMANYREFS && errno != ENOBUFS);
}

bool
vmcMailboxFlush(vmcMailbox *mailbox)
{
    queuedMessage *queued;

    while ((queued = g_queue_peek_head(&mailbox->waiting))) {
        if (!sendMessage(mailbox->fd, queued))
            return false;
        messageFree(g_queue_pop_head(&mailbox->waiting));
    }
    return true;
}

bool
vmcMailboxPost(vmcMailbox *mailbox, const vmcIpcMessage *message, const int *fds, unsigned int nfds)
{
    queuedMessage *queued = g_new0(queuedMessage, 1);

    queued->message = *message;
    queued->nfds = nfds;
    for (unsigned int i = 0; i < nfds; i++)
        queued->fds[i] = fds[i];
    g_queue_push_tail(&mailbox->waiting, queued);
    return vmcMailboxFlush(mailbox);
}

void
vmcMailboxTell(int fd, const vmcIpcMessage *message)
{
    while (send(fd, message, sizeof(*message), MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
}

/* Takes the descriptors that came; returns how many. */
static unsigned int
takeFds(struct msghdr *packet, int fds[VMC_IPC_FDS])
{
    struct cmsghdr *part = CMSG_FIRSTHDR(packet);
    size_t len;

    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return 0;
    len = part->cmsg_len - CMSG_LEN(0);
    memcpy(fds, CMSG_DATA(part), len);
    return (unsigned int)(len / sizeof(int));
}

int
vmcMailboxTake(int fd, vmcIpcWay way, vmcIpcMessage *message, int fds[VMC_IPC_FDS],
               unsigned int *nfds)
{
    control room;
    struct iovec iov = { message, sizeof(*message) };
    struct msghdr packet = { .msg_iov = &iov, .msg_iovlen = 1 };
    unsigned int n = 0;
    ssize_t len;

    if (fds) {
        packet.msg_control = &room;
        packet.msg_controllen = sizeof(room);
    }
    do
        len = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno == EAGAIN)
        return 0;
    if (len > 0 && fds)
        n = takeFds(&packet, fds);
    if (packet.msg_flags & MSG_CTRUNC) {
        while (n > 0)
            close(fds[--n]);
    }
    if (fds)
        *nfds = n;
    if (len > 0 && (packet.msg_flags & MSG_TRUNC) == 0 &&
        vmcIpcCheck(message, (size_t)len, n, way))
        return 1;
    while (n > 0)
        close(fds[--n]);
    return -1;
}
