/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon's domain capabilities say of an emulator, and what they are
 * to say of <vmchannel>.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

/*
 * vmcCapabilitiesEmulator:
 * Returns the emulator that domain capabilities are about, which the caller
 * frees, or NULL with an error.
 */
char *vmcCapabilitiesEmulator(const char *capabilities);

/*
 * vmcCapabilitiesAnnounce:
 * Returns @capabilities with <vmchannel> in them when they are about a QEMU,
 * else a copy. The caller frees it.
 */
char *vmcCapabilitiesAnnounce(const char *capabilities);
