/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay at its limits: many connections, floods, no descriptors, and nothing
 * that stays behind; with a scripted guest on the link.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process/share.h"
#include "relay/worker/inflight.h"
#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

#define CONNECTIONS 1024

/* As many as there may be, one more that is refused at once, and room after one has gone. */
static void
testLimit(const char *dir)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s/bind,server,nowait", dir);
    vmcLinkConn *first = vmcLinkConnect(guest, 600), *last;

    for (int i = 1; i < CONNECTIONS; i++)
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
    last = vmcLinkDial(guest, 600);
    g_assert_true(vmcLinkWaitAnswer(last));
    g_assert_true(last->refused);
    vmcLinkReset(first);
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
}

/* Each of them has its host side, and a worker that were to keep closed ones no more than those. */
static void
testWorkerLimit(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path), hosts[CONNECTIONS];
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    struct rlimit limit;

    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    for (int i = 0; i < CONNECTIONS && !g_test_failed(); i++) {
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
        hosts[i] = hostAccept(listener);
    }
    g_assert_cmpint(prlimit(worker, RLIMIT_NOFILE, NULL, &limit), ==, 0);
    g_test_message("the worker has %u descriptors and may have %lu",
                   vmcProcessDescriptors(worker), (gulong)limit.rlim_max);
    g_assert_cmpuint(limit.rlim_max, <=, CONNECTIONS + 16);
    for (int i = 0; i < CONNECTIONS; i++)
        close(hosts[i]);
    close(listener);
}

/*
 * Host programs that accept and never end, and guests that come, end and come again: their
 * channel's oldest give way, and the other channel's guests notice nothing.
 */
static void
testOneChannelFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:null", path);
    g_autoptr(GArray) hosts = g_array_new(FALSE, FALSE, sizeof(int));
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");

    for (int i = 0; i < CONNECTIONS + 100; i++) {
        vmcLinkConn *conn = vmcLinkConnect(guest, 600);
        int host = hostAccept(listener);

        g_assert_true(conn->connected);
        vmcLinkFin(conn);
        g_array_append_val(hosts, host);
    }
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    for (guint i = 0; i < hosts->len; i++)
        close(g_array_index(hosts, int, i));
    close(listener);
}

/*
 * A listener that never accepts: guests that try, give up and try again, for each of
 * which it is dialled still, take no place of the other channel's.
 */
