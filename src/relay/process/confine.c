/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layers around the relay's processes: see confine.h. Which calls a process
 * may make is said in filter.c.
 */
#include <config.h>

#include "relay/process/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Instructions of a filter, at most. */
#define FILTER_MAX 512

/* Landlock's attributes up to its ABI 6; our headers may be older. */
typedef struct {
    uint64_t handledFs;
    uint64_t handledNet;
    uint64_t scoped;
} landlockRules;

/* What each ABI of Landlock added: kinds of access to files, to TCP, scopes. */
static const landlockRules landlockAbis[] = {
    { 0, 0, 0 },
    { 0x1fff, 0, 0 },
    { 0x3fff, 0, 0 },           /* renaming between directories */
    { 0x7fff, 0, 0 },           /* truncating */
    { 0x7fff, 3, 0 },           /* TCP bind and connect */
    { 0xffff, 3, 0 },           /* ioctl on devices */
    { 0xffff, 3, 3 },           /* abstract sockets, signals */
};

static bool
dropNewPrivs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Without privileges a user namespace of our own gives the right to do it. */
static bool
leaveNetwork(void)
{
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static bool
dropCapabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    return syscall(SYS_capset, &header, none) == 0;
}

static bool
closeFiles(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const landlockRules *rules;
    long fd;
    bool ok;

    if (abi < 1)
        return false;
    rules = &landlockAbis[MIN(abi, (long)G_N_ELEMENTS(landlockAbis) - 1)];
    fd = syscall(SYS_landlock_create_ruleset, rules, sizeof(*rules), 0);
    if (fd < 0)
        return false;
    ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close((int)fd);
    return ok;
}

static bool
waitSuccess(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/*
 * Made in a process of its own, since what libseccomp has touched by then is as
 * much memory as all the rest that a worker needs. Returns how many
 * instructions it has, 0 when it cannot be made or has @max.
 */
static size_t
makeFilter(vmcFilterProcess process, struct sock_filter *filter, size_t max)
{
    int fds[2];
    size_t size = max * sizeof(*filter);
    size_t len = 0;
    ssize_t got;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return 0;
    pid = fork();
    if (pid == 0)
        _exit(vmcFilterExport(process, SCMP_ARCH_NATIVE, fds[1]) == 0 ? EXIT_SUCCESS
                                                                      : EXIT_FAILURE);
    close(fds[1]);
    while (pid > 0 && len < size && (got = read(fds[0], (char *)filter + len, size - len)) > 0)
        len += (size_t)got;
    close(fds[0]);
    return pid > 0 && waitSuccess(pid) && len < size ? len / sizeof(*filter) : 0;
}

static bool
filterCalls(vmcFilterProcess process)
{
    struct sock_filter filter[FILTER_MAX];
    struct sock_fprog program = { .filter = filter };

    program.len = (unsigned short)makeFilter(process, filter, FILTER_MAX);
    return program.len > 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In the order in which they are put on; the filter is the last. */
static const struct {
    vmcLayer layer;
    const char *text;
    bool (*put)(void);
} layers[] = {
    { VMC_LAYER_NETWORK, "network namespace", leaveNetwork },
    { VMC_LAYER_CAPABILITIES, "capabilities", dropCapabilities },
    { VMC_LAYER_NO_NEW_PRIVS, "no_new_privs", dropNewPrivs },
    { VMC_LAYER_LANDLOCK, "Landlock", closeFiles },
    { VMC_LAYER_SYSCALLS, "seccomp", NULL },
};

unsigned int
vmcConfine(vmcFilterProcess process)
{
    unsigned int held = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(layers); i++) {
        if (layers[i].put && layers[i].put())
            held |= layers[i].layer;
    }
    if (!filterCalls(process)) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "%s", "cannot install the system call filter");
        return 0;
    }
    return held | VMC_LAYER_SYSCALLS;
}

char *
vmcConfineText(unsigned int held)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(layers); i++) {
        if (held & layers[i].layer)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", layers[i].text);
    }
    if (text->len == 0)
        g_string_append(text, "none");
    return g_string_free(text, FALSE);
}
