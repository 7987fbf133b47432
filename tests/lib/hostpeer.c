/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host programs at the other end of channels: see hostpeer.h. */
#include <config.h>

#include "tests/lib/hostpeer.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/guest/pattern.h"
#include "tests/lib/machine.h"

#define MAX_TEXT 65536

struct _vmcHostConn {
    vmcHostPeer *peer;
    GThread *thread;
    int fd;             /* -1: closed */
    guint64 received;
    guint64 sum;
    GString *text;      /* the first MAX_TEXT bytes */
};

struct _vmcHostPeer {
    GMutex lock;        /* of all below and of the connections' records */
    GCond changed;
    vmcHostServe serve;
    guint64 amount;
    GPtrArray *conns;
    guint finished;
    bool released;
    int listener;       /* -1: dials */
    char *path;
    GThread *thread;
};

static void
record(vmcHostConn *conn, const unsigned char *buf, gsize len)
{
    guint64 sum = patternSum(conn->sum, buf, len);

    g_mutex_lock(&conn->peer->lock);
    conn->sum = sum;
    conn->received += len;
    if (conn->text->len < MAX_TEXT)
        g_string_append_len(conn->text, (const char *)buf, (gssize)len);
    g_mutex_unlock(&conn->peer->lock);
}

static bool
sendAll(int fd, const void *data, gsize len)
{
    const char *at = data;

    while (len > 0) {
        gssize n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (gsize)n;
    }
    return true;
}

void
vmcHostEcho(vmcHostConn *conn)
{
    unsigned char buf[65536];
    gssize n;

    while ((n = read(conn->fd, buf, sizeof(buf))) > 0) {
        record(conn, buf, (gsize)n);
        if (!sendAll(conn->fd, buf, (gsize)n))
            return;
    }
}

void
vmcHostCollect(vmcHostConn *conn)
{
    unsigned char buf[65536];
    gssize n;

    while ((n = read(conn->fd, buf, sizeof(buf))) > 0)
        record(conn, buf, (gsize)n);
}

void
vmcHostReplyAfterEof(vmcHostConn *conn)
{
    g_autofree char *reply = NULL;

    vmcHostCollect(conn);
    reply = g_strdup_printf("%" G_GUINT64_FORMAT " bytes came\n", conn->received);
    sendAll(conn->fd, reply, strlen(reply));
}

void
vmcHostSendFirst(vmcHostConn *conn)
{
    unsigned char buf[65536];
    guint64 left = conn->peer->amount;
    patternStream stream;

    patternStart(&stream, PATTERN_SEED);
    while (left > 0) {
        gsize n = MIN(left, sizeof(buf));

        patternFill(&stream, buf, n);
        if (!sendAll(conn->fd, buf, n))
            return;
        left -= n;
    }
    shutdown(conn->fd, SHUT_WR);
    vmcHostCollect(conn);
}

void
vmcHostNeverRead(vmcHostConn *conn)
{
    g_mutex_lock(&conn->peer->lock);
    while (!conn->peer->released)
        g_cond_wait(&conn->peer->changed, &conn->peer->lock);
    g_mutex_unlock(&conn->peer->lock);
    vmcHostCollect(conn);
}

guint64
vmcHostPatternSum(guint64 amount)
{
    unsigned char buf[65536];
    guint64 sum = PATTERN_SUM_START;
    patternStream stream;

    patternStart(&stream, PATTERN_SEED);
    for (; amount > 0; amount -= MIN(amount, sizeof(buf))) {
        gsize n = MIN(amount, sizeof(buf));

        patternFill(&stream, buf, n);
        sum = patternSum(sum, buf, n);
    }
    return sum;
}

static gpointer
connThread(gpointer data)
{
    vmcHostConn *conn = data;

    conn->peer->serve(conn);
    g_mutex_lock(&conn->peer->lock);
    close(conn->fd);
    conn->fd = -1;
    conn->peer->finished++;
    g_cond_broadcast(&conn->peer->changed);
    g_mutex_unlock(&conn->peer->lock);
    return NULL;
}

