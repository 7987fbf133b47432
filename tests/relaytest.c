/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's host sides, a case for each cell of the semantics table in
 * docs/architecture.md, with a scripted guest on the link instead of a booted
 * one. Host programs are sockets and files in the test's own hands.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "linkguest.h"
#include "machine.h"

#define RELAY "vmchannel-relay"
#define SECONDS 30              /* after which a host program's wait has failed */

static void
bound(int fd)
{
    struct timeval limit = { .tv_sec = SECONDS };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static bool
isReadable(int fd, int milliseconds)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, milliseconds) > 0;
}

static int
hostAccept(int listener)
{
    int fd = isReadable(listener, SECONDS * 1000) ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

    g_assert_cmpint(fd, >=, 0);
    bound(fd);
    return fd;
}

static struct sockaddr_un
unixAddress(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return address;
}

static int
hostDial(const char *path)
{
    struct sockaddr_un address = unixAddress(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bound(fd);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

/* A socket of the loopback interface, bound (and listening), and its port. */
static int
hostInet(int type, guint16 *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    if (type == SOCK_STREAM)
        listen(fd, 16);
    bound(fd);
    *port = ntohs(address.sin_port);
    return fd;
}

static int
hostDialInet(guint16 port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bound(fd);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

static guint16
freePort(void)
{
    guint16 port;

    close(hostInet(SOCK_STREAM, &port));
    return port;
}

static void
hostSay(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

/* Reads until as much has come as @text is long, and compares. */
static void
hostHears(int fd, const char *text)
{
    char got[256] = "";
    gsize len = 0;

    while (len < strlen(text) && isReadable(fd, SECONDS * 1000)) {
        gssize n = read(fd, got + len, strlen(text) - len);

        if (n <= 0)
            break;
        len += (gsize)n;
    }
    g_assert_cmpstr(got, ==, text);
}

static void
hostHearsEnd(int fd)
{
    char byte;

    g_assert_cmpint(read(fd, &byte, 1), ==, 0);
}

/* Waits until the file has so many bytes; it tells nobody that it grew. */
static char *
fileOf(const char *path, gsize count)
{
    char *text = NULL;
    gsize len = 0;

    for (int left = SECONDS * 100; left > 0; left--) {
        g_clear_pointer(&text, g_free);
        g_file_get_contents(path, &text, &len, NULL);
        if (text && len >= count)
            break;
        g_usleep(10000);
    }
    return text ? text : g_strdup("");
}

static void
testConnect(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    int host = hostAccept(listener);

    vmcLinkSendText(conn, "up");
    hostHears(host, "up");
    hostSay(host, "down");
    g_assert_true(vmcLinkWaitText(conn, "down"));
    vmcLinkFin(conn);
    vmcLinkTurn(guest, 100);
    hostHearsEnd(host);
    hostSay(host, "late");
    close(host);
    g_assert_true(vmcLinkWaitText(conn, "downlate"));
    g_assert_true(vmcLinkWaitEnd(conn));
    close(listener);
}

static void
testHostHalfClose(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    int host = hostAccept(listener);

    shutdown(host, SHUT_WR);
    g_assert_true(vmcLinkWaitEnd(conn));
    vmcLinkSendText(conn, "still");
    hostHears(host, "still");
    close(host);
    close(listener);
}

static void
testRestarted(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);

    for (int i = 0; i < 3; i++) {
        int listener, host;
        vmcLinkConn *conn = vmcLinkConnect(guest, 600);

        g_assert_true(conn->refused);
        listener = vmcListen(path);
        conn = vmcLinkConnect(guest, 600);
        g_assert_true(conn->connected);
        host = hostAccept(listener);
        close(listener);
        close(host);
        g_unlink(path);
    }
}

/* Fills a listener's backlog and returns those who did. */
static GArray *
fillBacklog(const char *path)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    struct sockaddr_un address = unixAddress(path);

    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            close(fd);
            return fds;
        }
        g_array_append_val(fds, fd);
    }
}

static void
closeAll(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    g_array_free(fds, TRUE);
}

/* How often the threads of a process have gone to sleep. */
static guint
switchesOf(pid_t pid)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", pid);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    const char *name;
    guint count = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(tasks, name, "status", NULL);
        g_autofree char *text = NULL;
        const char *line = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL))
            line = strstr(text, "\nvoluntary_ctxt_switches:");
        g_assert_nonnull(line);
        count += (guint)atoi(line + strlen("\nvoluntary_ctxt_switches:"));
    }
    return count;
}

