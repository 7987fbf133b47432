/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The walk through a message: see walk.h. */
#include <config.h>

#include "rpc/walk.h"

#include <string.h>

/* libvirt's limit for a list of domains. */
#define DOMAINS_MAX 16384

/* The type of a typed parameter that is a string; the first ones are numbers. */
#define PARAM_STRING 7

typedef struct {
    vmcXdrReader *reader;
    const vmcRpcVisitor *visitor;
    void *opaque;
    GByteArray *out;            /* NULL until something was changed */
    size_t copied;              /* bytes of the reader's that are in out, or left out of it */
    bool unasked;               /* in an element that is left out: only passes over */
} walk;

static void
copyUntil(walk *w, size_t pos)
{
    if (!w->out)
        w->out = g_byte_array_sized_new(w->reader->size);
    g_byte_array_append(w->out, w->reader->data + w->copied, pos - w->copied);
    w->copied = pos;
}

/* Puts @other in the place of the string that was read from @from on. */
static void
replaceString(walk *w, size_t from, const char *other)
{
    copyUntil(w, from);
    vmcXdrWriteString(w->out, other, strlen(other));
    w->copied = w->reader->pos;
}

static bool
readDomain(vmcXdrReader *reader, vmcRpcDomain *domain)
{
    size_t from = reader->pos;

    domain->bytes = reader->data + from;
    domain->name = vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &domain->length);
    domain->uuid = reader->data + reader->pos;
    vmcXdrSkip(reader, VMC_RPC_UUID_SIZE);
    domain->id = (gint32)vmcXdrReadU32(reader);
    domain->size = reader->pos - from;
    return !reader->failed;
}

static vmcRpcVisit
visitDomain(walk *w)
{
    vmcRpcDomain domain;

    if (!readDomain(w->reader, &domain) || !w->visitor->domain)
        return VMC_RPC_VISIT_KEEP;
    return w->visitor->domain(w->opaque, &domain);
}

static vmcRpcVisit
visitXml(walk *w)
{
    size_t from = w->reader->pos;
    size_t length = 0;
    const char *text = vmcXdrReadString(w->reader, VMC_RPC_STRING_MAX, &length);
    g_autofree char *other = NULL;
    vmcRpcVisit verdict;

    if (!text || !w->visitor->xml)
        return VMC_RPC_VISIT_KEEP;
    verdict = w->visitor->xml(w->opaque, text, length, &other);
    if (other)
        replaceString(w, from, other);
    return verdict;
}

static vmcRpcVisit
visitParam(walk *w)
{
    /* Bytes of a number: int, uint, llong, ullong, double, boolean, from 1 on. */
    static const size_t sizes[PARAM_STRING] = { 0, 4, 4, 8, 8, 8, 4 };
    vmcRpcParam param = { 0 };
    g_autofree char *other = NULL;
    vmcRpcVisit verdict;
    guint32 type;
    size_t from;

    param.name = vmcXdrReadString(w->reader, VMC_RPC_STRING_MAX, &param.nameLength);
    type = vmcXdrReadU32(w->reader);
    from = w->reader->pos;
    if (type == PARAM_STRING)
        param.text = vmcXdrReadString(w->reader, VMC_RPC_STRING_MAX, &param.length);
    else if (type == 0 || type > PARAM_STRING)
        w->reader->failed = true;
    else
        vmcXdrSkip(w->reader, sizes[type]);
    if (w->reader->failed || w->unasked || !w->visitor->param)
        return VMC_RPC_VISIT_KEEP;
    verdict = w->visitor->param(w->opaque, &param, &other);
    if (other)
        replaceString(w, from, other);
    return verdict;
}

/*
 * A list's count and its elements, which become fewer when @visit says so of one.
 * Each has bytes of its own: a count that is too high ends where the bytes do.
 */
static vmcRpcVisit
visitList(walk *w, vmcRpcVisit (*visit)(walk *w), guint32 max)
{
    /* Where the count stands in the new message, if there will be one. */
    size_t at = (w->out ? w->out->len : 0) + w->reader->pos - w->copied;
    guint32 n = vmcXdrReadU32(w->reader);
    guint32 kept = n;

    if (n > max)
        w->reader->failed = true;
    for (guint32 i = 0; i < n && !w->reader->failed; i++) {
        size_t from = w->reader->pos;
        vmcRpcVisit verdict = visit(w);

        if (verdict == VMC_RPC_VISIT_STOP)
            return verdict;
        if (verdict != VMC_RPC_VISIT_DROP)
            continue;
        copyUntil(w, from);
        w->copied = w->reader->pos;
        kept--;
    }
    if (kept < n)
        vmcXdrSetU32(w->out, at, kept);
    return VMC_RPC_VISIT_KEEP;
}

static vmcRpcVisit
visitParams(walk *w)
{
    return visitList(w, visitParam, w->visitor->paramsMax ? w->visitor->paramsMax : G_MAXUINT32);
}

