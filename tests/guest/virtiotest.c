/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels in a booted guest whose NIC qemu-vmchannel gives, virtio: connections,
 * ends of file, refusals, bulk, and what must not be reachable. One boot.
 */
#include <config.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/guest.h"
#include "tests/lib/hostpeer.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)

static vmcGuest *
boot(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();

    return vmcGuestStart("%s -nodefaults"
                         " -vmchannel 600:unix:%s/agent"
                         " -vmchannel 601:unix:%s/bind,server,nowait"
                         " -vmchannel 602:file:%s/lines"
                         " -vmchannel 603:null"
                         " -vmchannel 604:unix:%s/absent"
                         " -vmchannel 605:unix:%s/stuck"
                         " -vmchannel 22530:unix:%s/high",
                         wrapped, dir, dir, dir, dir, dir, dir);
}

static vmcHostPeer *
hostListen(const char *dir, const char *name, vmcHostServe serve, guint64 amount)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vmcHostListen(path, serve, amount);
}

static vmcHostPeer *
hostDial(const char *dir, const char *name, vmcHostServe serve)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vmcHostDial(path, serve, 0);
}

static void
waitMark(vmcGuest *guest, const char *path)
{
    vmcGuestExpect(guest, "", "until [ -e %s ]; do usleep 10000; done", path);
}

static void
testLease(vmcGuest *guest, const char *dir)
{
    (void)dir;
    vmcGuestExpect(guest, "lease eth0 driver=virtio_net ip=10.0.2.5/29 router=none dns=none"
                   " mtu=65520 serverid=10.0.2.4 time=2000000\n", "cat /tmp/leases");
    vmcGuestExpect(guest, "65520\n", "cat /sys/class/net/eth0/mtu");
}

static void
testOneAcceptEach(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostEcho, 0);

    vmcGuestExpect(guest, "ok 200 failed 0\n", "nettool --sequence 200 10.0.2.4 600");
    g_assert_true(vmcHostWaitFinished(host, 200));
    g_assert_cmpuint(vmcHostAccepted(host), ==, 200);
}

static void
testParallel(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostEcho, 0);

    vmcGuestExpect(guest, "ok 100 failed 0\n", "nettool --parallel 100 10.0.2.4 600");
    g_assert_true(vmcHostWaitFinished(host, 100));
    g_assert_cmpuint(vmcHostAccepted(host), ==, 100);
}

static void
testGuestHalfClose(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostReplyAfterEof, 0);

    vmcGuestExpect(guest, "6 bytes came\n", "nettool 10.0.2.4 600 line:hello shut recv");
    g_assert_true(vmcHostWaitFinished(host, 1));
}

static void
expectReceived(vmcHostPeer *host, guint64 amount)
{
    guint64 sum = 0;

    g_assert_true(vmcHostWaitFinished(host, 1));
    g_assert_cmpuint(vmcHostReceived(host, 0, &sum), ==, amount);
    g_assert_cmphex(sum, ==, vmcHostPatternSum(amount));
}

static void
testHostHalfClose(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostSendFirst, 0);

    g_assert_cmpint(vmcGuestRun(guest, NULL, "nettool 10.0.2.4 600 wait-eof sendn:%"
                                G_GUINT64_FORMAT, MIB), ==, 0);
    expectReceived(host, MIB);
}

static void
testBulkUp(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostCollect, 0);
    g_autofree char *sent = g_strdup_printf("sent %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x\n",
                                            64 * MIB, vmcHostPatternSum(64 * MIB));

    vmcGuestExpect(guest, sent, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT " shut recv",
                   64 * MIB);
    expectReceived(host, 64 * MIB);
}

static void
testBulkDown(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostSendFirst, 64 * MIB);
    g_autofree char *got = g_strdup_printf("received %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER
                                           "x\n", 64 * MIB, vmcHostPatternSum(64 * MIB));

    vmcGuestExpect(guest, got, "nettool 10.0.2.4 600 sum");
    g_assert_true(vmcHostWaitFinished(host, 1));
}

static void
testGuestReset(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostCollect, 0);

    vmcGuestExpect(guest, "", "nettool 10.0.2.4 600 line:bye rst");
    g_assert_true(vmcHostWaitFinished(host, 1));
}

/* A host program that ends takes the connection with it: no send succeeds for ever. */
static void
testHostGone(vmcGuest *guest, const char *dir)
{
    vmcHostPeer *host = hostListen(dir, "agent", vmcHostNeverRead, 0);
    int sender = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT, 64 * MIB);
    g_autofree char *output = NULL;

    g_assert_true(vmcHostWaitAccepted(host, 1));
    vmcHostFree(host);
    g_assert_cmpint(vmcGuestWait(guest, sender, &output), ==, 1);
    g_assert_true(g_str_equal(output, "send: ECONNRESET\n") ||
                  g_str_equal(output, "send: EPIPE\n"));
}

