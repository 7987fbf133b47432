/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link to QEMU: one end of an AF_UNIX SOCK_SEQPACKET pair, one ethernet
 * frame a packet. EAGAIN is backpressure, hanging up is QEMU's death.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "endpoint/types.h"

/* vmcLinkCheck: whether @fd is such a socket; 0, or -1 with an error. */
int vmcLinkCheck(int fd);

/* Frames that are taken at once, so that one call also says when no more wait. */
#define VMC_LINK_FRAMES 2

typedef struct {
    size_t len;
    uint8_t bytes[VMC_ENDPOINT_FRAME_MAX];
} vmcLinkFrame;

/*
 * vmcLinkReceive: takes the next frames. Returns how many, fewer than
 * VMC_LINK_FRAMES when no more wait, or -1 when QEMU is gone and all that it
 * had sent is taken. @hungUp: an event has said that QEMU is gone, without which
 * a packet of no length is a frame of no length.
 */
int vmcLinkReceive(int fd, vmcLinkFrame frames[VMC_LINK_FRAMES], bool hungUp);

/*
 * How the link's buffer is used, in bytes as the kernel counts them: frames go until
 * @bulk of it are used, small ones go until @whole.
 */
typedef struct {
    int bulk, whole;
    size_t frameMax;            /* the kernel refuses larger frames, or none would be left */
} vmcLinkRoom;

/*
 * vmcLinkDivide: gives the link, whose frames have at most @frame bytes, @buffer bytes as
 * the kernel counts, or what net.core.wmem_max lets it have, and keeps a part of them
 * for vmcLinkSendSmall().
 */
void vmcLinkDivide(int fd, int buffer, size_t frame, vmcLinkRoom *room);

/* Six large frames, and small ones. */
#define VMC_LINK_BUFFER (512 * 1024)

/*
 * vmcLinkSend: returns whether the link, which must be non-blocking, took the
 * frame; false: it is full.
 */
bool vmcLinkSend(int fd, const struct iovec *iov, int niov);

/* vmcLinkSendSmall: the same, and uses the room that is kept for such frames. */
bool vmcLinkSendSmall(int fd, const vmcLinkRoom *room, const struct iovec *iov, int niov);

/*
 * vmcLinkUnread: at most so many of the last bytes that were sent are still unread by
 * QEMU (the VM is stopped, say). The kernel counts its own overhead too.
 */
size_t vmcLinkUnread(int fd);
