/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kinds of sources have in common. A kind is a file of this folder: it
 * has a driver for each of its modes, and keeps what only it needs in a struct of
 * its own (vmcSource.own). Calls go one way: source.c, which has the table of
 * kinds, calls their drivers; they call source_priv.c and what stands beside it
 * (dial, inet, listener). Not for the owner of a source.
 */
#pragma once

#include <glib.h>

#include "relay/broker/sources/channel_pump.h"
#include "relay/broker/sources/source.h"

/* What a kind does; each of these may be NULL, but for open. */
typedef struct {
    /* Before the guest runs: 0, or -1 with an error. */
    int (*prepare)(vmcSource *source);
    /* For one guest connection: on DONE, *@fd is its own host side, or -1: in and out are. */
    vmcSourceResult (*open)(vmcSource *source, vmcSourceRequest *request, int *fd);
    /* Opens file once more, by its path, and returns it, or -1 with an error. */
    int (*reopen)(vmcSource *source);
    /* See vmcSourceRequestLeft(). */
    bool (*left)(vmcSource *source, vmcSourceRequest *request);
    /* The request is over before it was answered. */
    void (*cancel)(vmcSource *source, vmcSourceRequest *request);
    /* Gives up what own holds, but not own itself; also after prepare() has failed. */
    void (*clear)(vmcSource *source);
    /* One guest connection at a time. */
    bool alone;
    /* It goes through a pump; with a log any does. prepare() may say otherwise. */
    bool pumped;
    vmcPumpKind pumpKind;
} vmcSourceDriver;

struct _vmcSource {
    vmcLoop *loop;
    const vmcSourceDriver *driver;
    const vmcChannel *def;
    const vmcSourceStart *start;    /* during prepare() */
    char *path;                 /* or HOST:PORT: what messages name */
    char *report;
    char *reopenError;          /* or NULL */
    int in, out;                /* standing host side, or -1; may be the same */
    int file;                   /* the pump's, which writes it by lines; or -1 */
    bool pumped;
    vmcPumpKind pumpKind;
    vmcChannelPump *pump;       /* or NULL: the worker gets the host side itself */
    unsigned int busy;          /* requests that have not ended */
    void *own;                  /* the kind's, made by prepare() with g_new0(); or NULL */
};

struct _vmcSourceRequest {
    vmcSource *source;
    vmcSourceDone done;
    void *opaque;
    bool answered;
    bool pumped;                /* the pump has it, and knows it by pumpId */
    uint32_t pumpId;
    void *own;                  /* the kind's, until it has answered or cancelled; or NULL */
};

/* vmcSourceReportError: names the channel and its path, as every error at start does. */
void vmcSourceReportError(const vmcSource *source, int errnum, const char *what);

/*
 * vmcSourceOpenWritten: opens @path to append to it, what it has being kept or not. It is a
 * file, a device or a FIFO that somebody reads, and never waited for, now or when it is
 * written. Returns -1 with an error, which begins with @what.
 */
int vmcSourceOpenWritten(const vmcSource *source, const char *path, bool keep, const char *what);

/*
 * vmcSourceThroughPump: what the worker gets for the host side *@fd (-1: in and
 * out): itself, or a socket to the pump. False: there is no pump.
 */
bool vmcSourceThroughPump(vmcSourceRequest *request, int *fd);

/* vmcSourceAnswer: @fd (-1: refused) is what came of @request. */
void vmcSourceAnswer(vmcSourceRequest *request, int fd);

/* vmcSourceOpenStanding: a driver's open: what is open already is everybody's host side. */
vmcSourceResult vmcSourceOpenStanding(vmcSource *source, vmcSourceRequest *request, int *fd);
