/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's control socket, by a client that writes and reads lines, with a
 * scripted guest on the link: channels that come and go, events, captures, and
 * clients that mean no good.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-c/json_tokener.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/capture.h"
#include "control/json.h"
#include "endpoint/types.h"
#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"
#define NEGOTIATE "{\"execute\": \"qmp_capabilities\"}"
#define CLIENTS_MAX 16
#define CYCLES 100
#define MANY 64

typedef struct {
    int fd;
    GString *pending;
} client;

/* A relay with its sockets in a folder of its own, and a client that has negotiated. */
typedef struct {
    char *dir;
    char *path;
    vmcLinkGuest *guest;
    client control;
} rig;

/* The next line as an object, or NULL at the end. */
static struct json_object *
next(client *one)
{
    g_autofree char *line = vmcReadLine(one->fd, one->pending, VMC_PATIENCE / 2);

    return line ? json_tokener_parse(line) : NULL;
}

static void
say(client *one, const char *text)
{
    gsize len = strlen(text);

    g_assert_cmpint(send(one->fd, text, len, MSG_NOSIGNAL), ==, (gssize)len);
}

/* Gives a command and returns its answer, events before it aside. */
static struct json_object *
ask(client *one, const char *format, ...) G_GNUC_PRINTF(2, 3);

static struct json_object *
ask(client *one, const char *format, ...)
{
    g_autofree char *text = NULL;
    struct json_object *answer;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    say(one, text);
    while ((answer = next(one)) && json_object_object_get_ex(answer, "event", NULL))
        json_object_put(answer);
    g_assert_nonnull(answer);
    return answer;
}

/* The same, where it must succeed: what it returns, the caller's. */
#define DO(one, ...) returned(ask(one, __VA_ARGS__))

static struct json_object *
returned(struct json_object *answer)
{
    struct json_object *value = json_object_object_get(answer, "return");

    if (!value)
        g_test_message("%s", json_object_to_json_string(answer));
    g_assert_nonnull(value);
    value = json_object_get(value);
    json_object_put(answer);
    return value;
}

/* And where it must fail, with these words among others. */
static void
expectError(struct json_object *answer, const char *words)
{
    struct json_object *error = json_object_object_get(answer, "error");
    const char *why = error ? vmcJsonString(error, "desc") : NULL;

    g_assert_nonnull(why);
    if (!strstr(why, words))
        g_test_message("%s", why);
    g_assert_nonnull(strstr(why, words));
    json_object_put(answer);
}

static void
clientOpen(client *one, const char *path, bool negotiate)
{
    g_autoptr(vmcJson) greeting = NULL;

    one->fd = hostDial(path);
    one->pending = g_string_new(NULL);
    greeting = next(one);
    g_assert_true(json_object_object_get_ex(greeting, "QMP", NULL));
    if (negotiate)
        json_object_put(DO(one, NEGOTIATE));
}

static void
clientClose(client *one)
{
    close(one->fd);
    g_string_free(one->pending, TRUE);
}

static void
rigStart(rig *r, const char *channels)
{
    r->dir = vmcTempDir();
    g_setenv("XDG_RUNTIME_DIR", r->dir, TRUE);
    r->path = g_build_filename(r->dir, "vmchannel/some-uuid.sock", NULL);
    r->guest = vmcLinkGuestStart(NULL, RELAY, "--name n --uuid some-uuid %s", channels);
    g_assert_nonnull(r->guest);
    clientOpen(&r->control, r->path, true);
}

static void
rigStop(rig *r)
{
    clientClose(&r->control);
    vmcLinkGuestFree(r->guest);
    g_assert_false(g_file_test(r->path, G_FILE_TEST_EXISTS));
    g_free(r->path);
    vmcTempDirRemove(r->dir);
    g_free(r->dir);
}

static void
add(rig *r, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add(rig *r, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    json_object_put(DO(&r->control, "{\"execute\": \"vmchannel-add\","
                       " \"arguments\": {\"vmchannel\": \"%s\"}}", value));
}

static struct json_object *
askRemove(rig *r, guint16 port)
{
    return ask(&r->control, "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": %u}}",
               port);
}

static void
removeChannel(rig *r, guint16 port)
{
    json_object_put(returned(askRemove(r, port)));
}

