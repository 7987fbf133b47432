/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels of running domains, through the control socket: see live.h. */
#include <config.h>

#include "proxy/session/live.h"

#include "control/client.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* One of query-vmchannels' answers; NULL: it says no channel. */
static vmcLiveChannel *
readLive(struct json_object *one)
{
    const char *value = vmcJsonString(one, "vmchannel");
    const char *pty = vmcJsonString(one, "pty");
    vmcChannel *channel = value ? vmcQemuChannelParse(value) : NULL;
    vmcLiveChannel *live;

    if (!channel)
        return NULL;
    live = g_new0(vmcLiveChannel, 1);
    live->channel = channel;
    live->connected = g_strcmp0(vmcJsonString(one, "state"), "connected") == 0;
    live->path = g_strdup(pty ? pty : vmcJsonString(one, "path"));
    return live;
}

GPtrArray *
vmcLiveQuery(const char *uuid)
{
    g_autoptr(vmcControlClient) client = vmcControlClientFind(uuid);
    g_autoptr(vmcJson) answer =
        client ? vmcControlClientExecute(client, "query-vmchannels", NULL, NULL) : NULL;
    GPtrArray *channels;

    if (!answer)
        return NULL;
    if (!json_object_is_type(answer, json_type_array)) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s",
                       "the relay answers 'query-vmchannels' with no list");
        return NULL;
    }
    channels = g_ptr_array_new_with_free_func(vmcLiveChannelFree);
    for (size_t i = 0; i < json_object_array_length(answer); i++) {
        vmcLiveChannel *live = readLive(json_object_array_get_idx(answer, i));

        if (live)
            g_ptr_array_add(channels, live);
    }
    return channels;
}

static int
add(vmcControlClient *client, const vmcChannel *channel)
{
    g_autofree char *value = vmcQemuChannelFormat(channel);
    struct json_object *arguments = json_object_new_object();
    g_autoptr(vmcJson) answer = NULL;

    json_object_object_add(arguments, "vmchannel", json_object_new_string(value));
    answer = vmcControlClientExecute(client, "vmchannel-add", arguments, NULL);
    return answer ? 0 : -1;
}

static int
takeOut(vmcControlClient *client, const vmcChannel *channel)
{
    struct json_object *arguments = json_object_new_object();
    g_autoptr(vmcJson) answer = NULL;

    json_object_object_add(arguments, "address", json_object_new_string(channel->address));
    json_object_object_add(arguments, "port", json_object_new_int64(channel->port));
    answer = vmcControlClientExecute(client, "vmchannel-remove", arguments, NULL);
    return answer ? 0 : -1;
}

/* What was taken out comes back, and the reason why stays the error. */
static void
putBack(vmcControlClient *client, const vmcChannel *removed)
{
    vmcError error = *vmcErrorLast();
    g_autofree char *message = g_strdup(error.message);

    add(client, removed);
    vmcErrorSet(error.domain, error.code, message);
}

int
vmcLiveChange(const char *uuid, const vmcChannel *removed, const vmcChannel *added)
{
    g_autoptr(vmcControlClient) client = vmcControlClientFind(uuid);

    if (!client || (removed && takeOut(client, removed) < 0))
        return -1;
    if (!added || add(client, added) == 0)
        return 0;
    if (removed)
        putBack(client, removed);
    return -1;
}
