/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host sides of channels: see source.h. Here are the table of kinds and what is done
 * for all of them; each kind is a file of this folder.
 */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* Per source type and mode. */
static const vmcSourceDriver *const drivers[VMC_CHR_TYPE_LAST][VMC_CHR_MODE_LAST] = {
    [VMC_CHR_TYPE_NULL] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourceNull },
    [VMC_CHR_TYPE_PTY] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourcePty },
    [VMC_CHR_TYPE_DEV] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourceDev },
    [VMC_CHR_TYPE_FILE] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourceFile },
    [VMC_CHR_TYPE_PIPE] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourcePipe },
    [VMC_CHR_TYPE_STDIO] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourceStdio },
    [VMC_CHR_TYPE_UDP] = { [VMC_CHR_MODE_DEFAULT] = &vmcSourceUdp },
    [VMC_CHR_TYPE_TCP] = {
        [VMC_CHR_MODE_CONNECT] = &vmcSourceTcpConnect, [VMC_CHR_MODE_BIND] = &vmcSourceTcpBind },
    [VMC_CHR_TYPE_UNIX] = {
        [VMC_CHR_MODE_CONNECT] = &vmcSourceUnixConnect, [VMC_CHR_MODE_BIND] = &vmcSourceUnixBind },
};

const vmcSourceDriver *
vmcSourceDriverFind(vmcChrType type, vmcChrMode mode)
{
    return drivers[type][mode];
}

bool
vmcSourceIsReady(const vmcSource *source)
{
    return !source->pump || vmcChannelPumpLayers(source->pump) != 0;
}

bool
vmcSourceIsAlone(const vmcSource *source)
{
    return source->driver->alone;
}

const char *
vmcSourceReport(const vmcSource *source)
{
    return source->report;
}

const char *
vmcSourcePath(const vmcSource *source)
{
    return source->path;
}

/* Opens the log, when there is to be one. */
static int
openLog(const vmcSource *source, bool keep, int *log)
{
    const vmcChrSource *def = &source->def->source;

    *log = -1;
    if (!def->logPath)
        return 0;
    *log = vmcSourceOpenWritten(source, def->logPath, keep, "cannot open the log");
    return *log < 0 ? -1 : 0;
}

vmcSource *
vmcSourceNew(vmcLoop *loop, const vmcChannel *channel, const vmcSourceStart *start)
{
    const vmcSourceDriver *driver = vmcSourceDriverFind(channel->source.type,
                                                        channel->source.mode);
    vmcSource *source;
    int log = -1;

    if (!driver) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "vmchannel %s:%u: type '%s' cannot be a channel",
                       channel->address, channel->port, vmcChrTypeToString(channel->source.type));
        return NULL;
    }
    source = g_new0(vmcSource, 1);
    source->loop = loop;
    source->driver = driver;
    source->def = channel;
    source->start = start;
    source->in = source->out = source->file = -1;
    source->path = g_strdup(channel->source.path);
    source->pumped = driver->pumped;
    source->pumpKind = driver->pumpKind;
    if ((driver->prepare && driver->prepare(source) < 0) ||
        openLog(source, channel->source.logAppend == VMC_SWITCH_ON, &log) < 0) {
        vmcSourceFree(source);
        return NULL;
    }
    source->start = NULL;
    if (!source->pumped && log < 0)
        return source;
    source->pump = vmcChannelPumpNew(source->loop, log, vmcFdSteal(&source->file));
    if (!source->pump)
        g_clear_pointer(&source, vmcSourceFree);
    return source;
}

void
vmcSourceFree(vmcSource *source)
{
    if (!source)
        return;
    if (source->own && source->driver->clear)
        source->driver->clear(source);
    if (source->in != source->out)
        vmcFdClose(&source->in);
    vmcFdClose(&source->out);
    vmcFdClose(&source->file);
    vmcChannelPumpFree(source->pump);
    g_free(source->report);
    g_free(source->reopenError);
    g_free(source->path);
    if (source->own)
        vmcLoopDefer(source->loop, source->own);
    vmcLoopDefer(source->loop, source);
}

bool
vmcSourceReopen(vmcSource *source)
{
    int file = source->driver->reopen ? source->driver->reopen(source) : -1;
    bool opened = file >= 0 || !source->driver->reopen;
    int log;

    opened = openLog(source, true, &log) == 0 && opened;
    g_clear_pointer(&source->reopenError, g_free);
    if (!opened)
        source->reopenError = g_strdup(vmcErrorLast()->message);
    if (source->pump)
        vmcChannelPumpReplace(source->pump, log, file);
    return opened;
}

const char *
vmcSourceReopenError(const vmcSource *source)
{
    return source->reopenError;
}

static void
requestFree(vmcSourceRequest *request)
{
    request->source->busy--;
    vmcLoopDefer(request->source->loop, request);
}

vmcSourceResult
vmcSourceOpen(vmcSource *source, vmcSourceDone done, void *opaque, int *fd,
              vmcSourceRequest **request)
{
    vmcSourceRequest *asked;
    vmcSourceResult result;

    if (vmcSourceIsAlone(source) && source->busy > 0)
        return VMC_SOURCE_REFUSED;
    asked = g_new0(vmcSourceRequest, 1);
    asked->source = source;
    asked->done = done;
    asked->opaque = opaque;
    source->busy++;
    *fd = -1;
    result = source->driver->open(source, asked, fd);
    if (result == VMC_SOURCE_DONE) {
        asked->answered = true;
        if (!vmcSourceThroughPump(asked, fd))
            result = VMC_SOURCE_REFUSED;
    }
    if (result == VMC_SOURCE_REFUSED)
        requestFree(asked);
    else
        *request = asked;
    return result;
}

bool
vmcSourceRequestLeft(vmcSourceRequest *request)
{
    const vmcSourceDriver *driver = request->source->driver;

    return request->answered || !driver->left || driver->left(request->source, request);
}

void
vmcSourceRequestReset(vmcSourceRequest *request)
{
    if (request->pumped)
        vmcChannelPumpReset(request->source->pump, request->pumpId);
}

void
vmcSourceRequestEnd(vmcSourceRequest *request)
{
    vmcSource *source = request->source;

    if (!request->answered && source->driver->cancel)
        source->driver->cancel(source, request);
    requestFree(request);
}
