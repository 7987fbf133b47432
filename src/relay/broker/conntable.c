/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the broker knows of its worker: see conntable.h. Opens no host side and
 * ends no process.
 *
 * Pure: works on the messages that it is given.
 */
#include <config.h>

#include "relay/broker/conntable.h"

#include "endpoint/quota.h"
#include "qemu/nic.h"

/* A guest connection, from the worker's OPEN to its CLOSE. */
typedef struct {
    vmcConntable *table;
    uint32_t channel;
    bool refused;
    vmcIpcMessage known;        /* what a successor is told of it */
    void *data;                 /* NULL: refused, or over with its channel */
} tableConn;

typedef enum {
    CHANNEL_NONE,               /* the number is free */
    CHANNEL_THERE,
    CHANNEL_REMOVED,            /* the worker may not know yet */
} channelState;

typedef struct {
    channelState state;
    unsigned int conns;         /* that the worker has */
    vmcIpcMessage message;      /* that tells a worker of it */
} tableChannel;

struct _vmcConntable {
    GDestroyNotify end;
    GArray *channels;           /* of tableChannel, by number */
    GHashTable *conns;          /* id → tableConn */
    GArray *known;              /* of vmcIpcMessage: connections of dead workers */
};

static void
connEnd(tableConn *conn)
{
    void *data = g_steal_pointer(&conn->data);

    if (data)
        conn->table->end(data);
}

static tableChannel *
channelAt(const vmcConntable *table, uint32_t number)
{
    return &g_array_index(table->channels, tableChannel, number);
}

static void
connFree(gpointer opaque)
{
    tableConn *conn = opaque;

    channelAt(conn->table, conn->channel)->conns--;
    connEnd(conn);
    g_free(conn);
}

vmcConntable *
vmcConntableNew(GDestroyNotify end)
{
    vmcConntable *table = g_new0(vmcConntable, 1);

    table->end = end;
    table->channels = g_array_new(FALSE, FALSE, sizeof(tableChannel));
    table->conns = g_hash_table_new_full(NULL, NULL, NULL, connFree);
    table->known = g_array_new(FALSE, FALSE, sizeof(vmcIpcMessage));
    return table;
}

void
vmcConntableFree(vmcConntable *table)
{
    g_hash_table_unref(table->conns);
    g_array_unref(table->channels);
    g_array_unref(table->known);
    g_free(table);
}

static bool
isAt(const tableChannel *channel, uint32_t address, uint16_t port)
{
    return channel->message.address == address && channel->message.port == port;
}

/* The lowest number that is free; VMC_NIC_CHANNELS_MAX when none is. */
static uint32_t
freeNumber(const vmcConntable *table)
{
    uint32_t number = 0;

    while (number < table->channels->len && channelAt(table, number)->state != CHANNEL_NONE)
        number++;
    return number;
}

bool
vmcConntableAddChannel(vmcConntable *table, struct in_addr address, uint16_t port,
                       bool alone, uint32_t *number)
{
    uint32_t free = freeNumber(table);

    for (uint32_t i = 0; i < table->channels->len; i++) {
        const tableChannel *other = channelAt(table, i);

        if (other->state == CHANNEL_THERE && isAt(other, address.s_addr, port))
            return false;
    }
    if (free == VMC_NIC_CHANNELS_MAX)
        return false;
    if (free == table->channels->len)
        g_array_set_size(table->channels, free + 1);
    *channelAt(table, free) = (tableChannel) {
        CHANNEL_THERE, 0, { .type = VMC_IPC_BROKER_CHANNEL, .channel = free,
                            .address = address.s_addr, .port = port, .value = alone } };
    *number = free;
    return true;
}

void
vmcConntableRemoveChannel(vmcConntable *table, uint32_t number)
{
    GHashTableIter iter;
    gpointer value;

    channelAt(table, number)->state = CHANNEL_REMOVED;
    g_hash_table_iter_init(&iter, table->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        tableConn *conn = value;

        if (conn->channel == number)
            connEnd(conn);
    }
}

