/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's frames, made of bytes: see guestframe.h. */
#include <config.h>

#include "tests/lib/guestframe.h"

#include <arpa/inet.h>
#include <string.h>

#include "endpoint/frame.h"

#define DHCP_LEN 300            /* BOOTP's least */
#define QUOTED (VMC_IP_LEN + 8)

const guint8 vmcGuestMac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

gsize
vmcGuestArp(guint8 *frame, const char *sender, const char *target, guint16 op)
{
    vmcArp arp = { .op = op };

    inet_pton(AF_INET, sender, &arp.sender);
    inet_pton(AF_INET, target, &arp.target);
    memcpy(arp.senderMac, vmcGuestMac, VMC_MAC_LEN);
    return vmcFrameArp(frame, vmcGuestMac, vmcMacBroadcast, &arp);
}

gsize
vmcGuestDhcp(guint8 *frame, guint8 type, const char *client, bool firmware)
{
    static const guint8 head[] = { 99, 130, 83, 99, 53, 1 };
    static const guint8 requested[] = { 50, 4, 10, 0, 2, 5 };
    static const guint8 architecture[] = { 93, 2, 0, 7 };
    vmcFrameAddress address = { .dst = { INADDR_BROADCAST }, .srcPort = 68, .dstPort = 67 };
    guint8 data[DHCP_LEN] = { 1, 1, 6 };
    guint8 *p = data + 236;
    gsize size;

    inet_pton(AF_INET, client, data + 12);
    memcpy(data + 28, vmcGuestMac, VMC_MAC_LEN);
    memcpy(p, head, sizeof(head));
    p += sizeof(head);
    *p++ = type;
    memcpy(p, requested, sizeof(requested));
    p += sizeof(requested);
    if (firmware) {
        memcpy(p, architecture, sizeof(architecture));
        p += sizeof(architecture);
    }
    *p = 255;
    memcpy(address.srcMac, vmcGuestMac, VMC_MAC_LEN);
    memcpy(address.dstMac, vmcMacBroadcast, VMC_MAC_LEN);
    size = vmcFrameUdp(frame, &address, data, sizeof(data), true);
    memcpy(frame + size, data, sizeof(data));
    return size + sizeof(data);
}

gsize
vmcGuestIp6(guint8 *frame, const char *src)
{
    static const guint8 group[] = { 0x33, 0x33, 0, 0, 0, 1 };
    static const guint8 start[] = { 0x86, 0xdd, 0x60 };
    gsize len = VMC_ETHER_LEN + 40;

    memset(frame, 0, len);
    memcpy(frame, group, VMC_MAC_LEN);
    memcpy(frame + VMC_MAC_LEN, vmcGuestMac, VMC_MAC_LEN);
    memcpy(frame + VMC_ETHER_LEN - 2, start, sizeof(start));
    if (src)
        inet_pton(AF_INET6, src, frame + VMC_ETHER_LEN + 8);
    return len;
}

gsize
vmcGuestRejects(guint8 *frame, const guint8 *sent)
{
    guint8 message[8 + QUOTED] = { 3, 13 };
    vmcFrameAddress address;
    vmcFrame of;
    guint16 sum;
    gsize size;

    g_assert_cmpint(vmcFrameParse(&of, sent, VMC_ETHER_LEN + VMC_IP_LEN + VMC_TCP_LEN, false), ==,
                    VMC_FRAME_TCP);
    address = (vmcFrameAddress) { .src = of.address.dst, .dst = of.address.src };
    memcpy(address.srcMac, of.address.dstMac, VMC_MAC_LEN);
    memcpy(address.dstMac, of.address.srcMac, VMC_MAC_LEN);
    memcpy(message + 8, sent + VMC_ETHER_LEN, QUOTED);
    sum = vmcChecksumFold(vmcChecksumAdd(0, message, sizeof(message)));
    memcpy(message + 2, &sum, sizeof(sum));
    size = vmcFrameIcmp(frame, &address, sizeof(message));
    memcpy(frame + size, message, sizeof(message));
    return size + sizeof(message);
}
