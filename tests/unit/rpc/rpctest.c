/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's messages: golden bytes of headers, errors and rewritten calls, and
 * every way in which a message can fall short of what it says.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <string.h>

#include "rpc/message.h"
#include "rpc/rewrite.h"
#include "rpc/xdr.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* Bytes from hexadecimal text, in which blanks do not count. */
static GByteArray *
fromHex(const char *text)
{
    GByteArray *bytes = g_byte_array_new();
    int high = -1;

    for (; *text; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (digit < 0)
            continue;
        if (high < 0) {
            high = digit;
        } else {
            guint8 byte = high * 16 + digit;

            g_byte_array_append(bytes, &byte, 1);
            high = -1;
        }
    }
    g_assert_cmpint(high, ==, -1);
    return bytes;
}

static void
assertBytes(const GByteArray *bytes, const char *hex)
{
    g_autoptr(GByteArray) expected = fromHex(hex);

    g_assert_cmpmem(bytes->data, bytes->len, expected->data, expected->len);
}

/* virsh's first message to a daemon: AUTH_LIST, serial 0. */
#define AUTH_LIST_CALL \
    "0000001c 20008086 00000001 00000042 00000000 00000000 00000000"

static void
testHeaderRoundTrip(void)
{
    g_autoptr(GByteArray) call = vmcRpcCallNew(VMC_RPC_AUTH_LIST, 0);
    vmcRpcHeader header;

    vmcRpcMessageFinish(call);
    assertBytes(call, AUTH_LIST_CALL);
    g_assert_true(vmcRpcHeaderParse(call->data, &header));
    g_assert_cmpuint(header.length, ==, VMC_RPC_HEADER_SIZE);
    g_assert_cmpuint(header.program, ==, VMC_RPC_PROGRAM_REMOTE);
    g_assert_cmpuint(header.procedure, ==, VMC_RPC_AUTH_LIST);
    g_assert_cmpuint(header.type, ==, VMC_RPC_CALL);
}