static void
testOneChannelDialling(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = NULL;
    GArray *fds;

    listen(listener, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s --vmchannel 601:null", path);
    fds = hostFillBacklog(path);
    for (int i = 0; i < CONNECTIONS + 100; i++)
        vmcLinkDial(guest, 600);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    hostCloseAll(fds);
    close(listener);
}

/* Reads all that is there now. */
static gsize
drain(int host)
{
    char bytes[65536];
    gsize total = 0;
    ssize_t n;

    while ((n = recv(host, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        total += (gsize)n;
    return total;
}

/* So many bytes and more, which the host program reads as they come. */
static void
pass(vmcLinkConn *conn, int host, gsize count)
{
    g_autofree char *bytes = g_strnfill(50000, 'x');
    gsize sent = 0, taken = 0;

    while (sent < count) {
        sent += vmcLinkPush(conn, bytes, 50000);
        vmcLinkTurn(conn->guest, 1);
        taken += drain(host);
    }
    while (taken < sent && hostIsReadable(host, VMC_PATIENCE / 2))
        taken += drain(host);
    g_assert_cmpuint(taken, ==, sent);
}

/* Sends until the window is shut for good, and all on the way is full. */
static void
fill(vmcLinkConn *conn, const char *bytes, gsize len)
{
    while (vmcLinkPush(conn, bytes, len) > 0 || vmcLinkTurn(conn->guest, 20))
        continue;
}

/* What the kernel has of the bytes of worker and pump. */
static guint64
relaySockets(vmcLinkGuest *guest)
{
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");

    return vmcProcessSockets(vmcLinkGuestPid(guest, "vmch-worker")) +
        (pump > 0 ? vmcProcessSockets(pump) : 0);
}

/* Until they have at most so much, or nothing more is given back. */
static guint64
waitSockets(vmcLinkGuest *guest, guint64 most)
{
    gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    guint64 now;

    while ((now = relaySockets(guest)) > most && g_get_monotonic_time() < end)
        vmcLinkTurn(guest, 100);
    return now;
}

/*
 * Host programs that read nothing: of a connection that the guest resets, nothing is kept; and
 * what the kernel has handed to the host program is no more than a small buffer.
 */
static void
testResetKeepsNothing(const char *dir)
{
    enum { RESETS = 20, SMALL = 65536 };
    static const char *const values[] = {
        "unix:%s/agent", "unix:%s/agent,logfile=%s/log", "tcp:127.0.0.1:%u",
        "tcp:127.0.0.1:%u,logfile=%s/log", "telnet:127.0.0.1:%u",
    };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *bytes = g_strnfill(50000, 'x');
    guint16 port;
    int unixListener = vmcListen(path), inetListener = hostInet(SOCK_STREAM, &port);
    g_autofree char *number = g_strdup_printf("%u", port);

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GString) value = g_string_new(values[i]);
        g_autoptr(vmcLinkGuest) guest = NULL;
        bool isUnix = g_str_has_prefix(values[i], "unix");
        int hosts[RESETS], left = 0;
        guint64 before, now;

        g_string_replace(value, "%s", dir, 0);
        g_string_replace(value, "%u", number, 0);
        guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:%s", value->str);
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
        close(hostAccept(isUnix ? unixListener : inetListener));
        before = relaySockets(guest);
        for (int r = 0; r < RESETS; r++) {
            vmcLinkConn *conn = vmcLinkConnect(guest, 600);

            g_assert_true(conn->connected);
            hosts[r] = hostAccept(isUnix ? unixListener : inetListener);
            fill(conn, bytes, 50000);
            vmcLinkReset(conn);
        }
        now = waitSockets(guest, before + SMALL);
        for (int r = 0; r < RESETS; r++) {
            int unread = 0;

            ioctl(hosts[r], FIONREAD, &unread);
            left += unread;
            close(hosts[r]);
        }
        g_test_message("%s: %" G_GUINT64_FORMAT " bytes before, %" G_GUINT64_FORMAT
                       " after %d resets; %d are the host program's", value->str, before, now,
                       RESETS, left);
        g_assert_cmpuint(now, <=, before + SMALL);
        if (isUnix)             /* tcp's are in the host program's own buffer */
            g_assert_cmpint(left, <=, RESETS * SMALL);
    }
    close(unixListener);
    close(inetListener);
}

/* So many bytes and more from the host program, which the guest takes as they come. */
static void
passDown(vmcLinkConn *conn, int host, gsize count)
{
    g_autofree char *bytes = g_strnfill(50000, 'x');
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * 500;
    guint32 begin = conn->rcvNxt;

    conn->careless = true;
    while (conn->rcvNxt - begin < count && g_get_monotonic_time() < end) {
        send(host, bytes, 50000, MSG_DONTWAIT);
        vmcLinkTurn(conn->guest, 1);
    }
    g_assert_cmpuint(conn->rcvNxt - begin, >=, count);
}

/* Host programs that have read much, and then read nothing, and guests that do the same. */
static void
testBytesOfChannel(const char *dir)
{
    enum { CONNS = 100, READ = 1 << 19 };
    static const struct {
        const char *value;
        unsigned int buffers;   /* of the relay, on the way there and back */
    } cases[] = {
        { "unix:%s/agent", 1 }, { "unix:%s/agent,logfile=/dev/null", 3 },
        { "tcp:127.0.0.1:%u", 2 }, { "tcp:127.0.0.1:%u,logfile=/dev/null", 4 },
    };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *bytes = g_strnfill(50000, 'x');
    guint16 port;
    int unixListener = vmcListen(path), inetListener = hostInet(SOCK_STREAM, &port);
    g_autofree char *number = g_strdup_printf("%u", port);
    int hosts[CONNS];
    guint64 sum = 0;

    for (unsigned int k = 1; k <= CONNS; k++)
        sum += 2 * (guint64)vmcShare(k);
    for (gsize i = 0; i < G_N_ELEMENTS(cases) && !g_test_failed(); i++) {
        g_autoptr(GString) value = g_string_new(cases[i].value);
        g_autoptr(vmcLinkGuest) guest = NULL;
        int listener = g_str_has_prefix(cases[i].value, "unix") ? unixListener : inetListener;
        guint64 before, now;

        g_string_replace(value, "%s", dir, 0);
        g_string_replace(value, "%u", number, 0);
        guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:%s", value->str);
        before = relaySockets(guest);
        for (int c = 0; c < CONNS && !g_test_failed(); c++) {
            vmcLinkConn *conn = vmcLinkConnect(guest, 600);

            hosts[c] = hostAccept(listener);
            pass(conn, hosts[c], READ);
            passDown(conn, hosts[c], READ / 2);
            conn->deaf = true;
            while (send(hosts[c], bytes, 50000, MSG_DONTWAIT) > 0)
                continue;
            fill(conn, bytes, 50000);
        }
        now = relaySockets(guest);
        g_test_message("%s: %d connections; %" G_GUINT64_FORMAT " bytes before, now %"
                       G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, value->str, CONNS, before, now,
                       cases[i].buffers * sum);
        /* A write may go beyond the end of a buffer. */
        g_assert_cmpuint(now - before, <=, cases[i].buffers * (sum + CONNS * 32768));
        for (int c = 0; c < CONNS; c++)
            close(hosts[c]);
    }
    close(unixListener);
    close(inetListener);
}

/*
 * A host program that has said all and reads nothing, behind a pump: of connections that are
 * over for the guest few are kept, with what the kernel has of their bytes.
 */
static void
testPumpKeepsFew(const char *dir)
{
    enum { ENDS = 60, KEPT = 16 };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *bytes = g_strnfill(40000, 'x');
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,logfile=/dev/null", path);
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");
    vmcLinkConn *first = vmcLinkConnect(guest, 600), *last;
    int hosts[ENDS + 1], one = hostAccept(listener);
    guint before;

    /* Then it has all that it was started with. */
    vmcLinkSendText(first, "first");
    hostHears(one, "first");
    before = vmcProcessDescriptors(pump);
    for (int i = 0; i < ENDS; i++) {
        vmcLinkConn *conn = vmcLinkConnect(guest, 600);

        g_assert_true(conn->connected);
        hosts[i] = hostAccept(listener);
        /* The pump has some of them, and nobody takes them. */
        vmcLinkSend(conn, bytes, 40000);
        shutdown(hosts[i], SHUT_WR);
        g_assert_true(vmcLinkWaitEnd(conn));
        vmcLinkFin(conn);
    }
    last = vmcLinkConnect(guest, 600);
    g_assert_true(last->connected);
    hosts[ENDS] = hostAccept(listener);
    /* What goes through the pump after all the others: it has had those, too. */
    vmcLinkPush(last, "last", 4);
    vmcLinkTurn(guest, 0);
    hostHears(hosts[ENDS], "last");
    /* Three for each, and those of the last. */
    for (gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
         vmcProcessDescriptors(pump) > before + 3 * (KEPT + 1) && g_get_monotonic_time() < end;)
        vmcLinkTurn(guest, 100);
    g_test_message("the pump has %u descriptors, and had %u", vmcProcessDescriptors(pump), before);
    g_assert_cmpuint(vmcProcessDescriptors(pump), <=, before + 3 * (KEPT + 1));
    for (int i = 0; i <= ENDS; i++)
        close(hosts[i]);
    close(one);
    close(listener);
}

/* RLIM_INFINITY: as many as it may have. */
static void
limitDescriptors(pid_t pid, rlim_t count)
{
    struct rlimit limit;

    g_assert_cmpint(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), ==, 0);
    limit.rlim_cur = MIN(count, limit.rlim_max);
    g_assert_cmpint(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), ==, 0);
}

