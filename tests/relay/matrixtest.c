/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One channel must not stop another: each kind of host side, with host programs and guests that
 * do what they should not, and beside it a channel whose connect and whose 1 MiB each way are
 * what they are without that. With a scripted guest on the link. What is asserted is right
 * bytes and counts; times are shown, beside those of that channel alone, and how many of the
 * guest's connections were had ("got").
 */
#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/client.h"
#include "tests/lib/chrside.h"
#include "tests/lib/guest/pattern.h"
#include "tests/lib/hostpeer.h"
#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

/* Of the channel beside it, each way. */
#define AMOUNT (1 << 20)

enum {
    MANY = 1400,                /* guest connections: more than there may be */
    ALONE = 160,                /* where there may be one at a time */
    FLOODS_MAX = 32,            /* that are flooded */
    AT_ONCE = 16,
    TIMES = 3,                  /* that the channel beside it is measured: the median counts */
};

static char *runDir;            /* where relays have their control sockets */

typedef enum {
    HANGS,
    NEVER_ACCEPTS,
    LEAKS,
    FLOODS,
    DIES,
    BEHAVIOUR_LAST
} behaviour;

static const char *const behaviours[BEHAVIOUR_LAST] = {
    "hangs", "never accepts", "accepts and leaks", "floods", "dies",
};

/* A host program's end: what comes from the channel, and what goes to it; -1: there is none. */
typedef struct {
    int from, to;
} hostEnd;

typedef struct _matrixRig matrixRig;

/* A kind of host side. Of @value $DIR, $PORT and $OTHER are replaced. */
typedef struct {
    const char *name;
    vmcChrType type;
    vmcChrMode mode;
    const char *value;
    void (*prepare)(matrixRig *rig);
    hostEnd (*meet)(matrixRig *rig);        /* the next one, or none */
    bool alone;                             /* one guest connection at a time */
    const char *cannot[BEHAVIOUR_LAST];     /* why there is no such thing */
} hostSide;

struct _matrixRig {
    const hostSide *side;
    behaviour does;
    char *dir;
    char *path;                 /* of the socket, the device, the FIFO */
    guint16 port, other;
    int listener;
    hostEnd standing;           /* the only end that there is, until somebody has it */
    int stdio[2];               /* the relay's, when they are others than ours */
    vmcLinkGuest *guest;
    vmcHostPeer *peer;          /* the channel beside it */
    guint measured;
    guint connected;            /* guest connections of the channel that is tried */
    GArray *ends;               /* of hostEnd */
    GArray *backlog;            /* of int, or NULL */
    GThread *flooder;
    gint over;
};

typedef struct {
    double connect, down, up;   /* milliseconds */
} figures;

static const hostEnd none = { -1, -1 };

static void
endClose(hostEnd end)
{
    if (end.from >= 0)
        close(end.from);
    if (end.to >= 0 && end.to != end.from)
        close(end.to);
}

static char *
inDir(const matrixRig *rig, const char *name)
{
    return g_build_filename(rig->dir, name, NULL);
}

static void
prepareNothing(matrixRig *rig G_GNUC_UNUSED)
{
}

static hostEnd
meetNobody(matrixRig *rig G_GNUC_UNUSED)
{
    return none;
}

static hostEnd
meetStanding(matrixRig *rig)
{
    hostEnd end = rig->standing;

    rig->standing = none;
    return end;
}

static void
prepareUnixListener(matrixRig *rig)
{
    rig->path = inDir(rig, "agent");
    rig->listener = vmcListen(rig->path);
    if (rig->does != NEVER_ACCEPTS)
        return;
    listen(rig->listener, 1);
    rig->backlog = hostFillBacklog(rig->path);
}

static void
prepareInetListener(matrixRig *rig)
{
    rig->listener = hostInet(SOCK_STREAM, &rig->port);
    if (rig->does != NEVER_ACCEPTS)
        return;
    /* Two fill it; SYNs are not answered then. */
    listen(rig->listener, 1);
    rig->backlog = g_array_new(FALSE, FALSE, sizeof(int));
    for (int i = 0; i < 2; i++) {
        int fd = hostDialInet(rig->port);

        g_array_append_val(rig->backlog, fd);
    }
}

static hostEnd
meetDialled(matrixRig *rig)
{
    int fd = rig->listener >= 0 && hostIsReadable(rig->listener, 0)
        ? accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

    return (hostEnd){ fd, fd };
}

