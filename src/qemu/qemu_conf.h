/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels as the value of QEMU's would-be option: [ADDRESS:]PORT:CHARDEV,
 * where CHARDEV is what QEMU's -serial takes. Knows no XML, so that the relay
 * can use it.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include "conf/domain_chr.h"
#include "conf/network.h"

/*
 * vmcQemuChannelParse:
 * Reads the value of -vmchannel, in the spelling of 2009 (",server,nowait") or
 * today's (",server=on,wait=off"). The result is post-parsed and validated.
 * Returns a channel that the caller frees, or NULL with an error that names
 * the value and what is accepted.
 */
vmcChannel *vmcQemuChannelParse(const char *value);

/*
 * vmcQemuChannelFormat:
 * Returns the value of -vmchannel for a valid channel, in the spelling of
 * 2009 and with nothing that the parser would fill in by itself. The caller
 * frees it. Cannot fail for what vmcChannelValidate() accepts.
 */
char *vmcQemuChannelFormat(const vmcChannel *channel);

/*
 * vmcQemuChardevForms:
 * Returns how CHARDEV may begin, a form for each type ("unix:PATH") and one more
 * for telnet, as a NULL-terminated list that the caller frees with g_strfreev().
 */
char **vmcQemuChardevForms(void);

/*
 * The option's other value says of the network of all channels what is not as by
 * default: network=ADDRESS/PREFIX, the guest's own address; dhcp=off, it is offered none;
 * or both, with a comma between.
 *
 * vmcQemuNetworkIs: whether @value is that one, well-formed or not.
 */
bool vmcQemuNetworkIs(const char *value);

/*
 * vmcQemuNetworkParse:
 * Adds to @def what @value says: a network once, and the last word on DHCP, as QEMU has
 * it. Returns 0, or -1 with an error that says what is accepted; then @def stays.
 */
int vmcQemuNetworkParse(const char *value, vmcNetworkDef *def);

/* vmcQemuNetworkFormat: the value, which the caller frees; NULL when all is as by default. */
char *vmcQemuNetworkFormat(const vmcNetworkDef *def);
