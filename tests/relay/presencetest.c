/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that is reset says no goodbye: what becomes of its connections on the host,
 * and whether the next boot is served; with scripted guests on their links. Each way to
 * notice it stands in tests/unit/endpoint/presencetest.c, by a played clock.
 */
#include <config.h>

#include <fcntl.h>
#include <json-c/json_tokener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/json.h"
#include "tests/lib/guestframe.h"
#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

/* The channels, from 600 on: the first are for one connection at a time. */
static const char *const types[] = { "pty", "pipe", "dev", "udp", "unix", "tcp" };
#define ALONE 4
#define TYPES G_N_ELEMENTS(types)

/* What is at the host's end of all of them. */
typedef struct {
    char *channels;             /* the relay's arguments */
    int terminal, fifo, udp;
    int listeners[TYPES];       /* or -1 */
    GArray *agents;             /* accepted */
} hostSides;

static void
hostSidesOpen(hostSides *sides, const char *dir)
{
    g_autofree char *in = g_strdup_printf("%s/pipe.in", dir);
    g_autofree char *out = g_strdup_printf("%s/pipe.out", dir);
    g_autofree char *agent = g_strdup_printf("%s/agent", dir);
    guint16 udp, tcp;

    sides->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_true(grantpt(sides->terminal) == 0 && unlockpt(sides->terminal) == 0);
    g_assert_true(mkfifo(in, 0600) == 0 && mkfifo(out, 0600) == 0);
    sides->fifo = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    sides->udp = hostInet(SOCK_DGRAM, &udp);
    for (gsize type = 0; type < ALONE; type++)
        sides->listeners[type] = -1;
    sides->listeners[ALONE] = vmcListen(agent);
    sides->listeners[ALONE + 1] = hostInet(SOCK_STREAM, &tcp);
    sides->agents = g_array_new(FALSE, FALSE, sizeof(int));
    sides->channels = g_strdup_printf("--vmchannel 600:pty --vmchannel 601:pipe:%s/pipe"
                                      " --vmchannel 602:%s --vmchannel 603:udp:127.0.0.1:%u"
                                      " --vmchannel 604:unix:%s --vmchannel 605:tcp:127.0.0.1:%u",
                                      dir, ptsname(sides->terminal), udp, agent, tcp);
}

static void
hostSidesClose(hostSides *sides)
{
    hostCloseAll(sides->agents);
    for (gsize type = ALONE; type < TYPES; type++)
        close(sides->listeners[type]);
    close(sides->udp);
    close(sides->fifo);
    close(sides->terminal);
    g_free(sides->channels);
}

/* Nothing is sent for so long: no boot is faster. A connection that spoke later is not asked. */
static void
boot(vmcLinkGuest *guest, vmcLinkFirewall firewall)
{
    gint64 end = g_get_monotonic_time() + 1100 * G_TIME_SPAN_MILLISECOND;

    vmcLinkReboot(guest, firewall, true);
    while (g_get_monotonic_time() < end)
        vmcLinkTurn(guest, 100);
}

/* The first connect of the next boot is served, also where a firewall hides that it is one. */
static void
testAlone(const char *dir, vmcLinkFirewall firewall)
{
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conns[ALONE];
    hostSides sides;

    hostSidesOpen(&sides, dir);
    guest = vmcLinkGuestStart(NULL, RELAY, "%s", sides.channels);
    g_assert_nonnull(guest);
    for (guint16 i = 0; i < ALONE; i++) {
        conns[i] = vmcLinkConnect(guest, 600 + i);
        g_assert_true(conns[i]->connected);
    }
    boot(guest, firewall);
    for (guint16 i = 0; i < ALONE; i++)
        conns[i] = vmcLinkDial(guest, 600 + i);
    for (guint16 i = 0; i < ALONE; i++) {
        g_assert_true(vmcLinkWaitAnswer(conns[i]));
        g_test_message("%s: %s", types[i], conns[i]->connected ? "served" : "refused");
        g_assert_true(conns[i]->connected);
    }
    vmcLinkSendText(conns[1], "second boot");
    hostHears(sides.fifo, "second boot");
    /* It has them now: a further one is refused, at once. */
    for (guint16 i = 0; i < ALONE; i++)
        g_assert_true(vmcLinkConnect(guest, 600 + i)->refused);
    hostSidesClose(&sides);
}

static void
testAloneNew(const char *dir)
{
    testAlone(dir, VMC_LINK_OPEN);
}

