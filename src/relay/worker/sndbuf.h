/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The room of a unix socket's send buffer. The kernel counts what bytes cost it:
 * 768 for a single one, hardly more than themselves for some thousands at once.
 * So that all bytes find room that the guest was promised, small pieces are
 * written only while the buffer can be wasteful, and together from then on. Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that may always be written at once: a buffer of them is seven eighths bytes. */
#define VMC_ROOM_PIECE ((size_t)16384)

typedef struct {
    size_t size;                /* SO_SNDBUF, as the kernel counts */
    size_t free;                /* of it, at least */
    size_t owed;                /* bytes that may still come at most */
} vmcRoom;

/* vmcRoomQueued: the kernel counts @queued for what is in the buffer (SIOCOUTQ). */
void vmcRoomQueued(vmcRoom *room, size_t queued);

/* vmcRoomPromise: how many bytes may be promised, which are owed from then on. */
size_t vmcRoomPromise(vmcRoom *room);

/*
 * vmcRoomTakes: whether to write @len bytes at once: what is owed finds room
 * after them too, or the buffer is empty.
 */
bool vmcRoomTakes(const vmcRoom *room, size_t len);

/* vmcRoomWritten: @len bytes were written at once. */
void vmcRoomWritten(vmcRoom *room, size_t len);
