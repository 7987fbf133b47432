/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's host sides of type unix, a case for each cell of the semantics table
 * in docs/architecture.md, with a scripted guest on the link instead of a booted one.
 */
#include <config.h>

#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"
#include "util/rundir.h"
#include "util/socket.h"

#define RELAY "vmchannel-relay"

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

/* Reads up to the end of file. Returns whether nothing can be sent any more either. */
static bool
isCutOff(int host)
{
    struct pollfd state = { .fd = host, .events = POLLIN };
    char bytes[4096];
    gssize n;

    while ((n = read(host, bytes, sizeof(bytes))) > 0)
        continue;
    g_assert_cmpint(n, ==, 0);
    return poll(&state, 1, 0) == 1 && state.revents & POLLHUP;
}

static void
endByFin(vmcLinkConn *conn)
{
    vmcLinkFin(conn);
}

static void
endByReset(vmcLinkConn *conn)
{
    vmcLinkReset(conn);
}

static void
endWorker(vmcLinkConn *conn)
{
    vmcProcessKill(vmcLinkGuestPid(conn->guest, "vmch-worker"), SIGKILL);
}

static void
endPump(vmcLinkConn *conn)
{
    vmcProcessKill(vmcLinkGuestPid(conn->guest, "vmch-pump"), SIGKILL);
}

static void
endQemu(vmcLinkConn *conn)
{
    vmcLinkGuestClose(conn->guest);
}

/*
 * A unix socket has no reset. But only where the guest has sent its last byte, and all have
 * come, the host program may still send at the end of file.
 */
static void
testCutOff(const char *dir)
{
    static const struct {
        const char *name, *log;
        void (*end)(vmcLinkConn *conn);
        bool cutOff;
        int times;
    } cases[] = {
        { "FIN", "", endByFin, false, 20 },
        { "FIN", ",logfile=/dev/null", endByFin, false, 20 },
        { "RST", "", endByReset, true, 50 },
        { "RST", ",logfile=/dev/null", endByReset, true, 200 },
        { "worker killed", "", endWorker, true, 5 },
        { "worker killed", ",logfile=/dev/null", endWorker, true, 5 },
        { "pump killed", ",logfile=/dev/null", endPump, true, 1 },
        { "QEMU ended", "", endQemu, true, 1 },
        { "QEMU ended", ",logfile=/dev/null", endQemu, true, 1 },
    };
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s%s",
                                                          path, cases[i].log);
        int wrong = 0;

        for (int time = 0; time < cases[i].times; time++) {
            vmcLinkConn *conn = vmcLinkConnect(guest, 600);
            int host = hostAccept(listener);

            vmcLinkSendText(conn, "bytes");
            hostHears(host, "bytes");
            cases[i].end(conn);
            wrong += isCutOff(host) != cases[i].cutOff;
            close(host);
        }
        g_test_message("%s%s: %d of %d wrong", cases[i].name, cases[i].log, wrong,
                       cases[i].times);
        g_assert_cmpint(wrong, ==, 0);
    }
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

/* The descriptor goes nowhere; what the host program writes before and after it does not wait. */
static void
testPassedDescriptor(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    pid_t worker = vmcLinkGuestPid(guest, "vmch-worker");
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    int host = hostAccept(listener);
    guint descriptors = vmcProcessDescriptors(worker);

    vmcProcessKill(worker, SIGSTOP);
    hostSay(host, "before ");
    g_assert_cmpint(vmcSocketSend(host, "with ", 5, &host, 1), ==, 5);
    hostSay(host, "after");
    vmcProcessKill(worker, SIGCONT);
    g_assert_true(vmcLinkWaitText(conn, "before with after"));
    g_assert_cmpuint(vmcProcessDescriptors(worker), ==, descriptors);
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
    fds = hostFillBacklog(path);
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
    hostCloseAll(fds);
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
    fds = hostFillBacklog(path);
    for (gsize i = 0; i < G_N_ELEMENTS(conns); i++)
        conns[i] = vmcLinkDial(guest, 600);
    g_assert_false(vmcLinkTurn(guest, 200));
    close(listener);
    for (gsize i = 0; i < G_N_ELEMENTS(conns); i++) {
        g_assert_true(vmcLinkWaitAnswer(conns[i]));
        g_assert_true(conns[i]->refused);
    }
    hostCloseAll(fds);
}

static vmcLinkGuest *
bindGuest(const char *path)
{
    return vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s,server,nowait", path);
}

