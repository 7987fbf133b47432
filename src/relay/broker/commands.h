/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the commands of the control socket do to a relay that runs: list its
 * channels, add and remove one, capture the guest's frames. Each command is done
 * when it is answered; the worker is told of it by a message.
 */
#pragma once

#include "control/monitor.h"
#include "relay/broker/channels.h"
#include "relay/process/supervised.h"

typedef struct _vmcCommands vmcCommands;

/* The commands; their opaque is vmcCommandsNew()'s. */
extern const vmcControlOps vmcCommandsOps;

/*
 * vmcCommandsNew: all arguments must outlive it.
 * vmcCommandsFree: ends a capture. Accepts NULL.
 */
vmcCommands *vmcCommandsNew(vmcLoop *loop, vmcChannels *channels, vmcConntable *conntable,
                            vmcSupervised *worker);
void vmcCommandsFree(vmcCommands *commands);

/* vmcCommandsWorkerStarted: a new worker is told of the capture that there is. */
void vmcCommandsWorkerStarted(vmcCommands *commands);
