/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix addresses, and descriptors beside bytes. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/socket.h"

static void
pairOf(int type, int pair[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), ==, 0);
}

static void
closePair(int pair[2])
{
    vmcFdClose(&pair[0]);
    vmcFdClose(&pair[1]);
}

/* How many descriptors this process has: none may be left over. */
static unsigned int
openFds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned int n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void
testAddressLimit(void)
{
    g_autofree char *longest = g_strnfill(VMC_SOCKET_PATH_MAX, 'x');
    g_autofree char *longer = g_strnfill(VMC_SOCKET_PATH_MAX + 1, 'y');
    g_autofree char *message = NULL;
    struct sockaddr_un address;

    g_assert_cmpuint(VMC_SOCKET_PATH_MAX, ==, 107);
    g_assert_cmpint(vmcSocketAddress(&address, longest), ==, 0);
    g_assert_cmpint(address.sun_family, ==, AF_UNIX);
    g_assert_cmpstr(address.sun_path, ==, longest);

    message = g_strdup_printf("socket path '%s' has 108 bytes, more than 107: %s", longer,
                              g_strerror(ENAMETOOLONG));
    g_assert_cmpint(vmcSocketAddress(&address, longer), ==, -1);
    g_assert_cmpint(errno, ==, ENAMETOOLONG);
    g_assert_cmpstr(vmcErrorLast()->message, ==, message);
    g_assert_cmpstr(address.sun_path, ==, longest);
}

static void
testConnect(void)
{
    g_autofree char *dir = g_dir_make_tmp("vmch-socketXXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "s", NULL);
    struct sockaddr_un address;
    int clients[2] = { -1, -1 };
    struct stat info;
    mode_t mask;
    int listener;

    g_assert_cmpint(vmcSocketAddress(&address, path), ==, 0);
    g_assert_cmpint(vmcSocketConnect(&address, 0, 0), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);

    mask = umask(0077);
    listener = vmcSocketBind(&address, SOCK_NONBLOCK, 0640);
    g_assert_cmpint(listener, >=, 0);
    g_assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    g_assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmphex(info.st_mode & 0777, ==, 0640);
    g_assert_cmphex(umask(mask), ==, 0077);
    g_assert_cmpint(vmcSocketBind(&address, 0, 0666), ==, -1);
    g_assert_cmpint(errno, ==, EADDRINUSE);
    g_assert_cmpint(vmcSocketConnect(&address, 0, 0), ==, -1);
    g_assert_cmpint(errno, ==, ECONNREFUSED);

    /* A backlog of 0 has room for one. */
    g_assert_cmpint(listen(listener, 0), ==, 0);
    clients[0] = vmcSocketConnect(&address, 0, 0);
    g_assert_cmpint(clients[0], >=, 0);
    g_assert_true(fcntl(clients[0], F_GETFD) & FD_CLOEXEC);
    g_assert_false(fcntl(clients[0], F_GETFL) & O_NONBLOCK);
    g_assert_cmpint(vmcSocketConnect(&address, SOCK_NONBLOCK, 0), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    g_assert_cmpint(vmcSocketConnect(&address, 0, 1), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);

    closePair(clients);
    vmcFdClose(&listener);
    g_unlink(path);
    g_rmdir(dir);
}

static void
testIsSocket(void)
{
    int pair[2], pipeFds[2];

    pairOf(SOCK_DGRAM, pair);
    g_assert_cmpint(pipe(pipeFds), ==, 0);
    g_assert_true(vmcSocketIs(pair[0]));
    g_assert_false(vmcSocketIs(pipeFds[0]));
    closePair(pair);
    g_assert_false(vmcSocketIs(-1));
    closePair(pipeFds);
}

static void
sameFile(int a, int b)
{
    struct stat first, second;

    g_assert_cmpint(fstat(a, &first), ==, 0);
    g_assert_cmpint(fstat(b, &second), ==, 0);
    g_assert_cmpuint(first.st_ino, ==, second.st_ino);
}

static void
testDescriptors(void)
{
    unsigned int before = openFds();
    int pair[2], sent[2], got[3];
    unsigned int n = G_N_ELEMENTS(got);
    char buffer[8];

    pairOf(SOCK_STREAM, pair);
    pairOf(SOCK_STREAM, sent);
    g_assert_cmpint(vmcSocketSend(pair[0], "two", 3, sent, 2), ==, 3);
    g_assert_cmpint(vmcSocketSend(pair[0], "none", 4, NULL, 0), ==, 4);

    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, 3);
    g_assert_cmpuint(n, ==, 2);
    for (unsigned int i = 0; i < n; i++) {
        g_assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        sameFile(got[i], sent[i]);
    }
    closePair(got);

    n = G_N_ELEMENTS(got);
    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, 4);
    g_assert_cmpuint(n, ==, 0);

    n = G_N_ELEMENTS(got);
    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    g_assert_cmpuint(n, ==, 0);

    vmcFdClose(&pair[0]);
    n = G_N_ELEMENTS(got);
    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, 0);
    g_assert_cmpint(vmcSocketSend(pair[1], "x", 1, NULL, 0), ==, -1);
    g_assert_cmpint(errno, ==, EPIPE);
    closePair(pair);
    closePair(sent);
    g_assert_cmpuint(openFds(), ==, before);
}

