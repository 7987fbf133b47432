/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The broker's table of channels and connections: what a channel's removal ends, and when. */
#include <config.h>

#include "relay/broker/conntable.h"

static void
countEnd(gpointer data)
{
    ++*(unsigned int *)data;
}

/* What a channel's removal does at once, and what waits until the worker has heard. */
static void
testRemove(void)
{
    vmcConntable *conntable = vmcConntableNew(countEnd);
    struct in_addr address = { htonl(0x0a000204) };
    vmcIpcMessage open = { .type = VMC_IPC_WORKER_OPEN, .id = 1, .port = 600,
                        .address = address.s_addr };
    unsigned int ended = 0;
    uint32_t first = 77, second = 77, third = 77;

    g_assert_true(vmcConntableAddChannel(conntable, address, 600, false, &first));
    g_assert_cmpuint(first, ==, 0);
    g_assert_false(vmcConntableRemoved(conntable, first));
    vmcConntableOpen(conntable, &open, &ended);
    vmcConntableRemoveChannel(conntable, first);
    g_assert_cmpuint(ended, ==, 1);
    /* The address is free, the number is not, and may still be asked for. */
    g_assert_true(vmcConntableAddChannel(conntable, address, 600, false, &second));
    g_assert_cmpuint(second, ==, 1);
    open.id = 2;
    g_assert_true(vmcConntableMayOpen(conntable, &open));
    g_assert_false(vmcConntableRemoved(conntable, first));
    g_assert_true(vmcConntableClose(conntable, 1));
    g_assert_cmpuint(ended, ==, 1);
    g_assert_true(vmcConntableRemoved(conntable, first));
    g_assert_false(vmcConntableRemoved(conntable, first));
    g_assert_false(vmcConntableMayOpen(conntable, &open));
    g_assert_true(vmcConntableAddChannel(conntable, address, 601, false, &third));
    g_assert_cmpuint(third, ==, 0);
    /* No worker, nobody who must hear. */
    vmcConntableRemoveChannel(conntable, second);
    vmcConntableWorkerEnded(conntable);
    g_assert_false(vmcConntableRemoved(conntable, second));
    g_assert_true(vmcConntableAddChannel(conntable, address, 602, false, &second));
    g_assert_cmpuint(second, ==, 1);
    vmcConntableFree(conntable);
}

/* One of two channels may have its half and what nobody has, and not the other's. */
static void
testHasRoom(void)
{
    vmcConntable *conntable = vmcConntableNew(countEnd);
    struct in_addr address = { htonl(0x0a000204) };
    uint32_t first, second;
    unsigned int n = 0, ended = 0;

    g_assert_true(vmcConntableAddChannel(conntable, address, 600, false, &first));
    g_assert_true(vmcConntableAddChannel(conntable, address, 601, false, &second));
    while (vmcConntableHasRoom(conntable, first)) {
        vmcIpcMessage open = { .type = VMC_IPC_WORKER_OPEN, .id = ++n, .channel = first };

        vmcConntableOpen(conntable, &open, &ended);
    }
    g_assert_cmpuint(n, ==, 768);
    g_assert_cmpuint(vmcConntableCount(conntable), ==, 768);
    g_assert_true(vmcConntableHasRoom(conntable, second));
    vmcConntableRemoveChannel(conntable, second);
    g_assert_true(vmcConntableHasRoom(conntable, first));
    vmcConntableRemoveChannel(conntable, first);
    g_assert_cmpuint(ended, ==, 768);
    g_assert_false(vmcConntableHasRoom(conntable, first));
    vmcConntableFree(conntable);
}

static void
tell(void *opaque, const vmcIpcMessage *message)
{
    g_array_append_val((GArray *)opaque, *message);
}

/* A successor hears of the channels that are there, and of all that it may have to probe. */
static void
testTell(void)
{
    vmcConntable *conntable = vmcConntableNew(countEnd);
    struct in_addr address = { htonl(0x0a000204) };
    g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(vmcIpcMessage));
    vmcIpcMessage *messages;
    unsigned int ended = 0;
    uint32_t number;

    for (uint16_t port = 600; port < 603; port++)
        g_assert_true(vmcConntableAddChannel(conntable, address, port, false, &number));
    for (uint32_t id = 1; id <= 3; id++) {
        vmcIpcMessage open = { .type = VMC_IPC_WORKER_OPEN, .id = id, .channel = 2,
                               .peerPort = (uint16_t)(40000 + id) };

        /* The second is one that was refused. */
        vmcConntableOpen(conntable, &open, id == 2 ? NULL : &ended);
        vmcConntableWorkerEnded(conntable);
    }
    vmcConntableRemoveChannel(conntable, 1);
    vmcConntableTell(conntable, tell, told);
    messages = (vmcIpcMessage *)(void *)told->data;
    g_assert_cmpuint(told->len, ==, 4);
    g_assert_cmpuint(messages[0].port, ==, 600);
    g_assert_cmpuint(messages[1].port, ==, 602);
    for (int i = 2; i < 4; i++) {
        g_assert_cmpint(messages[i].type, ==, VMC_IPC_BROKER_KNOWN);
        g_assert_cmpuint(messages[i].id, ==, 0);
        g_assert_cmpuint(messages[i].channel, ==, 0);
        g_assert_cmpuint(messages[i].peerPort, ==, i == 2 ? 40003 : 40001);
    }
    vmcConntableProbed(conntable);
    g_array_set_size(told, 0);
    vmcConntableTell(conntable, tell, told);
    g_assert_cmpuint(told->len, ==, 2);
    vmcConntableFree(conntable);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/conntable/remove", testRemove);
    g_test_add_func("/relay/conntable/has-room", testHasRoom);
    g_test_add_func("/relay/conntable/tell", testTell);
    return g_test_run();
}
