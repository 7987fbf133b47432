/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon behind the proxy: which socket it listens on, by libvirt's own
 * rules, and a connection to it. A session's daemon is started when there is
 * none, as libvirt does it.
 */
#pragma once

#include <stdbool.h>

/* What is known of the daemon before the client says which it wants. */
typedef enum {
    VMC_UPSTREAM_ASK,           /* nothing: the client's URI decides */
    VMC_UPSTREAM_SYSTEM,
    VMC_UPSTREAM_SESSION,
} vmcUpstreamKind;

typedef struct {
    const char *path;           /* this socket and no other; NULL: by @kind */
    vmcUpstreamKind kind;
    bool readOnly;              /* the system daemon's read-only socket */
} vmcUpstream;

/* vmcUpstreamIsKnown: whether it can be connected to without asking the client. */
bool vmcUpstreamIsKnown(const vmcUpstream *upstream);

/*
 * vmcUpstreamResolve:
 * Decides by the URI that a client opens, which may be empty or NULL, and by
 * whether it wants a read-only connection.
 */
void vmcUpstreamResolve(vmcUpstream *upstream, const char *uri, bool readOnly);

/*
 * vmcUpstreamConnect:
 * Returns a connected socket, which the caller closes, or -1 with an error.
 * May take seconds when a session's daemon has to be started.
 */
int vmcUpstreamConnect(const vmcUpstream *upstream);
