/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmchannel-proxy between two peers of the test's: that it changes no byte
 * which is not its own, that it keeps its bounds, and that nothing which a
 * peer sends brings it out of step.
 */
#include <config.h>

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/procedures.h"
#include "tests/lib/proxypeer.h"

#define MIB (1024 * 1024)

/* Appends a message of @payload bytes that mean nothing. */
static void
addMessage(GByteArray *bytes, GRand *rand, vmcRpcHeader header, size_t payload)
{
    g_autoptr(GByteArray) message = vmcRpcMessageNew(&header);
    guint32 seed = g_rand_int(rand);

    g_byte_array_set_size(message, VMC_RPC_HEADER_SIZE + payload);
    for (size_t i = 0; i < payload; i++) {
        seed = seed * 1664525 + 1013904223;
        message->data[VMC_RPC_HEADER_SIZE + i] = seed >> 24;
    }
    vmcRpcMessageFinish(message);
    g_byte_array_append(bytes, message->data, message->len);
}

/* Headers of every kind, among them all procedures that are looked into. */
static vmcRpcHeader
anyHeader(GRand *rand)
{
    static const guint32 programs[] = {
        VMC_RPC_PROGRAM_REMOTE, VMC_RPC_PROGRAM_QEMU, 0x6b656570, 0x12345678
    };
    static const guint32 types[] = { 0, 0, 1, 1, 2, 3, 3, 6, 7, 0xffffffff };
    return (vmcRpcHeader){
        .program = programs[g_rand_int_range(rand, 0, G_N_ELEMENTS(programs))],
        .version = g_rand_int_range(rand, 0, 8) ? 1 : g_rand_int(rand),
        .procedure = g_rand_boolean(rand)
            ? vmcRpcProcedures()[g_rand_int_range(rand, 0, VMC_RPC_PROCEDURES_N)].number
            : (guint32)g_rand_int_range(rand, 0, 600),
        .type = types[g_rand_int_range(rand, 0, G_N_ELEMENTS(types))],
        .serial = g_rand_int(rand),
        .status = g_rand_int_range(rand, 0, 4),
    };
}

static GByteArray *
anyMessages(GRand *rand, int n, int sizeMax)
{
    GByteArray *bytes = g_byte_array_new();

    for (int i = 0; i < n; i++)
        addMessage(bytes, rand, anyHeader(rand), g_rand_int_range(rand, 0, sizeMax));
    return bytes;
}

static void
exchange(int n, int sizeMax, size_t piece)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GRand) rand = g_rand_new_with_seed(20091123);
    g_autoptr(GByteArray) up = anyMessages(rand, n, sizeMax);
    g_autoptr(GByteArray) down = anyMessages(rand, n, sizeMax);

    vmcProxyExchange(peer, up, down, piece);
}

static void
testBytes(void)
{
    exchange(2000, 3000, 65536);
}

static void
testBytesInPieces(void)
{
    exchange(150, 100, 3);
}

/* As long as a message can be, both passing and looked into. */
static void
testLongest(void)
{
    static const guint32 procedures[] = { 350, 14, 209 };

    for (size_t i = 0; i < G_N_ELEMENTS(procedures); i++) {
        g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
        g_autoptr(GRand) rand = g_rand_new_with_seed(i);
        g_autoptr(GByteArray) up = g_byte_array_new();
        g_autoptr(GByteArray) down = g_byte_array_new();
        vmcRpcHeader header = {
            .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = procedures[i],
        };
        size_t payload = VMC_RPC_MESSAGE_MAX - VMC_RPC_HEADER_SIZE;

        addMessage(up, rand, header, payload);
        header.type = VMC_RPC_REPLY;
        addMessage(down, rand, header, payload);
        vmcProxyExchange(peer, up, down, MIB);
    }
}

static ino_t
inode(int fd)
{
    struct stat info;

    g_assert_cmpint(fstat(fd, &info), ==, 0);
    return info.st_ino;
}

