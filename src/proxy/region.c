/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for libxml2: see region.h. Pieces are cut off one block, which is new
 * again when all of them were given back; what has no room there is malloc's.
 * So a piece that libxml2 keeps makes it slower, and never larger.
 */
#include <config.h>

#include "proxy/region.h"

#include <glib.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The tree of a domain with dozens of devices. */
#define REGION_SIZE (256 * 1024)

/* In front of each piece; what follows it is as aligned as malloc's. */
typedef struct {
    _Alignas(max_align_t) size_t size;
} pieceHeader;

G_STATIC_ASSERT(REGION_SIZE % sizeof(pieceHeader) == 0);

static struct {
    _Alignas(max_align_t) guint8 bytes[REGION_SIZE];
    size_t used;
    size_t pieces;              /* that were not given back */
} region;

static bool
isPiece(const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)region.bytes < sizeof(region.bytes);
}

static void *
allocate(size_t size)
{
    size_t step = sizeof(pieceHeader);
    size_t room = sizeof(region.bytes) - region.used;
    pieceHeader *header = (void *)(region.bytes + region.used);

    /* Not up to the very end: there, a piece of no bytes would not be known as ours. */
    if (room < step || size >= room - step)
        return malloc(size);
    header->size = size;
    region.used += step + (size + step - 1) / step * step;
    region.pieces++;
    return header + 1;
}

static void
release(void *memory)
{
    if (!isPiece(memory))
        free(memory);
    else if (--region.pieces == 0)
        region.used = 0;
}

static void *
resize(void *memory, size_t size)
{
    const pieceHeader *header;
    void *moved;

    if (!memory)
        return allocate(size);
    if (!isPiece(memory))
        return realloc(memory, size);
    header = (const pieceHeader *)memory - 1;
    if (size <= header->size)
        return memory;
    moved = allocate(size);
    if (moved) {
        memcpy(moved, memory, header->size);
        release(memory);
    }
    return moved;
}

static char *
duplicate(const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = allocate(size);

    return copy ? memcpy(copy, string, size) : NULL;
}

void
vmcRegionStart(void)
{
    /* What it keeps for good it makes here, of malloc's. */
    xmlInitParser();
    xmlMemSetup(release, allocate, resize, duplicate);
}

void
vmcRegionEnd(void)
{
    xmlCleanupParser();
    xmlMemSetup(free, malloc, realloc, strdup);
}
