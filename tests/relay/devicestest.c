/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's host sides that are no sockets (files, pipes, terminals, devices), the
 * log that each can have, and how a start fails; with a scripted guest on the link.
 */
#include <config.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

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
    text = hostFileOf(path, WRITERS * LINES * strlen("writer d line d end\n") +
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
    text = hostFileOf(path, strlen("kept\nother\n"));
    g_assert_cmpstr(text, ==, "kept\nother\n");
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
    g_free(text);
    text = hostFileOf(path, strlen("kept\nother\nno end"));
    g_assert_cmpstr(text, ==, "kept\nother\nno end");
}

/* A file system of 64 KiB; false: there can be none, and the case is skipped. */
static bool
mountSmall(const char *path)
{
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    if (mount("vmchannel-test", path, "tmpfs", 0, "size=65536") == 0)
        return true;
    g_test_skip("cannot mount a small file system");
    return false;
}

static void
testFileFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "small", NULL);
    g_autofree char *file = g_build_filename(path, "lines", NULL);
    g_autofree char *bytes = g_strnfill(200000, 'x');
    static const char expected[] = "\n[vmchannel: bytes are missing here]\nroom\nmore\n";
    g_autofree char *text = NULL;
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;

    if (!mountSmall(path))
        return;
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s --vmchannel 601:null", file);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSend(conn, bytes, 200000);
    vmcLinkSend(conn, bytes, 200000);
    g_assert_true(vmcLinkWaitReset(conn));
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    /* Room again: the next connection writes, and no line that broke off becomes its own. */
    g_assert_cmpint(truncate(file, 4096), ==, 0);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "room\n");
    vmcLinkSendText(conn, "more\n");
    text = hostFileOf(file, 4096 + strlen(expected));
    g_assert_cmpstr(text + 4096, ==, expected);
    g_clear_pointer(&guest, vmcLinkGuestFree);
    g_assert_cmpint(umount(path), ==, 0);
    g_rmdir(path);
}

/* A log on a disk that was full goes on when there is room, and says what it lacks. */
static void
testLogFull(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "small", NULL);
    g_autofree char *log = g_build_filename(path, "log", NULL);
    g_autofree char *fill = g_build_filename(path, "fill", NULL);
    g_autofree char *bytes = g_strnfill(4096, 'x');
    g_autofree char *text = NULL;
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    int fd;

    if (!mountSmall(path))
        return;
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:null,logfile=%s", log);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "before ");
    g_free(hostFileOf(log, strlen("before ")));
    fd = open(fill, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, bytes, 4096) > 0)
        continue;
    close(fd);
    g_assert_cmpint(truncate(log, 4096), ==, 0);        /* to the end of its page */
    vmcLinkSendText(conn, "lost");
    vmcLinkFin(conn);
    g_assert_true(vmcLinkWaitEnd(conn));
    g_unlink(fill);
    conn = vmcLinkConnect(guest, 600);
    vmcLinkSendText(conn, "after");
    text = hostFileOf(log, 4096 + strlen("\n[vmchannel: 4 bytes are missing here]\nafter"));
    g_assert_true(g_str_has_prefix(text, "before "));
    g_assert_cmpstr(text + 4096, ==, "\n[vmchannel: 4 bytes are missing here]\nafter");
    g_clear_pointer(&guest, vmcLinkGuestFree);
    g_assert_cmpint(umount(path), ==, 0);
    g_rmdir(path);
}

/* As logrotate does: renamed, then SIGHUP. The connection goes on, and so does the relay. */
static void
testReopen(const char *dir)
{
    g_autofree char *lines = g_build_filename(dir, "lines", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *oldLines = g_strconcat(lines, ".1", NULL);
    g_autofree char *oldLog = g_strconcat(log, ".1", NULL);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s,logfile=%s",
                                                      lines, log);
    pid_t broker = vmcLinkGuestPid(guest, "vmch-broker");
    vmcLinkConn *conn = vmcLinkConnect(guest, 600);
    g_autofree char *first = NULL, *second = NULL, *third = NULL, *fourth = NULL;

    vmcLinkSendText(conn, "old\n");
    g_free(hostFileOf(lines, 4));
    g_assert_cmpint(rename(lines, oldLines), ==, 0);
    g_assert_cmpint(rename(log, oldLog), ==, 0);
    vmcProcessKill(broker, SIGHUP);
    /* They are there empty at first. */
    g_free(hostFileOf(lines, 0));
    g_free(hostFileOf(log, 0));
    /* The broker's message to the pump comes before those of a new connection. */
    vmcLinkSendText(vmcLinkConnect(guest, 600), "new\n");
    first = hostFileOf(lines, 4);
    vmcLinkSendText(conn, "newer\n");
    second = hostFileOf(log, 10);
    third = hostFileOf(oldLines, 4);
    fourth = hostFileOf(oldLog, 4);
    g_assert_cmpstr(first, ==, "new\n");
    g_assert_cmpstr(second, ==, "new\nnewer\n");
    g_assert_cmpstr(third, ==, "old\n");
    g_assert_cmpstr(fourth, ==, "old\n");
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-broker"), ==, broker);
}