/* A message with @n descriptors, each with a byte of its own after it. */
static void
passFds(int from, int to, guint32 procedure, guint32 type, int n)
{
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = procedure, .type = type,
    };
    g_autoptr(GByteArray) message = vmcRpcMessageNew(&header);
    g_autoptr(GByteArray) came = NULL;
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    ino_t inodes[VMC_RPC_FDS_MAX];

    vmcXdrWriteU32(message, n);
    vmcXdrWriteString(message, "<domain/>", 9);
    vmcRpcMessageFinish(message);
    vmcProxySend(from, message->data, message->len, -1);
    for (int i = 0; i < n; i++) {
        int pipes[2];

        g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
        inodes[i] = inode(pipes[0]);
        vmcProxySend(from, (const guint8 *)"", 1, pipes[0]);
        close(pipes[0]);
        close(pipes[1]);
    }
    came = vmcProxyReceive(to, message->len + n, fds);
    g_assert_cmpuint(fds->len, ==, n);
    for (int i = 0; i < n; i++) {
        int fd = g_array_index(fds, int, i);

        g_assert_cmpuint(inode(fd), ==, inodes[i]);
        close(fd);
    }
    g_assert_cmpmem(came->data, message->len, message->data, message->len);
}

static void
testDescriptors(void)
{
    static const int counts[] = { 0, 1, 2, VMC_RPC_FDS_MAX, 1 };
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        passFds(peer->client, peer->daemon, 443, VMC_RPC_CALL_WITH_FDS, counts[i]);
        passFds(peer->client, peer->daemon, 309, VMC_RPC_CALL_WITH_FDS, counts[i]);
        passFds(peer->daemon, peer->client, 343, VMC_RPC_REPLY_WITH_FDS, counts[i]);
    }
}

static GByteArray *
define(guint32 serial, const char *xml)
{
    GByteArray *call = vmcRpcCallNew(VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, serial);

    vmcXdrWriteString(call, xml, strlen(xml));
    vmcXdrWriteU32(call, 0);
    vmcRpcMessageFinish(call);
    return call;
}

static GByteArray *
trivial(guint32 serial)
{
    GByteArray *call = vmcRpcCallNew(3, serial);

    vmcRpcMessageFinish(call);
    return call;
}

static void
sendAndFree(int socket, GByteArray *message)
{
    vmcProxySend(socket, message->data, message->len, -1);
    g_byte_array_unref(message);
}

static void
expect(int socket, guint32 procedure, guint32 serial)
{
    vmcRpcHeader header;
    g_autoptr(GByteArray) message = vmcProxyMessage(socket, &header);

    g_assert_cmpuint(header.procedure, ==, procedure);
    g_assert_cmpuint(header.serial, ==, serial);
}

#define DOMAIN(devices) \
    "<domain type='qemu'><name>x</name><os><type arch='x86_64'>hvm</type></os>" \
    "<devices>" devices "</devices></domain>"

/* Our error comes on the serial of the call, which the daemon never sees. */
static void
testErrorReply(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    vmcRpcHeader header;
    g_autoptr(GByteArray) reply = NULL;
    g_autofree char *message = NULL;
    vmcXdrReader reader;
    int domain;
    int code;

    sendAndFree(peer->client, define(7, DOMAIN("<vmchannel type='null'><target port='x'/></vmchannel>")));
    sendAndFree(peer->client, trivial(8));
    reply = vmcProxyMessage(peer->client, &header);
    g_assert_cmpuint(header.serial, ==, 7);
    g_assert_cmpuint(header.type, ==, VMC_RPC_REPLY);
    g_assert_cmpuint(header.status, ==, VMC_RPC_ERROR);
    vmcRpcPayload(reply, &reader);
    g_assert_true(vmcRpcErrorRead(&reader, &domain, &code, &message));
    g_assert_cmpint(code, ==, VIR_ERR_XML_ERROR);
    g_assert_nonnull(strstr(message, "'x'"));
    expect(peer->daemon, 3, 8);
}

