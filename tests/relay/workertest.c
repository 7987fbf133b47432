/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's processes: what a worker that was taken over can do (nothing),
 * and what happens when one of them dies. With a scripted guest on the link,
 * and for the first part a relay whose worker obeys the guest: its link.c is
 * tests/relay/trapdoor.c.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"
#include "tests/relay/trapdoor.h"

#define RELAY "vmchannel-relay"
#define TRAPDOOR "tests/relay/trapdoor"

static int
kills(int few, int many)
{
    return g_getenv("VMCHANNEL_TEST_SLOW") ? many : few;
}

/* Waits until the worker is another one than @old. */
static pid_t
waitSuccessor(const vmcLinkGuest *guest, pid_t old)
{
    gint64 end = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
    pid_t now;

    do
        now = vmcLinkGuestPid(guest, "vmch-worker");
    while ((now == old || now < 0) && g_get_monotonic_time() < end);
    g_assert_cmpint(now, !=, old);
    g_assert_cmpint(now, >, 0);
    return now;
}

/* Sends the command to the worker; its life ends with it. */
static void
expectDeath(vmcLinkGuest *guest, const char *command)
{
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    vmcLinkConn *conn;

    g_test_message("%s", command);
    vmcLinkFrame(guest, command, strlen(command));
    waitSuccessor(guest, worker);
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(conn->connected);
    vmcLinkReset(conn);
}

/* Each command of the trapdoor costs the worker its life, and no more. */
static void
testTrapdoor(gconstpointer command)
{
    g_autofree char *dir = vmcTempDir();
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, TRAPDOOR, "--vmchannel 600:null"
                                                      " --vmchannel 601:file:%s/lines", dir);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    g_autofree char *touched = g_build_filename("/tmp", TRAPDOOR_FILE, NULL);

    unlink(touched);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), >, 0);
    expectDeath(guest, command);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-broker"), ==, broker);
    g_assert_false(g_file_test(touched, G_FILE_TEST_EXISTS));
    vmcTempDirRemove(dir);
}

/* What looks for a file finds none, and goes on. */
static void
testTrapdoorRefused(gconstpointer command)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, TRAPDOOR, "--vmchannel 600:null");
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    g_autofree char *touched = g_build_filename("/tmp", TRAPDOOR_FILE, NULL);

    unlink(touched);
    vmcLinkFrame(guest, command, strlen(command));
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    g_assert_false(g_file_test(touched, G_FILE_TEST_EXISTS));
}

/* It would be no test if the trapdoor did not open. */
static void
testTrapdoorOpens(void)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, TRAPDOOR, "--vmchannel 600:null");
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");

    vmcLinkFrame(guest, TRAPDOOR_PREFIX "nothing", strlen(TRAPDOOR_PREFIX "nothing"));
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    expectDeath(guest, TRAPDOOR_PREFIX "exit");
}

/* Nothing of the starter's, nothing of the broker's: its two sockets and epoll. */
static void
testWorkerHolds(void)
{
    int mark = open("/proc/self/status", O_RDONLY);     /* inherited by the relay */
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pty");
    static const char *const names[] = { "vmch-worker", "vmch-pump", "vmch-broker" };

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        pid_t pid = vmcLinkGuestPid(guest, names[i]);
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
        g_autoptr(GDir) fds = g_dir_open(path, 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(fds))) {
            g_autofree char *one = g_build_filename(path, name, NULL);
            g_autofree char *target = g_file_read_link(one, NULL);
            bool known = g_str_equal(target, "/dev/null") || g_str_has_prefix(target, "socket:") ||
                g_str_has_prefix(target, "anon_inode:");

            if (i < 2)
                g_test_message("%s: %s %s", names[i], name, target);
            g_assert_true(known || i == 2);
            g_assert_null(strstr(target, "/status"));
        }
    }
    g_assert_cmpuint(vmcProcessDescriptors(vmcLinkGuestPid(guest, "vmch-worker")), ==, 6);
    g_assert_cmpuint(vmcProcessDescriptors(vmcLinkGuestPid(guest, "vmch-pump")), ==, 5);
    close(mark);
}

