/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host programs for the relay's tests, as sockets in the test's own hands. What
 * goes wrong fails the case; every wait ends after half a minute.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

bool hostIsReadable(int fd, int milliseconds);

/* The next connection to a listener. */
int hostAccept(int listener);

/* A connection to a unix socket. */
int hostDial(const char *path);

/* A socket of the loopback interface, bound (and listening), and its port. */
int hostInet(int type, guint16 *port);
int hostDialInet(guint16 port);
guint16 hostFreePort(void);

void hostSay(int fd, const char *text);

/* Reads until as much has come as @text is long, and compares. */
void hostHears(int fd, const char *text);
void hostHearsEnd(int fd);

/* Waits until the file has so many bytes, and returns them; it tells nobody that it grew. */
char *hostFileOf(const char *path, gsize count);

/* Fills a listener's backlog, and returns the descriptors of those who did. */
GArray *hostFillBacklog(const char *path);
void hostCloseAll(GArray *fds);

typedef struct {
    const char *path;
    void (*run)(const char *dir);   /* an empty folder that is removed afterwards */
} hostCase;

/* Runs all cases, each to its end; returns the program's exit status. */
int hostRunCases(int argc, char **argv, const hostCase *cases, gsize count);
