/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel run: runs a domain with libvirt's embedded driver until it
 * ends or somebody interrupts it.
 *
 * libvirt's events come in a thread. It only notes what happened and wakes the main
 * thread; only that one calls libvirt.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "tools/embed.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static char *root;
static char *emulator;

static const GOptionEntry options[] = {
    { "root", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &root,
      "Keep libvirt's state in DIR, instead of a folder that goes at the end", "DIR" },
    { "emulator", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &emulator,
      "The QEMU for a document that names none", "PATH" },
    G_OPTION_ENTRY_NULL
};

typedef struct {
    GMutex lock;
    GCond changed;
    bool interrupted;           /* by a signal */
    bool stopped;               /* the domain has ended */
    int detail;                 /* how: virDomainEventStoppedDetailType */
} watcher;

static watcher watch;

static void
note(bool *what, int detail)
{
    g_mutex_lock(&watch.lock);
    *what = true;
    watch.detail = detail;
    g_cond_signal(&watch.changed);
    g_mutex_unlock(&watch.lock);
}

static int
lifecycle(virConnectPtr connection G_GNUC_UNUSED, virDomainPtr domain G_GNUC_UNUSED,
          int event, int detail, void *opaque G_GNUC_UNUSED)
{
    if (event == VIR_DOMAIN_EVENT_STOPPED)
        note(&watch.stopped, detail);
    return 0;
}

static void
signalled(int number G_GNUC_UNUSED, int fd, int events G_GNUC_UNUSED,
          void *opaque G_GNUC_UNUSED)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) > 0)
        note(&watch.interrupted, 0);
}

static void
waitForEnd(virDomainPtr domain)
{
    bool destroyed = false;

    g_mutex_lock(&watch.lock);
    while (!watch.stopped) {
        if (watch.interrupted && !destroyed) {
            destroyed = true;
            g_mutex_unlock(&watch.lock);
            virDomainDestroy(domain);
            g_mutex_lock(&watch.lock);
            continue;
        }
        g_cond_wait(&watch.changed, &watch.lock);
    }
    g_mutex_unlock(&watch.lock);
}

static int
judgeEnd(const char *name)
{
    if (watch.detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ||
        watch.detail == VIR_DOMAIN_EVENT_STOPPED_DESTROYED) {
        printf("domain '%s' has ended\n", name);
        return 0;
    }
    vmcReportError(VIR_ERR_OPERATION_FAILED, "domain '%s' crashed", name);
    return -1;
}

static int
runDomain(virConnectPtr connection, const char *stock)
{
    virDomainPtr domain;
    int rc;

    if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK((void (*)(void))lifecycle), NULL,
                                         NULL) < 0 ||
        !(domain = virDomainCreateXML(connection, stock, 0))) {
        vmcToolReportLibvirt();
        return -1;
    }
    printf("domain '%s' is running\n", virDomainGetName(domain));
    fflush(stdout);
    waitForEnd(domain);
    rc = judgeEnd(virDomainGetName(domain));
    virDomainFree(domain);
    return rc;
}

static int
runStock(const char *stock)
{
    int signals = vmcToolWatchSignals();
    vmcEmbed *embed = vmcEmbedOpen(root);
    int rc;

    if (!embed)
        return -1;
    virEventAddHandle(signals, VIR_EVENT_HANDLE_READABLE, signalled, NULL, NULL);
    rc = runDomain(vmcEmbedConnection(embed), stock);
    vmcEmbedClose(embed);
    return rc;
}

static int
runCommand(const char *const *args)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir(), .emulator = emulator };
    g_autofree char *xml = vmcToolReadDocument(args[0]);
    g_autofree char *stock = xml ? vmcRewriteText(vmcDomainRewriteForward(xml, &rewrite)) : NULL;

    if (!stock || runStock(stock) < 0)
        return vmcToolFail();
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandRun = {
    .name = "run",
    .arguments = "FILE",
    .summary = "Run a domain without a libvirt daemon",
    .description =
        "FILE is a domain document, or - for standard input. The domain runs until it\n"
        "ends by itself or this program is interrupted (Ctrl-C), which destroys it.",
    .run = runCommand,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
