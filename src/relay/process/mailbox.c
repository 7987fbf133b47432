/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages between the relay's processes, the system calls: see mailbox.h.
 * What a message means is not known here.
 */
#include <config.h>

#include "relay/process/mailbox.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/socket.h"

typedef struct {
    vmcIpcMessage message;
    int fds[VMC_IPC_FDS];
    unsigned int nfds;
} queuedMessage;

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

/* As send(), and without descriptors no other call: a worker has none. */
static ssize_t
sendOnce(int fd, const queuedMessage *queued)
{
    ssize_t n;

    if (queued->nfds > 0)
        return vmcSocketSend(fd, &queued->message, sizeof(queued->message), queued->fds,
                             queued->nfds);
    do
        n = send(fd, &queued->message, sizeof(queued->message), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Returns false when there is no room. When the reader is gone the message is lost. */
static bool
sendMessage(int fd, const queuedMessage *queued)
{
    return sendOnce(fd, queued) >= 0 ||
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

int
vmcMailboxTake(int fd, vmcIpcWay way, vmcIpcMessage *message, int fds[VMC_IPC_FDS],
               unsigned int *nfds)
{
    unsigned int n = fds ? VMC_IPC_FDS : 0;
    ssize_t len = vmcSocketReceive(fd, message, sizeof(*message), fds, &n);

    if (len < 0 && errno == EAGAIN)
        return 0;
    if (fds)
        *nfds = n;
    if (len > 0 && vmcIpcCheck(message, (size_t)len, n, way))
        return 1;
    while (n > 0)
        close(fds[--n]);
    return -1;
}