/* The SYN waits, others are served meanwhile, and it goes on when there is room. */
static void
testBacklogFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *first, *given, *second;
    GArray *fds;
    pid_t broker;
    guint switches;
    int host;

    listen(listener, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s --vmchannel 601:null", path);
    broker = vmcLinkGuestPid(guest, "vmch-broker");
    fds = fillBacklog(path);
    first = vmcLinkDial(guest, 600);
    given = vmcLinkDial(guest, 600);
    second = vmcLinkDial(guest, 600);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    while (vmcLinkTurn(guest, 200))
        continue;
    g_assert_false(first->connected || first->refused || second->connected || second->refused);
    vmcLinkReset(given);
    /* An answer to what was sent later shows that it was heard. */
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    while (vmcLinkTurn(guest, 200))
        continue;
    /* It is woken, and does not look again and again. */
    switches = switchesOf(broker);
    g_usleep(500 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpuint(switchesOf(broker), ==, switches);

    for (guint i = 0; i < fds->len; i++)
        close(hostAccept(listener));
    g_assert_true(vmcLinkWaitAnswer(first));
    g_assert_true(first->connected);
    host = hostAccept(listener);
    vmcLinkSendText(first, "first");
    hostHears(host, "first");
    close(host);
    host = hostAccept(listener);
    g_assert_true(vmcLinkWaitAnswer(second));
    g_assert_true(second->connected);
    vmcLinkSendText(second, "second");
    hostHears(host, "second");
    close(host);
    closeAll(fds);
    close(listener);
}

/* A listener that closes while a SYN waits for room: refused. */
static void
testBacklogClosed(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conns[3];
    GArray *fds;

    listen(listener, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    fds = fillBacklog(path);
    for (gsize i = 0; i < G_N_ELEMENTS(conns); i++)
        conns[i] = vmcLinkDial(guest, 600);
    g_assert_false(vmcLinkTurn(guest, 200));
    close(listener);
    for (gsize i = 0; i < G_N_ELEMENTS(conns); i++) {
        g_assert_true(vmcLinkWaitAnswer(conns[i]));
        g_assert_true(conns[i]->refused);
    }
    closeAll(fds);
}

static void
testBindGuestFirst(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait", path);
    vmcLinkConn *conns[3];

    for (int i = 0; i < 3; i++) {
        g_autofree char *text = g_strdup_printf("guest %d", i);

        conns[i] = vmcLinkConnect(guest, 600);
        g_assert_true(conns[i]->connected);
        vmcLinkSendText(conns[i], text);
    }
    for (int i = 0; i < 3; i++) {
        g_autofree char *text = g_strdup_printf("guest %d", i);
        g_autofree char *reply = g_strdup_printf("host %d", i);
        int host = hostDial(path);

        hostHears(host, text);
        hostSay(host, reply);
        g_assert_true(vmcLinkWaitText(conns[i], reply));
        close(host);
    }
}

/* The kernel's backlog is the queue; who left without a word is passed over. */
static void
testBindHostFirst(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait", path);
    int left = hostDial(path), wrote = hostDial(path), stays;
    vmcLinkConn *conn;

    close(left);
    hostSay(wrote, "and left");
    close(wrote);
    stays = hostDial(path);
    hostSay(stays, "stays");
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(vmcLinkWaitText(conn, "and left"));
    g_assert_true(vmcLinkWaitEnd(conn));
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(vmcLinkWaitText(conn, "stays"));
    vmcLinkSendText(conn, "hello");
    hostHears(stays, "hello");
    close(stays);
}

/*
 * The guest leaves and a host program dials in one turn of the broker's: that
 * one is the next guest's.
 */
static void
testBindBothAtOnce(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait", path);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    vmcLinkConn *gone = vmcLinkConnect(guest, 600), *conn;
    int host;

    vmcProcessKill(broker, SIGSTOP);
    vmcLinkReset(gone);
    /* The worker's own answer shows that it has taken the reset. */
    g_assert_true(vmcLinkConnect(guest, 700)->refused);
    host = hostDial(path);
    vmcProcessKill(broker, SIGCONT);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "here");
    hostHears(host, "here");
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-broker"), ==, broker);
    close(host);
}

/* A guest that gives up does not take the next guest's client. */
static void
testBindGuestLeaves(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait", path);
    vmcLinkConn *gone = vmcLinkConnect(guest, 600), *conn;
    int host;

    vmcLinkSendText(gone, "gone");
    vmcLinkReset(gone);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "here");
    host = hostDial(path);
    hostHears(host, "here");
    close(host);
}