static void
testAbsentThenThere(vmcGuest *guest, const char *dir)
{
    vmcHostPeer *host;

    vmcGuestExpect(guest, "connect: ECONNREFUSED\n", "nettool 10.0.2.4 604 recv");
    host = hostListen(dir, "absent", vmcHostEcho, 0);
    vmcGuestExpect(guest, "now\n", "nettool 10.0.2.4 604 line:now shut recv");
    vmcHostFree(host);
    vmcGuestExpect(guest, "connect: ECONNREFUSED\n", "nettool 10.0.2.4 604 recv");
}

static void
testBindHostFirst(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostDial(dir, "bind", vmcHostEcho);

    vmcGuestExpect(guest, "second\n", "nettool 10.0.2.4 601 line:second shut recv");
    g_assert_true(vmcHostWaitFinished(host, 1));
}

static void
testBindGuestFirst(vmcGuest *guest, const char *dir)
{
    int early = vmcGuestSpawn(guest, "nettool 10.0.2.4 601 line:first mark:/tmp/early shut recv");
    g_autoptr(vmcHostPeer) host = NULL;
    g_autofree char *output = NULL;

    waitMark(guest, "/tmp/early");
    host = hostDial(dir, "bind", vmcHostEcho);
    g_assert_cmpint(vmcGuestWait(guest, early, &output), ==, 0);
    g_assert_cmpstr(output, ==, "first\n");
}

/* Each is the other with its bytes swapped: a network stack that we know mixes them up. */
static void
testTwoPorts(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) low = hostListen(dir, "agent", vmcHostCollect, 0);
    g_autoptr(vmcHostPeer) high = hostListen(dir, "high", vmcHostCollect, 0);
    g_autofree char *lowText = NULL;
    g_autofree char *highText = NULL;

    vmcGuestExpect(guest, "", "nettool 10.0.2.4 600 line:low mark:/tmp/low shut recv &"
                   " nettool 10.0.2.4 22530 line:high mark:/tmp/high shut recv; wait");
    g_assert_true(vmcHostWaitFinished(low, 1));
    g_assert_true(vmcHostWaitFinished(high, 1));
    lowText = vmcHostText(low, 0);
    highText = vmcHostText(high, 0);
    g_assert_cmpstr(lowText, ==, "low\n");
    g_assert_cmpstr(highText, ==, "high\n");
}

static void
testStuckReader(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) stuck = hostListen(dir, "stuck", vmcHostNeverRead, 0);
    g_autoptr(vmcHostPeer) other = hostListen(dir, "agent", vmcHostEcho, 0);
    int sender = vmcGuestSpawn(guest, "nettool 10.0.2.4 605 sendn:%" G_GUINT64_FORMAT " close",
                               64 * MIB);
    g_autofree char *status = NULL;

    g_assert_true(vmcHostWaitAccepted(stuck, 1));
    /* Bytes wait in the guest's own queue: port 605 is 025D there. */
    vmcGuestExpect(guest, "", "until grep -q ':025D 01 0*[1-9A-F][0-9A-F]*:' /proc/net/tcp;"
                   " do usleep 10000; done");
    vmcGuestExpect(guest, "ok 50 failed 0\n", "nettool --sequence 50 10.0.2.4 600");
    status = vmcMachineQmp(vmcGuestMachine(guest), "{\"execute\": \"query-status\"}");
    g_assert_nonnull(status);
    g_assert_nonnull(strstr(status, "\"running\""));
    /* None of it piles up in the relay. */
    g_assert_cmpuint(vmcRelaysMemory(), >, 0);
    g_assert_cmpuint(vmcRelaysMemory(), <, 16 * MIB);
    vmcGuestExpect(guest, "1\n", "grep -c ':025D 01 0*[1-9A-F][0-9A-F]*:' /proc/net/tcp");

    vmcHostRelease(stuck);
    g_assert_cmpint(vmcGuestWait(guest, sender, NULL), ==, 0);
    expectReceived(stuck, 64 * MIB);
}

/*
 * A host program that does not accept: once its backlog is full a guest's
 * connect waits, and is neither refused nor in the way of another channel.
 */
static void
testBacklogFull(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "absent", NULL);
    g_autoptr(vmcHostPeer) other = hostListen(dir, "agent", vmcHostEcho, 0);
    int listener = vmcListen(path);
    g_autofree char *output = NULL;
    int waiting;

    g_assert_cmpint(listen(listener, 0), ==, 0);
    waiting = vmcGuestSpawn(guest, "for i in 1 2 3 4; do nettool 10.0.2.4 604"
                            " mark:/tmp/backlog-$i wait-eof & done; wait");
    vmcGuestExpect(guest, "", "until ls /tmp | grep -q ^backlog-; do usleep 10000; done");
    vmcGuestExpect(guest, "ok 20 failed 0\n", "nettool --sequence 20 10.0.2.4 600");
    for (int i = 0; i < 4; i++) {
        int fd = vmcAccept(listener, -1, VMC_PATIENCE);

        g_assert_cmpint(fd, >=, 0);
        close(fd);
    }
    g_assert_cmpint(vmcGuestWait(guest, waiting, &output), ==, 0);
    g_assert_cmpstr(output, ==, "eof\neof\neof\neof\n");
    close(listener);
    unlink(path);
}

