/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each type that a channel may have can be opened by the relay, and no other. */
#include <config.h>

#include "relay/broker/sources/drivers.h"
#include "tests/lib/chrside.h"

static void
testEachTypeHasDriver(void)
{
    for (int type = 0; type < VMC_CHR_TYPE_LAST; type++) {
        for (int mode = 0; mode < VMC_CHR_MODE_LAST; mode++) {
            const vmcSourceDriver *driver = vmcSourceDriverFind(type, mode);
            bool wanted = chrSideIs(type, mode);

            if ((driver != NULL) != wanted)
                g_error("type '%s', mode '%s': %s", vmcChrTypeToString(type),
                        mode == VMC_CHR_MODE_DEFAULT ? "none" : vmcChrModeToString(mode),
                        wanted ? "no driver in source.c's table" : "a driver, but no channel");
            g_assert_true(!driver || driver->open);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/sources/each-type-has-a-driver", testEachTypeHasDriver);
    return g_test_run();
}
