/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The broker's channels: see channels.h. Has no part in their connections. */
#include <config.h>

#include "relay/broker/channels.h"

#include <arpa/inet.h>

#include "conf/network.h"
#include "qemu/nic.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

struct _vmcChannels {
    vmcLoop *loop;
    vmcNetwork network;         /* the guest's, for channels that come later */
    const char *guestName;
    vmcConntable *conntable;
    GPtrArray *slots;           /* of vmcBrokerChannel, by number; holes are NULL */
    vmcCounters *counters;
    int countersFd;
};

vmcChannels *
vmcChannelsNew(vmcLoop *loop, const vmcRelayOptions *options, const char *guestName,
               vmcConntable *conntable)
{
    int fd = -1;
    vmcCounters *counters = vmcCountersNew(&fd);
    vmcChannels *channels;

    if (!counters)
        return NULL;
    channels = g_new0(vmcChannels, 1);
    channels->loop = loop;
    channels->network = options->network;
    channels->guestName = guestName;
    channels->conntable = conntable;
    channels->slots = g_ptr_array_new();
    channels->counters = counters;
    channels->countersFd = fd;
    return channels;
}

void
vmcChannelsFree(vmcChannels *channels)
{
    if (!channels)
        return;
    for (unsigned int i = 0; i < channels->slots->len; i++) {
        if (channels->slots->pdata[i])
            vmcChannelsRemove(channels, channels->slots->pdata[i]);
    }
    g_ptr_array_unref(channels->slots);
    vmcCountersFree(channels->counters);
    vmcFdClose(&channels->countersFd);
    g_free(channels);
}

vmcCounters *
vmcChannelsCounters(const vmcChannels *channels)
{
    return channels->counters;
}

int
vmcChannelsCountersFd(const vmcChannels *channels)
{
    return channels->countersFd;
}

/* Gives @channel, whose host side is ready, a number. Returns false with an error. */
static bool
number(vmcChannels *channels, vmcBrokerChannel *channel)
{
    struct in_addr address = { .s_addr = inet_addr(channel->def->address) };

    if (!vmcConntableAddChannel(channels->conntable, address, (uint16_t)channel->def->port,
                                vmcSourceIsAlone(channel->source), &channel->number)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "the guest has %d vmchannels: more are not accepted",
                       VMC_NIC_CHANNELS_MAX);
        return false;
    }
    if (channel->number >= channels->slots->len)
        g_ptr_array_set_size(channels->slots, (int)channel->number + 1);
    channels->slots->pdata[channel->number] = channel;
    channels->counters->channels[channel->number] = (vmcCountersChannel){ .up = 0 };
    return true;
}

static vmcBrokerChannel *
add(vmcChannels *channels, const vmcChannel *def, const vmcSourceStart *start)
{
    vmcSource *source;
    vmcBrokerChannel *channel;

    if (vmcChannelsFind(channels, def->address, (uint16_t)def->port)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "two vmchannels have the address '%s' and the port '%u'",
                       def->address, def->port);
        return NULL;
    }
    source = vmcSourceNew(channels->loop, def, start);
    if (!source)
        return NULL;
    channel = g_new0(vmcBrokerChannel, 1);
    channel->def = def;
    channel->source = source;
    if (number(channels, channel))
        return channel;
    vmcSourceFree(source);
    g_free(channel);
    return NULL;
}

vmcBrokerChannel *
vmcChannelsAdd(vmcChannels *channels, const vmcChannel *def, const int keep[2])
{
    const vmcSourceStart start = { channels->guestName, { keep[0], keep[1] }, false };

    return add(channels, def, &start);
}

/* qemu-vmchannel has checked these for channels given at start. */
static int
checkLive(const vmcChannels *channels, const vmcChannel *def)
{
    const vmcNetwork *network = &channels->network;

    if (!vmcNetworkHas(network, def->address)) {
        g_autofree char *accepted = vmcNetworkAccepted(network);

        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "vmchannel address '%s' of port %u: accepted is %s", def->address,
                       def->port, accepted);
        return -1;
    }
    if (def->source.type == VMC_CHR_TYPE_STDIO) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "vmchannel %s:%u: type 'stdio' cannot be "
                       "added to a guest that runs", def->address, def->port);
        return -1;
    }
    return 0;
}

vmcBrokerChannel *
vmcChannelsAddLive(vmcChannels *channels, vmcChannel *def)
{
    const vmcSourceStart start = { channels->guestName, { -1, -1 }, true };
    vmcBrokerChannel *channel = NULL;

    if (checkLive(channels, def) == 0)
        channel = add(channels, def, &start);
    if (channel)
        channel->own = def;
    else
        vmcChannelFree(def);
    return channel;
}