/* A guest that gave up is not what a host program gets that dials later. */
static void
testBindGuestGone(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) other = hostListen(dir, "agent", vmcHostEcho, 0);
    g_autoptr(vmcHostPeer) host = NULL;

    vmcGuestExpect(guest, "", "nettool 10.0.2.4 601 rst");
    /* Comes behind the reset all the way: when it is through, the relay knows of that. */
    vmcGuestExpect(guest, "ok 1 failed 0\n", "nettool --sequence 1 10.0.2.4 600");
    g_assert_true(vmcHostWaitFinished(other, 1));
    host = hostDial(dir, "bind", vmcHostEcho);
    vmcGuestExpect(guest, "there\n", "nettool 10.0.2.4 601 line:there shut recv");
    g_assert_true(vmcHostWaitFinished(host, 1));
}

/* The guest's clock and vCPU stop and go while bytes are on their way to it. */
static void
testStoppedOften(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostSendFirst, 16 * MIB);
    g_autofree char *got = g_strdup_printf("received %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER
                                           "x\n", 16 * MIB, vmcHostPatternSum(16 * MIB));
    int receiver = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sum");
    g_autofree char *output = NULL;

    g_assert_true(vmcHostWaitAccepted(host, 1));
    for (int i = 0; i < 20; i++) {
        g_autofree char *stopped = vmcMachineQmp(vmcGuestMachine(guest),
                                                 "{\"execute\": \"stop\"}");
        g_autofree char *running = vmcMachineQmp(vmcGuestMachine(guest),
                                                 "{\"execute\": \"cont\"}");

        g_assert_cmpstr(stopped, ==, "{\"return\": {}}");
        g_assert_cmpstr(running, ==, "{\"return\": {}}");
    }
    g_assert_cmpint(vmcGuestWait(guest, receiver, &output), ==, 0);
    g_assert_cmpstr(output, ==, got);
}

static guint
countLines(const char *path, char **text)
{
    guint count = 0;

    if (!g_file_get_contents(path, text, NULL, NULL))
        *text = g_strdup("");
    for (const char *at = *text; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

/* A file tells nobody that it grew: looks again until it has so many lines. */
static char *
waitLines(const char *path, guint count)
{
    char *text = NULL;

    for (int left = VMC_PATIENCE / 20; countLines(path, &text) < count && left > 0; left--) {
        g_clear_pointer(&text, g_free);
        g_usleep(20000);
    }
    return text;
}

#define FILE_WRITERS 10
#define FILE_LINES 20

static void
testFile(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "lines", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    vmcGuestExpect(guest, "",
                   "for w in $(seq %d); do verbs=; for l in $(seq %d); do"
                   " verbs=\"$verbs send:writer-$w-line line:-$l-end\"; done;"
                   " nettool 10.0.2.4 602 $verbs shut & done; wait",
                   FILE_WRITERS, FILE_LINES);
    text = waitLines(path, FILE_WRITERS * FILE_LINES);
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, FILE_WRITERS * FILE_LINES + 1);
    for (char **line = lines; *line && **line; line++) {
        g_assert_true(g_regex_match_simple("^writer-[0-9]+-line-[0-9]+-end$", *line, 0, 0));
        g_hash_table_add(seen, *line);
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, FILE_WRITERS * FILE_LINES);
}

static void
testNull(vmcGuest *guest, const char *dir)
{
    (void)dir;
    g_assert_cmpint(vmcGuestRun(guest, NULL, "nettool 10.0.2.4 603 wait-eof sendn:%"
                                G_GUINT64_FORMAT " close", MIB), ==, 0);
}

/* A bound socket on every address of the host; returns its port. */
static int
hostSocket(int type, guint16 *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        g_error("no socket on the host: %m");
    if (type == SOCK_STREAM)
        listen(fd, 16);
    *port = ntohs(addr.sin_port);
    return fd;
}

/* Where a relay that forwarded more than channels might lead the guest. */
static char *
probeTargets(guint16 tcp, guint16 udp)
{
    GString *targets = g_string_new("10.0.2.4:600");
    struct ifaddrs *all = NULL;

    for (int host = 1; host <= 6; host++)
        g_string_append_printf(targets, " 10.0.2.%d:22 10.0.2.%d:53 10.0.2.%d:80 10.0.2.%d:%u"
                               " udp:10.0.2.%d:53 udp:10.0.2.%d:600 udp:10.0.2.%d:%u",
                               host, host, host, host, tcp, host, host, host, udp);
    g_string_append_printf(targets, " 10.0.2.1:600 10.0.2.2:600 10.0.2.3:600 10.0.2.4:599"
                           " 192.0.2.1:80 127.0.0.2:%u udp:192.0.2.1:53", tcp);
    if (getifaddrs(&all) < 0)
        g_error("getifaddrs: %m");
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        struct sockaddr_in *in = (void *)one->ifa_addr;
        char text[INET_ADDRSTRLEN];

        if (!in || in->sin_family != AF_INET || ntohl(in->sin_addr.s_addr) >> 24 == 127)
            continue;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        g_string_append_printf(targets, " %s:%u udp:%s:%u", text, tcp, text, udp);
    }
    freeifaddrs(all);
    return g_string_free(targets, FALSE);
}

