/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of the link's frames for a client of the control socket: one frame a packet of a
 * SOCK_SEQPACKET socket, behind its header. Never waits for its reader.
 */
#pragma once

#include <sys/uio.h>

#include "control/capture.h"

typedef struct {
    int fd;                     /* -1: there is no capture */
    uint32_t lost;
} vmcCapture;

/* vmcCaptureSet: from now on frames go to @fd, which is the capture's; -1: nowhere. */
void vmcCaptureSet(vmcCapture *capture, int fd);

/* vmcCaptureFrame: one frame, in @niov parts, at most two. */
void vmcCaptureFrame(vmcCapture *capture, const struct iovec *iov, int niov);
