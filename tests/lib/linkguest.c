/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay's link in a test's hands: see linkguest.h. */
#include <config.h>

#include "tests/lib/linkguest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint/frame.h"
#include "tests/lib/guestframe.h"
#include "tests/lib/machine.h"

#define SEGMENT 65480
#define SCALE 7
#define OPTIONS "--network 10.0.2.5/29 --mtu 65520"

struct _vmcLinkGuest {
    int link;
    guint16 lastPort;
    GHashTable *conns;          /* port → vmcLinkConn */
    vmcLinkFirewall firewall;
    bool noAddress;             /* hears nothing of IP */
    bool tracks;                /* and what lies ahead of a connection */
};

static const uint8_t relayMac[VMC_MAC_LEN] = { 0x52, 0x55, 10, 0, 2, 4 };

static void
connFree(gpointer data)
{
    vmcLinkConn *conn = data;

    g_string_free(conn->received, TRUE);
    g_free(conn);
}

static void
letInherit(gpointer link)
{
    fcntl(GPOINTER_TO_INT(link), F_SETFD, 0);
}

vmcLinkGuest *
vmcLinkGuestStart(char **error, const char *program, const char *arguments, ...)
{
    vmcLinkGuest *guest;
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = g_path_is_absolute(program) ? g_strdup(program)
                                                        : vmcBuildPath(program);
    g_autofree char *given = NULL, *line = NULL, *printed = NULL;
    g_auto(GStrv) argv = NULL;
    int link[2], status = -1;
    va_list args;

    va_start(args, arguments);
    given = g_strdup_vprintf(arguments, args);
    va_end(args);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link), ==, 0);
    line = g_strdup_printf("'%s' --link-fd %d " OPTIONS " %s", path, link[1], given);
    g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                      G_SPAWN_CHILD_INHERITS_STDIN, letInherit,
                      GINT_TO_POINTER(link[1]), NULL, &printed, &status, &failure))
        g_error("%s: %s", line, failure->message);
    close(link[1]);
    if (error)
        *error = g_steal_pointer(&printed);
    if (status != 0) {
        close(link[0]);
        return NULL;
    }
    guest = g_new0(vmcLinkGuest, 1);
    guest->link = link[0];
    guest->lastPort = 40000;
    guest->conns = g_hash_table_new_full(NULL, NULL, NULL, connFree);
    return guest;
}

void
vmcLinkGuestClose(vmcLinkGuest *guest)
{
    close(guest->link);
    guest->link = -1;
}

void
vmcLinkGuestFree(vmcLinkGuest *guest)
{
    GArray *relays;

    if (!guest)
        return;
    relays = vmcRelaysFind();
    if (guest->link >= 0)
        close(guest->link);
    if (!vmcRelaysEnd(relays, 5000)) {
        g_test_message("the relay did not end");
        g_test_fail();
    }
    g_hash_table_destroy(guest->conns);
    g_free(guest);
}

/* The parent of a process, and its name. */
static pid_t
parentOf(pid_t pid, char name[64])
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *end;
    char state = 'Z';
    int parent = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(end = strrchr(text, ')')))
        return 0;
    sscanf(text, "%*d (%63[^)]", name);
    sscanf(end, ") %c %d", &state, &parent);
    return state == 'Z' ? 0 : parent;
}

pid_t
vmcLinkGuestPid(const vmcLinkGuest *guest, const char *wanted)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *entry;

    (void)guest;
    while ((entry = g_dir_read_name(proc))) {
        pid_t pid = atoi(entry), up;
        char name[64] = "", other[64];

        if (pid <= 0 || (up = parentOf(pid, name)) == 0 || strcmp(name, wanted) != 0)
            continue;
        if (up == getpid() || parentOf(up, other) == getpid())
            return pid;
    }
    return -1;
}

void
vmcLinkFrame(vmcLinkGuest *guest, const void *frame, gsize len)
{
    /* Blocking: while the relay has no worker frames wait, as QEMU's would. */
    if (send(guest->link, frame, len, MSG_NOSIGNAL) < 0)
        g_test_message("link: %s", g_strerror(errno));
}

static void
sendSegment(vmcLinkConn *conn, guint32 seq, guint8 flags, const void *data, gsize len)
{
    vmcFrameAddress address = { .srcPort = conn->port, .dstPort = conn->channel };
    vmcSegment segment = {
        .seq = seq, .ack = conn->rcvNxt, .flags = flags, .window = 65535,
        .mss = flags & VMC_TCP_SYN ? 65480 : 0, .scale = flags & VMC_TCP_SYN ? SCALE : -1,
    };
    guint8 frame[VMC_FRAME_HEADERS + SEGMENT];
    gsize size;

    memcpy(address.srcMac, vmcGuestMac, VMC_MAC_LEN);
    memcpy(address.dstMac, relayMac, VMC_MAC_LEN);
    inet_pton(AF_INET, "10.0.2.5", &address.src);
    inet_pton(AF_INET, "10.0.2.4", &address.dst);
    size = vmcFrameTcp(frame, &address, &segment, data, len, true);
    if (len > 0)
        memcpy(frame + size, data, len);
    vmcLinkFrame(conn->guest, frame, size + len);
}