static void
prepareUnixBinder(matrixRig *rig)
{
    rig->path = inDir(rig, "bind");
}

static void
prepareInetBinder(matrixRig *rig)
{
    rig->port = hostFreePort();
}

static hostEnd
meetUnixBinder(matrixRig *rig)
{
    int fd = hostDial(rig->path);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (hostEnd){ fd, fd };
}

static hostEnd
meetInetBinder(matrixRig *rig)
{
    int fd = hostDialInet(rig->port);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (hostEnd){ fd, fd };
}

static void
prepareUdp(matrixRig *rig)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fd = hostInet(SOCK_DGRAM, &rig->port);

    rig->other = hostFreePort();
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(rig->other);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&to, sizeof(to)), ==, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    rig->standing = (hostEnd){ fd, fd };
}

static void
prepareDev(matrixRig *rig)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    grantpt(fd);
    unlockpt(fd);
    rig->path = g_strdup(ptsname(fd));
    rig->standing = (hostEnd){ fd, fd };
}

static hostEnd
meetPty(matrixRig *rig)
{
    int fd = open(rig->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return (hostEnd){ fd, fd };
}

static void
prepareFifos(matrixRig *rig)
{
    g_autofree char *in = inDir(rig, "fifo.in"), *out = inDir(rig, "fifo.out");

    g_assert_true(mkfifo(in, 0600) == 0 && mkfifo(out, 0600) == 0);
}

static hostEnd
meetFifos(matrixRig *rig)
{
    g_autofree char *in = inDir(rig, "fifo.in"), *out = inDir(rig, "fifo.out");

    return (hostEnd){ open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC),
                      open(in, O_WRONLY | O_NONBLOCK | O_CLOEXEC) };
}

