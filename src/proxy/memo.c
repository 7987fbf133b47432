/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents and what was made of them: see memo.h. */
#include <config.h>

#include "proxy/memo.h"

#include <string.h>

typedef struct {
    char *document;
    size_t length;
    char *result;
    size_t size;                /* of both */
} pair;

struct _vmcMemo {
    GQueue pairs;               /* pair *, the newest first */
    size_t size;
    size_t max;
};

static void
pairFree(gpointer opaque)
{
    pair *self = opaque;

    g_free(self->document);
    g_free(self->result);
    g_free(self);
}

vmcMemo *
vmcMemoNew(size_t max)
{
    vmcMemo *memo = g_new0(vmcMemo, 1);

    g_queue_init(&memo->pairs);
    memo->max = max;
    return memo;
}

void
vmcMemoFree(vmcMemo *memo)
{
    if (!memo)
        return;
    g_queue_clear_full(&memo->pairs, pairFree);
    g_free(memo);
}

const char *
vmcMemoFind(const vmcMemo *memo, const char *document)
{
    size_t length = strlen(document);

    for (const GList *node = memo->pairs.head; node; node = node->next) {
        const pair *one = node->data;

        if (one->length == length && memcmp(one->document, document, length) == 0)
            return one->result;
    }
    return NULL;
}

static void
forgetOldest(vmcMemo *memo)
{
    pair *oldest = g_queue_pop_tail(&memo->pairs);

    memo->size -= oldest->size;
    pairFree(oldest);
}

void
vmcMemoKeep(vmcMemo *memo, const char *document, const char *result)
{
    size_t length = strlen(document);
    size_t size = length + strlen(result) + 2;
    pair *kept;

    if (size > memo->max / 4)
        return;
    while (memo->size + size > memo->max)
        forgetOldest(memo);
    kept = g_new(pair, 1);
    *kept = (pair){ g_strdup(document), length, g_strdup(result), size };
    g_queue_push_head(&memo->pairs, kept);
    memo->size += size;
}
