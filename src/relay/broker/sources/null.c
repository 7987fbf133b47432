/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The null source: there is no host side. */
#include <config.h>

#include "relay/broker/sources/drivers.h"

const vmcSourceDriver vmcSourceNull = {
    .open = vmcSourceOpenStanding, .pumpKind = VMC_PUMP_NULL,
};