/* A worker without room for a host side refuses: no byte goes nowhere. */
static void
testWorkerFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path), hosts[4];
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");

    limitDescriptors(worker, vmcProcessDescriptors(worker) + G_N_ELEMENTS(hosts));
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
        hosts[i] = hostAccept(listener);
    }
    for (int i = 0; i < 3; i++) {
        g_assert_true(vmcLinkConnect(guest, 600)->refused);
        close(hostAccept(listener));
    }
    limitDescriptors(worker, RLIM_INFINITY);
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        close(hosts[i]);
    close(listener);
}

/* Nor has the broker any for a while: the guests hear so, the host program waits. */
static void
testBrokerFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait"
                                                      " --vmchannel 601:pty", path);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    vmcLinkConn *waits = vmcLinkConnect(guest, 600), *next;
    int host;

    limitDescriptors(broker, 0);
    host = hostDial(path);
    g_assert_true(vmcLinkWaitReset(waits));
    g_assert_true(vmcLinkConnect(guest, 601)->refused);
    limitDescriptors(broker, RLIM_INFINITY);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    next = vmcLinkConnect(guest, 600);
    vmcLinkSendText(next, "now");
    hostHears(host, "now");
    close(host);
}

/* A broker that may start no process: guests of a pump are refused, and nothing is left open. */
static void
testNoProcesses(const char *dir)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pty"
                                                      " --vmchannel 601:null");
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    struct rlimit none = { 0, 0 };
    guint before;

    (void)dir;
    if (geteuid() == 0) {
        g_test_skip("root may start any number of processes: see unprivileged.test");
        return;
    }
    g_assert_cmpint(prlimit(broker, RLIMIT_NPROC, &none, NULL), ==, 0);
    vmcProcessKill(vmcLinkGuestPid(guest, "vmch-pump"), SIGKILL);
    do
        g_assert_true(vmcLinkConnect(guest, 601)->connected);
    while (vmcLinkGuestPid(guest, "vmch-pump") > 0);
    before = vmcProcessDescriptors(broker);
    /* A pump may be tried ten times a second: each of these is a trial. */
    for (int i = 0; i < 3; i++) {
        g_assert_true(vmcLinkConnect(guest, 600)->refused);
        g_usleep(100000);
    }
    g_test_message("descriptors of the broker: %u before, %u after", before,
                   vmcProcessDescriptors(broker));
    g_assert_cmpuint(vmcProcessDescriptors(broker), <=, before);
}