/* The reply to our own question, among everything else that a daemon says. */
static void
testOwnCall(void)
{
    static const char capabilities[] =
        "<domainCapabilities><path>/usr/bin/qemu-kvm</path></domainCapabilities>";
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) question = NULL;
    g_autoptr(GByteArray) defined = NULL;
    GByteArray *answer;
    vmcRpcHeader header;

    sendAndFree(peer->client, trivial(1));
    sendAndFree(peer->client, define(2, DOMAIN("<vmchannel type='null'><target port='1'/></vmchannel>")));
    sendAndFree(peer->client, trivial(3));
    expect(peer->daemon, 3, 1);
    question = vmcProxyMessage(peer->daemon, &header);
    g_assert_cmpuint(header.procedure, ==, VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES);
    sendAndFree(peer->daemon, vmcRpcErrorReplyNew(&(vmcRpcHeader){
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 3, .serial = 1 }, 7, 1, "no"));
    expect(peer->client, 3, 1);
    answer = vmcRpcReplyNew(&header);
    vmcXdrWriteString(answer, capabilities, strlen(capabilities));
    vmcRpcMessageFinish(answer);
    sendAndFree(peer->daemon, answer);
    defined = vmcProxyMessage(peer->daemon, &header);
    g_assert_cmpuint(header.procedure, ==, VMC_RPC_DOMAIN_DEFINE_XML_FLAGS);
    g_assert_cmpuint(header.serial, ==, 2);
    g_assert_nonnull(memmem(defined->data, defined->len, "/usr/bin/qemu-kvm<", 18));
    expect(peer->daemon, 3, 3);
}

/* What the daemon says against our question is its answer to the client. */
static void
testOwnCallRefused(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) question = NULL;
    g_autoptr(GByteArray) reply = NULL;
    g_autofree char *message = NULL;
    vmcRpcHeader header;
    vmcXdrReader reader;
    int domain;
    int code;

    sendAndFree(peer->client, define(2, DOMAIN("<vmchannel type='null'><target port='1'/></vmchannel>")));
    question = vmcProxyMessage(peer->daemon, &header);
    sendAndFree(peer->daemon, vmcRpcErrorReplyNew(&header, VIR_FROM_QEMU, VIR_ERR_INVALID_ARG, "never"));
    reply = vmcProxyMessage(peer->client, &header);
    g_assert_cmpuint(header.serial, ==, 2);
    g_assert_cmpuint(header.procedure, ==, VMC_RPC_DOMAIN_DEFINE_XML_FLAGS);
    vmcRpcPayload(reply, &reader);
    g_assert_true(vmcRpcErrorRead(&reader, &domain, &code, &message));
    g_assert_cmpint(code, ==, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(message, ==, "never");
}

#define HIDDEN_CHANNEL(words) \
    "<channel type='null'>" words \
    "<target type='guestf&#119;d' address='10.0.2.4' port='1'/></channel>"
#define HIDDEN_NIC "<interface type='vmch&#x61;nnel'/>"

/*
 * A word of ours that a character reference hides, wherever a client can say
 * it, and what the daemon gets first when we have seen it; 0: nothing, since
 * the client gets an error.
 */
typedef struct {
    const char *path;
    guint32 procedure;
    bool device;                /* the XML stands behind the domain that it is for */
    const char *xml;
    guint32 flags;
    guint32 first;
} hiddenWord;

static const hiddenWord hiddenWords[] = {
    { "/proxy/hidden/define/channel",
      VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, false, DOMAIN(HIDDEN_CHANNEL("")), 0,
      VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES },
    { "/proxy/hidden/define/nic",
      VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, false, DOMAIN(HIDDEN_NIC), 0,
      VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES },
    /* Text in the element is what only the grammar refuses. */
    { "/proxy/hidden/validate",
      VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, false,
      DOMAIN("<emulator>/q</emulator>" HIDDEN_CHANNEL("words")), VIR_DOMAIN_DEFINE_VALIDATE, 0 },
    { "/proxy/hidden/attach/channel",
      VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, HIDDEN_CHANNEL(""), VIR_DOMAIN_AFFECT_CONFIG,
      VMC_RPC_DOMAIN_IS_ACTIVE },
    { "/proxy/hidden/attach/nic",
      VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, HIDDEN_NIC, VIR_DOMAIN_AFFECT_CONFIG,
      VMC_RPC_DOMAIN_IS_ACTIVE },
    { "/proxy/hidden/detach",
      VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS, true, HIDDEN_CHANNEL(""), VIR_DOMAIN_AFFECT_CONFIG,
      VMC_RPC_DOMAIN_IS_ACTIVE },
    { "/proxy/hidden/update/channel",
      VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS, true, HIDDEN_CHANNEL(""), VIR_DOMAIN_AFFECT_CONFIG,
      VMC_RPC_DOMAIN_IS_ACTIVE },
    { "/proxy/hidden/update/nic",
      VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS, true, HIDDEN_NIC, VIR_DOMAIN_AFFECT_CONFIG,
      VMC_RPC_DOMAIN_IS_ACTIVE },
    /* A reference that hides nothing of ours. */
    { "/proxy/hidden/nothing",
      VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS, true, "<interface type='us&#101;r'/>",
      VIR_DOMAIN_AFFECT_CONFIG, VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS },
};

