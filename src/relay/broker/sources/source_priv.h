/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of sources share: the source, its requests, and a driver for
 * each type. Not for the owner of a source.
 */
#pragma once

#include <glib.h>

#include "relay/broker/sources/channel_pump.h"
#include "relay/broker/sources/source.h"

/* How a source type's host side is got. */
typedef struct {
    /* Before the guest runs: 0, or -1 with an error. */
    int (*prepare)(vmcSource *source);
    /* For one guest connection: on DONE, *@fd is its own host side. */
    vmcSourceResult (*open)(vmcSource *source, vmcSourceRequest *request, int *fd);
    /* The request is over before it was answered. */
    void (*cancel)(vmcSource *source, vmcSourceRequest *request);
    /* It goes through a pump, always; with telnet or a log any does. */
    bool pumped;
    /* One guest connection at a time. */
    bool alone;
    vmcPumpKind pumpKind;
} vmcSourceDriver;

typedef struct _vmcSourceDial vmcSourceDial;

struct _vmcSource {
    vmcLoop *loop;
    const vmcSourceDriver *driver;
    const vmcChannel *def;
    char *path;                 /* or HOST:PORT: what messages name */
    bool bound;                 /* path is a socket file of ours */
    const int *keep;            /* stdin and stdout; during prepare() */
    char *report;
    int in, out;                /* standing host side, or -1; may be the same */
    int held;                   /* kept open for its sake: a pty's other side */
    vmcPumpKind pumpKind;
    vmcChannelPump *pump;       /* or NULL: the worker gets the host side itself */
    unsigned int busy;          /* requests that have not ended */
    vmcWatch listener;          /* fd -1: does not listen */
    GQueue waiting;             /* of requests: for a client, or for the dialler */
    GArray *addresses;          /* of struct sockaddr_storage: tcp; NULL: not known yet */
    vmcSourceDial *dial;        /* what the dialler thread works on, or NULL */
    vmcWatch dialled;           /* eventfd: it is done */
};

struct _vmcSourceRequest {
    vmcSource *source;
    vmcSourceDone done;
    void *opaque;
    bool answered;
    GArray *addresses;          /* tcp: those to be tried */
    unsigned int next;          /* of these */
    vmcWatch connecting;        /* tcp: fd -1 when it does not */
};

extern const vmcSourceDriver vmcSourceUnixConnect;
extern const vmcSourceDriver vmcSourceUnixBind;
extern const vmcSourceDriver vmcSourceTcpConnect;
extern const vmcSourceDriver vmcSourceTcpBind;
extern const vmcSourceDriver vmcSourceUdp;
extern const vmcSourceDriver vmcSourceFile;
extern const vmcSourceDriver vmcSourcePipe;
extern const vmcSourceDriver vmcSourcePty;
extern const vmcSourceDriver vmcSourceDev;
extern const vmcSourceDriver vmcSourceStdio;
extern const vmcSourceDriver vmcSourceNull;

/* vmcSourceAnswer: @fd (-1: refused) is what came of @request. */
void vmcSourceAnswer(vmcSourceRequest *request, int fd);

/* vmcSourceReportError: names the channel and its path, as every error at start does. */
void vmcSourceReportError(const vmcSource *source, int errnum, const char *what);

/* vmcSourceStopDialling: the thread's result will find nobody. */
void vmcSourceStopDialling(vmcSource *source);
