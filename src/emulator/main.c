/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu-vmchannel: takes any QEMU command line plus -vmchannel, starts the
 * relay, and becomes QEMU. What the command lines turn into is decided in
 * qemu/qemu_argv.h; here are the effects: which QEMU, reading -readconfig
 * files, the socket pair, the two execs.
 *
 * Without a channel or a channels' NIC in the arguments it execs QEMU unchanged, so
 * that it can stand wherever a QEMU binary stands.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qemu/qemu_argv.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/starter.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* The oldest QEMU whose -netdev dgram takes a socket that it is given. */
#define QEMU_MAJOR_MIN 7
#define QEMU_MINOR_MIN 2

/* A -readconfig file larger than this is not one. */
#define READCONFIG_MAX (1024 * 1024)

/* The relay's name, beside an uninstalled qemu-vmchannel or above its copies. */
#define RELAY "vmchannel-relay"

/*
 * Bytes of QEMU's frames on their way; the relay's end is its own. The kernel gives twice
 * that for its own overhead, where net.core.wmem_max lets it: seven large frames.
 */
#define LINK_BUFFER (256 * 1024)

/* What stands between the folder of the relay and the path of a real QEMU. */
#define COPIES "/emulator"

static bool
isFile(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Returns the path of this program's file; the caller frees it. */
static char *
ownPath(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    return g_strndup(path, MAX(len, 0));
}

/* Returns the relay's path if it stands in @directory, or NULL. */
static char *
relayIn(const char *directory)
{
    g_autofree char *relay = g_build_filename(directory, RELAY, NULL);

    return isFile(relay) ? g_steal_pointer(&relay) : NULL;
}

/*
 * Where in @self, this program's path, the path of a real QEMU begins: this is one of
 * the copies that stand under EMULATORDIR, beside the relay. NULL when it is
 * qemu-vmchannel itself. A QEMU's own path may hold the same words.
 */
static const char *
copiedPath(const char *self)
{
    for (const char *found = self; (found = strstr(found, COPIES "/")); found++) {
        g_autofree char *top = g_strndup(self, found - self);
        g_autofree char *relay = relayIn(top);

        if (relay)
            return found + strlen(COPIES);
    }
    return NULL;
}

/* The relay of this build, else the installed one. */
static char *
findRelay(void)
{
    g_autofree char *self = ownPath();
    const char *copied = copiedPath(self);
    g_autofree char *top = copied ? g_strndup(self, copied - strlen(COPIES) - self)
                                  : g_path_get_dirname(self);
    char *relay = relayIn(top);

    return relay ? relay : g_strdup(PKGLIBEXECDIR "/" RELAY);
}

static bool
namesQemu(const char *arg)
{
    g_autofree char *name = g_path_get_basename(arg);

    return arg[0] != '-' &&
           (g_str_has_prefix(name, "qemu-system-") || g_str_equal(name, "qemu-kvm") ||
            g_str_equal(name, "kvm") || g_str_equal(name, "kvm-spice"));
}

/* The QEMU of the machine that we run on. */
static char *
defaultEmulator(void)
{
    struct utsname uts;

    if (uname(&uts) < 0)
        return g_strdup("qemu-system-x86_64");
    return g_strdup_printf("qemu-system-%s", uts.machine);
}

/*
 * Which QEMU: by the path that this file stands at, else the first argument,
 * else the machine's. *@args is moved behind what names it.
 */
static char *
findEmulator(char ***args)
{
    char **argv = *args;
    g_autofree char *self = ownPath();
    const char *copied = copiedPath(self);

    *args = argv + 1;
    if (copied)
        return g_strdup(copied);
    if (argv[1] && namesQemu(argv[1])) {
        *args = argv + 2;
        return g_strdup(argv[1]);
    }
    return defaultEmulator();
}

static char *
readConfig(const char *path)
{
    struct stat st;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    /* A pipe can be read only once, and QEMU has to read it. */
    if (stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > READCONFIG_MAX)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "-readconfig '%s' with -vmchannel: accepted is a regular file of up to 1 MiB",
                       path);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, NULL, &error)) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "-readconfig '%s': %s", path, error->message);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* Returns the contents of all -readconfig files, NULL with an error for one. */