static void
testHidden(gconstpointer opaque)
{
    static const guint8 uuid[16];
    const hiddenWord *word = opaque;
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    GByteArray *call = vmcRpcCallNew(word->procedure, 2);
    g_autoptr(GByteArray) came = NULL;
    vmcRpcHeader header;

    if (word->device) {
        vmcXdrWriteString(call, "x", 1);
        g_byte_array_append(call, uuid, sizeof(uuid));
        vmcXdrWriteU32(call, -1);
    }
    vmcXdrWriteString(call, word->xml, strlen(word->xml));
    vmcXdrWriteU32(call, word->flags);
    vmcRpcMessageFinish(call);
    sendAndFree(peer->client, call);
    sendAndFree(peer->client, trivial(3));
    if (word->first) {
        came = vmcProxyMessage(peer->daemon, &header);
        g_assert_cmpuint(header.procedure, ==, word->first);
        return;
    }
    expect(peer->daemon, 3, 3);
    came = vmcProxyMessage(peer->client, &header);
    g_assert_cmpuint(header.serial, ==, 2);
    g_assert_cmpuint(header.status, ==, VMC_RPC_ERROR);
}

/* What is no message ends the connection; what came before has gone on. */
static void
testNoMessage(void)
{
    static const guint32 lengths[] = { 0, 27, VMC_RPC_MESSAGE_MAX + 1, 0xffffffff };

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(lengths); i++) {
        g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
        int from = i % 2 ? peer->client : peer->daemon;
        int to = i % 2 ? peer->daemon : peer->client;
        g_autoptr(GByteArray) bytes = trivial(1);
        g_autoptr(GByteArray) bad = trivial(2);
        guint32 length = GUINT32_TO_BE(lengths[i / 2]);

        memcpy(bad->data, &length, sizeof(length));
        g_byte_array_append(bytes, bad->data, bad->len);
        vmcProxySend(from, bytes->data, bytes->len, -1);
        expect(to, 3, 1);
        g_assert_true(vmcProxyAtEnd(to));
        g_assert_true(vmcProxyAtEnd(from));
    }
}

static void
testBadDescriptors(void)
{
    for (int missing = 0; missing < 2; missing++) {
        g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
        vmcRpcHeader header = {
            .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 443,
            .type = VMC_RPC_CALL_WITH_FDS,
        };
        GByteArray *message = vmcRpcMessageNew(&header);

        vmcXdrWriteU32(message, missing ? 1 : VMC_RPC_FDS_MAX + 1);
        vmcRpcMessageFinish(message);
        vmcXdrWriteU32(message, 0);
        sendAndFree(peer->client, message);
        g_assert_true(vmcProxyAtEnd(peer->client));
    }
}

/* A client that leaves in the middle of a message. */
static void
testTruncated(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    g_autoptr(GByteArray) came = NULL;
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 209,
        .type = VMC_RPC_STREAM, .status = VMC_RPC_CONTINUE,
    };

    addMessage(stream, rand, header, 1000);
    vmcProxySend(peer->client, stream->data, 500, -1);
    came = vmcProxyReceive(peer->daemon, 500, NULL);
    g_assert_cmpmem(came->data, 500, stream->data, 500);
    shutdown(peer->client, SHUT_WR);
    g_assert_true(vmcProxyAtEnd(peer->daemon));
}

static guint64
peakKib(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *status = NULL;
    const char *line;

    g_assert_true(g_file_get_contents(path, &status, NULL, NULL));
    line = strstr(status, "VmHWM:");
    g_assert_nonnull(line);
    return g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10);
}

/* A daemon that does not read stops the client, and costs no memory. */
static void
testBackpressure(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GByteArray) came = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 209,
        .type = VMC_RPC_STREAM, .status = VMC_RPC_CONTINUE,
    };
    guint64 before = peakKib(peer->pid);
    size_t sent;

    while (bytes->len < 32 * MIB)
        addMessage(bytes, rand, header, 262120);
    sent = vmcProxySendSome(peer->client, bytes->data, bytes->len, 500);
    g_assert_cmpuint(sent, <, 4 * MIB);
    g_assert_cmpuint(peakKib(peer->pid) - before, <, 2048);
    /* The other direction is free. */
    sendAndFree(peer->daemon, trivial(5));
    expect(peer->client, 3, 5);
    came = vmcProxyReceive(peer->daemon, sent, NULL);
    g_assert_true(memcmp(came->data, bytes->data, sent) == 0);
}

