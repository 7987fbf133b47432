/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay beside what else carries bytes between a guest and a host program:
 * QEMU's guestfwd to a character device and with cmd:, a virtio-serial port, passt,
 * and a floor for the relay (relaybench_floor.h). One guest has them all at once,
 * and a connection open on each; in each round all are measured in a shuffled
 * order, and ratios are taken within it.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pace.h"
#include "plot.h"
#include "process.h"
#include "relaybench.h"
#include "relaybench_floor.h"
#include "tests/lib/guest.h"

#define ROUNDS 15
#define MIB (1024.0 * 1024)
#define GIB (1024 * MIB)
#define IDLE_SECONDS 5
#define HOST_THREADS 4          /* of each host program: connections at once */
#define SETTLE (3 * G_TIME_SPAN_SECOND) /* after which no timer of the relay's runs */

typedef enum {
    OURS,
    GUESTFWD,
    GUESTFWD_CMD,
    VIRTIO_SERIAL,
    PASST,
    FLOOR,
    TRANSPORT_LAST
} transportKind;

/* Amounts for which each needs some tenths of a second when emulated. */
static const struct {
    const char *name;
    unsigned int mib;
    unsigned int echoes;
    unsigned int connections;   /* 0: has no connections */
} transports[TRANSPORT_LAST] = {
    [OURS] = { "vmchannel", 96, 1000, 300 },
    [GUESTFWD] = { "guestfwd", 16, 1000, 0 },
    [GUESTFWD_CMD] = { "guestfwd_cmd", 16, 1000, 20 },
    [VIRTIO_SERIAL] = { "virtio_serial", 96, 1000, 0 },
    [PASST] = { "passt", 64, 1000, 200 },
    [FLOOR] = { "floor", 96, 1000, 300 },
};

typedef enum { BULK_UP, BULK_DOWN, RTT_1, RTT_1K, CONN_RATE, OPERATION_LAST } operationKind;

static const struct {
    const char *name;           /* of its ratio */
    const char *unit;           /* of its figure */
    const char *title;
    paceKind kind;
    unsigned int size;          /* of a message */
    const char *cpuUnit;        /* of what it costs on processors */
    double cpuScale;            /* to it, from seconds for one byte, message or connection */
} operations[OPERATION_LAST] = {
    [BULK_UP] = { "bulk_up", "mib_s", "bulk to the host, MiB/s", PACE_UP, 0, "s_per_gib", GIB },
    [BULK_DOWN] = { "bulk_down", "mib_s", "bulk to the guest, MiB/s", PACE_DOWN, 0, "s_per_gib",
                    GIB },
    [RTT_1] = { "rtt_1", "us", "round trip of 1 byte, µs", PACE_ECHO, 1, "us_per", 1e6 },
    [RTT_1K] = { "rtt_1k", "us", "round trip of 1 KiB, µs", PACE_ECHO, 1024, "us_per", 1e6 },
    [CONN_RATE] = { "conn_rate", "s", "connections per second", PACE_CONNECT, 1, "us_per", 1e6 },
};

