/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host programs at the other end of channels: a thread that listens on a unix
 * socket, or dials one, and a thread for each connection that behaves as told.
 * They count and record; the test asserts.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct _vmcHostPeer vmcHostPeer;
typedef struct _vmcHostConn vmcHostConn;

/* What is done on a connection; it is closed when this returns. */
typedef void (*vmcHostServe)(vmcHostConn *conn);

void vmcHostEcho(vmcHostConn *conn);            /* echoes until EOF */
void vmcHostCollect(vmcHostConn *conn);         /* reads until EOF */
void vmcHostReplyAfterEof(vmcHostConn *conn);   /* reads until EOF, says how much came */
void vmcHostSendFirst(vmcHostConn *conn);       /* sends @amount bytes of the pattern,
                                                   half-closes, reads until EOF */
void vmcHostNeverRead(vmcHostConn *conn);       /* nothing until vmcHostRelease(); then
                                                   reads until EOF */

/*
 * vmcHostListen: serves every connection to @path; the socket is there on return.
 * vmcHostDial: serves one connection that it opens to @path.
 * vmcHostFree: closes the socket and all connections; accepts NULL.
 */
vmcHostPeer *vmcHostListen(const char *path, vmcHostServe serve, guint64 amount);
vmcHostPeer *vmcHostDial(const char *path, vmcHostServe serve, guint64 amount);
void vmcHostFree(vmcHostPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcHostPeer, vmcHostFree)

void vmcHostRelease(vmcHostPeer *peer);

/* Connections accepted (or dialled), and of these ended, so far. */
guint vmcHostAccepted(vmcHostPeer *peer);

/* Wait until there are that many. False when they do not come. */
bool vmcHostWaitAccepted(vmcHostPeer *peer, guint count);
bool vmcHostWaitFinished(vmcHostPeer *peer, guint count);

/* What connection @number (from 0) read: bytes and sum so far, and the text's start. */
guint64 vmcHostReceived(vmcHostPeer *peer, guint number, guint64 *sum);
char *vmcHostText(vmcHostPeer *peer, guint number);

/* The sum of the pattern's first @amount bytes. */
guint64 vmcHostPatternSum(guint64 amount);
