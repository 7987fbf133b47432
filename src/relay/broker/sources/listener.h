/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bind mode, for the kinds that have it: the guests that wait for a host program to
 * dial. The own struct of such a kind begins with a vmcSourceListener.
 */
#pragma once

#include "relay/broker/sources/source_priv.h"

typedef struct {
    vmcSource *source;
    vmcWatch watch;             /* the listening socket */
    GQueue waiting;             /* of vmcSourceRequest */
    GQueue left;                /* the same, of guests that have ended and left bytes */
    bool watches;               /* for host programs */
    void (*accepted)(int fd);   /* sets up a host program's socket; or NULL */
} vmcSourceListener;

/*
 * vmcSourceListenerStart: listens on the bound socket @fd, which it takes over, also
 * when it fails. Returns 0, or -1 with errno.
 * vmcSourceListenerStop: stops, if it listens.
 */
int vmcSourceListenerStart(vmcSourceListener *listener, vmcSource *source, int fd,
                           void (*accepted)(int fd));
void vmcSourceListenerStop(vmcSourceListener *listener);

/* vmcSourceListenerOpen, …Left, …Cancel: the driver's open, left and cancel. */
vmcSourceResult vmcSourceListenerOpen(vmcSource *source, vmcSourceRequest *request, int *fd);
bool vmcSourceListenerLeft(vmcSource *source, vmcSourceRequest *request);
void vmcSourceListenerCancel(vmcSource *source, vmcSourceRequest *request);
