/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test guest's TCP client, scripted by its arguments. A failure is printed
 * as "STEP: ERRNO-NAME", exit status 1.
 *
 * nettool ADDRESS PORT VERB...       one connection; the verbs are in a table below
 * nettool --parallel N ADDRESS PORT  N at once, each sends a line and reads its echo
 * nettool --sequence N ADDRESS PORT  N in turn, each sends a line and reads its echo
 * nettool --hold N ADDRESS PORT FILE N at once, nothing is said; creates FILE when
 *                                    all are there, and stays until killed
 * nettool --probe MS [udp:]ADDRESS:PORT...
 *                                    tries all at once, says what answered within MS
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/guest/pattern.h"

#define MAX_SOCKETS 2048

static unsigned char buffer[65536];

static int
failed(const char *step)
{
    printf("%s: %s\n", step, strerrorname_np(errno));
    return -1;
}

static struct sockaddr_in
address(const char *host, const char *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    if (inet_pton(AF_INET, host, &addr.sin_addr) != 1) {
        fprintf(stderr, "nettool: bad address '%s'\n", host);
        exit(2);
    }
    return addr;
}

static int
sendAll(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0)
            return failed("send");
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
verbSend(int fd, const char *text)
{
    return sendAll(fd, text, strlen(text));
}

static int
verbLine(int fd, const char *text)
{
    return sendAll(fd, text, strlen(text)) < 0 ? -1 : sendAll(fd, "\n", 1);
}

static int
verbSendPattern(int fd, const char *count)
{
    unsigned long long left = strtoull(count, NULL, 10);
    uint64_t sum = PATTERN_SUM_START;
    patternStream stream;

    patternStart(&stream, PATTERN_SEED);
    while (left > 0) {
        size_t n = left < sizeof(buffer) ? (size_t)left : sizeof(buffer);

        patternFill(&stream, buffer, n);
        sum = patternSum(sum, buffer, n);
        if (sendAll(fd, buffer, n) < 0)
            return -1;
        left -= n;
    }
    printf("sent %s %016llx\n", count, (unsigned long long)sum);
    return 0;
}

static int
verbShut(int fd, const char *arg)
{
    (void)arg;
    return shutdown(fd, SHUT_WR) < 0 ? failed("shut") : 0;
}

static int
verbReceive(int fd, const char *arg)
{
    ssize_t n;

    (void)arg;
    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
        fwrite(buffer, 1, (size_t)n, stdout);
    return n < 0 ? failed("recv") : 0;
}

static int
verbReceiveCount(int fd, const char *count)
{
    size_t left = strtoul(count, NULL, 10);

    while (left > 0) {
        ssize_t n = recv(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer), 0);

        if (n < 0)
            return failed("recvn");
        if (n == 0) {
            printf("recvn: EOF, %zu bytes short\n", left);
            return -1;
        }
        fwrite(buffer, 1, (size_t)n, stdout);
        left -= (size_t)n;
    }
    return 0;
}

static int
verbSum(int fd, const char *arg)
{
    unsigned long long count = 0;
    uint64_t sum = PATTERN_SUM_START;
    ssize_t n;

    (void)arg;
    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        sum = patternSum(sum, buffer, (size_t)n);
        count += (unsigned long long)n;
    }
    if (n < 0)
        return failed("sum");
    printf("received %llu %016llx\n", count, (unsigned long long)sum);
    return 0;
}

/* End of file, and nothing before it. */
static int
verbWaitEof(int fd, const char *arg)
{
    ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

    (void)arg;
    if (n < 0)
        return failed("wait-eof");
    puts(n == 0 ? "eof" : "wait-eof: DATA");
    return n == 0 ? 0 : -1;
}

static int
verbClose(int fd, const char *arg)
{
    (void)arg;
    return close(fd) < 0 ? failed("close") : 0;
}

static int
verbReset(int fd, const char *arg)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    (void)arg;
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
        return failed("rst");
    return close(fd) < 0 ? failed("rst") : 0;
}

