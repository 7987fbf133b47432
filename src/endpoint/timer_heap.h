/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of many things is due first: a heap of deadlines that live inside what
 * they belong to. It does not know what happens when one is due. Pure: time is
 * a number here.
 */
#pragma once

#include <glib.h>

#include "endpoint/types.h"

typedef struct {
    vmcTime at;                 /* VMC_TIME_NEVER: in no heap */
    unsigned int slot;          /* its place in the heap */
} vmcDeadline;

#define VMC_DEADLINE_INIT { .at = VMC_TIME_NEVER }

/* A heap is a GPtrArray of vmcDeadline, made by g_ptr_array_new(). */

/* vmcDeadlineSet: enters, moves or (VMC_TIME_NEVER) takes out @deadline. */
void vmcDeadlineSet(GPtrArray *heap, vmcDeadline *deadline, vmcTime at);

/* vmcDeadlineFirst: the one that is due first, or NULL. */
vmcDeadline *vmcDeadlineFirst(const GPtrArray *heap);
