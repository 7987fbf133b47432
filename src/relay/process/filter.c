/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filters of the confined processes: see filter.h. One function of the C library
 * is not the same system call everywhere (poll() is ppoll on arm64): the rows name all
 * that it may be on the architectures that configure knows, and the unit test says
 * for each of these what is left.
 */
#include <config.h>

#include "relay/process/filter.h"

#include <errno.h>
#include <glib.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

/*
 * A system call that is allowed while each condition holds: argument @arg masked by
 * @mask is @value. A mask of 0 is no condition. Rows for the same call are
 * alternatives.
 */
typedef struct {
    int call;
    struct {
        unsigned int arg;
        uint64_t mask;
        uint64_t value;
    } when[2];
} filterCall;

/* What malloc, the clock and leaving need. */
static const filterCall always[] = {
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

/*
 * Bytes to and from sockets that are there, and the broker. Only the broker can
 * pass descriptors: sendmsg is not among these.
 */
static const filterCall worker[] = {
    { SCMP_SYS(recvmmsg), { { 0 } } },
    { SCMP_SYS(recvfrom), { { 0 } } },
    { SCMP_SYS(recvmsg), { { 0 } } },
    { SCMP_SYS(writev), { { 0 } } },
    { SCMP_SYS(sendto), { { 4, UINT64_MAX, 0 } } },         /* no address */
    { SCMP_SYS(shutdown), { { 0 } } },
    { SCMP_SYS(close), { { 0 } } },
    { SCMP_SYS(ioctl), { { 1, UINT32_MAX, SIOCOUTQ } } },
    { SCMP_SYS(getsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    { SCMP_SYS(getsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_DOMAIN } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_PEEK_OFF } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_LINGER } } },
    { SCMP_SYS(epoll_ctl), { { 0 } } },
    { SCMP_SYS(epoll_wait), { { 0 } } },
    { SCMP_SYS(epoll_pwait), { { 0 } } },
};

/* Bytes between the worker and what the broker has opened. */
static const filterCall pump[] = {
    { SCMP_SYS(read), { { 0 } } },
    { SCMP_SYS(write), { { 0 } } },
    { SCMP_SYS(sendto), { { 4, UINT64_MAX, 0 } } },         /* no address */
    { SCMP_SYS(recvmsg), { { 0 } } },
    { SCMP_SYS(shutdown), { { 0 } } },
    { SCMP_SYS(close), { { 0 } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_LINGER } } },
    { SCMP_SYS(setsockopt), { { 1, UINT32_MAX, SOL_SOCKET }, { 2, UINT32_MAX, SO_SNDBUF } } },
    { SCMP_SYS(setitimer), { { 0, UINT32_MAX, ITIMER_REAL } } },
    { SCMP_SYS(poll), { { 0 } } },
    { SCMP_SYS(ppoll), { { 0 } } },         /* poll() where there is no such call: arm64 */
    { SCMP_SYS(epoll_ctl), { { 0 } } },
    { SCMP_SYS(epoll_wait), { { 0 } } },
    { SCMP_SYS(epoll_pwait), { { 0 } } },
};

/*
 * What the C library calls to look for a file, the texts of errors among them, and can do
 * without: an answer instead of death.
 */
static const int refused[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat),
};

/* What each process may call beside @always. */
static const struct {
    const filterCall *calls;
    size_t n;
} own[VMC_FILTER_LAST] = {
    [VMC_FILTER_WORKER] = { worker, G_N_ELEMENTS(worker) },
    [VMC_FILTER_PUMP] = { pump, G_N_ELEMENTS(pump) },
};

static bool
allow(scmp_filter_ctx filter, const filterCall *calls, size_t n)
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

static bool
refuse(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0) < 0)
            return false;
    }
    return true;
}

/* A new filter is for this machine's architecture. */
static bool
chooseArch(scmp_filter_ctx filter, uint32_t arch)
{
    if (seccomp_arch_exist(filter, arch) == 0)
        return true;
    return seccomp_arch_add(filter, arch) == 0 &&
        seccomp_arch_remove(filter, SCMP_ARCH_NATIVE) == 0;
}

int
vmcFilterExport(vmcFilterProcess process, uint32_t arch, int fd)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool ok = filter && chooseArch(filter, arch) &&
        seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
        allow(filter, always, G_N_ELEMENTS(always)) &&
        allow(filter, own[process].calls, own[process].n) && refuse(filter) &&
        seccomp_export_bpf(filter, fd) == 0;

    seccomp_release(filter);
    return ok ? 0 : -1;
}