static void
testBindPath(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autofree char *error = NULL;
    vmcLinkGuest *guest;
    struct stat st;

    close(vmcListen(path));     /* stale */
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s,server,nowait", path);
    g_assert_nonnull(guest);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_null(vmcLinkGuestStart(&error, RELAY, "--vmchannel 600:unix:%s,server,nowait", path));
    g_assert_nonnull(strstr(error, path));
    vmcLinkGuestFree(guest);
    g_assert_cmpint(stat(path, &st), <, 0);
}

/* A path of the relay's own making, told apart by the guest's name; gone at its end. */
static void
testBindGenerated(const char *dir)
{
    g_autofree char *name = g_strdup_printf("a/guest-%d", getpid());
    g_autofree char *path = g_strdup_printf("%s/vmchannel/a_guest-%d-10.0.2.4-600.sock", dir,
                                            getpid());
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    int host;

    g_setenv("XDG_RUNTIME_DIR", dir, TRUE);
    guest = vmcLinkGuestStart(NULL, RELAY, "--name %s --vmchannel 600:unix:,server,nowait", name);
    g_unsetenv("XDG_RUNTIME_DIR");
    if (!guest) {
        g_test_fail();
        return;
    }
    conn = vmcLinkConnect(guest, 600);
    host = hostDial(path);
    hostSay(host, "found");
    g_assert_true(vmcLinkWaitText(conn, "found"));
    close(host);
    g_clear_pointer(&guest, vmcLinkGuestFree);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

/* Who may dial is decided as for any socket: by the mode it is born with. */
static void
testBindMode(const char *dir)
{
    static const mode_t masks[] = { 0022, 0077, 0002 };
    g_autofree char *path = g_build_filename(dir, "bind", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(masks); i++) {
        mode_t old = umask(masks[i]);
        g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                          " 600:unix:%s,server,nowait", path);
        struct stat st;

        umask(old);
        g_assert_cmpint(stat(path, &st), ==, 0);
        g_assert_cmphex(st.st_mode & 0777, ==, 0777 & ~masks[i]);
    }
}

static void
testTcp(const char *dir)
{
    guint16 port;
    int listener = hostInet(SOCK_STREAM, &port), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:tcp:127.0.0.1:%u"
                                                      " --vmchannel 601:tcp:localhost:%u", port,
                                                      port);

    (void)dir;
    for (guint16 channel = 600; channel <= 601; channel++) {
        vmcLinkConn *conn = vmcLinkConnect(guest, channel);

        g_assert_true(conn->connected);
        host = hostAccept(listener);
        vmcLinkSendText(conn, "up");
        hostHears(host, "up");
        shutdown(host, SHUT_WR);
        g_assert_true(vmcLinkWaitEnd(conn));
        vmcLinkSendText(conn, "more");
        vmcLinkFin(conn);
        hostHears(host, "more");
        hostHearsEnd(host);
        close(host);
    }
    close(listener);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    g_assert_true(vmcLinkConnect(guest, 601)->refused);
}

/* Peeked, acknowledged and consumed in pieces: nothing lost, nothing twice. */
static void
testTcpBulk(const char *dir)
{
    guint16 port;
    int listener = hostInet(SOCK_STREAM, &port), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:tcp:127.0.0.1:%u",
                                                      port);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    g_autofree char *bytes = g_malloc(1 << 20);

    (void)dir;
    for (int i = 0; i < 1 << 20; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    host = hostAccept(listener);
    for (int done = 0; done < 1 << 20; done += 1 << 16) {
        g_assert_cmpint(write(host, bytes + done, 1 << 16), ==, 1 << 16);
        g_assert_true(vmcLinkWaitBytes(conn, done + (1 << 16)));
    }
    g_assert_cmpmem(conn->received->str, conn->received->len, bytes, 1 << 20);
    close(host);
    close(listener);
}

