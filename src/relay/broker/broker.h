/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker: the process that opens the host sides of the guest's channels and
 * keeps the link. It never reads a guest byte: its worker does, which it watches,
 * answers within limits, and replaces when it dies.
 */
#pragma once

#include "relay/broker/options.h"

typedef struct _vmcBroker vmcBroker;

/*
 * vmcBrokerNew: gets every channel of @options ready, and starts the worker;
 * @options must outlive it, @keep are descriptors 0 and 1 as they were given to
 * us. Returns NULL with an error.
 * vmcBrokerFree: stops listening and removes the sockets that it bound.
 */
vmcBroker *vmcBrokerNew(const vmcRelayOptions *options, const int keep[2]);
void vmcBrokerFree(vmcBroker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcBroker, vmcBrokerFree)

/*
 * vmcBrokerReady:
 * Waits until worker and pumps are confined. Returns the layers that hold around
 * the worker (confine.h), or 0 with an error.
 */
unsigned int vmcBrokerReady(vmcBroker *broker);

/*
 * vmcBrokerReport: what a person must know of channel @number (from 0) to use
 * it, or NULL.
 */
const char *vmcBrokerReport(const vmcBroker *broker, unsigned int number);

/* vmcBrokerWithoutControl: why there is no control socket, or NULL: there is. */
const char *vmcBrokerWithoutControl(const vmcBroker *broker);

/* vmcBrokerServe: returns when QEMU is gone, or at a signal that asks for that. */
void vmcBrokerServe(vmcBroker *broker);
