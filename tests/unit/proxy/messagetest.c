/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A message on its way through the proxy: what its header, a stranger's, says of it. */
#include <config.h>

#include "proxy/wire/message.h"

static const struct {
    const char *name;
    vmcRpcHeader header;
    bool begins;
    const char *procedure;      /* NULL: none */
    bool call, reply;
} cases[] = {
    { "call", { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_CALL, 7, 0 },
      true, "AUTH_LIST", true, false },
    { "call-with-descriptors",
      { 32, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_CALL_WITH_FDS, 7, 0 },
      true, "AUTH_LIST", true, false },
    { "reply", { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_REPLY, 7, 0 },
      true, "AUTH_LIST", false, true },
    { "reply-that-is-an-error",
      { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_REPLY, 7, VMC_RPC_ERROR },
      true, "AUTH_LIST", false, true },
    { "reply-with-descriptors",
      { 32, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_REPLY_WITH_FDS, 7, 0 },
      true, "AUTH_LIST", false, true },
    { "event", { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_MESSAGE, 0, 0 },
      true, "AUTH_LIST", false, false },
    { "stream", { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_STREAM, 7, 2 },
      true, "AUTH_LIST", false, false },
    { "no-such-type",
      { 28, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, G_MAXUINT32, 7, 0 },
      true, "AUTH_LIST", false, false },
    { "procedure-0", { 28, VMC_RPC_PROGRAM_REMOTE, 1, 0, VMC_RPC_CALL, 7, 0 },
      true, NULL, true, false },
    { "no-such-procedure", { 28, VMC_RPC_PROGRAM_REMOTE, 1, G_MAXUINT32, VMC_RPC_CALL, 7, 0 },
      true, NULL, true, false },
    { "no-such-program", { 28, G_MAXUINT32, 1, VMC_RPC_AUTH_LIST, VMC_RPC_CALL, 7, 0 },
      true, NULL, true, false },
    { "no-such-version",
      { 28, VMC_RPC_PROGRAM_REMOTE, 2, VMC_RPC_AUTH_LIST, VMC_RPC_CALL, 7, 0 },
      true, NULL, true, false },
    { "longest",
      { VMC_RPC_MESSAGE_MAX, VMC_RPC_PROGRAM_REMOTE, 1, VMC_RPC_AUTH_LIST, VMC_RPC_CALL, 7, 0 },
      true, "AUTH_LIST", true, false },
    { "no-length", { 0 }, false, NULL, false, false },
    { "shorter-than-its-header", { 27, VMC_RPC_PROGRAM_REMOTE, 1, 1, VMC_RPC_CALL, 7, 0 },
      false, NULL, false, false },
    { "too-long",
      { VMC_RPC_MESSAGE_MAX + 1, VMC_RPC_PROGRAM_REMOTE, 1, 1, VMC_RPC_CALL, 7, 0 },
      false, NULL, false, false },
    { "length-of-all-ones", { G_MAXUINT32, VMC_RPC_PROGRAM_REMOTE, 1, 1, VMC_RPC_CALL, 7, 0 },
      false, NULL, false, false },
};

/* The header's words as they are sent, most significant byte first. */
static void
putHeader(guint8 bytes[VMC_RPC_HEADER_SIZE], const vmcRpcHeader *header)
{
    const guint32 words[] = { header->length, header->program, header->version,
                              header->procedure, header->type, header->serial, header->status };

    for (gsize i = 0; i < VMC_RPC_HEADER_SIZE; i++)
        bytes[i] = (guint8)(words[i / 4] >> 8 * (3 - i % 4));
}

static void
testBegin(gconstpointer data)
{
    unsigned int i = GPOINTER_TO_UINT(data);
    vmcWireMessage message = { .bytes = NULL };
    guint8 bytes[VMC_RPC_HEADER_SIZE];

    putHeader(bytes, &cases[i].header);
    g_assert_cmpint(vmcWireMessageBegin(&message, bytes), ==, cases[i].begins);
    if (!cases[i].begins)
        return;
    g_assert_cmpuint(message.header.length, ==, cases[i].header.length);
    g_assert_cmpuint(message.header.serial, ==, cases[i].header.serial);
    g_assert_cmpuint(message.header.status, ==, cases[i].header.status);
    g_assert_cmpstr(message.procedure ? message.procedure->name : NULL, ==, cases[i].procedure);
    g_assert_cmpint(vmcWireMessageIsCall(&message), ==, cases[i].call);
    g_assert_cmpint(vmcWireMessageIsReply(&message), ==, cases[i].reply);
}

/* It owns its bytes: what they were is freed. */
static void
testReplace(void)
{
    vmcWireMessage message = { .bytes = g_byte_array_new() };
    GByteArray *other = g_byte_array_new();

    vmcWireMessageReplace(&message, other);
    g_assert_true(message.bytes == other);
    vmcWireMessageClear(&message);
    g_assert_null(message.bytes);
    vmcWireMessageClear(&message);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned int i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/proxy/message/begin/%s", cases[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), testBegin);
    }
    g_test_add_func("/proxy/message/replace", testReplace);
    return g_test_run();
}