/* More descriptors than there is room for are none, one more too. */
static void
testTooManyDescriptors(void)
{
    unsigned int before = openFds();
    int pair[2], sent[VMC_SOCKET_FDS_MAX + 1], got[VMC_SOCKET_FDS_MAX];
    char byte;

    pairOf(SOCK_STREAM, pair);
    for (unsigned int i = 0; i < G_N_ELEMENTS(sent); i++)
        sent[i] = pair[0];
    for (unsigned int room = 0; room < 3; room++) {
        unsigned int n = room;

        g_assert_cmpint(vmcSocketSend(pair[0], "x", 1, sent, room + 1), ==, 1);
        g_assert_cmpint(vmcSocketReceive(pair[1], &byte, 1, got, &n), ==, 1);
        g_assert_cmpuint(n, ==, 0);
        g_assert_cmpuint(openFds(), ==, before + 2);
    }
    g_assert_cmpint(vmcSocketSend(pair[0], "x", 1, sent, 1), ==, 1);
    g_assert_cmpint(vmcSocketReceive(pair[1], &byte, 1, NULL, NULL), ==, 1);
    g_assert_cmpuint(openFds(), ==, before + 2);

    g_assert_cmpint(vmcSocketSend(pair[0], "x", 1, sent, VMC_SOCKET_FDS_MAX), ==, 1);
    g_assert_cmpint(vmcSocketSend(pair[0], "x", 1, sent, VMC_SOCKET_FDS_MAX + 1), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    closePair(pair);
    g_assert_cmpuint(openFds(), ==, before);
}

/* A message that does not fit is none, and what came with it is closed. */
static void
testLongMessage(void)
{
    unsigned int before = openFds();
    int pair[2], got[1];
    unsigned int n = 1;
    char buffer[4];

    pairOf(SOCK_SEQPACKET, pair);
    g_assert_cmpint(vmcSocketSend(pair[0], "12345", 5, pair, 1), ==, 5);
    g_assert_cmpint(vmcSocketSend(pair[0], "1234", 4, NULL, 0), ==, 4);
    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, -1);
    g_assert_cmpint(errno, ==, EMSGSIZE);
    g_assert_cmpuint(n, ==, 0);
    n = 1;
    g_assert_cmpint(vmcSocketReceive(pair[1], buffer, sizeof(buffer), got, &n), ==, 4);
    closePair(pair);
    g_assert_cmpuint(openFds(), ==, before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/socket/address-limit", testAddressLimit);
    g_test_add_func("/util/socket/connect", testConnect);
    g_test_add_func("/util/socket/is-socket", testIsSocket);
    g_test_add_func("/util/socket/descriptors", testDescriptors);
    g_test_add_func("/util/socket/too-many-descriptors", testTooManyDescriptors);
    g_test_add_func("/util/socket/long-message", testLongMessage);
    return g_test_run();
}