static void
testTcpReset(const char *dir)
{
    guint16 port;
    int listener = hostInet(SOCK_STREAM, &port), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:tcp:127.0.0.1:%u",
                                                      port);
    struct linger now = { 1, 0 };
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    char byte;

    (void)dir;
    host = hostAccept(listener);
    vmcLinkReset(conn);
    g_assert_cmpint(read(host, &byte, 1), ==, -1);
    g_assert_cmpint(errno, ==, ECONNRESET);
    close(host);
    conn = vmcLinkConnect(guest, 600);
    host = hostAccept(listener);
    setsockopt(host, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(host);
    g_assert_true(vmcLinkWaitReset(conn));
    close(listener);
}

static void
testTcpBind(const char *dir)
{
    guint16 port = freePort();
    g_autofree char *error = NULL;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:tcp:127.0.0.1:%u,server,nowait", port);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    int host;

    (void)dir;
    vmcLinkSendText(conn, "waits");
    host = hostDialInet(port);
    hostHears(host, "waits");
    hostSay(host, "answer");
    g_assert_true(vmcLinkWaitText(conn, "answer"));
    g_assert_null(vmcLinkGuestStart(&error, RELAY, "--vmchannel 601:tcp:127.0.0.1:%u,server,nowait",
                                    port));
    g_assert_nonnull(strstr(error, "127.0.0.1"));
    close(host);
}

static void
testTelnet(const char *dir)
{
    guint16 port = freePort(), other;
    int listener = hostInet(SOCK_STREAM, &other), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:telnet:127.0.0.1:%u,server,nowait"
                                                      " --vmchannel 601:telnet:127.0.0.1:%u",
                                                      port, other);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);

    (void)dir;
    host = hostDialInet(port);
    hostHears(host, "\xff\xfb\x01\xff\xfb\x03\xff\xfb");
    g_assert_cmpint(read(host, &(char[4]){ 0 }, 4), ==, 4);
    hostSay(host, "a\xff\xfd\x1f" "b\xff\xff" "c");
    g_assert_true(vmcLinkWaitText(conn, "ab\xff" "c"));
    hostHears(host, "\xff\xfc\x1f");
    vmcLinkSend(conn, "x\xffy", 3);
    hostHears(host, "x\xff\xffy");
    close(host);
    g_assert_true(vmcLinkWaitEnd(conn));
    conn = vmcLinkConnect(guest, 601);
    host = hostAccept(listener);
    hostHears(host, "\xff\xfb\x03\xff\xfb");
    close(host);
    close(listener);
}

static void
testUdp(const char *dir)
{
    guint16 port, ours = freePort();
    int peer = hostInet(SOCK_DGRAM, &port);
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    char text[64] = "";
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:udp:127.0.0.1:%u@127.0.0.1:%u", port,
                                                      ours);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);

    (void)dir;
    vmcLinkSendText(conn, "datagram");
    g_assert_cmpint(recvfrom(peer, text, sizeof(text), 0, (struct sockaddr *)&from, &len), ==, 8);
    g_assert_cmpstr(text, ==, "datagram");
    g_assert_cmpuint(ntohs(from.sin_port), ==, ours);
    g_assert_cmpint(sendto(peer, "", 0, 0, (struct sockaddr *)&from, len), ==, 0);
    g_assert_cmpint(sendto(peer, "reply", 5, 0, (struct sockaddr *)&from, len), ==, 5);
    g_assert_true(vmcLinkWaitText(conn, "reply"));
    /* Nobody there: lost, and no end of the connection. */
    close(peer);
    vmcLinkSendText(conn, "lost");
    vmcLinkSendText(conn, "lost too");
    g_assert_false(conn->reset || conn->ended);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
}

#define WRITERS 50
#define LINES 20

/* Whole lines, each once, and each writer's in its order. */
static void
expectLines(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    int next[WRITERS] = { 0 };

    g_assert_cmpuint(g_strv_length(lines), ==, WRITERS * LINES + 1);
    for (int i = 0; i < WRITERS * LINES; i++) {
        int writer = -1, line = -1;

        g_assert_cmpint(sscanf(lines[i], "writer %d line %d end", &writer, &line), ==, 2);
        g_assert_true(g_str_has_suffix(lines[i], " end"));
        g_assert_cmpint(line, ==, next[writer]++);
    }
}