/* What query-vmchannels says of a channel, or NULL when there is no such channel. */
static struct json_object *
queriedChannel(rig *r, guint16 port)
{
    g_autoptr(vmcJson) list = DO(&r->control, "{\"execute\": \"query-vmchannels\"}");

    for (gsize i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);

        if (json_object_get_int(json_object_object_get(one, "port")) == port)
            return json_object_get(one);
    }
    return NULL;
}

/* A number of it; -1: there is no such channel. */
static gint64
queried(rig *r, guint16 port, const char *key)
{
    g_autoptr(vmcJson) one = queriedChannel(r, port);

    return one ? json_object_get_int64(json_object_object_get(one, key)) : -1;
}

/* With NULL, none. */
static void
expectReopenError(rig *r, guint16 port, const char *words)
{
    g_autoptr(vmcJson) one = queriedChannel(r, port);
    const char *why = vmcJsonString(one, "reopen-error");

    g_test_message("%s", why ? why : "no error");
    g_assert_true(words ? why && g_str_has_prefix(why, words) : !why);
}

/* What a worker has done is known when it has said so: asks until it is. */
static bool
waitQueried(rig *r, guint16 port, const char *key, gint64 value)
{
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * 500;

    while (queried(r, port, key) != value && g_get_monotonic_time() < end)
        vmcLinkTurn(r->guest, 10);
    return queried(r, port, key) == value;
}

static void
testAddAndRemove(void)
{
    rig r;
    g_autofree char *host = NULL;
    int listener, fd;
    vmcLinkConn *conn, *other;
    char got[16] = "";

    rigStart(&r, "--vmchannel 600:null");
    host = g_build_filename(r.dir, "host", NULL);
    listener = vmcListen(host);
    other = vmcLinkConnect(r.guest, 600);
    g_assert_true(vmcLinkConnect(r.guest, 601)->refused);
    add(&r, "601:unix:%s", host);
    conn = vmcLinkConnect(r.guest, 601);
    g_assert_true(conn->connected);
    fd = vmcAccept(listener, -1, VMC_PATIENCE / 2);
    vmcLinkSendText(conn, "hello");
    g_assert_cmpint(read(fd, got, sizeof(got)), ==, 5);
    g_assert_cmpint(write(fd, "good day", 8), ==, 8);
    g_assert_true(vmcLinkWaitText(conn, "good day"));
    g_assert_cmpint(queried(&r, 601, "bytes-to-host"), ==, 5);
    g_assert_true(waitQueried(&r, 601, "bytes-to-guest", 8));
    g_assert_cmpint(queried(&r, 601, "connections"), ==, 1);
    removeChannel(&r, 601);
    g_assert_cmpint(queried(&r, 601, "port"), ==, -1);
    g_assert_true(vmcLinkWaitReset(conn));
    g_assert_cmpint(read(fd, got, sizeof(got)), ==, 0);
    g_assert_true(vmcLinkConnect(r.guest, 601)->refused);
    expectError(askRemove(&r, 601), "no vmchannel has the address '10.0.2.4' and the port '601'");
    vmcLinkSendText(other, "still here");
    g_assert_false(other->reset);
    g_assert_cmpint(queried(&r, 600, "connections"), ==, 1);
    close(fd);
    close(listener);
    rigStop(&r);
}

/* Each of them refused, named, and without anything left of it. */
static void
testAddRefused(void)
{
    static const struct {
        const char *value;
        const char *words;
    } cases[] = {
        { "600:null", "two vmchannels have the address '10.0.2.4' and the port '600'" },
        { "6oo:null", "6oo" },
        { "10.0.2.5:601:null", "accepted is 10.0.2." },
        { "10.0.2.8:601:null", "accepted is 10.0.2." },
        { "601:stdio", "'stdio' cannot be added to a guest that runs" },
        { "601:file:/nowhere/at/all", "'/nowhere/at/all'" },
        { "601:unix:/nowhere/at/all,server,nowait", "/nowhere/at" },
        { "601:vc", "vc" },
    };
    rig r;

    rigStart(&r, "--vmchannel 600:null");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        expectError(ask(&r.control, "{\"execute\": \"vmchannel-add\", \"arguments\":"
                        " {\"vmchannel\": \"%s\"}}", cases[i].value), cases[i].words);
    add(&r, "601:null");
    g_assert_true(vmcLinkConnect(r.guest, 601)->connected);
    rigStop(&r);
}

static guint
childrenOf(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", pid, pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    words = g_strsplit(g_strstrip(text), " ", -1);
    return g_strv_length(words);
}

