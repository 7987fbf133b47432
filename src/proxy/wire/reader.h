/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes and descriptors as they come from a peer, in order: each descriptor
 * stays with the byte that it was sent with. Knows no messages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

typedef struct _vmcSource vmcSource;

/* vmcSourceNew: reads from @fd, a socket or pipe that stays the caller's. */
vmcSource *vmcSourceNew(int fd);

/* vmcSourceFree: closes the descriptors that nobody took. NULL is accepted. */
void vmcSourceFree(vmcSource *source);

/*
 * vmcSourceFill:
 * Reads once, without waiting, as much as there is room for. Returns 0, or -1
 * with an error; what a lost connection gives is the end of the file.
 */
int vmcSourceFill(vmcSource *source);

/* vmcSourceRest: gives back what memory is not needed before the next vmcSourceFill(). */
void vmcSourceRest(vmcSource *source);

/* vmcSourceIsFull: whether there is no room to read into. */
bool vmcSourceIsFull(const vmcSource *source);

/* vmcSourceEnded: whether the peer has said its last byte (some may be unread). */
bool vmcSourceEnded(const vmcSource *source);

/*
 * vmcSourcePeek: what has been read, valid until the next call; its length in
 * @size. NULL when that is 0.
 */
const guint8 *vmcSourcePeek(const vmcSource *source, size_t *size);

/*
 * vmcSourceConsume: passes over @size bytes that were peeked at. Descriptors
 * that came with them are closed: nobody expected them.
 */
void vmcSourceConsume(vmcSource *source, size_t size);

/*
 * vmcSourceTakeFd: passes over one byte that was peeked at and returns the
 * descriptor that came with it, which the caller closes, or -1.
 */
int vmcSourceTakeFd(vmcSource *source);
