/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A web server on a unix socket, for a channel: gives the files of one folder
 * to whoever asks (GET and HEAD, HTTP/1.0, no subfolders), each connection in a
 * process of its own. One line on standard output for each answer: status,
 * bytes sent, name.
 */
#include <config.h>

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX 8192

static int
listenAt(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "web-host: '%s': a socket's path has at most %zu bytes\n", path,
                sizeof(address.sun_path) - 1);
        exit(1);
    }
    strcpy(address.sun_path, path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 16) < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

/* Reads up to the empty line that ends a request's headers. */
static bool
readRequest(int fd, char request[REQUEST_MAX])
{
    size_t len = 0;

    while (len < REQUEST_MAX - 1) {
        ssize_t n = read(fd, request + len, REQUEST_MAX - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n"))
            return true;
    }
    return false;
}

/* A file's name and no more: no folder, and nothing that begins with a dot. */
static bool
isName(const char *name)
{
    for (const char *at = name; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    }
    return *name && *name != '.';
}

static int
openFile(const char *name, off_t *size)
{
    struct stat st;
    int file = isName(name) ? open(name, O_RDONLY) : -1;

    if (file >= 0 && (fstat(file, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(file);
        return -1;
    }
    if (file >= 0)
        *size = st.st_size;
    return file;
}

static off_t
sendFile(int fd, int file, off_t size)
{
    off_t sent = 0;

    while (sent < size && sendfile(fd, file, &sent, (size_t)(size - sent)) > 0)
        continue;
    return sent;
}

static void
answer(int fd)
{
    char request[REQUEST_MAX], method[8] = "", name[256] = "", head[128];
    off_t size = 0, sent = 0;
    int file = -1, status = 400;

    if (readRequest(fd, request) && sscanf(request, "%7s /%255s", method, name) == 2 &&
        (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
        file = openFile(name, &size);
        status = file < 0 ? 404 : 200;
    }
    snprintf(head, sizeof(head), "HTTP/1.0 %d %s\r\nContent-Length: %lld\r\n"
             "Connection: close\r\n\r\n", status, status == 200 ? "OK" : "no", (long long)size);
    if (send(fd, head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head) && file >= 0 &&
        strcmp(method, "GET") == 0)
        sent = sendFile(fd, file, size);
    printf("%d %lld %s\n", status, (long long)sent, isName(name) ? name : "-");
}

int
main(int argc, char **argv)
{
    int listener;

    if (argc != 3) {
        fprintf(stderr, "usage: web-host SOCKET FOLDER\n");
        return 2;
    }
    listener = listenAt(argv[1]);
    if (chdir(argv[2]) < 0) {
        perror(argv[2]);
        return 1;
    }
    signal(SIGCHLD, SIG_IGN);       /* nobody waits for them */
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            answer(fd);
            return 0;
        }
        close(fd);
    }
}