static void
takeData(vmcLinkConn *conn, const vmcFrame *frame)
{
    const vmcSegment *in = &frame->segment;

    if (in->seq != conn->rcvNxt) {
        sendSegment(conn, conn->sndNxt, VMC_TCP_ACK, NULL, 0);
        return;
    }
    if (conn->deaf && frame->len > 0)
        return;
    if (!conn->careless)
        g_string_append_len(conn->received, (const char *)frame->payload, (gssize)frame->len);
    conn->rcvNxt += (guint32)frame->len;
    if (in->flags & VMC_TCP_FIN) {
        conn->ended = true;
        conn->rcvNxt++;
    }
    if (frame->len > 0 || in->flags & VMC_TCP_FIN)
        sendSegment(conn, conn->sndNxt, VMC_TCP_ACK, NULL, 0);
}

static void
takeSynAck(vmcLinkConn *conn, const vmcSegment *in)
{
    conn->rcvNxt = in->seq + 1;
    conn->sndUna = in->ack;
    conn->window = in->window;
    conn->connected = true;
    sendSegment(conn, conn->sndNxt, VMC_TCP_ACK, NULL, 0);
}

static void
takeSegment(vmcLinkConn *conn, const vmcFrame *frame, const guint8 *bytes)
{
    const vmcSegment *in = &frame->segment;
    guint8 answer[VMC_GUEST_FRAME];

    if (conn->forgotten) {
        if (conn->guest->firewall == VMC_LINK_OPEN && (in->flags & VMC_TCP_RST) == 0)
            sendSegment(conn, in->ack, VMC_TCP_RST, NULL, 0);
        else if (conn->guest->firewall == VMC_LINK_REJECTS)
            vmcLinkFrame(conn->guest, answer, vmcGuestRejects(answer, bytes));
        return;
    }
    if (in->flags & VMC_TCP_RST) {
        conn->refused = !conn->connected;
        conn->reset = conn->connected && in->seq == conn->rcvNxt;
        return;
    }
    if (in->flags & VMC_TCP_SYN) {
        takeSynAck(conn, in);
        return;
    }
    if (!conn->connected)
        return;
    if (conn->guest->tracks && ((gint32)(in->seq - conn->rcvNxt) > 0 ||
                                (gint32)(in->ack - conn->sndNxt) > 0))
        return;
    if ((gint32)(in->ack - conn->sndUna) >= 0 && (gint32)(conn->sndNxt - in->ack) >= 0) {
        conn->sndUna = in->ack;
        conn->window = (guint32)in->window << 3;
    }
    takeData(conn, frame);
}

