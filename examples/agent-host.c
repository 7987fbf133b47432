/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host daemon that serves any number of requests of guests at once: each
 * guest connection is one accept, and gets a process of its own, which runs
 * the command with the connection as its standard input and output.
 *
 * usage: agent-host SOCKET COMMAND [ARGUMENT...]
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int
listenOn(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "'%s' is too long for a socket's path\n", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BACKLOG) < 0) {
        perror(path);
        return -1;
    }
    return fd;
}

static void
serve(int fd, char **command)
{
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    execvp(command[0], command);
    perror(command[0]);
    _exit(EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
    int listener = argc > 2 ? listenOn(argv[1]) : -1;

    if (listener < 0)
        return EXIT_FAILURE;
    /* Nobody waits for the children: the kernel takes them away. */
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0) {
            perror("accept");
            return EXIT_FAILURE;
        }
        if (fork() == 0)
            serve(fd, argv + 2);
        close(fd);
    }
}
