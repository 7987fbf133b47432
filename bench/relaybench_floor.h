/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A floor for the relay: its endpoint on a link to QEMU, with host programs that
 * are a few lines in memory. There is no other process, no host socket and no
 * broker, so what it takes is QEMU's, the guest's, the endpoint's and a wake-up's.
 */
#pragma once

#include <glib.h>

#define RELAYBENCH_FLOOR_ADDRESS "10.0.5.4"
#define RELAYBENCH_FLOOR_PORT 600u

/*
 * Serves for as long as the program runs. QEMU's end is the caller's to give, as
 * relaybenchFloorNetdev(): its options, with the id "floor" (caller frees).
 * Returns 0, or -1 with errno.
 */
int relaybenchFloorStart(const char *dir);
char *relaybenchFloorNetdev(const char *dir);
