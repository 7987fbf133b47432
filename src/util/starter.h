/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program's starter may have left it with, and no program expects. */
#pragma once

/*
 * vmcStarterForget: the first thing that a program does. Descriptors 0 to 2 are the null
 * device where the starter has closed them, so that no other file gets these numbers; and
 * the ends of children are told, though the starter may have ignored those of its own.
 */
void vmcStarterForget(void);
