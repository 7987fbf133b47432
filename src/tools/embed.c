/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded driver: see embed.h. */
#include <config.h>

#include "tools/embed.h"

#include <errno.h>
#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/connection.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

struct _vmcEmbed {
    char *root;
    bool ownRoot;
    virConnectPtr connection;
};

static const char qemuConf[] =
    "# Written by virt-vmchannel for libvirt's embedded driver.\n"
    "stdio_handler = \"file\"\n"
    "security_driver = \"none\"\n"
    "dynamic_ownership = 0\n"
    "remember_owner = 0\n"
    "cgroup_controllers = [ ]\n"
    "namespaces = [ ]\n";

static const char rootConf[] =
    "user = \"root\"\n"
    "group = \"root\"\n";

/*
 * The driver logs in this process, to stderr unless told otherwise. Its log goes to
 * its state's folder; LIBVIRT_DEBUG and the like still decide.
 */
static void
directLog(const char *root)
{
    g_autofree char *output = g_strdup_printf("3:file:%s/libvirt.log", root);

    if (!g_getenv("LIBVIRT_DEBUG"))
        g_setenv("LIBVIRT_LOG_OUTPUTS", output, FALSE);
}

static int
removeEntry(const char *path, const struct stat *st G_GNUC_UNUSED, int type G_GNUC_UNUSED,
            struct FTW *walk G_GNUC_UNUSED)
{
    return remove(path);
}

static int
writeConf(const char *root)
{
    g_autofree char *etc = g_build_filename(root, "etc", NULL);
    g_autofree char *path = g_build_filename(etc, "qemu.conf", NULL);
    g_autofree char *text = g_strconcat(qemuConf, geteuid() == 0 ? rootConf : "", NULL);
    g_autoptr(GError) error = NULL;

    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return 0;
    if (g_mkdir_with_parents(etc, 0755) < 0) {
        vmcReportSystemError(errno, "cannot create '%s'", etc);
        return -1;
    }
    if (!g_file_set_contents(path, text, -1, &error)) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "cannot write '%s': %s", path, error->message);
        return -1;
    }
    return 0;
}

static int
prepareRoot(vmcEmbed *embed, const char *root)
{
    g_autoptr(GError) error = NULL;

    if (root) {
        embed->root = g_canonicalize_filename(root, NULL);
    } else {
        embed->root = g_dir_make_tmp("virt-vmchannel-XXXXXX", &error);
        embed->ownRoot = true;
        if (!embed->root) {
            vmcReportError(VIR_ERR_OPERATION_FAILED, "cannot create a state folder: %s",
                           error->message);
            return -1;
        }
    }
    return writeConf(embed->root);
}

vmcEmbed *
vmcEmbedOpen(const char *root)
{
    vmcEmbed *embed = g_new0(vmcEmbed, 1);
    g_autofree char *escaped = NULL;
    g_autofree char *uri = NULL;

    if (prepareRoot(embed, root) < 0) {
        vmcEmbedClose(embed);
        return NULL;
    }
    directLog(embed->root);
    vmcToolStartLibvirt();
    escaped = g_uri_escape_string(embed->root, "/", FALSE);
    uri = g_strdup_printf("qemu:///embed?root=%s", escaped);
    embed->connection = virConnectOpen(uri);
    if (!embed->connection) {
        vmcToolReportLibvirt();
        vmcEmbedClose(embed);
        return NULL;
    }
    return embed;
}

void
vmcEmbedClose(vmcEmbed *embed)
{
    if (!embed)
        return;
    if (embed->connection)
        virConnectClose(embed->connection);
    if (embed->ownRoot && embed->root)
        nftw(embed->root, removeEntry, 16, FTW_DEPTH | FTW_PHYS);
    g_free(embed->root);
    g_free(embed);
}

virConnectPtr
vmcEmbedConnection(vmcEmbed *embed)
{
    return embed->connection;
}
