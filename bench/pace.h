/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the relay's benchmark does on a connection, whatever carries it: the
 * guest asks with a request, the host serves it, and both move exactly the
 * bytes that it names, so that one connection can carry many.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum {
    PACE_UP,                    /* @count bytes to the host, which answers with one */
    PACE_DOWN,                  /* @count bytes to the guest */
    PACE_ECHO,                  /* @size bytes there and back, @count times */
    PACE_CONNECT,               /* as PACE_ECHO once, on @count connections in turn */
    PACE_LAST
} paceKind;

extern const char *const paceKinds[PACE_LAST];  /* their names */

typedef struct {
    uint64_t count;
    uint32_t size;
    uint32_t kind;
} paceRequest;

/* paceSend, paceReceive: all of it. Return 0, or -1. */
int paceSend(int fd, const void *data, size_t len);
int paceReceive(int fd, void *data, size_t len);

/* paceServe: the host's part of one request. Returns 0, or -1 at the connection's end. */
int paceServe(int fd);
