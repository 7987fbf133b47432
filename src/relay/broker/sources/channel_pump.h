/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pump of one channel, as the broker has it: it is started, is handed
 * connections, and another one is started when it has died. Their bytes do not
 * come here.
 */
#pragma once

#include "relay/process/ipc.h"
#include "relay/process/loop.h"

typedef struct _vmcChannelPump vmcChannelPump;

/*
 * vmcChannelPumpNew: @log (or -1) is where the pump also writes what passes, @file (or -1)
 * what connections of the kind FILE write; both are the pump's to close. Returns NULL with an
 * error.
 * vmcChannelPumpReplace: others than before; -1: it stays.
 * vmcChannelPumpFree: the pump ends by itself when what it has is written, or soon.
 */
vmcChannelPump *vmcChannelPumpNew(vmcLoop *loop, int log, int file);
void vmcChannelPumpReplace(vmcChannelPump *pump, int log, int file);
void vmcChannelPumpFree(vmcChannelPump *pump);

/* vmcChannelPumpLayers: those that confine the pump (confine.h); 0: not ready, or dead. */
unsigned int vmcChannelPumpLayers(const vmcChannelPump *pump);

/*
 * vmcChannelPumpAdd:
 * Has the pump move bytes between a new socket, which is returned for the
 * worker, and the host side: written to @out, read from @in; -1 where there is
 * none, and never @in alone. They stay the caller's. @buffer: how much of the kernel's memory
 * bytes from the pump to the worker may take (share.h). Returns -1 when there is no pump to be
 * had; else it is known to the pump by *@id.
 * vmcChannelPumpReset: the guest has reset it. What the host side takes at once is written, and
 * nothing of it kept.
 */
int vmcChannelPumpAdd(vmcChannelPump *pump, vmcPumpKind kind, int in, int out, int buffer,
                      uint32_t *id);
void vmcChannelPumpReset(vmcChannelPump *pump, uint32_t id);
