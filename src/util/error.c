/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Error reports: see error.h. Opens nothing and prints nothing. */
#include <config.h>

#include "util/error.h"

#include <errno.h>
#include <string.h>

/* The codes that we report, with libvirt's text for each. */
static const struct {
    int code;
    const char *text;
} codeTexts[] = {
    { VIR_ERR_INTERNAL_ERROR, "internal error" },
    { VIR_ERR_INVALID_ARG, "invalid argument" },
    { VIR_ERR_NO_DOMAIN, "Domain not found" },
    { VIR_ERR_XML_ERROR, "XML error" },
    { VIR_ERR_XML_DETAIL, "XML error" },
    { VIR_ERR_XML_INVALID_SCHEMA, "XML document failed to validate against schema" },
    { VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration" },
    { VIR_ERR_OPERATION_UNSUPPORTED, "Operation not supported" },
    { VIR_ERR_OPERATION_FAILED, "operation failed" },
    { VIR_ERR_OPERATION_INVALID, "Requested operation is not valid" },
    { VIR_ERR_DEVICE_MISSING, "device not found" },
    { VIR_ERR_CONF_SYNTAX, "configuration file syntax error" },
    { VIR_ERR_ACCESS_DENIED, "access denied" },
    { VIR_ERR_SYSTEM_ERROR, NULL },
    { VIR_ERR_RPC, NULL },
    { VIR_ERR_AUTH_UNAVAILABLE, "authentication unavailable" },
};

/* What follows "Permission denied" where AppArmor has a say, or NULL. */
static char *confinement;

static void
errorFree(vmcError *error)
{
    g_free(error->message);
    g_free(error);
}

static GPrivate threadError = G_PRIVATE_INIT((GDestroyNotify)(void (*)(void))errorFree);

static vmcError *
errorGet(void)
{
    vmcError *error = g_private_get(&threadError);

    if (!error) {
        error = g_new0(vmcError, 1);
        error->message = g_strdup("");
        g_private_set(&threadError, error);
    }
    return error;
}

/* Cuts a message that quotes too much, between two characters. */
static void
messageBound(char *message)
{
    if (strlen(message) > VMC_ERROR_MAX)
        *g_utf8_find_prev_char(message, message + VMC_ERROR_MAX + 1) = '\0';
}

static void
errorTake(int domain, int code, char *message)
{
    vmcError *error = errorGet();

    messageBound(message);
    error->domain = domain;
    error->code = code;
    g_free(error->message);
    error->message = message;
}

void
vmcErrorReport(int domain, int code, const char *format, ...)
{
    int saved = errno;
    const char *text = vmcErrorCodeText(code);
    g_autofree char *detail = NULL;
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    errorTake(domain, code,
             text ? g_strdup_printf("%s: %s", text, detail) : g_steal_pointer(&detail));
    errno = saved;
}

void
vmcErrorReportSystem(int domain, int errnum, const char *format, ...)
{
    int saved = errno;
    g_autofree char *detail = NULL;
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    errorTake(domain, VIR_ERR_SYSTEM_ERROR,
             g_strdup_printf("%s: %s%s", detail, g_strerror(errnum),
                             errnum == EACCES && confinement ? confinement : ""));
    errno = saved;
}

void
vmcErrorConfined(const char *label)
{
    const char *mode = label ? strrchr(label, ' ') : NULL;

    g_clear_pointer(&confinement, g_free);
    if (!mode || !g_str_has_prefix(mode, " (enforce)"))
        return;
    confinement = g_strdup_printf(" (AppArmor's profile '%.*s' confines this process: what it"
                                  " denies is allowed by a rule in /etc/apparmor.d/local/%.*s)",
                                  (int)(mode - label), label, (int)(mode - label), label);
}

void
vmcErrorSet(int domain, int code, const char *message)
{
    errorTake(domain, code, g_strdup(message));
}

const vmcError *
vmcErrorLast(void)
{
    return errorGet();
}

void
vmcErrorReset(void)
{
    errorTake(VIR_FROM_NONE, VIR_ERR_OK, g_strdup(""));
}

const char *
vmcErrorCodeText(int code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codeTexts); i++) {
        if (codeTexts[i].code == code)
            return codeTexts[i].text;
    }
    return NULL;
}
