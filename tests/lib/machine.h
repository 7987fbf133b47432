/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An emulator under test: started from a command line, spoken to by QMP, and
 * gone when the test is, also when that crashes. Every wait is for an event;
 * the deadlines only bound a failure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Milliseconds after which something that should happen counts as failed. */
#define VMC_PATIENCE 60000

typedef struct _vmcMachine vmcMachine;

/*
 * vmcMachineStart: runs the command line (a format; words are split as a shell
 * does) with a QMP monitor added, and returns when that answers. When the
 * program ends first the test fails with what it printed, and NULL is returned.
 * vmcMachineStop: kills it, waits until its relays have ended too, and fails
 * the test when one stays. Accepts NULL.
 */
vmcMachine *vmcMachineStart(const char *dir, const char *format, ...) G_GNUC_PRINTF(2, 3);
void vmcMachineStop(vmcMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcMachine, vmcMachineStop)

/*
 * vmcMachineQmp: sends a command (JSON text) and returns the line that answers
 * it, or NULL when none comes. Events before it are skipped.
 */
char *vmcMachineQmp(vmcMachine *machine, const char *command);

/* vmcMachineKill: SIGKILL, and nothing more: what happens then is the test's. */
void vmcMachineKill(vmcMachine *machine);

/*
 * vmcMachineSetPid: the process to watch and kill from now on, after
 * -daemonize put another one in the place of the one that was started.
 */
void vmcMachineSetPid(vmcMachine *machine, pid_t pid);
pid_t vmcMachinePid(const vmcMachine *machine);

/* vmcMachineEnded: waits until it has. */
bool vmcMachineEnded(vmcMachine *machine, int milliseconds);

/* vmcMachineDump: what it printed, as diagnostics of the test. */
void vmcMachineDump(const vmcMachine *machine);

/*
 * Relays are found as our descendants: this process adopts those that outlive
 * their parent. vmcRelaysFind returns pidfds that vmcRelaysEnd takes over; that
 * one tells whether all have ended within so many milliseconds.
 */
GArray *vmcRelaysFind(void);
bool vmcRelaysEnd(GArray *pidfds, int milliseconds);

/* vmcRelayPids: of pid_t, all of their processes. */
GArray *vmcRelayPids(void);

/* vmcRelaysMemory: what they hold in memory together, in bytes. */
guint64 vmcRelaysMemory(void);

/*
 * Of any process: open descriptors; memory that is its alone, in KiB; and the kernel's for
 * bytes that its sockets have received, or sent and nobody has read, in bytes.
 */
guint vmcProcessDescriptors(pid_t pid);
guint64 vmcProcessSockets(pid_t pid);
int vmcProcessMemory(pid_t pid);

/* vmcProcessKill: as kill(), but the test ends when there is no such process (-1). */
void vmcProcessKill(pid_t pid, int signal);

/* vmcListen: a listening unix socket at @path; aborts when it cannot. */
int vmcListen(const char *path);

/*
 * vmcAccept: the next connection to @listener, or -1 when none comes in time
 * or the process of @pidfd (-1: none) ends first.
 */
int vmcAccept(int listener, int pidfd, int milliseconds);

/*
 * vmcReadLine: takes a line off what has come from @fd (without its newline),
 * reading on into @pending as needed. NULL at its end or after so long.
 */
char *vmcReadLine(int fd, GString *pending, int milliseconds);

/* vmcReadMore: waits for bytes and appends them to @pending. */
bool vmcReadMore(int fd, GString *pending, int milliseconds);

/* vmcTempDir: a new directory whose paths are short enough for a socket. */
char *vmcTempDir(void);
void vmcTempDirRemove(const char *dir);

/* vmcDumpFile: the last lines of a file, as diagnostics of the test. */
void vmcDumpFile(const char *path);

/* Where this build is, and the start of a command line with its qemu-vmchannel. */
char *vmcBuildPath(const char *name);
char *vmcWrapped(void);
#define VMC_QEMU "qemu-system-x86_64"

/*
 * Why a test cannot run here, or NULL: qemu-vmchannel, the relay or a QEMU are
 * missing; there is no test guest. The caller frees it.
 */
char *vmcMissingEmulator(bool stock);
char *vmcMissingGuest(void);