static void
prepareReadFile(matrixRig *rig)
{
    g_autofree char *path = inDir(rig, "lines");

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    rig->standing.from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void
prepareStdio(matrixRig *rig)
{
    int in[2], out[2];

    g_assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    rig->stdio[0] = in[0];
    rig->stdio[1] = out[1];
    rig->standing = (hostEnd){ out[0], in[1] };
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
}

#define ONE_END "it has one other side, which is there or not"
#define NO_PROGRAM "there is no host program"
#define NO_CONNECTION "datagrams are not accepted, and leave no connection"
#define NOT_OPENED "without a reader it is refused at start"

static const hostSide sides[] = {
    { "null", VMC_CHR_TYPE_NULL, VMC_CHR_MODE_DEFAULT, "null", prepareNothing, meetNobody, false,
      { NO_PROGRAM, NO_PROGRAM, NO_PROGRAM, NO_PROGRAM, NO_PROGRAM } },
    { "unix, connect", VMC_CHR_TYPE_UNIX, VMC_CHR_MODE_CONNECT, "unix:$DIR/agent",
      prepareUnixListener, meetDialled, false, { NULL } },
    { "unix, connect, log", VMC_CHR_TYPE_UNIX, VMC_CHR_MODE_CONNECT,
      "unix:$DIR/agent,logfile=/dev/null", prepareUnixListener, meetDialled, false, { NULL } },
    { "unix, bind", VMC_CHR_TYPE_UNIX, VMC_CHR_MODE_BIND, "unix:$DIR/bind,server,nowait",
      prepareUnixBinder, meetUnixBinder, false, { NULL } },
    { "tcp, connect", VMC_CHR_TYPE_TCP, VMC_CHR_MODE_CONNECT, "tcp:127.0.0.1:$PORT",
      prepareInetListener, meetDialled, false, { NULL } },
    { "tcp, connect, telnet", VMC_CHR_TYPE_TCP, VMC_CHR_MODE_CONNECT, "telnet:127.0.0.1:$PORT",
      prepareInetListener, meetDialled, false, { NULL } },
    { "tcp, bind", VMC_CHR_TYPE_TCP, VMC_CHR_MODE_BIND, "tcp:127.0.0.1:$PORT,server,nowait",
      prepareInetBinder, meetInetBinder, false, { NULL } },
    { "udp", VMC_CHR_TYPE_UDP, VMC_CHR_MODE_DEFAULT, "udp:127.0.0.1:$PORT@127.0.0.1:$OTHER",
      prepareUdp, meetStanding, true,
      { [NEVER_ACCEPTS] = NO_CONNECTION, [LEAKS] = NO_CONNECTION } },
    { "pty", VMC_CHR_TYPE_PTY, VMC_CHR_MODE_DEFAULT, "pty", prepareNothing, meetPty, true,
      { [LEAKS] = ONE_END } },
    { "dev", VMC_CHR_TYPE_DEV, VMC_CHR_MODE_DEFAULT, "$PATH", prepareDev, meetStanding, true,
      { [NEVER_ACCEPTS] = ONE_END, [LEAKS] = ONE_END } },
    { "pipe", VMC_CHR_TYPE_PIPE, VMC_CHR_MODE_DEFAULT, "pipe:$DIR/fifo", prepareFifos, meetFifos,
      true, { [LEAKS] = ONE_END } },
    { "file", VMC_CHR_TYPE_FILE, VMC_CHR_MODE_DEFAULT, "file:$DIR/lines", prepareReadFile,
      meetStanding, false,
      { [NEVER_ACCEPTS] = NOT_OPENED, [LEAKS] = ONE_END, [FLOODS] = "it is never read" } },
    { "stdio", VMC_CHR_TYPE_STDIO, VMC_CHR_MODE_DEFAULT, "stdio", prepareStdio, meetStanding,
      true, { [NEVER_ACCEPTS] = ONE_END, [LEAKS] = ONE_END } },
};

static void
relayStart(matrixRig *rig)
{
    g_autoptr(GString) value = g_string_new(rig->side->value);
    g_autofree char *port = g_strdup_printf("%u", rig->port);
    g_autofree char *other = g_strdup_printf("%u", rig->other);
    g_autofree char *beside = inDir(rig, "beside");
    g_autofree char *said = NULL;
    int saved[2] = { dup(0), dup(1) };
    const char *pty;

    g_string_replace(value, "$DIR", rig->dir, 0);
    g_string_replace(value, "$PATH", rig->path ? rig->path : "", 0);
    g_string_replace(value, "$PORT", port, 0);
    g_string_replace(value, "$OTHER", other, 0);
    fflush(stdout);
    for (int i = 0; i < 2 && rig->stdio[i] >= 0; i++) {
        dup2(rig->stdio[i], i);
        close(rig->stdio[i]);
    }
    rig->guest = vmcLinkGuestStart(&said, RELAY, "--uuid some-uuid --vmchannel 600:%s --vmchannel"
                                   " 601:unix:%s", value->str, beside);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    if (!rig->guest)
        g_error("%s: %s", value->str, said);
    if ((pty = strstr(said, "pty '")))
        rig->path = g_strndup(pty + 5, strcspn(pty + 5, "'"));
}

static void
rigStart(matrixRig *rig, const hostSide *side, behaviour does)
{
    g_autofree char *beside = NULL;

    *rig = (matrixRig){ .side = side, .does = does, .dir = vmcTempDir(), .listener = -1,
                        .standing = none, .stdio = { -1, -1 } };
    rig->ends = g_array_new(FALSE, FALSE, sizeof(hostEnd));
    beside = inDir(rig, "beside");
    rig->peer = vmcHostListen(beside, vmcHostSendFirst, AMOUNT);
    side->prepare(rig);
    relayStart(rig);
}

static void
rigStop(matrixRig *rig)
{
    g_atomic_int_set(&rig->over, 1);
    if (rig->flooder)
        g_thread_join(rig->flooder);
    for (guint i = 0; i < rig->ends->len; i++)
        endClose(g_array_index(rig->ends, hostEnd, i));
    g_array_unref(rig->ends);
    endClose(rig->standing);
    if (rig->listener >= 0)
        close(rig->listener);
    if (rig->backlog)
        hostCloseAll(rig->backlog);
    vmcLinkGuestFree(rig->guest);
    vmcHostFree(rig->peer);
    vmcTempDirRemove(rig->dir);
    g_free(rig->dir);
    g_free(rig->path);
}

static double
since(gint64 begin)
{
    return (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_MILLISECOND;
}

/* A connection of the channel beside: its bytes from the host program, and the same back. */
static figures
measureOnce(matrixRig *rig)
{
    gint64 begin = g_get_monotonic_time();
    vmcLinkConn *conn = vmcLinkConnect(rig->guest, 601);
    figures got = { .connect = since(begin) };
    guint64 sum = 0, expected = vmcHostPatternSum(AMOUNT);

    g_assert_true(conn->connected);
    if (!conn->connected)
        return got;             /* each wait would take its time */
    begin = g_get_monotonic_time();
    g_assert_true(vmcLinkWaitBytes(conn, AMOUNT));
    got.down = since(begin);
    g_assert_cmpuint(conn->received->len, ==, AMOUNT);
    g_assert_cmpuint(patternSum(PATTERN_SUM_START, (const guchar *)conn->received->str,
                                conn->received->len), ==, expected);
    begin = g_get_monotonic_time();
    vmcLinkSend(conn, conn->received->str, conn->received->len);
    vmcLinkFin(conn);
    g_assert_true(vmcHostWaitFinished(rig->peer, rig->measured + 1));
    got.up = since(begin);
    g_assert_cmpuint(vmcHostReceived(rig->peer, rig->measured, &sum), ==, AMOUNT);
    g_assert_cmpuint(sum, ==, expected);
    rig->measured++;
    return got;
}

static int
compareDoubles(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

static double
median(double values[TIMES])
{
    qsort(values, TIMES, sizeof(values[0]), compareDoubles);
    return values[TIMES / 2];
}

static figures
measure(matrixRig *rig)
{
    double connect[TIMES] = { 0 }, down[TIMES] = { 0 }, up[TIMES] = { 0 };

    for (int i = 0; i < TIMES && !g_test_failed(); i++) {
        figures got = measureOnce(rig);

        connect[i] = got.connect;
        down[i] = got.down;
        up[i] = got.up;
    }
    return (figures){ median(connect), median(down), median(up) };
}

static gint64
count(struct json_object *channel, const char *key)
{
    return json_object_get_int64(json_object_object_get(channel, key));
}

/* Nobody of the channel beside was turned away, or gave way. */
static void
expectNoLimits(void)
{
    g_autofree char *path = g_build_filename(runDir, "vmchannel/some-uuid.sock", NULL);
    g_autoptr(vmcControlClient) client = vmcControlClientOpen(path);
    g_autoptr(vmcJson) list = NULL;
    bool found = false;

    g_assert_nonnull(client);
    list = vmcControlClientExecute(client, "query-vmchannels", NULL, NULL);
    g_assert_nonnull(list);
    for (gsize i = 0; i < json_object_array_length(list); i++) {
        struct json_object *channel = json_object_array_get_idx(list, i);

        if (count(channel, "port") != 601)
            continue;
        found = true;
        g_assert_cmpint(count(channel, "dropped"), ==, 0);
        g_assert_cmpint(count(channel, "evicted"), ==, 0);
        g_assert_cmpint(count(channel, "refused"), ==, 0);
    }
    g_assert_true(found);
}

/* In a thread: writes to all of them, for as long as the channel beside is measured. */
static gpointer
flood(gpointer opaque)
{
    matrixRig *rig = opaque;
    g_autofree char *bytes = g_strnfill(32768, 'x');

    while (!g_atomic_int_get(&rig->over)) {
        bool wrote = false;

        for (guint i = 0; i < rig->ends->len; i++) {
            int to = g_array_index(rig->ends, hostEnd, i).to;

            wrote = write(to, bytes, 32768) > 0 || wrote;
        }
        if (!wrote)
            g_usleep(100);
    }
    return NULL;
}

static void
readAll(int fd)
{
    char bytes[65536];

    while (read(fd, bytes, sizeof(bytes)) > 0)
        continue;
}

/* What host programs do about @count guests that have come; there are fewer ends of some kinds. */
static void
hostSteps(matrixRig *rig, int count)
{
    hostEnd end;

    for (int i = 0; i < count && rig->does != NEVER_ACCEPTS; i++) {
        end = rig->side->meet(rig);
        if (end.from < 0)
            break;
        if (rig->does == DIES)
            endClose(end);
        else
            g_array_append_val(rig->ends, end);
    }
    for (guint i = 0; rig->does == LEAKS && i < rig->ends->len; i++)
        readAll(g_array_index(rig->ends, hostEnd, i).from);
}

/*
 * What a guest does on a connection, if it has it: much or little, and an end, or none. Where
 * nobody accepts, few that have ended are kept anyway.
 */
static void
guestStep(matrixRig *rig, vmcLinkConn *conn, int number)
{
    static const char bytes[50000];

    rig->connected += conn->connected;
    if (!conn->connected || conn->reset || rig->does == FLOODS)
        return;
    vmcLinkPush(conn, bytes, number == 0 ? sizeof(bytes) : 1000);
    if (number % 8 == 0)
        vmcLinkReset(conn);
    else if (number % 2 && rig->does != NEVER_ACCEPTS)
        vmcLinkFin(conn);
}

/* Whether a guest that connects hears something, be it no. */
static bool
isAnswered(const matrixRig *rig)
{
    return rig->does != NEVER_ACCEPTS || rig->side->meet != meetDialled;
}

/* Some guests that come at once. */
static void
misbehaveOnce(matrixRig *rig)
{
    vmcLinkConn *conns[AT_ONCE];

    for (int i = 0; i < AT_ONCE; i++) {
        conns[i] = vmcLinkDial(rig->guest, 600);
        conns[i]->careless = true;
        conns[i]->deaf = rig->does == FLOODS && i % 2;
    }
    for (int i = 0; i < AT_ONCE && isAnswered(rig); i++)
        g_assert_true(vmcLinkWaitAnswer(conns[i]));
    while (vmcLinkTurn(rig->guest, 0))
        continue;
    /* Where there is one other side, it is had once, or comes and goes. */
    if (!rig->side->alone || rig->ends->len == 0)
        hostSteps(rig, rig->side->alone ? 1 : AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++)
        guestStep(rig, conns[i], i);
}

/* At last, where host programs die, nobody listens any more. */
static void
misbehave(matrixRig *rig)
{
    int many = rig->does == FLOODS ? FLOODS_MAX : rig->side->alone ? ALONE : MANY;

    for (int done = 0; done < many; done += AT_ONCE) {
        if (rig->does == DIES && done > many / 2 && rig->listener >= 0) {
            close(rig->listener);
            rig->listener = -1;
        }
        misbehaveOnce(rig);
    }
    while (vmcLinkTurn(rig->guest, 20))
        continue;
    if (rig->does == FLOODS)
        rig->flooder = g_thread_new("flood", flood, rig);
}

static void
runCombination(const hostSide *side, behaviour does)
{
    matrixRig rig;
    figures alone, beside;
    gint64 begin = g_get_monotonic_time();

    if (side->cannot[does]) {
        g_test_message("| %-20s | %-17s | cannot be: %s |", side->name, behaviours[does],
                       side->cannot[does]);
        return;
    }
    rigStart(&rig, side, does);
    alone = measure(&rig);
    misbehave(&rig);
    beside = measure(&rig);
    expectNoLimits();
    g_test_message("| %-20s | %-17s | %4u | %7.1f (%5.1f) | %7.1f (%5.1f) | %7.1f (%5.1f) | %4.1f"
                   " |", side->name, behaviours[does], rig.connected, beside.connect,
                   alone.connect, beside.down, alone.down, beside.up, alone.up,
                   since(begin) / 1000);
    rigStop(&rig);
}

static void
testSide(gconstpointer side)
{
    g_test_message("| host side            | host programs     | got  | connect, ms     | 1 MiB "
                   "down, ms  | 1 MiB up, ms    | s    |");
    for (int does = 0; does < BEHAVIOUR_LAST && !g_test_failed(); does++)
        runCombination(side, does);
}

/* A type that a channel may have is in the matrix. */
static void
testComplete(void)
{
    for (int type = 0; type < VMC_CHR_TYPE_LAST; type++) {
        for (int mode = 0; mode < VMC_CHR_MODE_LAST; mode++) {
            bool found = false;

            for (gsize i = 0; i < G_N_ELEMENTS(sides); i++)
                found = found || ((int)sides[i].type == type && (int)sides[i].mode == mode);
            if (chrSideIs(type, mode) && !found) {
                g_test_message("type '%s' is not in this test's table",
                               vmcChrTypeToString(type));
                g_test_fail();
            }
        }
    }
}

int
main(int argc, char **argv)
{
    struct rlimit limit;
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    runDir = vmcTempDir();
    g_setenv("XDG_RUNTIME_DIR", runDir, TRUE);
    g_test_add_func("/relay/matrix/complete", testComplete);
    for (gsize i = 0; i < G_N_ELEMENTS(sides); i++) {
        g_autoptr(GString) path = g_string_new("/relay/matrix/");

        g_string_append(path, sides[i].name);
        g_string_replace(path, ", ", "-", 0);
        g_test_add_data_func(path->str, &sides[i], testSide);
    }
    status = g_test_run();
    vmcTempDirRemove(runDir);
    g_free(runDir);
    return status;
}