static void
testHeaderLength(void)
{
    static const struct {
        const char *length;
        bool valid;
    } cases[] = {
        { "00000000", false }, { "0000001b", false }, { "0000001c", true },
        { "02000004", true }, { "02000005", false }, { "ffffffff", false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *hex = g_strconcat(cases[i].length, &AUTH_LIST_CALL[8], NULL);
        g_autoptr(GByteArray) bytes = fromHex(hex);
        vmcRpcHeader header;

        g_assert_true(vmcRpcHeaderParse(bytes->data, &header) == cases[i].valid);
    }
}

static void
testErrorReply(void)
{
    vmcRpcHeader call = {
        .length = 28, .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 350,
        .type = VMC_RPC_CALL, .serial = 7, .status = VMC_RPC_OK,
    };
    g_autoptr(GByteArray) reply =
        vmcRpcErrorReplyNew(&call, VIR_FROM_QEMU, VIR_ERR_CONFIG_UNSUPPORTED, "no way");
    vmcXdrReader reader;
    int domain = 0;
    int code = 0;
    g_autofree char *message = NULL;

    assertBytes(reply,
                "00000054 20008086 00000001 0000015e 00000001 00000007 00000001"
                "00000043 0000000a 00000001 00000006 6e6f2077 61790000"
                "00000002 00000000 00000000 00000000 00000000 ffffffff ffffffff 00000000");
    vmcRpcPayload(reply, &reader);
    g_assert_true(vmcRpcErrorRead(&reader, &domain, &code, &message));
    g_assert_cmpint(domain, ==, VIR_FROM_QEMU);
    g_assert_cmpint(code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
    g_assert_cmpstr(message, ==, "no way");
}

/* Each is cut short, or longer than allowed, somewhere. */
static void
testReaderBounds(void)
{
    static const char *const strings[] = {
        "", "0000", "00000001", "00000005 61616161 6100", "ffffffff 61616161",
        "00000009 61616161 61616161 61616161",
    };
    g_autoptr(GByteArray) flag = fromHex("00000002");
    vmcXdrReader reader;
    size_t length;

    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_autoptr(GByteArray) bytes = fromHex(strings[i]);

        vmcXdrReaderInit(&reader, bytes->data, bytes->len);
        g_assert_null(vmcXdrReadString(&reader, 8, &length));
        g_assert_true(reader.failed);
        g_assert_cmpuint(vmcXdrReadU64(&reader), ==, 0);
    }
    vmcXdrReaderInit(&reader, flag->data, flag->len);
    g_assert_false(vmcXdrReadFlag(&reader));
    g_assert_true(reader.failed);
}

/* Puts "<b>" in the place of "<a>", fails at "<bad>", keeps all else. */
static char *
rewriteLetters(const char *xml, void *opaque)
{
    int *calls = opaque;

    ++*calls;
    if (strcmp(xml, "<bad>") == 0) {
        vmcReportError(VIR_ERR_XML_ERROR, "bad");
        return NULL;
    }
    return g_strdup(strcmp(xml, "<a>") == 0 ? "<longer>" : xml);
}

#define HEADER(length, procedure, type) \
    length "20008086 00000001" procedure type "00000003 00000000"
#define DOMAIN "00000001 76000000 00112233445566778899aabbccddeeff ffffffff"

static const struct {
    const char *signature;
    const char *message;
    const char *rewritten;      /* NULL: the same */
    int calls;
} rewriteCases[] = {
    /* DOMAIN_DEFINE_XML_FLAGS */
    { "X", HEADER("00000028", "0000015e", "00000000") "00000003 3c613e00 00000001",
      HEADER("0000002c", "0000015e", "00000000") "00000008 3c6c6f6e 6765723e 00000001", 1 },
    { "X", HEADER("00000028", "0000015e", "00000000") "00000003 3c633e00 00000001", NULL, 1 },
    /* The string ends at its NUL, as it does for libvirt. */
    { "X", HEADER("0000002c", "0000015e", "00000000") "00000005 3c613e00 62000000 00000001",
      HEADER("0000002c", "0000015e", "00000000") "00000008 3c6c6f6e 6765723e 00000001", 1 },
    /* Bytes after the arguments stay. */
    { "X", HEADER("00000025", "0000015e", "00000000") "00000003 3c613e00 99",
      HEADER("00000029", "0000015e", "00000000") "00000008 3c6c6f6e 6765723e 99", 1 },
    /* DOMAIN_CREATE_XML_WITH_FILES with two descriptors */
    { "X", HEADER("0000002c", "00000135", "00000004") "00000002 00000003 3c613e00 00000001",
      HEADER("00000030", "00000135", "00000004") "00000002 00000008 3c6c6f6e 6765723e 00000001",
      1 },
    /* DOMAIN_SAVE_FLAGS with and without a document */
    { "dsY", HEADER("00000050", "000000e8", "00000000") DOMAIN
      "00000002 2f730000 00000001 00000003 3c613e00 00000000",
      HEADER("00000054", "000000e8", "00000000") DOMAIN
      "00000002 2f730000 00000001 00000008 3c6c6f6e 6765723e 00000000", 1 },
    { "dsY", HEADER("00000048", "000000e8", "00000000") DOMAIN
      "00000002 2f730000 00000000 00000000", NULL, 0 },
    /* Parameters of every type; dxml of another type is not the document. */
    { "P", HEADER("000000b0", "000001b9", "00000000") "00000008"
      "00000001 61000000 00000001 00000001"
      "00000001 61000000 00000002 00000001"
      "00000001 61000000 00000003 0000000000000001"
      "00000001 61000000 00000004 0000000000000001"
      "00000001 61000000 00000005 0000000000000001"
      "00000001 61000000 00000006 00000001"
      "00000004 64786d6c 00000001 00000001"
      "00000004 64786d6c 00000007 00000003 3c613e00",
      HEADER("000000b4", "000001b9", "00000000") "00000008"
      "00000001 61000000 00000001 00000001"
      "00000001 61000000 00000002 00000001"
      "00000001 61000000 00000003 0000000000000001"
      "00000001 61000000 00000004 0000000000000001"
      "00000001 61000000 00000005 0000000000000001"
      "00000001 61000000 00000006 00000001"
      "00000004 64786d6c 00000001 00000001"
      "00000004 64786d6c 00000007 00000008 3c6c6f6e 6765723e", 1 },
    /* The other parameters that are documents */
    { "P", HEADER("00000060", "00000131", "00000000") "00000002"
      "0000000f 64657374696e6174696f6e5f786d6c00 00000007 00000003 3c613e00"
      "0000000e 70657273697374656e745f786d6c0000 00000007 00000003 3c613e00",
      HEADER("00000068", "00000131", "00000000") "00000002"
      "0000000f 64657374696e6174696f6e5f786d6c00 00000007 00000008 3c6c6f6e 6765723e"
      "0000000e 70657273697374656e745f786d6c0000 00000007 00000008 3c6c6f6e 6765723e", 2 },
    /* What does not decode is the daemon's to refuse: short, a flag, a type, a count. */
    { "X", HEADER("00000020", "0000015e", "00000000") "00000003", NULL, 0 },
    { "Y", HEADER("00000028", "0000015e", "00000000") "00000002 00000003 3c613e00", NULL, 0 },
    { "P", HEADER("0000002c", "000001b9", "00000000") "00000001 00000001 61000000 00000008",
      NULL, 0 },
    { "P", HEADER("00000020", "000001b9", "00000000") "00000041", NULL, 0 },
    { "X", HEADER("0000001c", "00000135", "00000004"), NULL, 0 },
};

static void
testRewrite(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rewriteCases); i++) {
        g_autoptr(GByteArray) message = fromHex(rewriteCases[i].message);
        g_autoptr(GByteArray) out = NULL;
        int calls = 0;
        vmcRpcRewriteResult result = vmcRpcRewrite(message, rewriteCases[i].signature,
                                                   rewriteLetters, &calls, &out);

        g_test_message("case %zu", i);
        g_assert_cmpint(calls, ==, rewriteCases[i].calls);
        if (rewriteCases[i].rewritten) {
            g_assert_cmpint(result, ==, VMC_RPC_REWRITE_CHANGED);
            assertBytes(out, rewriteCases[i].rewritten);
        } else {
            g_assert_cmpint(result, ==, VMC_RPC_REWRITE_SAME);
            g_assert_null(out);
        }
    }
}

