/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The unix source: dialled for each guest connection, or listened on. There is no
 * event when a full backlog has room again, so a dial that has to wait for that is
 * made by a thread (dial.h), and goes to the guest that has waited longest.
 */
#include <config.h>

#include "relay/broker/sources/drivers.h"
#include "relay/broker/sources/dial.h"
#include "relay/broker/sources/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/*
 * Who may reach a bound socket is decided by its folder. A umask would decide it too, and
 * libvirt's, which QEMU's user has, lets nobody but that user's own group dial.
 */
#define SOCKET_MODE 0666

/* How long a guest connection waits for room in a host program's backlog. */
#define DIAL_SECONDS 120

/* The own struct of a source that dials. */
typedef struct {
    struct sockaddr_un address;
    vmcDial *dial;
    GQueue waiting;             /* of requests: for room in the backlog */
} unixConnector;

/* A dial that waits for room. */
typedef struct {
    struct sockaddr_un address;
    int fd;                     /* what came of it, or -1 */
} unixDial;

/* The own struct of a source that listens. */
typedef struct {
    vmcSourceListener listener;
    bool bound;                 /* the socket's file is ours */
} unixBinder;

/* The source's path has to be a socket, or nothing in a folder that can be searched. */
static int
checkSocketOrAbsent(const vmcSource *source)
{
    g_autofree char *parent = g_path_get_dirname(source->path);
    struct stat st;

    if (stat(source->path, &st) == 0) {
        if (S_ISSOCK(st.st_mode))
            return 0;
        errno = ENOTSOCK;
    } else if (access(parent, X_OK) < 0) {
        vmcReportSystemError(errno, "vmchannel %s:%u: cannot search '%s', the directory of '%s'",
                             source->def->address, source->def->port, parent, source->path);
        return -1;
    } else if (errno != EACCES) {
        return 0;
    }
    /* No socket; or a link into a folder that is closed to us, or what AppArmor denies. */
    vmcSourceReportError(source, errno, "source path");
    return -1;
}

static void
dialBlocking(void *task)
{
    unixDial *dial = task;

    dial->fd = vmcSocketConnect(&dial->address, 0, DIAL_SECONDS);
    if (dial->fd >= 0 && fcntl(dial->fd, F_SETFL, O_NONBLOCK) < 0)
        vmcFdClose(&dial->fd);
}

static void
dialFree(void *task)
{
    unixDial *dial = task;

    vmcFdClose(&dial->fd);
    g_free(dial);
}

/* Has the thread dial, if it does not yet. False: there can be none. */
static bool
dialInThread(unixConnector *connector)
{
    unixDial *dial;

    if (vmcDialIsBusy(connector->dial))
        return true;
    dial = g_new0(unixDial, 1);
    dial->address = connector->address;
    dial->fd = -1;
    return vmcDialStart(connector->dial, dial);
}

/* The connection is the longest waiter's; then the others, until the backlog is full again. */
static void
dialDone(void *opaque, void *task)
{
    unixConnector *connector = ((vmcSource *)opaque)->own;
    unixDial *dial = task;

    if (!g_queue_is_empty(&connector->waiting))
        vmcSourceAnswer(g_queue_pop_head(&connector->waiting), vmcFdSteal(&dial->fd));
    while (!g_queue_is_empty(&connector->waiting)) {
        int fd = vmcSocketConnect(&connector->address, SOCK_NONBLOCK, 0);

        if (fd < 0 && errno == EAGAIN && dialInThread(connector))
            return;
        vmcSourceAnswer(g_queue_pop_head(&connector->waiting), fd);
    }
}

static const vmcDialOps dialOps = {
    .work = dialBlocking, .done = dialDone, .free = dialFree,
};

static int
prepareConnect(vmcSource *source)
{
    unixConnector *connector = source->own = g_new0(unixConnector, 1);

    if (vmcSocketAddress(&connector->address, source->path) < 0 ||
        checkSocketOrAbsent(source) < 0)
        return -1;
    connector->dial = vmcDialNew(source->loop, &dialOps, source);
    if (connector->dial)
        return 0;
    vmcSourceReportError(source, errno, "cannot get ready to dial");
    return -1;
}

