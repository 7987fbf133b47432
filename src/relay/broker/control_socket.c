/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: see control_socket.h. Who may connect is decided by the
 * permissions of the socket and its folder alone.
 */
#include <config.h>

#include "relay/broker/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/process/limits.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define BACKLOG 16

/* Bytes of a client's that are read at once. */
#define READ_SIZE 4096

/* A client gives way to another only when it has said nothing for so long, in microseconds. */
#define IDLE_MIN G_TIME_SPAN_SECOND

/* Group too: the folder's, where that is set-group-id (as /run/vmchannel is). */
#define SOCKET_MODE 0660
#define FOLDER_MODE 0700

/* A line for a client, and what goes with its first byte. */
typedef struct {
    char *text;
    size_t len;
    size_t sent;
    int fd;                     /* -1: none */
} controlLine;

typedef struct {
    vmcControlSocket *control;
    vmcWatch watch;
    vmcMonitor *monitor;
    char input[READ_SIZE];      /* read, and not yet given to the monitor */
    size_t inputStart, inputLen;
    GQueue lines;               /* of controlLine */
    size_t unread;              /* bytes in them */
    uint64_t lost;              /* events since the last that it got */
    uid_t uid;                  /* whose it is */
    int64_t heardAt;            /* when it has last sent something, or come; microseconds */
} controlClient;

struct _vmcControlSocket {
    vmcLoop *loop;
    const vmcControlOps *ops;
    void *opaque;
    char *path;
    struct stat made;           /* the socket file that we made */
    vmcWatch listener;
    GPtrArray *clients;         /* of controlClient */
};

static void
lineFree(controlLine *line)
{
    vmcFdClose(&line->fd);
    g_free(line->text);
    g_free(line);
}

static void
clientFree(controlClient *client)
{
    controlLine *line;

    vmcLoopRemove(client->control->loop, &client->watch);
    vmcFdClose(&client->watch.fd);
    while ((line = g_queue_pop_head(&client->lines)))
        lineFree(line);
    vmcMonitorFree(client->monitor);
    vmcLoopDefer(client->control->loop, client);
}

/* As send(), with the descriptor of the line if that has not gone yet. */
static ssize_t
sendSome(int fd, controlLine *line)
{
    ssize_t n = vmcSocketSend(fd, line->text + line->sent, line->len - line->sent, &line->fd,
                              line->fd >= 0 ? 1 : 0);

    if (n > 0)
        vmcFdClose(&line->fd);
    return n;
}

/* Sends what the client takes now. */
static void
flush(controlClient *client)
{
    controlLine *line;

    while ((line = g_queue_peek_head(&client->lines))) {
        ssize_t n = sendSome(client->watch.fd, line);

        if (n < 0)
            return;             /* no room, or the client is gone: EPOLLHUP comes */
        line->sent += (size_t)n;
        client->unread -= (size_t)n;
        if (line->sent < line->len)
            return;
        g_queue_pop_head(&client->lines);
        lineFree(line);
    }
}

/* Takes over @text. */
static void
post(controlClient *client, char *text, int fd)
{
    controlLine *line = g_new0(controlLine, 1);

    line->text = text;
    line->len = strlen(text);
    line->fd = fd;
    client->unread += line->len;
    g_queue_push_tail(&client->lines, line);
}

static void
postEvent(controlClient *client, const char *name, struct json_object *data)
{
    post(client, vmcControlEventLine(name, data, g_get_real_time()), -1);
}

/* Says how many events were lost, once there is room again, before the next one. */
static void
tellLost(controlClient *client)
{
    struct json_object *data;

    if (client->lost == 0 || client->unread > VMC_LIMIT_CLIENT_UNREAD / 2)
        return;
    data = json_object_new_object();
    json_object_object_add(data, "count", json_object_new_uint64(client->lost));
    client->lost = 0;
    postEvent(client, "VMCHANNEL_EVENTS_LOST", data);
}

