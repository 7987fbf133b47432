/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to connections when a real guest is stopped, reset, saved and
 * restored, or taken back to a snapshot; and as many of them as there may be.
 * One boot, and what the cases make of it.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "tests/lib/guest.h"
#include "tests/lib/hostpeer.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define ENDLESS (G_GUINT64_CONSTANT(65536) * MIB)

static vmcGuest *
boot(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();
    g_autofree char *create = g_strdup_printf("qemu-img create -q -f qcow2 %s/disk 16M", dir);

    if (!g_spawn_command_line_sync(create, NULL, NULL, NULL, NULL))
        g_test_message("no qemu-img: there will be no snapshot");
    return vmcGuestStart("%s -nodefaults"
                         " -drive if=none,id=disk,format=qcow2,file=%s/disk"
                         " -vmchannel 600:unix:%s/up"
                         " -vmchannel 601:unix:%s/down"
                         " -vmchannel 602:unix:%s/idle"
                         " -vmchannel 603:unix:%s/echo",
                         wrapped, dir, dir, dir, dir, dir);
}

static vmcHostPeer *
hostListen(const char *dir, const char *name, vmcHostServe serve, guint64 amount)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vmcHostListen(path, serve, amount);
}

/* Until more than @amount bytes have come: counters tell nobody. */
static guint64
waitReceived(vmcHostPeer *host, guint64 amount)
{
    guint64 now = 0;

    for (int left = VMC_PATIENCE; left > 0 && now <= amount; left--) {
        now = vmcHostReceived(host, 0, NULL);
        g_usleep(G_TIME_SPAN_MILLISECOND);
    }
    g_assert_cmpuint(now, >, amount);
    return now;
}

static void
waitMark(vmcGuest *guest, const char *path)
{
    vmcGuestExpect(guest, "", "until [ -e %s ]; do usleep 10000; done", path);
}

static void
expectOutput(vmcGuest *guest, int command, const char *wanted)
{
    g_autofree char *output = NULL;

    vmcGuestWait(guest, command, &output);
    if (!strstr(output, wanted)) {
        g_test_message("expected '%s': %s", wanted, output);
        g_test_fail();
    }
}

/* Connections work, and but for them there is silence: no two ends that answer each other. */
static void
expectCalm(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) echo = hostListen(dir, "echo", vmcHostEcho, 0);
    g_autofree char *output = NULL;

    vmcGuestExpect(guest, "ok 20 failed 0\n", "nettool --sequence 20 10.0.2.4 603");
    vmcGuestExpect(guest, "ok 20 failed 0\n", "nettool --parallel 20 10.0.2.4 603");
    vmcGuestRun(guest, &output, "cd /sys/class/net/eth0/statistics; before=$(cat rx_packets);"
                " sleep 3; echo $(($(cat rx_packets) - before))");
    g_test_message("frames to the guest in 3 s: %s", g_strchomp(output));
    g_assert_cmpint(atoi(output), <, 30);
}

static void
expectQmp(vmcGuest *guest, const char *command, const char *wanted)
{
    g_autofree char *reply = vmcMachineQmp(vmcGuestMachine(guest), command);

    g_assert_cmpstr(reply, ==, wanted);
}

#define STOPPED_BYTES (128 * MIB)

/* In the middle of bytes both ways, for longer than any timer of ours. */
static void
testStopped(vmcGuest *guest, const char *dir)
{
    int seconds = g_getenv("VMCHANNEL_TEST_SLOW") ? 60 : 5;
    g_autoptr(vmcHostPeer) up = hostListen(dir, "up", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) down = hostListen(dir, "down", vmcHostSendFirst, STOPPED_BYTES);
    g_autoptr(vmcHostPeer) idle = hostListen(dir, "idle", vmcHostEcho, 0);
    guint64 sum = 0, want = vmcHostPatternSum(STOPPED_BYTES), before;
    g_autofree char *got = g_strdup_printf("received %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER
                                           "x\n", STOPPED_BYTES, want);
    int waits = vmcGuestSpawn(guest, "nettool 10.0.2.4 602 mark:/tmp/w await:/tmp/go line:and-on"
                              " shut recv");
    int receiver, sender;

    waitMark(guest, "/tmp/w");
    receiver = vmcGuestSpawn(guest, "nettool 10.0.2.4 601 sum");
    sender = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT, STOPPED_BYTES);
    g_assert_true(vmcHostWaitAccepted(down, 1));
    waitReceived(up, MIB);
    expectQmp(guest, "{\"execute\": \"stop\"}", "{\"return\": {}}");
    g_usleep((gulong)seconds * G_TIME_SPAN_SECOND);
    before = vmcHostReceived(up, 0, NULL);
    g_assert_cmpuint(before, <, STOPPED_BYTES);
    expectQmp(guest, "{\"execute\": \"cont\"}", "{\"return\": {}}");
    expectOutput(guest, receiver, got);
    g_assert_cmpint(vmcGuestWait(guest, sender, NULL), ==, 0);
    g_assert_true(vmcHostWaitFinished(up, 1));
    g_assert_cmpuint(vmcHostReceived(up, 0, &sum), ==, STOPPED_BYTES);
    g_assert_cmphex(sum, ==, want);
    vmcGuestExpect(guest, "", "touch /tmp/go");
    expectOutput(guest, waits, "and-on\n");
    g_test_message("stopped for %d s after %" G_GUINT64_FORMAT " bytes of %" G_GUINT64_FORMAT,
                   seconds, before, STOPPED_BYTES);
}

