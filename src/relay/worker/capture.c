/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of frames for a capture: see capture.h. Looks into none. */
#include <config.h>

#include "relay/worker/capture.h"

#include <errno.h>
#include <time.h>

#include "util/fd.h"

#define PARTS_MAX 2

void
vmcCaptureSet(vmcCapture *capture, int fd)
{
    vmcFdClose(&capture->fd);
    capture->fd = fd;
    capture->lost = 0;
}

void
vmcCaptureFrame(vmcCapture *capture, const struct iovec *iov, int niov)
{
    struct iovec parts[1 + PARTS_MAX];
    vmcCaptureHeader header = { .lost = capture->lost };
    struct timespec now;

    if (capture->fd < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    header.seconds = (uint32_t)now.tv_sec;
    header.microseconds = (uint32_t)(now.tv_nsec / 1000);
    parts[0] = (struct iovec){ &header, sizeof(header) };
    for (int i = 0; i < niov; i++) {
        parts[1 + i] = iov[i];
        header.len += (uint32_t)iov[i].iov_len;
    }
    /* The broker sees when the reader has gone, and ends the capture. */
    if (writev(capture->fd, parts, 1 + niov) >= 0)
        capture->lost = 0;
    else
        capture->lost++;
}
