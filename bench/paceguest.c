/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's part of the relay's benchmark, a static program.
 *
 * paceguest FIFO NAME=TARGET...   opens each TARGET (ADDRESS:PORT, or a file) and
 *                                 keeps it open; then reads lines "KIND NAME
 *                                 COUNT SIZE" from FIFO.ask, one at a time, and
 *                                 writes the seconds that each took to FIFO.answer,
 *                                 -1 for one that got stuck
 * paceguest serve                 the host's part on standard input, for guestfwd
 *                                 with cmd:
 */
#include <config.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pace.h"

#define MAX_TARGETS 16
#define STALL_SECONDS 10        /* without a byte either way: it is stuck */
#define CHUNK 65536

typedef struct {
    const char *name;
    char *file;                 /* NULL: an address */
    struct sockaddr_in address;
    int fd;
} target;

static target targets[MAX_TARGETS];
static char bytes[CHUNK];

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static int
openTarget(const target *to)
{
    static const int on = 1;
    static const struct timeval limit = { .tv_sec = STALL_SECONDS };
    int fd = to->file ? open(to->file, O_RDWR) : socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 ||
        (!to->file && (connect(fd, (const struct sockaddr *)&to->address,
                               sizeof(to->address)) < 0 ||
                       setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
                       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
                       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)))
        die(to->name);
    return fd;
}

static void
addTarget(target *to, char *word)
{
    char *value = strchr(word, '=');
    char *port;

    if (!value)
        die(word);
    *value++ = '\0';
    to->name = word;
    port = strchr(value, ':');
    if (port) {
        *port++ = '\0';
        to->address = (struct sockaddr_in){ .sin_family = AF_INET,
                                            .sin_port = htons((uint16_t)atoi(port)) };
        if (inet_pton(AF_INET, value, &to->address.sin_addr) != 1)
            die(value);
    } else {
        to->file = value;
    }
    to->fd = openTarget(to);
}

/* Each returns 0, or -1 when no byte comes or goes any more. */
static int
up(int fd, const paceRequest *request)
{
    for (uint64_t left = request->count; left > 0;) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;

        if (paceSend(fd, bytes, n) < 0)
            return -1;
        left -= n;
    }
    return paceReceive(fd, bytes, 1);
}

static int
down(int fd, const paceRequest *request)
{
    for (uint64_t left = request->count; left > 0;) {
        ssize_t n = read(fd, bytes, left < CHUNK ? (size_t)left : CHUNK);

        if (n <= 0)
            return -1;
        left -= (uint64_t)n;
    }
    return 0;
}

static int
echo(int fd, const paceRequest *request)
{
    for (uint64_t i = 0; i < request->count; i++) {
        if (paceSend(fd, bytes, request->size) < 0 || paceReceive(fd, bytes, request->size) < 0)
            return -1;
    }
    return 0;
}

static int (*const kinds[PACE_LAST])(int fd, const paceRequest *request) = {
    [PACE_UP] = up, [PACE_DOWN] = down, [PACE_ECHO] = echo,
};

static int
ask(int fd, const paceRequest *request)
{
    return paceSend(fd, request, sizeof(*request)) < 0 ? -1 : kinds[request->kind](fd, request);
}

static int
connects(const target *to, const paceRequest *request)
{
    paceRequest once = { .count = 1, .size = request->size, .kind = PACE_ECHO };
    int result = 0;

    for (uint64_t i = 0; i < request->count && result == 0; i++) {
        int fd = openTarget(to);

        result = ask(fd, &once);
        close(fd);
    }
    return result;
}

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const target *
findTarget(const char *name)
{
    for (size_t i = 0; i < MAX_TARGETS && targets[i].name; i++) {
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    }
    fprintf(stderr, "paceguest: no target '%s'\n", name);
    exit(2);
}

/* Returns seconds, or -1 when it got stuck. */
static double
run(const char *line)
{
    char kind[16], name[32];
    unsigned long long count;
    paceRequest request = { .count = 0 };
    const target *to;
    double begin;
    int result;

    if (sscanf(line, "%15s %31s %llu %u", kind, name, &count, &request.size) != 4 ||
        request.size > CHUNK)
        exit(2);
    request.count = count;
    while (request.kind < PACE_LAST && strcmp(kind, paceKinds[request.kind]) != 0)
        request.kind++;
    if (request.kind == PACE_LAST)
        exit(2);
    to = findTarget(name);
    begin = seconds();
    result = request.kind == PACE_CONNECT ? connects(to, &request) : ask(to->fd, &request);
    return result == 0 ? seconds() - begin : -1;
}

static void
makeFifo(char *path, size_t size, const char *name, const char *end)
{
    snprintf(path, size, "%s.%s", name, end);
    if (mkfifo(path, 0600) < 0)
        die(path);
}

static int
serve(void)
{
    while (paceServe(0) == 0)
        continue;
    return 0;
}

int
main(int argc, char **argv)
{
    char question[256], answer[256], line[256];

    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    if (argc < 3 || argc > 2 + MAX_TARGETS - 1)
        return 2;
    for (int i = 2; i < argc; i++)
        addTarget(&targets[i - 2], argv[i]);
    /* The answer's first: who waits for the question's may ask. */
    makeFifo(answer, sizeof(answer), argv[1], "answer");
    makeFifo(question, sizeof(question), argv[1], "ask");
    for (;;) {
        FILE *in = fopen(question, "r");
        FILE *out;
        double took;

        if (!in || !fgets(line, sizeof(line), in))
            die(question);
        fclose(in);
        took = run(line);
        out = fopen(answer, "w");
        if (!out)
            die(answer);
        fprintf(out, "%.9f\n", took);
        fclose(out);
    }
}