/* Of four channels: what is the channel's own, and all that is for whoever comes first. */
#define PLACES 640

/* The last one that there is room for, and one more, which is refused. */
static void
testLimit(vmcGuest *guest, const char *dir)
{
    vmcHostPeer *host = hostListen(dir, "up", vmcHostCollect, 0);
    int holder = vmcGuestSpawn(guest, "nettool --hold %d 10.0.2.4 600 /tmp/full", PLACES);

    waitMark(guest, "/tmp/full");
    g_assert_true(vmcHostWaitAccepted(host, PLACES));
    vmcGuestExpect(guest, "10.0.2.4:600 ECONNREFUSED\n10.0.2.4:604 ECONNREFUSED\n",
                   "nettool --probe 1500 10.0.2.4:600 10.0.2.4:604");
    vmcGuestKill(guest, holder);
    vmcGuestWait(guest, holder, NULL);
    g_assert_true(vmcHostWaitFinished(host, PLACES));
    vmcHostFree(host);
    expectCalm(guest, dir);
}

#define REBOOTED 500

/* The guest knows nothing of them any more; nor does it hear of them. */
static void
testReboot(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "down", vmcHostSendFirst, 4096);

    vmcGuestSpawn(guest, "nettool --hold %d 10.0.2.4 601 /tmp/held", REBOOTED);
    waitMark(guest, "/tmp/held");
    g_assert_true(vmcHostWaitAccepted(host, REBOOTED));
    if (!vmcGuestReboot(guest))
        return;
    g_assert_true(vmcHostWaitFinished(host, REBOOTED));
    g_assert_cmpuint(vmcHostAccepted(host), ==, REBOOTED);
    vmcGuestExpect(guest, "0\n", "grep -c ' 01 ' /proc/net/tcp");
    expectCalm(guest, dir);
}

/* With bytes both ways, in the middle of each. */
static void
startBulk(vmcGuest *guest, vmcHostPeer *up, vmcHostPeer *down, int commands[2])
{
    commands[0] = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT, ENDLESS);
    commands[1] = vmcGuestSpawn(guest, "nettool 10.0.2.4 601 sum");
    g_assert_true(vmcHostWaitAccepted(up, 1) && vmcHostWaitAccepted(down, 1));
    waitReceived(up, MIB);
}

/* A new relay: the guest's next segment is answered by a reset. */
static void
testRestored(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) up = hostListen(dir, "up", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) idle = hostListen(dir, "idle", vmcHostCollect, 0);
    int sender = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT, ENDLESS);
    int waits = vmcGuestSpawn(guest, "nettool 10.0.2.4 602 mark:/tmp/s await:/tmp/restored send:x"
                              " recv");

    waitMark(guest, "/tmp/s");
    g_assert_true(vmcHostWaitAccepted(up, 1) && vmcHostWaitAccepted(idle, 1));
    waitReceived(up, MIB);
    if (!vmcGuestMove(guest, dir))
        return;
    g_assert_true(vmcHostWaitFinished(up, 1) && vmcHostWaitFinished(idle, 1));
    expectOutput(guest, sender, "send: ECONNRESET\n");
    vmcGuestExpect(guest, "", "touch /tmp/restored");
    expectOutput(guest, waits, "recv: ECONNRESET\n");
    expectCalm(guest, dir);
}

/* The same relay, whose connections are ahead of the guest's. */
static void
testReverted(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) up = hostListen(dir, "up", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) down = hostListen(dir, "down", vmcHostSendFirst, ENDLESS);
    g_autoptr(vmcHostPeer) idle = hostListen(dir, "idle", vmcHostCollect, 0);
    g_autofree char *tool = g_find_program_in_path("qemu-img");
    int commands[2];

    if (!tool) {
        g_test_skip("no qemu-img: no disk to keep a snapshot");
        return;
    }
    startBulk(guest, up, down, commands);
    expectQmp(guest, "{\"execute\": \"human-monitor-command\", \"arguments\":"
              " {\"command-line\": \"savevm one\"}}", "{\"return\": \"\"}");
    waitReceived(up, vmcHostReceived(up, 0, NULL) + 8 * MIB);
    /* One that the snapshot does not know. */
    vmcGuestSpawn(guest, "nettool 10.0.2.4 602 recv");
    g_assert_true(vmcHostWaitAccepted(idle, 1));
    expectQmp(guest, "{\"execute\": \"human-monitor-command\", \"arguments\":"
              " {\"command-line\": \"loadvm one\"}}", "{\"return\": \"\"}");
    expectOutput(guest, commands[0], "send: ECONNRESET\n");
    expectOutput(guest, commands[1], "sum: ECONNRESET\n");
    g_assert_true(vmcHostWaitFinished(up, 1) && vmcHostWaitFinished(down, 1) &&
                  vmcHostWaitFinished(idle, 1));
    expectCalm(guest, dir);
}

int
main(int argc, char **argv)
{
    static const vmcGuestCase cases[] = {
        { "/guest/life/stopped", testStopped },
        { "/guest/life/channel-full", testLimit },
        { "/guest/life/rebooted-with-500", testReboot },
        { "/guest/life/restored", testRestored },
        { "/guest/life/reverted", testReverted },
    };
    static const vmcGuestSuite suite = { boot, cases, G_N_ELEMENTS(cases), false };

    return vmcGuestSuiteRun(argc, argv, &suite, 1);
}
