/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much fits into a unix socket's send buffer. The kernel counts the memory
 * that a write takes: 768 bytes for a single one, little more than the bytes
 * themselves for some thousands. The guest was promised that its bytes fit. So
 * small pieces are written one by one only while there is space to waste, and
 * gathered into large ones from then on. Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that may always be written at once: of such pieces seven eighths of a buffer fit. */
#define VMC_SNDBUF_PIECE ((size_t)16384)

typedef struct {
    size_t size;                /* SO_SNDBUF, as the kernel counts */
    size_t free;                /* of it, at least */
    size_t owed;                /* bytes that were promised and may still come */
} vmcSndbuf;

/* vmcSndbufQueued: the kernel counts @queued for what is in the buffer (SIOCOUTQ). */
void vmcSndbufQueued(vmcSndbuf *sndbuf, size_t queued);

/* vmcSndbufPromise: how many bytes may be promised, which are owed from then on. */
size_t vmcSndbufPromise(vmcSndbuf *sndbuf);

/*
 * vmcSndbufTakes: whether to write @len bytes at once: what is owed still fits
 * after them, or the buffer is empty.
 */
bool vmcSndbufTakes(const vmcSndbuf *sndbuf, size_t len);

/* vmcSndbufWritten: @len bytes were written at once. */
void vmcSndbufWritten(vmcSndbuf *sndbuf, size_t len);
