/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NIC that carries the channels, as all of us must know it: the rewriting
 * of documents, qemu-vmchannel's command lines and the relay.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

/* Its alias, by which it is found; libvirt makes its netdev's id of that. */
#define VMC_NIC_ALIAS "ua-vmchannel"
#define VMC_NIC_NETDEV "host" VMC_NIC_ALIAS

/*
 * Its MTU, in IP bytes: what every host must take, and what fits a frame of
 * 65,534 bytes with its headers.
 */
#define VMC_NIC_MTU_MIN 576
#define VMC_NIC_MTU_MAX 65520

/* How many channels one guest can have. */
#define VMC_NIC_CHANNELS_MAX 1024

/*
 * vmcNicMac:
 * Returns the MAC address of the NIC of the domain with @uuid, the same each
 * time, which the caller frees; NULL when @uuid is NULL or not a uuid.
 */
char *vmcNicMac(const char *uuid);
