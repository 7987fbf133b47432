/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as one direction of a connection through the proxy, in pieces of
 * the size that the first byte says. A second, plain reading of the same bytes
 * says what has to come out and whether the proxy has to give up. Messages of
 * our own are put in at each piece: they must stand between others.
 */
#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/wire/flow.h"
#include "util/error.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What fits into a socket, so that nobody has to wait. */
#define STREAM_MAX 32768

/* Our own messages, known by their serial; inputs that have it are passed over. */
#define OWN_SERIAL 0xabadcafe
#define OWN_PROCEDURE 77

/* What is done with a message, by its procedure. */
enum { TREAT_PASS, TREAT_LOOK, TREAT_DROP, TREAT_WAIT, TREAT_REPLACE, TREAT_N };

typedef struct {
    int in[2];
    int out[2];
    vmcWireReader *reader;
    vmcWireWriter *writer;
    vmcFlow *flow;
    bool waited;
    GByteArray *got;
} rig;

static bool
wants(void *opaque G_GNUC_UNUSED, const vmcWireMessage *message)
{
    return message->header.procedure % TREAT_N != TREAT_PASS;
}

static vmcFlowVerdict
whole(void *opaque, vmcWireMessage *message)
{
    rig *r = opaque;

    g_assert_cmpuint(message->bytes->len, ==, message->header.length);
    switch (message->header.procedure % TREAT_N) {
    case TREAT_DROP:
        return VMC_FLOW_DROP;
    case TREAT_WAIT:
        r->waited = !r->waited;
        return r->waited ? VMC_FLOW_WAIT : VMC_FLOW_PASS;
    case TREAT_REPLACE:
        g_byte_array_set_size(message->bytes, VMC_RPC_HEADER_SIZE);
        vmcRpcMessageFinish(message->bytes);
        return VMC_FLOW_PASS;
    default:
        return VMC_FLOW_PASS;
    }
}

static const vmcFlowHandler handler = { wants, whole };

static void
rigInit(rig *r)
{
    *r = (rig){ .got = g_byte_array_new() };
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, r->in), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, r->out), ==, 0);
    r->reader = vmcWireReaderNew(r->in[1]);
    r->writer = vmcWireWriterNew(r->out[0]);
    r->flow = vmcFlowNew(r->reader, r->writer, NULL, &handler, r);
}

static void
rigClear(rig *r)
{
    vmcFlowFree(r->flow);
    vmcWireReaderFree(r->reader);
    vmcWireWriterFree(r->writer);
    for (int i = 0; i < 2; i++) {
        close(r->in[i]);
        close(r->out[i]);
    }
    g_byte_array_unref(r->got);
}

static void
collect(rig *r)
{
    guint8 buffer[4096];
    ssize_t n;

    do {
        g_assert_cmpint(vmcWireWriterFlush(r->writer), ==, 0);
        while ((n = read(r->out[1], buffer, sizeof(buffer))) > 0)
            g_byte_array_append(r->got, buffer, n);
    } while (vmcWireWriterPending(r->writer) > 0);
}

static void
insertOwn(rig *r)
{
    g_autoptr(GByteArray) own = vmcRpcCallNew(OWN_PROCEDURE, OWN_SERIAL);

    vmcRpcMessageFinish(own);
    vmcWireWriterInsert(r->writer, own);
}

/* Returns whether the flow gave up. */
static bool
runPiece(rig *r, const uint8_t *data, size_t size)
{
    int rc;

    g_assert_cmpint(write(r->in[0], data, size), ==, (ssize_t)size);
    g_assert_cmpint(vmcWireReaderFill(r->reader), ==, 0);
    insertOwn(r);
    do {
        rc = vmcFlowRun(r->flow);
        collect(r);
    } while (rc == 0 && (vmcFlowIsWaiting(r->flow) || vmcFlowIsBlocked(r->flow)));
    return rc < 0;
}

/* The output without our own messages, which must stand at its messages' ends. */
static GByteArray *
withoutOwn(const GByteArray *got)
{
    GByteArray *rest = g_byte_array_new();
    size_t at = 0;

    while (got->len - at >= VMC_RPC_HEADER_SIZE) {
        vmcRpcHeader header;
        size_t length;

        g_assert_true(vmcRpcHeaderParse(got->data + at, &header));
        length = MIN(header.length, got->len - at);
        if (header.serial != OWN_SERIAL)
            g_byte_array_append(rest, got->data + at, length);
        at += length;
    }
    g_byte_array_append(rest, got->data + at, got->len - at);
    return rest;
}

/* What has to come out for the message at @data, of which @size bytes are there. */
static void
expectMessage(GByteArray *out, const vmcRpcHeader *header, const uint8_t *data, size_t size)
{
    unsigned int treatment = header->procedure % TREAT_N;

    if (treatment == TREAT_DROP || (treatment != TREAT_PASS && size < header->length))
        return;
    if (treatment != TREAT_REPLACE) {
        g_byte_array_append(out, data, MIN(size, header->length));
        return;
    }
    g_byte_array_append(out, data, VMC_RPC_HEADER_SIZE);
    memcpy(out->data + out->len - VMC_RPC_HEADER_SIZE, "\0\0\0\x1c", sizeof(guint32));
}

/*
 * Reads the whole stream: no byte here comes with a descriptor, so a message
 * that announces one is followed by the end of all as soon as anything follows.
 */
static GByteArray *
expect(const uint8_t *data, size_t size, bool *gaveUp)
{
    GByteArray *out = g_byte_array_new();
    size_t at = 0;

    *gaveUp = false;
    while (!*gaveUp && size - at >= VMC_RPC_HEADER_SIZE) {
        vmcRpcHeader header;
        size_t left = size - at;
        guint32 fds = 0;

        *gaveUp = !vmcRpcHeaderParse(data + at, &header);
        if (!*gaveUp && vmcRpcHeaderHasFds(&header) && header.length >= VMC_RPC_HEADER_SIZE + 4) {
            if (left < VMC_RPC_HEADER_SIZE + 4)
                break;
            memcpy(&fds, data + at + VMC_RPC_HEADER_SIZE, sizeof(fds));
            *gaveUp = GUINT32_FROM_BE(fds) > VMC_RPC_FDS_MAX;
        }
        if (*gaveUp)
            break;
        expectMessage(out, &header, data + at, left);
        at += MIN(header.length, left);
        *gaveUp = fds != 0 && at < size;
    }
    return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint32 serial = GUINT32_TO_BE(OWN_SERIAL);
    size_t piece = size > 0 ? data[0] * 8 + 1 : 1;
    g_autoptr(GByteArray) expected = NULL;
    g_autoptr(GByteArray) rest = NULL;
    bool gaveUp = false;
    bool shouldGiveUp;
    rig r;

    if (size < 2 || size > STREAM_MAX || memmem(data, size, &serial, sizeof(serial)))
        return 0;
    data++;
    size--;
    expected = expect(data, size, &shouldGiveUp);
    rigInit(&r);
    for (size_t at = 0; at < size && !gaveUp; at += piece)
        gaveUp = runPiece(&r, data + at, MIN(piece, size - at));
    rest = withoutOwn(r.got);
    g_assert_true(gaveUp == shouldGiveUp);
    g_assert_cmpmem(rest->data, rest->len, expected->data, expected->len);
    rigClear(&r);
    return 0;
}
