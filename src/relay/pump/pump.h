/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pump: a process between the worker's sockets and one channel's host side,
 * where that is no plain socket, or a log is kept. It is told what to pump in
 * messages; it opens nothing.
 */
#pragma once

/* vmcPumpMain: the whole of the process; returns its exit status. */
int vmcPumpMain(void);