static void
testBindGuestFirst(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = bindGuest(path);
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
    g_autoptr(vmcLinkGuest) guest = bindGuest(path);
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
    g_autoptr(vmcLinkGuest) guest = bindGuest(path);
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
    g_autoptr(vmcLinkGuest) guest = bindGuest(path);
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

/* What guests have left of that is kept; of the others nothing. */
enum { LEFT = 16, MORE = 4 };

/*
 * Guests that have come, written and gone, and one that waits: that one is first, then
 * what the last of the others have left. The first of them have given way.
 */
static void
testBindGuestsGone(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = bindGuest(path);
    vmcLinkConn *gone[LEFT + MORE], *waits;
    int host;

    for (int i = 0; i < LEFT + MORE; i++) {
        g_autofree char *text = g_strdup_printf("old %d", i);

        gone[i] = vmcLinkConnect(guest, 600);
        vmcLinkSendText(gone[i], text);
        vmcLinkFin(gone[i]);
    }
    for (int i = 0; i < MORE; i++)
        g_assert_true(vmcLinkWaitReset(gone[i]));
    waits = vmcLinkConnect(guest, 600);
    vmcLinkSendText(waits, "new");
    host = hostDial(path);
    hostHears(host, "new");
    close(host);
    for (int i = MORE; i < LEFT + MORE; i++) {
        g_autofree char *text = g_strdup_printf("old %d", i);

        host = hostDial(path);
        hostHears(host, text);
        close(host);
    }
    host = hostDial(path);
    waits = vmcLinkConnect(guest, 600);
    vmcLinkSendText(waits, "next");
    hostHears(host, "next");
    close(host);
}

/* Guests that have come and gone without a byte: nothing of them stays, for no host program. */
static void
testBindGuestsGoneSilent(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "bind", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel"
                                                      " 600:unix:%s,server,nowait"
                                                      " --vmchannel 601:null", path);
    vmcLinkConn *conn;
    int host;

    for (int i = 0; i < 1100; i++) {
        conn = vmcLinkConnect(guest, 600);
        g_assert_true(conn->connected);
        vmcLinkFin(conn);
        g_assert_true(vmcLinkWaitEnd(conn));
    }
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    host = hostDial(path);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "here");
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
    guest = bindGuest(path);
    g_assert_nonnull(guest);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_null(vmcLinkGuestStart(&error, RELAY, "--vmchannel 600:unix:%s,server,nowait", path));
    g_assert_nonnull(strstr(error, path));
    vmcLinkGuestFree(guest);
    g_assert_cmpint(stat(path, &st), <, 0);
}

/* A path of the relay's own making, told apart by the guest's name; gone at its end. */
static vmcLinkGuest *
guestNamed(const char *dir, const char *name)
{
    vmcLinkGuest *guest;

    g_setenv("XDG_RUNTIME_DIR", dir, TRUE);
    guest = vmcLinkGuestStart(NULL, RELAY, "--name %s --vmchannel 600:unix:,server,nowait", name);
    g_unsetenv("XDG_RUNTIME_DIR");
    return guest;
}

/* Guests whose names differ by a '/', or far behind, have paths of their own. */
static void
testBindGenerated(const char *dir)
{
    g_autofree char *longer = g_strnfill(150, 'x');
    g_autofree char *longest = g_strconcat(longer, "y", NULL);
    const char *names[] = { "a/guest", "a_guest", longer, longest };
    vmcLinkGuest *guests[G_N_ELEMENTS(names)] = { NULL };
    char *paths[G_N_ELEMENTS(names)];

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = vmcRunDirName(names[i]);

        paths[i] = g_strdup_printf("%s/vmchannel/%s-10.0.2.4-600.sock", dir, name);
        guests[i] = guestNamed(dir, names[i]);
        g_assert_nonnull(guests[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        vmcLinkConn *conn = vmcLinkConnect(guests[i], 600);
        int host = hostDial(paths[i]);

        hostSay(host, names[i]);
        g_assert_true(vmcLinkWaitText(conn, names[i]));
        close(host);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        vmcLinkGuestClose(guests[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        vmcLinkGuestFree(guests[i]);
        g_assert_false(g_file_test(paths[i], G_FILE_TEST_EXISTS));
        g_free(paths[i]);
    }
}

/* Who may dial is decided by the folder alone, whatever umask the relay was started with. */
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
        g_assert_cmphex(st.st_mode & 0777, ==, 0666);
    }
}

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/unix/connect", testConnect },
        { "/relay/unix/host-half-close", testHostHalfClose },
        { "/relay/unix/cut-off", testCutOff },
        { "/relay/unix/passed-descriptor", testPassedDescriptor },
        { "/relay/unix/listener-restarted", testRestarted },
        { "/relay/unix/backlog-full", testBacklogFull },
        { "/relay/unix/backlog-full-and-closed", testBacklogClosed },
        { "/relay/unix/bind-guest-first", testBindGuestFirst },
        { "/relay/unix/bind-host-first", testBindHostFirst },
        { "/relay/unix/bind-guest-leaves", testBindGuestLeaves },
        { "/relay/unix/bind-guests-gone", testBindGuestsGone },
        { "/relay/unix/bind-guests-gone-silent", testBindGuestsGoneSilent },
        { "/relay/unix/bind-both-at-once", testBindBothAtOnce },
        { "/relay/unix/bind-path", testBindPath },
        { "/relay/unix/bind-mode", testBindMode },
        { "/relay/unix/bind-generated-path", testBindGenerated },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
