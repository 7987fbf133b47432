/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of many things is due first: a heap of timers that live inside what
 * they belong to. It does not know what happens when one is due. Pure: time is
 * a number here.
 */
#pragma once

#include <glib.h>

#include "endpoint/types.h"

typedef struct {
    vmcTime at;                 /* VMC_TIME_NEVER: in no heap */
    unsigned int slot;          /* its place in the heap */
} vmcTimer;

#define VMC_TIMER_INIT { .at = VMC_TIME_NEVER }

/* A heap is a GPtrArray of vmcTimer, made by g_ptr_array_new(). */

/* vmcTimerSet: enters, moves or (VMC_TIME_NEVER) takes out @timer. */
void vmcTimerSet(GPtrArray *heap, vmcTimer *timer, vmcTime at);

/* vmcTimerFirst: the one that is due first, or NULL. */
vmcTimer *vmcTimerFirst(const GPtrArray *heap);
