/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An emulator under test: see machine.h. */
#include <config.h>

#include "tests/lib/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DUMP_LINES 40

struct _vmcMachine {
    pid_t pid;
    int pidfd;
    int qmp;            /* -1: not connected */
    GString *pending;   /* read from QMP and not yet used */
    char *log;          /* path of what it printed */
};

char *
vmcBuildPath(const char *name)
{
    const char *top = g_getenv("abs_top_builddir");
    g_autofree char *here = g_get_current_dir();

    return g_build_filename(top ? top : here, name, NULL);
}

char *
vmcWrapped(void)
{
    g_autofree char *wrapper = vmcBuildPath("qemu-vmchannel");
    g_autofree char *quoted = g_shell_quote(wrapper);

    return g_strdup_printf("%s " VMC_QEMU, quoted);
}

char *
vmcMissingGuest(void)
{
    g_autofree char *image = vmcBuildPath("guest/initrd.img");
    g_autofree char *note = vmcBuildPath("guest/unavailable");
    char *reason = NULL;

    if (g_file_test(image, G_FILE_TEST_EXISTS))
        return NULL;
    if (g_file_get_contents(note, &reason, NULL, NULL))
        return g_strchomp(reason);
    return g_strdup("no guest/initrd.img");
}

char *
vmcMissingEmulator(bool stock)
{
    static const char *const programs[] = { "qemu-vmchannel", "vmchannel-relay" };
    g_autofree char *qemu = g_find_program_in_path(VMC_QEMU);

    if (!qemu)
        return g_strdup("no " VMC_QEMU);
    for (size_t i = 0; !stock && i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *path = vmcBuildPath(programs[i]);

        if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
            return g_strdup_printf("%s is not built", programs[i]);
    }
    return NULL;
}

char *
vmcTempDir(void)
{
    /* Not TMPDIR, which may be too long for a socket's path. */
    char *dir = g_mkdtemp(g_strdup("/tmp/vmchannel-XXXXXX"));

    g_assert_nonnull(dir);
    return dir;
}

void
vmcTempDirRemove(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_remove(path);         /* an empty folder, too */
    }
    g_rmdir(dir);
}

void
vmcDumpFile(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint count, first;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    count = g_strv_length(lines);
    first = count > DUMP_LINES ? count - DUMP_LINES : 0;
    g_test_message("the end of %s:", path);
    for (guint i = first; i < count; i++)
        g_test_message("| %s", g_strchomp(lines[i]));
}

int
vmcListen(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) >= sizeof(addr.sun_path) ||
        fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(fd, 128) < 0)
        g_error("cannot listen at '%s': %s", path, g_strerror(errno));
    return fd;
}

int
vmcAccept(int listener, int pidfd, int milliseconds)
{
    struct pollfd fds[] = {
        { .fd = listener, .events = POLLIN },
        { .fd = pidfd, .events = POLLIN },
    };

    if (poll(fds, 2, milliseconds) <= 0 || !fds[0].revents)
        return -1;
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

bool
vmcReadMore(int fd, GString *pending, int milliseconds)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    char buf[16384];
    ssize_t n;

    if (poll(&ready, 1, milliseconds) <= 0)
        return false;
    n = read(fd, buf, sizeof(buf));
    if (n <= 0)
        return false;
    g_string_append_len(pending, buf, n);
    return true;
}

char *
vmcReadLine(int fd, GString *pending, int milliseconds)
{
    const char *end;
    char *line;

    while (!(end = memchr(pending->str, '\n', pending->len))) {
        if (!vmcReadMore(fd, pending, milliseconds))
            return NULL;
    }
    line = g_strndup(pending->str, (gsize)(end - pending->str));
    g_string_erase(pending, 0, end - pending->str + 1);
    return g_strchomp(line);
}

/* Runs in the child: it ends with the test, whatever ends the test. */
static void
childSetup(gpointer parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != GPOINTER_TO_INT(parent))
        _exit(127);
}

static bool
spawn(vmcMachine *machine, const char *commandLine)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    int log = open(machine->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = g_shell_parse_argv(commandLine, NULL, &argv, &error) &&
        g_spawn_async_with_fds(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                               childSetup, GINT_TO_POINTER(getpid()), &machine->pid,
                               -1, log, log, &error);

    close(log);
    if (!ok) {
        g_test_message("%s", error->message);
        return false;
    }
    machine->pidfd = pidfd_open(machine->pid, 0);
    return machine->pidfd >= 0;
}

