/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel grant and revoke: a guest gets a channel to the host's
 * libvirt, under a policy. The grant is a link to the policy by the domain's
 * uuid; a service of systemd's listens for that domain alone, on a socket that
 * the domain's definition names. So it never depends on what a guest
 * says whose channel it is.
 */
#include <config.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "documents/device.h"
#include "documents/domain_rewrite.h"
#include "proxy/policy/policy.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"
#include "util/rundir.h"

#define VMC_FROM_THIS VIR_FROM_ACCESS

#define SERVICE "vmchannel-policy@%s.service"

static char *policyName;
static int port = 16509;

static const GOptionEntry grantOptions[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "policy", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &policyName,
      "A policy that came with vmchannel, or the path of one", "NAME" },
    { "port", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_INT, &port,
      "The guest's port on 10.0.2.4; 16509 without it, libvirt's own", "PORT" },
    G_OPTION_ENTRY_NULL
};

static const GOptionEntry revokeOptions[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "port", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_INT, &port,
      "The port that was granted; 16509 without it", "PORT" },
    G_OPTION_ENTRY_NULL
};

/* A domain and where its grant is. */
typedef struct {
    vmcConnection *connection;
    vmcDomain *domain;
    char uuid[VIR_UUID_STRING_BUFLEN];
    char *link;                 /* to its policy */
    char *device;               /* its channel, as XML */
} grantJob;

static void
jobClear(grantJob *job)
{
    g_free(job->link);
    g_free(job->device);
    g_clear_pointer(&job->domain, virDomainFree);
    g_clear_pointer(&job->connection, virConnectClose);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(grantJob, jobClear)

static int
jobInit(grantJob *job, const char *name)
{
    if (port < 1 || port > 65535) {
        vmcReportError(VIR_ERR_INVALID_ARG, "port %d: expected 1 to 65535", port);
        return -1;
    }
    job->connection = vmcToolConnect();
    job->domain = job->connection ? vmcToolFindDomain(job->connection, name) : NULL;
    if (!job->domain)
        return -1;
    virDomainGetUUIDString(job->domain, job->uuid);
    job->link = g_strdup_printf("%s/%s.policy", vmcToolGrantDir(), job->uuid);
    job->device = g_strdup_printf(
        "<vmchannel type='unix'><source mode='connect' path='%s/policy/%s.sock'/>"
        "<target port='%d'/></vmchannel>", vmcRunDirSystem(), job->uuid, port);
    return 0;
}

/* The path of --policy's file, which the caller frees; NULL with an error. */
static char *
findPolicy(void)
{
    if (!policyName) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "--policy is missing");
        return NULL;
    }
    if (strchr(policyName, '/'))
        return g_canonicalize_filename(policyName, NULL);
    return g_strdup_printf("%s/%s.policy", vmcToolPolicyDir(), policyName);
}

/* Checks what the proxy will read, since that could report it to nobody. */
static int
checkPolicy(const char *path, const char *uuid)
{
    g_autofree char *text = vmcToolReadDocument(path);
    g_autoptr(vmcPolicy) policy = text ? vmcPolicyParse(text, strlen(text), uuid) : NULL;

    return policy ? 0 : -1;
}

/* Changes the domain's definition by @change; 0, or -1 with an error. */
static int
redefine(const grantJob *job, char *(*change)(const char *domain, const char *device))
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    g_autofree char *stock =
        virDomainGetXMLDesc(job->domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *changed = NULL;
    g_autoptr(vmcDomain) defined = NULL;

    if (!stock) {
        vmcToolReportLibvirt();
        return -1;
    }
    before = vmcDomainRewriteReverse(stock, &rewrite);
    after = before ? change(before, job->device) : NULL;
    changed = after ? vmcRewriteText(vmcDomainRewriteForward(after, &rewrite)) : NULL;
    if (!changed)
        return -1;
    defined = virDomainDefineXML(job->connection, changed);
    if (!defined)
        vmcToolReportLibvirt();
    return defined ? 0 : -1;
}

