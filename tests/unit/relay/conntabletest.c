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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/conntable/remove", testRemove);
    return g_test_run();
}