static void
makeFifo(const char *path)
{
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

/* Whose reader does not read: other channels go on, no line is cut, and all ends with QEMU. */
static void
testFileFifo(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "fifo", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *line = g_strnfill(99, 'x');
    g_autofree char *text = g_malloc(1 << 16);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    gsize sent = 0, come = 0;
    GArray *relays;
    int host, logReader;

    makeFifo(path);
    makeFifo(log);
    host = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    logReader = open(log, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:file:%s,logfile=%s --vmchannel 601:null",
                              path, log);
    conn = vmcLinkConnect(guest, 600);
    line[98] = '\n';
    for (int i = 0; i < 2000; i++)
        sent += vmcLinkPush(conn, line, 99);
    g_assert_true(vmcLinkConnect(guest, 601)->connected);
    vmcLinkFin(conn);
    while (come < sent && hostIsReadable(host, 10000)) {
        ssize_t n = read(host, text, 1 << 16);

        g_assert_cmpint(n, >, 0);
        come += (gsize)n;
    }
    g_assert_cmpuint(come, ==, sent);
    vmcLinkSend(vmcLinkConnect(guest, 600), line, 99);
    relays = vmcRelaysFind();
    vmcLinkGuestClose(guest);
    g_assert_true(vmcRelaysEnd(relays, 2000));
    close(host);
    close(logReader);
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
    while (hostIsReadable(host, 1000) && read(host, text, 1) == 1 && text[0] == 'x');
    g_assert_cmpint(text[0], ==, 't');
    hostHears(host, "he last");
    close(host);
}

/*
 * A guest writes much, ends, and nobody reads: the next guests have their turn, and who reads
 * at last gets what was written last.
 */
static void
testPtyLeft(const char *dir)
{
    g_autofree char *text = NULL, *path = NULL;
    g_autofree char *bytes = g_strnfill(150000, 'x');
    g_autofree char *come = g_malloc0(1 << 18);
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(&text, RELAY, "--vmchannel 600:pty");
    gsize len = 0;
    int host;

    (void)dir;
    path = reportedPty(text);
    for (int i = 0; i < 3; i++) {
        vmcLinkConn *conn;
        int tries = 0;

        do
            conn = vmcLinkConnect(guest, 600);
        while (conn->refused && ++tries < 1000);    /* the one before is being closed */
        g_assert_true(conn->connected);
        vmcLinkSend(conn, bytes, 150000);
        vmcLinkSendText(conn, i < 2 ? "end" : "the last");
        vmcLinkFin(conn);
        g_assert_true(vmcLinkWaitEnd(conn));
    }
    host = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    while (!g_str_has_suffix(come, "the last") && len < (1 << 18) - 1 &&
           hostIsReadable(host, 10000)) {
        ssize_t n = read(host, come + len, (1 << 18) - 1 - len);

        g_assert_cmpint(n, >, 0);
        len += (gsize)MAX(n, 0);
    }
    g_test_message("%zu bytes came", len);
    g_assert_true(g_str_has_suffix(come, "the last"));
    g_assert_cmpuint(len, >=, 150000 + strlen("the last"));
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

/* The pump of a channel whose host sides have no poll (a file, /dev/null) and that fail. */
static void
testNoPoll(const char *dir)
{
    static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full" };
    g_autofree char *path = g_build_filename(dir, "out", NULL);
    int saved[2] = { dup(0), dup(1) }, in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conn;
    pid_t pump;

    fflush(stdout);
    dup2(in, 0);
    dup2(out, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:stdio");
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
    pump = vmcLinkGuestPid(guest, "vmch-pump");
    conn = vmcLinkConnect(guest, 600);
    g_assert_true(vmcLinkWaitEnd(conn));
    vmcLinkSendText(conn, "to a file");
    g_free(hostFileOf(path, strlen("to a file")));
    g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-pump"), ==, pump);
    for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_clear_pointer(&guest, vmcLinkGuestFree);
        guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:%s", devices[i]);
        pump = vmcLinkGuestPid(guest, "vmch-pump");
        conn = vmcLinkConnect(guest, 600);
        vmcLinkPush(conn, "some bytes", 10);
        while (vmcLinkTurn(guest, 200) && conn->received->len < 100000)
            continue;
        g_test_message("%s: %zu bytes came", devices[i], conn->received->len);
        vmcLinkReset(conn);
        do
            conn = vmcLinkConnect(guest, 600);
        while (conn->refused);
        g_assert_cmpint(vmcLinkGuestPid(guest, "vmch-pump"), ==, pump);
    }
    close(in);
    close(out);
}

/* Standard output is a terminal that nobody reads: the pump hangs in it, until QEMU ends. */
static void
testStdioStuck(const char *dir)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, saved = dup(1);
    g_autofree char *bytes = g_strnfill(1 << 18, 'x');
    g_autoptr(vmcLinkGuest) guest = NULL;
    GArray *relays;

    (void)dir;
    grantpt(master);
    unlockpt(master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    fflush(stdout);
    dup2(slave, 1);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:stdio");
    dup2(saved, 1);
    close(saved);
    vmcLinkSend(vmcLinkConnect(guest, 600), bytes, 1 << 18);
    relays = vmcRelaysFind();
    vmcLinkGuestClose(guest);
    g_assert_true(vmcRelaysEnd(relays, 2000));
    close(slave);
    close(master);
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
    text = hostFileOf(log, strlen("kept up down"));
    g_assert_cmpstr(text, ==, "kept up down");
    vmcLinkFin(conn);
    hostHearsEnd(host);
    close(host);
    g_assert_true(vmcLinkWaitEnd(conn));
    conn = vmcLinkConnect(guest, 601);
    g_assert_true(vmcLinkWaitEnd(conn));
    vmcLinkSendText(conn, "nowhere");
    more = hostFileOf(other, strlen("nowhere"));
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
        { "600:file:%s/fifo", "a FIFO that a program has open" },
        { "600:null,logfile=%s/fifo", "a FIFO that a program has open" },
        { "600:tcp:192.0.2.1:80,server,nowait", "192.0.2.1:80" },
        { "600:tcp:no-such-host.invalid:80,server,nowait", "no-such-host.invalid" },
        { "600:udp:127.0.0.1:9@192.0.2.1:9", "192.0.2.1:9" },
        { "600:/dev/pts", "/dev/pts" },
        /* Not to root, whom no folder is closed to. */
        { "600:unix:%s/link", "Permission denied" },
    };
    gsize n = G_N_ELEMENTS(cases) - (geteuid() == 0);
    g_autofree char *plain = g_build_filename(dir, "plain", NULL);
    g_autofree char *closed = g_build_filename(dir, "closed", NULL);
    g_autofree char *link = g_build_filename(dir, "link", NULL);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);

    makeFifo(fifo);
    g_assert_true(g_file_set_contents(plain, "", 0, NULL));
    g_assert_cmpint(mkdir(closed, 0), ==, 0);
    g_assert_cmpint(symlink("closed/agent", link), ==, 0);
    for (gsize i = 0; i < n; i++) {
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

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/file/50-writers", testFileWriters },
        { "/relay/file/append-and-no-end-of-line", testFileEnds },
        { "/relay/file/disk-full", testFileFull },
        { "/relay/file/fifo", testFileFifo },
        { "/relay/file/reopen", testReopen },
        { "/relay/log/disk-full", testLogFull },
        { "/relay/stdio/stuck", testStdioStuck },
        { "/relay/pipe/two", testPipes },
        { "/relay/pipe/one", testOnePipe },
        { "/relay/pty", testPty },
        { "/relay/pty-that-nobody-reads", testPtyFlood },
        { "/relay/pty-that-nobody-reads/next-guest", testPtyLeft },
        { "/relay/dev", testDev },
        { "/relay/stdio", testStdio },
        { "/relay/no-poll", testNoPoll },
        { "/relay/null", testNull },
        { "/relay/log", testLog },
        { "/relay/start-errors", testStartErrors },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
