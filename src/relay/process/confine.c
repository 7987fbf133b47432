/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layers around the relay's processes: see confine.h. Decides for no
 * process which calls it needs beyond memory, time and its end.
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
#include <sys/mman.h>
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

/* What malloc, the clock and leaving need. */
static const vmcConfineCall always[] = {
    { SCMP_SYS(brk), { { 0 } } },
    { SCMP_SYS(mmap), { { 2, PROT_EXEC, 0 } } },
    { SCMP_SYS(mprotect), { { 2, PROT_EXEC, 0 } } },
    { SCMP_SYS(mremap), { { 0 } } },
    { SCMP_SYS(munmap), { { 0 } } },
    { SCMP_SYS(madvise), { { 0 } } },
    { SCMP_SYS(futex), { { 0 } } },
    { SCMP_SYS(clock_gettime), { { 0 } } },
    { SCMP_SYS(getrandom), { { 0 } } },
    { SCMP_SYS(restart_syscall), { { 0 } } },
    { SCMP_SYS(rt_sigreturn), { { 0 } } },
    { SCMP_SYS(exit), { { 0 } } },
    { SCMP_SYS(exit_group), { { 0 } } },
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

static bool
allow(scmp_filter_ctx filter, const vmcConfineCall *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct scmp_arg_cmp when[G_N_ELEMENTS(calls->when)];
        unsigned int count = 0;

        for (size_t j = 0; j < G_N_ELEMENTS(calls->when) && calls[i].when[j].mask; j++)
            when[count++] = (struct scmp_arg_cmp) {
                calls[i].when[j].arg, SCMP_CMP_MASKED_EQ, calls[i].when[j].mask,
                calls[i].when[j].value };
        if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i].call, count, when) < 0)
            return false;
    }
    return true;
}

/* Writes the filter to @fd, as the kernel takes it. */
static bool
exportFilter(const vmcConfineCall *calls, size_t n, int fd)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

    return filter && allow(filter, always, G_N_ELEMENTS(always)) && allow(filter, calls, n) &&
        seccomp_export_bpf(filter, fd) == 0;
}

/*
 * Made in a process of its own, since what libseccomp has touched by then is as
 * much memory as all the rest that a worker needs. Returns how many
 * instructions it has, 0 when it cannot be made or has @max.
 */
static size_t
makeFilter(const vmcConfineCall *calls, size_t n, struct sock_filter *filter, size_t max)
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
        _exit(exportFilter(calls, n, fds[1]) ? EXIT_SUCCESS : EXIT_FAILURE);
    close(fds[1]);
    while (pid > 0 && len < size && (got = read(fds[0], (char *)filter + len, size - len)) > 0)
        len += (size_t)got;
    close(fds[0]);
    return pid > 0 && waitSuccess(pid) && len < size ? len / sizeof(*filter) : 0;
}

static bool
filterCalls(const vmcConfineCall *calls, size_t n)
{
    struct sock_filter filter[FILTER_MAX];
    struct sock_fprog program = { .filter = filter };

    program.len = (unsigned short)makeFilter(calls, n, filter, FILTER_MAX);
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
vmcConfine(const vmcConfineCall *calls, size_t n)
{
    unsigned int held = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(layers); i++) {
        if (layers[i].put && layers[i].put())
            held |= layers[i].layer;
    }
    if (!filterCalls(calls, n)) {
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
