/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A proxy with both its peers: see proxypeer.h. */
#include <config.h>

#include "tests/lib/proxypeer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 30000

static int
listenOn(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static void
waitFor(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };

    g_assert_cmpint(poll(&p, 1, PATIENCE), ==, 1);
}

static pid_t
spawn(int socket, const char *upstream, const char *policy, const char *domain)
{
    const char *build = g_getenv("abs_top_builddir");
    g_autofree char *program = g_build_filename(build ? build : ".", "vmchannel-proxy", NULL);
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(socket, 0);
    dup2(socket, 1);
    execl(program, program, "--upstream", upstream, policy ? "--policy" : NULL, policy,
          "--domain", domain, NULL);
    _exit(127);
}

vmcProxyPeer *
vmcProxyPeerStart(void)
{
    return vmcProxyPeerStartPolicy(NULL, NULL);
}

vmcProxyPeer *
vmcProxyPeerStartPolicy(const char *policy, const char *domain)
{
    vmcProxyPeer *peer = g_new0(vmcProxyPeer, 1);
    g_autofree char *path = NULL;
    int pair[2];
    int listener;

    peer->dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    path = g_build_filename(peer->dir, "sock", NULL);
    listener = listenOn(path);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    peer->pid = spawn(pair[1], path, policy, domain);
    close(pair[1]);
    peer->client = pair[0];
    waitFor(listener, POLLIN);
    peer->daemon = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(peer->daemon, >=, 0);
    close(listener);
    g_remove(path);
    return peer;
}

void
vmcProxyPeerStop(vmcProxyPeer *peer)
{
    int status;

    if (!peer)
        return;
    close(peer->client);
    close(peer->daemon);
    g_assert_cmpint(waitpid(peer->pid, &status, 0), ==, peer->pid);
    /* Not killed by anything. */
    g_assert_true(WIFEXITED(status));
    g_rmdir(peer->dir);
    g_free(peer->dir);
    g_free(peer);
}

static ssize_t
sendWithFd(int socket, const guint8 *bytes, size_t size, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    struct iovec iov = { .iov_base = (void *)(guintptr)bytes, .iov_len = size };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *c = &control.align;

        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
vmcProxySend(int socket, const guint8 *bytes, size_t size, int fd)
{
    while (size > 0) {
        ssize_t n;

        waitFor(socket, POLLOUT);
        n = sendWithFd(socket, bytes, size, size == 1 ? fd : -1);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        g_assert_cmpint(n, >, 0);
        bytes += n;
        size -= n;
    }
}

size_t
vmcProxySendSome(int socket, const guint8 *bytes, size_t size, int milliseconds)
{
    size_t sent = 0;
    struct pollfd p = { .fd = socket, .events = POLLOUT };

    while (sent < size && poll(&p, 1, milliseconds) == 1) {
        ssize_t n = sendWithFd(socket, bytes + sent, size - sent, -1);

        g_assert_true(n > 0 || errno == EAGAIN);
        sent += MAX(n, 0);
    }
    return sent;
}

static ssize_t
receiveOnce(int socket, guint8 *buffer, size_t size, GArray *fds)
{
    union {
        char bytes[CMSG_SPACE(32 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { .iov_base = buffer, .iov_len = size };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; c;
         c = CMSG_NXTHDR(&message, c)) {
        g_assert_nonnull(fds);
        g_array_append_vals(fds, CMSG_DATA(c), (c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    }
    return n;
}

GByteArray *
vmcProxyReceive(int socket, size_t size, GArray *fds)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 buffer[65536];

    while (bytes->len < size) {
        ssize_t n;

        waitFor(socket, POLLIN);
        n = receiveOnce(socket, buffer, MIN(sizeof(buffer), size - bytes->len), fds);
        g_assert_cmpint(n, >, 0);
        g_byte_array_append(bytes, buffer, n);
    }
    return bytes;
}

GByteArray *
vmcProxyMessage(int socket, vmcRpcHeader *header)
{
    GByteArray *message = vmcProxyReceive(socket, VMC_RPC_HEADER_SIZE, NULL);
    g_autoptr(GByteArray) rest = NULL;

    g_assert_true(vmcRpcHeaderParse(message->data, header));
    rest = vmcProxyReceive(socket, header->length - VMC_RPC_HEADER_SIZE, NULL);
    g_byte_array_append(message, rest->data, rest->len);
    return message;
}

bool
vmcProxyAtEnd(int socket)
{
    guint8 byte;

    waitFor(socket, POLLIN);
    return receiveOnce(socket, &byte, 1, NULL) <= 0;
}

/* One direction of an exchange. */
typedef struct {
    int from;
    int to;
    const GByteArray *bytes;
    size_t piece;
} direction;

static gpointer
sendPieces(gpointer opaque)
{
    const direction *d = opaque;

    for (size_t at = 0; at < d->bytes->len; at += d->piece)
        vmcProxySend(d->from, d->bytes->data + at, MIN(d->piece, d->bytes->len - at), -1);
    return NULL;
}

static gpointer
receiveAll(gpointer opaque)
{
    const direction *d = opaque;

    return vmcProxyReceive(d->to, d->bytes->len, NULL);
}

void
vmcProxyExchange(vmcProxyPeer *peer, const GByteArray *up, const GByteArray *down, size_t piece)
{
    direction directions[] = {
        { peer->client, peer->daemon, up, piece },
        { peer->daemon, peer->client, down, piece },
    };
    GThread *senders[2];
    GThread *receivers[2];

    for (int i = 0; i < 2; i++) {
        senders[i] = g_thread_new("send", sendPieces, &directions[i]);
        receivers[i] = g_thread_new("receive", receiveAll, &directions[i]);
    }
    for (int i = 0; i < 2; i++) {
        g_autoptr(GByteArray) came = g_thread_join(receivers[i]);
        const GByteArray *sent = directions[i].bytes;

        g_thread_join(senders[i]);
        g_assert_cmpuint(came->len, ==, sent->len);
        g_assert_true(memcmp(came->data, sent->data, sent->len) == 0);
    }
}
