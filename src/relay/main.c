/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmchannel-relay: ends the guest's TCP connections and hands their bytes to
 * host character devices. Started by qemu-vmchannel, for one guest.
 *
 * Theory of operation. Everything that can fail by the user's fault happens
 * first, while the starter waits and stderr is still there: options, binding,
 * opening. It happens in a child that stays, in a session of its own; the
 * parent's exit status tells the starter how that went. From then on the relay
 * holds nothing but its end of the link and what it opened. It serves until
 * QEMU closes the other end of the link, which is how QEMU's death looks,
 * however it dies.
 *
 * That child is the broker (broker.c). It opens host sides (broker/sources) and
 * keeps the link. The processes that touch the bytes it starts by a fresh exec of
 * this program (supervised.c): one worker (worker.c), which speaks the guest's
 * protocols (src/endpoint, which is pure) and moves bytes between the link and
 * sockets (host.c); and a pump (pump.c) for each channel whose host side is no
 * plain socket. They are confined (confine.c) and talk in messages (ipc.c,
 * mailbox.c).
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/broker/broker.h"
#include "relay/broker/options.h"
#include "relay/process/child.h"
#include "relay/process/confine.h"
#include "relay/pump/pump.h"
#include "relay/worker/worker.h"
#include "util/apparmor.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/starter.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Our starter's descriptors are not ours: libvirt's among them, if it is that. */
static void
closeForeign(int linkFd)
{
    if (linkFd > 3)
        close_range(3, linkFd - 1, 0);
    close_range(linkFd + 1, ~0U, 0);
    fcntl(linkFd, F_SETFD, FD_CLOEXEC);
}

/* Our own session, and nothing of the starter's but its stderr. */
static int
leaveStarter(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || setsid() < 0 || chdir("/") < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) {
        vmcReportSystemError(errno, "cannot leave the foreground");
        return -1;
    }
    vmcFdClose(&null);
    return 0;
}

static int
fail(void)
{
    fprintf(stderr, "vmchannel-relay: %s\n", vmcErrorLast()->message);
    return EXIT_FAILURE;
}

static void
help(void)
{
    puts("usage: vmchannel-relay --link-fd N --network ADDRESS/PREFIX --mtu N\n"
         "           [--dhcp off] [--name NAME] [--uuid UUID] [--vmchannel [ADDRESS:]PORT:CHARDEV]...\n"
         "\n"
         "Serves the vmchannels of one guest. qemu-vmchannel starts it; there is no\n"
         "reason to run it by hand.\n"
         "\n"
         "  --link-fd N    descriptor of a SOCK_SEQPACKET socket whose other end QEMU has\n"
         "  --network A/P  the guest's address, and the prefix length of its network\n"
         "  --dhcp off     offer the guest no address\n"
         "  --mtu N        largest IP packet on the link, in bytes, 576 to 65520\n"
         "  --name NAME    the guest's name, for generated paths\n"
         "  --uuid UUID    the guest's uuid, for the same\n"
         "  --vmchannel V  a channel, as qemu-vmchannel takes it; may be repeated\n"
         "  --debug on     say at start how the processes are confined\n"
         "  --help         show this and exit\n"
         "  --version      show the version and exit");
}

/* Says what the starter may want to know, and lets go of its stderr. */
static int
tellStarter(const vmcBroker *broker, const vmcRelayOptions *options, int readyFd,
            unsigned int layers)
{
    g_autofree char *held = vmcConfineText(layers);
    g_autofree char *missing = vmcConfineText(VMC_LAYER_ALL & ~layers);

    for (unsigned int i = 0; i < options->channels->len; i++) {
        if (vmcBrokerReport(broker, i))
            fprintf(stderr, "vmchannel-relay: %s\n", vmcBrokerReport(broker, i));
    }
    if (vmcBrokerWithoutControl(broker))
        fprintf(stderr, "vmchannel-relay: %s\n", vmcBrokerWithoutControl(broker));
    if (options->debug)
        fprintf(stderr, "vmchannel-relay: the worker is confined by: %s; missing: %s\n",
                held, missing);
    if (dup2(0, 2) < 0 || write(readyFd, "", 1) != 1) {
        vmcReportSystemError(errno, "cannot leave the foreground");
        return -1;
    }
    return 0;
}

/* The process that stays. It tells its parent through @readyFd. */
static int
serve(const vmcRelayOptions *options, int readyFd)
{
    int keep[2] = { fcntl(0, F_DUPFD_CLOEXEC, 0), fcntl(1, F_DUPFD_CLOEXEC, 0) };
    g_autoptr(vmcBroker) broker = NULL;
    unsigned int layers;

    prctl(PR_SET_NAME, "vmch-broker");
    if (leaveStarter() < 0 || !(broker = vmcBrokerNew(options, keep)))
        return fail();
    vmcFdClose(&keep[0]);
    vmcFdClose(&keep[1]);
    layers = vmcBrokerReady(broker);
    if (layers == 0 || tellStarter(broker, options, readyFd, layers) < 0)
        return fail();
    vmcFdClose(&readyFd);
    vmcChildForget();
    vmcBrokerServe(broker);
    return EXIT_SUCCESS;
}

/*
 * The process that the starter waits for: returns its exit status. A broker that
 * failed has let go of @readyFd a little before its end, which is waited for: after
 * a start that failed nothing of the relay runs.
 */
static int
waitUntilReady(pid_t broker, int readyFd)
{
    char ready;
    ssize_t n;

    do
        n = read(readyFd, &ready, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return EXIT_SUCCESS;
    while (waitpid(broker, NULL, 0) < 0 && errno == EINTR)
        continue;
    return EXIT_FAILURE;
}

static int
start(const vmcRelayOptions *options)
{
    int ready[2];
    pid_t pid;

    signal(SIGPIPE, SIG_IGN);
    vmcAppArmorSay();
    closeForeign(options->linkFd);
    if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        vmcReportSystemError(errno, "cannot leave the foreground");
        return fail();
    }
    if (pid == 0) {
        close(ready[0]);
        return serve(options, ready[1]);
    }
    close(ready[1]);
    return waitUntilReady(pid, ready[0]);
}

int
main(int argc, char **argv)
{
    g_autoptr(vmcRelayOptions) options = NULL;

    vmcStarterForget();
    /* What the broker starts. */
    if (argc == 2 && g_str_equal(argv[1], "--worker"))
        return vmcWorkerMain();
    if (argc == 2 && g_str_equal(argv[1], "--pump"))
        return vmcPumpMain();
    if (argc == 2 && g_str_equal(argv[1], "--help")) {
        help();
        return EXIT_SUCCESS;
    }
    if (argc == 2 && g_str_equal(argv[1], "--version")) {
        puts("vmchannel-relay " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    options = vmcRelayOptionsParse((const char *const *)argv);
    if (!options) {
        fail();
        return 2;
    }
    return start(options);
}
