/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the broker knows of its worker: see ledger.h. Opens no host side and
 * ends no process.
 *
 * Pure: works on the messages that it is given.
 */
#include <config.h>

#include "relay/ledger.h"

/* A guest connection, from the worker's OPEN to its CLOSE. */
typedef struct {
    vmcLedger *ledger;
    vmcMessage known;           /* what a successor is told of it */
    void *data;                 /* NULL: refused */
} ledgerConn;

struct _vmcLedger {
    GDestroyNotify end;
    GArray *channels;           /* of vmcMessage, as the worker is told them */
    GHashTable *conns;          /* id → ledgerConn */
    GArray *known;              /* of vmcMessage: connections of dead workers */
};

static void
connFree(gpointer opaque)
{
    ledgerConn *conn = opaque;

    if (conn->data)
        conn->ledger->end(conn->data);
    g_free(conn);
}

vmcLedger *
vmcLedgerNew(GDestroyNotify end)
{
    vmcLedger *ledger = g_new0(vmcLedger, 1);

    ledger->end = end;
    ledger->channels = g_array_new(FALSE, FALSE, sizeof(vmcMessage));
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

static const vmcMessage *
channelAt(const vmcLedger *ledger, uint32_t number)
{
    return &g_array_index(ledger->channels, vmcMessage, number);
}

static bool
isAt(const vmcMessage *channel, uint32_t address, uint16_t port)
{
    return channel->address == address && channel->port == port;
}

bool
vmcLedgerAddChannel(vmcLedger *ledger, struct in_addr address, uint16_t port)
{
    vmcMessage channel = { .type = VMC_MESSAGE_BROKER_CHANNEL, .channel = ledger->channels->len,
                           .address = address.s_addr, .port = port };

    for (uint32_t i = 0; i < ledger->channels->len; i++) {
        if (isAt(channelAt(ledger, i), address.s_addr, port))
            return false;
    }
    g_array_append_val(ledger->channels, channel);
    return true;
}

bool
vmcLedgerMayOpen(const vmcLedger *ledger, const vmcMessage *message)
{
    return message->channel < ledger->channels->len &&
        isAt(channelAt(ledger, message->channel), message->address, message->port) &&
        vmcLedgerCount(ledger) < VMC_ENDPOINT_MAX_CONNS &&
        !g_hash_table_contains(ledger->conns, GUINT_TO_POINTER(message->id));
}

void
vmcLedgerOpen(vmcLedger *ledger, const vmcMessage *message, void *data)
{
    ledgerConn *conn = g_new0(ledgerConn, 1);

    conn->ledger = ledger;
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

        if (conn->data)
            g_array_append_val(ledger->known, conn->known);
    }
    if (ledger->known->len > VMC_LEDGER_KNOWN_MAX)
        g_array_remove_range(ledger->known, 0, ledger->known->len - VMC_LEDGER_KNOWN_MAX);
    g_hash_table_remove_all(ledger->conns);
}

void
vmcLedgerProbed(vmcLedger *ledger)
{
    g_array_set_size(ledger->known, 0);
}

void
vmcLedgerTell(const vmcLedger *ledger, void (*tell)(void *opaque, const vmcMessage *message),
              void *opaque)
{
    const GArray *const lists[] = { ledger->channels, ledger->known };

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint j = 0; j < lists[i]->len; j++)
            tell(opaque, &g_array_index(lists[i], vmcMessage, j));
    }
}