/* More at once than there is room for to keep what is on its way; some of them read nothing. */
enum { STREAMS = 12, DEAF = 5, STREAM_SIZE = 1 << 20 };

typedef struct {
    int fd;
    guint8 *bytes;
} stream;

/* In a thread: as a host program that writes all it has, and ends. */
static gpointer
streamWrite(gpointer opaque)
{
    const stream *one = opaque;
    gsize sent = 0;

    while (sent < STREAM_SIZE) {
        ssize_t n = write(one->fd, one->bytes + sent, STREAM_SIZE - sent);

        g_assert_cmpint(n, >, 0);
        sent += (gsize)n;
    }
    close(one->fd);
    return NULL;
}

/*
 * Each guest connection gets its own bytes, each once, in their order. Those that
 * acknowledge nothing until the others are done take all the memory there is for
 * what is on its way, so that the others' bytes stay in their sockets.
 */
static void
testManyStreams(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    vmcLinkConn *conns[STREAMS];
    GThread *threads[STREAMS];
    stream streams[STREAMS];

    for (int i = 0; i < STREAMS; i++) {
        conns[i] = vmcLinkConnect(guest, 600);
        conns[i]->deaf = i < DEAF;
        streams[i].fd = hostAccept(listener);
        streams[i].bytes = g_malloc(STREAM_SIZE);
        for (gsize at = 0; at < STREAM_SIZE; at++)
            streams[i].bytes[at] = (guint8)g_random_int();
        fcntl(streams[i].fd, F_SETFL, 0);
    }
    for (int i = 0; i < STREAMS; i++)
        threads[i] = g_thread_new("stream", streamWrite, &streams[i]);
    for (int i = STREAMS - 1; i >= 0; i--) {
        conns[i]->deaf = false;
        g_assert_true(vmcLinkWaitBytes(conns[i], STREAM_SIZE));
        g_assert_true(vmcLinkWaitEnd(conns[i]));
        g_thread_join(threads[i]);
        g_assert_cmpmem(conns[i]->received->str, conns[i]->received->len, streams[i].bytes,
                        STREAM_SIZE);
        g_free(streams[i].bytes);
    }
    close(listener);
}

/* Sends pieces of @min to @max bytes until the window is shut for good; returns how many bytes. */
static gsize
fillWindow(vmcLinkConn *conn, gint32 min, gint32 max)
{
    g_autofree char *piece = g_strnfill((gsize)max, 'x');
    gsize total = 0, n;

    do {
        while ((n = vmcLinkPush(conn, piece, (gsize)g_test_rand_int_range(min, max + 1))) > 0)
            total += n;
    } while (vmcLinkTurn(conn->guest, 100));
    return total;
}