/* A pty's path is told, bytes go through its pump, and the pump is no more afterwards. */
/*
 * A name server that never answers, which only this process and what it starts see: the
 * client hears so, and the guest's next connection is served.
 */
static void
testNameUnanswered(void)
{
    static const char *const values[] = {
        "601:tcp:vmchannel-test.example:7,server,nowait", "601:udp:vmchannel-test.example:7",
    };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
    int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_autofree char *dir = vmcTempDir();
    g_autofree char *conf = g_build_filename(dir, "resolv.conf", NULL);
    char question[512];
    rig r;

    inet_pton(AF_INET, "127.0.0.9", &address.sin_addr);
    g_assert_true(g_file_set_contents(conf, "nameserver 127.0.0.9\noptions timeout:30 attempts:5\n",
                                      -1, NULL));
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
        bind(server, (struct sockaddr *)&address, sizeof(address)) < 0) {
        g_test_skip("cannot have a name server of its own");
    } else {
        rigStart(&r, "--vmchannel 600:null");
        for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
            expectError(ask(&r.control, "{\"execute\": \"vmchannel-add\","
                            " \"arguments\": {\"vmchannel\": \"%s\"}}", values[i]),
                        "cannot look up 'vmchannel-test.example:7'");
            g_assert_true(hostIsReadable(server, 0));
            while (recv(server, question, sizeof(question), MSG_DONTWAIT) > 0)
                continue;
            g_assert_true(vmcLinkConnect(r.guest, 600)->connected);
        }
        rigStop(&r);
        umount2("/etc/resolv.conf", MNT_DETACH);
    }
    close(server);
    vmcTempDirRemove(dir);
}

static void
testPty(void)
{
    rig r;
    g_autoptr(vmcJson) added = NULL;
    vmcLinkConn *conn;
    pid_t broker;
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * 500;
    int fd;

    rigStart(&r, "");
    broker = vmcLinkGuestPid(r.guest, "vmch-broker");
    added = DO(&r.control, "{\"execute\": \"vmchannel-add\","
               " \"arguments\": {\"vmchannel\": \"600:pty\"}}");
    fd = g_open(vmcJsonString(added, "pty"), O_RDWR | O_NOCTTY, 0);
    g_assert_cmpint(fd, >=, 0);
    conn = vmcLinkConnect(r.guest, 600);
    g_assert_cmpint(write(fd, "login: ", 7), ==, 7);
    g_assert_true(vmcLinkWaitText(conn, "login: "));
    removeChannel(&r, 600);
    g_assert_true(vmcLinkWaitReset(conn));
    while (childrenOf(broker) > 1 && g_get_monotonic_time() < end)
        g_usleep(1000);
    g_assert_cmpuint(childrenOf(broker), ==, 1);
    close(fd);
    rigStop(&r);
}

/* A channel comes, is used and goes, again and again, while another one has traffic. */
static void
testCycles(void)
{
    static char block[65536];
    rig r;
    g_autofree char *host = NULL;
    vmcLinkConn *busy;
    int listener, broker, before;

    rigStart(&r, "--vmchannel 600:null");
    host = g_build_filename(r.dir, "host", NULL);
    listener = vmcListen(host);
    busy = vmcLinkConnect(r.guest, 600);
    broker = vmcLinkGuestPid(r.guest, "vmch-broker");
    before = -1;
    for (int i = 0; i < CYCLES; i++) {
        g_autofree char *fds = g_strdup_printf("/proc/%d/fd", broker);
        vmcLinkConn *conn;
        struct stat st;
        int fd;

        vmcLinkPush(busy, block, sizeof(block));
        add(&r, "601:unix:%s", host);
        conn = vmcLinkConnect(r.guest, 601);
        g_assert_true(conn->connected);
        fd = vmcAccept(listener, -1, VMC_PATIENCE / 2);
        vmcLinkPush(busy, block, sizeof(block));
        vmcLinkSendText(conn, "x");
        removeChannel(&r, 601);
        g_assert_true(vmcLinkWaitReset(conn));
        close(fd);
        /* The size of a process's fd folder is their number, on newer kernels. */
        if (stat(fds, &st) == 0 && i == 10)
            before = (int)st.st_size;
        if (i == CYCLES - 1)
            g_assert_cmpint((int)st.st_size, <=, before + 2);
    }
    vmcLinkSend(busy, block, sizeof(block));
    g_assert_false(busy->reset);
    g_assert_cmpint(queried(&r, 600, "connections"), ==, 1);
    close(listener);
    rigStop(&r);
}

