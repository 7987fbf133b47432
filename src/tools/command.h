/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What virt-vmchannel's commands have in common: options, input, errors. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Exit statuses beside 0. */
#define VMC_EXIT_FAILURE 1
#define VMC_EXIT_USAGE 2

/* A command: a row of the table in main.c. */
typedef struct {
    const char *name;
    const char *arguments;      /* as the usage line shows them */
    const char *summary;        /* one line, for the list of commands */
    const char *description;    /* what --help says below the options */
    int (*run)(const char *const *args);    /* what follows the options; exit status */
    const GOptionEntry *options;            /* NULL: only --help */
    int minArgs;
    int maxArgs;                /* -1: any number */
} vmcCommand;

extern const vmcCommand vmcCommandArgv;
extern const vmcCommand vmcCommandAttach;
extern const vmcCommand vmcCommandCapture;
extern const vmcCommand vmcCommandDefine;
extern const vmcCommand vmcCommandDetach;
extern const vmcCommand vmcCommandDoctor;
extern const vmcCommand vmcCommandDumpxml;
extern const vmcCommand vmcCommandEvents;
extern const vmcCommand vmcCommandGrant;
extern const vmcCommand vmcCommandList;
extern const vmcCommand vmcCommandRevoke;
extern const vmcCommand vmcCommandRun;
extern const vmcCommand vmcCommandTranslate;
extern const vmcCommand vmcCommandValidate;

/*
 * vmcToolReadDocument:
 * Returns the contents of @path, or of standard input for "-"; the caller
 * frees them. NULL with an error, also for more than 4 MiB, libvirt's limit.
 */
char *vmcToolReadDocument(const char *path);

/*
 * vmcToolWatchSignals:
 * Signals that would end the program become events: returns a signalfd. Call it before
 * libvirt starts threads; it gives its child processes a clean mask.
 */
int vmcToolWatchSignals(void);

/* vmcToolFail: prints the thread's error; returns VMC_EXIT_FAILURE. */
int vmcToolFail(void);

/*
 * vmcToolEmulatorDir, vmcToolSchemaDir, vmcToolPolicyDir:
 * Where the installed files are, or those of the build that ./run stands for.
 */
const char *vmcToolEmulatorDir(void);
const char *vmcToolSchemaDir(void);
const char *vmcToolPolicyDir(void);

/* vmcToolGrantDir: where grants are kept, or VMCHANNEL_GRANT_DIR. */
const char *vmcToolGrantDir(void);