static vmcSourceResult
openConnect(vmcSource *source, vmcSourceRequest *request, int *fd)
{
    unixConnector *connector = source->own;

    if (!vmcDialIsBusy(connector->dial)) {
        *fd = vmcSocketConnect(&connector->address, SOCK_NONBLOCK, 0);
        if (*fd >= 0)
            return VMC_SOURCE_DONE;
        if (errno != EAGAIN || !dialInThread(connector))
            return VMC_SOURCE_REFUSED;
    }
    g_queue_push_tail(&connector->waiting, request);
    return VMC_SOURCE_DIALLING;
}

static void
cancelConnect(vmcSource *source, vmcSourceRequest *request)
{
    unixConnector *connector = source->own;

    g_queue_remove(&connector->waiting, request);
}

static void
clearConnect(vmcSource *source)
{
    unixConnector *connector = source->own;

    vmcDialFree(connector->dial);
}

const vmcSourceDriver vmcSourceUnixConnect = {
    .prepare = prepareConnect, .open = openConnect, .cancel = cancelConnect,
    .clear = clearConnect, .pumpKind = VMC_PUMP_SOCKET,
};

/* A socket file that nobody listens on is left over from a crash: it goes. */
static int
removeStaleSocket(const vmcSource *source, const struct sockaddr_un *address)
{
    struct stat st;
    bool alive;
    int fd;

    if (checkSocketOrAbsent(source) < 0)
        return -1;
    if (stat(source->path, &st) < 0)
        return 0;
    fd = vmcSocketConnect(address, SOCK_NONBLOCK, 0);
    alive = fd >= 0 || errno == EAGAIN;
    vmcFdClose(&fd);
    if (alive) {
        vmcSourceReportError(source, EADDRINUSE, "cannot bind to");
        return -1;
    }
    if (unlink(source->path) < 0 && errno != ENOENT) {
        vmcSourceReportError(source, errno, "cannot replace the stale socket");
        return -1;
    }
    return 0;
}

/* Where a channel without a path listens. */
static int
generatePath(vmcSource *source)
{
    g_autofree char *parent = vmcRunDirOwn();

    source->path = g_strdup_printf("%s/%s-%s-%u.sock", parent, source->start->guestName,
                                   source->def->address, source->def->port);
    if (g_mkdir_with_parents(parent, 0700) < 0) {
        vmcSourceReportError(source, errno, "cannot create the directory of");
        return -1;
    }
    return 0;
}

static int
prepareBind(vmcSource *source)
{
    unixBinder *binder = source->own = g_new0(unixBinder, 1);
    struct sockaddr_un address;
    int fd;

    if ((!source->path && generatePath(source) < 0) ||
        vmcSocketAddress(&address, source->path) < 0 || removeStaleSocket(source, &address) < 0)
        return -1;
    fd = vmcSocketBind(&address, SOCK_NONBLOCK, SOCKET_MODE);
    if (fd < 0) {
        vmcSourceReportError(source, errno, "cannot bind to");
        return -1;
    }
    binder->bound = true;
    if (vmcSourceListenerStart(&binder->listener, source, fd, NULL) == 0)
        return 0;
    vmcSourceReportError(source, errno, "cannot listen at");
    return -1;
}

static void
clearBind(vmcSource *source)
{
    unixBinder *binder = source->own;

    vmcSourceListenerStop(&binder->listener);
    if (binder->bound)
        unlink(source->path);
}

const vmcSourceDriver vmcSourceUnixBind = {
    .prepare = prepareBind, .open = vmcSourceListenerOpen, .left = vmcSourceListenerLeft,
    .cancel = vmcSourceListenerCancel, .clear = clearBind, .pumpKind = VMC_PUMP_SOCKET,
};
