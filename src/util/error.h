/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one way in which this project reports a failure: a domain, a code and a
 * message as libvirt has them, kept for the thread until the next report.
 * Whoever knows what went wrong reports it, once; everybody above returns -1
 * or NULL. Nothing here prints.
 */
#pragma once

#include <glib.h>
#include <libvirt/virterror.h>

/* Bytes of a message, as in libvirt: what it quotes can be as long as a document. */
#define VMC_ERROR_MAX 1023

typedef struct {
    int domain;         /* virErrorDomain */
    int code;           /* virErrorNumber; VIR_ERR_OK when nothing is reported */
    char *message;      /* whole, as libvirt sends it: "XML error: …" */
} vmcError;

/*
 * vmcReportError:
 * Replaces the thread's error. The message is the published text of the code
 * followed by the formatted detail, as in libvirt. A source file defines
 * VMC_FROM_THIS, its error domain, before it uses this. Keeps errno.
 */
#define vmcReportError(code, ...) \
    vmcErrorReport(VMC_FROM_THIS, code, __VA_ARGS__)

/*
 * vmcReportSystemError:
 * The same with VIR_ERR_SYSTEM_ERROR and the text of @errnum at the end.
 */
#define vmcReportSystemError(errnum, ...) \
    vmcErrorReportSystem(VMC_FROM_THIS, errnum, __VA_ARGS__)

/*
 * vmcErrorConfined:
 * From now on, in this process, a vmcReportSystemError() with EACCES also says that AppArmor
 * may be the cause, when @label (as the kernel says it, see apparmor.h) is of a profile
 * that is enforced. With NULL, or any other label, it does not. Before there are threads.
 */
void vmcErrorConfined(const char *label);

/* What the macros call. */
void vmcErrorReport(int domain, int code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void vmcErrorReportSystem(int domain, int errnum, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/*
 * vmcErrorSet:
 * Replaces the thread's error by one that somebody else has reported, libvirt
 * say, whose @message is whole already.
 */
void vmcErrorSet(int domain, int code, const char *message);

/*
 * vmcErrorLast:
 * Returns the thread's error: never NULL, with code VIR_ERR_OK and an empty
 * message when nothing was reported. Valid until the thread's next report.
 */
const vmcError *vmcErrorLast(void);

/* vmcErrorReset: forgets the thread's error. */
void vmcErrorReset(void);

/*
 * vmcErrorCodeText:
 * Returns the published text of a libvirt error code, or NULL for a code that
 * this project never reports.
 */
const char *vmcErrorCodeText(int code);