static void
testMany(void)
{
    rig r;

    rigStart(&r, "");
    for (guint16 i = 0; i < MANY; i++)
        add(&r, "%u:null", 600u + i);
    for (guint16 i = 0; i < MANY; i++)
        g_assert_true(vmcLinkConnect(r.guest, 600 + i)->connected);
    for (guint16 i = 0; i < MANY; i += 2)
        removeChannel(&r, 600 + i);
    for (guint16 i = 0; i < MANY; i++)
        g_assert_cmpint(vmcLinkConnect(r.guest, 600 + i)->connected, ==, i % 2);
    g_assert_cmpint(queried(&r, 601, "connections"), ==, 2);
    g_assert_cmpint(queried(&r, 601, "connections-total"), ==, 2);
    rigStop(&r);
}

/* What was added lives on, what was removed does not come back, counts go on. */
static void
testWorkerKilled(void)
{
    rig r;
    vmcLinkConn *conn;

    rigStart(&r, "--vmchannel 600:null --vmchannel 602:null");
    add(&r, "601:null");
    removeChannel(&r, 602);
    conn = vmcLinkConnect(r.guest, 601);
    vmcLinkSendText(conn, "12345");
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-worker"), SIGKILL);
    conn = vmcLinkConnect(r.guest, 601);
    g_assert_true(conn->connected);
    g_assert_true(vmcLinkConnect(r.guest, 602)->refused);
    vmcLinkSendText(conn, "678");
    g_assert_cmpint(queried(&r, 601, "bytes-to-host"), ==, 8);
    g_assert_cmpint(queried(&r, 601, "connections"), ==, 1);
    g_assert_cmpint(queried(&r, 601, "connections-total"), ==, 2);
    rigStop(&r);
}

static char
stateOf(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *end = g_file_get_contents(path, &text, NULL, NULL) ? strrchr(text, ')') : NULL;

    return end ? end[2] : 0;
}

/*
 * A guest that connects as soon as the channel is said to be there finds it,
 * also where its worker has frames to read before it looks into its mailbox.
 */
static void
testHeardInTime(void)
{
    static const char noise[60] = "";
    rig r;
    pid_t worker;
    vmcLinkConn *conn;

    rigStart(&r, "--vmchannel 600:null");
    worker = vmcLinkGuestPid(r.guest, "vmch-worker");
    kill(worker, SIGSTOP);
    while (stateOf(worker) != 'T')
        g_usleep(1000);
    vmcLinkFrame(r.guest, noise, sizeof(noise));
    add(&r, "601:null");
    conn = vmcLinkDial(r.guest, 601);
    kill(worker, SIGCONT);
    g_assert_true(vmcLinkWaitAnswer(conn));
    g_assert_true(conn->connected);
    rigStop(&r);
}

/* While no worker is there (it failed), channels come and go all the same. */
static void
testNoWorker(void)
{
    rig r;

    rigStart(&r, "--vmchannel 600:null --vmchannel 601:null");
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-worker"), SIGSEGV);
    removeChannel(&r, 600);
    add(&r, "602:null");
    g_assert_true(vmcLinkConnect(r.guest, 602)->connected);
    g_assert_true(vmcLinkConnect(r.guest, 600)->refused);
    rigStop(&r);
}

/* The next event, and that it is this one of the port. */
static void
expectEvent(client *one, const char *name, guint16 port, guint16 peerPort)
{
    g_autoptr(vmcJson) event = next(one);
    struct json_object *data = json_object_object_get(event, "data");
    struct json_object *stamp = json_object_object_get(event, "timestamp");

    g_assert_cmpstr(vmcJsonString(event, "event"), ==, name);
    g_assert_cmpstr(vmcJsonString(data, "address"), ==, "10.0.2.4");
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "port")), ==, port);
    g_assert_cmpstr(vmcJsonString(data, "peer-address"), ==, "10.0.2.5");
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "peer-port")), ==, peerPort);
    g_assert_cmpint(json_object_get_int64(json_object_object_get(stamp, "seconds")), >, 1600000000);
    g_assert_cmpint(json_object_get_int64(json_object_object_get(stamp, "microseconds")), <,
                    G_USEC_PER_SEC);
}