static char *
statusLine(pid_t pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;
    const char *line;

    g_file_get_contents(path, &text, NULL, NULL);
    line = text ? strstr(text, key) : NULL;
    if (!line)
        return g_strdup("");
    line += strlen(key);
    return g_strchug(g_strndup(line, strcspn(line, "\n")));
}

static void
testConfined(void)
{
    static const char *const names[] = { "vmch-worker", "vmch-pump" };
    g_autofree char *said = NULL;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(&said, RELAY, "--debug on"
                                                      " --vmchannel 600:pty");

    g_test_message("%s", said);
    g_assert_nonnull(strstr(said, "seccomp"));
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        pid_t pid = vmcLinkGuestPid(guest, names[i]);
        g_autofree char *filtered = NULL, *privileges = NULL, *capabilities = NULL;

        g_assert_cmpint(pid, >, 0);
        /* The pump may be getting ready still. */
        for (int left = 500; left > 0 && g_strcmp0(filtered, "2") != 0; left--) {
            g_usleep(10000);
            g_free(filtered);
            filtered = statusLine(pid, "\nSeccomp:");
        }
        privileges = statusLine(pid, "\nNoNewPrivs:");
        capabilities = statusLine(pid, "\nCapEff:");
        g_assert_cmpstr(filtered, ==, "2");
        g_assert_cmpstr(privileges, ==, "1");
        g_assert_cmpstr(capabilities, ==, "0000000000000000");
    }
}

static int
compareTimes(const void *a, const void *b)
{
    return *(const gint64 *)a < *(const gint64 *)b ? -1 : *(const gint64 *)a > *(const gint64 *)b;
}

/*
 * A worker that follows one which failed waits twice as long each time: after a few kills
 * longer than this in every round. A machine that is busy delays some of them.
 */
#define AT_ONCE (200 * G_TIME_SPAN_MILLISECOND)

/*
 * Killed again and again in the middle of bytes both ways, with idle
 * connections at its side: all end by RST, and the next connection is served
 * at once.
 */
static void
testWorkerKilled(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autofree char *bytes = g_malloc0(1 << 20);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:unix:%s/bind,server,nowait"
                                                      " --vmchannel 602:null", path, dir);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    pid_t worker = waitSuccessor(guest, 0);
    g_autoptr(GArray) waited = g_array_new(FALSE, FALSE, sizeof(gint64));
    gint64 median;
    guint fds = 0;
    int memory = 0, rounds = kills(20, 200);

    for (int i = 0; i < rounds; i++) {
        vmcLinkConn *busy = vmcLinkConnect(guest, 600), *idle = vmcLinkConnect(guest, 600);
        vmcLinkConn *waits = vmcLinkConnect(guest, 601), *next;
        int hosts[2] = { hostAccept(listener), hostAccept(listener) };
        gint64 begin, wait;

        g_assert_true(busy->connected && idle->connected && waits->connected);
        vmcLinkPush(busy, bytes, 1 << 16);
        send(hosts[0], bytes, 1 << 17, MSG_DONTWAIT);
        vmcProcessKill(worker, SIGKILL);
        begin = g_get_monotonic_time();
        next = vmcLinkConnect(guest, 602);
        g_assert_true(next->connected);
        wait = g_get_monotonic_time() - begin;
        g_array_append_val(waited, wait);
        worker = waitSuccessor(guest, worker);
        vmcLinkPush(busy, bytes, 1);        /* as the guest would, again */
        g_assert_true(vmcLinkWaitReset(busy));
        g_assert_true(vmcLinkWaitReset(idle));
        g_assert_true(vmcLinkWaitReset(waits));
        close(hosts[0]);
        close(hosts[1]);
        vmcLinkReset(next);
        if (i == rounds / 4) {
            fds = vmcProcessDescriptors(broker);
            memory = vmcProcessMemory(broker);
        }
    }
    /* What each kill left to be probed is forgotten when the last worker has done it. */
    for (gint64 end = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
         vmcProcessMemory(broker) > memory + 64 && g_get_monotonic_time() < end;)
        vmcLinkTurn(guest, 100);
    g_array_sort(waited, compareTimes);
    median = g_array_index(waited, gint64, waited->len / 2);
    g_test_message("%d kills: the next connection %" G_GINT64_FORMAT " ms later, at most %"
                   G_GINT64_FORMAT "; broker: %u descriptors, %d KiB, at the end %u and %d", rounds,
                   median / 1000, g_array_index(waited, gint64, waited->len - 1) / 1000, fds,
                   memory, vmcProcessDescriptors(broker), vmcProcessMemory(broker));
    g_assert_cmpint(median, <, AT_ONCE);
    g_assert_cmpuint(vmcProcessDescriptors(broker), <=, fds + 1);
    g_assert_cmpint(vmcProcessMemory(broker), <=, memory + 64);
    close(listener);
    vmcTempDirRemove(dir);
}

