/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records what clients say to a daemon, and says it again:
 *   rpcmix record FILE LISTEN UPSTREAM    FILE.1, FILE.2, …: one for each client
 *   rpcmix replay SOCKET OUT WINDOW STOCK FILE...
 *   rpcmix stall SOCKET FILE              reads no more once the connection is open
 * A replay waits for each reply, with up to WINDOW calls in flight, and writes
 * to OUT all that came, by serial: replies whole, stream data joined. STOCK is
 * - or the emulator folder of a proxy: then the documents in the messages are
 * rewritten here, one message at a time, as a proxy would have done it. So
 * what a replay got from a daemon can be compared with what another one got
 * through a proxy, byte for byte.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "documents/capabilities.h"
#include "documents/domain_rewrite.h"
#include "rpc/rewrite.h"
#include "tests/lib/proxypeer.h"

#define KEEPALIVE 0x6b656570

/* Seconds for a whole replay. */
#define PATIENCE 300

static struct sockaddr_un
addressOf(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    return address;
}

static int
connectTo(const char *path)
{
    struct sockaddr_un address = addressOf(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

/* Passes on what one side has said; false at its end. */
static bool
passOn(int from, int to, FILE *record)
{
    guint8 buffer[65536];
    ssize_t n = read(from, buffer, sizeof(buffer));

    if (n <= 0)
        return false;
    if (record)
        g_assert_cmpuint(fwrite(buffer, 1, n, record), ==, n);
    vmcProxySend(to, buffer, n, -1);
    return true;
}

static void
recordClient(int client, const char *upstream, const char *path)
{
    FILE *record = fopen(path, "we");
    int daemon = connectTo(upstream);
    struct pollfd fds[] = { { .fd = client, .events = POLLIN }, { .fd = daemon, .events = POLLIN } };
    bool on = true;

    g_assert_nonnull(record);
    while (on) {
        g_assert_cmpint(poll(fds, 2, -1), >, 0);
        if (fds[0].revents)
            on = passOn(client, daemon, record);
        else
            on = passOn(daemon, client, NULL);
    }
    fclose(record);
    close(daemon);
    close(client);
}

static G_GNUC_NORETURN void
recordAll(const char *file, const char *listen_, const char *upstream)
{
    struct sockaddr_un address = addressOf(listen_);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 5), ==, 0);
    for (int i = 1;; i++) {
        g_autofree char *path = g_strdup_printf("%s.%d", file, i);

        recordClient(accept4(listener, NULL, NULL, SOCK_CLOEXEC), upstream, path);
    }
}

/* What has come for one serial. */
typedef struct {
    GByteArray *messages;       /* replies and the ends of streams, whole */
    GByteArray *data;           /* of the stream, without its messages' bounds */
    bool ended;                 /* the daemon has said the last of its data */
    bool failed;                /* there is no stream, or no more */
} answer;

static void
answerFree(gpointer opaque)
{
    answer *a = opaque;

    g_byte_array_unref(a->messages);
    g_byte_array_unref(a->data);
    g_free(a);
}

typedef struct {
    int socket;
    const char *stock;          /* NULL: a proxy rewrites */
    guint window;
    GHashTable *answers;        /* of answer, by serial */
    GPtrArray *events;          /* GByteArray, as they came */
    guint calls;
    guint outstanding;
} replay;

static char *
rewrite(const char *xml, void *opaque, vmcRpcAction action)
{
    const replay *r = opaque;
    vmcRewriteOptions options = {
        .emulatorDir = r->stock, .withoutNic = action == VMC_RPC_ACTION_NATIVE,
    };
    char *other = action == VMC_RPC_ACTION_ANNOUNCE ? vmcCapabilitiesAnnounce(xml)
        : action == VMC_RPC_ACTION_REVERSE ? vmcDomainRewriteReverse(xml, &options)
        : vmcRewriteText(vmcDomainRewriteForward(xml, &options));

    return other ? other : g_strdup(xml);
}

static char *
forward(const char *xml, void *opaque)
{
    return rewrite(xml, opaque, VMC_RPC_ACTION_FORWARD);
}

static char *
native(const char *xml, void *opaque)
{
    return rewrite(xml, opaque, VMC_RPC_ACTION_NATIVE);
}

static char *
reverse(const char *xml, void *opaque)
{
    return rewrite(xml, opaque, VMC_RPC_ACTION_REVERSE);
}

static char *
announce(const char *xml, void *opaque)
{
    return rewrite(xml, opaque, VMC_RPC_ACTION_ANNOUNCE);
}

