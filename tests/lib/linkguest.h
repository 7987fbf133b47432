/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay with a test at the other end of its link, in the place of QEMU and
 * a guest: a TCP that is just good enough for a link that loses nothing. Quick
 * where a booted guest is not needed. It asserts nothing about the relay.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct _vmcLinkGuest vmcLinkGuest;

/* A connection of this guest; freed with it. */
typedef struct {
    vmcLinkGuest *guest;
    guint16 port;               /* ours */
    guint16 channel;            /* the relay's */
    bool connected, refused, ended, reset;
    bool forgotten;             /* since a reboot */
    bool careless;              /* keeps nothing of what it has received */
    bool deaf;                  /* acknowledges nothing, as one who reads nothing */
    guint32 sndNxt, sndUna, rcvNxt;
    guint32 window;             /* of the relay, in bytes */
    GString *received;
} vmcLinkConn;

/*
 * vmcLinkGuestStart: runs @program (a file of this build, or a path) with @arguments (a
 * format; words are split as a shell does) after what says network and link.
 * Returns NULL, with *@error what it printed, when it does not serve; on
 * success *@error is that too. @error may be NULL.
 * vmcLinkGuestFree: closes the link, and waits for the relay to end. Accepts NULL.
 */
vmcLinkGuest *vmcLinkGuestStart(char **error, const char *program, const char *arguments, ...)
    G_GNUC_PRINTF(3, 4);
void vmcLinkGuestFree(vmcLinkGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcLinkGuest, vmcLinkGuestFree)

/* vmcLinkGuestClose: what QEMU's death looks like. */
void vmcLinkGuestClose(vmcLinkGuest *guest);

/* The pids of the relay's processes named @name, -1 when there is none. */
pid_t vmcLinkGuestPid(const vmcLinkGuest *guest, const char *name);

/*
 * vmcLinkDial sends a SYN; vmcLinkConnect waits for its answer too. Ports are
 * used again after some 60,000: the connection of then is freed.
 */
vmcLinkConn *vmcLinkDial(vmcLinkGuest *guest, guint16 channel);
vmcLinkConn *vmcLinkConnect(vmcLinkGuest *guest, guint16 channel);

/* vmcLinkSend: returns when the relay has acknowledged all, or the connection is over. */
void vmcLinkSend(vmcLinkConn *conn, const void *data, gsize len);
void vmcLinkSendText(vmcLinkConn *conn, const char *text);
/* vmcLinkPush: sends what the window lets out, and does not wait; returns how many. */
gsize vmcLinkPush(vmcLinkConn *conn, const void *data, gsize len);
void vmcLinkFin(vmcLinkConn *conn);
void vmcLinkReset(vmcLinkConn *conn);

/*
 * vmcLinkFlood: @count SYNs, each from another port than the one before (all of
 * them in turn, but those of connections), whose answers are not looked at.
 */
void vmcLinkFlood(vmcLinkGuest *guest, guint16 channel, guint count);

/* What a guest makes of a segment of a connection that it does not have. */
typedef enum {
    VMC_LINK_OPEN,              /* a RST */
    VMC_LINK_DROPS,             /* nothing: a firewall */
    VMC_LINK_REJECTS,           /* its firewall says by ICMP that it is prohibited */
} vmcLinkFirewall;

/*
 * vmcLinkReboot: the guest knows none of its connections any more. @addressed: it has its
 * address at once; else it hears nothing before vmcLinkAddressed().
 */
void vmcLinkReboot(vmcLinkGuest *guest, vmcLinkFirewall firewall, bool addressed);
void vmcLinkAddressed(vmcLinkGuest *guest);

/*
 * vmcLinkTrack: the guest has a firewall that tracks connections, as Linux's does from
 * 6.1 on: what lies ahead of a connection's numbers is dropped. Those that it makes from
 * now on have initial numbers in either half of the circle.
 */
void vmcLinkTrack(vmcLinkGuest *guest);

/* vmcLinkFrame: any bytes at all. */
void vmcLinkFrame(vmcLinkGuest *guest, const void *frame, gsize len);

/* vmcLinkTurn: takes what comes within so many milliseconds; false: nothing did. */
bool vmcLinkTurn(vmcLinkGuest *guest, int milliseconds);

/* Wait until it is so; false when it does not come. */
bool vmcLinkWaitAnswer(vmcLinkConn *conn);
bool vmcLinkWaitText(vmcLinkConn *conn, const char *text);
bool vmcLinkWaitBytes(vmcLinkConn *conn, gsize count);
bool vmcLinkWaitEnd(vmcLinkConn *conn);
bool vmcLinkWaitReset(vmcLinkConn *conn);
