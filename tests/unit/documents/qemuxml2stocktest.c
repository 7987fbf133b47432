/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Golden documents: qemuxml2argvdata/NAME.xml to NAME.stock.xml and back
 * (NAME.back.xml where what comes back says more than what went in), or to the
 * error in NAME.err. Adding a case is adding its files.
 */
#include <config.h>

#include "documents/domain_rewrite.h"
#include "tests/lib/testutils.h"
#include "tests/lib/xmlwords.h"
#include "util/error.h"

#define FOLDER "qemuxml2argvdata"

static const vmcRewriteOptions options = {
    .emulatorDir = "/usr/libexec/vmchannel/emulator",
};

static char *
casePath(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(FOLDER "/", name, suffix, NULL);

    return testPath(file);
}

/* What is settled stays: a second time in either direction changes nothing. */
static void
checkSettled(const char *stock, const char *back)
{
    g_autofree char *stockAgain = vmcRewriteText(vmcDomainRewriteForward(stock, &options));
    g_autofree char *backStock = vmcRewriteText(vmcDomainRewriteForward(back, &options));
    g_autofree char *backAgain = NULL;

    g_assert_cmpstr(stockAgain, ==, stock);
    g_assert_nonnull(backStock);
    backAgain = vmcDomainRewriteReverse(backStock, &options);
    g_assert_cmpstr(backAgain, ==, back);
}

static void
testCase(gconstpointer data)
{
    const char *name = data;
    g_autofree char *xmlPath = casePath(name, ".xml");
    g_autofree char *stockPath = casePath(name, ".stock.xml");
    g_autofree char *backPath = casePath(name, ".back.xml");
    g_autofree char *errorPath = casePath(name, ".err");
    g_autofree char *xml = testRead(xmlPath);
    g_autofree char *stock = NULL;
    g_autofree char *back = NULL;
    g_autofree char *error = NULL;

    vmcErrorReset();
    stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
    if (!stock)
        error = g_strconcat(vmcErrorLast()->message, "\n", NULL);
    if (!error || !testXmlNewWords(xml))
        testCompareFile(error, errorPath);
    else
        g_assert_true(g_file_test(errorPath, G_FILE_TEST_EXISTS));
    testCompareFile(stock, stockPath);
    if (!stock)
        return;
    back = vmcDomainRewriteReverse(stock, &options);
    g_assert_nonnull(back);
    testCompareFile(g_str_equal(back, xml) ? NULL : back, backPath);
    checkSettled(stock, back);
}

int
main(int argc, char **argv)
{
    return testRunCases(argc, argv, "qemu/xml2stock", FOLDER, ".xml", testCase);
}