/* Makes the link; an older one is replaced in one step. */
static int
linkPolicy(const grantJob *job, const char *path)
{
    g_autofree char *new = g_strconcat(job->link, ".new", NULL);

    unlink(new);
    if (g_mkdir_with_parents(vmcToolGrantDir(), 0755) < 0 || symlink(path, new) < 0 ||
        g_rename(new, job->link) < 0) {
        vmcReportSystemError(errno, "cannot make '%s'", job->link);
        return -1;
    }
    return 0;
}

static bool
hasSystemd(void)
{
    return g_file_test("/run/systemd/system", G_FILE_TEST_IS_DIR);
}

/* systemctl VERB --now the domain's service; 0, or -1 with an error. */
static int
service(const grantJob *job, const char *verb)
{
    g_autofree char *unit = g_strdup_printf(SERVICE, job->uuid);
    char *argv[] = { (char *)"systemctl", (char *)"--quiet", (char *)verb, (char *)"--now", unit,
                     NULL };
    g_autoptr(GError) error = NULL;
    int status;

    if (g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                     &error) &&
        g_spawn_check_wait_status(status, &error))
        return 0;
    vmcReportError(VIR_ERR_OPERATION_FAILED, "systemctl %s %s: %s", verb, unit, error->message);
    return -1;
}

/* Prints what the guest can do now, and when. */
static void
printGranted(const grantJob *job)
{
    printf("domain '%s' may use libvirt as '%s' says: in the guest,\n"
           "  virsh -c qemu+tcp://10.0.2.4:%d/system\n",
           virDomainGetName(job->domain), job->link, port);
    if (virDomainIsActive(job->domain) == 1)
        puts("It runs, and has the channel when it is started again.");
    if (!hasSystemd())
        printf("Without systemd, run:\n"
               "  vmchannel-proxy --system --policy %s --domain %s --listen %s/policy/%s.sock\n",
               job->link, job->uuid, vmcRunDirSystem(), job->uuid);
}

/*
 * The link comes before the definition, which may fail: a link without a channel
 * lets nobody in.
 */
static int
grant(const char *const *args)
{
    g_auto(grantJob) job = { 0 };
    g_autofree char *path = findPolicy();

    if (!path || jobInit(&job, args[0]) < 0 || checkPolicy(path, job.uuid) < 0 ||
        linkPolicy(&job, path) < 0 || redefine(&job, vmcDeviceAttach) < 0 ||
        (hasSystemd() && service(&job, "enable") < 0))
        return vmcToolFail();
    printGranted(&job);
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandGrant = {
    .name = "grant",
    .arguments = "DOMAIN",
    .summary = "Let a guest use the host's libvirt, as far as a policy says",
    .description =
        "DOMAIN is a name or a uuid. Its definition gets a channel to a socket of its\n"
        "own, where vmchannel-proxy listens with the policy. The policies that came with\n"
        "vmchannel are self-readonly, self-lifecycle and fleet-readonly; vmchannel-proxy(1)\n"
        "says how to write one.",
    .run = grant,
    .options = grantOptions,
    .minArgs = 1,
    .maxArgs = 1,
};

/* The service first: from then on the guest can do nothing, whatever else fails. */
static int
takeBack(const char *const *args)
{
    g_auto(grantJob) job = { 0 };

    if (jobInit(&job, args[0]) < 0 || (hasSystemd() && service(&job, "disable") < 0))
        return vmcToolFail();
    if (unlink(job.link) < 0) {
        vmcReportSystemError(errno, "cannot remove '%s'", job.link);
        return vmcToolFail();
    }
    if (redefine(&job, vmcDeviceDetach) < 0)
        return vmcToolFail();
    printf("domain '%s' may no longer use libvirt\n", virDomainGetName(job.domain));
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandRevoke = {
    .name = "revoke",
    .arguments = "DOMAIN",
    .summary = "Take back what grant has given",
    .description =
        "DOMAIN is a name or a uuid. The guest's connections end, and its definition\n"
        "loses the channel.",
    .run = takeBack,
    .options = revokeOptions,
    .minArgs = 1,
    .maxArgs = 1,
};
