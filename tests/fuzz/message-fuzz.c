/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker that the guest has taken over against what the broker believes of
 * it: the form of messages, and the conntable of channels and connections. The
 * input is a byte that says how many channels there are, and a list of steps: a
 * byte that says what, and what it needs.
 *
 *   0-63     a packet as it is: ways and descriptors by the lowest bits, a byte
 *            of length, and the bytes
 *   64-191   an OPEN or a CLOSE with a small id, and as the lowest bits say of a
 *            channel that exists or with one field that is not right
 *   192-255  the worker dies, has probed, or has its successor told; a channel is
 *            removed, or the worker says that it has heard
 *
 * What must hold: a message has just the parts that its kind uses; connections
 * are those of the OPENs that were in order; each one's data ends once.
 */
#include <config.h>

#include <string.h>

#include "relay/broker/conntable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANNELS_MAX = 4 };

typedef struct {
    const uint8_t *data;
    size_t len;
    vmcConntable *conntable;
    unsigned int channels;
    enum { NONE, THERE, REMOVED } states[CHANNELS_MAX];
    unsigned int begun, ended;  /* connections with data */
    GHashTable *open;           /* id → the channel's number */
    unsigned int told;
} fuzz;

static uint8_t
next(fuzz *f)
{
    if (f->len == 0)
        return 0;
    f->len--;
    return *f->data++;
}

static struct in_addr
addressOf(uint32_t channel)
{
    return (struct in_addr) { htonl(0x0a000204 - channel % 2) };
}

static uint16_t
portOf(uint32_t channel)
{
    return (uint16_t)(600 + channel);
}

/* The data of a connection is the fuzz itself: it counts. */
static void
connEnd(gpointer data)
{
    fuzz *f = data;

    f->ended++;
    g_assert(f->ended <= f->begun);
}

/* As the broker does; every fourth is refused. */
static void
takeOpen(fuzz *f, const vmcIpcMessage *message)
{
    bool known = g_hash_table_contains(f->open, GUINT_TO_POINTER(message->id));
    bool right = message->channel < f->channels && f->states[message->channel] != NONE &&
        message->port == portOf(message->channel) &&
        message->address == addressOf(message->channel).s_addr;
    void *data = message->id % 4 == 3 ? NULL : f;

    g_assert(vmcConntableMayOpen(f->conntable, message) ==
             (right && !known && vmcConntableCount(f->conntable) < VMC_ENDPOINT_MAX_CONNS));
    if (!vmcConntableMayOpen(f->conntable, message))
        return;
    vmcConntableHasRoom(f->conntable, message->channel);
    f->begun += data != NULL;
    vmcConntableOpen(f->conntable, message, data);
    g_hash_table_insert(f->open, GUINT_TO_POINTER(message->id), GUINT_TO_POINTER(message->channel));
}

/* It has heard in order when there was something, and all of that is closed. */
static void
takeRemoved(fuzz *f, uint32_t channel)
{
    bool right = channel < f->channels && f->states[channel] == REMOVED;
    GHashTableIter iter;
    gpointer number;

    g_hash_table_iter_init(&iter, f->open);
    while (g_hash_table_iter_next(&iter, NULL, &number))
        right = right && GPOINTER_TO_UINT(number) != channel;
    g_assert(vmcConntableRemoved(f->conntable, channel) == right);
    if (right)
        f->states[channel] = NONE;
}

static void
take(fuzz *f, const vmcIpcMessage *message)
{
    void *found;

    if (message->type == VMC_IPC_WORKER_OPEN)
        takeOpen(f, message);
    else if (message->type == VMC_IPC_WORKER_CLOSE)
        g_assert(vmcConntableClose(f->conntable, message->id) ==
                 g_hash_table_remove(f->open, GUINT_TO_POINTER(message->id)));
    else if (message->type == VMC_IPC_WORKER_ENDED)
        g_assert(vmcConntableFind(f->conntable, message->id, &found) ==
                 g_hash_table_contains(f->open, GUINT_TO_POINTER(message->id)));
    else if (message->type == VMC_IPC_WORKER_PROBED)
        vmcConntableProbed(f->conntable);
    else if (message->type == VMC_IPC_WORKER_REMOVED)
        takeRemoved(f, message->channel);
    else
        g_assert(message->type == VMC_IPC_CHILD_READY || message->type == VMC_IPC_WORKER_LIMITED);
}

