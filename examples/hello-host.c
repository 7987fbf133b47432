/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's side of the demo: listens on a unix socket, as any host program
 * does, and answers each connection's line. It ends after as many connections
 * as it was told to serve.
 *
 * usage: hello-host SOCKET CONNECTIONS
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
listenOn(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        fprintf(stderr, "'%s' is too long for a socket's path\n", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 8) < 0) {
        perror(path);
        return -1;
    }
    return fd;
}

/* Answers each line of one connection, until the guest has no more. */
static void
answer(int fd, int number)
{
    FILE *guest = fdopen(fd, "r");
    char line[256];

    while (guest && fgets(line, sizeof(line), guest)) {
        line[strcspn(line, "\n")] = '\0';
        printf("connection %d says: %s\n", number, line);
        dprintf(fd, "this is connection %d, I heard '%s'\n", number, line);
    }
    printf("connection %d has ended\n", number);
    if (guest)
        fclose(guest);
}

int
main(int argc, char **argv)
{
    int listener = argc == 3 ? listenOn(argv[1]) : -1;

    if (listener < 0)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("listening on %s\n", argv[1]);
    for (int number = 1; number <= atoi(argv[2]); number++) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0) {
            perror("accept");
            return EXIT_FAILURE;
        }
        printf("accept number %d\n", number);
        answer(fd, number);
    }
    unlink(argv[1]);
    return EXIT_SUCCESS;
}
