/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What comes of a capture's socket, as its writer and its reader know it: a
 * frame of the link in each packet, behind this header.
 */
#pragma once

#include <stdint.h>

/* In host byte order. */
typedef struct {
    uint32_t seconds;           /* since 1970 */
    uint32_t microseconds;
    uint32_t len;               /* bytes of the frame, all of which follow */
    uint32_t lost;              /* frames since the last one that found no room */
} vmcCaptureHeader;

#define VMC_CAPTURE_FRAME_MAX 65535     /* bytes */
