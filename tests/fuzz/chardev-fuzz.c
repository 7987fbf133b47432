/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the value of -vmchannel. What must hold: a failure has a
 * message; what is accepted is written so that it is read as the same again.
 */
#include <config.h>

#include <stdint.h>

#include "qemu/qemu_conf.h"
#include "util/error.h"

#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *value = g_strndup((const char *)data, size);
    g_autoptr(vmcChannel) channel = NULL;
    g_autoptr(vmcChannel) again = NULL;
    g_autofree char *written = NULL;

    vmcErrorReset();
    channel = vmcQemuChannelParse(value);
    if (!channel) {
        g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_INVALID_ARG);
        return 0;
    }
    written = vmcQemuChannelFormat(channel);
    again = vmcQemuChannelParse(written);
    g_assert_nonnull(again);
    g_assert_true(vmcChannelEqual(channel, again));
    return 0;
}
