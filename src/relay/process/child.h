/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker's children, each a fresh exec of this program: nothing of the
 * broker's memory is in them, and no descriptor but those that they are given.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Where a child finds what it was given. */
#define VMC_CHILD_MAILBOX 3
#define VMC_CHILD_LINK 4

typedef struct {
    pid_t pid;                  /* 0: there is none */
    int pidfd;                  /* readable when it has ended */
} vmcChild;

/* vmcChildInit: finds this program's file, before anything hides it. */
int vmcChildInit(void);

/*
 * vmcChildStart:
 * Execs this program with the argument @mode. It may have @files descriptors, 0: as many
 * as we. @link (or -1) becomes its VMC_CHILD_LINK; *@mailbox is our end of the pair whose
 * other end is its VMC_CHILD_MAILBOX. Returns 0, or -1 with an error.
 */
int vmcChildStart(vmcChild *child, const char *mode, unsigned int files, int link, int *mailbox);

/*
 * vmcChildReap: kills it if it lives still, and returns its wait status. It cannot refuse, but
 * be stuck in the kernel, or in a debugger's hands: one that does not end soon counts as
 * failed, and is not waited for.
 */
int vmcChildReap(vmcChild *child);

/*
 * vmcChildBegin: what a child does first: takes the name @name in
 * /proc/PID/comm and, when it @dies with the broker, arranges that. Returns -1 when it
 * was not started by a broker.
 */
int vmcChildBegin(const char *name, bool dies);

/*
 * vmcChildForget: gives up the pages of code, in any of the relay's processes:
 * what only the start has needed is gone, what is needed again comes back.
 */
void vmcChildForget(void);
