/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of hosts and ports, of whatever family, for the kinds that are on a network. */
#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include "relay/broker/sources/source_priv.h"

typedef struct {
    socklen_t len;
    struct sockaddr_storage address;
} vmcInetAddress;

/*
 * vmcInetLookUp: the addresses of a host and a port, at most 16; @type and @flags are
 * those of getaddrinfo(3), whose result *@error is. Returns an array of
 * vmcInetAddress, which the caller unrefs, or NULL. May be called by a thread.
 */
GArray *vmcInetLookUp(const char *host, const char *service, int type, int flags, int *error);

/*
 * vmcInetLookUpFor: the same for a @source that gets ready: while the guest runs, no name is
 * waited for longer than some seconds. Then *@error is EAI_AGAIN.
 */
GArray *vmcInetLookUpFor(const vmcSource *source, const char *host, const char *service, int type,
                         int flags, int *error);

/* vmcInetConnect: begins to connect @fd; as connect(2). */
int vmcInetConnect(int fd, const vmcInetAddress *address);

/* vmcInetBindFirst: a socket bound to the first of @addresses that lets it, or -1 with errno. */
int vmcInetBindFirst(const GArray *addresses, int type);

/* vmcInetName: messages about @source name @host and @service. */
void vmcInetName(vmcSource *source, const char *host, const char *service);

/* vmcInetReport: says that they cannot be looked up, and why (getaddrinfo's @error). */
void vmcInetReport(const vmcSource *source, int error);