/* Lets the monitor execute what has come, as long as the client reads its answers. */
static void
obey(controlClient *client)
{
    while (client->inputLen > 0 && client->unread <= VMC_LIMIT_CLIENT_UNREAD) {
        const char *data = client->input + client->inputStart;
        size_t len = client->inputLen;
        int fd;
        char *answer = vmcMonitorInput(client->monitor, &data, &len, &fd);

        client->inputStart += client->inputLen - len;
        client->inputLen = len;
        if (answer)
            post(client, answer, fd);
        flush(client);
    }
}

/* Waits until the client reads, or sends more, whichever can be used now. */
static void
watch(controlClient *client)
{
    uint32_t events = client->lines.length > 0 ? EPOLLOUT : 0;

    if (client->inputLen == 0 && client->unread <= VMC_LIMIT_CLIENT_UNREAD)
        events |= EPOLLIN;
    vmcLoopChange(client->control->loop, &client->watch, events);
}

static void
goOn(controlClient *client)
{
    flush(client);
    tellLost(client);
    obey(client);
    flush(client);
    watch(client);
}

static void
clientReady(void *opaque, uint32_t events)
{
    controlClient *client = opaque;
    ssize_t n = -1;

    if (events & EPOLLIN && client->inputLen == 0) {
        n = recv(client->watch.fd, client->input, sizeof(client->input), MSG_DONTWAIT);
        client->inputStart = 0;
        client->inputLen = (size_t)MAX(n, 0);
        client->heardAt = g_get_monotonic_time();
    }
    if (n == 0 || (n < 0 && events & (EPOLLHUP | EPOLLERR)))
        g_ptr_array_remove_fast(client->control->clients, client);
    else
        goOn(client);
}

/* How many clients of this user there are. */
static unsigned int
clientsOf(const vmcControlSocket *control, uid_t uid)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < control->clients->len; i++)
        n += ((const controlClient *)control->clients->pdata[i])->uid == uid;
    return n;
}

/*
 * Who gives way to a new client of @uid: of the user that has most clients, the new one
 * counted, the one that has been idle longest. NULL: that one was not idle.
 */
static controlClient *
idlest(const vmcControlSocket *control, uid_t uid)
{
    controlClient *found = NULL;
    unsigned int most = 0;

    for (unsigned int i = 0; i < control->clients->len; i++) {
        controlClient *client = control->clients->pdata[i];
        unsigned int n = clientsOf(control, client->uid) + (client->uid == uid);

        if (n < most || (n == most && found && client->heardAt >= found->heardAt))
            continue;
        most = n;
        found = client;
    }
    return found && g_get_monotonic_time() - found->heardAt >= IDLE_MIN ? found : NULL;
}

/* There may be room for a new client of @uid, if somebody idles. */
static void
makeRoom(vmcControlSocket *control, uid_t uid)
{
    controlClient *client;

    if (control->clients->len < VMC_LIMIT_CLIENTS || !(client = idlest(control, uid)))
        return;
    vmcReportError(VIR_ERR_OPERATION_INVALID, "this client was idle longest of %d, and gives way "
                   "to another", VMC_LIMIT_CLIENTS);
    post(client, vmcControlErrorLine(), -1);
    flush(client);
    g_ptr_array_remove_fast(control->clients, client);
}

