/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of a relay's control socket, for whoever asks and waits: the tools,
 * and the proxy. The protocol stands in docs/control-socket.md.
 */
#pragma once

#include "control/json.h"

typedef struct _vmcControlClient vmcControlClient;

/*
 * vmcControlClientOpen: connects to the socket at @path and negotiates.
 * vmcControlClientFind: to the socket of the running guest with @uuid (or the
 * name of its relay), in the caller's own folder, then in the system's. Both return NULL
 * with an error: VIR_ERR_OPERATION_INVALID where there is no such socket.
 */
vmcControlClient *vmcControlClientOpen(const char *path);
vmcControlClient *vmcControlClientFind(const char *uuid);
void vmcControlClientFree(vmcControlClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcControlClient, vmcControlClientFree)

/*
 * vmcControlClientExecute:
 * Runs @command with @arguments (taken over; NULL: none). Returns what the command
 * returns, which the caller puts, or NULL with an error: the relay's message, or that
 * it has not answered for 10 seconds. With @fd, *@fd is a descriptor that came with
 * the answer, which the caller closes, or -1.
 */
struct json_object *vmcControlClientExecute(vmcControlClient *client, const char *command,
                                            struct json_object *arguments, int *fd);

/*
 * vmcControlClientEvent:
 * Waits for the next event and returns it; the caller puts it. NULL with an error, or
 * without one (VIR_ERR_OK) when the relay has ended.
 */
struct json_object *vmcControlClientEvent(vmcControlClient *client);
