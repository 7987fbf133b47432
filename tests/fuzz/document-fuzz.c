/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a domain document, as a client of the proxy could send them.
 * What must hold: a failure has a message; what forward accepts, reverse
 * accepts too; forward of a stock form is that stock form, with nothing guessed.
 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "documents/domain_rewrite.h"
#include "util/error.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const vmcRewriteOptions options = { .emulatorDir = "/vmchannel" };

static void
checkForward(const char *xml)
{
    g_auto(vmcRewriteResult) stock = vmcDomainRewriteForward(xml, &options);
    g_auto(vmcRewriteResult) again = { 0 };
    g_autofree char *back = NULL;

    if (!stock.text) {
        g_assert_cmpint(vmcErrorLast()->code, !=, VIR_ERR_OK);
        return;
    }
    again = vmcDomainRewriteForward(stock.text, &options);
    g_assert_cmpstr(again.text, ==, stock.text);
    g_assert_false(again.emulatorGuessed);
    back = vmcDomainRewriteReverse(stock.text, &options);
    g_assert_nonnull(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *xml = g_strndup((const char *)data, size);
    g_autofree char *back = NULL;

    vmcErrorReset();
    checkForward(xml);
    vmcErrorReset();
    back = vmcDomainRewriteReverse(xml, &options);
    g_assert_true(back || vmcErrorLast()->code != VIR_ERR_OK);
    return 0;
}