static void
hostTakes(int host, gsize len)
{
    g_autofree char *bytes = g_malloc(65536);

    for (gsize done = 0; done < len;) {
        ssize_t n = read(host, bytes, MIN(len - done, 65536));

        g_assert_cmpint(n, >, 0);
        if (n <= 0)
            return;
        done += (gsize)n;
    }
}

/*
 * A host program that reads nothing: whatever the window promised is taken,
 * also of a guest that sends in pieces for each of which the kernel counts a
 * hundred times as much. What were left, the guest would send again only much
 * later. So it is for a buffer that has grown, too.
 */
static void
testWindowIsKept(const char *dir)
{
    static const struct { gint32 min, max; } sizes[] = {
        { 1, 1 }, { 10, 10 }, { 100, 100 }, { 1448, 1448 }, { 5000, 5000 }, { 20000, 20000 },
        { 60000, 60000 }, { 1, 1000 }, { 1, 65000 }, { 1, 65000 }, { 1, 65000 },
    };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);

    for (gsize i = 0; i < 2 * G_N_ELEMENTS(sizes); i++) {
        gint32 min = sizes[i / 2].min, max = sizes[i / 2].max;
        vmcLinkConn *conn = vmcLinkConnect(guest, 600);
        int host = hostAccept(listener);
        gsize sent;

        if (i % 2)
            pass(conn, host, 1 << 20);
        sent = fillWindow(conn, min, max);
        g_test_message("pieces of %d to %d: %zu bytes, of which %u are not taken", min, max, sent,
                       conn->sndNxt - conn->sndUna);
        g_assert_cmpuint(conn->sndUna, ==, conn->sndNxt);
        hostTakes(host, sent);
        vmcLinkSendText(conn, "and on");
        hostHears(host, "and on");
        close(host);
    }
    close(listener);
}

/* What the host program reads from now on, up to its end; *@error: errno of that, or 0. */
static gsize
hostReadsAll(int host, int *error)
{
    g_autofree char *bytes = g_malloc(65536);
    gsize total = 0;
    ssize_t n;

    fcntl(host, F_SETFL, 0);
    while ((n = read(host, bytes, 65536)) > 0)
        total += (gsize)n;
    *error = n < 0 ? errno : 0;
    return total;
}

/*
 * QEMU ends while host programs read nothing: all that was acknowledged is there when they do,
 * or they hear of a reset; also what a buffer holds that has grown before.
 */
static void
testQemuEnds(const char *dir)
{
    static const struct { const char *value; gint32 min, max; } cases[] = {
        { "unix:%s/agent", 65480, 65480 },
        { "unix:%s/agent", 16000, 16000 },
        { "unix:%s/agent", 1, 3000 },
        { "tcp:127.0.0.1:%u", 65480, 65480 },
        { "tcp:127.0.0.1:%u", 16000, 16000 },
        { "tcp:127.0.0.1:%u", 1, 3000 },
        { "tcp:127.0.0.1:%u,logfile=%s/log", 16000, 16000 },
    };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    guint16 port;
    int unixListener = vmcListen(path), inetListener = hostInet(SOCK_STREAM, &port);

    for (gsize i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        gint32 min = cases[i / 2].min, max = cases[i / 2].max;
        g_autoptr(GString) value = g_string_new(cases[i / 2].value);
        g_autofree char *number = g_strdup_printf("%u", port);
        g_autoptr(vmcLinkGuest) guest = NULL;
        GArray *relays;
        vmcLinkConn *conn;
        int host, error;
        gsize sent, come;

        g_string_replace(value, "%s", dir, 0);
        g_string_replace(value, "%u", number, 0);
        guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:%s", value->str);
        conn = vmcLinkConnect(guest, 600);
        host = hostAccept(strstr(value->str, "unix") ? unixListener : inetListener);
        if (i % 2)
            pass(conn, host, 1 << 21);
        sent = conn->sndNxt;
        fillWindow(conn, min, max);
        sent = conn->sndUna - (guint32)sent;
        relays = vmcRelaysFind();
        vmcLinkGuestClose(guest);
        g_assert_true(vmcRelaysEnd(relays, 2000));
        come = hostReadsAll(host, &error);
        g_test_message("%s, pieces of %d to %d: %zu acknowledged, %zu came, then %s", value->str,
                       min, max, sent, come, g_strerror(error));
        g_assert_true(come == sent ? error == 0 : error == ECONNRESET);
        close(host);
    }
    close(unixListener);
    close(inetListener);
}

