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

typedef struct _vmcSink vmcSink;

/* vmcSinkNew: writes to @fd, a socket or pipe that stays the caller's. */
vmcSink *vmcSinkNew(int fd);

/* vmcSinkFree: closes the descriptors that were not sent. NULL is accepted. */
void vmcSinkFree(vmcSink *sink);

/*
 * vmcSinkBegin, vmcSinkAppend, vmcSinkAppendFd, vmcSinkEnd:
 * A message that passes through: its pieces, then each of its descriptors,
 * which the sink takes over, with the byte that it was sent with.
 */
void vmcSinkBegin(vmcSink *sink);
void vmcSinkAppend(vmcSink *sink, const guint8 *bytes, size_t size);
void vmcSinkAppendFd(vmcSink *sink, guint8 byte, int fd);
void vmcSinkEnd(vmcSink *sink);

/*
 * vmcSinkSend:
 * Sends of a piece of such a message what the peer takes now, without keeping
 * any of it; none while other bytes wait. *@sent says how much that was: all,
 * when the peer is gone. Returns 0, or -1 with an error.
 */
int vmcSinkSend(vmcSink *sink, const guint8 *bytes, size_t size, size_t *sent);

/* vmcSinkInsert: a whole message, after the one that is passing through. */
void vmcSinkInsert(vmcSink *sink, const GByteArray *message);

/*
 * vmcSinkPending: how many bytes could go, if the peer took them.
 * vmcSinkSize: the same with the messages of our own whose turn has not come.
 */
size_t vmcSinkPending(const vmcSink *sink);
size_t vmcSinkSize(const vmcSink *sink);

/*
 * vmcSinkFlush: writes without waiting what the peer takes. Returns 0, or -1
 * with an error. What is for a peer that is gone is lost, without one.
 */
int vmcSinkFlush(vmcSink *sink);

/* vmcSinkIsBroken: whether the peer is gone. */
bool vmcSinkIsBroken(const vmcSink *sink);
