/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is said on one connection to the control socket: QMP's framing, its
 * greeting and negotiation, the commands with their arguments, errors and
 * events. The protocol stands in docs/control-socket.md. It knows no channels:
 * its owner does what the commands say.
 *
 * Pure: bytes in, bytes out; the time of an event is the owner's.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/json.h"

typedef struct _vmcMonitor vmcMonitor;

/* Each returns what the command returns, which the monitor puts, or NULL with an error. */
typedef struct {
    struct json_object *(*query)(void *opaque);
    struct json_object *(*add)(void *opaque, const char *vmchannel);
    /* @address is NULL where the client gave none. */
    struct json_object *(*remove)(void *opaque, const char *address, uint16_t port);
    /* *@fd goes with the answer; who sends that closes it. */
    struct json_object *(*capture)(void *opaque, int *fd);
} vmcControlOps;

/* @ops and @opaque must outlive the monitor. */
vmcMonitor *vmcMonitorNew(const vmcControlOps *ops, void *opaque);
void vmcMonitorFree(vmcMonitor *monitor);

/* vmcMonitorGreeting: the line that the client gets first; the caller frees it. */
char *vmcMonitorGreeting(void);

/*
 * vmcMonitorInput:
 * Takes bytes off *@data, *@len, up to the end of the first message, and does
 * what it says. Returns the line that answers it, which the caller frees, and
 * in *@fd a descriptor that goes with it (or -1); NULL when all bytes are taken
 * and no message is whole yet.
 */
char *vmcMonitorInput(vmcMonitor *monitor, const char **data, size_t *len, int *fd);

/* vmcMonitorListens: whether the client has negotiated, and so gets events. */
bool vmcMonitorListens(const vmcMonitor *monitor);

/*
 * vmcControlEventLine:
 * The event @name with its @data, which it takes over, at @time, microseconds
 * since 1970. The caller frees the line.
 */
char *vmcControlEventLine(const char *name, struct json_object *data, int64_t time);

/* vmcControlErrorLine: the answer that says the thread's error. The caller frees it. */
char *vmcControlErrorLine(void);
