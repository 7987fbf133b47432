/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lwIP as a guest, at the other end of a relay's link, in the place of QEMU: what
 * firmware and small systems have for a stack. It asks for a lease, and then does with
 * the channels of tests/lib/stacks.sh what every stack there is asked to do.
 *
 * lwipguest BYTES RELAY ARGUMENT...  starts RELAY, whose end of the link is descriptor 3.
 *                                    BYTES is the file to send and to compare with. Prints
 *                                    a line for each thing that worked: its name, a value.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

/* In seconds: after so long a thing that should happen did not. */
#define PATIENCE 60

/* What the relay is told by its arguments. */
#define LINK_FD 3

/* The channels of tests/lib/stacks.sh. */
enum { UP = 600, DOWN = 601, HALF = 602, NOTHING = 603 };

typedef struct {
    bool connected, ended;
    err_t error;
    char *received;
    size_t len;
} result;

static int relayLink;
static struct netif nic;

static int
fail(const char *what)
{
    perror(what);
    exit(1);
}

u32_t
sys_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static err_t
sendFrame(struct netif *netif, struct pbuf *frame)
{
    static char bytes[2048];
    u16_t len = pbuf_copy_partial(frame, bytes, sizeof(bytes), 0);

    (void)netif;
    return send(relayLink, bytes, len, MSG_NOSIGNAL) == len ? ERR_OK : ERR_IF;
}

static err_t
addNic(struct netif *netif)
{
    static const u8_t mac[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->hwaddr_len = sizeof(mac);
    netif->mtu = 1500;
    netif->name[0] = 'v';
    netif->name[1] = 'm';
    netif->output = etharp_output;
    netif->linkoutput = sendFrame;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
        NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void
takeFrame(void)
{
    static char bytes[65536];
    ssize_t n = recv(relayLink, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct pbuf *frame;

    if (n == 0) {
        fputs("the relay has ended\n", stderr);
        exit(1);
    }
    if (n < 0)
        return;
    frame = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_RAM);
    if (!frame || pbuf_take(frame, bytes, (u16_t)n) != ERR_OK)
        abort();
    if (nic.input(frame, &nic) != ERR_OK)
        pbuf_free(frame);
}

static void
turn(void)
{
    struct pollfd one = { .fd = relayLink, .events = POLLIN };
    u32_t wait = sys_timeouts_sleeptime();

    if (poll(&one, 1, wait < 1000 ? (int)wait : 1000) > 0)
        takeFrame();
    sys_check_timeouts();
}

/* Turns until @condition; false when it does not come. */
#define WAIT_FOR(condition)                                             \
    ({                                                                  \
        u32_t waitStart = sys_now();                                    \
        while (!(condition) && sys_now() - waitStart < PATIENCE * 1000) \
            turn();                                                     \
        (condition);                                                    \
    })

static err_t
onConnected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    result *done = arg;

    (void)pcb;
    done->connected = error == ERR_OK;
    return ERR_OK;
}

/* lwIP has freed the connection when it says this. */
static void
onError(void *arg, err_t error)
{
    result *done = arg;

    done->error = error;
}

static err_t
onReceived(void *arg, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    result *done = arg;

    (void)error;
    if (!data) {
        done->ended = true;
        return ERR_OK;
    }
    done->received = realloc(done->received, done->len + data->tot_len + 1);
    if (!done->received)
        abort();
    pbuf_copy_partial(data, done->received + done->len, data->tot_len, 0);
    done->len += data->tot_len;
    done->received[done->len] = '\0';
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return ERR_OK;
}

/* NULL, with @done->error, when the connection is refused. */
static struct tcp_pcb *
dial(u16_t port, result *done)
{
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t channel;

    ipaddr_aton("10.0.2.4", &channel);
    if (!pcb)
        abort();
    tcp_arg(pcb, done);
    tcp_err(pcb, onError);
    tcp_recv(pcb, onReceived);
    tcp_connect(pcb, &channel, port, onConnected);
    return WAIT_FOR(done->connected || done->error) && done->connected ? pcb : NULL;
}

static bool
sendAll(struct tcp_pcb *pcb, result *done, const char *bytes, size_t len)
{
    while (len > 0) {
        u16_t n;

        if (!WAIT_FOR((tcp_sndbuf(pcb) > 0 && tcp_sndqueuelen(pcb) < TCP_SND_QUEUELEN) ||
                      done->error) || done->error)
            return false;
        n = tcp_sndbuf(pcb) < len ? tcp_sndbuf(pcb) : (u16_t)len;
        if (tcp_write(pcb, bytes, n, TCP_WRITE_FLAG_COPY) != ERR_OK) {
            turn();
            continue;
        }
        tcp_output(pcb);
        bytes += n;
        len -= n;
    }
    return true;
}

/* Sends, half-closes, and waits for the channel's end, with what comes before it. */
static bool
exchange(u16_t port, const char *bytes, size_t len, result *done)
{
    struct tcp_pcb *pcb = dial(port, done);

    if (!pcb || !sendAll(pcb, done, bytes, len))
        return false;
    if (tcp_shutdown(pcb, 0, 1) != ERR_OK)
        return false;
    return WAIT_FOR(done->ended || done->error) && done->ended;
}

static void
startRelay(char **argv)
{
    int ends[2], status;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        fail("socketpair");
    pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        if (dup2(ends[1], LINK_FD) < 0)
            fail("dup2");
        if (ends[1] == LINK_FD)
            fcntl(LINK_FD, F_SETFD, 0);
        execvp(argv[0], argv);
        fail(argv[0]);
    }
    close(ends[1]);
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        exit(1);
    relayLink = ends[0];
}

static char *
readBytes(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *bytes;

    if (!file || fseek(file, 0, SEEK_END) < 0)
        fail(path);
    *len = (size_t)ftell(file);
    bytes = malloc(*len);
    rewind(file);
    if (!bytes || fread(bytes, 1, *len, file) != *len)
        fail(path);
    fclose(file);
    return bytes;
}

static void
useChannels(const char *bytes, size_t len)
{
    static const char text[] = "half\n";
    result up = { 0 }, down = { 0 }, half = { 0 }, nothing = { 0 };

    if (exchange(UP, bytes, len, &up))
        printf("up %zu\n", len);
    if (exchange(DOWN, NULL, 0, &down) && down.len == len && memcmp(down.received, bytes, len) == 0)
        printf("down %zu\n", len);
    if (exchange(HALF, text, strlen(text), &half) && half.len > 0)
        printf("half-close %s", half.received);
    if (!dial(NOTHING, &nothing) && nothing.error == ERR_RST)
        puts("refused yes");
}

int
main(int argc, char **argv)
{
    size_t len;
    char *bytes;

    if (argc < 3) {
        fputs("usage: lwipguest BYTES RELAY ARGUMENT...\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    bytes = readBytes(argv[1], &len);
    startRelay(argv + 2);
    srand(sys_now());
    lwip_init();
    netif_add(&nic, NULL, NULL, NULL, NULL, addNic, ethernet_input);
    netif_set_default(&nic);
    netif_set_up(&nic);
    dhcp_start(&nic);
    puts("version " LWIP_VERSION_STRING);
    if (!WAIT_FOR(dhcp_supplied_address(&nic)))
        return 1;
    printf("lease %s\n", ip4addr_ntoa(netif_ip4_addr(&nic)));
    useChannels(bytes, len);
    return 0;
}
