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

/* Where a daemon is looked for, before PATH. */
#define DAEMON_DIR "/usr/sbin"

/* A daemon: its program, and how its sockets' names begin. */
typedef struct {
    const char *program;
    const char *socket;
} daemonKind;

/* In the order in which libvirt looks for them: its src/remote/remote_sockets.c. */
static const daemonKind daemons[] = {
    { "virtqemud", "virtqemud" },
    { "libvirtd", "libvirt" },
};

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

/* As libvirt has it, root's session is the system. */
static bool
isSystem(const vmcUpstream *upstream)
{
    return upstream->kind == VMC_UPSTREAM_SYSTEM || getuid() == 0;
}

static char *
socketOf(const vmcUpstream *upstream, const daemonKind *daemon)
{
    bool system = isSystem(upstream);
    g_autofree char *dir = system ? g_strdup(SYSTEM_DIR) : sessionDir();

    return g_strdup_printf("%s/%s-sock%s", dir, daemon->socket,
                           upstream->readOnly && system ? "-ro" : "");
}

/*
 * The path of a daemon's program, which the caller frees; NULL: there is none. libvirt's
 * own variables name the folder, the newer one first.
 */
static char *
programOf(const daemonKind *daemon)
{
    const char *named = g_getenv("VIRTD_PATH") ? g_getenv("VIRTD_PATH") : g_getenv("LIBVIRTD_PATH");
    g_autofree char *program = g_build_filename(named ? named : DAEMON_DIR, daemon->program, NULL);

    if (g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
        return g_steal_pointer(&program);
    return named ? NULL : g_find_program_in_path(daemon->program);
}

/* The first daemon whose socket is there, else the first that could be started, else the last. */
static const daemonKind *
findDaemon(const vmcUpstream *upstream)
{
    for (size_t i = 0; i < G_N_ELEMENTS(daemons); i++) {
        g_autofree char *path = socketOf(upstream, &daemons[i]);

        if (access(path, F_OK) == 0)
            return &daemons[i];
    }
    for (size_t i = 0; i < G_N_ELEMENTS(daemons) && !isSystem(upstream); i++) {
        g_autofree char *program = programOf(&daemons[i]);

        if (program)
            return &daemons[i];
    }
    return &daemons[G_N_ELEMENTS(daemons) - 1];
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
startDaemon(const daemonKind *daemon)
{
    g_autofree char *program = programOf(daemon);
    char *argv[] = { program, (char *)"--timeout=120", NULL };
    g_auto(GStrv) environment = daemonEnvironment();
    g_autoptr(GError) error = NULL;

    if (!program) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR,
                       "no '%s' to start, where VIRTD_PATH says, or else in " DAEMON_DIR " and PATH",
                       daemon->program);
        return -1;
    }
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
startAndConnect(const char *path, const daemonKind *daemon)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *lock = g_strdup_printf("%s/%s.lock", dir, daemon->program);
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
    if (fd < 0 && startDaemon(daemon) == 0)
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
    const daemonKind *daemon = findDaemon(upstream);
    g_autofree char *path =
        upstream->path ? g_strdup(upstream->path) : socketOf(upstream, daemon);
    int fd = connectTo(path);

    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED) && mayStart(upstream))
        fd = startAndConnect(path, daemon);
    return fd;
}
