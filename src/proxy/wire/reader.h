/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes and descriptors as they come from a peer, in order: each descriptor
 * stays with the byte that it was sent with. Knows no messages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

typedef struct _vmcWireReader vmcWireReader;

/* vmcWireReaderNew: reads from @fd, a socket or pipe that stays the caller's. */
vmcWireReader *vmcWireReaderNew(int fd);

/* vmcWireReaderFree: closes the descriptors that nobody took. NULL is accepted. */
void vmcWireReaderFree(vmcWireReader *reader);

/*
 * vmcWireReaderFill:
 * Reads once, without waiting, as much as there is room for. Returns 0, or -1
 * with an error; what a lost connection gives is the end of the file.
 */
int vmcWireReaderFill(vmcWireReader *reader);

/* vmcWireReaderRest: gives back what memory is not needed before the next vmcWireReaderFill(). */
void vmcWireReaderRest(vmcWireReader *reader);

/* vmcWireReaderIsFull: whether there is no room to read into. */
bool vmcWireReaderIsFull(const vmcWireReader *reader);

/* vmcWireReaderEnded: whether the peer has said its last byte (some may be unread). */
bool vmcWireReaderEnded(const vmcWireReader *reader);

/*
 * vmcWireReaderPeek: what has been read, valid until the next call; its length in
 * @size. NULL when that is 0.
 */
const guint8 *vmcWireReaderPeek(const vmcWireReader *reader, size_t *size);

/*
 * vmcWireReaderConsume: passes over @size bytes that were peeked at. Descriptors
 * that came with them are closed: nobody expected them.
 */
void vmcWireReaderConsume(vmcWireReader *reader, size_t size);

/*
 * vmcWireReaderTakeFd: passes over one byte that was peeked at and returns the
 * descriptor that came with it, which the caller closes, or -1.
 */
int vmcWireReaderTakeFd(vmcWireReader *reader);