/* One's to another's. */
static const struct {
    const char *name;
    operationKind operation;
    transportKind one, other;
    benchTarget target;
    double limit;
} ratios[] = {
    { "bulk_up", BULK_UP, OURS, GUESTFWD, BENCH_AT_LEAST, 5 },
    { "bulk_down", BULK_DOWN, OURS, GUESTFWD, BENCH_AT_LEAST, 6 },
    { "rtt_1", RTT_1, OURS, GUESTFWD, BENCH_AT_MOST, 1 },
    { "rtt_1k", RTT_1K, OURS, GUESTFWD, BENCH_NO_TARGET, 0 },
    { "conn_rate", CONN_RATE, OURS, GUESTFWD_CMD, BENCH_AT_LEAST, 15 },
    { "bulk_up_virtio_serial", BULK_UP, OURS, VIRTIO_SERIAL, BENCH_NO_TARGET, 0 },
    { "bulk_down_virtio_serial", BULK_DOWN, OURS, VIRTIO_SERIAL, BENCH_NO_TARGET, 0 },
    { "bulk_up_passt", BULK_UP, OURS, PASST, BENCH_AT_LEAST, 1 },
    { "bulk_down_passt", BULK_DOWN, OURS, PASST, BENCH_AT_LEAST, 1 },
    { "rtt_1_passt", RTT_1, OURS, PASST, BENCH_AT_MOST, 1 },
    { "conn_rate_passt", CONN_RATE, OURS, PASST, BENCH_AT_LEAST, 1 },
    { "bulk_up_floor", BULK_UP, OURS, FLOOR, BENCH_NO_TARGET, 0 },
    { "bulk_down_floor", BULK_DOWN, OURS, FLOOR, BENCH_NO_TARGET, 0 },
    { "rtt_1_floor", RTT_1, OURS, FLOOR, BENCH_NO_TARGET, 0 },
    { "conn_rate_floor", CONN_RATE, OURS, FLOOR, BENCH_NO_TARGET, 0 },
    /* What those with a target would be, were the relay no more than its endpoint. */
    { "floor_bulk_up", BULK_UP, FLOOR, GUESTFWD, BENCH_NO_TARGET, 0 },
    { "floor_bulk_down", BULK_DOWN, FLOOR, GUESTFWD, BENCH_NO_TARGET, 0 },
    { "floor_rtt_1", RTT_1, FLOOR, GUESTFWD, BENCH_NO_TARGET, 0 },
    { "floor_conn_rate", CONN_RATE, FLOOR, GUESTFWD_CMD, BENCH_NO_TARGET, 0 },
    { "floor_bulk_up_passt", BULK_UP, FLOOR, PASST, BENCH_NO_TARGET, 0 },
    { "floor_bulk_down_passt", BULK_DOWN, FLOOR, PASST, BENCH_NO_TARGET, 0 },
    { "floor_rtt_1_passt", RTT_1, FLOOR, PASST, BENCH_NO_TARGET, 0 },
    { "floor_conn_rate_passt", CONN_RATE, FLOOR, PASST, BENCH_NO_TARGET, 0 },
};

static const benchRow memory[] = {
    { "idle_pss_kib", false, BENCH_AT_MOST, 700,
      "memory of broker and worker, before any traffic" },
    { "idle_wakeups_per_s", false, BENCH_AT_MOST, 0, "of broker and worker, a connection open" },
    { "busy_pss_kib", false, BENCH_NO_TARGET, 0, "memory of broker and worker, after all traffic" },
    { "idle_pss_kib_passt", false, BENCH_NO_TARGET, 0, "memory of passt, before any traffic" },
    { "busy_pss_kib_passt", false, BENCH_NO_TARGET, 0, "memory of passt, after all traffic" },
};

typedef struct {
    char *dir;
    vmcGuest *guest;
    GPid passtPid;
    GArray *qemu, *relay, *passt;       /* of pid_t */
    int daemon;                 /* the guest's part, a command that runs on */
} bench;

static bool
has(transportKind transport, operationKind operation)
{
    return operation != CONN_RATE || transports[transport].connections > 0;
}

static char *
figureName(transportKind transport, operationKind operation)
{
    return g_strdup_printf("%s_%s_%s", operations[operation].name, operations[operation].unit,
                           transports[transport].name);
}

/* Time on processors for a GiB, a round trip or a connection. */
static char *
cpuName(const char *process, transportKind transport, operationKind operation)
{
    return g_strdup_printf("cpu_%s_%s_%s_%s", process, operations[operation].cpuUnit,
                           operations[operation].name, transports[transport].name);
}

/* The process beside QEMU that a transport needs, or NULL. */
static const char *const helpers[TRANSPORT_LAST] = { [OURS] = "relay", [PASST] = "passt" };

static void
addRow(GArray *all, char *name, const char *what)
{
    benchRow row = { .name = name, .what = what };

    g_array_append_val(all, row);
}

static void
addTransportRows(GArray *all, transportKind transport)
{
    for (operationKind i = 0; i < OPERATION_LAST; i++) {
        if (has(transport, i))
            addRow(all, figureName(transport, i), operations[i].title);
    }
    for (operationKind i = 0; i < OPERATION_LAST; i++) {
        if (!has(transport, i))
            continue;
        addRow(all, cpuName("qemu", transport, i), "QEMU's time on processors for it");
        if (helpers[transport])
            addRow(all, cpuName(helpers[transport], transport, i), "the other processes' time");
    }
}

/* The names live as long as the program. */
void
relaybenchGuestRows(GArray *all)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ratios); i++) {
        g_autofree char *what = g_strdup_printf("%s to %s: %s", transports[ratios[i].one].name,
                                                transports[ratios[i].other].name,
                                                operations[ratios[i].operation].title);
        benchRow row = { ratios[i].name, true, ratios[i].target, ratios[i].limit,
                         g_intern_string(what) };

        g_array_append_val(all, row);
    }
    g_array_append_vals(all, memory, G_N_ELEMENTS(memory));
    for (transportKind i = 0; i < TRANSPORT_LAST; i++)
        addTransportRows(all, i);
}

