/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the relay's cost grows with channels, connections and guests, and what a
 * connection that is stuck costs. A scripted guest is at the end of each link:
 * what is looked at is the relay, and a thousand connections are quick.
 */
#include <config.h>

#include <stdio.h>

#include "plot.h"
#include "process.h"
#include "relaybench.h"
#include "tests/lib/hostpeer.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"
#define FIRST_PORT 600
#define IDLE_SECONDS 1
#define SETTLE (3 * G_TIME_SPAN_SECOND) /* after which no timer runs */
#define ROUND_TRIPS 200
#define SAMPLES 7
#define STALLED 64
#define GUESTS_MAX 20

/* What grows, and the sizes that are looked at. The others are 1. */
typedef enum { CHANNELS, CONNECTIONS, GUESTS, AXIS_LAST } axisKind;

#define SIZES 5
static const struct {
    const char *name;
    unsigned int sizes[SIZES];
} axes[AXIS_LAST] = {
    [CHANNELS] = { "channels", { 1, 4, 16, 32, 64 } },
    [CONNECTIONS] = { "connections", { 1, 64, 256, 512, 1024 } },
    [GUESTS] = { "guests", { 1, 5, 10, 15, 20 } },
};

typedef enum { PSS, WAKEUPS, ROUND_TRIP, COST_LAST } costKind;

static const struct {
    const char *name;
    const char *title;
} costs[COST_LAST] = {
    [PSS] = { "pss_kib", "memory of all relays, KiB" },
    [WAKEUPS] = { "wakeups_per_s", "idle wake-ups per second" },
    [ROUND_TRIP] = { "round_trip_us", "round trip on the last one, µs" },
};

static const benchRow stalledRow = {
    "stalled_kib", false, BENCH_AT_MOST, 64,
    "memory of a connection whose host program reads nothing"
};

static char *
figureName(axisKind axis, unsigned int size, costKind cost)
{
    return g_strdup_printf("%s_%u_%s", axes[axis].name, size, costs[cost].name);
}

/* The names live as long as the program. */
void
relaybenchGrowthRows(GArray *all)
{
    g_array_append_val(all, stalledRow);
    for (axisKind i = 0; i < AXIS_LAST; i++) {
        for (size_t j = 0; j < SIZES; j++) {
            for (costKind k = 0; k < COST_LAST; k++) {
                benchRow row = { .name = figureName(i, axes[i].sizes[j], k),
                                 .what = costs[k].title };

                g_array_append_val(all, row);
            }
        }
    }
}

/* A relay with so many channels, all to the host program at @path. */
static vmcLinkGuest *
startGuest(const char *path, unsigned int channels)
{
    g_autoptr(GString) arguments = g_string_new(NULL);
    g_autofree char *error = NULL;
    vmcLinkGuest *guest;

    for (unsigned int i = 0; i < channels; i++)
        g_string_append_printf(arguments, " --vmchannel %u:unix:%s", FIRST_PORT + i, path);
    guest = vmcLinkGuestStart(&error, RELAY, "%s", arguments->str);
    if (!guest)
        fprintf(stderr, "relaybench: the relay does not start: %s\n", error);
    return guest;
}

static void
reportCost(benchReport *report, axisKind axis, unsigned int size, costKind cost, double value)
{
    g_autofree char *name = figureName(axis, size, cost);

    benchReportAdd(report, name, value);
}

static void
measureRoundTrip(benchReport *report, axisKind axis, unsigned int size, vmcLinkConn *conn)
{
    gint64 begin = g_get_monotonic_time();

    for (unsigned int i = 1; i <= SAMPLES * ROUND_TRIPS; i++) {
        vmcLinkPush(conn, "x", 1);
        if (!vmcLinkWaitBytes(conn, i)) {
            fprintf(stderr, "relaybench: %u %s: no echo\n", size, axes[axis].name);
            return;
        }
        if (i % ROUND_TRIPS > 0)
            continue;
        reportCost(report, axis, size, ROUND_TRIP,
                (double)(g_get_monotonic_time() - begin) / ROUND_TRIPS);
        begin = g_get_monotonic_time();
    }
}

