/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one walk through a message by a procedure's signature (the letters stand in
 * procedures.h). Who wants to look at its values, leave some out or replace some is
 * a visitor; the walk copies all else as it is. Knows no procedure.
 *
 * Source of the values' forms and limits: libvirt's src/remote/remote_protocol.x.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "rpc/message.h"

/* libvirt's limit for the typed parameters of a call that may carry XML. */
#define VMC_RPC_PARAMS_MAX 64

/* A domain object. All of it is borrowed from the message. */
typedef struct {
    const guint8 *bytes;        /* the whole object, as it stands there */
    size_t size;
    const char *name;           /* @length bytes, without a NUL at their end */
    size_t length;
    const guint8 *uuid;         /* VMC_RPC_UUID_SIZE bytes */
    gint32 id;
} vmcRpcDomain;

/* A typed parameter, borrowed too. @text is NULL unless its type is a string. */
typedef struct {
    const char *name;
    size_t nameLength;
    const char *text;
    size_t length;
} vmcRpcParam;

/* vmcRpcParamIs: whether it has this name. */
bool vmcRpcParamIs(const vmcRpcParam *param, const char *name);

/* What becomes of a value. */
typedef enum {
    VMC_RPC_VISIT_KEEP,
    VMC_RPC_VISIT_DROP,         /* leaves an element out of its list; outside a list, STOP */
    VMC_RPC_VISIT_STOP,         /* ends the walk */
} vmcRpcVisit;

/*
 * Who is asked about values; NULL is not asked, and they are kept. Where there is an
 * @other, it may be set to the string, at most VMC_RPC_STRING_MAX bytes, that takes
 * the place of the value's text; the walk frees it.
 */
typedef struct {
    const char *letters;        /* the walk ends behind the last of these in a signature */
    guint32 paramsMax;          /* more typed parameters cannot be read; 0: any number */
    vmcRpcVisit (*domain)(void *opaque, const vmcRpcDomain *domain);
    vmcRpcVisit (*xml)(void *opaque, const char *text, size_t length, char **other);
    vmcRpcVisit (*param)(void *opaque, const vmcRpcParam *param, char **other);
    vmcRpcVisit (*flags)(void *opaque, guint32 flags);
} vmcRpcVisitor;

typedef enum {
    VMC_RPC_WALK_DONE,
    VMC_RPC_WALK_STOPPED,       /* by the visitor */
    VMC_RPC_WALK_UNREADABLE,    /* something is missing, too long, too many or of no known type */
} vmcRpcWalkResult;

/*
 * vmcRpcWalk:
 * Walks @signature, which may be NULL, from where @reader stands: that is behind
 * what was read when the walk returns. When something was left out or replaced
 * and the walk was done, @out becomes a new message with all that is not the
 * visitor's in its place, its length set; the caller frees it. @out may be NULL for
 * a visitor that changes nothing. Reports no error.
 */
vmcRpcWalkResult vmcRpcWalk(vmcXdrReader *reader, const char *signature,
                            const vmcRpcVisitor *visitor, void *opaque, GByteArray **out);

/*
 * vmcRpcReadDomain: passes over a domain object; its bytes are returned,
 * borrowed, and their number in @size. NULL after a failure.
 */
const guint8 *vmcRpcReadDomain(vmcXdrReader *reader, size_t *size);

/*
 * vmcRpcReadStringParam: looks for the string @name among the typed parameters of a
 * call, which are passed over as far as it; returned borrowed, its length in @length,
 * or NULL.
 */
const char *vmcRpcReadStringParam(vmcXdrReader *reader, const char *name, size_t *length);
