/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel or its NIC put into a domain's definition, taken out or exchanged,
 * as libvirt does it for those that it knows. Works on documents with <vmchannel>;
 * that others rewrite.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/*
 * vmcDeviceIsChannel, vmcDeviceIsNic: whether @xml is a channel, or the NIC
 * that carries them. What cannot be read is neither.
 */
bool vmcDeviceIsChannel(const char *xml);
bool vmcDeviceIsNic(const char *xml);

/*
 * Each returns @domain with @device, a channel or its NIC, added to it, removed from it
 * or in the place of the one that it is known by: a channel's address and
 * port, the NIC's MAC address. The caller frees it. NULL with an error.
 */
char *vmcDeviceAttach(const char *domain, const char *device);
char *vmcDeviceDetach(const char *domain, const char *device);
char *vmcDeviceUpdate(const char *domain, const char *device);

/* vmcDeviceDetachAlias: the same, for the channel with this alias. */
char *vmcDeviceDetachAlias(const char *domain, const char *alias);

/*
 * vmcDeviceChannels:
 * Returns the channels (vmcChannel *) of @domain, which the caller unrefs, and
 * in @hasNic whether it has the NIC that carries them. NULL with an error.
 */
GPtrArray *vmcDeviceChannels(const char *domain, bool *hasNic);
