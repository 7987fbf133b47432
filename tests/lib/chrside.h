/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which host sides there are, for tests that must leave out none. */
#pragma once

#include <stdbool.h>

#include "conf/domain_chr.h"

/* chrSideIs: whether a channel's source has that @type and, after post-parse, that @mode. */
bool chrSideIs(vmcChrType type, vmcChrMode mode);
