/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AppArmor's label of this process: see apparmor.h. */
#include <config.h>

#include "util/apparmor.h"

#include <glib.h>

#include "util/error.h"

/* Of AppArmor alone, other than attr/current; since Linux 5.8. */
#define LABEL "/proc/self/attr/apparmor/current"

void
vmcAppArmorSay(void)
{
    g_autofree char *label = NULL;

    g_file_get_contents(LABEL, &label, NULL, NULL);
    vmcErrorConfined(label);
}
