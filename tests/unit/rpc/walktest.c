/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk through a message: every letter of a signature, what a visitor leaves
 * out or replaces, byte for byte, and bytes that are not what they should be.
 */
#include <config.h>

#include <string.h>

#include "rpc/procedures.h"
#include "rpc/walk.h"

/* What a visitor saw, and what it is to do. */
typedef struct {
    GString *seen;
    const char *drop;           /* the name of domains and parameters to leave out, or NULL */
    const char *stop;           /* what ends the walk: a name or XML, or NULL */
} visit;

static vmcRpcVisit
note(visit *v, const char *kind, const char *text, size_t length)
{
    g_string_append_printf(v->seen, "%s:%.*s ", kind, (int)length, text);
    if (v->stop && strlen(v->stop) == length && memcmp(v->stop, text, length) == 0)
        return VMC_RPC_VISIT_STOP;
    if (v->drop && strlen(v->drop) == length && memcmp(v->drop, text, length) == 0)
        return VMC_RPC_VISIT_DROP;
    return VMC_RPC_VISIT_KEEP;
}

static vmcRpcVisit
domain(void *opaque, const vmcRpcDomain *domain)
{
    g_assert_cmpint(domain->id, ==, 7);
    g_assert_cmpuint(domain->uuid[0], ==, 'u');
    g_assert_cmpuint(domain->uuid[VMC_RPC_UUID_SIZE - 1], ==, 'u');
    g_assert_true(domain->bytes + domain->size == domain->uuid + VMC_RPC_UUID_SIZE + 4);
    return note(opaque, "domain", domain->name, domain->length);
}

/* Puts "longer" in the place of "old". */
static vmcRpcVisit
xml(void *opaque, const char *text, size_t length, char **other)
{
    if (length == 3 && memcmp(text, "old", 3) == 0)
        *other = g_strdup("longer");
    return note(opaque, "xml", text, length);
}

static vmcRpcVisit
param(void *opaque, const vmcRpcParam *param, char **other)
{
    if (param->text && param->length == 3 && memcmp(param->text, "old", 3) == 0)
        *other = g_strdup("longer");
    return note(opaque, param->text ? "text" : "number", param->name, param->nameLength);
}

static vmcRpcVisit
flags(void *opaque, guint32 flags)
{
    g_assert_cmpuint(flags, ==, 5);
    return note(opaque, "flags", "", 0);
}

static const vmcRpcVisitor all = {
    .letters = "wlsodDLXYPRFV", .domain = domain, .xml = xml, .param = param, .flags = flags,
};

static GByteArray *
messageNew(void)
{
    return vmcRpcCallNew(VMC_RPC_DOMAIN_GET_INFO, 3);
}

static void
addString(GByteArray *out, const char *text)
{
    vmcXdrWriteString(out, text, strlen(text));
}

static void
addDomain(GByteArray *out, const char *name)
{
    static const char uuid[] = "uuuuuuuuuuuuuuuu";

    addString(out, name);
    g_byte_array_append(out, (const guint8 *)uuid, VMC_RPC_UUID_SIZE);
    vmcXdrWriteU32(out, 7);
}

static void
addText(GByteArray *out, const char *name, const char *text)
{
    addString(out, name);
    vmcXdrWriteU32(out, 7);
    addString(out, text);
}

/* One of each type: int, uint, llong, ullong, double, boolean. */
static void
addNumbers(GByteArray *out)
{
    for (guint32 type = 1; type <= 6; type++) {
        addString(out, "n");
        vmcXdrWriteU32(out, type);
        vmcXdrWriteU32(out, 0);
        if (type >= 3 && type <= 5)
            vmcXdrWriteU32(out, 0);
    }
}

/* Two domains with two parameters each. */
static void
addRecords(GByteArray *out, const char *const *names, guint32 n)
{
    vmcXdrWriteU32(out, n);
    for (guint32 i = 0; i < n; i++) {
        addDomain(out, names[i]);
        vmcXdrWriteU32(out, 2);
        addText(out, "path", "/srv");
        addText(out, "name", "old");
    }
}