static bool
greet(vmcMachine *machine, int listener)
{
    g_autofree char *greeting = NULL;
    g_autofree char *reply = NULL;

    machine->qmp = vmcAccept(listener, machine->pidfd, VMC_PATIENCE);
    if (machine->qmp < 0)
        return false;
    greeting = vmcReadLine(machine->qmp, machine->pending, VMC_PATIENCE);
    reply = vmcMachineQmp(machine, "{\"execute\": \"qmp_capabilities\"}");
    return greeting && reply;
}

vmcMachine *
vmcMachineStart(const char *dir, const char *format, ...)
{
    vmcMachine *machine = g_new0(vmcMachine, 1);
    g_autofree char *qmp = g_build_filename(dir, "qmp", NULL);
    g_autofree char *given = NULL;
    g_autofree char *commandLine = NULL;
    int listener = vmcListen(qmp);
    bool ok;
    va_list args;

    va_start(args, format);
    given = g_strdup_vprintf(format, args);
    va_end(args);
    commandLine = g_strdup_printf("%s -display none -qmp unix:%s", given, qmp);

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    machine->pidfd = machine->qmp = -1;
    machine->pending = g_string_new(NULL);
    machine->log = g_build_filename(dir, "emulator.log", NULL);
    ok = spawn(machine, commandLine) && greet(machine, listener);
    close(listener);
    g_unlink(qmp);
    if (!ok) {
        g_test_message("did not start: %s", commandLine);
        vmcMachineDump(machine);
        g_test_fail();
        g_clear_pointer(&machine, vmcMachineStop);
    }
    return machine;
}

void
vmcMachineKill(vmcMachine *machine)
{
    if (machine->pidfd >= 0)
        pidfd_send_signal(machine->pidfd, SIGKILL, NULL, 0);
}

void
vmcMachineStop(vmcMachine *machine)
{
    GArray *relays;

    if (!machine)
        return;
    relays = vmcRelaysFind();
    vmcMachineKill(machine);
    if (!vmcMachineEnded(machine, VMC_PATIENCE) || !vmcRelaysEnd(relays, 10000)) {
        g_test_message("the emulator or its relay did not end");
        g_test_fail();
    }
    if (machine->pidfd >= 0)
        close(machine->pidfd);
    if (machine->qmp >= 0)
        close(machine->qmp);
    g_string_free(machine->pending, TRUE);
    g_free(machine->log);
    g_free(machine);
}

void
vmcMachineSetPid(vmcMachine *machine, pid_t pid)
{
    if (machine->pidfd >= 0)
        close(machine->pidfd);
    machine->pid = pid;
    machine->pidfd = pidfd_open(pid, 0);
}

pid_t
vmcMachinePid(const vmcMachine *machine)
{
    return machine->pid;
}

bool
vmcMachineEnded(vmcMachine *machine, int milliseconds)
{
    struct pollfd ended = { .fd = machine->pidfd, .events = POLLIN };

    if (machine->pidfd < 0)
        return true;
    if (poll(&ended, 1, milliseconds) <= 0)
        return false;
    waitpid(machine->pid, NULL, WNOHANG);
    return true;
}

void
vmcMachineDump(const vmcMachine *machine)
{
    vmcDumpFile(machine->log);
}

char *
vmcMachineQmp(vmcMachine *machine, const char *command)
{
    g_autofree char *line = g_strdup_printf("%s\n", command);
    char *reply;

    if (send(machine->qmp, line, strlen(line), MSG_NOSIGNAL) < 0)
        return NULL;
    while ((reply = vmcReadLine(machine->qmp, machine->pending, VMC_PATIENCE))) {
        if (g_str_has_prefix(reply, "{\"return\"") || g_str_has_prefix(reply, "{\"error\""))
            return reply;
        g_free(reply);
    }
    return NULL;
}

/* The process's parent and its name; 0 when it has ended. */
static pid_t
parentOf(pid_t pid, char name[64])
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    const char *end;
    char state = 'Z';
    int parent = 0;

    name[0] = '\0';
    if (!g_file_get_contents(path, &text, NULL, NULL) || !(end = strrchr(text, ')')))
        return 0;
    sscanf(text, "%*d (%63[^)]", name);
    sscanf(end, ") %c %d", &state, &parent);
    return state == 'Z' ? 0 : parent;
}