static void
testFileWriters(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "lines", NULL);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conns[WRITERS];
    g_autofree char *text = NULL;

    g_assert_true(g_file_set_contents(path, "truncated", -1, NULL));
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s", path);
    for (int w = 0; w < WRITERS; w++)
        conns[w] = vmcLinkConnect(guest, 600);
    for (int l = 0; l < LINES; l++) {
        for (int w = 0; w < WRITERS; w++) {
            g_autofree char *line = g_strdup_printf("writer %d line %d end\n", w, l);

            vmcLinkPush(conns[w], line, 7);
        }
        for (int w = 0; w < WRITERS; w++) {
            g_autofree char *line = g_strdup_printf("writer %d line %d end\n", w, l);

            vmcLinkPush(conns[w], line + 7, strlen(line + 7));
        }
    }
    text = fileOf(path, WRITERS * LINES * strlen("writer d line d end\n") +
                  40 * LINES + WRITERS * 10);
    expectLines(text);
}

static void
testFileEnds(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "lines", NULL);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn, *other;
    g_autofree char *text = NULL;

    g_assert_true(g_file_set_contents(path, "kept\n", -1, NULL));
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s,append=on", path);
    conn = vmcLinkConnect(guest, 600);
    other = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "no end");
    vmcLinkSendText(other, "other\n");
    text = fileOf(path, strlen("kept\nother\n"));
    g_assert_cmpstr(text, ==, "kept\nother\n");
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
    g_free(text);
    text = fileOf(path, strlen("kept\nother\nno end"));
    g_assert_cmpstr(text, ==, "kept\nother\nno end");
}

static void
testFileFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "small", NULL);
    g_autofree char *file = g_build_filename(path, "lines", NULL);
    g_autofree char *bytes = g_strnfill(200000, 'x');
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;

    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    if (mount("vmchannel-test", path, "tmpfs", 0, "size=65536") < 0) {
        g_test_skip("cannot mount a small file system");
        return;
    }
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s --vmchannel 601:null", file);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSend(conn, bytes, 200000);
    vmcLinkSend(conn, bytes, 200000);
    g_assert_true(vmcLinkWaitReset(conn));
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    /* Room again: the next connection writes. */
    g_assert_cmpint(truncate(file, 0), ==, 0);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "room\n");
    g_free(fileOf(file, 5));
    g_clear_pointer(&guest, vmcLinkGuestFree);
    g_assert_cmpint(umount(path), ==, 0);
    g_rmdir(path);
}

static void
makeFifo(const char *path)
{
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

/* Host programs open, write and close; the connection stays. */
static void
testPipes(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "pipe", NULL);
    g_autofree char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    int host;

    makeFifo(in);
    makeFifo(out);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pipe:%s", path);
    conn = vmcLinkConnect(guest, 600);
    for (int i = 0; i < 2; i++) {
        g_autofree char *text = g_strdup_printf("line %d", i);

        host = open(in, O_WRONLY | O_CLOEXEC);
        hostSay(host, text);
        close(host);
        g_assert_true(vmcLinkWaitText(conn, text));
    }
    vmcLinkSendText(conn, "out");
    host = open(out, O_RDONLY | O_CLOEXEC);
    hostHears(host, "out");
    close(host);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(conn->connected);
}

static void
testOnePipe(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "pipe", NULL);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    int host;

    makeFifo(path);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pipe:%s", path);
    conn = vmcLinkConnect(guest, 600);
    host = open(path, O_RDWR | O_CLOEXEC);
    hostSay(host, "fed");
    g_assert_true(vmcLinkWaitText(conn, "fed"));
    vmcLinkSendText(conn, "for the host, not for me");
    hostHears(host, "for the host, not for me");
    g_assert_cmpstr(conn->received->str, ==, "fed");
    close(host);
}

static char *
reportedPty(const char *text)
{
    const char *begin = strstr(text, "/dev/pts/");

    g_assert_nonnull(begin);
    return g_strndup(begin, strcspn(begin, "'"));
}

static void
testPty(const char *dir)
{
    g_autofree char *text = NULL, *path = NULL;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(&text, RELAY, "--vmchannel 600:pty");
    vmcLinkConn *conn;

    (void)dir;
    g_assert_nonnull(guest);
    path = reportedPty(text);
    conn = vmcLinkConnect(guest, 600);
    for (int i = 0; i < 2; i++) {
        int host = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        g_autofree char *up = g_strdup_printf("up\r\n\x03%d", i);
        g_autofree char *down = g_strdup_printf("down\r%d", i);

        vmcLinkSendText(conn, up);
        hostHears(host, up);
        hostSay(host, down);
        g_assert_true(vmcLinkWaitText(conn, down));
        close(host);
    }
    g_assert_false(vmcLinkTurn(guest, 50) && conn->ended);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
}

