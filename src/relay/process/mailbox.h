/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One end of the socket between the broker and another process of the relay.
 * Broker and worker never wait for the other side: what does not fit is queued. Only
 * the broker passes descriptors.
 */
#pragma once

#include <glib.h>

#include "relay/process/ipc.h"

/* An end that does not wait. */
typedef struct {
    int fd;                     /* -1: closed */
    GQueue waiting;             /* of messages that the socket has no room for */
} vmcMailbox;

void vmcMailboxOpen(vmcMailbox *mailbox, int fd);
void vmcMailboxClose(vmcMailbox *mailbox);

/*
 * vmcMailboxPost: sends, or queues, a message with @nfds descriptors, which are
 * the mailbox's from now on. vmcMailboxFlush sends what was queued; call it
 * when the socket is writable. Both return whether the queue is empty.
 */
bool vmcMailboxPost(vmcMailbox *mailbox, const vmcIpcMessage *message, const int *fds,
                    unsigned int nfds);
bool vmcMailboxFlush(vmcMailbox *mailbox);

/* vmcMailboxTell: what a process says once, at its start; waits for room. */
void vmcMailboxTell(int fd, const vmcIpcMessage *message);

/*
 * vmcMailboxTake:
 * The next message that came @way: 1; 0: none waits; -1: the other side is gone
 * or sent something else. With @fds its descriptors are the caller's, *@nfds of
 * them, close-on-exec; none, when this process has no room for all of them.
 * Without, there must be none and the kernel drops any.
 */
int vmcMailboxTake(int fd, vmcIpcWay way, vmcIpcMessage *message, int fds[VMC_IPC_FDS],
                   unsigned int *nfds);