/* As many as one of two channels may have, nearly. */
#define MANY 750

/* More connections to be probed than the successor's mailbox, or the link, holds. */
static void
testWorkerKilledWithMany(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s/bind,server,nowait"
                                                      " --vmchannel 601:null", dir);
    vmcLinkConn *conns[MANY];
    pid_t worker = waitSuccessor(guest, 0);

    for (int i = 0; i < MANY; i++)
        conns[i] = vmcLinkConnect(guest, 600);
    vmcProcessKill(worker, SIGKILL);
    worker = waitSuccessor(guest, worker);
    for (int i = 0; i < MANY && !g_test_failed(); i++)
        g_assert_true(vmcLinkWaitReset(conns[i]));
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    vmcTempDirRemove(dir);
}

/*
 * A firewall in the guest lets few numbers through to a connection; each gets a probe that
 * passes.
 */
static void
testWorkerKilledBehindFirewall(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s/bind,server,nowait", dir);
    vmcLinkConn *conns[20];
    pid_t worker = waitSuccessor(guest, 0);

    vmcLinkTrack(guest);
    for (gsize i = 0; i < G_N_ELEMENTS(conns); i++)
        conns[i] = vmcLinkConnect(guest, 600);
    vmcProcessKill(worker, SIGKILL);
    waitSuccessor(guest, worker);
    for (gsize i = 0; i < G_N_ELEMENTS(conns) && !g_test_failed(); i++)
        g_assert_true(vmcLinkWaitReset(conns[i]));
    vmcTempDirRemove(dir);
}

/* One that fails by itself is not restarted as fast as it can fail. */
static void
testBackOff(void)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:null");
    pid_t worker = waitSuccessor(guest, 0);
    gint64 begin = g_get_monotonic_time();

    for (int i = 0; i < 3; i++) {
        /* At its start it has a child, which would be taken for its successor. */
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
        vmcProcessKill(worker, SIGSEGV);
        worker = waitSuccessor(guest, worker);
    }
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 600 * G_TIME_SPAN_MILLISECOND);
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
}

/* Killed as soon as it is there, over and over: by a system that is short of memory. */
static void
testKilledAtOnce(void)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:null");
    gint64 end = g_get_monotonic_time() + 2 * G_TIME_SPAN_SECOND;
    pid_t last = -1;
    int killed = 0;

    while (g_get_monotonic_time() < end) {
        pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");

        killed += worker > 0 && worker != last && kill(worker, SIGKILL) == 0;
        last = worker;
    }
    g_test_message("%d workers killed in 2 s", killed);
    g_assert_cmpint(killed, <, 50);     /* ten a second, and a helper of each */
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
}