/* Guests that leave bytes and go, while nobody reads: bounded, and then in order. */
static void
testPtyFlood(const char *dir)
{
    g_autofree char *text = NULL, *path = NULL;
    g_autofree char *bytes = g_strnfill(4096, 'x');
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(&text, RELAY, "--vmchannel 600:pty");
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");
    vmcLinkConn *conn;
    int host;

    (void)dir;
    path = reportedPty(text);
    for (int i = 0; i < 2500; i++) {
        do
            conn = vmcLinkConnect(guest, 600);
        while (conn->refused);          /* the one before is being closed */
        vmcLinkPush(conn, bytes, i < 4 ? 4096 : 16);
        vmcLinkReset(conn);
    }
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-pump"), ==, pump);
    g_assert_cmpuint(vmcProcessDescriptors(pump), <, 3 * 2100);
    host = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "the last");
    do
        text[0] = '\0';
    while (isReadable(host, 1000) && read(host, text, 1) == 1 && text[0] == 'x');
    g_assert_cmpint(text[0], ==, 't');
    hostHears(host, "he last");
    close(host);
}

static void
testDev(const char *dir)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_autoptr(vmcLinkGuest) guest = NULL;
    g_autofree char *error = NULL;
    vmcLinkConn *conn;

    (void)dir;
    grantpt(master);
    unlockpt(master);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:%s", ptsname(master));
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "to\nit");
    hostHears(master, "to\nit");
    hostSay(master, "from\rit");
    g_assert_true(vmcLinkWaitText(conn, "from\rit"));
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    close(master);
    g_assert_null(vmcLinkGuestStart(&error, RELAY, "--vmchannel 600:/dev/vmchannel-none"));
    g_assert_nonnull(strstr(error, "/dev/vmchannel-none"));
    g_assert_nonnull(strstr(error, "private /dev"));
}

static void
testStdio(const char *dir)
{
    int in[2], out[2], saved[2] = { dup(0), dup(1) };
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;

    (void)dir;
    g_assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    fflush(stdout);
    dup2(in[0], 0);
    dup2(out[1], 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:stdio");
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "to stdout");
    hostHears(out[0], "to stdout");
    hostSay(in[1], "from stdin");
    g_assert_true(vmcLinkWaitText(conn, "from stdin"));
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

static void
testNull(const char *dir)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:null");
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    g_autofree char *bytes = g_malloc0(1 << 20);

    (void)dir;
    g_assert_true(vmcLinkWaitEnd(conn));
    vmcLinkSend(conn, bytes, 1 << 20);
    g_assert_false(conn->reset);
}

/* What passes either way is in the log, whatever the type. */
static void
testLog(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *other = g_build_filename(dir, "other", NULL);
    int listener = vmcListen(path), host;
    g_autoptr(vmcLinkGuest) guest = NULL;
    g_autofree char *text = NULL, *more = NULL;
    vmcLinkConn *conn;

    g_assert_true(g_file_set_contents(log, "kept ", -1, NULL));
    g_assert_true(g_file_set_contents(other, "not kept ", -1, NULL));
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s,logfile=%s,logappend=on"
                              " --vmchannel 601:null,logfile=%s", path, log, other);
    conn = vmcLinkConnect(guest, 600);
    host = hostAccept(listener);
    vmcLinkSendText(conn, "up ");
    hostHears(host, "up ");
    hostSay(host, "down");
    g_assert_true(vmcLinkWaitText(conn, "down"));
    text = fileOf(log, strlen("kept up down"));
    g_assert_cmpstr(text, ==, "kept up down");
    vmcLinkFin(conn);
    hostHearsEnd(host);
    close(host);
    g_assert_true(vmcLinkWaitEnd(conn));
    conn = vmcLinkConnect(guest, 601);
    g_assert_true(vmcLinkWaitEnd(conn));
    vmcLinkSendText(conn, "nowhere");
    more = fileOf(other, strlen("nowhere"));
    g_assert_cmpstr(more, ==, "nowhere");
    close(listener);
}

