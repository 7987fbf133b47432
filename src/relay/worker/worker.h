/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker: the process that reads what the guest sends. It can use the
 * sockets that the broker hands it, and nothing else.
 */
#pragma once

/* vmcWorkerMain: the whole of the process; returns its exit status. */
int vmcWorkerMain(void);