/* Devices and channels of running domains are not in the mix. */
static const vmcRpcRewriter rewriters[VMC_RPC_ACTION_LAST] = {
    [VMC_RPC_ACTION_FORWARD] = forward, [VMC_RPC_ACTION_NATIVE] = native,
    [VMC_RPC_ACTION_REVERSE] = reverse, [VMC_RPC_ACTION_ANNOUNCE] = announce,
    [VMC_RPC_ACTION_LIVE] = reverse, [VMC_RPC_ACTION_MEND] = forward,
};

/* Puts the other form in the place of *@message, where a proxy would. */
static void
translate(replay *r, GByteArray **message, const char *signature, vmcRpcAction action)
{
    GByteArray *out = NULL;

    if (!r->stock || !signature || !rewriters[action] ||
        vmcRpcRewrite(*message, signature, rewriters[action], r, &out) != VMC_RPC_REWRITE_CHANGED)
        return;
    g_byte_array_unref(*message);
    *message = out;
}

static answer *
answerOf(replay *r, guint32 serial)
{
    answer *a = g_hash_table_lookup(r->answers, GUINT_TO_POINTER(serial));

    if (!a) {
        a = g_new0(answer, 1);
        a->messages = g_byte_array_new();
        a->data = g_byte_array_new();
        g_hash_table_insert(r->answers, GUINT_TO_POINTER(serial), a);
    }
    return a;
}

static void
pong(const replay *r, const GByteArray *ping)
{
    g_autoptr(GByteArray) message = g_byte_array_new();

    g_byte_array_append(message, ping->data, ping->len);
    message->data[15] = 2;
    vmcProxySend(r->socket, message->data, message->len, -1);
}

/* Takes the next message of the daemon's. */
static void
receive(replay *r)
{
    vmcRpcHeader header;
    GByteArray *message = vmcProxyMessage(r->socket, &header);
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(&header);
    answer *a = answerOf(r, header.serial);

    if (header.program == KEEPALIVE) {
        pong(r, message);
    } else if (header.type == VMC_RPC_MESSAGE) {
        g_ptr_array_add(r->events, g_byte_array_ref(message));
    } else if (header.type == VMC_RPC_STREAM && header.status == VMC_RPC_CONTINUE) {
        a->ended = header.length == VMC_RPC_HEADER_SIZE;
        g_byte_array_append(a->data, message->data + VMC_RPC_HEADER_SIZE,
                            message->len - VMC_RPC_HEADER_SIZE);
    } else {
        if (procedure && header.status == VMC_RPC_OK && header.type == VMC_RPC_REPLY)
            translate(r, &message, procedure->reply, procedure->replyAction);
        g_byte_array_append(a->messages, message->data, message->len);
        a->failed = header.status == VMC_RPC_ERROR;
        r->outstanding--;
    }
    g_byte_array_unref(message);
}

static void
settle(replay *r, guint outstanding)
{
    while (r->outstanding > outstanding)
        receive(r);
}

/* Until a daemon is open, clients ask one thing after the other. */
static bool
isAlone(const vmcRpcHeader *header)
{
    return header->program == VMC_RPC_PROGRAM_REMOTE &&
           (header->procedure <= 2 || header->procedure == VMC_RPC_AUTH_LIST ||
            header->procedure == VMC_RPC_CONNECT_SUPPORTS_FEATURE);
}

/* A client that says a stream's end without having said data has read it all. */
static void
finishStream(replay *r, const answer *a, bool uploads)
{
    while (!uploads && !a->ended && !a->failed)
        receive(r);
    r->outstanding++;
}

static void
replayMessage(replay *r, GByteArray *message, bool *uploads)
{
    vmcRpcHeader header;
    const vmcRpcProcedure *procedure;
    bool call;
    bool alone;

    vmcRpcHeaderParse(message->data, &header);
    if (header.program == KEEPALIVE)
        return;
    call = header.type == VMC_RPC_CALL;
    alone = isAlone(&header) || !call;
    settle(r, alone ? 0 : r->window - 1);
    if (!call && answerOf(r, header.serial)->failed)
        return;
    procedure = vmcRpcProcedureFind(&header);
    g_byte_array_ref(message);
    if (call) {
        r->calls++;
        r->outstanding++;
        *uploads = false;
        if (procedure)
            translate(r, &message, procedure->call, procedure->callAction);
    } else if (header.status == VMC_RPC_CONTINUE) {
        *uploads = true;
    } else {
        finishStream(r, answerOf(r, header.serial), *uploads);
    }
    vmcProxySend(r->socket, message->data, message->len, -1);
    g_byte_array_unref(message);
    if (alone)
        settle(r, 0);
}

