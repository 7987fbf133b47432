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
 * vmcControlClientFind: to that of the running guest with @uuid (or whatever
 * its relay is named by), the system's or the caller's own. Both return NULL
 * with an error: VIR_ERR_OPERATION_INVALID where there is no such socket.
 */
vmcControlClient *vmcControlClientOpen(const char *path);
vmcControlClient *vmcControlClientFind(const char *uuid);
void vmcControlClientFree(vmcControlClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcControlClient, vmcControlClientFree)

/*
 * vmcControlClientExecute:
 * Gives @command with @arguments (taken over; NULL: none). Returns what it
 * returns, the caller's, or NULL with an error: the relay's own words, or that
 * it has not answered for 10 seconds. With @fd, a descriptor that came beside
 * the answer, or -1, is the caller's too.
 */
struct json_object *vmcControlClientExecute(vmcControlClient *client, const char *command,
                                            struct json_object *arguments, int *fd);

/*
 * vmcControlClientEvent:
 * Waits for the next event and returns it, the caller's; NULL with an error, or
 * without one (VIR_ERR_OK) when the relay has ended.
 */
struct json_object *vmcControlClientEvent(vmcControlClient *client);