/* Tells one client too many why it is not served. */
static void
turnAway(int fd)
{
    g_autofree char *line = NULL;

    vmcReportError(VIR_ERR_OPERATION_INVALID, "%d clients have the control socket already",
                   VMC_LIMIT_CLIENTS);
    line = vmcControlErrorLine();
    send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void
clientNew(vmcControlSocket *control, int fd, uid_t uid)
{
    controlClient *client = g_new0(controlClient, 1);

    client->control = control;
    client->uid = uid;
    client->heardAt = g_get_monotonic_time();
    client->watch = (vmcWatch){ fd, clientReady, client };
    client->monitor = vmcMonitorNew(control->ops, control->opaque);
    if (vmcLoopAdd(control->loop, &client->watch, EPOLLIN) < 0) {
        clientFree(client);
        return;
    }
    g_ptr_array_add(control->clients, client);
    post(client, vmcMonitorGreeting(), -1);
    goOn(client);
}

static void
clientCame(vmcControlSocket *control, int fd)
{
    struct ucred peer = { .uid = (uid_t)-1 };
    socklen_t len = sizeof(peer);

    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    makeRoom(control, peer.uid);
    if (control->clients->len >= VMC_LIMIT_CLIENTS)
        turnAway(fd);
    else
        clientNew(control, fd, peer.uid);
}

/* Edge-triggered: when no descriptor is free, it is tried again with the next client. */
static void
listenerReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcControlSocket *control = opaque;
    int fd;

    while ((fd = accept4(control->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        clientCame(control, fd);
}

/*
 * Listens at a temporary name first, then renames that to @path: the last relay
 * that was started for a guest's name has the socket, and there always is one.
 */
static int
listenAt(vmcControlSocket *control)
{
    struct sockaddr_un address;
    g_autofree char *aside = g_strdup_printf("%s.%d", control->path, (int)getpid());

    if (vmcSocketAddress(&address, aside) < 0)
        return -1;
    unlink(aside);
    control->listener.fd = vmcSocketBind(&address, SOCK_NONBLOCK, SOCKET_MODE);
    if (control->listener.fd >= 0 &&
        listen(control->listener.fd, BACKLOG) == 0 && lstat(aside, &control->made) == 0 &&
        rename(aside, control->path) == 0)
        return 0;
    vmcReportSystemError(errno, "no control socket '%s'", control->path);
    unlink(aside);
    return -1;
}

/* The path of the socket, in a folder that is there. */
static int
prepare(vmcControlSocket *control, const char *name)
{
    g_autofree char *folder = vmcRunDirOwn();
    g_autofree char *file = g_strdup_printf("%s.sock", name);

    control->path = g_build_filename(folder, file, NULL);
    if (g_mkdir_with_parents(folder, FOLDER_MODE) < 0) {
        vmcReportSystemError(errno, "no control socket '%s'", control->path);
        return -1;
    }
    if (listenAt(control) < 0)
        return -1;
    control->listener.ready = listenerReady;
    control->listener.opaque = control;
    if (vmcLoopAdd(control->loop, &control->listener, EPOLLIN | EPOLLET) == 0)
        return 0;
    vmcReportSystemError(errno, "no control socket '%s'", control->path);
    return -1;
}

vmcControlSocket *
vmcControlSocketNew(vmcLoop *loop, const char *name, const vmcControlOps *ops, void *opaque)
{
    vmcControlSocket *control = g_new0(vmcControlSocket, 1);

    control->loop = loop;
    control->ops = ops;
    control->opaque = opaque;
    control->listener.fd = -1;
    control->clients = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))clientFree);
    if (prepare(control, name) < 0)
        g_clear_pointer(&control, vmcControlSocketFree);
    return control;
}

/* Another relay may have taken the path over meanwhile. */
static void
removeSocket(const vmcControlSocket *control)
{
    struct stat now;

    if (control->made.st_ino != 0 && lstat(control->path, &now) == 0 &&
        now.st_ino == control->made.st_ino && now.st_dev == control->made.st_dev)
        unlink(control->path);
}

void
vmcControlSocketFree(vmcControlSocket *control)
{
    if (!control)
        return;
    removeSocket(control);
    if (control->listener.ready)
        vmcLoopRemove(control->loop, &control->listener);
    vmcFdClose(&control->listener.fd);
    g_ptr_array_unref(control->clients);
    g_free(control->path);
    vmcLoopDefer(control->loop, control);
}

bool
vmcControlSocketListens(const vmcControlSocket *control)
{
    for (unsigned int i = 0; control && i < control->clients->len; i++) {
        const controlClient *client = control->clients->pdata[i];

        if (vmcMonitorListens(client->monitor))
            return true;
    }
    return false;
}

void
vmcControlSocketEvent(vmcControlSocket *control, const char *name, struct json_object *data)
{
    for (unsigned int i = 0; i < control->clients->len; i++) {
        controlClient *client = control->clients->pdata[i];

        if (!vmcMonitorListens(client->monitor))
            continue;
        tellLost(client);
        if (client->lost > 0 || client->unread > VMC_LIMIT_CLIENT_UNREAD) {
            client->lost++;
            continue;
        }
        postEvent(client, name, json_object_get(data));
        flush(client);
        watch(client);
    }
    json_object_put(data);
}