static void
testEvents(void)
{
    rig r;
    client silent;
    vmcLinkConn *first, *second;
    guint16 refused;

    rigStart(&r, "--vmchannel 600:null --vmchannel 601:unix:/nobody-listens");
    clientOpen(&silent, r.path, false);
    first = vmcLinkConnect(r.guest, 600);
    expectEvent(&r.control, "VMCHANNEL_CONNECTED", 600, first->port);
    refused = vmcLinkConnect(r.guest, 601)->port;
    expectEvent(&r.control, "VMCHANNEL_REFUSED", 601, refused);
    vmcLinkReset(first);
    expectEvent(&r.control, "VMCHANNEL_DISCONNECTED", 600, first->port);
    second = vmcLinkConnect(r.guest, 600);
    expectEvent(&r.control, "VMCHANNEL_CONNECTED", 600, second->port);
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-worker"), SIGKILL);
    expectEvent(&r.control, "VMCHANNEL_DISCONNECTED", 600, second->port);
    second = vmcLinkConnect(r.guest, 600);
    expectEvent(&r.control, "VMCHANNEL_CONNECTED", 600, second->port);
    removeChannel(&r, 600);
    g_assert_cmpint(queried(&r, 601, "refused"), ==, 1);
    /* Who has not negotiated has heard nothing; its first line is an answer. */
    json_object_put(DO(&silent, NEGOTIATE));
    clientClose(&silent);
    rigStop(&r);
}

/* At a channel's limit: what was refused is counted, and said. */
static void
testLimited(void)
{
    rig r;
    client watcher;
    g_autoptr(vmcJson) event = NULL;
    struct json_object *data;

    rigStart(&r, "--vmchannel 600:null");
    for (int i = 0; i < VMC_ENDPOINT_MAX_CONNS; i++)
        g_assert_true(vmcLinkConnect(r.guest, 600)->connected);
    clientOpen(&watcher, r.path, true);
    g_assert_true(vmcLinkConnect(r.guest, 600)->refused);
    event = next(&watcher);
    data = json_object_object_get(event, "data");
    g_assert_cmpstr(vmcJsonString(event, "event"), ==, "VMCHANNEL_LIMITED");
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "port")), ==, 600);
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "dropped")), ==, 1);
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "evicted")), ==, 0);
    clientClose(&watcher);
    g_assert_cmpint(queried(&r, 600, "dropped"), ==, 1);
    g_assert_cmpint(queried(&r, 600, "refused"), ==, 0);
    rigStop(&r);
}

/*
 * What SIGHUP cannot open anew goes on as it was, and those who watch and those who ask
 * later are told why, until the next SIGHUP can.
 */
static void
testNotReopened(void)
{
    rig r;
    g_autofree char *dir = vmcTempDir();
    g_autofree char *lines = g_build_filename(dir, "lines", NULL);
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_autofree char *rotated = g_strconcat(log, ".1", NULL);
    g_autofree char *channels = g_strdup_printf("--vmchannel 600:file:%s,logfile=%s"
                                                " --vmchannel 601:null", lines, log);
    g_autofree char *words = g_strdup_printf("vmchannel 10.0.2.4:600: cannot open the log '%s'",
                                             log);
    g_autoptr(vmcJson) event = NULL;
    struct json_object *data;
    vmcLinkConn *conn;

    rigStart(&r, channels);
    g_assert_cmpint(rename(log, rotated), ==, 0);
    g_assert_cmpint(g_mkdir(log, 0700), ==, 0);
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-broker"), SIGHUP);
    event = next(&r.control);
    data = json_object_object_get(event, "data");
    g_assert_cmpstr(vmcJsonString(event, "event"), ==, "VMCHANNEL_NOT_REOPENED");
    g_assert_cmpint(json_object_get_int(json_object_object_get(data, "port")), ==, 600);
    g_assert_true(g_str_has_prefix(vmcJsonString(data, "reopen-error"), words));
    expectReopenError(&r, 600, words);
    expectReopenError(&r, 601, NULL);
    conn = vmcLinkConnect(r.guest, 600);
    vmcLinkSendText(conn, "goes on\n");
    g_free(hostFileOf(rotated, strlen("goes on\n")));
    g_assert_cmpint(g_rmdir(log), ==, 0);
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-broker"), SIGHUP);
    g_free(hostFileOf(log, 0));
    expectReopenError(&r, 600, NULL);
    rigStop(&r);
    vmcTempDirRemove(dir);
}