static int
verbHold(int fd, const char *arg)
{
    (void)fd;
    (void)arg;
    return pause();
}

/* Tells other commands in the guest that the script has come so far. */
static int
verbMark(int fd, const char *path)
{
    int mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)fd;
    return mark < 0 ? failed("mark") : close(mark);
}

/* Goes on when the host, or another command, has created the file. */
static int
verbAwait(int fd, const char *path)
{
    (void)fd;
    while (access(path, F_OK) < 0)
        usleep(10000);
    return 0;
}

static const struct {
    const char *name;       /* one that ends with ':' takes an argument */
    int (*run)(int fd, const char *arg);
} verbs[] = {
    { "send:", verbSend },          /* text */
    { "line:", verbLine },          /* text and a newline */
    { "sendn:", verbSendPattern },  /* so many bytes of the pattern; prints count and sum */
    { "shut", verbShut },           /* no more to send */
    { "recv", verbReceive },        /* until EOF; prints it */
    { "recvn:", verbReceiveCount }, /* so many bytes; prints them */
    { "sum", verbSum },             /* until EOF; prints count and sum */
    { "wait-eof", verbWaitEof },
    { "close", verbClose },
    { "rst", verbReset },           /* close with a reset */
    { "mark:", verbMark },          /* creates a file */
    { "await:", verbAwait },        /* until there is such a file */
    { "hold", verbHold },           /* until killed */
};

static int
runVerb(int fd, const char *word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        size_t len = strlen(verbs[i].name);
        bool takes = verbs[i].name[len - 1] == ':';

        if (takes ? strncmp(word, verbs[i].name, len) == 0 : strcmp(word, verbs[i].name) == 0) {
            int result = verbs[i].run(fd, word + len);

            fflush(stdout);
            return result;
        }
    }
    fprintf(stderr, "nettool: no verb '%s'\n", word);
    exit(2);
}

static int
connectTo(const struct sockaddr_in *addr, int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        return failed("socket");
    if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 && errno != EINPROGRESS) {
        failed("connect");
        close(fd);
        return -1;
    }
    return fd;
}

static int
script(char **argv)
{
    struct sockaddr_in addr = address(argv[0], argv[1]);
    int fd = connectTo(&addr, 0);

    if (fd < 0)
        return 1;
    for (argv += 2; *argv; argv++) {
        if (runVerb(fd, *argv) < 0)
            return 1;
    }
    return 0;
}

/* Sends connection @number's own line. */
static bool
sendOwnLine(int fd, int number)
{
    char line[64];

    snprintf(line, sizeof(line), "connection %d of process %d\n", number, getpid());
    return sendAll(fd, line, strlen(line)) == 0;
}

