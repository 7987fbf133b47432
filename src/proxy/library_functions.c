/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library's side of library.h: its functions, for whoever loads it. */
#include <config.h>

#include "proxy/library.h"

#define ENTRY(function) .function = function,

const vmcLibrary vmcLibraryFunctions = {
    .version = PACKAGE_VERSION,
    VMC_LIBRARY_FUNCTIONS(ENTRY)
};
