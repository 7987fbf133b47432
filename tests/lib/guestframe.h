/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that a guest sends when it boots, or when its firewall answers. Pure. Each
 * writes one to @frame, which has room for VMC_GUEST_FRAME bytes, and returns its length.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define VMC_GUEST_FRAME 512

/* The guest's MAC address. */
extern const guint8 vmcGuestMac[6];

/* vmcGuestArp: to all; @op 1 asks, and announces when @sender is @target. */
gsize vmcGuestArp(guint8 *frame, const char *sender, const char *target, guint16 op);

/*
 * vmcGuestDhcp: message @type (RFC 2132, option 53) of one with the address @client, which
 * asks for 10.0.2.5. @firmware: it says what it is to boot (RFC 4578).
 */
gsize vmcGuestDhcp(guint8 *frame, guint8 type, const char *client, bool firmware);

/* vmcGuestIp6: an IPv6 packet from @src, or from no address when that is NULL, to a group. */
gsize vmcGuestIp6(guint8 *frame, const char *src);

/* vmcGuestRejects: that a firewall has prohibited the segment of TCP in @sent, by ICMP. */
gsize vmcGuestRejects(guint8 *frame, const guint8 *sent);