/* Of a host program that writes on and on: far more than is ever taken. */
#define FLOOD_MAX ((gsize)16 << 20)

/* A guest that reads nothing: the host program is held up, and no more than a queue piles up. */
static void
testHostFlood(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *bytes = g_strnfill(65536, 'x');
    int listener = vmcListen(path), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:null", path);
    vmcLinkConn *deaf = vmcLinkConnect(guest, 600);
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    int before = vmcProcessMemory(worker);
    gsize sent = 0, last;
    gssize n;

    host = hostAccept(listener);
    deaf->deaf = true;
    /* Until the worker, which has seen to what came before the connection, takes no more. */
    do {
        last = sent;
        while ((n = send(host, bytes, 65536, MSG_DONTWAIT)) > 0)
            sent += (gsize)n;
        g_assert_true(vmcLinkConnect(guest, 601)->connected);
    } while (sent > last && sent < FLOOD_MAX);
    g_assert_cmpuint(sent, >, 0);
    g_test_message("%zu bytes taken by the socket; the worker: %d KiB before, %d now", sent,
                   before, vmcProcessMemory(worker));
    /* The queue's blocks, and 64 KiB for all else. */
    g_assert_cmpint(vmcProcessMemory(worker), <, before + (int)(VMC_INFLIGHT_MAX >> 10) + 64);
    deaf->deaf = false;
    g_assert_true(vmcLinkWaitBytes(deaf, sent));
    g_assert_cmpuint(deaf->received->len, ==, sent);
    close(host);
    close(listener);
}

/*
 * 100,000 SYNs that are never finished: who is there is served meanwhile, nothing
 * piles up, and one that is finished finds room. From the first 10,000 on, each of
 * them takes the place of another.
 */
static void
testSynFlood(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:null", path);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    int memory[2];

    host = hostAccept(listener);
    vmcLinkFlood(guest, 601, 10000);
    memory[0] = vmcProcessMemory(broker);
    memory[1] = vmcProcessMemory(worker);
    vmcLinkFlood(guest, 601, 90000);
    g_test_message("broker: %d KiB after 10,000, %d after 100,000; worker: %d, %d", memory[0],
                   vmcProcessMemory(broker), memory[1], vmcProcessMemory(worker));
    /* Answers that the worker, and resets that the link has not taken, may wait. */
    g_assert_cmpint(vmcProcessMemory(broker), <=, memory[0] + 512);
    g_assert_cmpint(vmcProcessMemory(worker), <=, memory[1] + 512);
    vmcLinkSendText(conn, "still here");
    hostHears(host, "still here");
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    close(host);
    close(listener);
}

/* A dial that waits has two descriptors of its thread's: until it has both. */
static guint
waitDialling(pid_t broker, guint idle)
{
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * G_TIME_SPAN_MILLISECOND;

    while (vmcProcessDescriptors(broker) < idle + 2 && g_get_monotonic_time() < end)
        g_usleep(10000);
    return vmcProcessDescriptors(broker);
}

/* A guest that opens and resets, with the host side being dialled still. */
static void
testGivesUpDialling(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = NULL;
    pid_t broker;
    GArray *fds;
    guint idle, before;

    listen(listener, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s --vmchannel 601:null", path);
    broker = vmcLinkGuestPid(guest, "vmch-broker");
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    idle = vmcProcessDescriptors(broker);
    fds = hostFillBacklog(path);
    vmcLinkReset(vmcLinkDial(guest, 600));
    before = waitDialling(broker, idle);
    g_assert_cmpuint(before, ==, idle + 2);
    for (int i = 0; i < 1000; i++)
        vmcLinkReset(vmcLinkDial(guest, 600));
    /* What the broker answers shows that it has done what came before. */
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_assert_cmpuint(vmcProcessDescriptors(broker), <=, before);
    hostCloseAll(fds);
    close(listener);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
}

/* One connection from the guest's SYN to both ends. */
static bool
comeAndGo(vmcLinkGuest *guest, int listener)
{
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);

    if (!conn->connected)
        return false;
    close(hostAccept(listener));
    vmcLinkFin(conn);
    return vmcLinkWaitEnd(conn);
}