static void G_GNUC_PRINTF(1, 2)
failed(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "relaybench: %s\n", text);
}

static void
servePace(int fd)
{
    while (paceServe(fd) == 0)
        continue;
}

/* The guest's part itself, which goes there through a channel. */
static void
serveProgram(int fd)
{
    g_autofree char *path = vmcBuildPath("bench/paceguest");
    g_autofree char *bytes = NULL;
    gsize len;

    if (g_file_get_contents(path, &bytes, &len, NULL))
        paceSend(fd, bytes, len);
}

typedef struct {
    int listener;
    void (*serve)(int fd);
} hostProgram;

static gpointer
hostThread(gpointer data)
{
    const hostProgram *program = data;
    int fd;

    while ((fd = accept4(program->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        program->serve(fd);
        close(fd);
    }
    return NULL;
}

/*
 * Serves for as long as the program runs, with threads that wait for the next
 * connection: what is measured is not how one is made.
 */
static void
hostServe(int listener, void (*serve)(int fd))
{
    hostProgram *program = g_new(hostProgram, 1);

    program->listener = listener;
    program->serve = serve;
    for (int i = 0; i < HOST_THREADS; i++)
        g_thread_unref(g_thread_new("host", hostThread, program));
}

static void
hostListen(const bench *b, const char *name, void (*serve)(int fd))
{
    g_autofree char *path = g_build_filename(b->dir, name, NULL);

    hostServe(vmcListen(path), serve);
}

/* A TCP server on the loopback interface; returns its port. */
static unsigned int
hostListenTcp(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        g_error("no TCP socket on the host: %m");
    hostServe(fd, servePace);
    return ntohs(address.sin_port);
}

/*
 * passt, for one guest: it ends with QEMU. It leaves root for nobody, so its socket's folder
 * is open.
 */
static int
passtStart(bench *b)
{
    g_autofree char *socket = g_build_filename(b->dir, "passt", NULL);
    const char *const argv[] = {
        "passt", "--foreground", "--quiet", "--ipv4-only", "--one-off", "--socket", socket,
        "--tcp-ports", "none", "--udp-ports", "none", "--interface", "lo",
        "--address", "10.0.4.15", "--netmask", "24", "--gateway", "10.0.4.2",
        "--mac-addr", "52:54:00:00:04:02", NULL
    };
    g_autoptr(GError) error = NULL;
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * G_TIME_SPAN_MILLISECOND;

    chmod(b->dir, 0777);
    if (!g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                       G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                       NULL, NULL, &b->passtPid, &error)) {
        failed("passt: %s", error->message);
        return -1;
    }
    b->passt = processSet(b->passtPid);
    while (!g_file_test(socket, G_FILE_TEST_EXISTS) && g_get_monotonic_time() < end)
        g_usleep(10000);
    return 0;
}

/*
 * The guest has one CPU and could have two: QEMU's TCG translates no memory
 * barriers where there can be no second one, and a NIC then misses a notification
 * sooner or later, and stands still.
 *
 * A virtio-serial controller has two queues for each port that it could have,
 * 31 unless told, and QEMU's main loop polls a descriptor for each of them in
 * each turn: here and in the test guest's own it has as many as are used, or
 * each transport would pay for them.
 */
static int
boot(bench *b)
{
    g_autofree char *wrapped = vmcWrapped();
    g_autofree char *program = vmcBuildPath("bench/paceguest");
    g_autofree char *floorNetdev = relaybenchFloorNetdev(b->dir);

    b->guest = vmcGuestStart(
        "%s -nodefaults -smp 1,maxcpus=2 -vmchannel 600:unix:%s/ours -vmchannel 601:unix:%s/program"
        " -chardev socket,id=forward,path=%s/forward"
        " -netdev 'user,id=user,net=10.0.3.0/24,guestfwd=tcp:10.0.3.100:600-chardev:forward,"
        "guestfwd=tcp:10.0.3.101:600-cmd:%s serve' -device virtio-net-pci,netdev=user"
        " -netdev stream,id=passt,server=off,addr.type=unix,addr.path=%s/passt"
        " -device virtio-net-pci,netdev=passt"
        " -netdev %s -device virtio-net-pci,netdev=floor,host_mtu=65520"
        " -device virtio-serial-pci,id=serial,max_ports=2 -chardev socket,id=port,path=%s/port"
        " -device virtserialport,bus=serial.0,chardev=port,name=bench",
        wrapped, b->dir, b->dir, b->dir, program, b->dir, floorNetdev, b->dir);
    if (!b->guest)
        return -1;
    b->qemu = processSet(vmcMachinePid(vmcGuestMachine(b->guest)));
    b->relay = vmcRelayPids();
    return 0;
}

static int
daemonStart(bench *b, unsigned int tcpPort)
{
    g_autofree char *output = NULL;

    if (vmcGuestRun(b->guest, &output,
                    "nettool 10.0.2.4 601 recv >/tmp/pace && chmod +x /tmp/pace") != 0) {
        failed("the guest's part does not come into the guest: %s", output);
        return -1;
    }
    b->daemon = vmcGuestSpawn(
        b->guest, "for p in /sys/class/virtio-ports/*; do"
        " [ $(cat $p/name) != bench ] || port=/dev/${p##*/}; done;"
        " exec /tmp/pace /tmp/bench vmchannel=10.0.2.4:600 guestfwd=10.0.3.100:600"
        " guestfwd_cmd=10.0.3.101:600 virtio_serial=$port passt=10.0.4.2:%u floor=%s:%u", tcpPort,
        RELAYBENCH_FLOOR_ADDRESS, RELAYBENCH_FLOOR_PORT);
    if (vmcGuestRun(b->guest, NULL, "for i in $(seq 300); do"
                    " [ ! -p /tmp/bench.ask ] || exit 0; usleep 100000; done; exit 1") == 0)
        return 0;
    vmcGuestKill(b->guest, b->daemon);
    g_clear_pointer(&output, g_free);
    vmcGuestWait(b->guest, b->daemon, &output);
    failed("not every transport can be opened in the guest: %s", output);
    return -1;
}

/* Returns seconds, or -1 having said why there are none. */
static double
ask(bench *b, transportKind transport, paceKind kind, double count, unsigned int size)
{
    g_autofree char *output = NULL;
    double seconds = 0;

    if (vmcGuestRun(b->guest, &output, "echo %s %s %.0f %u >/tmp/bench.ask; cat /tmp/bench.answer",
                    paceKinds[kind], transports[transport].name, count, size) == 0)
        seconds = g_ascii_strtod(output, NULL);
    if (seconds > 0)
        return seconds;
    failed("%s over %s: %s", paceKinds[kind], transports[transport].name,
           seconds < 0 ? "it got stuck" : output);
    return -1;
}

static double
amount(transportKind transport, operationKind operation)
{
    switch (operations[operation].kind) {
    case PACE_ECHO:
        return transports[transport].echoes;
    case PACE_CONNECT:
        return transports[transport].connections;
    default:
        return transports[transport].mib * MIB;
    }
}

/* The figure of @count in so many seconds, in its operation's unit. */
static double
figure(operationKind operation, double count, double seconds)
{
    switch (operations[operation].kind) {
    case PACE_ECHO:
        return seconds / count * 1e6;
    case PACE_CONNECT:
        return count / seconds;
    default:
        return count / MIB / seconds;
    }
}

typedef struct {
    double qemu, helper;
} cpuTimes;

static cpuTimes
cpuNow(const bench *b, transportKind transport)
{
    cpuTimes times = { .qemu = processCpu(b->qemu) };

    if (helpers[transport])
        times.helper = processCpu(transport == OURS ? b->relay : b->passt);
    return times;
}

/* What asking itself costs is taken off: it is the guest's shell. */
static void
reportCpu(benchReport *report, transportKind transport, operationKind operation, double count,
          const cpuTimes at[3])
{
    g_autofree char *qemu = cpuName("qemu", transport, operation);
    double share = operations[operation].cpuScale / count;

    benchReportAdd(report, qemu, ((at[2].qemu - at[1].qemu) - (at[1].qemu - at[0].qemu)) * share);
    if (helpers[transport]) {
        g_autofree char *helper = cpuName(helpers[transport], transport, operation);

        benchReportAdd(report, helper, (at[2].helper - at[1].helper) * share);
    }
}

/* Returns the figure, or -1. */
static double
measure(bench *b, benchReport *report, transportKind transport, operationKind operation)
{
    g_autofree char *name = figureName(transport, operation);
    double count = amount(transport, operation);
    cpuTimes at[3];
    double seconds;

    at[0] = cpuNow(b, transport);
    if (ask(b, transport, PACE_ECHO, 1, 1) < 0)
        return -1;
    at[1] = cpuNow(b, transport);
    seconds = ask(b, transport, operations[operation].kind, count, operations[operation].size);
    if (seconds < 0)
        return -1;
    at[2] = cpuNow(b, transport);
    reportCpu(report, transport, operation, count, at);
    seconds = figure(operation, count, seconds);
    benchReportAdd(report, name, seconds);
    return seconds;
}

typedef struct {
    transportKind transport;
    operationKind operation;
} task;

static guint
taskList(task tasks[TRANSPORT_LAST * OPERATION_LAST])
{
    guint n = 0;

    for (transportKind i = 0; i < TRANSPORT_LAST; i++) {
        for (operationKind j = 0; j < OPERATION_LAST; j++) {
            if (has(i, j))
                tasks[n++] = (task){ i, j };
        }
    }
    for (guint i = n; i > 1; i--) {
        guint other = (guint)g_random_int_range(0, (gint32)i);
        task last = tasks[i - 1];

        tasks[i - 1] = tasks[other];
        tasks[other] = last;
    }
    return n;
}

static int
runRound(bench *b, benchReport *report)
{
    task tasks[TRANSPORT_LAST * OPERATION_LAST];
    double got[TRANSPORT_LAST][OPERATION_LAST];
    guint n = taskList(tasks);

    for (guint i = 0; i < n; i++) {
        double value = measure(b, report, tasks[i].transport, tasks[i].operation);

        if (value < 0)
            return -1;
        got[tasks[i].transport][tasks[i].operation] = value;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ratios); i++)
        benchReportAdd(report, ratios[i].name, got[ratios[i].one][ratios[i].operation] /
                       got[ratios[i].other][ratios[i].operation]);
    return 0;
}

