/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes and descriptors on their way to a peer, in order: messages that pass
 * through piece by piece, and whole ones of our own, which are put between
 * those. Holds back nothing: whoever appends looks at how much is waiting.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

typedef struct _vmcWireWriter vmcWireWriter;

/* vmcWireWriterNew: writes to @fd, a socket or pipe that stays the caller's. */
vmcWireWriter *vmcWireWriterNew(int fd);

/* vmcWireWriterFree: closes the descriptors that were not sent. NULL is accepted. */
void vmcWireWriterFree(vmcWireWriter *writer);

/*
 * vmcWireWriterBegin, vmcWireWriterAppend, vmcWireWriterAppendFd, vmcWireWriterEnd:
 * A message that passes through: its pieces, then each of its descriptors,
 * which the writer takes over, with the byte that it was sent with.
 */
void vmcWireWriterBegin(vmcWireWriter *writer);
void vmcWireWriterAppend(vmcWireWriter *writer, const guint8 *bytes, size_t size);
void vmcWireWriterAppendFd(vmcWireWriter *writer, guint8 byte, int fd);
void vmcWireWriterEnd(vmcWireWriter *writer);

/*
 * vmcWireWriterSend:
 * Sends of a piece of such a message what the peer takes now, without keeping
 * any of it; none while other bytes wait. *@sent says how much that was: all,
 * when the peer is gone. Returns 0, or -1 with an error.
 */
int vmcWireWriterSend(vmcWireWriter *writer, const guint8 *bytes, size_t size, size_t *sent);

/* vmcWireWriterInsert: a whole message, after the one that is passing through. */
void vmcWireWriterInsert(vmcWireWriter *writer, const GByteArray *message);

/*
 * vmcWireWriterPending: how many bytes could go, if the peer took them.
 * vmcWireWriterSize: the same with the messages of our own whose turn has not come.
 */
size_t vmcWireWriterPending(const vmcWireWriter *writer);
size_t vmcWireWriterSize(const vmcWireWriter *writer);

/*
 * vmcWireWriterFlush: writes without waiting what the peer takes. Returns 0, or -1
 * with an error. What is for a peer that is gone is lost, without one.
 */
int vmcWireWriterFlush(vmcWireWriter *writer);

/* vmcWireWriterIsBroken: whether the peer is gone. */
bool vmcWireWriterIsBroken(const vmcWireWriter *writer);