/* The last connections' ends may still be on their way. */
static void
expectNoMoreDescriptors(vmcLinkGuest *guest, pid_t pid, guint fds)
{
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * G_TIME_SPAN_MILLISECOND;

    while (vmcProcessDescriptors(pid) > fds && g_get_monotonic_time() < end)
        vmcLinkTurn(guest, 10);
    g_assert_cmpuint(vmcProcessDescriptors(pid), <=, fds);
}

/* 1,000 connections a second, for a minute when there is time. */
static void
testManyConnections(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    pid_t pids[2] = {
        vmcLinkGuestPid(guest, "vmch-broker"), vmcLinkGuestPid(guest, "vmch-worker")
    };
    int seconds = g_getenv("VMCHANNEL_TEST_SLOW") ? 60 : 3, memory[2];
    guint fds[2];
    gint64 begin = g_get_monotonic_time();

    for (int second = 0; second < seconds && !g_test_failed(); second++) {
        for (int i = 0; i < 1000; i++)
            g_assert_true(comeAndGo(guest, listener));
        while (g_get_monotonic_time() < begin + (second + 1) * G_TIME_SPAN_SECOND)
            vmcLinkTurn(guest, 10);
        while (second == 0 && vmcLinkTurn(guest, 200))
            continue;
        for (int p = 0; p < 2 && second == 0; p++) {
            fds[p] = vmcProcessDescriptors(pids[p]);
            memory[p] = vmcProcessMemory(pids[p]);
        }
    }
    g_test_message("%d connections in %.1f s; broker %d KiB, then %d; worker %d, then %d",
                   1000 * seconds, (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND,
                   memory[0], vmcProcessMemory(pids[0]), memory[1], vmcProcessMemory(pids[1]));
    for (int p = 0; p < 2; p++) {
        expectNoMoreDescriptors(guest, pids[p], fds[p]);
        g_assert_cmpint(vmcProcessMemory(pids[p]), <=, memory[p] + 512);
    }
    close(listener);
}

/* What came and went leaves nothing open behind, in any process. */
static void
testNothingLeft(const char *dir)
{
    static const char *const names[] = { "vmch-broker", "vmch-worker", "vmch-pump" };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:file:%s/lines", path, dir);
    guint before[G_N_ELEMENTS(names)];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            vmcLinkConn *conn = vmcLinkConnect(guest, 600);
            vmcLinkConn *file = vmcLinkConnect(guest, 601);

            close(hostAccept(listener));
            vmcLinkFin(conn);
            vmcLinkFin(file);
            g_assert_true(vmcLinkWaitEnd(conn) && vmcLinkWaitEnd(file));
        }
        while (vmcLinkTurn(guest, 200))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
            guint now = vmcProcessDescriptors(vmcLinkGuestPid(guest, names[i]));

            if (round > 0)
                g_assert_cmpuint(now, ==, before[i]);
            before[i] = now;
        }
    }
    close(listener);
}

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/1024-connections", testLimit },
        { "/relay/1024-host-sides", testWorkerLimit },
        { "/relay/one-channel-full", testOneChannelFull },
        { "/relay/one-channel-dialling", testOneChannelDialling },
        { "/relay/reset-keeps-nothing", testResetKeepsNothing },
        { "/relay/bytes-of-a-channel", testBytesOfChannel },
        { "/relay/pump-keeps-few", testPumpKeepsFew },
        { "/relay/many-streams", testManyStreams },
        { "/relay/window-is-kept", testWindowIsKept },
        { "/relay/host-flood", testHostFlood },
        { "/relay/qemu-ends", testQemuEnds },
        { "/relay/syn-flood", testSynFlood },
        { "/relay/gives-up-dialling", testGivesUpDialling },
        { "/relay/1000-connections-a-second", testManyConnections },
        { "/relay/no-descriptors/worker", testWorkerFull },
        { "/relay/no-descriptors/broker", testBrokerFull },
        { "/relay/no-processes", testNoProcesses },
        { "/relay/nothing-left", testNothingLeft },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
