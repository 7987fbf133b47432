/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The channels of one guest, as the broker has them: each with the number by
 * which the worker knows it, its host side, and how it has been used.
 */
#pragma once

#include <json-c/json_object.h>

#include "relay/broker/conntable.h"
#include "relay/broker/options.h"
#include "relay/broker/sources/source.h"
#include "relay/process/counters.h"

typedef struct {
    uint32_t number;
    vmcSource *source;
    const vmcChannel *def;
    vmcChannel *own;            /* def, where it came while the guest runs */
    unsigned int open;          /* connections that a guest has */
    uint64_t opened;            /* all since it is there */
    uint64_t refused;
    uint64_t evicted;           /* here; the worker counts its own */
    int64_t limitedAt;          /* when an event has last told of its limits */
} vmcBrokerChannel;

typedef struct _vmcChannels vmcChannels;

/*
 * vmcChannelsNew: none yet; @options say the network, and the name in generated
 * paths is @guestName; @conntable has their numbers. All these and @loop must
 * outlive it. NULL with an error.
 * vmcChannelsFree: also frees all channels. Accepts NULL.
 */
vmcChannels *vmcChannelsNew(vmcLoop *loop, const vmcRelayOptions *options, const char *guestName,
                            vmcConntable *conntable);
void vmcChannelsFree(vmcChannels *channels);

/* vmcChannelsCounters, vmcChannelsCountersFd: where bytes are counted. Borrowed. */
vmcCounters *vmcChannelsCounters(const vmcChannels *channels);
int vmcChannelsCountersFd(const vmcChannels *channels);

/*
 * vmcChannelsAdd: gets the host side of @def ready, which must outlive it; @keep
 * are standard input and output as they were given to the relay.
 * vmcChannelsAddLive: takes @def over, also on failure; its address must be one that
 * the guest's network has. Both return NULL with an error.
 */
vmcBrokerChannel *vmcChannelsAdd(vmcChannels *channels, const vmcChannel *def, const int keep[2]);
vmcBrokerChannel *vmcChannelsAddLive(vmcChannels *channels, vmcChannel *def);

/* vmcChannelsRemove: its connections and its host side end, and it is freed. */
void vmcChannelsRemove(vmcChannels *channels, vmcBrokerChannel *channel);

/*
 * vmcChannelsGet: the channel of a number, NULL when it was removed. Numbers are
 * below vmcChannelsEnd(). vmcChannelsFind: that of an address and a port, or NULL.
 */
unsigned int vmcChannelsEnd(const vmcChannels *channels);
vmcBrokerChannel *vmcChannelsGet(const vmcChannels *channels, uint32_t number);
vmcBrokerChannel *vmcChannelsFind(const vmcChannels *channels, const char *address, uint16_t port);

/* vmcChannelsDescribe: all that are there, as query-vmchannels returns them. */
struct json_object *vmcChannelsDescribe(const vmcChannels *channels);

/*
 * vmcChannelName: a new object with the channel's address and port, and where a
 * person finds its host side: the members that name it in answers and events.
 */
struct json_object *vmcChannelName(const vmcBrokerChannel *channel);

/* vmcChannelNotReopened: the same, and why its file or log goes on as it was. */
struct json_object *vmcChannelNotReopened(const vmcBrokerChannel *channel);

/* vmcChannelLimited: the same as that name, and how many connections its limits have cost it. */
struct json_object *vmcChannelLimited(const vmcChannels *channels, const vmcBrokerChannel *channel);
