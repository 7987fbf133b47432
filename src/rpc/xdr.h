/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The encoding of libvirt's messages (XDR, RFC 4506): a reader that never
 * leaves its bytes, and a writer. Knows no message.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

/*
 * A place in bytes that somebody else owns. Once something was not there, or
 * was longer than allowed, @failed stays set and every read gives zero: so a
 * caller may read on and look at it once, at the end.
 */
typedef struct {
    const guint8 *data;
    size_t size;
    size_t pos;
    bool failed;
} vmcXdrReader;

/* vmcXdrReaderInit: starts at the first of @size bytes. */
void vmcXdrReaderInit(vmcXdrReader *reader, const guint8 *data, size_t size);

/* Numbers, 4 and 8 bytes big endian; 0 after a failure. */
guint32 vmcXdrReadU32(vmcXdrReader *reader);
guint64 vmcXdrReadU64(vmcXdrReader *reader);

/* vmcXdrReadFlag: what stands before an optional value: 0 or 1, else a failure. */
bool vmcXdrReadFlag(vmcXdrReader *reader);

/*
 * vmcXdrReadString:
 * Returns the bytes of a string or opaque of at most @max bytes and their
 * number in @length, borrowed and without a NUL at their end, or NULL after a
 * failure. The padding is skipped, whatever is in it.
 */
const char *vmcXdrReadString(vmcXdrReader *reader, size_t max, size_t *length);

/* vmcXdrReadText: the same as text, which the caller frees: "" after a failure. */
char *vmcXdrReadText(vmcXdrReader *reader, size_t max);

/* vmcXdrSkip: passes over @size bytes. */
void vmcXdrSkip(vmcXdrReader *reader, size_t size);

/* Each appends one value. */
void vmcXdrWriteU32(GByteArray *out, guint32 value);
void vmcXdrWriteString(GByteArray *out, const char *text, size_t length);

/* vmcXdrSetU32: replaces the word that stands at @at, which must be in @out. */
void vmcXdrSetU32(GByteArray *out, size_t at, guint32 value);

/* vmcXdrWriteOptional: appends an optional string; NULL is absent. */
void vmcXdrWriteOptional(GByteArray *out, const char *text);