static vmcRpcWalkResult
walk(const GByteArray *message, const char *signature, const vmcRpcVisitor *visitor, visit *v,
     GByteArray **out)
{
    vmcXdrReader reader;
    vmcRpcWalkResult result;

    v->seen = v->seen ? g_string_truncate(v->seen, 0) : g_string_new(NULL);
    vmcRpcPayload(message, &reader);
    result = vmcRpcWalk(&reader, signature, visitor, v, out);
    if (result == VMC_RPC_WALK_DONE && visitor == &all)
        g_assert_cmpuint(reader.pos, ==, message->len);
    return result;
}

/* Every letter once, optional ones there and absent. */
#define SIGNATURE "wlsooDDdLYYXPRFV"
static GByteArray *
everything(void)
{
    GByteArray *message = messageNew();

    vmcXdrWriteU32(message, 1);
    vmcXdrWriteU32(message, 1);
    vmcXdrWriteU32(message, 1);
    addString(message, "s");
    vmcXdrWriteOptional(message, "o");
    vmcXdrWriteOptional(message, NULL);
    vmcXdrWriteU32(message, 1);
    addDomain(message, "D");
    vmcXdrWriteU32(message, 0);
    addDomain(message, "d");
    vmcXdrWriteU32(message, 2);
    addDomain(message, "L1");
    addDomain(message, "L2");
    vmcXdrWriteOptional(message, "Y");
    vmcXdrWriteOptional(message, NULL);
    addString(message, "X");
    vmcXdrWriteU32(message, 7);
    addNumbers(message);
    addText(message, "P", "text");
    addRecords(message, (const char *const[]){ "R1", "R2" }, 2);
    vmcXdrWriteU32(message, 5);
    vmcXdrWriteU32(message, 5);
    vmcRpcMessageFinish(message);
    return message;
}

static void
testLetters(void)
{
    static const vmcRpcVisitor nobody = { .letters = SIGNATURE };
    static const vmcRpcVisitor first = { .letters = "dD", .domain = domain, .xml = xml };
    g_autoptr(GByteArray) message = everything();
    g_autoptr(GByteArray) out = NULL;
    visit v = { 0 };

    g_assert_cmpint(walk(message, SIGNATURE, &nobody, &v, &out), ==, VMC_RPC_WALK_DONE);
    g_assert_null(out);
    g_assert_cmpint(walk(message, SIGNATURE, &all, &v, &out), ==, VMC_RPC_WALK_DONE);
    g_assert_nonnull(out);
    g_assert_cmpstr(v.seen->str, ==,
                    "domain:D domain:d domain:L1 domain:L2 xml:Y xml:X "
                    "number:n number:n number:n number:n number:n number:n text:P "
                    "domain:R1 text:path text:name domain:R2 text:path text:name "
                    "flags: flags: ");
    /* Behind the last of its letters a visitor is not asked, nor are bytes looked at. */
    g_assert_cmpint(walk(message, SIGNATURE, &first, &v, NULL), ==, VMC_RPC_WALK_DONE);
    g_assert_cmpstr(v.seen->str, ==, "domain:D domain:d ");
    g_assert_cmpint(walk(message, "X", &first, &v, NULL), ==, VMC_RPC_WALK_DONE);
    g_assert_cmpint(walk(message, NULL, &first, &v, NULL), ==, VMC_RPC_WALK_DONE);
    g_assert_cmpstr(v.seen->str, ==, "");
    g_string_free(v.seen, TRUE);
}

/* Bytes of their own for each length, so that the sanitizer sees one too far. */
static void
testTruncated(void)
{
    g_autoptr(GByteArray) message = everything();
    visit v = { .drop = "R1" };

    for (guint len = 0; len < message->len; len++) {
        GByteArray cut = { .data = g_memdup2(message->data, len), .len = len };
        GByteArray *out = NULL;

        g_assert_cmpint(walk(&cut, SIGNATURE, &all, &v, &out), ==, VMC_RPC_WALK_UNREADABLE);
        g_assert_null(out);
        g_free(cut.data);
    }
    g_string_free(v.seen, TRUE);
}

