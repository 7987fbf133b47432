/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's host sides of type tcp and udp, a case for each cell of the semantics
 * table in docs/architecture.md, with a scripted guest on the link.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

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

/* An urgent byte is one as any other, and nothing waits at it. */
static void
testTcpUrgent(const char *dir)
{
    guint16 port;
    int listener = hostInet(SOCK_STREAM, &port), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:tcp:127.0.0.1:%u"
                                                      " --vmchannel 601:tcp:127.0.0.1:%u,"
                                                      "logfile=%s/log", port, port, dir);
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");

    for (guint16 channel = 600; channel <= 601; channel++) {
        vmcLinkConn *conn = vmcLinkConnect(guest, channel);

        host = hostAccept(listener);
        vmcProcessKill(worker, SIGSTOP);
        hostSay(host, "before ");
        g_assert_cmpint(send(host, "!", 1, MSG_OOB), ==, 1);
        hostSay(host, " after");
        vmcProcessKill(worker, SIGCONT);
        g_assert_true(vmcLinkWaitText(conn, "before ! after"));
        close(host);
    }
    close(listener);
}

/*
 * A name with two addresses, the first of which answers no SYN (its listener's backlog is
 * full), in a hosts file that only this process and what it starts see.
 */
static void
testTcpNextAddress(const char *dir)
{
    g_autofree char *hosts = g_build_filename(dir, "hosts", NULL);
    struct sockaddr_in silent = { .sin_family = AF_INET }, answers = silent;
    int listeners[2] = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    socklen_t len = sizeof(silent);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    int waits[4], host;

    g_assert_true(g_file_set_contents(hosts, "127.0.0.2 vmchannel-test.invalid\n"
                                      "127.0.0.3 vmchannel-test.invalid\n", -1, NULL));
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) < 0) {
        g_test_skip("cannot have a hosts file of its own");
        return;
    }
    inet_pton(AF_INET, "127.0.0.2", &silent.sin_addr);
    g_assert_cmpint(bind(listeners[0], (struct sockaddr *)&silent, len), ==, 0);
    g_assert_cmpint(listen(listeners[0], 0), ==, 0);
    getsockname(listeners[0], (struct sockaddr *)&silent, &len);
    inet_pton(AF_INET, "127.0.0.3", &answers.sin_addr);
    answers.sin_port = silent.sin_port;
    g_assert_cmpint(bind(listeners[1], (struct sockaddr *)&answers, len), ==, 0);
    g_assert_cmpint(listen(listeners[1], 5), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(waits); i++) {
        waits[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(waits[i], (struct sockaddr *)&silent, len);
    }
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:tcp:vmchannel-test.invalid:%u",
                              ntohs(silent.sin_port));
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(conn->connected);
    host = hostAccept(listeners[1]);
    vmcLinkSendText(conn, "the second");
    hostHears(host, "the second");
    close(host);
    for (gsize i = 0; i < G_N_ELEMENTS(waits); i++)
        close(waits[i]);
    close(listeners[0]);
    close(listeners[1]);
    g_clear_pointer(&guest, vmcLinkGuestFree);
    umount2("/etc/hosts", MNT_DETACH);
}

static void
testTcpBind(const char *dir)
{
    guint16 port = hostFreePort();
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
    guint16 port = hostFreePort(), other;
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
    guint16 port, ours = hostFreePort();
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

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/tcp/connect", testTcp },
        { "/relay/tcp/1-mib-down", testTcpBulk },
        { "/relay/tcp/reset", testTcpReset },
        { "/relay/tcp/urgent", testTcpUrgent },
        { "/relay/tcp/next-address", testTcpNextAddress },
        { "/relay/tcp/bind", testTcpBind },
        { "/relay/tcp/telnet", testTelnet },
        { "/relay/udp", testUdp },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
