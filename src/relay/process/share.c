/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes of socket buffers: see share.h. Pure: computes. */
#include <config.h>

#include "relay/process/share.h"

#include <glib.h>

int
vmcShare(unsigned int conns)
{
    unsigned int part = VMC_SHARE_TOTAL / MAX(conns, 1);

    return (int)CLAMP(part, VMC_SHARE_MIN, VMC_SHARE_MAX);
}

int
vmcShareGrown(int size, unsigned int conns)
{
    return MAX(size, MIN(2 * size, vmcShare(conns)));
}
