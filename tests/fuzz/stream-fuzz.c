/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pump looks into: a telnet peer's bytes, and the lines of a file's
 * writer. The input is a byte of settings (1: the telnet peer dialled us), a
 * byte that says in what pieces the rest comes, and the bytes.
 *
 * What must hold: pieces change nothing; what we answer is bounded; what we
 * send as telnet comes back as it was; lines are cut at their ends alone, unless
 * they are too long, and no byte is lost.
 */
#include <config.h>

#include <string.h>

#include "relay/pump/lines.h"
#include "relay/pump/telnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three bytes for each option of WILL and of DO. */
enum { ANSWERS_MAX = 3 * 2 * 256 };

static GByteArray *
receive(bool server, const uint8_t *bytes, size_t len, size_t piece, GByteArray *out)
{
    vmcTelnet telnet = { .server = server };
    GByteArray *data = g_byte_array_new();

    for (size_t at = 0; at < len; at += piece)
        vmcTelnetReceive(&telnet, bytes + at, MIN(piece, len - at), data, out);
    return data;
}

static void
checkEqual(const GByteArray *a, const GByteArray *b)
{
    g_assert(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

static void
checkTelnet(bool server, const uint8_t *bytes, size_t len, size_t piece)
{
    g_autoptr(GByteArray) said = g_byte_array_new();
    g_autoptr(GByteArray) saidInPieces = g_byte_array_new();
    g_autoptr(GByteArray) whole = receive(server, bytes, len, len, said);
    g_autoptr(GByteArray) pieces = receive(server, bytes, len, piece, saidInPieces);

    checkEqual(whole, pieces);
    checkEqual(said, saidInPieces);
    g_assert(said->len <= ANSWERS_MAX && whole->len <= len);
}

/* A binary peer takes what we send for what it was. */
static void
checkSend(const uint8_t *bytes, size_t len)
{
    vmcTelnet telnet = { .binary = true };
    g_autoptr(GByteArray) sent = g_byte_array_new();
    g_autoptr(GByteArray) got = g_byte_array_new();
    g_autoptr(GByteArray) answers = g_byte_array_new();

    vmcTelnetSend(bytes, len, sent);
    vmcTelnetReceive(&telnet, sent->data, sent->len, got, answers);
    g_assert(answers->len == 0 && got->len == len && (len == 0 || memcmp(got->data, bytes, len) == 0));
}

/* Gathers pieces and takes what is ready, as the pump does. */
static void
checkLines(const uint8_t *bytes, size_t len, size_t piece)
{
    size_t done = 0;

    for (size_t have = MIN(piece, len); done < len; have = MIN(have + piece, len)) {
        const char *waiting = (const char *)bytes + done;
        bool last = have == len;
        gsize ready = vmcLinesReady(waiting, have - done, last);

        g_assert(ready <= have - done && have - done - ready < VMC_LINE_MAX);
        g_assert(last || ready == 0 || waiting[ready - 1] == '\n' || ready >= VMC_LINE_MAX);
        g_assert(!last || ready == have - done);
        done += ready;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool server;
    size_t piece;

    if (size < 2)
        return 0;
    server = (data[0] & 1) != 0;
    piece = 1 + (size_t)data[1] * (data[0] & 2 ? 64 : 1);
    data += 2;
    size -= 2;
    checkTelnet(server, data, size, piece);
    checkSend(data, size);
    checkLines(data, size, piece);
    return 0;
}
