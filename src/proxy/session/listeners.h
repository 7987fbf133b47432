/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who listens to devices that come and go. The daemon tells of the devices that
 * it knows; of a channel, which it does not know, the proxy tells the client that
 * asked for the change, under the number that the daemon gave that client. Of a
 * client that asks for very many such events the first are served.
 */
#pragma once

#include <glib.h>

#include "proxy/wire/message.h"
#include "proxy/wire/writer.h"

typedef struct _vmcListeners vmcListeners;

/* vmcListenersNew: @toClient, where the events go, stays the caller's. */
vmcListeners *vmcListenersNew(vmcWireWriter *toClient);
void vmcListenersFree(vmcListeners *listeners);

/*
 * vmcListenersCall, vmcListenersReply: the client asks for events, or no longer,
 * and what the daemon says to that. Neither message is changed.
 */
void vmcListenersCall(vmcListeners *listeners, const vmcWireMessage *message);
void vmcListenersReply(vmcListeners *listeners, const vmcWireMessage *message);

/*
 * vmcListenersTell: sends who listens the @event (virDomainEventID) for the device
 * @alias of @domain, as the client sent it.
 */
void vmcListenersTell(vmcListeners *listeners, guint32 event, const GByteArray *domain,
                      const char *alias);