static char **
readConfigs(char **args)
{
    g_auto(GStrv) files = vmcQemuArgvReadconfigs((const char *const *)args);
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();

    for (char **file = files; *file; file++) {
        g_autofree char *text = readConfig(*file);

        if (!text)
            return NULL;
        g_strv_builder_add(texts, text);
    }
    return g_strv_builder_end(texts);
}

/* Whether the arguments may have a channel or the stock form of their NIC. */
static bool
mentionsVmchannel(char **args)
{
    for (; *args; args++) {
        if (strstr(*args, "vmchannel") || g_str_has_prefix(*args, "channel,"))
            return true;
    }
    return false;
}

/* Whether it is asked what a -vmchannel may be, as QEMU's own options are. */
static bool
asksHelp(char **args)
{
    for (; args[0] && args[1]; args++) {
        if ((g_str_equal(args[0], "-vmchannel") || g_str_equal(args[0], "--vmchannel")) &&
            g_str_equal(args[1], "help"))
            return true;
    }
    return false;
}

static void
help(void)
{
    g_auto(GStrv) forms = vmcQemuChardevForms();

    puts("-vmchannel [ADDRESS:]PORT:CHARDEV, where CHARDEV begins with one of");
    for (char **form = forms; *form; form++)
        printf("  %s\n", *form);
    puts("-vmchannel network=ADDRESS/PREFIX, the guest's address when it is not 10.0.2.5/29\n"
         "-vmchannel dhcp=off, the guest is offered no address");
}

/* What @emulator prints when it is run with @arguments alone, or NULL with an error. */
static char *
askEmulator(const char *emulator, const char *const *arguments)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_auto(GStrv) all = NULL;
    g_autoptr(GError) error = NULL;
    char *out = NULL;

    g_strv_builder_add(argv, emulator);
    g_strv_builder_addv(argv, (const char **)arguments);
    all = g_strv_builder_end(argv);
    if (!g_spawn_sync(NULL, all, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &out, NULL, NULL, &error)) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "cannot run '%s': %s", emulator, error->message);
        return NULL;
    }
    return out;
}

static int
checkVersion(const char *emulator)
{
    g_autofree char *out = askEmulator(emulator, (const char *const []){ "-version", NULL });
    const char *version;
    int major = 0;
    int minor = 0;

    if (!out)
        return -1;
    version = strstr(out, "version ");
    if (!version || sscanf(version, "version %d.%d", &major, &minor) != 2) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "'%s' does not tell its version", emulator);
        return -1;
    }
    if (major > QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor >= QEMU_MINOR_MIN))
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "-vmchannel needs QEMU %d.%d or later: '%s' is %d.%d",
                   QEMU_MAJOR_MIN, QEMU_MINOR_MIN, emulator, major, minor);
    return -1;
}

