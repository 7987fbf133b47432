/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The emulator file of a QEMU, EMULATORDIR before its path, in what libvirt and
 * people say of it: libvirt knows that file alone, whoever wrote the definition
 * the QEMU's path alone.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "documents/domain_rewrite.h"

/*
 * vmcEmulatorOf:
 * Returns the path of the QEMU that the domain @xml has as <emulator>,
 * in either form, which the caller frees; NULL when it has none or cannot be read.
 */
char *vmcEmulatorOf(const char *xml, const vmcRewriteOptions *options);

/*
 * vmcEmulatorInError:
 * Returns the path of the QEMU whose emulator file libvirt's error @message, with the code
 * VIR_ERR_SYSTEM_ERROR, could not look at; the caller frees it. NULL: it speaks
 * of no such file.
 */
char *vmcEmulatorInError(int code, const char *message, const char *emulatorDir);

/* vmcEmulatorRemedy: the command that makes the emulator file of @qemu; the caller frees it. */
char *vmcEmulatorRemedy(const char *qemu);

/*
 * vmcEmulatorReportMissing:
 * Reports that @qemu has no emulator file. @installed: whether @qemu itself is there.
 */
void vmcEmulatorReportMissing(const char *qemu, bool installed);