static void
replayFile(replay *r, const char *path)
{
    g_autofree char *bytes = NULL;
    gsize size;
    bool uploads = false;

    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize at = 0; at < size;) {
        g_autoptr(GByteArray) message = g_byte_array_new();
        vmcRpcHeader header;

        g_assert_true(vmcRpcHeaderParse((const guint8 *)bytes + at, &header));
        g_byte_array_append(message, (const guint8 *)bytes + at, header.length);
        replayMessage(r, message, &uploads);
        at += header.length;
    }
    settle(r, 0);
}

static void
printHex(FILE *out, const char *what, const GByteArray *bytes)
{
    if (bytes->len == 0)
        return;
    fprintf(out, "  %s ", what);
    for (guint i = 0; i < bytes->len; i++)
        fprintf(out, "%02x", bytes->data[i]);
    putc('\n', out);
}

static gint
compareSerials(gconstpointer a, gconstpointer b)
{
    guint first = GPOINTER_TO_UINT(a);
    guint second = GPOINTER_TO_UINT(b);

    return first < second ? -1 : first > second;
}

static void
print(const replay *r, FILE *out)
{
    g_autoptr(GList) serials = g_list_sort(g_hash_table_get_keys(r->answers), compareSerials);

    for (const GList *one = serials; one; one = one->next) {
        const answer *a = g_hash_table_lookup(r->answers, one->data);

        fprintf(out, "serial %u\n", GPOINTER_TO_UINT(one->data));
        printHex(out, "message", a->messages);
        printHex(out, "stream", a->data);
    }
    for (guint i = 0; i < r->events->len; i++)
        printHex(out, "event", g_ptr_array_index(r->events, i));
}

static guint
replayConnection(const char *socket, const char *stock, guint window, const char *file, FILE *out)
{
    replay r = {
        .socket = connectTo(socket), .stock = stock, .window = window,
        .answers = g_hash_table_new_full(NULL, NULL, NULL, answerFree),
        .events = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))g_byte_array_unref),
    };

    replayFile(&r, file);
    fprintf(out, "connection with %u calls\n", r.calls);
    print(&r, out);
    g_hash_table_unref(r.answers);
    g_ptr_array_unref(r.events);
    close(r.socket);
    return r.calls;
}

/* Asks for a document again and again, and reads no answer; never returns. */
static G_GNUC_NORETURN void
stall(const char *socket, const char *file)
{
    int fd = connectTo(socket);
    g_autofree char *bytes = NULL;
    g_autoptr(GByteArray) questions = g_byte_array_new();
    gsize size;
    vmcRpcHeader header;

    g_assert_true(g_file_get_contents(file, &bytes, &size, NULL));
    for (gsize at = 0; at < size; at += header.length) {
        g_assert_true(vmcRpcHeaderParse((const guint8 *)bytes + at, &header));
        if (header.procedure == VMC_RPC_DOMAIN_GET_XML_DESC) {
            while (questions->len < 1024 * 1024)
                g_byte_array_append(questions, (const guint8 *)bytes + at, header.length);
            break;
        }
        vmcProxySend(fd, (const guint8 *)bytes + at, header.length, -1);
        g_byte_array_unref(vmcProxyMessage(fd, &header));
        vmcRpcHeaderParse((const guint8 *)bytes + at, &header);
    }
    vmcProxySendSome(fd, questions->data, questions->len, 500);
    puts("stalled");
    fflush(stdout);
    for (;;)
        pause();
}

int
main(int argc, char **argv)
{
    guint calls = 0;
    FILE *out;

    if (argc == 5 && strcmp(argv[1], "record") == 0)
        recordAll(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "stall") == 0)
        stall(argv[2], argv[3]);
    if (argc < 7 || strcmp(argv[1], "replay") != 0)
        return EXIT_FAILURE;
    alarm(PATIENCE);
    out = fopen(argv[3], "we");
    g_assert_nonnull(out);
    for (int i = 6; i < argc; i++)
        calls += replayConnection(argv[2], strcmp(argv[5], "-") == 0 ? NULL : argv[5],
                                  atoi(argv[4]), argv[i], out);
    fclose(out);
    printf("%u\n", calls);
    return EXIT_SUCCESS;
}
