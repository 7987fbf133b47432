/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is read from a capture's socket: each packet is this header and a frame of
 * the link. The worker writes them, virt-vmchannel reads them.
 */
#pragma once

#include <stdint.h>

/* In host byte order. */
typedef struct {
    uint32_t seconds;           /* since 1970 */
    uint32_t microseconds;
    uint32_t len;               /* bytes of the frame, all of which follow */
    uint32_t lost;              /* frames lost since the last packet, for want of room */
} vmcCaptureHeader;

#define VMC_CAPTURE_FRAME_MAX 65535     /* bytes */
