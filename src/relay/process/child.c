/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The broker's children: see child.h. Knows nothing of what they do. */
#include <config.h>

#include "relay/process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/process/link.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Above what the child gets: a descriptor is moved there before it is put in place. */
#define FD_ASIDE 10

/* How long a process that was killed is waited for. */
#define REAP_MS 100

static int self = -1;           /* this program's file */
static GSList *unreaped;        /* pids of those that did not end soon */

int
vmcChildInit(void)
{
    self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (self < 0)
        vmcReportSystemError(errno, "cannot find the program's own file");
    return self < 0 ? -1 : 0;
}

/* Returns false when it has not ended. */
static bool
reapNow(pid_t pid, int *status)
{
    pid_t ended;

    do
        ended = waitpid(pid, status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    return ended != 0;
}

static void
reapUnreaped(void)
{
    GSList *next;
    int status;

    for (GSList *item = unreaped; item; item = next) {
        next = item->next;
        if (reapNow(GPOINTER_TO_INT(item->data), &status))
            unreaped = g_slist_delete_link(unreaped, item);
    }
}

/* For good: not even what comes in a message can be one more. */
static void
limitFiles(unsigned int files)
{
    struct rlimit limit;

    if (files == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max = MIN(files, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* In the child. Only what is safe after a fork of a process with threads. */
static void
execSelf(const char *mode, unsigned int files, int mailbox, int link)
{
    const char *const argv[] = { "vmchannel-relay", mode, NULL };
    const char *const environment[] = { NULL };
    int program = fcntl(self, F_DUPFD_CLOEXEC, FD_ASIDE);
    int aside[2] = { fcntl(mailbox, F_DUPFD_CLOEXEC, FD_ASIDE), -1 };
    sigset_t none;

    if (link >= 0)
        aside[1] = fcntl(link, F_DUPFD_CLOEXEC, FD_ASIDE);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Standard error is our starter's still, input is the null device. */
    if (program < 0 || dup2(0, 2) < 0 || dup2(aside[0], VMC_CHILD_MAILBOX) < 0 ||
        (link >= 0 && dup2(aside[1], VMC_CHILD_LINK) < 0))
        _exit(EXIT_FAILURE);
    if (link < 0)
        close(VMC_CHILD_LINK);
    /* What is above is close-on-exec with us; our starter's may not have been. */
    close_range(VMC_CHILD_LINK + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    limitFiles(files);
    execveat(program, "", (char *const *)argv, (char *const *)environment, AT_EMPTY_PATH);
    _exit(EXIT_FAILURE);
}

int
vmcChildStart(vmcChild *child, const char *mode, unsigned int files, int link, int *mailbox)
{
    int pair[2] = { -1, -1 };

    reapUnreaped();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
        (child->pid = fork()) < 0) {
        vmcReportSystemError(errno, "cannot start a process");
        vmcFdClose(&pair[0]);
        vmcFdClose(&pair[1]);
        child->pid = 0;
        return -1;
    }
    if (child->pid == 0)
        execSelf(mode, files, pair[1], link);
    close(pair[1]);
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0) {
        vmcReportSystemError(errno, "cannot watch a process");
        vmcChildReap(child);
        close(pair[0]);
        return -1;
    }
    *mailbox = pair[0];
    return 0;
}

int
vmcChildReap(vmcChild *child)
{
    struct pollfd end = { .fd = child->pidfd, .events = POLLIN };
    int status = 0;

    if (child->pid <= 0)
        return 0;
    kill(child->pid, SIGKILL);
    poll(&end, 1, REAP_MS);
    if (!reapNow(child->pid, &status)) {
        unreaped = g_slist_prepend(unreaped, GINT_TO_POINTER(child->pid));
        status = W_EXITCODE(EXIT_FAILURE, 0);
    }
    child->pid = 0;
    vmcFdClose(&child->pidfd);
    return status;
}

int
vmcChildBegin(const char *name, bool dies)
{
    if (dies)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name);
    signal(SIGPIPE, SIG_IGN);
    return vmcLinkCheck(VMC_CHILD_MAILBOX);
}

/* Segments that can be written to stay: the file does not have what is in them now. */
static int
forgetObject(struct dl_phdr_info *object, size_t size G_GNUC_UNUSED, void *opaque)
{
    uintptr_t page = *(uintptr_t *)opaque;

    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0)
            madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void
vmcChildForget(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    dl_iterate_phdr(forgetObject, &page);
}
