/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel: the command-line tool. Here is the table of its commands and
 * what they share; each command is a file of its own.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/command.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/starter.h"
#include "util/usage.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define DOCUMENT_MAX (4 * 1024 * 1024)

static const vmcCommand *const commands[] = {
    &vmcCommandArgv,
    &vmcCommandAttach,
    &vmcCommandCapture,
    &vmcCommandDefine,
    &vmcCommandDetach,
    &vmcCommandDoctor,
    &vmcCommandDumpxml,
    &vmcCommandEvents,
    &vmcCommandGrant,
    &vmcCommandList,
    &vmcCommandRevoke,
    &vmcCommandRun,
    &vmcCommandTranslate,
    &vmcCommandValidate,
};

const char *
vmcToolEmulatorDir(void)
{
    const char *dir = g_getenv("VMCHANNEL_EMULATOR_DIR");

    return dir ? dir : EMULATORDIR;
}

const char *
vmcToolSchemaDir(void)
{
    const char *dir = g_getenv("VMCHANNEL_SCHEMA_DIR");

    return dir ? dir : SCHEMADIR;
}

const char *
vmcToolPolicyDir(void)
{
    const char *dir = g_getenv("VMCHANNEL_POLICY_DIR");

    return dir ? dir : POLICYDIR;
}

const char *
vmcToolGrantDir(void)
{
    const char *dir = g_getenv("VMCHANNEL_GRANT_DIR");

    return dir ? dir : GRANTDIR;
}

int
vmcToolFail(void)
{
    fprintf(stderr, "virt-vmchannel: error: %s\n", vmcErrorLast()->message);
    return VMC_EXIT_FAILURE;
}

/* Reads all of @fd; NULL with an error, @path naming it. */
static char *
readAll(int fd, const char *path)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buf[65536];
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vmcReportSystemError(errno, "cannot read '%s'", path);
            return NULL;
        }
        g_string_append_len(text, buf, n);
        if (text->len > DOCUMENT_MAX) {
            vmcReportError(VIR_ERR_XML_ERROR, "'%s' is longer than the accepted 4 MiB", path);
            return NULL;
        }
    }
    if (memchr(text->str, '\0', text->len)) {
        vmcReportError(VIR_ERR_XML_ERROR, "'%s' holds a NUL byte", path);
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
vmcToolReadDocument(const char *path)
{
    char *text;
    int fd;

    if (g_str_equal(path, "-"))
        return readAll(STDIN_FILENO, "standard input");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        vmcReportSystemError(errno, "cannot open '%s'", path);
        return NULL;
    }
    text = readAll(fd, path);
    vmcFdClose(&fd);
    return text;
}

int
vmcToolWatchSignals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
usage(FILE *out)
{
    fputs("usage: virt-vmchannel COMMAND [OPTION...] ARGUMENT...\n"
          "\n"
          "Works with libvirt domains that have <vmchannel> devices.\n"
          "\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "virt-vmchannel COMMAND --help tells more; --version shows the version.\n", out);
}

static const vmcCommand *
findCommand(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(commands[i]->name, name))
            return commands[i];
    }
    return NULL;
}

static int
wrongUsage(const vmcCommand *command, const char *what)
{
    fprintf(stderr, "virt-vmchannel: %s\nusage: virt-vmchannel %s [OPTION...] %s\n",
            what, command->name, command->arguments);
    return VMC_EXIT_USAGE;
}

static int
runCommand(const vmcCommand *command, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("virt-vmchannel %s", command->name);
    bool help = false;

    if (!vmcUsageParse(command->options, &argc, &argv, &help, &error))
        return wrongUsage(command, error->message);
    if (help) {
        vmcUsagePrint(name, command->arguments, command->summary, command->options,
                      command->description);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && g_str_equal(argv[1], "--")) {
        argc--;
        argv++;
    }
    if (argc - 1 < command->minArgs)
        return wrongUsage(command, "an argument is missing");
    if (command->maxArgs >= 0 && argc - 1 > command->maxArgs)
        return wrongUsage(command, "too many arguments");
    return command->run((const char *const *)argv + 1);
}

int
main(int argc, char **argv)
{
    const vmcCommand *command = argc > 1 ? findCommand(argv[1]) : NULL;

    vmcStarterForget();
    if (argc > 1 && g_str_equal(argv[1], "--help")) {
        usage(stdout);
        return EXIT_SUCCESS;
    }
    if (argc > 1 && g_str_equal(argv[1], "--version")) {
        puts("virt-vmchannel " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (!command) {
        if (argc > 1)
            fprintf(stderr, "virt-vmchannel: unknown command '%s'\n", argv[1]);
        usage(stderr);
        return VMC_EXIT_USAGE;
    }
    return runCommand(command, argc - 1, argv + 1);
}
