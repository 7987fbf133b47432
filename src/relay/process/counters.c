/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that broker and worker share: see counters.h. Counts nothing itself. */
#include <config.h>

#include "relay/process/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

vmcCounters *
vmcCountersMap(int fd)
{
    void *memory = mmap(NULL, sizeof(vmcCounters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

vmcCounters *
vmcCountersNew(int *fd)
{
    int file = memfd_create("vmchannel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    vmcCounters *counters = NULL;

    /* A file that shrank would be our death by SIGBUS. */
    if (file >= 0 && ftruncate(file, sizeof(vmcCounters)) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        counters = vmcCountersMap(file);
    if (!counters) {
        vmcReportSystemError(errno, "cannot get shared memory");
        vmcFdClose(&file);
        return NULL;
    }
    *fd = file;
    return counters;
}

void
vmcCountersFree(vmcCounters *counters)
{
    if (counters)
        munmap(counters, sizeof(*counters));
}