/* A domain with its parameters: what goes with the domain is asked for only if it stays. */
static vmcRpcVisit
visitRecord(walk *w)
{
    vmcRpcVisit verdict = visitDomain(w);

    if (verdict == VMC_RPC_VISIT_STOP)
        return verdict;
    w->unasked = verdict == VMC_RPC_VISIT_DROP;
    if (visitParams(w) == VMC_RPC_VISIT_STOP)
        verdict = VMC_RPC_VISIT_STOP;
    w->unasked = false;
    return verdict;
}

static vmcRpcVisit
visitFlags(walk *w)
{
    guint32 flags = vmcXdrReadU32(w->reader);

    if (w->reader->failed || !w->visitor->flags)
        return VMC_RPC_VISIT_KEEP;
    return w->visitor->flags(w->opaque, flags);
}

/* Passes over a value of which no visitor wants to know. */
static vmcRpcVisit
pass(vmcXdrReader *reader, char letter)
{
    size_t length;

    if (letter == 'w')
        vmcXdrReadU32(reader);
    else if (letter == 'l')
        vmcXdrReadU64(reader);
    else if (letter == 's' || vmcXdrReadFlag(reader))
        vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);
    return VMC_RPC_VISIT_KEEP;
}

static vmcRpcVisit
visitLetter(walk *w, char letter)
{
    switch (letter) {
    case 'w':
    case 'l':
    case 's':
    case 'o':
        return pass(w->reader, letter);
    case 'd':
        return visitDomain(w);
    case 'D':
        return vmcXdrReadFlag(w->reader) ? visitDomain(w) : VMC_RPC_VISIT_KEEP;
    case 'L':
        return visitList(w, visitDomain, DOMAINS_MAX);
    case 'X':
        return visitXml(w);
    case 'Y':
        return vmcXdrReadFlag(w->reader) ? visitXml(w) : VMC_RPC_VISIT_KEEP;
    case 'P':
        return visitParams(w);
    case 'R':
        return visitList(w, visitRecord, G_MAXUINT32);
    case 'F':
    case 'V':
        return visitFlags(w);
    default:
        g_assert_not_reached();
    }
}

vmcRpcWalkResult
vmcRpcWalk(vmcXdrReader *reader, const char *signature, const vmcRpcVisitor *visitor,
           void *opaque, GByteArray **out)
{
    walk w = { .reader = reader, .visitor = visitor, .opaque = opaque };
    size_t n = signature ? strlen(signature) : 0;
    vmcRpcVisit verdict = VMC_RPC_VISIT_KEEP;
    g_autoptr(GByteArray) changed = NULL;

    while (n > 0 && !strchr(visitor->letters, signature[n - 1]))
        n--;
    for (size_t i = 0; i < n && !reader->failed && verdict == VMC_RPC_VISIT_KEEP; i++)
        verdict = visitLetter(&w, signature[i]);
    changed = w.out;
    if (reader->failed)
        return VMC_RPC_WALK_UNREADABLE;
    if (verdict != VMC_RPC_VISIT_KEEP)
        return VMC_RPC_WALK_STOPPED;
    if (changed) {
        copyUntil(&w, reader->size);
        vmcRpcMessageFinish(changed);
        *out = g_steal_pointer(&changed);
    }
    return VMC_RPC_WALK_DONE;
}

const guint8 *
vmcRpcReadDomain(vmcXdrReader *reader, size_t *size)
{
    vmcRpcDomain domain;

    if (!readDomain(reader, &domain))
        return NULL;
    *size = domain.size;
    return domain.bytes;
}

/* A string among typed parameters. */
typedef struct {
    const char *name;
    const char *text;           /* NULL until it was found */
    size_t length;
} search;

static vmcRpcVisit
searchParam(void *opaque, const vmcRpcParam *param, char **other G_GNUC_UNUSED)
{
    search *wanted = opaque;

    if (!param->text || !vmcRpcParamIs(param, wanted->name))
        return VMC_RPC_VISIT_KEEP;
    wanted->text = param->text;
    wanted->length = param->length;
    return VMC_RPC_VISIT_STOP;
}

const char *
vmcRpcReadStringParam(vmcXdrReader *reader, const char *name, size_t *length)
{
    static const vmcRpcVisitor visitor = {
        .letters = "P", .paramsMax = VMC_RPC_PARAMS_MAX, .param = searchParam,
    };
    search wanted = { .name = name };

    vmcRpcWalk(reader, "P", &visitor, &wanted, NULL);
    if (wanted.text)
        *length = wanted.length;
    return wanted.text;
}

bool
vmcRpcParamIs(const vmcRpcParam *param, const char *name)
{
    return param->nameLength == strlen(name) &&
           memcmp(param->name, name, param->nameLength) == 0;
}
