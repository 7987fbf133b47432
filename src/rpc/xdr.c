/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XDR, bounded before it is believed: see xdr.h. */
#include <config.h>

#include "rpc/xdr.h"

#include <string.h>

/* Everything on the wire is a multiple of this. */
#define XDR_UNIT 4

void
vmcXdrReaderInit(vmcXdrReader *reader, const guint8 *data, size_t size)
{
    *reader = (vmcXdrReader){ .data = data, .size = size };
}

/* Returns the next @size bytes, or NULL when they are not there. */
static const guint8 *
readerTake(vmcXdrReader *reader, size_t size)
{
    const guint8 *bytes;

    if (reader->failed || size > reader->size - reader->pos) {
        reader->failed = true;
        return NULL;
    }
    bytes = reader->data + reader->pos;
    reader->pos += size;
    return bytes;
}

guint32
vmcXdrReadU32(vmcXdrReader *reader)
{
    const guint8 *bytes = readerTake(reader, XDR_UNIT);
    guint32 value;

    if (!bytes)
        return 0;
    memcpy(&value, bytes, sizeof(value));
    return GUINT32_FROM_BE(value);
}

guint64
vmcXdrReadU64(vmcXdrReader *reader)
{
    guint64 high = vmcXdrReadU32(reader);
    guint64 low = vmcXdrReadU32(reader);

    return reader->failed ? 0 : high << 32 | low;
}

bool
vmcXdrReadFlag(vmcXdrReader *reader)
{
    guint32 value = vmcXdrReadU32(reader);

    if (value > 1)
        reader->failed = true;
    return !reader->failed && value == 1;
}

static size_t
padding(size_t length)
{
    return (XDR_UNIT - length % XDR_UNIT) % XDR_UNIT;
}

const char *
vmcXdrReadString(vmcXdrReader *reader, size_t max, size_t *length)
{
    guint32 size = vmcXdrReadU32(reader);
    const guint8 *bytes;

    if (size > max)
        reader->failed = true;
    bytes = readerTake(reader, size);
    vmcXdrSkip(reader, padding(size));
    if (reader->failed)
        return NULL;
    *length = size;
    return (const char *)bytes;
}

char *
vmcXdrReadText(vmcXdrReader *reader, size_t max)
{
    size_t length = 0;
    const char *bytes = vmcXdrReadString(reader, max, &length);

    return g_strndup(bytes ? bytes : "", length);
}

void
vmcXdrSkip(vmcXdrReader *reader, size_t size)
{
    readerTake(reader, size);
}

void
vmcXdrWriteU32(GByteArray *out, guint32 value)
{
    guint32 wire = GUINT32_TO_BE(value);

    g_byte_array_append(out, (const guint8 *)&wire, sizeof(wire));
}

void
vmcXdrSetU32(GByteArray *out, size_t at, guint32 value)
{
    guint32 wire = GUINT32_TO_BE(value);

    memcpy(out->data + at, &wire, sizeof(wire));
}

void
vmcXdrWriteString(GByteArray *out, const char *text, size_t length)
{
    static const guint8 zeros[XDR_UNIT];

    vmcXdrWriteU32(out, length);
    g_byte_array_append(out, (const guint8 *)text, length);
    g_byte_array_append(out, zeros, padding(length));
}

void
vmcXdrWriteOptional(GByteArray *out, const char *text)
{
    vmcXdrWriteU32(out, text != NULL);
    if (text)
        vmcXdrWriteString(out, text, strlen(text));
}
