/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening: see server.h. The process that listens reads no byte of a
 * client's; the one that does has the client's rights before it reads.
 */
#include <config.h>

#include "proxy/server.h"

#include <errno.h>
#include <glib.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/wire/identity.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_RPC

#define BACKLOG 128

/* After accept() failed for want of descriptors or memory. */
#define PAUSE_USEC (100 * 1000)

int
vmcServerServe(int client, const vmcSessionOptions *options)
{
    if (!options->shared && vmcIdentityAdopt(client) < 0)
        return -1;
    return vmcSessionRun(client, client, options);
}

/* Removes the socket that a dead server left behind: nothing that anybody listens on. */
static void
removeStale(const struct sockaddr_un *address)
{
    struct stat info;
    int fd;

    /* A file that is no socket refuses connections too. */
    if (lstat(address->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return;
    fd = vmcSocketConnect(address, 0, 0);
    if (fd < 0 && errno == ECONNREFUSED)
        unlink(address->sun_path);
    vmcFdClose(&fd);
}

/*
 * A guest's socket is for whom its folder belongs to, the user of its relay: on
 * it, no one's own rights are asked for.
 */
static int
giveAway(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat info;

    if (stat(dir, &info) < 0)
        return -1;
    return info.st_uid == geteuid() ? 0 : lchown(path, info.st_uid, (gid_t)-1);
}

static int
bindTo(const char *path, bool guarded)
{
    struct sockaddr_un address;
    int fd;

    if (vmcSocketAddress(&address, path) < 0)
        return -1;
    removeStale(&address);
    fd = vmcSocketBind(&address, 0, guarded ? 0600 : 0666);
    if (fd < 0 || (guarded && giveAway(path) < 0) || listen(fd, BACKLOG) < 0) {
        vmcReportSystemError(errno, "cannot listen on '%s'", path);
        vmcFdClose(&fd);
    }
    return fd;
}

static void
serveAndExit(int listener, int client, const vmcSessionOptions *options)
{
    /* The session may start a daemon, and waits for its starter. */
    signal(SIGCHLD, SIG_DFL);
    vmcFdClose(&listener);
    if (vmcServerServe(client, options) == 0)
        _exit(EXIT_SUCCESS);
    fprintf(stderr, "vmchannel-proxy: error: %s\n", vmcErrorLast()->message);
    _exit(EXIT_FAILURE);
}

/*
 * Forgets the guest's processes that have ended; with as many as it may have,
 * waits for one: further connections are in the kernel's backlog meanwhile.
 */
static void
makeRoom(guint *children, guint max)
{
    while (*children > 0 && waitpid(-1, NULL, *children < max ? WNOHANG : 0) > 0)
        (*children)--;
}

/* Returns how many processes it has started. */
static guint
serveNext(int listener, const vmcSessionOptions *options)
{
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid;

    if (client < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            g_usleep(PAUSE_USEC);
        return 0;
    }
    pid = fork();
    if (pid == 0)
        serveAndExit(listener, client, options);
    vmcFdClose(&client);
    return pid > 0;
}

/* Tells systemd, if that started us and waits (sd_notify(3)), that clients may come. */
static void
notifyReady(void)
{
    static const char ready[] = "READY=1";
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t len;
    int fd;

    if (!path || vmcSocketAddress(&address, path) < 0)
        return;
    len = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    /* An abstract address is written with this. */
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        sendto(fd, ready, strlen(ready), MSG_NOSIGNAL, (const struct sockaddr *)&address, len);
    vmcFdClose(&fd);
}

int
vmcServerListen(const char *path, const vmcSessionOptions *options)
{
    int listener = bindTo(path, options->shared != NULL);
    guint children = 0;

    if (listener < 0)
        return -1;
    notifyReady();
    if (!options->shared) {
        /* Nobody waits for the clients' processes. */
        signal(SIGCHLD, SIG_IGN);
        for (;;)
            serveNext(listener, options);
    }
    for (;;) {
        children += serveNext(listener, options);
        makeRoom(&children, options->shared->policy->connections);
    }
}
