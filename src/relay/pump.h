/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pump: a process between the worker's sockets and one channel's host side,
 * where that is no plain socket, or a log is kept. It is told what to pump in
 * messages; it opens nothing.
 */
#pragma once

typedef enum {
    VMC_PUMP_SOCKET,            /* a stream socket: ends of file pass both ways */
    VMC_PUMP_TELNET_CLIENT,     /* the same, with a telnet peer that we dialled */
    VMC_PUMP_TELNET_SERVER,     /* that dialled us */
    VMC_PUMP_DEVICE,            /* one guest at a time, whose end is the end */
    VMC_PUMP_STDIO,             /* the same, with descriptors that others share */
    VMC_PUMP_FIFO,              /* the same, one FIFO for both directions */
    VMC_PUMP_DATAGRAM,          /* a udp socket */
    VMC_PUMP_FILE,              /* written by whole lines, never read */
    VMC_PUMP_NULL,              /* no host side at all */
    VMC_PUMP_LAST
} vmcPumpKind;

/* vmcPumpMain: the whole of the process; returns its exit status. */
int vmcPumpMain(void);
