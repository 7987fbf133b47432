/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What broker and worker share in memory. The worker counts in it, and its
 * successor goes on from there. The broker does not rely on these numbers; it only
 * shows them to the control socket's clients.
 */
#pragma once

#include <stdint.h>

#include "qemu/nic.h"

/* Since the channel is there. */
typedef struct {
    uint64_t up, down;          /* bytes to the host side, and taken by the guest */
    uint64_t dropped;           /* connections refused by a limit of the relay's */
    uint64_t evicted;           /* connections that gave way to another */
} vmcCountersChannel;

typedef struct {
    /*
     * Raised by the broker when it has posted a message about channels, which the
     * worker then reads before the next frame: so a new channel is there when a
     * guest, told of it by whoever added it, connects to it.
     */
    uint64_t channelMessages;
    vmcCountersChannel channels[VMC_NIC_CHANNELS_MAX]; /* by the channel's number */
} vmcCounters;

/*
 * vmcCountersNew: makes the memory, all zero, and *@fd for the others, close-on-exec
 * and of a size that nobody can change. NULL with an error.
 * vmcCountersMap: the same memory by that descriptor; NULL when it cannot be had.
 */
vmcCounters *vmcCountersNew(int *fd);
vmcCounters *vmcCountersMap(int fd);
void vmcCountersFree(vmcCounters *counters);