/* A flood of SYNs: the host side is not asked more often than the channel's rate allows. */
static void
testRate(void)
{
    gint64 begin, elapsed, opened;
    rig r;

    rigStart(&r, "--vmchannel 600:unix:/nobody-listens");
    begin = g_get_monotonic_time();
    vmcLinkFlood(r.guest, 600, 50000);
    g_assert_false(vmcLinkConnect(r.guest, 600)->connected);
    opened = queried(&r, 600, "refused");
    elapsed = g_get_monotonic_time() - begin;
    g_test_message("50,000 SYNs in %" G_GINT64_FORMAT " ms: %" G_GINT64_FORMAT " dialled",
                   elapsed / 1000, opened);
    g_assert_cmpint(opened, <=, VMC_ENDPOINT_BURST +
                    elapsed * VMC_ENDPOINT_RATE / G_TIME_SPAN_SECOND + 1);
    /* Some may have been refused for a broker that is behind: they are in neither number. */
    g_assert_cmpint(queried(&r, 600, "dropped"), <=, 50001 - opened);
    rigStop(&r);
}

/* Reads @one's events until it knows of @total; returns how many it was told it lost. */
static gint64
countEvents(client *one, gint64 total)
{
    gint64 seen = 0, lost = 0;

    while (seen + lost < total) {
        g_autoptr(vmcJson) event = next(one);

        if (!event)
            break;
        if (g_strcmp0(vmcJsonString(event, "event"), "VMCHANNEL_EVENTS_LOST") == 0)
            lost += json_object_get_int64(json_object_object_get(
                json_object_object_get(event, "data"), "count"));
        else
            seen++;
    }
    g_assert_cmpint(seen + lost, ==, total);
    return lost;
}

/* Who reads no events stops nobody, and is told how many it has missed. */
static void
testSlowReader(void)
{
    const int connections = 2000;
    rig r;
    client slow;

    rigStart(&r, "--vmchannel 600:unix:/nobody-listens");
    clientOpen(&slow, r.path, true);
    for (int i = 0; i < connections; i++) {
        g_assert_true(vmcLinkConnect(r.guest, 600)->refused);
        json_object_put(next(&r.control));
    }
    g_assert_cmpint(queried(&r, 600, "refused"), ==, connections);
    g_assert_cmpint(countEvents(&slow, connections), >, 0);
    clientClose(&slow);
    rigStop(&r);
}

/* Who gives commands and reads no answers is not heard any more; the others are. */
static void
testDeafClient(void)
{
    static const char command[] = "{\"execute\": \"query-commands\"}\n";
    g_autoptr(GString) commands = g_string_new(NEGOTIATE);
    rig r;
    client deaf;
    gsize sent = 0;
    guint answers = 0;
    gssize n = 0;

    rigStart(&r, "--vmchannel 600:null");
    clientOpen(&deaf, r.path, false);
    for (int i = 0; i < 100000; i++)
        g_string_append(commands, command);
    while (sent < commands->len && (n = send(deaf.fd, commands->str + sent, commands->len - sent,
                                             MSG_DONTWAIT)) >= 0) {
        sent += (gsize)n;
        queried(&r, 600, "port");
    }
    g_assert_cmpint(errno, ==, EAGAIN);
    g_assert_true(vmcLinkConnect(r.guest, 600)->connected);
    g_assert_cmpint(queried(&r, 600, "connections"), ==, 1);
    /* All that it had sent is answered when it listens. */
    while (answers < sent / strlen(command)) {
        g_autoptr(vmcJson) answer = next(&deaf);

        if (!answer)
            break;
        answers += json_object_object_get_ex(answer, "return", NULL);
    }
    g_assert_cmpuint(answers, ==, sent / strlen(command));
    clientClose(&deaf);
    rigStop(&r);
}

static void
testTooManyClients(void)
{
    rig r;
    client others[CLIENTS_MAX - 1], last = { .fd = -1 };
    g_autoptr(vmcJson) line = NULL;

    rigStart(&r, "--vmchannel 600:null");
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        clientOpen(&others[i], r.path, i % 2);
    /* Who has just been there does not give way: the first is turned away until they idle. */
    while (!line || !json_object_object_get_ex(line, "QMP", NULL)) {
        if (line) {
            expectError(g_steal_pointer(&line), "16 clients have the control socket already");
            g_assert_null(next(&last));
            clientClose(&last);
        }
        g_assert_cmpint(queried(&r, 600, "port"), ==, 600);
        last.fd = hostDial(r.path);
        last.pending = g_string_new(NULL);
        line = next(&last);
        g_assert_nonnull(line);
    }
    json_object_put(DO(&last, NEGOTIATE));
    expectError(next(&others[0]), "gives way");
    g_assert_null(next(&others[0]));
    json_object_put(DO(&others[1], "{\"execute\": \"query-version\"}"));
    g_assert_cmpint(queried(&r, 600, "port"), ==, 600);
    clientClose(&last);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        clientClose(&others[i]);
    rigStop(&r);
}