static void
testAloneDrops(const char *dir)
{
    testAlone(dir, VMC_LINK_DROPS);
}

static void
testAloneRejects(const char *dir)
{
    testAlone(dir, VMC_LINK_REJECTS);
}

/* A guest that lives keeps its connection, and the further one is refused, however long later. */
static void
testAloneLives(const char *dir)
{
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pty");
    vmcLinkConn *first = vmcLinkConnect(guest, 600);
    gint64 end = g_get_monotonic_time() + 1100 * G_TIME_SPAN_MILLISECOND;

    (void)dir;
    while (g_get_monotonic_time() < end)
        vmcLinkTurn(guest, 100);
    g_assert_true(vmcLinkConnect(guest, 600)->refused);
    vmcLinkSendText(first, "still here");
    g_assert_false(first->reset);
}

/* A function of that name, which sends a frame of guestframe.h's. */
#define SHOW(name, make, ...)                                           \
    static void                                                         \
    name(vmcLinkGuest *guest)                                           \
    {                                                                   \
        guint8 frame[VMC_GUEST_FRAME];                                  \
                                                                        \
        vmcLinkFrame(guest, frame, make(frame, __VA_ARGS__));           \
    }

SHOW(showDiscover, vmcGuestDhcp, 1, "0.0.0.0", false)
SHOW(showArpProbe, vmcGuestArp, "0.0.0.0", "10.0.2.5", 1)
SHOW(showArpAnnounce, vmcGuestArp, "10.0.2.5", "10.0.2.5", 1)
SHOW(showIp6, vmcGuestIp6, NULL)

/* How a guest comes by its address: what it does, so many milliseconds after its NIC is up. */
static const struct {
    const char *name;
    struct {
        int at;
        void (*act)(vmcLinkGuest *guest);
    } steps[5];
} addresses[] = {
    { "dhcp", { { 0, showDiscover }, { 200, vmcLinkAddressed } } },
    /* As dhcpcd, NetworkManager and Windows do. */
    { "dhcp, checked", { { 0, showDiscover }, { 2000, showArpProbe }, { 4000, showArpProbe },
                         { 7000, vmcLinkAddressed }, { 7000, showArpAnnounce } } },
    { "static", { { 0, vmcLinkAddressed }, { 500, showIp6 } } },
    { "static, silent", { { 0, vmcLinkAddressed } } },
};
#define ADDRESSES G_N_ELEMENTS(addresses)

static const char *const firewalls[] = {
    [VMC_LINK_OPEN] = "no firewall", [VMC_LINK_DROPS] = "drops", [VMC_LINK_REJECTS] = "rejects",
};
#define FIREWALLS G_N_ELEMENTS(firewalls)

#define AGENTS 5                /* connections to each channel that takes more than one */
#define BOOT_MS 2000            /* in which the link is not read */
#define LIMIT (60 * G_TIME_SPAN_SECOND)

/* One guest of the table. */
typedef struct {
    vmcLinkGuest *guest;
    gsize address, firewall;
    gsize step;                 /* of the address's steps, the next */
    int control;
    GString *pending;
    guint left[TYPES];          /* connections that have not ended on the host */
    gint64 took[TYPES];         /* from the reset to the last one's end */
} row;

static void
rowStart(row *one, const hostSides *sides, const char *dir, guint number)
{
    g_autofree char *path = g_strdup_printf("%s/vmchannel/guest%u.sock", dir, number);
    const char *negotiate = "{\"execute\": \"qmp_capabilities\"}";

    one->guest = vmcLinkGuestStart(NULL, RELAY, "--name guest --uuid guest%u %s", number,
                                   sides->channels);
    g_assert_nonnull(one->guest);
    one->pending = g_string_new(NULL);
    one->control = hostDial(path);
    hostSay(one->control, negotiate);
}

static void
rowConnect(row *one, hostSides *sides)
{
    for (gsize type = 0; type < TYPES; type++) {
        one->left[type] = type < ALONE ? 1 : AGENTS;
        for (guint i = 0; i < one->left[type]; i++) {
            int agent;

            g_assert_true(vmcLinkConnect(one->guest, (guint16)(600 + type))->connected);
            if (sides->listeners[type] < 0)
                continue;
            agent = hostAccept(sides->listeners[type]);
            g_array_append_val(sides->agents, agent);
        }
    }
}

