/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Takes from this process what it does not need, in named layers. The system
 * call filter is a must; the others hold where kernel and surroundings let
 * them, and the caller is told which did.
 */
#pragma once

#include "relay/process/filter.h"

typedef enum {
    VMC_LAYER_NO_NEW_PRIVS = 1 << 0,
    VMC_LAYER_CAPABILITIES = 1 << 1,    /* none are left */
    VMC_LAYER_NETWORK = 1 << 2,         /* an empty namespace */
    VMC_LAYER_LANDLOCK = 1 << 3,        /* no file may be opened */
    VMC_LAYER_SYSCALLS = 1 << 4,
    VMC_LAYER_ALL = (1 << 5) - 1,
} vmcLayer;

/*
 * vmcConfine:
 * Makes this process the confined one that @process says; a call that its filter
 * does not allow kills it. Call it while there is one thread. Returns the layers
 * that hold, or 0 with an error when the filter does not.
 */
unsigned int vmcConfine(vmcFilterProcess process);

/* vmcConfineText: @layers in words, "none" for 0. The caller frees it. */
char *vmcConfineText(unsigned int layers);
