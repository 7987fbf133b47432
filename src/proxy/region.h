/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for libxml2: a tree is hundreds of small pieces that come one after
 * another and go all at once, and malloc takes as long for them as libxml2 for
 * parsing. Of one thread.
 */
#pragma once

/* vmcRegionStart: libxml2, which has not been used yet, has its memory from here. */
void vmcRegionStart(void);

/* vmcRegionEnd: libxml2, of which nothing is in use, gives all back, and has malloc's again. */
void vmcRegionEnd(void);
