/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel counts for running processes, of one or of a set of them
 * together. A process that has ended counts nothing.
 */
#pragma once

#include <sys/types.h>

#include <glib.h>

/* A set of processes, a GArray of pid_t, with one in it. */
GArray *processSet(pid_t pid);

/* processCpu: seconds on a processor so far, of all threads that still run. */
double processCpu(const GArray *pids);

/* processPss, processAnon: KiB of memory, shared pages by share; written or unshared only. */
double processPss(const GArray *pids);
double processAnon(const GArray *pids);

/* processWakeups: how often they were put on a processor within the next @seconds, a second. */
double processWakeups(const GArray *pids, unsigned int seconds);