/* Bytes of chance, messages cut off, a reset in the middle: the relay goes on. */
static void
testHostile(void)
{
    static const char *const starts[] = {
        "", "{", "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": \"600:",
        NEGOTIATE "{\"execute\": \"vmchannel-capture\"}", "\n\n\n", "[[[[", "{\"id\":\"\\",
    };
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    static char noise[200000];
    rig r;

    rigStart(&r, "--vmchannel 600:null");
    for (gsize i = 0; i < sizeof(noise); i++)
        noise[i] = (char)g_rand_int_range(rand, 0, 256);
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        int fd = hostDial(r.path);

        send(fd, starts[i], strlen(starts[i]), MSG_NOSIGNAL);
        for (gsize sent = 0; sent < sizeof(noise); sent += 4096)
            send(fd, noise + sent, MIN(4096, sizeof(noise) - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
        g_assert_cmpint(queried(&r, 600, "port"), ==, 600);
    }
    rigStop(&r);
}

/* The socket of a capture, which comes beside the answer and needs no client any more. */
static int
startCapture(rig *r)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } rights;
    char answer[64] = "";
    struct iovec iov = { answer, sizeof(answer) - 1 };
    struct msghdr packet = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights,
                             .msg_controllen = sizeof(rights) };
    struct timeval limit = { .tv_sec = VMC_PATIENCE / 2000 };
    client asking;
    int fd = -1;

    clientOpen(&asking, r->path, true);
    say(&asking, "{\"execute\": \"vmchannel-capture\"}");
    g_assert_cmpint(recvmsg(asking.fd, &packet, MSG_CMSG_CLOEXEC), >, 0);
    clientClose(&asking);
    g_assert_cmpstr(answer, ==, "{ \"return\": { } }\n");
    g_assert_nonnull(CMSG_FIRSTHDR(&packet));
    memcpy(&fd, CMSG_DATA(&rights.align), sizeof(fd));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

/* Takes captured frames until one holds @text; false when the capture ends first. */
static bool
captured(int fd, const char *text)
{
    static char packet[sizeof(vmcCaptureHeader) + 65536];
    gssize n;

    while ((n = recv(fd, packet, sizeof(packet), 0)) > 0) {
        vmcCaptureHeader header;

        memcpy(&header, packet, sizeof(header));
        g_assert_cmpint(n, ==, (gssize)(sizeof(header) + header.len));
        g_assert_cmpuint(header.seconds, >, 1600000000);
        g_assert_cmpuint(header.microseconds, <, G_USEC_PER_SEC);
        if (memmem(packet + sizeof(header), header.len, text, strlen(text)))
            return true;
    }
    return false;
}

static void
testCapture(void)
{
    rig r;
    g_autofree char *host = NULL;
    vmcLinkConn *conn;
    int listener, peer, fd;

    rigStart(&r, "");
    host = g_build_filename(r.dir, "host", NULL);
    listener = vmcListen(host);
    fd = startCapture(&r);
    add(&r, "600:unix:%s", host);
    conn = vmcLinkConnect(r.guest, 600);
    peer = vmcAccept(listener, -1, VMC_PATIENCE / 2);
    vmcLinkSendText(conn, "from the guest");
    g_assert_cmpint(write(peer, "from the host", 13), ==, 13);
    g_assert_true(vmcLinkWaitText(conn, "from the host"));
    g_assert_true(captured(fd, "from the guest"));
    g_assert_true(captured(fd, "from the host"));
    expectError(ask(&r.control, "{\"execute\": \"vmchannel-capture\"}"), "being captured");
    /* A successor goes on with it. */
    vmcProcessKill(vmcLinkGuestPid(r.guest, "vmch-worker"), SIGKILL);
    conn = vmcLinkConnect(r.guest, 600);
    vmcLinkSendText(conn, "again");
    g_assert_true(captured(fd, "again"));
    close(peer);
    close(listener);
    vmcLinkGuestClose(r.guest);
    g_assert_false(captured(fd, "what nobody said"));
    close(fd);
    rigStop(&r);
}