/* Started by one who ignores the end of children, and has closed input and output. */
static void
testOddStarter(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *script = g_build_filename(dir, "starter", NULL);
    g_autofree char *relay = vmcBuildPath(RELAY);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nexec env --ignore-signal=CHLD '%s' \"$@\""
                                            " <&- >&-\n", relay);
    g_autofree char *error = NULL;
    g_autoptr(vmcLinkGuest) guest = NULL;

    g_assert_true(g_file_set_contents_full(script, text, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    guest = vmcLinkGuestStart(&error, script, "--vmchannel 600:null --vmchannel 601:pty"
                              " --vmchannel 602:stdio");
    g_test_message("%s", error);
    g_assert_nonnull(guest);
    for (guint16 channel = 600; channel <= 602; channel++)
        g_assert_true(vmcLinkConnect(guest, channel)->connected);
    g_clear_pointer(&guest, vmcLinkGuestFree);
    vmcTempDirRemove(dir);
}

/* A packet of no length is one frame that nobody needs. */
static void
testEmptyPacket(void)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:null");
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);

    for (int i = 0; i < 3; i++)
        vmcLinkFrame(guest, "", 0);
    vmcLinkSendText(conn, "still there");
    g_assert_cmpuint(conn->sndUna, ==, conn->sndNxt);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
}

/* Connections go on while a broker that is stopped hears nothing of new ones. */
static void
testBrokerBusy(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path), host;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s"
                                                      " --vmchannel 601:null", path);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);

    host = hostAccept(listener);
    vmcProcessKill(broker, SIGSTOP);
    for (int i = 0; i < 4000; i++) {
        vmcLinkReset(vmcLinkDial(guest, 601));
        while (vmcLinkTurn(guest, 0))
            continue;
    }
    vmcLinkSendText(conn, "meanwhile");
    g_assert_cmpuint(conn->sndUna, ==, conn->sndNxt);
    hostHears(host, "meanwhile");
    vmcProcessKill(broker, SIGCONT);
    do
        conn = vmcLinkConnect(guest, 601);
    while (conn->refused);      /* it has not read all yet */
    g_assert_true(conn->connected);
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-worker"), ==, worker);
    close(host);
    close(listener);
    vmcTempDirRemove(dir);
}

/* The worker and the pump end with it; the guest's frames go nowhere. */
static void
testBrokerKilled(void)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pty");
    GArray *relays = vmcRelaysFind();

    g_assert_cmpuint(relays->len, ==, 3);
    vmcProcessKill(vmcLinkGuestPid(guest, "vmch-broker"), SIGKILL);
    g_assert_true(vmcRelaysEnd(relays, 1000));
}

