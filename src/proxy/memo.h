/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pure rewriting made of the documents that it was given last: a client
 * that watches domains asks for the same ones again and again, and comparing a
 * document is a hundred times cheaper than parsing it.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stddef.h>

#include <glib.h>

typedef struct _vmcMemo vmcMemo;

/*
 * vmcMemoNew: one that keeps no more than @max bytes of documents and what was
 * made of them. The caller frees it.
 */
vmcMemo *vmcMemoNew(size_t max);
void vmcMemoFree(vmcMemo *memo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcMemo, vmcMemoFree)

/* vmcMemoFind: returns what was made of @document, which the memo owns, or NULL. */
const char *vmcMemoFind(const vmcMemo *memo, const char *document);

/*
 * vmcMemoKeep: remembers, as copies, that @result was made of @document, which
 * it does not have yet, and forgets the oldest as far as there is no room.
 * A pair that is larger than a quarter of the room is not kept.
 */
void vmcMemoKeep(vmcMemo *memo, const char *document, const char *result);
