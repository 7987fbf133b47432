/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's user-mode networks as QEMU's options say them: QEMU's own, "user", and
 * passt's. In them hosts have addresses that the guest did not ask for (a gateway, a
 * name server, …), and those must not be the channels'.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "conf/network.h"

typedef struct _vmcUserNets vmcUserNets;

/* vmcUserNetsNew: none yet. The caller frees it. */
vmcUserNets *vmcUserNetsNew(void);
void vmcUserNetsFree(vmcUserNets *nets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcUserNets, vmcUserNetsFree)

/*
 * vmcUserNetsAdd:
 * Reads @value of @option, which is "-net", "-netdev" or "-nic" in messages. What is no
 * user-mode network is passed over, and so is an address that QEMU will refuse.
 */
void vmcUserNetsAdd(vmcUserNets *nets, const char *option, const char *value);

/* vmcUserNetsNetworks: the networks (vmcNetwork), valid as long as @nets. */
GArray *vmcUserNetsNetworks(const vmcUserNets *nets);

/*
 * vmcUserNetsCheck:
 * Whether none of the hosts in the user-mode networks has an address that is the
 * guest's or the channels' in @network. Returns 0, or -1 with an error that names the
 * option.
 */
int vmcUserNetsCheck(const vmcUserNets *nets, const vmcNetwork *network);