static void
testNothingElse(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) host = hostListen(dir, "agent", vmcHostCollect, 0);
    guint16 tcp, udp;
    int tcpSocket = hostSocket(SOCK_STREAM, &tcp);
    int udpSocket = hostSocket(SOCK_DGRAM, &udp);
    struct pollfd reached[] = { { tcpSocket, POLLIN, 0 }, { udpSocket, POLLIN, 0 } };
    g_autofree char *targets = probeTargets(tcp, udp);
    g_autofree char *output = NULL;
    g_auto(GStrv) lines = NULL;

    vmcGuestExpect(guest, "", "ip route add default via 10.0.2.4 dev eth0");
    vmcGuestRun(guest, &output, "nettool --probe 3000 %s", targets);
    lines = g_strsplit(output, "\n", -1);
    /* The first one shows that an open port would be seen. */
    g_assert_cmpstr(lines[0], ==, "10.0.2.4:600 OPEN");
    for (char **line = lines + 1; lines[0] && *line; line++) {
        if (strstr(*line, " OPEN") || strstr(*line, " ANSWERED")) {
            g_test_message("reachable from the guest: %s", *line);
            g_test_fail();
        }
    }
    g_assert_cmpint(poll(reached, G_N_ELEMENTS(reached), 0), ==, 0);
    g_assert_cmpint(vmcGuestRun(guest, NULL, "ping -c 1 -W 1 192.0.2.1"), !=, 0);
    vmcGuestExpect(guest, "", "ip route del default");
    close(tcpSocket);
    close(udpSocket);
}

static void
testPing(vmcGuest *guest, const char *dir)
{
    (void)dir;
    g_assert_cmpint(vmcGuestRun(guest, NULL, "ping -c 1 -W 10 10.0.2.4"), ==, 0);
}

/* The last one: it ends the guest. */
static void
testKilled(vmcGuest *guest, const char *dir)
{
    GArray *relays = vmcRelaysFind();

    (void)dir;
    g_assert_cmpuint(relays->len, >=, 1);
    vmcMachineKill(vmcGuestMachine(guest));
    g_assert_true(vmcRelaysEnd(relays, 1000));
}

int
main(int argc, char **argv)
{
    static const vmcGuestCase cases[] = {
        { "/guest/virtio/lease", testLease },
        { "/guest/virtio/one-accept-for-each-connection", testOneAcceptEach },
        { "/guest/virtio/100-at-once", testParallel },
        { "/guest/virtio/half-close-by-guest", testGuestHalfClose },
        { "/guest/virtio/half-close-by-host", testHostHalfClose },
        { "/guest/virtio/reset-by-guest", testGuestReset },
        { "/guest/virtio/host-program-gone", testHostGone },
        { "/guest/virtio/absent-then-there", testAbsentThenThere },
        { "/guest/virtio/bind-host-first", testBindHostFirst },
        { "/guest/virtio/bind-guest-first", testBindGuestFirst },
        { "/guest/virtio/ports-600-and-22530", testTwoPorts },
        { "/guest/virtio/64-mib-up", testBulkUp },
        { "/guest/virtio/64-mib-down", testBulkDown },
        { "/guest/virtio/reader-that-never-reads", testStuckReader },
        { "/guest/virtio/stopped-often", testStoppedOften },
        { "/guest/virtio/backlog-full", testBacklogFull },
        { "/guest/virtio/bind-guest-gone", testBindGuestGone },
        { "/guest/virtio/file", testFile },
        { "/guest/virtio/null", testNull },
        { "/guest/virtio/nothing-else-reachable", testNothingElse },
        { "/guest/virtio/ping", testPing },
        { "/guest/virtio/emulator-killed", testKilled },
    };
    static const vmcGuestSuite suite = { boot, cases, G_N_ELEMENTS(cases), false };

    return vmcGuestSuiteRun(argc, argv, &suite, 1);
}