static void
testRewriteError(void)
{
    g_autoptr(GByteArray) message =
        fromHex(HEADER("00000028", "0000015e", "00000000") "00000005 3c626164 3e000000");
    GByteArray *out = NULL;
    int calls = 0;

    g_assert_cmpint(vmcRpcRewrite(message, "X", rewriteLetters, &calls, &out), ==,
                    VMC_RPC_REWRITE_FAILED);
    g_assert_null(out);
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_XML_ERROR);
    vmcErrorReset();
}

static char *
rewriteToLength(const char *xml G_GNUC_UNUSED, void *opaque)
{
    return g_strnfill(*(const size_t *)opaque, 'x');
}

/* The bounds of libvirt's protocol: of a string, and of a message. */
static void
testRewriteTooLong(void)
{
    static const struct {
        const char *signature;  /* of as many XML as there are letters */
        size_t length;          /* of each, as rewritten */
        const char *error;      /* NULL: it is not too long */
    } cases[] = {
        { "X", VMC_RPC_STRING_MAX, NULL },
        { "X", VMC_RPC_STRING_MAX + 1,
          "the rewritten document has 4194305 bytes, more than 4194304" },
        /* 28 bytes of header, and each string has its length in front. */
        { "XXXXXXXX", VMC_RPC_MESSAGE_MAX / 8 - 8, NULL },
        { "XXXXXXXX", VMC_RPC_STRING_MAX,
          "the rewritten message has 33554492 bytes, more than 33554436" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) message = fromHex(HEADER("00000028", "0000015e", "00000000"));
        g_autoptr(GByteArray) out = NULL;
        size_t length = cases[i].length;
        vmcRpcRewriteResult result;

        for (const char *letter = cases[i].signature; *letter; letter++)
            vmcXdrWriteString(message, "<a>", 3);
        vmcRpcMessageFinish(message);
        result = vmcRpcRewrite(message, cases[i].signature, rewriteToLength, &length, &out);
        g_assert_cmpstr(vmcErrorLast()->message, ==, cases[i].error ? cases[i].error : "");
        g_assert_cmpint(result, ==,
                        cases[i].error ? VMC_RPC_REWRITE_FAILED : VMC_RPC_REWRITE_CHANGED);
        g_assert_cmpint(out == NULL, ==, cases[i].error != NULL);
        vmcErrorReset();
    }
}

