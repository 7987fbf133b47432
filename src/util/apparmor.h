/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AppArmor, as far as a process has to know of it. */
#pragma once

/*
 * vmcAppArmorSay: asks the kernel which profile confines this process, and has the errors
 * that may come of it say so (vmcErrorConfined). Before there are threads, and before a
 * sandbox that lets nothing be opened.
 */
void vmcAppArmorSay(void);
