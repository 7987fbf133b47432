/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-vmchannel argv: the command line that libvirt builds for a domain. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "tools/embed.h"

static char *root;
static char *emulator;

static const GOptionEntry options[] = {
    { "root", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &root,
      "Keep libvirt's state, its knowledge of QEMU above all, in DIR", "DIR" },
    { "emulator", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &emulator,
      "The QEMU for a document that names none", "PATH" },
    G_OPTION_ENTRY_NULL
};

static int
printNative(const char *stock)
{
    vmcEmbed *embed = vmcEmbedOpen(root);
    g_autofree char *native = NULL;

    if (!embed)
        return -1;
    native = virConnectDomainXMLToNative(vmcEmbedConnection(embed), "qemu-argv", stock, 0);
    if (native)
        fputs(native, stdout);
    else
        vmcToolReportLibvirt();
    vmcEmbedClose(embed);
    return native ? 0 : -1;
}

static int
argvCommand(const char *const *args)
{
    vmcRewriteOptions rewrite = {
        .emulatorDir = vmcToolEmulatorDir(), .emulator = emulator, .withoutNic = true };
    g_autofree char *xml = vmcToolReadDocument(args[0]);
    g_autofree char *stock = xml ? vmcRewriteText(vmcDomainRewriteForward(xml, &rewrite)) : NULL;

    if (!stock || printNative(stock) < 0)
        return vmcToolFail();
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandArgv = {
    .name = "argv",
    .arguments = "FILE",
    .summary = "Print the command line that libvirt builds for a domain",
    .description =
        "FILE is a domain document, or - for standard input. The line is what virsh\n"
        "domxml-to-native prints, which leaves out the NIC that carries the channels:\n"
        "qemu-vmchannel, which the line runs, then adds one of its own.",
    .run = argvCommand,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