/* Words that say more than there is, or more than is allowed; the rest would do. */
static void
testOversize(void)
{
    static const struct { const char *signature; guint32 words[3]; } cases[] = {
        { "s", { 0xffffffff } }, { "s", { VMC_RPC_STRING_MAX + 1 } }, { "o", { 2 } },
        { "X", { 0xffffffff } }, { "X", { 0x7fffffff } }, { "Y", { 0xffffffff } },
        { "Y", { 1, 0xfffffffd } }, { "d", { 0xffffffff } }, { "D", { 2 } },
        { "L", { 16385 } }, { "L", { 0xffffffff } }, { "P", { 0xffffffff } }, { "P", { 65 } },
        { "P", { 1, 0xffffffff } }, { "R", { 0xffffffff } }, { "R", { 1, 0xffffffff } },
    };
    static const vmcRpcVisitor bounded = { .letters = "sodDLXYPR", .paramsMax = 64 };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) message = messageNew();
        visit v = { 0 };

        for (size_t j = 0; j < G_N_ELEMENTS(cases[i].words); j++)
            vmcXdrWriteU32(message, cases[i].words[j]);
        g_test_message("case %zu", i);
        g_assert_cmpint(walk(message, cases[i].signature, &bounded, &v, NULL), ==,
                        VMC_RPC_WALK_UNREADABLE);
        g_string_free(v.seen, TRUE);
    }
}

/* The bound of a list is none of bytes: as many as are allowed are read. */
static void
testBounds(void)
{
    static const vmcRpcVisitor bounded = { .letters = "P", .paramsMax = 64 };

    for (guint32 n = 64; n <= 65; n++) {
        g_autoptr(GByteArray) message = messageNew();
        visit v = { 0 };

        vmcXdrWriteU32(message, n);
        for (guint32 i = 0; i < n; i++)
            addText(message, "a", "b");
        g_assert_cmpint(walk(message, "P", &bounded, &v, NULL), ==,
                        n <= 64 ? VMC_RPC_WALK_DONE : VMC_RPC_WALK_UNREADABLE);
        g_assert_cmpint(walk(message, "P", &all, &v, NULL), ==, VMC_RPC_WALK_DONE);
        g_string_free(v.seen, TRUE);
    }
}

/* libvirt's own bound of a list of domains. */
static void
testManyDomains(void)
{
    for (guint32 n = 16384; n <= 16385; n++) {
        g_autoptr(GByteArray) message = messageNew();
        visit v = { 0 };

        vmcXdrWriteU32(message, n);
        for (guint32 i = 0; i < n; i++)
            addDomain(message, "a");
        g_assert_cmpint(walk(message, "L", &all, &v, NULL), ==,
                        n <= 16384 ? VMC_RPC_WALK_DONE : VMC_RPC_WALK_UNREADABLE);
        g_assert_cmpuint(v.seen ? v.seen->len : 0, ==, n <= 16384 ? n * strlen("domain:a ") : 0);
        g_string_free(v.seen, TRUE);
    }
}

static void
testUnknownType(void)
{
    static const guint32 types[] = { 0, 8, 9, 0x7fffffff, 0xffffffff };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GByteArray) message = messageNew();
        visit v = { 0 };

        vmcXdrWriteU32(message, 2);
        addText(message, "a", "b");
        addString(message, "c");
        vmcXdrWriteU32(message, types[i]);
        for (int word = 0; word < 4; word++)
            vmcXdrWriteU32(message, 0);
        g_assert_cmpint(walk(message, "P", &all, &v, NULL), ==, VMC_RPC_WALK_UNREADABLE);
        g_assert_cmpstr(v.seen->str, ==, "text:a ");
        g_string_free(v.seen, TRUE);
    }
}

/* The lists of a list: what goes out of either, and what is replaced, counted again. What
 * follows them is asked for. */