static void
connStart(vmcHostPeer *peer, int fd)
{
    vmcHostConn *conn = g_new0(vmcHostConn, 1);

    conn->peer = peer;
    conn->fd = fd;
    conn->sum = PATTERN_SUM_START;
    conn->text = g_string_new(NULL);
    g_mutex_lock(&peer->lock);
    g_ptr_array_add(peer->conns, conn);
    conn->thread = g_thread_new("host connection", connThread, conn);
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

static gpointer
acceptThread(gpointer data)
{
    vmcHostPeer *peer = data;
    int fd;

    /* vmcHostFree() shuts the listener down, which ends this. */
    while ((fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        connStart(peer, fd);
    return NULL;
}

static vmcHostPeer *
peerNew(const char *path, vmcHostServe serve, guint64 amount)
{
    vmcHostPeer *peer = g_new0(vmcHostPeer, 1);

    g_mutex_init(&peer->lock);
    g_cond_init(&peer->changed);
    peer->serve = serve;
    peer->amount = amount;
    peer->conns = g_ptr_array_new();
    peer->listener = -1;
    peer->path = g_strdup(path);
    return peer;
}

vmcHostPeer *
vmcHostListen(const char *path, vmcHostServe serve, guint64 amount)
{
    vmcHostPeer *peer = peerNew(path, serve, amount);

    peer->listener = vmcListen(path);
    peer->thread = g_thread_new("host listener", acceptThread, peer);
    return peer;
}

vmcHostPeer *
vmcHostDial(const char *path, vmcHostServe serve, guint64 amount)
{
    vmcHostPeer *peer = peerNew(path, serve, amount);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
        connStart(peer, fd);
    } else {
        g_test_message("cannot connect to '%s': %m", path);
        g_test_fail();
        close(fd);
    }
    return peer;
}

static void
connFree(vmcHostConn *conn)
{
    g_thread_join(conn->thread);
    g_string_free(conn->text, TRUE);
    g_free(conn);
}

static void
peerHangUp(vmcHostPeer *peer)
{
    g_mutex_lock(&peer->lock);
    peer->released = true;
    g_cond_broadcast(&peer->changed);
    for (guint i = 0; i < peer->conns->len; i++) {
        vmcHostConn *conn = g_ptr_array_index(peer->conns, i);

        if (conn->fd >= 0)
            shutdown(conn->fd, SHUT_RDWR);
    }
    g_mutex_unlock(&peer->lock);
}

void
vmcHostFree(vmcHostPeer *peer)
{
    if (!peer)
        return;
    if (peer->thread) {
        shutdown(peer->listener, SHUT_RDWR);
        g_thread_join(peer->thread);
        close(peer->listener);
        g_unlink(peer->path);
    }
    peerHangUp(peer);
    for (guint i = 0; i < peer->conns->len; i++)
        connFree(g_ptr_array_index(peer->conns, i));
    g_ptr_array_free(peer->conns, TRUE);
    g_mutex_clear(&peer->lock);
    g_cond_clear(&peer->changed);
    g_free(peer->path);
    g_free(peer);
}

void
vmcHostRelease(vmcHostPeer *peer)
{
    g_mutex_lock(&peer->lock);
    peer->released = true;
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

guint
vmcHostAccepted(vmcHostPeer *peer)
{
    guint count;

    g_mutex_lock(&peer->lock);
    count = peer->conns->len;
    g_mutex_unlock(&peer->lock);
    return count;
}

/* @counter is one of the peer's own, read under its lock. */
static bool
waitCount(vmcHostPeer *peer, const guint *counter, guint count)
{
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * G_TIME_SPAN_MILLISECOND;
    bool reached;

    g_mutex_lock(&peer->lock);
    while (*counter < count && g_cond_wait_until(&peer->changed, &peer->lock, end))
        ;
    reached = *counter >= count;
    g_mutex_unlock(&peer->lock);
    return reached;
}

bool
vmcHostWaitAccepted(vmcHostPeer *peer, guint count)
{
    return waitCount(peer, &peer->conns->len, count);
}

bool
vmcHostWaitFinished(vmcHostPeer *peer, guint count)
{
    return waitCount(peer, &peer->finished, count);
}

guint64
vmcHostReceived(vmcHostPeer *peer, guint number, guint64 *sum)
{
    guint64 received = 0;
    vmcHostConn *conn;

    g_mutex_lock(&peer->lock);
    if (number < peer->conns->len) {
        conn = g_ptr_array_index(peer->conns, number);
        received = conn->received;
        if (sum)
            *sum = conn->sum;
    }
    g_mutex_unlock(&peer->lock);
    return received;
}

char *
vmcHostText(vmcHostPeer *peer, guint number)
{
    char *text = NULL;
    vmcHostConn *conn;

    g_mutex_lock(&peer->lock);
    if (number < peer->conns->len) {
        conn = g_ptr_array_index(peer->conns, number);
        text = g_strdup(conn->text->str);
    }
    g_mutex_unlock(&peer->lock);
    return text ? text : g_strdup("");
}