static int
measureAll(bench *b, benchReport *report)
{
    unsigned int tcpPort = hostListenTcp();

    hostListen(b, "ours", servePace);
    hostListen(b, "forward", servePace);
    hostListen(b, "port", servePace);
    hostListen(b, "program", serveProgram);
    if (relaybenchFloorStart(b->dir) < 0) {
        failed("no socket for the floor: %s", g_strerror(errno));
        return -1;
    }
    if (passtStart(b) < 0 || boot(b) < 0)
        return -1;
    g_usleep(SETTLE);
    benchReportAdd(report, "idle_pss_kib", processPss(b->relay));
    benchReportAdd(report, "idle_pss_kib_passt", processPss(b->passt));
    if (daemonStart(b, tcpPort) < 0)
        return -1;
    for (int i = 0; i < ROUNDS; i++) {
        fprintf(stderr, "relaybench: round %d of %d\n", i + 1, ROUNDS);
        if (runRound(b, report) < 0)
            return -1;
    }
    benchReportAdd(report, "busy_pss_kib", processPss(b->relay));
    benchReportAdd(report, "busy_pss_kib_passt", processPss(b->passt));
    g_usleep(SETTLE);
    benchReportAdd(report, "idle_wakeups_per_s", processWakeups(b->relay, IDLE_SECONDS));
    return 0;
}

void
relaybenchGuest(benchReport *report)
{
    g_autofree char *missing = vmcMissingEmulator(false);
    bench b = { .dir = NULL };

    if (!missing)
        missing = vmcMissingGuest();
    if (missing) {
        failed("%s", missing);
        return;
    }
    b.dir = vmcTempDir();
    if (measureAll(&b, report) < 0 && b.guest)
        vmcGuestDump(b.guest);
    vmcGuestStop(b.guest);
    vmcTempDirRemove(b.dir);
    g_free(b.dir);
}

int
relaybenchGuestPlot(const benchReport *report, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "relay.svg", NULL);
    g_autoptr(plot) page = plotNew(OPERATION_LAST);

    for (operationKind i = 0; i < OPERATION_LAST; i++) {
        plotPanel(page, operations[i].title);
        for (transportKind j = 0; j < TRANSPORT_LAST; j++) {
            g_autofree char *name = figureName(j, i);

            if (has(j, i))
                plotBar(page, transports[j].name, benchReportQuantile(report, name, 0.5),
                        benchReportQuantile(report, name, 0.25),
                        benchReportQuantile(report, name, 0.75));
        }
    }
    return plotWrite(page, path);
}
