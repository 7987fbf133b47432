/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's socket: see upstream.h. */
#include <config.h>

#include "proxy/wire/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_RPC

#define SYSTEM_DIR "/run/libvirt"

/* How long a daemon that was started may take, as in libvirt's own client. */
#define START_TRIES 500
#define START_PAUSE_USEC (10 * 1000)

/* The daemons in the order in which libvirt looks for them. */
static const char *const daemons[] = { "virtqemud", "libvirt" };

bool
vmcUpstreamIsKnown(const vmcUpstream *upstream)
{
    return upstream->path || upstream->kind != VMC_UPSTREAM_ASK;
}

void
vmcUpstreamResolve(vmcUpstream *upstream, const char *uri, bool readOnly)
{
    const char *path = uri ? strstr(uri, "://") : NULL;
    bool system = getuid() == 0;

    path = path ? strchr(path + 3, '/') : NULL;
    if (path && g_str_has_prefix(path, "/system"))
        system = true;
    upstream->kind = system ? VMC_UPSTREAM_SYSTEM : VMC_UPSTREAM_SESSION;
    upstream->readOnly = upstream->readOnly || (readOnly && system);
}

static char *
sessionDir(void)
{
    g_autofree char *runtime = vmcRunDirUser();

    return g_build_filename(runtime ? runtime : g_get_user_cache_dir(), "libvirt", NULL);
}

/* The first daemon's socket that is there, else the last one's. */
static char *
findSocket(const vmcUpstream *upstream)
{
    /* As libvirt has it, root's session is the system. */
    bool system = upstream->kind == VMC_UPSTREAM_SYSTEM || getuid() == 0;
    g_autofree char *dir = system ? g_strdup(SYSTEM_DIR) : sessionDir();
    char *path = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(daemons); i++) {
        g_free(path);
        path = g_strdup_printf("%s/%s-sock%s", dir, daemons[i],
                               upstream->readOnly && system ? "-ro" : "");
        if (access(path, F_OK) == 0)
            break;
    }
    return path;
}

static int
connectTo(const char *path)
{
    struct sockaddr_un address;
    int fd;

    if (vmcSocketAddress(&address, path) < 0)
        return -1;
    fd = vmcSocketConnect(&address, 0, 0);
    if (fd < 0)
        vmcReportSystemError(errno, "Failed to connect socket to '%s'", path);
    return fd;
}

/* What of our environment a session's daemon gets. */
static char **
daemonEnvironment(void)
{
    static const char *const names[] = {
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    };
    g_autofree char *runtime = vmcRunDirUser();
    char **environment = g_environ_setenv(NULL, "LC_ALL", "C", TRUE);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = g_getenv(names[i]);

        if (value)
            environment = g_environ_setenv(environment, names[i], value, TRUE);
    }
    if (runtime)
        environment = g_environ_setenv(environment, "XDG_RUNTIME_DIR", runtime, TRUE);
    return environment;
}

static void
daemonSetup(gpointer opaque G_GNUC_UNUSED)
{
    setsid();
    umask(022);
}

static int
startDaemon(void)
{
    const char *dir = g_getenv("LIBVIRTD_PATH");
    g_autofree char *program = g_build_filename(dir ? dir : "/usr/sbin", "libvirtd", NULL);
    char *argv[] = { program, (char *)"--timeout=120", NULL };
    g_auto(GStrv) environment = daemonEnvironment();
    g_autoptr(GError) error = NULL;

    /* Without G_SPAWN_DO_NOT_REAP_CHILD it is nobody's child. */
    if (g_spawn_async("/", argv, environment,
                      G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                      daemonSetup, NULL, NULL, &error))
        return 0;
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "cannot start '%s': %s", program, error->message);
    return -1;
}

/* Tries until the daemon that was just started listens. */
static int
connectPatiently(const char *path)
{
    int fd = -1;

    for (int i = 0; i < START_TRIES && fd < 0; i++) {
        fd = connectTo(path);
        if (fd < 0 && errno != ENOENT && errno != ECONNREFUSED)
            break;
        if (fd < 0)
            g_usleep(START_PAUSE_USEC);
    }
    return fd;
}

/* Holds libvirt's own lock, so that of many clients one starts a daemon. */
static int
startAndConnect(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *lock = g_build_filename(dir, "libvirtd.lock", NULL);
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
    int lockFd;
    int fd = -1;

    if (g_mkdir_with_parents(dir, 0700) < 0) {
        vmcReportSystemError(errno, "cannot create directory '%s'", dir);
        return -1;
    }
    lockFd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lockFd < 0 || fcntl(lockFd, F_SETLKW, &whole) < 0) {
        vmcReportSystemError(errno, "cannot lock '%s'", lock);
        vmcFdClose(&lockFd);
        return -1;
    }
    fd = connectTo(path);
    if (fd < 0 && startDaemon() == 0)
        fd = connectPatiently(path);
    unlink(lock);
    vmcFdClose(&lockFd);
    return fd;
}

static bool
mayStart(const vmcUpstream *upstream)
{
    return !upstream->path && upstream->kind == VMC_UPSTREAM_SESSION && getuid() != 0 &&
           g_strcmp0(g_getenv("LIBVIRT_AUTOSTART"), "0") != 0;
}

int
vmcUpstreamConnect(const vmcUpstream *upstream)
{
    g_autofree char *path = upstream->path ? g_strdup(upstream->path) : findSocket(upstream);
    int fd = connectTo(path);

    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED) && mayStart(upstream))
        fd = startAndConnect(path);
    return fd;
}