/* Takes what the relay says of connections that have ended. */
static void
rowHear(row *one, gint64 since)
{
    while (strchr(one->pending->str, '\n') || hostIsReadable(one->control, 0)) {
        g_autofree char *line = vmcReadLine(one->control, one->pending, VMC_PATIENCE);
        g_autoptr(vmcJson) said = line ? json_tokener_parse(line) : NULL;
        struct json_object *event, *data, *port;
        gsize type;

        g_assert_nonnull(said);
        if (!json_object_object_get_ex(said, "event", &event) ||
            !g_str_equal(json_object_get_string(event), "VMCHANNEL_DISCONNECTED"))
            continue;
        json_object_object_get_ex(said, "data", &data);
        json_object_object_get_ex(data, "port", &port);
        type = (gsize)json_object_get_int(port) - 600;
        g_assert_cmpuint(one->left[type], >, 0);
        one->left[type]--;
        one->took[type] = since;
    }
}

static void
rowTurn(row *one, gint64 since)
{
    gint64 up = since / G_TIME_SPAN_MILLISECOND - BOOT_MS;

    for (; one->step < G_N_ELEMENTS(addresses[0].steps); one->step++) {
        void (*act)(vmcLinkGuest *guest) = addresses[one->address].steps[one->step].act;

        if (!act || up < addresses[one->address].steps[one->step].at)
            break;
        act(one->guest);
    }
    while (up >= 0 && vmcLinkTurn(one->guest, 0))
        continue;
    rowHear(one, since);
}

static bool
rowIsOver(const row *one)
{
    for (gsize type = 0; type < TYPES; type++) {
        if (one->left[type] > 0)
            return false;
    }
    return true;
}

static void
rowReport(const row *one)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (gsize type = 0; type < TYPES; type++) {
        if (one->left[type] > 0)
            g_string_append_printf(text, ", %s: never", types[type]);
        else
            g_string_append_printf(text, ", %s: %.1f s", types[type],
                                   (double)one->took[type] / G_TIME_SPAN_SECOND);
    }
    g_test_message("%s, %s%s", addresses[one->address].name, firewalls[one->firewall], text->str);
}

/*
 * All guests are reset at the same time: each connection ends on the host within a minute,
 * and the next boot is served.
 */
static void
testResets(const char *dir)
{
    row rows[ADDRESSES * FIREWALLS] = { 0 };
    guint count = 0;
    bool over = false;
    hostSides sides;
    gint64 begin;

    g_setenv("XDG_RUNTIME_DIR", dir, TRUE);
    hostSidesOpen(&sides, dir);
    for (gsize address = 0; address < ADDRESSES; address++) {
        /* Those that show nothing take nearly the minute. */
        if (!g_getenv("VMCHANNEL_TEST_SLOW") && !addresses[address].steps[1].act)
            continue;
        for (gsize firewall = 0; firewall < FIREWALLS; firewall++) {
            rows[count] = (row) { .address = address, .firewall = firewall };
            rowStart(&rows[count], &sides, dir, count);
            count++;
        }
    }
    for (guint i = 0; i < count; i++)
        rowConnect(&rows[i], &sides);
    begin = g_get_monotonic_time();
    for (guint i = 0; i < count; i++)
        vmcLinkReboot(rows[i].guest, rows[i].firewall, false);
    while (!over && g_get_monotonic_time() - begin < LIMIT) {
        over = true;
        for (guint i = 0; i < count; i++) {
            rowTurn(&rows[i], g_get_monotonic_time() - begin);
            over = over && rowIsOver(&rows[i]);
        }
        g_usleep(10 * G_TIME_SPAN_MILLISECOND);
    }
    for (guint i = 0; i < count; i++) {
        rowReport(&rows[i]);
        g_assert_true(rowIsOver(&rows[i]));
        for (guint16 type = 0; type < ALONE; type++)
            g_assert_true(vmcLinkConnect(rows[i].guest, 600 + type)->connected);
        close(rows[i].control);
        g_string_free(rows[i].pending, TRUE);
        vmcLinkGuestClose(rows[i].guest);
    }
    for (guint i = 0; i < count; i++)
        vmcLinkGuestFree(rows[i].guest);
    hostSidesClose(&sides);
}

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/presence/alone/new", testAloneNew },
        { "/relay/presence/alone/drops", testAloneDrops },
        { "/relay/presence/alone/rejects", testAloneRejects },
        { "/relay/presence/alone/lives", testAloneLives },
        { "/relay/presence/resets", testResets },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