#define BAD_CALLS 20000

/* What a client says that makes us answer. */
static GByteArray *
badCalls(void)
{
    GByteArray *bytes = g_byte_array_new();

    for (guint32 i = 0; i < BAD_CALLS; i++) {
        g_autoptr(GByteArray) call =
            define(i, DOMAIN("<vmchannel type='null'><target port='x'/></vmchannel>"));

        g_byte_array_append(bytes, call->data, call->len);
    }
    return bytes;
}

typedef struct {
    int socket;
    const guint8 *bytes;
    size_t size;
} sending;

static gpointer
sendAll(gpointer opaque)
{
    const sending *s = opaque;

    vmcProxySend(s->socket, s->bytes, s->size, -1);
    return NULL;
}

/* Says what is left of the bad calls, and takes all their answers. */
static void
takeAnswers(const vmcProxyPeer *peer, const GByteArray *bytes, size_t sent)
{
    sending rest = { peer->client, bytes->data + sent, bytes->len - sent };
    GThread *thread = g_thread_new("send", sendAll, &rest);

    for (guint32 i = 0; i < BAD_CALLS; i++)
        expect(peer->client, VMC_RPC_DOMAIN_DEFINE_XML_FLAGS, i);
    g_thread_join(thread);
}

/* A client that makes us answer, and does not read the answers. */
static void
testAnswersUnread(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) bytes = badCalls();
    guint64 before = peakKib(peer->pid);
    size_t sent = vmcProxySendSome(peer->client, bytes->data, bytes->len, 500);

    g_assert_cmpuint(sent, <, bytes->len);
    g_assert_cmpuint(peakKib(peer->pid) - before, <, 4096);
    takeAnswers(peer, bytes, sent);
}

/* Answers of ours wait for the end of the daemon's message, and do not keep it off. */
static void
testAnswersInside(void)
{
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStart();
    g_autoptr(GByteArray) bytes = badCalls();
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autoptr(GByteArray) half = NULL;
    g_autoptr(GByteArray) rest = NULL;
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 209,
        .type = VMC_RPC_STREAM, .status = VMC_RPC_CONTINUE,
    };
    size_t sent;

    addMessage(stream, rand, header, 200000);
    vmcProxySend(peer->daemon, stream->data, stream->len / 2, -1);
    half = vmcProxyReceive(peer->client, stream->len / 2, NULL);
    sent = vmcProxySendSome(peer->client, bytes->data, bytes->len, 500);
    g_assert_cmpuint(sent, <, bytes->len);
    vmcProxySend(peer->daemon, stream->data + half->len, stream->len - half->len, -1);
    rest = vmcProxyReceive(peer->client, stream->len - half->len, NULL);
    g_assert_cmpmem(rest->data, rest->len, stream->data + half->len, stream->len - half->len);
    takeAnswers(peer, bytes, sent);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/proxy/bytes", testBytes);
    g_test_add_func("/proxy/bytes/in-pieces", testBytesInPieces);
    g_test_add_func("/proxy/bytes/longest", testLongest);
    g_test_add_func("/proxy/descriptors", testDescriptors);
    g_test_add_func("/proxy/descriptors/bad", testBadDescriptors);
    g_test_add_func("/proxy/error-reply", testErrorReply);
    g_test_add_func("/proxy/error-reply/unread", testAnswersUnread);
    g_test_add_func("/proxy/error-reply/inside", testAnswersInside);
    g_test_add_func("/proxy/own-call", testOwnCall);
    g_test_add_func("/proxy/own-call/refused", testOwnCallRefused);
    for (size_t i = 0; i < G_N_ELEMENTS(hiddenWords); i++)
        g_test_add_data_func(hiddenWords[i].path, &hiddenWords[i], testHidden);
    g_test_add_func("/proxy/no-message", testNoMessage);
    g_test_add_func("/proxy/truncated", testTruncated);
    g_test_add_func("/proxy/backpressure", testBackpressure);
    return g_test_run();
}
