/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Error reports and the words of enums. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "util/enum.h"
#include "util/error.h"
#include "util/rundir.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static const char *const fruit[] = { "apple", NULL, "pear", "fig" };

static void
testEnumWords(void)
{
    g_autofree char *list = vmcEnumList(fruit, G_N_ELEMENTS(fruit));

    for (int i = 0; i < (int)G_N_ELEMENTS(fruit); i++) {
        const char *word = vmcEnumWord(fruit, G_N_ELEMENTS(fruit), i);

        g_assert_cmpint(vmcEnumFind(fruit, G_N_ELEMENTS(fruit), word), ==, word ? i : -1);
    }
    g_assert_cmpint(vmcEnumFind(fruit, G_N_ELEMENTS(fruit), "plum"), ==, -1);
    g_assert_null(vmcEnumWord(fruit, G_N_ELEMENTS(fruit), -1));
    g_assert_null(vmcEnumWord(fruit, G_N_ELEMENTS(fruit), 4));
    g_assert_cmpstr(list, ==, "'apple', 'pear' or 'fig'");
}

static void
testErrorMessage(void)
{
    errno = EPERM;
    vmcReportError(VIR_ERR_XML_ERROR, "port '%s' is no number", "6oo");
    g_assert_cmpint(errno, ==, EPERM);
    g_assert_cmpint(vmcErrorLast()->domain, ==, VIR_FROM_QEMU);
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_XML_ERROR);
    g_assert_cmpstr(vmcErrorLast()->message, ==, "XML error: port '6oo' is no number");

    vmcReportSystemError(ENOENT, "cannot open '%s'", "/x");
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_SYSTEM_ERROR);
    g_assert_cmpstr(vmcErrorLast()->message, ==, "cannot open '/x': No such file or directory");

    vmcErrorReset();
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_OK);
    g_assert_cmpstr(vmcErrorLast()->message, ==, "");
}

/* AppArmor's denial looks like one of the file's owner: who is confined says so. */
static void
testErrorConfined(void)
{
    static const char *const others[] = { NULL, "unconfined\n", "site (complain)\n", "" };

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        vmcErrorConfined("vmchannel-relay (enforce)\n");
        vmcErrorConfined(others[i]);
        vmcReportSystemError(EACCES, "cannot open '%s'", "/x");
        g_assert_cmpstr(vmcErrorLast()->message, ==, "cannot open '/x': Permission denied");
    }
    vmcErrorConfined("vmchannel-relay (enforce)\n");
    vmcReportSystemError(EACCES, "cannot open '%s'", "/x");
    g_assert_cmpstr(vmcErrorLast()->message, ==,
                    "cannot open '/x': Permission denied (AppArmor's profile 'vmchannel-relay'"
                    " confines this process: what it denies is allowed by a rule in"
                    " /etc/apparmor.d/local/vmchannel-relay)");
    vmcReportSystemError(ENOENT, "cannot open '%s'", "/x");
    g_assert_cmpstr(vmcErrorLast()->message, ==, "cannot open '/x': No such file or directory");
    vmcErrorConfined(NULL);
}

/* A message is bounded, and stays a string of whole characters. */
static void
testErrorBound(void)
{
    g_autoptr(GString) quoted = g_string_new("x");

    while (quoted->len < 2 * VMC_ERROR_MAX)
        g_string_append(quoted, "\303\251");
    for (size_t skip = 0; skip < 2; skip++) {
        vmcReportError(VIR_ERR_XML_ERROR, "'%s'", quoted->str + skip);
        g_assert_cmpuint(strlen(vmcErrorLast()->message), >=, VMC_ERROR_MAX - 1);
        g_assert_cmpuint(strlen(vmcErrorLast()->message), <=, VMC_ERROR_MAX);
        g_assert_true(g_utf8_validate(vmcErrorLast()->message, -1, NULL));
    }
    vmcErrorReset();
}

