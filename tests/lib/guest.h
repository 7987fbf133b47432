/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A booted guest for tests: the machine of machine.h with our kernel and agent
 * in it, and a way to run commands there. Test programs boot one guest and run
 * many cases in it.
 */
#pragma once

#include "tests/lib/machine.h"

typedef struct _vmcGuest vmcGuest;

/*
 * vmcGuestStart: boots through an emulator's command line (a format, as in
 * vmcMachineStart; kernel, console and control port are added) and returns when
 * the agent is ready. On failure the test fails and NULL is returned.
 * vmcGuestStartFrom: the same, with options that load our kernel some other way.
 * vmcGuestStop: accepts NULL.
 */
vmcGuest *vmcGuestStart(const char *format, ...) G_GNUC_PRINTF(1, 2);
vmcGuest *vmcGuestStartFrom(const char *loader, const char *format, ...) G_GNUC_PRINTF(2, 3);
void vmcGuestStop(vmcGuest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcGuest, vmcGuestStop)

vmcMachine *vmcGuestMachine(vmcGuest *guest);

/*
 * vmcGuestReboot: resets the machine and waits until it has booted anew. What
 * ran in it is not answered any more.
 * vmcGuestMove: saves the guest to a file in @dir, ends its emulator, and goes on
 * from the file in a new one with the same command line: as virsh save and
 * restore do. Commands go on. Both return false, and the test fails, when it
 * does not work.
 */
bool vmcGuestReboot(vmcGuest *guest);
bool vmcGuestMove(vmcGuest *guest, const char *dir);

/*
 * vmcGuestRun: runs a shell command in the guest; returns its exit status and,
 * with @output, what it printed. -1 when no answer comes.
 * vmcGuestSpawn returns at once, with the number that vmcGuestWait (once) and
 * vmcGuestKill take.
 */
int vmcGuestRun(vmcGuest *guest, char **output, const char *format, ...) G_GNUC_PRINTF(3, 4);
int vmcGuestSpawn(vmcGuest *guest, const char *format, ...) G_GNUC_PRINTF(2, 3);
int vmcGuestWait(vmcGuest *guest, int command, char **output);
void vmcGuestKill(vmcGuest *guest, int command);

/* vmcGuestExpect: runs a command and fails the test unless it prints just that. */
void vmcGuestExpect(vmcGuest *guest, const char *expected, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* vmcGuestDump: console and emulator output, as diagnostics of the test. */
void vmcGuestDump(const vmcGuest *guest);

/*
 * One guest for many cases. vmcGuestSuiteRun is the whole of main(): it boots
 * when the first case runs, skips all when something is missing, and shows the
 * console with each failure. @boot gets a directory for the sockets.
 */
typedef struct {
    const char *path;
    void (*run)(vmcGuest *guest, const char *dir);
} vmcGuestCase;

typedef struct {
    vmcGuest *(*boot)(const char *dir);
    const vmcGuestCase *cases;
    size_t count;
    bool stock;             /* boots without our programs */
} vmcGuestSuite;

int vmcGuestSuiteRun(int argc, char **argv, const vmcGuestSuite *suites, size_t count);
