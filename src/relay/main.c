/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmchannel-relay: ends the guest's TCP connections and hands their bytes to
 * host character devices. Started by qemu-vmchannel, for one guest.
 *
 * Theory of operation. Everything that can fail by the user's fault happens
 * first, while the starter waits and stderr is still there: options, binding,
 * opening. It happens in a child that stays, in a session of its own; the
 * parent's exit status tells the starter how that went. From then on the relay
 * holds nothing but its end of the link and what the broker opened. It serves
 * until QEMU closes the other end of the link, which is how QEMU's death looks,
 * however it dies.
 *
 * The rooms: link.c moves frames, endpoint.c and what it includes speaks the
 * guest's protocols and is pure, host.c moves the bytes of one connection,
 * broker.c opens host sides. Broker and the rest know each other by
 * broker.h alone.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "relay/host.h"
#include "relay/link.h"
#include "relay/options.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Frames taken from the link before anything else gets its turn. */
#define FRAMES_A_TURN 64

typedef struct {
    vmcLoop *loop;
    vmcBroker *broker;
    vmcEndpoint *endpoint;
    GPtrArray *channels;        /* of vmcHostChannel */
    vmcWatch link;
    vmcWatch signals;
    bool linkFull;              /* the endpoint waits for room in the link */
    bool over;                  /* QEMU is gone, or we were told to go */
} relay;

static vmcTime
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (vmcTime)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool
sendFrame(void *opaque, const struct iovec *iov, int niov)
{
    relay *r = opaque;

    if (vmcLinkSend(r->link.fd, iov, niov))
        return true;
    if (!r->linkFull)
        vmcLoopChange(r->loop, &r->link, EPOLLIN | EPOLLOUT);
    r->linkFull = true;
    return false;
}

static const vmcEndpointOps endpointOps = {
    .send = sendFrame,
    .open = vmcHostOpen,
    .room = vmcHostRoom,
    .write = vmcHostWrite,
    .shut = vmcHostShut,
    .peek = vmcHostPeek,
    .consume = vmcHostConsume,
    .close = vmcHostClose,
};

static void
receiveFrames(relay *r)
{
    static uint8_t frame[VMC_ENDPOINT_FRAME_MAX];

    for (int i = 0; i < FRAMES_A_TURN; i++) {
        ssize_t len = vmcLinkReceive(r->link.fd, frame, sizeof(frame));

        if (len == 0)
            r->over = true;
        if (len <= 0)
            return;
        vmcEndpointInput(r->endpoint, now(), frame, len);
    }
}

static void
linkReady(void *opaque, uint32_t events)
{
    relay *r = opaque;

    if (events & EPOLLOUT) {
        r->linkFull = false;
        vmcLoopChange(r->loop, &r->link, EPOLLIN);
        vmcEndpointLinkWritable(r->endpoint, now());
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receiveFrames(r);
}

static void
signalReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    relay *r = opaque;

    r->over = true;
}

/* Signals that would end us: as events, so that our sockets are removed. */
static int
watchSignals(relay *r)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    r->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    r->signals.ready = signalReady;
    r->signals.opaque = r;
    if (r->signals.fd < 0) {
        vmcReportSystemError(errno, "cannot watch signals");
        return -1;
    }
    return vmcLoopAdd(r->loop, &r->signals, EPOLLIN);
}

static int
watchLink(relay *r, int fd)
{
    if (vmcLinkCheck(fd) < 0)
        return -1;
    r->link.fd = fd;
    r->link.ready = linkReady;
    r->link.opaque = r;
    return vmcLoopAdd(r->loop, &r->link, EPOLLIN);
}

static int
makeEndpoint(relay *r, const vmcRelayOptions *options)
{
    vmcEndpointConfig config = {
        .mac = { 0x52, 0x55, 0x0a, 0x00, 0x02, 0x04 },
        .guest = options->guest,
        .prefix = options->prefix,
        .mtu = options->mtu,
    };

    if (getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret)) {
        vmcReportSystemError(errno, "cannot get random bytes");
        return -1;
    }
    r->endpoint = vmcEndpointNew(&config, &endpointOps, r);
    return 0;
}