/* Each of them names the channel and what is wrong, on one line. */
static void
testStartErrors(const char *dir)
{
    static const struct {
        const char *value, *named;
    } cases[] = {
        { "600:unix:%s/missing/agent", "missing" },
        { "600:unix:%s/plain", "plain" },
        { "600:unix:%s/missing/bind,server,nowait", "missing" },
        { "600:file:%s/missing/file", "missing" },
        { "600:file:%s", "Is a directory" },
        { "600:pipe:%s/none", "none" },
        { "600:pipe:%s/plain", "plain" },
        { "600:null,logfile=%s/missing/log", "missing" },
        { "600:tcp:192.0.2.1:80,server,nowait", "192.0.2.1:80" },
        { "600:tcp:no-such-host.invalid:80,server,nowait", "no-such-host.invalid" },
        { "600:udp:127.0.0.1:9@192.0.2.1:9", "192.0.2.1:9" },
        { "600:/dev/pts", "/dev/pts" },
    };
    g_autofree char *plain = g_build_filename(dir, "plain", NULL);

    g_assert_true(g_file_set_contents(plain, "", 0, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) parts = g_strsplit(cases[i].value, "%s", 2);
        g_autofree char *value = g_strjoinv(dir, parts);
        g_autofree char *error = NULL;

        g_assert_null(vmcLinkGuestStart(&error, RELAY, "--vmchannel %s", value));
        g_test_message("%s", g_strchomp(error));
        g_assert_nonnull(strstr(error, cases[i].named));
        g_assert_nonnull(strstr(error, "vmchannel 10.0.2.4:600"));
        g_assert_null(strchr(error, '\n'));
    }
}

#define CONNECTIONS 1024

/* As many as there may be, one more that must wait, and room after one has gone. */
static void
testLimit(const char *dir)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s/bind,server,nowait", dir);
    vmcLinkConn *first = vmcLinkConnect(guest, 600), *last;

    for (int i = 1; i < CONNECTIONS; i++)
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
    last = vmcLinkDial(guest, 600);
    g_assert_false(vmcLinkTurn(guest, 100));
    g_assert_false(last->connected || last->refused);
    vmcLinkReset(first);
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
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

/* More at once than there is room for to keep what is on its way: of those that read nothing alone. */
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
 * later.
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

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        vmcLinkConn *conn = vmcLinkConnect(guest, 600);
        int host = hostAccept(listener);
        gsize sent = fillWindow(conn, sizes[i].min, sizes[i].max);

        g_test_message("pieces of %d to %d: %zu bytes, of which %u are not taken", sizes[i].min,
                       sizes[i].max, sent, conn->sndNxt - conn->sndUna);
        g_assert_cmpuint(conn->sndUna, ==, conn->sndNxt);
        hostTakes(host, sent);
        vmcLinkSendText(conn, "and on");
        hostHears(host, "and on");
        close(host);
    }
    close(listener);
}

/* A guest that reads nothing: the host program is held up, nothing piles up. */
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
    gsize sent = 0;
    gssize n;

    host = hostAccept(listener);
    deaf->deaf = true;
    while ((n = send(host, bytes, 65536, MSG_DONTWAIT)) > 0)
        sent += (gsize)n;
    g_assert_cmpuint(sent, >, 0);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_test_message("%zu bytes taken by the socket; the worker: %d KiB before, %d now", sent,
                   before, vmcProcessMemory(worker));
    g_assert_cmpint(vmcProcessMemory(worker), <, before + 512);
    deaf->deaf = false;
    g_assert_true(vmcLinkWaitBytes(deaf, sent));
    g_assert_cmpuint(deaf->received->len, ==, sent);
    close(host);
    close(listener);
}

/*
 * 100,000 SYNs that are never finished: who is there is served meanwhile,
 * nothing piles up, and when they have timed out, 20 s later, there is room again.
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
    vmcLinkFlood(guest, 601, 1000);
    memory[0] = vmcProcessMemory(broker);
    memory[1] = vmcProcessMemory(worker);
    vmcLinkFlood(guest, 601, 99000);
    g_test_message("broker: %d KiB after 1,000, %d after 100,000; worker: %d, %d", memory[0],
                   vmcProcessMemory(broker), memory[1], vmcProcessMemory(worker));
    g_assert_cmpint(vmcProcessMemory(broker), <=, memory[0] + 64);
    g_assert_cmpint(vmcProcessMemory(worker), <=, memory[1] + 64);
    vmcLinkSendText(conn, "still here");
    hostHears(host, "still here");
    if (g_getenv("VMCHANNEL_TEST_SLOW"))
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
    fds = fillBacklog(path);
    vmcLinkReset(vmcLinkDial(guest, 600));
    before = waitDialling(broker, idle);
    g_assert_cmpuint(before, ==, idle + 2);
    for (int i = 0; i < 1000; i++)
        vmcLinkReset(vmcLinkDial(guest, 600));
    /* What the broker answers shows that it has done what came before. */
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_assert_cmpuint(vmcProcessDescriptors(broker), <=, before);
    closeAll(fds);
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