bool
vmcConntableRemoved(vmcConntable *table, uint32_t number)
{
    GHashTableIter iter;
    gpointer value;

    if (number >= table->channels->len || channelAt(table, number)->state != CHANNEL_REMOVED)
        return false;
    g_hash_table_iter_init(&iter, table->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const tableConn *conn = value;

        if (conn->channel == number)
            return false;
    }
    channelAt(table, number)->state = CHANNEL_NONE;
    return true;
}

bool
vmcConntableMayOpen(const vmcConntable *table, const vmcIpcMessage *message)
{
    return message->channel < table->channels->len &&
        channelAt(table, message->channel)->state != CHANNEL_NONE &&
        isAt(channelAt(table, message->channel), message->address, message->port) &&
        vmcConntableCount(table) < VMC_ENDPOINT_MAX_CONNS &&
        !g_hash_table_contains(table->conns, GUINT_TO_POINTER(message->id));
}

bool
vmcConntableHasRoom(const vmcConntable *table, uint32_t number)
{
    unsigned int channels = 0;
    vmcQuota quota;

    for (uint32_t i = 0; i < table->channels->len; i++)
        channels += channelAt(table, i)->state == CHANNEL_THERE;
    if (channels == 0)
        return false;
    quota = vmcQuotaBegin(channels);
    for (uint32_t i = 0; i < table->channels->len; i++)
        vmcQuotaAdd(&quota, channelAt(table, i)->conns);
    return vmcQuotaTakes(&quota, channelAt(table, number)->conns);
}

void
vmcConntableOpen(vmcConntable *table, const vmcIpcMessage *message, void *data)
{
    tableConn *conn = g_new0(tableConn, 1);

    conn->table = table;
    conn->channel = message->channel;
    conn->refused = data == NULL;
    conn->known = *message;
    conn->known.type = VMC_IPC_BROKER_KNOWN;
    conn->known.id = conn->known.channel = 0;
    conn->data = data;
    channelAt(table, conn->channel)->conns++;
    g_hash_table_insert(table->conns, GUINT_TO_POINTER(message->id), conn);
}

bool
vmcConntableFind(const vmcConntable *table, uint32_t id, void **data)
{
    const tableConn *conn = g_hash_table_lookup(table->conns, GUINT_TO_POINTER(id));

    *data = conn ? conn->data : NULL;
    return conn != NULL;
}

bool
vmcConntableClose(vmcConntable *table, uint32_t id)
{
    return g_hash_table_remove(table->conns, GUINT_TO_POINTER(id));
}

unsigned int
vmcConntableCount(const vmcConntable *table)
{
    return g_hash_table_size(table->conns);
}

void
vmcConntableWorkerEnded(vmcConntable *table)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, table->conns);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const tableConn *conn = value;

        if (!conn->refused)
            g_array_append_val(table->known, conn->known);
    }
    if (table->known->len > VMC_LIMIT_KNOWN)
        g_array_remove_range(table->known, 0, table->known->len - VMC_LIMIT_KNOWN);
    g_hash_table_remove_all(table->conns);
    for (uint32_t i = 0; i < table->channels->len; i++) {
        if (channelAt(table, i)->state == CHANNEL_REMOVED)
            channelAt(table, i)->state = CHANNEL_NONE;
    }
}

void
vmcConntableProbed(vmcConntable *table)
{
    g_array_unref(table->known);
    table->known = g_array_new(FALSE, FALSE, sizeof(vmcIpcMessage));
}

void
vmcConntableTell(const vmcConntable *table,
                 void (*tell)(void *opaque, const vmcIpcMessage *message), void *opaque)
{
    for (unsigned int i = 0; i < table->channels->len; i++) {
        if (channelAt(table, i)->state == CHANNEL_THERE)
            tell(opaque, &channelAt(table, i)->message);
    }
    /* The latest first: it is more probable that the guest still has those. */
    for (unsigned int i = table->known->len; i > 0; i--)
        tell(opaque, &g_array_index(table->known, vmcIpcMessage, i - 1));
}
