/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: listens, and moves lines between clients and their
 * sessions (monitor.h). Waits for no client: one that does not read is not
 * read from, and loses events, which it is told the number of.
 */
#pragma once

#include "control/monitor.h"
#include "relay/process/loop.h"

typedef struct _vmcControl vmcControl;

/*
 * vmcControlNew: listens at @name.sock in the folder of vmcRunDirOwn(), in the
 * place of whoever did there before; @ops as in monitor.h. Returns NULL with an
 * error.
 * vmcControlFree: hangs up, and removes the socket if it is ours still. Accepts
 * NULL.
 */
vmcControl *vmcControlNew(vmcLoop *loop, const char *name, const vmcControlOps *ops, void *opaque);
void vmcControlFree(vmcControl *control);

/* vmcControlListens: whether any client gets events. @control may be NULL. */
bool vmcControlListens(const vmcControl *control);

/* vmcControlEvent: tells all of them; takes @data over. */
void vmcControlEvent(vmcControl *control, const char *name, struct json_object *data);
