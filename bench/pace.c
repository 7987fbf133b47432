/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests and how the host serves them: see pace.h. Measures nothing. */
#include <config.h>

#include "pace.h"

#include <unistd.h>

#define CHUNK 65536

const char *const paceKinds[PACE_LAST] = {
    [PACE_UP] = "up", [PACE_DOWN] = "down", [PACE_ECHO] = "echo", [PACE_CONNECT] = "connect",
};

static char bytes[CHUNK];       /* what is sent, and where what comes is dropped */

int
paceSend(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int
paceReceive(int fd, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n = read(fd, at, len);

        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
serveUp(int fd, const paceRequest *request)
{
    uint64_t left = request->count;

    while (left > 0) {
        ssize_t n = read(fd, bytes, left < CHUNK ? (size_t)left : CHUNK);

        if (n <= 0)
            return -1;
        left -= (uint64_t)n;
    }
    return paceSend(fd, bytes, 1);
}

static int
serveDown(int fd, const paceRequest *request)
{
    for (uint64_t left = request->count; left > 0;) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;

        if (paceSend(fd, bytes, n) < 0)
            return -1;
        left -= n;
    }
    return 0;
}

static int
serveEcho(int fd, const paceRequest *request)
{
    for (uint64_t i = 0; i < request->count; i++) {
        if (request->size > CHUNK || paceReceive(fd, bytes, request->size) < 0 ||
            paceSend(fd, bytes, request->size) < 0)
            return -1;
    }
    return 0;
}

int
paceServe(int fd)
{
    static int (*const serve[PACE_LAST])(int fd, const paceRequest *request) = {
        [PACE_UP] = serveUp, [PACE_DOWN] = serveDown, [PACE_ECHO] = serveEcho,
    };
    paceRequest request;

    if (paceReceive(fd, &request, sizeof(request)) < 0 || request.kind >= PACE_LAST ||
        !serve[request.kind])
        return -1;
    return serve[request.kind](fd, &request);
}
