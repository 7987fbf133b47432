/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What broker and worker share in memory: the worker counts bytes in it, and
 * so can a successor go on counting. The broker believes no number of it; it
 * only passes them on.
 */
#pragma once

#include <stdint.h>

#include "qemu/nic.h"

/* Bytes since the channel is there: to the host side, and taken by the guest. */
typedef struct {
    uint64_t up, down;
} vmcCountersBytes;

typedef struct {
    /*
     * Raised by the broker when there is a message about channels in the
     * worker's mailbox, which so is read before the next frame: a guest that
     * hears of a new channel from whoever had it added finds it there.
     */
    uint64_t channelMessages;
    vmcCountersBytes channels[VMC_NIC_CHANNELS_MAX]; /* by the channel's number */
} vmcCounters;

/*
 * vmcCountersNew: makes the memory, all zero, and *@fd for the others, close-on-exec
 * and of a size that nobody can change. NULL with an error.
 * vmcCountersMap: the same memory by that descriptor; NULL when it cannot be had.
 */
vmcCounters *vmcCountersNew(int *fd);
vmcCounters *vmcCountersMap(int fd);
void vmcCountersFree(vmcCounters *counters);