/*
 * Rows stand where their numbers say, and are found; names are there once. Signatures
 * are spelled in known letters, and what is to be done with XML has some to do it with.
 */
static void
testTable(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        const vmcRpcProcedure *row = &vmcRpcProcedures()[i];
        const struct { const char *signature; vmcRpcAction action; } sides[] = {
            { row->call ? row->call : "", row->callAction },
            { row->reply ? row->reply : "", row->replyAction },
        };
        vmcRpcHeader header = {
            .program = row->program, .version = VMC_RPC_VERSION, .procedure = row->number,
        };

        g_assert_true(vmcRpcProcedureFind(&header) == row);
        g_assert_true(vmcRpcProcedureFindName(row->name) == row);
        g_assert_true(g_hash_table_add(names, (gpointer)(guintptr)row->name));
        for (size_t j = 0; j < G_N_ELEMENTS(sides); j++) {
            size_t known = strspn(sides[j].signature, "wlsodDLXYPRFV");

            g_assert_cmpuint(known, ==, strlen(sides[j].signature));
            if (sides[j].action == VMC_RPC_ACTION_NONE)
                continue;
            g_assert_nonnull(row->note);
            g_assert_true(row->document == VMC_RPC_DOCUMENT_NONE ||
                          strpbrk(sides[j].signature, "XYP"));
        }
        g_assert_true(!row->note || row->document != VMC_RPC_DOCUMENT_NONE ||
                      row->callAction != VMC_RPC_ACTION_NONE);
        g_assert_true(row->validateFlag == 0 || strstr(row->call, "XV"));
    }
}

static void
testTableUnknown(void)
{
    static const vmcRpcHeader headers[] = {
        { .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 0 },
        { .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = VMC_RPC_REMOTE_N + 1 },
        { .program = VMC_RPC_PROGRAM_REMOTE, .version = 2, .procedure = 1 },
        { .program = VMC_RPC_PROGRAM_QEMU, .version = 1, .procedure = 0 },
        { .program = VMC_RPC_PROGRAM_QEMU, .version = 1,
          .procedure = VMC_RPC_PROCEDURES_N - VMC_RPC_REMOTE_N + 1 },
        { .program = VMC_RPC_PROGRAM_QEMU, .version = 1, .procedure = 0xffffffff },
        { .program = 0x12345678, .version = 1, .procedure = 1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        g_assert_null(vmcRpcProcedureFind(&headers[i]));
    g_assert_null(vmcRpcProcedureFindName("DOMAIN_CREATE_"));
}

/* The same bytes, cut after each of them: never more than "the same". */
static void
testTruncated(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rewriteCases); i++) {
        g_autoptr(GByteArray) message = fromHex(rewriteCases[i].message);

        for (guint len = 0; len < message->len; len++) {
            /* Bytes of their own, so that the sanitizer sees one too far. */
            GByteArray cut = { .data = g_memdup2(message->data, len), .len = len };
            g_autoptr(GByteArray) out = NULL;
            int calls = 0;

            vmcRpcRewrite(&cut, rewriteCases[i].signature, rewriteLetters, &calls, &out);
            g_free(cut.data);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rpc/header/round-trip", testHeaderRoundTrip);
    g_test_add_func("/rpc/header/length", testHeaderLength);
    g_test_add_func("/rpc/error-reply", testErrorReply);
    g_test_add_func("/rpc/reader/bounds", testReaderBounds);
    g_test_add_func("/rpc/rewrite", testRewrite);
    g_test_add_func("/rpc/rewrite/error", testRewriteError);
    g_test_add_func("/rpc/rewrite/too-long", testRewriteTooLong);
    g_test_add_func("/rpc/rewrite/truncated", testTruncated);
    g_test_add_func("/rpc/table", testTable);
    g_test_add_func("/rpc/table/unknown", testTableUnknown);
    return g_test_run();
}