/* 1,000 connections a second, for a minute when there is time. */
static void
testManyConnections(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    pid_t pids[2] = { vmcLinkGuestPid(guest, "vmch-broker"), vmcLinkGuestPid(guest, "vmch-worker") };
    int seconds = g_getenv("VMCHANNEL_TEST_SLOW") ? 60 : 3, memory[2];
    guint fds[2];
    gint64 begin = g_get_monotonic_time();

    for (int second = 0; second < seconds && !g_test_failed(); second++) {
        for (int i = 0; i < 1000; i++)
            g_assert_true(comeAndGo(guest, listener));
        while (g_get_monotonic_time() < begin + (second + 1) * G_TIME_SPAN_SECOND)
            vmcLinkTurn(guest, 10);
        for (int p = 0; p < 2 && second == 0; p++) {
            fds[p] = vmcProcessDescriptors(pids[p]);
            memory[p] = vmcProcessMemory(pids[p]);
        }
    }
    g_test_message("%d connections in %.1f s; broker %d KiB, then %d; worker %d, then %d",
                   1000 * seconds, (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND,
                   memory[0], vmcProcessMemory(pids[0]), memory[1], vmcProcessMemory(pids[1]));
    for (int p = 0; p < 2; p++) {
        g_assert_cmpuint(vmcProcessDescriptors(pids[p]), ==, fds[p]);
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

static void
runCase(gconstpointer data)
{
    void (*const *test)(const char *) = data;
    g_autofree char *dir = vmcTempDir();

    (*test)(dir);
    vmcTempDirRemove(dir);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(const char *dir);
    } cases[] = {
        { "/relay/unix/connect", testConnect },
        { "/relay/unix/host-half-close", testHostHalfClose },
        { "/relay/unix/listener-restarted", testRestarted },
        { "/relay/unix/backlog-full", testBacklogFull },
        { "/relay/unix/backlog-full-and-closed", testBacklogClosed },
        { "/relay/unix/bind-guest-first", testBindGuestFirst },
        { "/relay/unix/bind-host-first", testBindHostFirst },
        { "/relay/unix/bind-guest-leaves", testBindGuestLeaves },
        { "/relay/unix/bind-both-at-once", testBindBothAtOnce },
        { "/relay/unix/bind-path", testBindPath },
        { "/relay/unix/bind-mode", testBindMode },
        { "/relay/unix/bind-generated-path", testBindGenerated },
        { "/relay/tcp/connect", testTcp },
        { "/relay/tcp/1-mib-down", testTcpBulk },
        { "/relay/tcp/reset", testTcpReset },
        { "/relay/tcp/bind", testTcpBind },
        { "/relay/tcp/telnet", testTelnet },
        { "/relay/udp", testUdp },
        { "/relay/file/50-writers", testFileWriters },
        { "/relay/file/append-and-no-end-of-line", testFileEnds },
        { "/relay/file/disk-full", testFileFull },
        { "/relay/pipe/two", testPipes },
        { "/relay/pipe/one", testOnePipe },
        { "/relay/pty", testPty },
        { "/relay/pty-that-nobody-reads", testPtyFlood },
        { "/relay/dev", testDev },
        { "/relay/stdio", testStdio },
        { "/relay/null", testNull },
        { "/relay/log", testLog },
        { "/relay/start-errors", testStartErrors },
        { "/relay/1024-connections", testLimit },
        { "/relay/many-streams", testManyStreams },
        { "/relay/window-is-kept", testWindowIsKept },
        { "/relay/host-flood", testHostFlood },
        { "/relay/syn-flood", testSynFlood },
        { "/relay/gives-up-dialling", testGivesUpDialling },
        { "/relay/1000-connections-a-second", testManyConnections },
        { "/relay/no-descriptors/worker", testWorkerFull },
        { "/relay/no-descriptors/broker", testBrokerFull },
        { "/relay/nothing-left", testNothingLeft },
    };

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add_data_func(cases[i].path, &cases[i].run, runCase);
    return g_test_run();
}
