/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Host sides of channels: see source.h. Here stand what all types share and the
 * table of them; source_socket.c and source_device.c have the types themselves.
 */
#include <config.h>

#include "relay/broker/sources/source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

void
vmcSourceReportError(const vmcSource *source, int errnum, const char *what)
{
    vmcReportSystemError(errnum, "vmchannel %s:%u: %s '%s'", source->def->address,
                         source->def->port, what, source->path);
}

bool
vmcSourceIsReady(const vmcSource *source)
{
    return !source->pump || vmcChannelPumpLayers(source->pump) != 0;
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
openLog(const vmcSource *source, int *log)
{
    const vmcChrSource *def = &source->def->source;
    int keep = def->logAppend == VMC_SWITCH_ON ? 0 : O_TRUNC;

    *log = -1;
    if (!def->logPath)
        return 0;
    *log = open(def->logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | keep, 0600);
    if (*log >= 0)
        return 0;
    vmcReportSystemError(errno, "vmchannel %s:%u: cannot open the log '%s'",
                         source->def->address, source->def->port, def->logPath);
    return -1;
}

/* A pump for what is no plain socket, or is not to be passed on as it comes. */
static int
prepareFeed(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    bool telnet = def->type == VMC_CHR_TYPE_TCP && def->protocol == VMC_CHR_PROTOCOL_TELNET;
    int log;

    if (source->driver->pumpKind != VMC_PUMP_SOCKET)
        source->pumpKind = source->driver->pumpKind;
    if (telnet)
        source->pumpKind = def->mode == VMC_CHR_MODE_BIND ? VMC_PUMP_TELNET_SERVER
                                                      : VMC_PUMP_TELNET_CLIENT;
    if (!source->driver->pumped && !telnet && !def->logPath)
        return 0;
    if (openLog(source, &log) < 0)
        return -1;
    source->pump = vmcChannelPumpNew(source->loop, log);
    return source->pump ? 0 : -1;
}

vmcSource *
vmcSourceNew(vmcLoop *loop, const vmcChannel *channel, const char *guestName, const int keep[2])
{
    const vmcSourceDriver *driver = drivers[channel->source.type][channel->source.mode];
    vmcSource *source;

    if (!driver) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "vmchannel %s:%u: type '%s' cannot be a channel",
                       channel->address, channel->port, vmcChrTypeToString(channel->source.type));
        return NULL;
    }
    source = g_new0(vmcSource, 1);
    source->loop = loop;
    source->driver = driver;
    source->def = channel;
    source->keep = keep;
    source->in = source->out = source->held = source->listener.fd = source->dialled.fd = -1;
    source->path = g_strdup(channel->source.path ? channel->source.path : guestName);
    if (driver->prepare(source) < 0 || prepareFeed(source) < 0)
        g_clear_pointer(&source, vmcSourceFree);
    return source;
}

void
vmcSourceFree(vmcSource *source)
{
    if (!source)
        return;
    vmcSourceStopDialling(source);
    if (source->listener.ready)
        vmcLoopRemove(source->loop, &source->listener);
    if (source->bound)
        unlink(source->path);
    vmcFdClose(&source->listener.fd);
    if (source->in != source->out)
        vmcFdClose(&source->in);
    vmcFdClose(&source->out);
    vmcFdClose(&source->held);
    vmcChannelPumpFree(source->pump);
    g_clear_pointer(&source->addresses, g_array_unref);
    g_free(source->report);
    g_free(source->path);
    vmcLoopDefer(source->loop, source);
}

/* What the worker gets for the host side *@fd: it, or a socket to the pump. */
static bool
throughPump(vmcSource *source, int *fd)
{
    bool own = *fd >= 0;
    int socket;

    if (!source->pump)
        return true;
    socket = vmcChannelPumpAdd(source->pump, source->pumpKind, own ? *fd : source->in,
                               own ? *fd : source->out);
    vmcFdClose(fd);
    *fd = socket;
    return socket >= 0;
}

void
vmcSourceAnswer(vmcSourceRequest *request, int fd)
{
    request->answered = true;
    if (fd >= 0)
        throughPump(request->source, &fd);
    request->done(request->opaque, fd);
}

static void
requestFree(vmcSourceRequest *request)
{
    request->source->busy--;
    g_clear_pointer(&request->addresses, g_array_unref);
    vmcLoopDefer(request->source->loop, request);
}

vmcSourceResult
vmcSourceOpen(vmcSource *source, vmcSourceDone done, void *opaque, int *fd,
              vmcSourceRequest **request)
{
    vmcSourceRequest *asked;
    vmcSourceResult result;

    if (source->driver->alone && source->busy > 0)
        return VMC_SOURCE_REFUSED;
    asked = g_new0(vmcSourceRequest, 1);
    asked->source = source;
    asked->done = done;
    asked->opaque = opaque;
    asked->connecting.fd = -1;
    source->busy++;
    *fd = -1;
    result = source->driver->open(source, asked, fd);
    if (result == VMC_SOURCE_DONE) {
        asked->answered = true;
        if (!throughPump(source, fd))
            result = VMC_SOURCE_REFUSED;
    }
    if (result == VMC_SOURCE_REFUSED)
        requestFree(asked);
    else
        *request = asked;
    return result;
}

void
vmcSourceRequestEnd(vmcSourceRequest *request)
{
    vmcSource *source = request->source;

    if (!request->answered && source->driver->cancel)
        source->driver->cancel(source, request);
    requestFree(request);
}