static void
measureIdle(benchReport *report, axisKind axis, unsigned int size)
{
    g_autoptr(GArray) pids = vmcRelayPids();

    g_usleep(SETTLE);
    reportCost(report, axis, size, WAKEUPS, processWakeups(pids, IDLE_SECONDS));
    reportCost(report, axis, size, PSS, processPss(pids));
}

static void
measureSize(benchReport *report, axisKind axis, unsigned int size, const char *path)
{
    unsigned int channels = axis == CHANNELS ? size : 1;
    unsigned int connections = axis == CONNECTIONS ? size : 1;
    unsigned int count = axis == GUESTS ? size : 1;
    vmcLinkGuest *guests[GUESTS_MAX] = { NULL };
    vmcLinkConn *conn = NULL;

    for (unsigned int i = 0; i < count && (guests[i] = startGuest(path, channels)); i++) {
        for (unsigned int j = 0; j < connections; j++)
            conn = vmcLinkConnect(guests[i], (guint16)(FIRST_PORT + channels - 1));
    }
    if (guests[count - 1] && conn) {
        measureRoundTrip(report, axis, size, conn);
        measureIdle(report, axis, size);
    }
    /* All at once: freeing one waits until no relay is left. */
    for (unsigned int i = 0; i < count && guests[i]; i++)
        vmcLinkGuestClose(guests[i]);
    for (unsigned int i = 0; i < count; i++)
        vmcLinkGuestFree(guests[i]);
}

/* Fills a connection until nothing moves any more. */
static void
fill(vmcLinkGuest *guest, vmcLinkConn *conn)
{
    static const char bytes[65536];

    do {
        while (vmcLinkPush(conn, bytes, sizeof(bytes)) > 0)
            continue;
    } while (vmcLinkTurn(guest, 20));
}

static void
measureStalled(benchReport *report, const char *path)
{
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostNeverRead, 0);
    g_autoptr(vmcLinkGuest) guest = startGuest(path, 1);
    g_autoptr(GArray) pids = vmcRelayPids();
    double before = 0;

    if (!guest)
        return;
    /* The first one also touches what all of them share. */
    for (unsigned int i = 0; i <= STALLED; i++) {
        fill(guest, vmcLinkConnect(guest, FIRST_PORT));
        if (i == 0)
            before = processAnon(pids);
    }
    benchReportAdd(report, "stalled_kib", (processAnon(pids) - before) / STALLED);
}

void
relaybenchGrowth(benchReport *report)
{
    g_autofree char *dir = vmcTempDir();
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    g_autoptr(vmcHostPeer) host = vmcHostListen(path, vmcHostEcho, 0);

    for (axisKind i = 0; i < AXIS_LAST; i++) {
        for (size_t j = 0; j < SIZES; j++)
            measureSize(report, i, axes[i].sizes[j], path);
    }
    g_clear_pointer(&host, vmcHostFree);
    measureStalled(report, path);
    vmcTempDirRemove(dir);
}

int
relaybenchGrowthPlot(const benchReport *report, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "relay-growth.svg", NULL);
    g_autoptr(plot) page = plotNew(AXIS_LAST * COST_LAST);

    for (costKind i = 0; i < COST_LAST; i++) {
        for (axisKind j = 0; j < AXIS_LAST; j++) {
            g_autofree char *title = g_strdup_printf("%s, by %s", costs[i].title, axes[j].name);

            plotPanel(page, title);
            for (size_t k = 0; k < SIZES; k++) {
                g_autofree char *name = figureName(j, axes[j].sizes[k], i);

                plotPoint(page, axes[j].sizes[k], benchReportQuantile(report, name, 0.5));
            }
        }
    }
    return plotWrite(page, path);
}
