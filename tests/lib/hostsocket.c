/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host programs in the test's own hands: see hostsocket.h. */
#include <config.h>

#include "tests/lib/hostsocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/machine.h"

#define HOST_SECONDS 30         /* after which a host program's wait has failed */

static void
bound(int fd)
{
    struct timeval limit = { .tv_sec = HOST_SECONDS };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

bool
hostIsReadable(int fd, int milliseconds)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, milliseconds) > 0;
}

int
hostAccept(int listener)
{
    int fd = -1;

    if (hostIsReadable(listener, HOST_SECONDS * 1000))
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    bound(fd);
    return fd;
}

static struct sockaddr_un
unixAddress(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return address;
}

int
hostDial(const char *path)
{
    struct sockaddr_un address = unixAddress(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bound(fd);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

int
hostInet(int type, guint16 *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    if (type == SOCK_STREAM)
        listen(fd, 16);
    bound(fd);
    *port = ntohs(address.sin_port);
    return fd;
}

int
hostDialInet(guint16 port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bound(fd);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

guint16
hostFreePort(void)
{
    guint16 port;

    close(hostInet(SOCK_STREAM, &port));
    return port;
}

void
hostSay(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

void
hostHears(int fd, const char *text)
{
    char got[256] = "";
    gsize len = 0;

    while (len < strlen(text) && hostIsReadable(fd, HOST_SECONDS * 1000)) {
        gssize n = read(fd, got + len, strlen(text) - len);

        if (n <= 0)
            break;
        len += (gsize)n;
    }
    g_assert_cmpstr(got, ==, text);
}

void
hostHearsEnd(int fd)
{
    char byte;

    g_assert_cmpint(read(fd, &byte, 1), ==, 0);
}

char *
hostFileOf(const char *path, gsize count)
{
    char *text = NULL;
    gsize len = 0;

    for (int left = HOST_SECONDS * 100; left > 0; left--) {
        g_clear_pointer(&text, g_free);
        g_file_get_contents(path, &text, &len, NULL);
        if (text && len >= count)
            break;
        g_usleep(10000);
    }
    return text ? text : g_strdup("");
}

GArray *
hostFillBacklog(const char *path)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
    struct sockaddr_un address = unixAddress(path);

    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            close(fd);
            return fds;
        }
        g_array_append_val(fds, fd);
    }
}

void
hostCloseAll(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    g_array_free(fds, TRUE);
}

static void
runCase(gconstpointer data)
{
    void (*const *test)(const char *) = data;
    g_autofree char *dir = vmcTempDir();

    (*test)(dir);
    vmcTempDirRemove(dir);
}

int
hostRunCases(int argc, char **argv, const hostCase *cases, gsize count)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (gsize i = 0; i < count; i++)
        g_test_add_data_func(cases[i].path, &cases[i].run, runCase);
    return g_test_run();
}