static void
testNested(void)
{
    static const char *const names[] = { "me", "db", "db", "web" };
    static const struct { const char *drop; const char *seen; } cases[] = {
        { "db", "domain:me text:path text:name domain:db domain:db "
                "domain:web text:path text:name " },
        { "path", "domain:me text:path text:name domain:db text:path text:name "
                  "domain:db text:path text:name domain:web text:path text:name " },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool records = strcmp(cases[i].drop, "db") == 0;
        g_autoptr(GByteArray) message = messageNew();
        g_autoptr(GByteArray) expected = messageNew();
        g_autoptr(GByteArray) out = NULL;
        visit v = { .drop = cases[i].drop };

        addString(message, "old");
        addRecords(message, names, G_N_ELEMENTS(names));
        vmcXdrWriteU32(message, 1);
        addText(message, "name", "old");
        addString(message, "old");
        addString(expected, "longer");
        vmcXdrWriteU32(expected, records ? 2 : 4);
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++) {
            if (records && strcmp(names[j], "db") == 0)
                continue;
            addDomain(expected, names[j]);
            vmcXdrWriteU32(expected, records ? 2 : 1);
            if (records)
                addText(expected, "path", "/srv");
            addText(expected, "name", "longer");
        }
        vmcXdrWriteU32(expected, 1);
        addText(expected, "name", "longer");
        addString(expected, "longer");
        vmcRpcMessageFinish(expected);
        g_assert_cmpint(walk(message, "XRPX", &all, &v, &out), ==, VMC_RPC_WALK_DONE);
        g_assert_cmpmem(out->data, out->len, expected->data, expected->len);
        g_string_truncate(v.seen, v.seen->len - strlen("text:name xml:old "));
        g_assert_cmpstr(v.seen->str + strlen("xml:old "), ==, cases[i].seen);
        g_string_free(v.seen, TRUE);
    }
}

/* A list may become empty; what follows the signature stays. */
static void
testDropAll(void)
{
    g_autoptr(GByteArray) message = messageNew();
    g_autoptr(GByteArray) expected = messageNew();
    g_autoptr(GByteArray) out = NULL;
    static const vmcRpcVisitor visitor = { .letters = "L", .domain = domain };
    visit v = { .drop = "db" };

    vmcXdrWriteU32(message, 2);
    addDomain(message, "db");
    addDomain(message, "db");
    vmcXdrWriteU32(message, 99);
    vmcXdrWriteU32(expected, 0);
    vmcXdrWriteU32(expected, 99);
    vmcRpcMessageFinish(expected);
    g_assert_cmpint(walk(message, "L", &visitor, &v, &out), ==, VMC_RPC_WALK_DONE);
    g_assert_cmpmem(out->data, out->len, expected->data, expected->len);
    g_string_free(v.seen, TRUE);
}

/* Nothing comes of a message whose walk was ended, whatever was changed before. */
static void
testStop(void)
{
    static const visit visits[] = {
        { .stop = "L1" }, { .stop = "X" }, { .stop = "P" }, { .stop = "R2" },
        { .stop = "R1", .drop = "L1" }, { .stop = "path", .drop = "L1" },
        { .drop = "d" }, { .drop = "D" }, { .drop = "X" }, { .drop = "Y" },
    };
    g_autoptr(GByteArray) message = everything();

    for (size_t i = 0; i < G_N_ELEMENTS(visits); i++) {
        visit v = visits[i];
        GByteArray *out = NULL;

        g_assert_cmpint(walk(message, SIGNATURE, &all, &v, &out), ==, VMC_RPC_WALK_STOPPED);
        g_assert_null(out);
        g_string_free(v.seen, TRUE);
    }
}

static void
testStringParam(void)
{
    g_autoptr(GByteArray) message = messageNew();
    static const struct { const char *name; const char *text; } cases[] = {
        { "file", "/srv" }, { "fil", NULL }, { "files", NULL }, { "n", NULL }, { "", NULL },
    };

    vmcXdrWriteU32(message, 8);
    addNumbers(message);
    addText(message, "file", "/srv");
    addText(message, "file", "/other");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcXdrReader reader;
        size_t length = 99;
        const char *text;

        vmcRpcPayload(message, &reader);
        text = vmcRpcReadStringParam(&reader, cases[i].name, &length);
        if (cases[i].text)
            g_assert_cmpmem(text, length, cases[i].text, strlen(cases[i].text));
        else
            g_assert_null(text);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/walk/letters", testLetters);
    g_test_add_func("/rpc/walk/truncated", testTruncated);
    g_test_add_func("/rpc/walk/oversize", testOversize);
    g_test_add_func("/rpc/walk/bounds", testBounds);
    g_test_add_func("/rpc/walk/many-domains", testManyDomains);
    g_test_add_func("/rpc/walk/unknown-type", testUnknownType);
    g_test_add_func("/rpc/walk/nested", testNested);
    g_test_add_func("/rpc/walk/drop-all", testDropAll);
    g_test_add_func("/rpc/walk/stop", testStop);
    g_test_add_func("/rpc/walk/string-param", testStringParam);
    return g_test_run();
}
