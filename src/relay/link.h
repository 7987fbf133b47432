/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link to QEMU: one end of an AF_UNIX SOCK_SEQPACKET pair, one ethernet
 * frame a packet. EAGAIN is backpressure, end of file is QEMU's death.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* vmcLinkCheck: whether @fd is such a socket; 0, or -1 with an error. */
int vmcLinkCheck(int fd);

/*
 * vmcLinkReceive: takes one frame into @buf. Returns its length, 0 when QEMU
 * is gone, or -1 when no frame waits.
 */
ssize_t vmcLinkReceive(int fd, void *buf, size_t len);

/*
 * vmcLinkSend: returns whether the link, which must be non-blocking, took the
 * frame; false: it is full.
 */
bool vmcLinkSend(int fd, const struct iovec *iov, int niov);

/* vmcLinkBusy: whether QEMU has left frames unread (the VM is stopped, say). */
bool vmcLinkBusy(int fd);
