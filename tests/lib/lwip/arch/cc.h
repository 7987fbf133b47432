/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lwIP has to be told of compiler and C library. */
#pragma once

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#define LWIP_RAND() ((u32_t)rand())