void
vmcLinkReboot(vmcLinkGuest *guest, vmcLinkFirewall firewall, bool addressed)
{
    GHashTableIter iter;
    gpointer value;

    guest->firewall = firewall;
    guest->noAddress = !addressed;
    g_hash_table_iter_init(&iter, guest->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        ((vmcLinkConn *)value)->forgotten = true;
}

void
vmcLinkTrack(vmcLinkGuest *guest)
{
    guest->tracks = true;
}

void
vmcLinkAddressed(vmcLinkGuest *guest)
{
    guest->noAddress = false;
}

bool
vmcLinkTurn(vmcLinkGuest *guest, int milliseconds)
{
    static guint8 bytes[65536];
    struct pollfd one = { .fd = guest->link, .events = POLLIN };
    vmcFrame frame;
    vmcLinkConn *conn;
    ssize_t n;

    if (poll(&one, 1, milliseconds) <= 0)
        return false;
    n = recv(guest->link, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n <= 0)
        return false;
    if (guest->noAddress || vmcFrameParse(&frame, bytes, (size_t)n, true) != VMC_FRAME_TCP)
        return true;
    conn = g_hash_table_lookup(guest->conns, GUINT_TO_POINTER(frame.address.dstPort));
    if (conn && conn->channel == frame.address.srcPort)
        takeSegment(conn, &frame, bytes);
    return true;
}

#define FIRST_PORT 1024

static guint16
nextPort(guint16 port)
{
    return port == G_MAXUINT16 ? FIRST_PORT : port + 1;
}

void
vmcLinkFlood(vmcLinkGuest *guest, guint16 channel, guint count)
{
    vmcLinkConn syn = { .guest = guest, .channel = channel, .port = guest->lastPort };

    for (guint i = 0; i < count; i++) {
        do
            syn.port = nextPort(syn.port);
        while (g_hash_table_contains(guest->conns, GUINT_TO_POINTER(syn.port)));
        sendSegment(&syn, 1000u * syn.port, VMC_TCP_SYN, NULL, 0);
        while (vmcLinkTurn(guest, 0))
            continue;
    }
    guest->lastPort = syn.port;
}

vmcLinkConn *
vmcLinkDial(vmcLinkGuest *guest, guint16 channel)
{
    vmcLinkConn *conn = g_new0(vmcLinkConn, 1);

    conn->guest = guest;
    guest->lastPort = nextPort(guest->lastPort);
    conn->port = guest->lastPort;
    conn->channel = channel;
    conn->received = g_string_new(NULL);
    conn->sndUna = conn->sndNxt = 1000u * conn->port +
        (guest->tracks && conn->port % 2 ? 1u << 31 : 0);
    g_hash_table_insert(guest->conns, GUINT_TO_POINTER(conn->port), conn);
    sendSegment(conn, conn->sndNxt, VMC_TCP_SYN, NULL, 0);
    conn->sndNxt++;
    return conn;
}

/* Turns until @condition, for as long as a test has patience. */
#define WAIT_FOR(guest, condition)                                      \
    ({                                                                  \
        gint64 waitEnd = g_get_monotonic_time() + VMC_PATIENCE * 500;   \
        while (!(condition) && g_get_monotonic_time() < waitEnd)        \
            vmcLinkTurn(guest, 100);                                    \
        (condition);                                                    \
    })

static bool
answeredWithin(vmcLinkConn *conn, gint64 microseconds)
{
    gint64 end = g_get_monotonic_time() + microseconds;

    while (!conn->connected && !conn->refused && g_get_monotonic_time() < end)
        vmcLinkTurn(conn->guest, 100);
    return conn->connected || conn->refused;
}

bool
vmcLinkWaitAnswer(vmcLinkConn *conn)
{
    return answeredWithin(conn, VMC_PATIENCE * 500);
}

/* A SYN that a dying worker had read is lost, and sent again as any TCP does. */
vmcLinkConn *
vmcLinkConnect(vmcLinkGuest *guest, guint16 channel)
{
    vmcLinkConn *conn = vmcLinkDial(guest, channel);

    for (int tries = 0; tries < VMC_PATIENCE / 2000 && !answeredWithin(conn, G_TIME_SPAN_SECOND); tries++)
        sendSegment(conn, conn->sndNxt - 1, VMC_TCP_SYN, NULL, 0);
    return conn;
}

static gsize
pushable(const vmcLinkConn *conn)
{
    guint32 inFlight = conn->sndNxt - conn->sndUna;

    return conn->window > inFlight ? MIN(conn->window - inFlight, SEGMENT) : 0;
}

gsize
vmcLinkPush(vmcLinkConn *conn, const void *data, gsize len)
{
    gsize done = 0;

    while (done < len && pushable(conn) > 0 && !conn->reset) {
        gsize n = MIN(len - done, pushable(conn));

        sendSegment(conn, conn->sndNxt, VMC_TCP_ACK | VMC_TCP_PSH, (const char *)data + done, n);
        conn->sndNxt += (guint32)n;
        done += n;
        while (vmcLinkTurn(conn->guest, 0))
            continue;
    }
    return done;
}

void
vmcLinkSend(vmcLinkConn *conn, const void *data, gsize len)
{
    for (gsize done = 0; done < len && !conn->reset && !conn->refused;) {
        done += vmcLinkPush(conn, (const char *)data + done, len - done);
        if (!WAIT_FOR(conn->guest, conn->reset || pushable(conn) > 0))
            return;
    }
    WAIT_FOR(conn->guest, conn->reset || conn->sndUna == conn->sndNxt);
}

void
vmcLinkSendText(vmcLinkConn *conn, const char *text)
{
    vmcLinkSend(conn, text, strlen(text));
}

void
vmcLinkFin(vmcLinkConn *conn)
{
    sendSegment(conn, conn->sndNxt, VMC_TCP_ACK | VMC_TCP_FIN, NULL, 0);
    conn->sndNxt++;
}

void
vmcLinkReset(vmcLinkConn *conn)
{
    sendSegment(conn, conn->sndNxt, VMC_TCP_RST | VMC_TCP_ACK, NULL, 0);
}

bool
vmcLinkWaitText(vmcLinkConn *conn, const char *text)
{
    return WAIT_FOR(conn->guest, strstr(conn->received->str, text) != NULL || conn->reset) &&
        !conn->reset;
}

bool
vmcLinkWaitBytes(vmcLinkConn *conn, gsize count)
{
    return WAIT_FOR(conn->guest, conn->received->len >= count || conn->reset) && !conn->reset;
}

bool
vmcLinkWaitEnd(vmcLinkConn *conn)
{
    return WAIT_FOR(conn->guest, conn->ended || conn->reset) && conn->ended;
}

bool
vmcLinkWaitReset(vmcLinkConn *conn)
{
    return WAIT_FOR(conn->guest, conn->reset);
}
