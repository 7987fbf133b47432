/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket's commands: see commands.h.
 *
 * A channel that is removed has no connection any more as soon as that is
 * answered. The worker is told then, and may have asked for a connection just
 * before: so the conntable keeps the channel's number until the worker has
 * answered that it knows.
 */
#include <config.h>

#include "relay/broker/commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qemu/qemu_conf.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

struct _vmcCommands {
    vmcLoop *loop;
    vmcChannels *channels;
    vmcConntable *conntable;
    vmcSupervised *worker;
    vmcWatch capture;           /* where the worker copies frames to; fd -1: nowhere */
};

vmcCommands *
vmcCommandsNew(vmcLoop *loop, vmcChannels *channels, vmcConntable *conntable,
               vmcSupervised *worker)
{
    vmcCommands *commands = g_new0(vmcCommands, 1);

    commands->loop = loop;
    commands->channels = channels;
    commands->conntable = conntable;
    commands->worker = worker;
    commands->capture.fd = -1;
    return commands;
}

void
vmcCommandsFree(vmcCommands *commands)
{
    if (!commands)
        return;
    vmcLoopRemove(commands->loop, &commands->capture);
    vmcFdClose(&commands->capture.fd);
    vmcLoopDefer(commands->loop, commands);
}

static struct json_object *
queryChannels(void *opaque)
{
    const vmcCommands *commands = opaque;

    return vmcChannelsDescribe(commands->channels);
}

/* The worker reads this message before it reads another frame: see counters.h. */
static void
postAtOnce(vmcCommands *commands, const vmcIpcMessage *message)
{
    vmcCounters *counters = vmcChannelsCounters(commands->channels);

    vmcSupervisedPost(commands->worker, message, NULL, 0);
    __atomic_fetch_add(&counters->channelMessages, 1, __ATOMIC_RELEASE);
}

static struct json_object *
addChannel(void *opaque, const char *value)
{
    vmcCommands *commands = opaque;
    vmcChannel *def = vmcQemuChannelParse(value);
    vmcBrokerChannel *channel = def ? vmcChannelsAddLive(commands->channels, def) : NULL;
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_CHANNEL };

    if (!channel)
        return NULL;
    message.channel = channel->number;
    message.address = inet_addr(def->address);
    message.port = (uint16_t)def->port;
    message.value = vmcSourceIsAlone(channel->source);
    postAtOnce(commands, &message);
    return vmcChannelName(channel);
}

static struct json_object *
removeChannel(void *opaque, const char *address, uint16_t port)
{
    vmcCommands *commands = opaque;
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_REMOVE };
    vmcBrokerChannel *channel;

    if (!address)
        address = VMC_CHANNEL_DEFAULT_ADDRESS;
    channel = vmcChannelsFind(commands->channels, address, port);
    if (!channel) {
        vmcReportError(VIR_ERR_INVALID_ARG, "no vmchannel has the address '%s' and the port '%u'",
                       address, port);
        return NULL;
    }
    message.channel = channel->number;
    vmcChannelsRemove(commands->channels, channel);
    if (vmcSupervisedRuns(commands->worker))
        postAtOnce(commands, &message);
    else
        vmcConntableRemoved(commands->conntable, message.channel);
    return json_object_new_object();
}

/* Where frames are to be copied from now on, or that they are not any more. */
static void
postCapture(vmcCommands *commands)
{
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_CAPTURE };
    int fd = -1;

    if (commands->capture.fd >= 0)
        fd = fcntl(commands->capture.fd, F_DUPFD_CLOEXEC, 0);
    vmcSupervisedPost(commands->worker, &message, &fd, fd >= 0);
}

void
vmcCommandsWorkerStarted(vmcCommands *commands)
{
    if (commands->capture.fd >= 0)
        postCapture(commands);
}

/* The capture's reader has closed its end. */
static void
captureEnded(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    vmcCommands *commands = opaque;

    vmcLoopRemove(commands->loop, &commands->capture);
    vmcFdClose(&commands->capture.fd);
    postCapture(commands);
}

/*
 * The worker writes to one end of a socket pair, the client reads the other: so
 * no byte of the guest's comes through the broker, and the file is the client's.
 */
static struct json_object *
startCapture(void *opaque, int *fd)
{
    vmcCommands *commands = opaque;
    int pair[2];

    if (commands->capture.fd >= 0) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", "the guest's frames are being captured");
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        vmcReportSystemError(errno, "cannot capture");
        return NULL;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    shutdown(pair[0], SHUT_RD);
    commands->capture = (vmcWatch){ pair[0], captureEnded, commands };
    if (vmcLoopAdd(commands->loop, &commands->capture, 0) < 0) {
        vmcReportSystemError(errno, "cannot capture");
        vmcFdClose(&commands->capture.fd);
        close(pair[1]);
        return NULL;
    }
    postCapture(commands);
    *fd = pair[1];
    return json_object_new_object();
}

const vmcControlOps vmcCommandsOps = {
    .query = queryChannels, .add = addChannel, .remove = removeChannel, .capture = startCapture,
};
