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
#define VMC_SNDBUF_PIECE ((size_t)16384)

typedef struct {
    size_t size;                /* SO_SNDBUF, as the kernel counts */
    size_t free;                /* of it, at least */
    size_t owed;                /* bytes that may still come at most */
} vmcSndbuf;

/* vmcSndbufQueued: the kernel counts @queued for what is in the buffer (SIOCOUTQ). */
void vmcSndbufQueued(vmcSndbuf *sndbuf, size_t queued);

/* vmcSndbufPromise: how many bytes may be promised, which are owed from then on. */
size_t vmcSndbufPromise(vmcSndbuf *sndbuf);

/*
 * vmcSndbufTakes: whether to write @len bytes at once: what is owed finds room
 * after them too, or the buffer is empty.
 */
bool vmcSndbufTakes(const vmcSndbuf *sndbuf, size_t len);

/* vmcSndbufWritten: @len bytes were written at once. */
void vmcSndbufWritten(vmcSndbuf *sndbuf, size_t len);
