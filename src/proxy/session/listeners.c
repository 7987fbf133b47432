/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who listens to devices that come and go: see listeners.h. */
#include <config.h>

#include "proxy/session/listeners.h"

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <string.h>

#include "rpc/walk.h"

#define LISTENERS_MAX 64

typedef struct {
    guint32 event;
    guint32 serial;             /* of the call that asked */
    bool pending;               /* not answered yet */
    guint32 callback;           /* the daemon's answer */
    bool all;                   /* domains; else the one with this uuid */
    guint8 uuid[VMC_RPC_UUID_SIZE];
} listener;

struct _vmcListeners {
    vmcWireWriter *toClient;
    GArray *all;                /* of listener */
};

/* The events that are sent for channels, and their messages. */
static const struct {
    guint32 event;
    guint32 procedure;
} events[] = {
    { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED },
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED },
};

vmcListeners *
vmcListenersNew(vmcWireWriter *toClient)
{
    vmcListeners *listeners = g_new0(vmcListeners, 1);

    listeners->toClient = toClient;
    listeners->all = g_array_new(FALSE, FALSE, sizeof(listener));
    return listeners;
}

void
vmcListenersFree(vmcListeners *listeners)
{
    if (!listeners)
        return;
    g_array_unref(listeners->all);
    g_free(listeners);
}

/* 0: another event than these. */
static guint32
eventProcedure(guint32 event)
{
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        if (events[i].event == event)
            return events[i].procedure;
    }
    return 0;
}

/* The uuid in a domain object: behind its name and before its id. */
static const guint8 *
domainUuid(const guint8 *domain, size_t size)
{
    return domain + size - sizeof(guint32) - VMC_RPC_UUID_SIZE;
}

static void
add(vmcListeners *listeners, guint32 serial, vmcXdrReader *reader)
{
    listener one = {
        .event = vmcXdrReadU32(reader), .serial = serial, .pending = true,
        .all = !vmcXdrReadFlag(reader),
    };
    size_t size = 0;
    const guint8 *domain = one.all ? NULL : vmcRpcReadDomain(reader, &size);

    if (reader->failed || eventProcedure(one.event) == 0 || listeners->all->len >= LISTENERS_MAX)
        return;
    if (domain)
        memcpy(one.uuid, domainUuid(domain, size), VMC_RPC_UUID_SIZE);
    g_array_append_val(listeners->all, one);
}

static void
takeOut(vmcListeners *listeners, vmcXdrReader *reader)
{
    guint32 callback = vmcXdrReadU32(reader);

    for (guint i = listeners->all->len; i-- > 0 && !reader->failed;) {
        const listener *one = &g_array_index(listeners->all, listener, i);

        if (!one->pending && one->callback == callback)
            g_array_remove_index_fast(listeners->all, i);
    }
}

void
vmcListenersCall(vmcListeners *listeners, const vmcWireMessage *message)
{
    vmcXdrReader reader;

    vmcRpcPayload(message->bytes, &reader);
    if (message->header.procedure == VMC_RPC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY)
        add(listeners, message->header.serial, &reader);
    else
        takeOut(listeners, &reader);
}

void
vmcListenersReply(vmcListeners *listeners, const vmcWireMessage *message)
{
    vmcXdrReader reader;

    vmcRpcPayload(message->bytes, &reader);
    for (guint i = listeners->all->len; i-- > 0;) {
        listener *one = &g_array_index(listeners->all, listener, i);

        if (!one->pending || one->serial != message->header.serial)
            continue;
        one->callback = vmcXdrReadU32(&reader);
        one->pending = false;
        if (message->header.status != VMC_RPC_OK || reader.failed)
            g_array_remove_index_fast(listeners->all, i);
        return;
    }
}

static void
tell(vmcListeners *listeners, guint32 procedure, guint32 callback, const GByteArray *domain,
     const char *alias)
{
    const vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = VMC_RPC_VERSION, .procedure = procedure,
        .type = VMC_RPC_MESSAGE, .serial = 1, .status = VMC_RPC_OK,
    };
    g_autoptr(GByteArray) message = vmcRpcMessageNew(&header);

    vmcXdrWriteU32(message, callback);
    g_byte_array_append(message, domain->data, domain->len);
    vmcXdrWriteString(message, alias, strlen(alias));
    vmcRpcMessageFinish(message);
    vmcWireWriterInsert(listeners->toClient, message);
}

void
vmcListenersTell(vmcListeners *listeners, guint32 event, const GByteArray *domain,
                 const char *alias)
{
    for (guint i = 0; i < listeners->all->len; i++) {
        const listener *one = &g_array_index(listeners->all, listener, i);

        if (one->pending || one->event != event ||
            (!one->all && memcmp(one->uuid, domainUuid(domain->data, domain->len),
                                 VMC_RPC_UUID_SIZE) != 0))
            continue;
        tell(listeners, eventProcedure(event), one->callback, domain, alias);
    }
}