static gpointer
reportInThread(gpointer message)
{
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", (const char *)message);
    return g_strdup(vmcErrorLast()->message);
}

static void
testErrorIsPerThread(void)
{
    g_autofree char *other = NULL;

    vmcErrorReset();
    other = g_thread_join(g_thread_new("reporter", reportInThread, (gpointer)"there"));
    g_assert_cmpstr(other, ==, "internal error: there");
    g_assert_cmpstr(vmcErrorLast()->message, ==, "");
}

/* The numbers are libvirt's published ones: a client tells errors by them. */
static void
testErrorNumbers(void)
{
    static const struct { int code; int number; } published[] = {
        { VIR_ERR_INTERNAL_ERROR, 1 },
        { VIR_ERR_INVALID_ARG, 8 },
        { VIR_ERR_OPERATION_FAILED, 9 },
        { VIR_ERR_XML_ERROR, 27 },
        { VIR_ERR_XML_DETAIL, 35 },
        { VIR_ERR_SYSTEM_ERROR, 38 },
        { VIR_ERR_RPC, 39 },
        { VIR_ERR_NO_DOMAIN, 42 },
        { VIR_ERR_OPERATION_INVALID, 55 },
        { VIR_ERR_CONFIG_UNSUPPORTED, 67 },
        { VIR_ERR_OPERATION_UNSUPPORTED, 84 },
        { VIR_ERR_XML_INVALID_SCHEMA, 92 },
        { VIR_ERR_ACCESS_DENIED, 88 },
        { VIR_ERR_CONF_SYNTAX, 33 },
        { VIR_ERR_AUTH_UNAVAILABLE, 94 },
        { VIR_ERR_DEVICE_MISSING, 99 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(published); i++) {
        g_assert_cmpint(published[i].code, ==, published[i].number);
        g_assert_true(vmcErrorCodeText(published[i].code) ||
                      published[i].code == VIR_ERR_SYSTEM_ERROR ||
                      published[i].code == VIR_ERR_RPC);
    }
    g_assert_null(vmcErrorCodeText(-1));
}

/* What a guest's files are called: short enough, and no two guests' alike. */
static void
testRunDirName(void)
{
    static const char uuid[] = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
    static const char *const plain[] = { uuid, "a_b", "guest", "" };
    g_autofree char *slash = vmcRunDirName("a/b");
    g_autofree char *longer = g_strnfill(200, 'x');
    g_autofree char *other = g_strconcat(longer, "y", NULL);
    g_autofree char *one = vmcRunDirName(longer);
    g_autofree char *two = vmcRunDirName(other);
    g_autofree char *letters = g_strconcat("x", "\303\244\303\244\303\244\303\244\303\244\303\244"
                                           "\303\244\303\244\303\244\303\244\303\244\303\244"
                                           "\303\244\303\244\303\244", longer, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_autofree char *name = vmcRunDirName(plain[i]);

        g_assert_cmpstr(name, ==, plain[i]);
    }
    g_assert_true(g_str_has_prefix(slash, "a_b-"));
    g_assert_cmpuint(strlen(one), ==, VMC_RUN_DIR_NAME_MAX);
    g_assert_cmpstr(one, !=, two);
    for (size_t cut = 0; cut < 2; cut++) {
        g_autofree char *name = vmcRunDirName(letters + cut);

        g_assert_true(g_utf8_validate(name, -1, NULL));
        g_assert_cmpuint(strlen(name), <=, VMC_RUN_DIR_NAME_MAX);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/enum/words", testEnumWords);
    g_test_add_func("/util/error/message", testErrorMessage);
    g_test_add_func("/util/error/confined", testErrorConfined);
    g_test_add_func("/util/error/bound", testErrorBound);
    g_test_add_func("/util/error/per-thread", testErrorIsPerThread);
    g_test_add_func("/util/error/numbers", testErrorNumbers);
    g_test_add_func("/util/rundir/name", testRunDirName);
    return g_test_run();
}
