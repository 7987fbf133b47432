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

vmcTally *
vmcTallyMap(int fd)
{
    void *memory = mmap(NULL, sizeof(vmcTally), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

vmcTally *
vmcTallyNew(int *fd)
{
    int file = memfd_create("vmchannel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    vmcTally *tally = NULL;

    /* A file that shrank would be our death by SIGBUS. */
    if (file >= 0 && ftruncate(file, sizeof(vmcTally)) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        tally = vmcTallyMap(file);
    if (!tally) {
        vmcReportSystemError(errno, "cannot get shared memory");
        vmcFdClose(&file);
        return NULL;
    }
    *fd = file;
    return tally;
}

void
vmcTallyFree(vmcTally *tally)
{
    if (tally)
        munmap(tally, sizeof(*tally));
}