/* Reads the line back; with @toEof there must be nothing after it. */
static bool
readOwnLine(int fd, int number, bool toEof)
{
    char line[64], got[64];
    size_t want = (size_t)snprintf(line, sizeof(line), "connection %d of process %d\n",
                                   number, getpid());
    size_t len = 0;

    while (len < want || toEof) {
        ssize_t n = recv(fd, got + len, sizeof(got) - len, 0);

        if (n < 0)
            return failed("recv") == 0;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return len == want && memcmp(line, got, want) == 0;
}

static int
report(int ok, int count)
{
    printf("ok %d failed %d\n", ok, count - ok);
    return ok != count;
}

static int
sequence(int count, char **argv)
{
    struct sockaddr_in addr = address(argv[0], argv[1]);
    int ok = 0;

    for (int i = 0; i < count; i++) {
        int fd = connectTo(&addr, 0);

        if (fd < 0)
            continue;
        if (sendOwnLine(fd, i) && shutdown(fd, SHUT_WR) == 0 && readOwnLine(fd, i, true))
            ok++;
        close(fd);
    }
    return report(ok, count);
}

/* Waits for a connect that was begun and puts the socket back to blocking. */
static bool
finishConnect(int fd)
{
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0 || poll(&ready, 1, -1) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return false;
    errno = error;
    return error ? failed("connect") == 0 : fcntl(fd, F_SETFL, 0) == 0;
}

static int
parallel(int count, char **argv)
{
    struct sockaddr_in addr = address(argv[0], argv[1]);
    int fds[MAX_SOCKETS];
    bool fine[MAX_SOCKETS];
    int ok = 0;

    if (count > MAX_SOCKETS)
        return 2;
    for (int i = 0; i < count; i++)
        fds[i] = connectTo(&addr, SOCK_NONBLOCK);
    for (int i = 0; i < count; i++)
        fine[i] = finishConnect(fds[i]);
    for (int i = 0; i < count; i++)
        fine[i] = fine[i] && sendOwnLine(fds[i], i);
    for (int i = 0; i < count; i++)
        ok += fine[i] && readOwnLine(fds[i], i, false);
    return report(ok, count);
}

static int
hold(int count, char **argv)
{
    struct sockaddr_in addr = address(argv[0], argv[1]);

    for (int i = 0; i < count; i++) {
        if (connectTo(&addr, 0) < 0)
            return 1;
    }
    return verbMark(-1, argv[2]) < 0 ? 1 : pause();
}

typedef struct {
    const char *name;
    bool udp;
    int fd;
    const char *result;     /* NULL: nothing yet */
} probe;

static void
probeStart(probe *p, char *target)
{
    char copy[64];
    char *colon;
    struct sockaddr_in addr;

    p->name = target;
    p->udp = strncmp(target, "udp:", 4) == 0;
    snprintf(copy, sizeof(copy), "%s", target + (p->udp ? 4 : 0));
    colon = strchr(copy, ':');
    if (!colon)
        exit(2);
    *colon = '\0';
    addr = address(copy, colon + 1);
    p->fd = socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    p->result = NULL;
    if (connect(p->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
        p->result = strerrorname_np(errno);
    else if (p->udp && send(p->fd, "probe", 5, 0) < 0)
        p->result = strerrorname_np(errno);
}

/* What became of a socket that poll() spoke of. */
static void
probeSettle(probe *p)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    p->result = error ? strerrorname_np(error) : p->udp ? "ANSWERED" : "OPEN";
}

static long long
milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void
probeWait(probe *probes, int count, long long end)
{
    struct pollfd fds[MAX_SOCKETS];
    long long left;

    while ((left = end - milliseconds()) > 0) {
        for (int i = 0; i < count; i++) {
            fds[i].fd = probes[i].result ? -1 : probes[i].fd;
            fds[i].events = probes[i].udp ? POLLIN : POLLOUT;
        }
        if (poll(fds, (nfds_t)count, (int)left) < 0)
            exit(1);
        for (int i = 0; i < count; i++) {
            if (fds[i].fd >= 0 && fds[i].revents)
                probeSettle(&probes[i]);
        }
    }
}

static int
probeAll(int wait, char **targets)
{
    static probe probes[MAX_SOCKETS];
    int count = 0;

    for (; targets[count] && count < MAX_SOCKETS; count++)
        probeStart(&probes[count], targets[count]);
    probeWait(probes, count, milliseconds() + wait);
    for (int i = 0; i < count; i++)
        printf("%s %s\n", probes[i].name, probes[i].result ? probes[i].result : "SILENT");
    return 0;
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc >= 5 && strcmp(argv[1], "--parallel") == 0)
        return parallel(atoi(argv[2]), argv + 3);
    if (argc >= 5 && strcmp(argv[1], "--sequence") == 0)
        return sequence(atoi(argv[2]), argv + 3);
    if (argc >= 6 && strcmp(argv[1], "--hold") == 0)
        return hold(atoi(argv[2]), argv + 3);
    if (argc >= 4 && strcmp(argv[1], "--probe") == 0)
        return probeAll(atoi(argv[2]), argv + 3);
    if (argc >= 3 && argv[1][0] != '-')
        return script(argv + 1);
    fprintf(stderr, "usage: nettool ADDRESS PORT VERB...\n");
    return 2;
}