/* All end within a second, the bound socket goes, what was sent is written. */
static void
testQemuKilled(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *bind = g_build_filename(dir, "bind", NULL);
    g_autofree char *lines = g_build_filename(dir, "lines", NULL);
    g_autofree char *text = NULL;
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait"
                                                      " --vmchannel 601:file:%s", bind, lines);
    GArray *relays = vmcRelaysFind();

    g_assert_true(vmcLinkConnect(guest, 600)->connected);
    vmcLinkSendText(vmcLinkConnect(guest, 601), "last words");
    vmcLinkGuestClose(guest);
    g_assert_true(vmcRelaysEnd(relays, 1000));
    g_assert_false(g_file_test(bind, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_get_contents(lines, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "last words");
    vmcTempDirRemove(dir);
}

/* A pump that dies takes its connections with it; the next has another one. */
static void
testPumpKilled(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *lines = g_build_filename(dir, "lines", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s", lines);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");
    g_autofree char *text = NULL;

    vmcProcessKill(pump, SIGKILL);
    g_assert_true(vmcLinkWaitEnd(conn) || conn->reset);
    do
        conn = vmcLinkConnect(guest, 600);
    while (conn->refused);
    g_assert_true(conn->connected);
    vmcLinkSendText(conn, "again\n");
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-pump"), !=, pump);
    g_assert_true(g_file_get_contents(lines, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "again\n");
    vmcTempDirRemove(dir);
}

/*
 * A pump that was killed and does not go, since somebody traces it; what is stuck in the kernel
 * is no other. The broker waits for neither: all channels are served, by a new pump the one.
 */
static void
testPumpStays(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *lines = g_build_filename(dir, "lines", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s"
                                                      " --vmchannel 601:null", lines);
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");
    g_autofree char *text = NULL;

    if (ptrace(PTRACE_SEIZE, pump, NULL, NULL) < 0) {
        g_test_skip("no process can be traced here");
        vmcTempDirRemove(dir);
        return;
    }
    vmcProcessKill(pump, SIGKILL);
    g_assert_true(vmcLinkWaitEnd(conn) || conn->reset);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    do
        conn = vmcLinkConnect(guest, 600);
    while (conn->refused);
    g_assert_true(conn->connected);
    if (conn->connected) {
        vmcLinkSendText(conn, "again\n");
        text = hostFileOf(lines, strlen("again\n"));
        g_assert_cmpstr(text, ==, "again\n");
    }
    waitpid(pump, NULL, 0);     /* now it goes */
    vmcTempDirRemove(dir);
}

/* A connection that the broker comes to before the pump's end is not the dead pump's. */
static void
testPumpKilledUnnoticed(void)
{
    g_autofree char *dir = vmcTempDir();
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s/lines",
                                                      dir);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    pid_t pump = vmcLinkGuestPid(guest, "vmch-pump");
    vmcLinkConn *conn;

    vmcProcessKill(broker, SIGSTOP);
    conn = vmcLinkDial(guest, 600);
    /* The worker's own answer shows that it has asked the broker. */
    g_assert_true(vmcLinkConnect(guest, 700)->refused);
    vmcProcessKill(pump, SIGKILL);
    while (vmcLinkGuestPid(guest, "vmch-pump") == pump)
        vmcLinkTurn(guest, 10);
    vmcProcessKill(broker, SIGCONT);
    while (!conn->connected && !conn->refused)
        vmcLinkTurn(guest, 10);
    g_assert_true(conn->refused);
    vmcTempDirRemove(dir);
}

int
main(int argc, char **argv)
{
    static const char *const commands[] = TRAPDOOR_COMMANDS;
    static const char *const refused[] = TRAPDOOR_REFUSED;

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/relay/worker/holds-nothing-else", testWorkerHolds);
    g_test_add_func("/relay/worker/confined", testConfined);
    g_test_add_func("/relay/worker/killed", testWorkerKilled);
    g_test_add_func("/relay/worker/killed-with-750", testWorkerKilledWithMany);
    g_test_add_func("/relay/worker/killed-behind-firewall", testWorkerKilledBehindFirewall);
    g_test_add_func("/relay/worker/backs-off", testBackOff);
    g_test_add_func("/relay/worker/killed-at-once", testKilledAtOnce);
    g_test_add_func("/relay/odd-starter", testOddStarter);
    g_test_add_func("/relay/worker/empty-packet", testEmptyPacket);
    g_test_add_func("/relay/broker/busy", testBrokerBusy);
    g_test_add_func("/relay/broker/killed", testBrokerKilled);
    g_test_add_func("/relay/qemu-killed", testQemuKilled);
    g_test_add_func("/relay/pump/killed", testPumpKilled);
    g_test_add_func("/relay/pump/killed-unnoticed", testPumpKilledUnnoticed);
    g_test_add_func("/relay/pump/stays", testPumpStays);
    g_test_add_func("/relay/trapdoor/opens", testTrapdoorOpens);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *path = g_strconcat("/relay/trapdoor/",
                                            refused[i] + strlen(TRAPDOOR_PREFIX), NULL);

        g_test_add_data_func(path, refused[i], testTrapdoorRefused);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *path = g_strconcat("/relay/trapdoor/",
                                            commands[i] + strlen(TRAPDOOR_PREFIX), NULL);

        g_test_add_data_func(path, commands[i], testTrapdoor);
    }
    return g_test_run();
}
