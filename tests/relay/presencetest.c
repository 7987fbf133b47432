/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that is reset says no goodbye: what becomes of its connections on the host,
 * and whether the next boot is served; with a scripted guest on the link. How long each
 * way to notice it takes stands in tests/unit/endpoint/presencetest.c, by a played clock.
 */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/hostsocket.h"
#include "tests/lib/linkguest.h"
#include "tests/lib/machine.h"

#define RELAY "vmchannel-relay"

#define ALONE 4                 /* channels for one connection at a time, from 600 on */

/* Nothing is sent for so long: no boot is faster. A connection that spoke later is not asked. */
static void
boot(vmcLinkGuest *guest, bool firewall)
{
    gint64 end = g_get_monotonic_time() + 1100 * G_TIME_SPAN_MILLISECOND;

    vmcLinkReboot(guest, firewall);
    while (g_get_monotonic_time() < end)
        vmcLinkTurn(guest, 100);
}

/* The first connect of the next boot is served, also where a firewall hides that it is one. */
static void
testAlone(const char *dir, bool firewall)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_autofree char *in = g_strdup_printf("%s/pipe.in", dir);
    g_autofree char *out = g_strdup_printf("%s/pipe.out", dir);
    g_autoptr(vmcLinkGuest) guest = NULL;
    vmcLinkConn *conns[ALONE];
    guint16 port;
    int udp = hostInet(SOCK_DGRAM, &port), fifo;

    g_assert_true(grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    g_assert_true(mkfifo(in, 0600) == 0 && mkfifo(out, 0600) == 0);
    fifo = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:pty --vmchannel 601:pipe:%s/pipe"
                              " --vmchannel 602:%s --vmchannel 603:udp:127.0.0.1:%u", dir,
                              ptsname(terminal), port);
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
        g_test_message("%d: %s", 600 + i, conns[i]->connected ? "served" : "refused");
        g_assert_true(conns[i]->connected);
    }
    vmcLinkSendText(conns[1], "second boot");
    hostHears(fifo, "second boot");
    /* It has them now: a further one is refused, at once. */
    for (guint16 i = 0; i < ALONE; i++)
        g_assert_true(vmcLinkConnect(guest, 600 + i)->refused);
    close(fifo);
    close(udp);
    close(terminal);
}

static void
testAloneNew(const char *dir)
{
    testAlone(dir, false);
}

static void
testAloneFirewall(const char *dir)
{
    testAlone(dir, true);
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

#define CONNS 20

/* Idle connections end on the host, soon after the next boot has said that it has its address. */
static void
testIdle(const char *dir, bool firewall)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);
    int listener = vmcListen(path), hosts[CONNS];
    g_autoptr(vmcLinkGuest) guest = vmcLinkGuestStart(NULL, RELAY, "--vmchannel 600:unix:%s", path);
    gint64 begin;

    for (int i = 0; i < CONNS; i++) {
        g_assert_true(vmcLinkConnect(guest, 600)->connected);
        hosts[i] = hostAccept(listener);
    }
    boot(guest, firewall);
    begin = g_get_monotonic_time();
    vmcLinkAnnounce(guest);
    for (int i = 0; i < CONNS; i++) {
        while (!hostIsReadable(hosts[i], 0) &&
               g_get_monotonic_time() - begin < 60 * G_TIME_SPAN_SECOND)
            vmcLinkTurn(guest, 100);
        hostHearsEnd(hosts[i]);
        close(hosts[i]);
    }
    g_test_message("all have ended after %.1f s",
                   (double)(g_get_monotonic_time() - begin) / G_TIME_SPAN_SECOND);
    close(listener);
}

static void
testIdleNew(const char *dir)
{
    testIdle(dir, false);
}

static void
testIdleFirewall(const char *dir)
{
    testIdle(dir, true);
}

int
main(int argc, char **argv)
{
    static const hostCase cases[] = {
        { "/relay/presence/alone/new", testAloneNew },
        { "/relay/presence/alone/firewall", testAloneFirewall },
        { "/relay/presence/alone/lives", testAloneLives },
        { "/relay/presence/idle/new", testIdleNew },
        { "/relay/presence/idle/firewall", testIdleFirewall },
    };

    return hostRunCases(argc, argv, cases, G_N_ELEMENTS(cases));
}