void
vmcChannelsRemove(vmcChannels *channels, vmcBrokerChannel *channel)
{
    /* Its connections end first, since they use the source. */
    vmcConntableRemoveChannel(channels->conntable, channel->number);
    channels->slots->pdata[channel->number] = NULL;
    vmcSourceFree(channel->source);
    vmcChannelFree(channel->own);
    g_free(channel);
}

unsigned int
vmcChannelsEnd(const vmcChannels *channels)
{
    return channels->slots->len;
}

vmcBrokerChannel *
vmcChannelsGet(const vmcChannels *channels, uint32_t number)
{
    return number < channels->slots->len ? channels->slots->pdata[number] : NULL;
}

vmcBrokerChannel *
vmcChannelsFind(const vmcChannels *channels, const char *address, uint16_t port)
{
    for (unsigned int i = 0; i < channels->slots->len; i++) {
        vmcBrokerChannel *channel = channels->slots->pdata[i];

        if (channel && channel->def->port == port && g_str_equal(channel->def->address, address))
            return channel;
    }
    return NULL;
}

/* A value may have a path of any bytes in it; JSON allows only UTF-8. */
static struct json_object *
textNew(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return json_object_new_string(valid);
}

struct json_object *
vmcChannelName(const vmcBrokerChannel *channel)
{
    const vmcChrSource *def = &channel->def->source;
    struct json_object *name = json_object_new_object();

    json_object_object_add(name, "address", json_object_new_string(channel->def->address));
    json_object_object_add(name, "port", json_object_new_int((int32_t)channel->def->port));
    if (def->type == VMC_CHR_TYPE_PTY)
        json_object_object_add(name, "pty", textNew(vmcSourcePath(channel->source)));
    if (def->type == VMC_CHR_TYPE_UNIX && !def->path)
        json_object_object_add(name, "path", textNew(vmcSourcePath(channel->source)));
    return name;
}

/* Adds a number that the worker may be changing just now, and @more of our own. */
static void
addCount(struct json_object *one, const char *name, const uint64_t *count, uint64_t more)
{
    json_object_object_add(one, name, json_object_new_uint64(
        more + __atomic_load_n(count, __ATOMIC_RELAXED)));
}

static void
addLimited(const vmcChannels *channels, const vmcBrokerChannel *channel, struct json_object *one)
{
    const vmcCountersChannel *counts = &channels->counters->channels[channel->number];

    addCount(one, "dropped", &counts->dropped, 0);
    addCount(one, "evicted", &counts->evicted, channel->evicted);
}

struct json_object *
vmcChannelLimited(const vmcChannels *channels, const vmcBrokerChannel *channel)
{
    struct json_object *data = vmcChannelName(channel);

    addLimited(channels, channel, data);
    return data;
}

static void
addReopenError(const vmcBrokerChannel *channel, struct json_object *one)
{
    const char *why = vmcSourceReopenError(channel->source);

    if (why)
        json_object_object_add(one, "reopen-error", json_object_new_string(why));
}

struct json_object *
vmcChannelNotReopened(const vmcBrokerChannel *channel)
{
    struct json_object *data = vmcChannelName(channel);

    addReopenError(channel, data);
    return data;
}

static struct json_object *
describe(const vmcChannels *channels, const vmcBrokerChannel *channel)
{
    const vmcCountersChannel *counts = &channels->counters->channels[channel->number];
    g_autofree char *value = vmcQemuChannelFormat(channel->def);
    struct json_object *one = vmcChannelName(channel);

    json_object_object_add(one, "vmchannel", textNew(value));
    json_object_object_add(one, "state", json_object_new_string(channel->open > 0 ? "connected"
                                                                : "disconnected"));
    json_object_object_add(one, "connections", json_object_new_int64(channel->open));
    json_object_object_add(one, "connections-total", json_object_new_uint64(channel->opened));
    json_object_object_add(one, "refused", json_object_new_uint64(channel->refused));
    addCount(one, "bytes-to-host", &counts->up, 0);
    addCount(one, "bytes-to-guest", &counts->down, 0);
    addLimited(channels, channel, one);
    addReopenError(channel, one);
    return one;
}

struct json_object *
vmcChannelsDescribe(const vmcChannels *channels)
{
    struct json_object *list = json_object_new_array();

    for (unsigned int i = 0; i < channels->slots->len; i++) {
        const vmcBrokerChannel *channel = channels->slots->pdata[i];

        if (channel)
            json_object_array_add(list, describe(channels, channel));
    }
    return list;
}
