/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host sides of channels: see chrside.h. */
#include <config.h>

#include "tests/lib/chrside.h"

bool
chrSideIs(vmcChrType type, vmcChrMode mode)
{
    bool says = false;
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(type, &n);

    for (size_t i = 0; i < n; i++)
        says = says || fields[i].kind == VMC_CHR_FIELD_MODE;
    return vmcChrTypeIsChannel(type) && says == (mode != VMC_CHR_MODE_DEFAULT);
}
