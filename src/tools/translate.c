/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-vmchannel translate: a document's stock libvirt form, or the way back. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"

static gboolean reverse;
static char *emulator;

static const GOptionEntry options[] = {
    { "reverse", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &reverse,
      "From the stock form back to <vmchannel>", NULL },
    { "emulator", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &emulator,
      "The QEMU for a document that names none", "PATH" },
    G_OPTION_ENTRY_NULL
};

static int
translate(const char *const *args)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir(), .emulator = emulator };
    g_autofree char *xml = vmcToolReadDocument(args[0]);
    g_autofree char *other = NULL;

    if (!xml)
        return vmcToolFail();
    other = reverse ? vmcDomainRewriteReverse(xml, &rewrite)
                    : vmcRewriteText(vmcDomainRewriteForward(xml, &rewrite));
    if (!other)
        return vmcToolFail();
    fputs(other, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : VMC_EXIT_FAILURE;
}

const vmcCommand vmcCommandTranslate = {
    .name = "translate",
    .arguments = "FILE",
    .summary = "Print the stock libvirt form of a domain",
    .description =
        "FILE is a libvirt document, or - for standard input. What is printed can be\n"
        "given to any libvirt; with --reverse, what libvirt prints can be given here.\n"
        "A document without channels is printed as it is.",
    .run = translate,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
