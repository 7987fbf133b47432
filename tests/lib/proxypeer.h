/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vmchannel-proxy between a client and a daemon that the test both plays.
 * Every wait is bounded, so that a proxy which hangs fails the test.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "rpc/message.h"

typedef struct {
    char *dir;
    int client;                 /* our ends of the two connections */
    int daemon;
    pid_t pid;
} vmcProxyPeer;

/*
 * vmcProxyPeerStart, StartPolicy: the second under a policy's file, as @domain.
 * vmcProxyPeerStop: waits until the proxy has ended.
 */
vmcProxyPeer *vmcProxyPeerStart(void);
vmcProxyPeer *vmcProxyPeerStartPolicy(const char *policy, const char *domain);
void vmcProxyPeerStop(vmcProxyPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcProxyPeer, vmcProxyPeerStop)

/*
 * vmcProxySend: writes all, with @fd at its last byte when there is one (-1).
 * vmcProxySendSome: as much as is taken within @milliseconds; its size.
 */
void vmcProxySend(int socket, const guint8 *bytes, size_t size, int fd);
size_t vmcProxySendSome(int socket, const guint8 *bytes, size_t size, int milliseconds);

/* vmcProxyReceive: exactly @size bytes; descriptors are appended to @fds. */
GByteArray *vmcProxyReceive(int socket, size_t size, GArray *fds);

/* vmcProxyMessage: the next whole message and its header. */
GByteArray *vmcProxyMessage(int socket, vmcRpcHeader *header);

/* vmcProxyAtEnd: whether the other side closes without another byte. */
bool vmcProxyAtEnd(int socket);

/* vmcProxyExchange: sends both ways at once, and checks that all arrives. */
void vmcProxyExchange(vmcProxyPeer *peer, const GByteArray *up, const GByteArray *down,
                      size_t piece);
