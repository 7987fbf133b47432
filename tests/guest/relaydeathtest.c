/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real guest's TCP while the relay's processes die: its connections end, idle
 * ones too, new ones work, and the link never comes out of step. One boot.
 */
#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/guest.h"
#include "tests/lib/hostpeer.h"
#include "tests/lib/linkguest.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define BULK (G_GUINT64_CONSTANT(4096) * MIB)

static vmcGuest *
boot(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();

    return vmcGuestStart("%s -nodefaults"
                         " -vmchannel 600:unix:%s/up"
                         " -vmchannel 601:unix:%s/down"
                         " -vmchannel 602:unix:%s/idle"
                         " -vmchannel 603:unix:%s/echo"
                         " -vmchannel 604:unix:%s/bind,server,nowait",
                         wrapped, dir, dir, dir, dir, dir);
}

static vmcHostPeer *
hostListen(const char *dir, const char *name, vmcHostServe serve, guint64 amount)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vmcHostListen(path, serve, amount);
}

/* Of all sockets of QEMU's, one is a packet socket: its end of the link. */
static void
testEmulatorHolds(vmcGuest *guest, const char *dir)
{
    pid_t pid = vmcMachinePid(vmcGuestMachine(guest));
    int pidfd = pidfd_open(pid, 0);
    guint links = 0;

    (void)dir;
    for (int fd = 0; fd < 256; fd++) {
        int copy = pidfd_getfd(pidfd, fd, 0);
        int type = 0;
        socklen_t len = sizeof(type);

        if (copy >= 0 && getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
            links += type == SOCK_SEQPACKET;
        if (copy >= 0)
            close(copy);
    }
    close(pidfd);
    g_assert_cmpuint(links, ==, 1);
}

static void
expectOutput(vmcGuest *guest, int command, const char *wanted)
{
    g_autofree char *output = NULL;

    g_assert_cmpint(vmcGuestWait(guest, command, &output), ==, 1);
    if (!strstr(output, wanted)) {
        g_test_message("expected '%s' of command %d: %s", wanted, command, output);
        g_test_fail();
    }
}

/*
 * With bytes up, bytes down, one idle and one that waits for a host program.
 * Returns how long the next connection took, in microseconds, all of the guest's
 * program included.
 */
static gint64
killInBulk(vmcGuest *guest, const char *dir, bool stopped)
{
    g_autoptr(vmcHostPeer) up = hostListen(dir, "up", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) down = hostListen(dir, "down", vmcHostSendFirst, BULK);
    g_autoptr(vmcHostPeer) idle = hostListen(dir, "idle", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) echo = hostListen(dir, "echo", vmcHostEcho, 0);
    vmcMachine *machine = vmcGuestMachine(guest);
    int commands[] = {
        vmcGuestSpawn(guest, "nettool 10.0.2.4 600 mark:/tmp/m-up sendn:%" G_GUINT64_FORMAT, BULK),
        vmcGuestSpawn(guest, "nettool 10.0.2.4 601 mark:/tmp/m-down sum"),
        vmcGuestSpawn(guest, "nettool 10.0.2.4 602 mark:/tmp/m-idle recv"),
        vmcGuestSpawn(guest, "nettool 10.0.2.4 604 line:waits mark:/tmp/m-bind recv"),
    };
    pid_t worker = vmcLinkGuestPid(NULL, "vmch-worker");
    gint64 begin, took;

    g_assert_true(vmcHostWaitAccepted(up, 1) && vmcHostWaitAccepted(down, 1) &&
                  vmcHostWaitAccepted(idle, 1));
    /* The host accepts before the guest has heard: then a SYN would come again. */
    vmcGuestExpect(guest, "4\n", "until [ $(ls /tmp | grep -c ^m-) = 4 ]; do usleep 10000; done;"
                   " ls /tmp | grep -c ^m-; rm /tmp/m-*");
    if (stopped)
        g_free(vmcMachineQmp(machine, "{\"execute\": \"stop\"}"));
    vmcProcessKill(worker, SIGKILL);
    if (stopped)
        g_free(vmcMachineQmp(machine, "{\"execute\": \"cont\"}"));
    begin = g_get_monotonic_time();
    vmcGuestExpect(guest, "ok 1 failed 0\n", "nettool --sequence 1 10.0.2.4 603");
    took = g_get_monotonic_time() - begin;
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        expectOutput(guest, commands[i], "ECONNRESET");
    g_assert_true(vmcHostWaitFinished(idle, 1));
    return took;
}

static void
testKilled(vmcGuest *guest, const char *dir)
{
    int rounds = g_getenv("VMCHANNEL_TEST_SLOW") ? 200 : 20, memory = 0;
    pid_t broker = vmcLinkGuestPid(NULL, "vmch-broker");
    gint64 longest = 0, all = 0;
    guint fds = 0;

    for (int i = 0; i < rounds && !g_test_failed(); i++) {
        gint64 took = killInBulk(guest, dir, false);

        longest = MAX(longest, took);
        all += took;
        if (i == rounds / 4) {
            fds = vmcProcessDescriptors(broker);
            memory = vmcProcessMemory(broker);
        }
    }
    g_test_message("%d kills: a command that connects, %" G_GINT64_FORMAT " ms on average, at most"
                   " %" G_GINT64_FORMAT "; broker: %u descriptors, %d KiB, at the end %u and %d",
                   rounds, all / rounds / 1000, longest / 1000, fds, memory,
                   vmcProcessDescriptors(broker), vmcProcessMemory(broker));
    g_assert_cmpuint(vmcProcessDescriptors(broker), <=, fds + 1);
    /* Killed before they could probe, they leave some 2,000 connections at most to be probed. */
    g_assert_cmpint(vmcProcessMemory(broker), <=, memory + 256);
}

/* While the VM is stopped the link is full, in the middle of whatever was sent. */
static void
testKilledStopped(vmcGuest *guest, const char *dir)
{
    for (int i = 0; i < 3 && !g_test_failed(); i++)
        killInBulk(guest, dir, true);
}

/* The last one: without a broker nothing answers, but the guest goes on. */
static void
testBrokerKilled(vmcGuest *guest, const char *dir)
{
    GArray *relays = vmcRelaysFind();
    g_autofree char *status = NULL;

    (void)dir;
    vmcProcessKill(vmcLinkGuestPid(NULL, "vmch-broker"), SIGKILL);
    g_assert_true(vmcRelaysEnd(relays, 1000));
    status = vmcMachineQmp(vmcGuestMachine(guest), "{\"execute\": \"query-status\"}");
    g_assert_nonnull(status);
    g_assert_nonnull(strstr(status, "\"running\""));
    vmcGuestExpect(guest, "alive\n", "echo alive");
}

int
main(int argc, char **argv)
{
    static const vmcGuestCase cases[] = {
        { "/guest/worker/emulator-holds-one", testEmulatorHolds },
        { "/guest/worker/killed-in-bulk", testKilled },
        { "/guest/worker/killed-while-stopped", testKilledStopped },
        { "/guest/worker/broker-killed", testBrokerKilled },
    };
    static const vmcGuestSuite suite = { boot, cases, G_N_ELEMENTS(cases), false };

    return vmcGuestSuiteRun(argc, argv, &suite, 1);
}