static int
addChannel(relay *r, const vmcChannel *def, const char *guestName)
{
    vmcHostChannel *channel;
    struct in_addr address = { .s_addr = inet_addr(def->address) };
    int number = vmcBrokerAdd(r->broker, def, guestName);

    if (number < 0)
        return -1;
    channel = g_new0(vmcHostChannel, 1);
    *channel = (vmcHostChannel){
        .loop = r->loop, .broker = r->broker, .endpoint = r->endpoint,
        .now = now, .number = number, .type = def->source.type };
    g_ptr_array_add(r->channels, channel);
    if (vmcEndpointAddChannel(r->endpoint, address, def->port, channel) < 0) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "two vmchannels have the address '%s' and the port '%u'",
                       def->address, def->port);
        return -1;
    }
    return 0;
}

static int
relayPrepare(relay *r, const vmcRelayOptions *options)
{
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    const char *name = options->uuid ? options->uuid : options->name ? options->name : pid;

    r->channels = g_ptr_array_new_with_free_func(g_free);
    r->loop = vmcLoopNew();
    if (!r->loop || !(r->broker = vmcBrokerNew(r->loop)) ||
        makeEndpoint(r, options) < 0 || watchLink(r, options->linkFd) < 0 ||
        watchSignals(r) < 0)
        return -1;
    for (unsigned int i = 0; i < options->channels->len; i++) {
        if (addChannel(r, options->channels->pdata[i], name) < 0)
            return -1;
    }
    return 0;
}

static void
relayServe(relay *r)
{
    while (!r->over) {
        vmcTime start = now();
        vmcTime next;

        vmcEndpointFlush(r->endpoint, start);
        next = vmcEndpointTimer(r->endpoint, start, vmcLinkBusy(r->link.fd));
        if (vmcLoopTurn(r->loop, next == VMC_TIME_NEVER ? -1 : MAX(next - start, 0)) < 0)
            return;
    }
    /* What QEMU had sent before it died is in; the host sides get it. */
    vmcEndpointFlush(r->endpoint, now());
}

static void
relayFree(relay *r)
{
    vmcEndpointFree(r->endpoint);
    vmcBrokerFree(r->broker);
    vmcLoopFree(r->loop);
    g_ptr_array_unref(r->channels);
    vmcFdClose(&r->signals.fd);
    vmcFdClose(&r->link.fd);
}

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
         "           [--name NAME] [--uuid UUID] [--vmchannel [ADDRESS:]PORT:CHARDEV]...\n"
         "\n"
         "Serves the vmchannels of one guest. qemu-vmchannel starts it; there is no\n"
         "reason to run it by hand.\n"
         "\n"
         "  --link-fd N    descriptor of a SOCK_SEQPACKET socket whose other end QEMU has\n"
         "  --network A/P  the guest's address, and the prefix length of its network\n"
         "  --mtu N        largest IP packet on the link, in bytes, 576 to 65520\n"
         "  --name, --uuid the guest's, for generated paths\n"
         "  --vmchannel V  a channel, as qemu-vmchannel takes it; may be repeated\n"
         "  --help         show this and exit\n"
         "  --version      show the version and exit");
}

/* The process that stays. It tells its parent through @readyFd. */
static int
serve(const vmcRelayOptions *options, int readyFd)
{
    relay r = { .link.fd = -1, .signals.fd = -1 };
    int status = EXIT_SUCCESS;

    if (leaveStarter() < 0 || relayPrepare(&r, options) < 0 ||
        dup2(0, 2) < 0 || write(readyFd, "", 1) != 1) {
        status = fail();
    } else {
        vmcFdClose(&readyFd);
        relayServe(&r);
    }
    relayFree(&r);
    return status;
}

/* The process that the starter waits for: returns its exit status. */
static int
waitUntilReady(int readyFd)
{
    char ready;
    ssize_t n;

    do
        n = read(readyFd, &ready, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
start(const vmcRelayOptions *options)
{
    int ready[2];
    pid_t pid;

    signal(SIGPIPE, SIG_IGN);
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
    return waitUntilReady(ready[0]);
}

int
main(int argc, char **argv)
{
    g_autoptr(vmcRelayOptions) options = NULL;

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
