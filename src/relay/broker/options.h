/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's command line, which qemu-vmchannel writes: its whole
 * configuration.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include "conf/domain_chr.h"
#include "conf/network.h"

typedef struct {
    int linkFd;                 /* our end of the link */
    vmcNetwork network;         /* the guest's */
    bool noDhcp;                /* it is offered no address */
    unsigned int mtu;           /* IP bytes a frame */
    char *name;                 /* the guest's name, uuid: NULL when it has none */
    char *uuid;
    bool debug;                 /* say at start how the processes are confined */
    GPtrArray *channels;        /* of vmcChannel */
} vmcRelayOptions;

/*
 * vmcRelayOptionsParse:
 * Reads @argv, the program's name first. Returns the options, which the caller
 * frees, or NULL with an error that names the option. --help and --version
 * are the caller's.
 */
vmcRelayOptions *vmcRelayOptionsParse(const char *const *argv);

void vmcRelayOptionsFree(vmcRelayOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcRelayOptions, vmcRelayOptionsFree)
