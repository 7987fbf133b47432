/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: listens, and moves lines between clients and their
 * monitors (monitor.h). Waits for no client: one that does not read is not
 * read from, and loses events; later it is told how many.
 */
#pragma once

#include "control/monitor.h"
#include "relay/process/loop.h"

typedef struct _vmcControlSocket vmcControlSocket;

/*
 * vmcControlSocketNew: listens at @name.sock in the folder of vmcRunDirOwn(), in the
 * place of whoever did there before; @ops as in monitor.h. Returns NULL with an
 * error.
 * vmcControlSocketFree: hangs up, and removes the socket if it is ours still. Accepts
 * NULL.
 */
vmcControlSocket *vmcControlSocketNew(vmcLoop *loop, const char *name, const vmcControlOps *ops,
                                      void *opaque);
void vmcControlSocketFree(vmcControlSocket *control);

/* vmcControlSocketListens: whether any client gets events. @control may be NULL. */
bool vmcControlSocketListens(const vmcControlSocket *control);

/* vmcControlSocketEvent: tells all of them; takes @data over. */
void vmcControlSocketEvent(vmcControlSocket *control, const char *name, struct json_object *data);