static void
stepPacket(fuzz *f, uint8_t step)
{
    vmcIpcWay way = step % VMC_IPC_WAY_LAST;
    unsigned int nfds = step / 4 % 4;
    size_t len = next(f);
    g_autofree uint8_t *exact = NULL;
    vmcIpcMessage message;

    len = MIN(len, f->len);
    exact = g_memdup2(f->data, len);
    f->data += len;
    f->len -= len;
    if (!vmcIpcCheck(exact, len, nfds, way))
        return;
    g_assert(len == sizeof(message));
    memcpy(&message, exact, sizeof(message));
    g_assert(message.type < VMC_IPC_LAST && message.reserved == 0);
    if (way == VMC_IPC_FROM_WORKER) {
        g_assert(nfds == 0);
        take(f, &message);
    }
}

static void
stepMessage(fuzz *f, uint8_t step)
{
    uint32_t number = next(f) % CHANNELS_MAX;
    vmcIpcMessage message = {
        .type = step & 1 ? VMC_IPC_WORKER_CLOSE : VMC_IPC_WORKER_OPEN,
        .id = (uint32_t)next(f) << (step & 8),
    };

    if (message.type == VMC_IPC_WORKER_OPEN) {
        message.channel = number;
        message.port = portOf(number) + ((step & 6) == 2);
        message.address = addressOf(number).s_addr + ((step & 6) == 4);
        message.peerPort = next(f);
    }
    g_assert(vmcIpcCheck(&message, sizeof(message), 0, VMC_IPC_FROM_WORKER));
    take(f, &message);
}

static void
countTold(void *opaque, const vmcIpcMessage *message)
{
    fuzz *f = opaque;

    g_assert(vmcIpcCheck(message, sizeof(*message), 0, VMC_IPC_TO_WORKER));
    f->told++;
}

/* What is there is told; and returns how many are. */
static unsigned int
countThere(const fuzz *f)
{
    unsigned int there = 0;

    for (unsigned int i = 0; i < f->channels; i++)
        there += f->states[i] == THERE;
    return there;
}

static void
stepChannel(fuzz *f, uint8_t step)
{
    vmcIpcMessage message = { .type = VMC_IPC_WORKER_REMOVED, .channel = next(f) % CHANNELS_MAX };

    if (step % 2 == 0) {
        take(f, &message);
    } else if (message.channel < f->channels && f->states[message.channel] == THERE) {
        vmcConntableRemoveChannel(f->conntable, message.channel);
        f->states[message.channel] = REMOVED;
    }
}

static void
stepLife(fuzz *f, uint8_t step)
{
    if (step % 4 == 0) {
        vmcConntableProbed(f->conntable);
    } else {
        vmcConntableWorkerEnded(f->conntable);
        g_hash_table_remove_all(f->open);
        for (unsigned int i = 0; i < f->channels; i++)
            f->states[i] = f->states[i] == REMOVED ? NONE : f->states[i];
        g_assert(f->ended == f->begun);
    }
    f->told = 0;
    vmcConntableTell(f->conntable, countTold, f);
    g_assert(f->told >= countThere(f) && f->told <= countThere(f) + VMC_LIMIT_KNOWN);
    g_assert(step % 4 != 0 || f->told == countThere(f));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f = { .data = data, .len = size };
    uint32_t number;

    f.conntable = vmcConntableNew(connEnd);
    f.open = g_hash_table_new(NULL, NULL);
    f.channels = next(&f) % (CHANNELS_MAX + 1);
    for (unsigned int i = 0; i < f.channels; i++)
        g_assert(vmcConntableAddChannel(f.conntable, addressOf(i), portOf(i), false, &number) && number == i);
    for (unsigned int i = 0; i < f.channels; i++)
        f.states[i] = THERE;
    g_assert(f.channels == 0 || !vmcConntableAddChannel(f.conntable, addressOf(0), portOf(0), false, &number));
    while (f.len > 0) {
        uint8_t step = next(&f);

        if (step < 64)
            stepPacket(&f, step);
        else if (step < 192)
            stepMessage(&f, step);
        else if (step < 240)
            stepLife(&f, step);
        else
            stepChannel(&f, step);
        g_assert(vmcConntableCount(f.conntable) == g_hash_table_size(f.open));
        g_assert(vmcConntableCount(f.conntable) <= VMC_ENDPOINT_MAX_CONNS);
    }
    vmcConntableFree(f.conntable);
    g_hash_table_unref(f.open);
    g_assert(f.ended == f.begun);
    return 0;
}
