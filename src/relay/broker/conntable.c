/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the broker knows of its worker: see conntable.h. Opens no host side and
 * ends no process.
 *
 * Pure: works on the messages that it is given.
 */
#include <config.h>

#include "relay/broker/conntable.h"

#include "qemu/nic.h"

/* A guest connection, from the worker's OPEN to its CLOSE. */
typedef struct {
    vmcLedger *ledger;
    uint32_t channel;
    bool refused;
    vmcMessage known;           /* what a successor is told of it */
    void *data;                 /* NULL: refused, or over with its channel */
} ledgerConn;

typedef enum {
    CHANNEL_NONE,               /* the number is free */
    CHANNEL_THERE,
    CHANNEL_REMOVED,            /* the worker may not have heard */
} channelState;

typedef struct {
    channelState state;
    vmcMessage told;            /* as the worker is told of it */
} ledgerChannel;

struct _vmcLedger {
    GDestroyNotify end;
    GArray *channels;           /* of ledgerChannel, by number */
    GHashTable *conns;          /* id → ledgerConn */
    GArray *known;              /* of vmcMessage: connections of dead workers */
};

static void
connEnd(ledgerConn *conn)
{
    void *data = g_steal_pointer(&conn->data);

    if (data)
        conn->ledger->end(data);
}

static void
connFree(gpointer opaque)
{
    connEnd(opaque);
    g_free(opaque);
}

vmcLedger *
vmcLedgerNew(GDestroyNotify end)
{
    vmcLedger *ledger = g_new0(vmcLedger, 1);

    ledger->end = end;
    ledger->channels = g_array_new(FALSE, FALSE, sizeof(ledgerChannel));
    ledger->conns = g_hash_table_new_full(NULL, NULL, NULL, connFree);
    ledger->known = g_array_new(FALSE, FALSE, sizeof(vmcMessage));
    return ledger;
}

void
vmcLedgerFree(vmcLedger *ledger)
{
    g_hash_table_unref(ledger->conns);
    g_array_unref(ledger->channels);
    g_array_unref(ledger->known);
    g_free(ledger);
}

static ledgerChannel *
channelAt(const vmcLedger *ledger, uint32_t number)
{
    return &g_array_index(ledger->channels, ledgerChannel, number);
}

static bool
isAt(const ledgerChannel *channel, uint32_t address, uint16_t port)
{
    return channel->told.address == address && channel->told.port == port;
}

/* A number that is free; one more than there may be, when none is. */
static uint32_t
freeNumber(const vmcLedger *ledger)
{
    uint32_t number = 0;

    while (number < ledger->channels->len && channelAt(ledger, number)->state != CHANNEL_NONE)
        number++;
    return number;
}

bool
vmcLedgerAddChannel(vmcLedger *ledger, struct in_addr address, uint16_t port, uint32_t *number)
{
    uint32_t free = freeNumber(ledger);

    for (uint32_t i = 0; i < ledger->channels->len; i++) {
        const ledgerChannel *other = channelAt(ledger, i);

        if (other->state == CHANNEL_THERE && isAt(other, address.s_addr, port))
            return false;
    }
    if (free == VMC_NIC_CHANNELS_MAX)
        return false;
    if (free == ledger->channels->len)
        g_array_set_size(ledger->channels, free + 1);
    *channelAt(ledger, free) = (ledgerChannel) {
        CHANNEL_THERE, { .type = VMC_MESSAGE_BROKER_CHANNEL, .channel = free,
                         .address = address.s_addr, .port = port } };
    *number = free;
    return true;
}

void
vmcLedgerRemoveChannel(vmcLedger *ledger, uint32_t number)
{
    GHashTableIter iter;
    gpointer value;

    channelAt(ledger, number)->state = CHANNEL_REMOVED;
    g_hash_table_iter_init(&iter, ledger->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ledgerConn *conn = value;

        if (conn->channel == number)
            connEnd(conn);
    }
}

bool
vmcLedgerRemoved(vmcLedger *ledger, uint32_t number)
{
    GHashTableIter iter;
    gpointer value;

    if (number >= ledger->channels->len || channelAt(ledger, number)->state != CHANNEL_REMOVED)
        return false;
    g_hash_table_iter_init(&iter, ledger->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ledgerConn *conn = value;

        if (conn->channel == number)
            return false;
    }
    channelAt(ledger, number)->state = CHANNEL_NONE;
    return true;
}

bool
vmcLedgerMayOpen(const vmcLedger *ledger, const vmcMessage *message)
{
    return message->channel < ledger->channels->len &&
        channelAt(ledger, message->channel)->state != CHANNEL_NONE &&
        isAt(channelAt(ledger, message->channel), message->address, message->port) &&
        vmcLedgerCount(ledger) < VMC_ENDPOINT_MAX_CONNS &&
        !g_hash_table_contains(ledger->conns, GUINT_TO_POINTER(message->id));
}

void
vmcLedgerOpen(vmcLedger *ledger, const vmcMessage *message, void *data)
{
    ledgerConn *conn = g_new0(ledgerConn, 1);

    conn->ledger = ledger;
    conn->channel = message->channel;
    conn->refused = data == NULL;
    conn->known = *message;
    conn->known.type = VMC_MESSAGE_BROKER_KNOWN;
    conn->known.id = conn->known.channel = 0;
    conn->data = data;
    g_hash_table_insert(ledger->conns, GUINT_TO_POINTER(message->id), conn);
}

bool
vmcLedgerClose(vmcLedger *ledger, uint32_t id)
{
    return g_hash_table_remove(ledger->conns, GUINT_TO_POINTER(id));
}

unsigned int
vmcLedgerCount(const vmcLedger *ledger)
{
    return g_hash_table_size(ledger->conns);
}

void
vmcLedgerWorkerEnded(vmcLedger *ledger)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, ledger->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ledgerConn *conn = value;

        if (!conn->refused)
            g_array_append_val(ledger->known, conn->known);
    }
    if (ledger->known->len > VMC_LEDGER_KNOWN_MAX)
        g_array_remove_range(ledger->known, 0, ledger->known->len - VMC_LEDGER_KNOWN_MAX);
    g_hash_table_remove_all(ledger->conns);
    for (uint32_t i = 0; i < ledger->channels->len; i++) {
        if (channelAt(ledger, i)->state == CHANNEL_REMOVED)
            channelAt(ledger, i)->state = CHANNEL_NONE;
    }
}

void
vmcLedgerProbed(vmcLedger *ledger)
{
    g_array_unref(ledger->known);
    ledger->known = g_array_new(FALSE, FALSE, sizeof(vmcMessage));
}

void
vmcLedgerTell(const vmcLedger *ledger, void (*tell)(void *opaque, const vmcMessage *message),
              void *opaque)
{
    for (guint i = 0; i < ledger->channels->len; i++) {
        if (channelAt(ledger, i)->state == CHANNEL_THERE)
            tell(opaque, &channelAt(ledger, i)->told);
    }
    /* The guest is likelier to have the latest still. */
    for (guint i = ledger->known->len; i > 0; i--)
        tell(opaque, &g_array_index(ledger->known, vmcMessage, i - 1));
}