/* A capture that nobody reads loses frames, counts them and stops nobody; the next begins anew. */
static void
testCaptureUnread(void)
{
    static char block[1024 * 1024];
    char packet[sizeof(vmcCaptureHeader)];
    vmcCaptureHeader header = { .lost = 0 };
    rig r;
    vmcLinkConn *conn;
    int fd;

    rigStart(&r, "--vmchannel 600:null");
    fd = startCapture(&r);
    conn = vmcLinkConnect(r.guest, 600);
    vmcLinkSend(conn, block, sizeof(block));
    g_assert_cmpint(queried(&r, 600, "bytes-to-host"), ==, sizeof(block));
    while (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) > 0)
        continue;
    vmcLinkSendText(conn, "now there is room");
    g_assert_cmpint(recv(fd, packet, sizeof(packet), 0), ==, sizeof(packet));
    memcpy(&header, packet, sizeof(header));
    g_assert_cmpuint(header.lost, >, 0);
    close(fd);
    g_assert_true(vmcLinkConnect(r.guest, 600)->connected);
    fd = startCapture(&r);
    vmcLinkSendText(conn, "for the second");
    g_assert_true(captured(fd, "for the second"));
    close(fd);
    rigStop(&r);
}

/* Who may connect is who has the folder's group. */
static void
testModes(void)
{
    rig r;
    struct stat st;

    rigStart(&r, "--vmchannel 600:null");
    g_assert_cmpint(g_stat(r.path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0660);
    rigStop(&r);
}

/* The guest starts without, and its starter is told why, once. */
static void
testNoFolder(void)
{
    g_autofree char *said = NULL;
    g_autoptr(vmcLinkGuest) guest = NULL;

    g_setenv("XDG_RUNTIME_DIR", "/dev/null", TRUE);
    guest = vmcLinkGuestStart(&said, RELAY, "--name n --vmchannel 600:null");
    g_assert_nonnull(guest);
    g_assert_cmpstr(said, ==, "vmchannel-relay: no control socket '/dev/null/vmchannel/n.sock': "
                    "Not a directory\n");
    g_assert_true(vmcLinkConnect(guest, 600)->connected);
}

/* Whoever has the guest's name last has the socket; the one before takes nothing away. */
static void
testTakenOver(void)
{
    vmcLinkGuest *second;
    rig r;
    client later;

    rigStart(&r, "--vmchannel 600:null");
    second = vmcLinkGuestStart(NULL, RELAY, "--uuid some-uuid --vmchannel 700:null");
    clientOpen(&later, r.path, true);
    g_assert_cmpint(queried(&r, 600, "port"), ==, 600);
    vmcLinkGuestClose(r.guest);
    g_assert_null(next(&r.control));
    clientClose(&r.control);
    clientOpen(&r.control, r.path, true);
    g_assert_cmpint(queried(&r, 700, "port"), ==, 700);
    clientClose(&later);
    vmcLinkGuestClose(second);
    vmcLinkGuestFree(second);
    rigStop(&r);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/control/add-and-remove", testAddAndRemove);
    g_test_add_func("/control/add-refused", testAddRefused);
    g_test_add_func("/control/name-unanswered", testNameUnanswered);
    g_test_add_func("/control/pty", testPty);
    g_test_add_func("/control/cycles", testCycles);
    g_test_add_func("/control/many", testMany);
    g_test_add_func("/control/worker-killed", testWorkerKilled);
    g_test_add_func("/control/no-worker", testNoWorker);
    g_test_add_func("/control/heard-in-time", testHeardInTime);
    g_test_add_func("/control/events", testEvents);
    g_test_add_func("/control/limited", testLimited);
    g_test_add_func("/control/not-reopened", testNotReopened);
    g_test_add_func("/control/rate", testRate);
    g_test_add_func("/control/slow-reader", testSlowReader);
    g_test_add_func("/control/deaf-client", testDeafClient);
    g_test_add_func("/control/too-many-clients", testTooManyClients);
    g_test_add_func("/control/hostile", testHostile);
    g_test_add_func("/control/capture", testCapture);
    g_test_add_func("/control/capture-unread", testCaptureUnread);
    g_test_add_func("/control/modes", testModes);
    g_test_add_func("/control/no-folder", testNoFolder);
    g_test_add_func("/control/taken-over", testTakenOver);
    return g_test_run();
}
