/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmchannel-proxy: libvirt's clients on one side, libvirt's unmodified daemon
 * on the other. Here are the command line and the ways in which a client can
 * be there: on standard input, on a socket that systemd hands over, or on one
 * that we listen on.
 */
#include <config.h>

#include <errno.h>
#include <glib.h>
#include <libvirt/virterror.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/server.h"
#include "proxy/wire/identity.h"
#include "rpc/procedures.h"
#include "util/apparmor.h"
#include "util/error.h"
#include "util/socket.h"
#include "util/starter.h"
#include "util/usage.h"

/* The first descriptor that systemd hands over. */
#define SYSTEMD_FD 3

#define EXIT_USAGE 2

static gboolean quit;
static gboolean listProcedures;
static gboolean showVersion;
static gboolean systemDaemon;
static gboolean sessionDaemon;
static gboolean readOnly;
static char *upstreamPath;
static char *listenPath;
static char *policyPath;
static char *domainUuid;

static const GOptionEntry entries[] = {
    { "upstream", 'U', G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &upstreamPath,
      "The daemon's socket, in place of the one that the client's URI means", "PATH" },
    { "system", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &systemDaemon,
      "The system's daemon, whatever the client's URI", NULL },
    { "session", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &sessionDaemon,
      "The user's daemon, whatever the client's URI", NULL },
    { "read-only", 'r', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &readOnly,
      "The daemon's read-only socket", NULL },
    { "listen", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &listenPath,
      "Listen on a unix socket; a process of its own serves each client", "PATH" },
    { "policy", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &policyPath,
      "The client is a guest: it may do what FILE says, whoever brings its bytes", "FILE" },
    { "domain", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_STRING, &domainUuid,
      "The guest, for --policy", "UUID" },
    { "list-procedures", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &listProcedures,
      "Print which messages carry XML, and what is done with it", NULL },
    { "quit", 'q', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &quit,
      "Do nothing: libvirt asks what it takes for netcat so", NULL },
    { "version", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &showVersion,
      "Print the version", NULL },
    G_OPTION_ENTRY_NULL
};

static int
fail(void)
{
    fprintf(stderr, "vmchannel-proxy: error: %s\n", vmcErrorLast()->message);
    return EXIT_FAILURE;
}

static int
wrongUsage(const char *what)
{
    fprintf(stderr, "vmchannel-proxy: %s\nusage: vmchannel-proxy [OPTION...]\n", what);
    return EXIT_USAGE;
}

static int
printProcedures(void)
{
    const vmcRpcProcedure *table = vmcRpcProcedures();

    puts("program\tnumber\tname\tdocument\tcall\taction\treply\taction\tnote");
    for (size_t i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        if (!table[i].note)
            continue;
        printf("0x%08x\t%u\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", table[i].program, table[i].number,
               table[i].name, vmcRpcDocumentToString(table[i].document),
               table[i].call ? table[i].call : "-", vmcRpcActionToString(table[i].callAction),
               table[i].reply ? table[i].reply : "-", vmcRpcActionToString(table[i].replyAction),
               table[i].note);
    }
    return EXIT_SUCCESS;
}

/* Whether systemd has handed over exactly one socket, to this process. */
static bool
hasSystemdFd(void)
{
    const char *pid = g_getenv("LISTEN_PID");
    const char *fds = g_getenv("LISTEN_FDS");

    return pid && fds && g_ascii_strtoull(pid, NULL, 10) == (guint64)getpid() &&
           strcmp(fds, "1") == 0;
}

/*
 * The client on standard input and output: whoever started us, or, on a
 * socket, whoever is at its other end.
 */
static int
serveStandard(const vmcSessionOptions *options)
{
    static const int fds[] = { STDIN_FILENO, STDOUT_FILENO };

    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (!options->shared && vmcSocketIs(fds[i]) && vmcIdentityAdopt(fds[i]) < 0)
            return -1;
    }
    return vmcSessionRun(STDIN_FILENO, STDOUT_FILENO, options);
}

/*
 * The directory that @variable says, or @name beside an uninstalled proxy (libvirt
 * clears the environment of what it starts), or @installed. The caller frees it.
 */
static char *
findDir(const char *variable, const char *name, const char *installed)
{
    const char *dir = g_getenv(variable);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *top = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *beside = top ? g_build_filename(top, name, NULL) : NULL;

    if (dir)
        return g_strdup(dir);
    if (beside && g_file_test(beside, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&beside);
    return g_strdup(installed);
}

/* Where the client's URI does not count, and no other daemon is named: the system's. */
static vmcUpstreamKind
upstreamKind(void)
{
    if (sessionDaemon)
        return VMC_UPSTREAM_SESSION;
    return systemDaemon || policyPath ? VMC_UPSTREAM_SYSTEM : VMC_UPSTREAM_ASK;
}

static int
run(void)
{
    g_autofree char *emulatorDir = findDir("VMCHANNEL_EMULATOR_DIR", "emulator", EMULATORDIR);
    g_autofree char *schemaDir = findDir("VMCHANNEL_SCHEMA_DIR", "docs/schemas", SCHEMADIR);
    g_autoptr(vmcPolicyShared) shared =
        policyPath ? vmcPolicySharedNew(policyPath, domainUuid) : NULL;
    vmcSessionOptions options = {
        .dirs = { .emulatorDir = emulatorDir, .schemaDir = schemaDir },
        .shared = shared,
        .upstream = {
            .path = upstreamPath,
            .kind = upstreamKind(),
            .readOnly = readOnly || (shared && vmcPolicyIsReadOnly(shared->policy)),
        },
    };

    if (policyPath && !shared)
        return fail();
    signal(SIGPIPE, SIG_IGN);
    /* A document's tree is some 100 KiB that come and go at each call; at rest all goes back. */
    mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
    if (listenPath)
        return vmcServerListen(listenPath, &options) < 0 ? fail() : EXIT_SUCCESS;
    if (hasSystemdFd())
        return vmcServerServe(SYSTEMD_FD, &options) < 0 ? fail() : EXIT_SUCCESS;
    return serveStandard(&options) < 0 ? fail() : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    bool help = false;

    vmcStarterForget();
    setlocale(LC_ALL, "");
    if (!vmcUsageParse(entries, &argc, &argv, &help, &error))
        return wrongUsage(error->message);
    if (help) {
        vmcUsagePrint("vmchannel-proxy", NULL,
            "Gives libvirt's clients <vmchannel> devices on an unmodified libvirt.", entries,
            "Without --listen it serves the client on standard input and output:\n"
            "  virsh -c 'qemu+ext:///system?command=vmchannel-proxy'");
        return EXIT_SUCCESS;
    }
    if (argc > 1)
        return wrongUsage("too many arguments");
    if (systemDaemon + sessionDaemon + (upstreamPath != NULL) > 1)
        return wrongUsage("--system, --session and --upstream exclude each other");
    if ((policyPath != NULL) != (domainUuid != NULL))
        return wrongUsage("--policy and --domain go together");
    if (quit)
        return EXIT_SUCCESS;
    if (listProcedures)
        return printProcedures();
    if (showVersion) {
        puts("vmchannel-proxy " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    vmcAppArmorSay();
    return run();
}