static void
setInherited(int fd, bool inherited)
{
    fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

/* The child that becomes the relay; does not return. */
static void
execRelay(const vmcQemuArgv *plan, const char *relay, int fd)
{
    g_autofree char *number = g_strdup_printf("%d", fd);
    g_auto(GStrv) argv = vmcQemuArgvFormatRelay(plan, relay, number);

    /* What the starter left open is not the relay's, whose AppArmor profile would log it. */
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    setInherited(fd, true);
    execv(relay, argv);
    fprintf(stderr, "qemu-vmchannel: cannot run '%s': %s\n", relay, g_strerror(errno));
    _exit(EXIT_FAILURE);
}

/*
 * Starts the relay on @fd and waits until it serves. When it exits instead, it
 * has said why, and nothing is added to that.
 */
static int
startRelay(const vmcQemuArgv *plan, int fd)
{
    g_autofree char *relay = findRelay();
    pid_t pid = fork();
    int status;

    if (pid < 0) {
        vmcReportSystemError(errno, "cannot start '%s'", relay);
        return -1;
    }
    if (pid == 0)
        execRelay(plan, relay, fd);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            vmcReportSystemError(errno, "cannot wait for '%s'", relay);
            return -1;
        }
    }
    if (WIFSIGNALED(status))
        vmcReportError(VIR_ERR_OPERATION_FAILED, "'%s' died of signal %d", relay,
                       WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Both ends of the link: [0] is QEMU's, [1] the relay's. */
static int
makeLink(int link[2])
{
    static const int buffer = LINK_BUFFER;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) {
        vmcReportSystemError(errno, "cannot create the link");
        return -1;
    }
    setsockopt(link[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    return 0;
}

/* Whether @emulator has a user-mode network: it may be built without. -1: an error. */
static int
hasUserNet(const char *emulator)
{
    g_autofree char *out = askEmulator(emulator,
                                       (const char *const []){ "-netdev", "help", NULL });

    return out ? vmcQemuHasUserNet(out) : -1;
}

/* QEMU is asked only where the answer matters: when it gets its default network. */
static int
settle(vmcQemuArgv *plan, const char *emulator)
{
    int hasUser = plan->addDefaultNet ? hasUserNet(emulator) : 0;

    return hasUser < 0 ? -1 : vmcQemuArgvSettle(plan, hasUser);
}

/* Returns QEMU's arguments with the relay running behind them, or NULL. */
static char **
withRelay(const vmcQemuArgv *plan, const char *emulator)
{
    int link[2] = { -1, -1 };
    g_autofree char *number = NULL;

    if (checkVersion(emulator) < 0 || makeLink(link) < 0)
        return NULL;
    if (startRelay(plan, link[1]) < 0) {
        vmcFdClose(&link[0]);
        vmcFdClose(&link[1]);
        return NULL;
    }
    vmcFdClose(&link[1]);
    setInherited(link[0], true);
    number = g_strdup_printf("%d", link[0]);
    return vmcQemuArgvFormat(plan, emulator, number);
}

/* Returns the arguments that QEMU is to be run with, or NULL with an error. */
static char **
qemuArguments(const char *emulator, char **args)
{
    g_auto(GStrv) configs = NULL;
    g_autoptr(vmcQemuArgv) plan = NULL;

    vmcStarterForget();
    configs = readConfigs(args);
    if (!configs)
        return NULL;
    plan = vmcQemuArgvParse((const char *const *)args, (const char *const *)configs);
    if (!plan || settle(plan, emulator) < 0)
        return NULL;
    if (vmcQemuArgvHasVmchannel(plan))
        return withRelay(plan, emulator);
    return vmcQemuArgvFormat(plan, emulator, "");
}

static char **
unchangedArguments(const char *emulator, char **args)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

    g_strv_builder_add(argv, emulator);
    g_strv_builder_addv(argv, (const char **)args);
    return g_strv_builder_end(argv);
}

int
main(int argc G_GNUC_UNUSED, char **argv)
{
    char **args = argv;
    g_autofree char *emulator = findEmulator(&args);
    g_auto(GStrv) qemuArgs = NULL;

    if (asksHelp(args)) {
        help();
        return EXIT_SUCCESS;
    }
    qemuArgs = mentionsVmchannel(args) ? qemuArguments(emulator, args)
                                       : unchangedArguments(emulator, args);
    if (!qemuArgs) {
        if (vmcErrorLast()->code != VIR_ERR_OK)
            fprintf(stderr, "qemu-vmchannel: %s\n", vmcErrorLast()->message);
        return EXIT_FAILURE;
    }
    execvp(emulator, qemuArgs);
    fprintf(stderr, "qemu-vmchannel: cannot run '%s': %s\n", emulator, g_strerror(errno));
    return EXIT_FAILURE;
}
