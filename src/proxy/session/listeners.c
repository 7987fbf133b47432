/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who listens to devices that come and go. The daemon tells of its own; of a
 * channel, which it does not know, the proxy tells the client that asked for
 * the change, under the number that the daemon gave it. Of a client that asks
 * for very many such events the first are served.
 */
#include <config.h>

#include <libvirt/libvirt.h>
#include <string.h>

#include "proxy/session/session_priv.h"

#define LISTENERS_MAX 64

/* The events that we send, and their messages. */
static const struct {
    guint32 event;
    guint32 procedure;
} events[] = {
    { VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED },
    { VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED },
};

/* 0: not one of ours. */
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
listen(vmcSession *session, vmcXdrReader *reader)
{
    vmcListener listener = {
        .event = vmcXdrReadU32(reader), .serial = session->request.serial, .pending = true,
        .all = !vmcXdrReadFlag(reader),
    };
    size_t size = 0;
    const guint8 *domain = listener.all ? NULL : vmcRpcReadDomain(reader, &size);

    if (reader->failed || eventProcedure(listener.event) == 0 ||
        session->listeners->len >= LISTENERS_MAX)
        return;
    if (domain)
        memcpy(listener.uuid, domainUuid(domain, size), VMC_RPC_UUID_SIZE);
    g_array_append_val(session->listeners, listener);
}

static void
hearNoMore(vmcSession *session, vmcXdrReader *reader)
{
    guint32 callback = vmcXdrReadU32(reader);

    for (guint i = session->listeners->len; i-- > 0 && !reader->failed;) {
        const vmcListener *listener = &g_array_index(session->listeners, vmcListener, i);

        if (!listener->pending && listener->callback == callback)
            g_array_remove_index_fast(session->listeners, i);
    }
}

vmcFlowVerdict
vmcListenersMessage(vmcSession *session, const vmcRpcProcedure *procedure, GByteArray **message)
{
    vmcXdrReader reader;

    vmcRpcPayload(*message, &reader);
    if (procedure->number == VMC_RPC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY)
        listen(session, &reader);
    else
        hearNoMore(session, &reader);
    return VMC_FLOW_PASS;
}

void
vmcListenersReply(vmcSession *session, const vmcRpcHeader *header, const GByteArray *message)
{
    vmcXdrReader reader;

    vmcRpcPayload(message, &reader);
    for (guint i = session->listeners->len; i-- > 0;) {
        vmcListener *listener = &g_array_index(session->listeners, vmcListener, i);

        if (!listener->pending || listener->serial != header->serial)
            continue;
        listener->callback = vmcXdrReadU32(&reader);
        listener->pending = false;
        if (header->status != VMC_RPC_OK || reader.failed)
            g_array_remove_index_fast(session->listeners, i);
        return;
    }
}

static void
tell(vmcSession *session, guint32 procedure, guint32 callback, const GByteArray *domain,
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
    vmcWireWriterInsert(session->toClient, message);
}

void
vmcListenersTell(vmcSession *session, guint32 event, const GByteArray *domain, const char *alias)
{
    for (guint i = 0; i < session->listeners->len; i++) {
        const vmcListener *listener = &g_array_index(session->listeners, vmcListener, i);

        if (listener->pending || listener->event != event ||
            (!listener->all && memcmp(listener->uuid, domainUuid(domain->data, domain->len),
                                      VMC_RPC_UUID_SIZE) != 0))
            continue;
        tell(session, eventProcedure(event), listener->callback, domain, alias);
    }
}