static bool
isOurRelay(pid_t pid)
{
    char name[64], other[64];
    pid_t up = parentOf(pid, name);

    if (!g_str_has_prefix(name, "vmch"))
        return false;
    while (up > 1 && up != getpid())
        up = parentOf(up, other);
    return up == getpid();
}

GArray *
vmcRelayPids(void)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;

    while (proc && (name = g_dir_read_name(proc))) {
        pid_t pid = atoi(name);

        if (pid > 0 && isOurRelay(pid))
            g_array_append_val(pids, pid);
    }
    return pids;
}

GArray *
vmcRelaysFind(void)
{
    GArray *pidfds = g_array_new(FALSE, FALSE, sizeof(int));
    g_autoptr(GArray) pids = vmcRelayPids();

    for (guint i = 0; i < pids->len; i++) {
        int fd = pidfd_open(g_array_index(pids, pid_t, i), 0);

        if (fd >= 0)
            g_array_append_val(pidfds, fd);
    }
    return pidfds;
}

guint64
vmcRelaysMemory(void)
{
    g_autoptr(GArray) pids = vmcRelayPids();
    guint64 pages = 0;

    for (guint i = 0; i < pids->len; i++) {
        g_autofree char *path = g_strdup_printf("/proc/%d/statm", g_array_index(pids, pid_t, i));
        g_autofree char *text = NULL;
        const char *resident;

        if (g_file_get_contents(path, &text, NULL, NULL) && (resident = strchr(text, ' ')))
            pages += g_ascii_strtoull(resident, NULL, 10);
    }
    return pages * (guint64)sysconf(_SC_PAGESIZE);
}

guint
vmcProcessDescriptors(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) fds = g_dir_open(path, 0, NULL);
    guint count = 0;

    while (fds && g_dir_read_name(fds))
        count++;
    return count;
}

/* As ss -m shows it. Where it is no socket: nothing. */
static guint64
socketMemory(int fd)
{
    guint32 counts[SK_MEMINFO_VARS] = { 0 };
    socklen_t len = sizeof(counts);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, counts, &len) < 0)
        return 0;
    return (guint64)counts[SK_MEMINFO_RMEM_ALLOC] +
        MAX(counts[SK_MEMINFO_WMEM_ALLOC], counts[SK_MEMINFO_WMEM_QUEUED]);
}

guint64
vmcProcessSockets(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) fds = g_dir_open(path, 0, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int pidfd = pidfd_open(pid, 0);
    guint64 sum = 0;
    const char *name;

    while (fds && (name = g_dir_read_name(fds))) {
        g_autofree char *one = g_build_filename(path, name, NULL);
        char *target = g_file_read_link(one, NULL);
        int fd;

        /* The same socket may have several descriptors. */
        if (!target || !g_hash_table_add(seen, target))
            continue;
        fd = pidfd_getfd(pidfd, atoi(name), 0);
        sum += socketMemory(fd);
        if (fd >= 0)
            close(fd);
    }
    close(pidfd);
    return sum;
}

int
vmcProcessMemory(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", pid);
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(line = strstr(text, "Private_Dirty:")))
        return 0;
    return atoi(line + strlen("Private_Dirty:"));
}

/* kill(-1) would be everybody's end. */
void
vmcProcessKill(pid_t pid, int signal)
{
    if (pid <= 0 || kill(pid, signal) < 0)
        g_error("there is no process to send signal %d", signal);
}

bool
vmcRelaysEnd(GArray *pidfds, int milliseconds)
{
    gint64 end = g_get_monotonic_time() + milliseconds * G_TIME_SPAN_MILLISECOND;
    bool ended = true;

    for (guint i = 0; i < pidfds->len; i++) {
        struct pollfd one = { .fd = g_array_index(pidfds, int, i), .events = POLLIN };
        gint64 left = (end - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;

        if (poll(&one, 1, (int)MAX(left, 0)) <= 0) {
            pidfd_send_signal(one.fd, SIGKILL, NULL, 0);
            ended = false;
        }
        waitid(P_PIDFD, (id_t)one.fd, NULL, WEXITED | WNOHANG);
        close(one.fd);
    }
    g_array_free(pidfds, TRUE);
    return ended;
}
