/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which system calls each confined process may make, and the kernel's filter that
 * holds it to them. Puts none on: that is confine.h.
 */
#pragma once

#include <stdint.h>

/* The confined processes. */
typedef enum {
    VMC_FILTER_WORKER,
    VMC_FILTER_PUMP,
    VMC_FILTER_LAST,
} vmcFilterProcess;

/*
 * vmcFilterExport:
 * Writes to @fd the filter of @process on the architecture @arch (SCMP_ARCH_… of
 * libseccomp), as instructions for seccomp(2); what it does not allow kills the
 * process. The same table serves each architecture: a call that one does not have
 * is left out there. Returns 0, or -1 without a report.
 */
int vmcFilterExport(vmcFilterProcess process, uint32_t arch, int fd);
