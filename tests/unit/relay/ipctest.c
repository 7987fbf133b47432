/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages between the processes of a relay: which of them a process takes. */
#include <config.h>

#include "relay/process/ipc.h"
#include "tests/lib/endpointrig.h"

static bool
check(const vmcIpcMessage *message, unsigned int nfds, vmcIpcWay way)
{
    return vmcIpcCheck(message, sizeof(*message), nfds, way);
}

static void
testWays(void)
{
    static const struct {
        vmcIpcType type;
        vmcIpcWay way;
        unsigned int fdsMin, fdsMax;
    } cases[] = {
        { VMC_IPC_CHILD_READY, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_OPEN, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_ENDED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_CLOSE, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_PROBED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_REMOVED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_WORKER_LIMITED, VMC_IPC_FROM_WORKER, 0, 0 },
        { VMC_IPC_BROKER_NETWORK, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_COUNTERS, VMC_IPC_TO_WORKER, 1, 1 },
        { VMC_IPC_BROKER_CHANNEL, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_REMOVE, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_KNOWN, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_SERVE, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_OPENED, VMC_IPC_TO_WORKER, 0, 1 },
        { VMC_IPC_BROKER_NULL, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_ACCEPTING, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_REFUSED, VMC_IPC_TO_WORKER, 0, 0 },
        { VMC_IPC_BROKER_CAPTURE, VMC_IPC_TO_WORKER, 0, 1 },
        { VMC_IPC_BROKER_PUMP, VMC_IPC_TO_PUMP, 0, 3 },
        { VMC_IPC_BROKER_RESET, VMC_IPC_TO_PUMP, 0, 0 },
        { VMC_IPC_BROKER_LOG, VMC_IPC_TO_PUMP, 1, 1 },
        { VMC_IPC_BROKER_FILE, VMC_IPC_TO_PUMP, 1, 1 },
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(cases) == VMC_IPC_LAST);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcIpcMessage message = { .type = cases[i].type };

        for (int way = 0; way < VMC_IPC_WAY_LAST; way++) {
            bool right = way == (int)cases[i].way ||
                (cases[i].type == VMC_IPC_CHILD_READY && way == VMC_IPC_FROM_PUMP);

            for (unsigned int nfds = 0; nfds <= VMC_IPC_FDS; nfds++)
                g_assert_cmpint(check(&message, nfds, way), ==,
                                right && nfds >= cases[i].fdsMin && nfds <= cases[i].fdsMax);
        }
    }
}

/* Any length but the one, any type beyond the last, any byte that is not used. */
static void
testForm(void)
{
    static const vmcIpcMessage right = { .type = VMC_IPC_WORKER_ENDED };
    guint8 bytes[2 * sizeof(vmcIpcMessage)] = { 0 };
    vmcIpcMessage message = { .type = VMC_IPC_LAST };

    memcpy(bytes, &right, sizeof(right));
    for (gsize len = 0; len <= sizeof(bytes); len++)
        g_assert_cmpint(vmcIpcCheck(bytes, len, 0, VMC_IPC_FROM_WORKER), ==,
                        len == sizeof(vmcIpcMessage));
    for (int way = 0; way < VMC_IPC_WAY_LAST; way++)
        g_assert_false(check(&message, 0, way));
    for (gsize i = 0; i < sizeof(vmcIpcMessage); i++) {
        bool used = i >= offsetof(vmcIpcMessage, id) && i < offsetof(vmcIpcMessage, channel);

        if (i < sizeof(message.type))
            continue;
        bytes[i] = 1;
        g_assert_cmpint(vmcIpcCheck(bytes, sizeof(vmcIpcMessage), 0, VMC_IPC_FROM_WORKER),
                        ==, used);
        bytes[i] = 0;
    }
}

/* Which fields each message says; all others are zero. */
static void
testFields(void)
{
    /* id, channel, value, the channel's address and port, the guest's, its MAC, no DHCP */
    static const struct {
        char letter;
        vmcIpcMessage set;
    } fields[] = {
        { 'i', { .id = 1 } }, { 'c', { .channel = 1 } }, { 'v', { .value = 1 } },
        { 'l', { .address = 1 } }, { 'l', { .port = 1 } },
        { 'p', { .peer = 1 } }, { 'p', { .peerPort = 1 } },
        { 'm', { .mac = { 1 } } }, { 'm', { .mac = { 0, 0, 0, 0, 0, 1 } } },
        { 'd', { .noDhcp = 1 } }, { '-', { .reserved = 1 } },
    };
    static const char *const used[VMC_IPC_LAST] = {
        [VMC_IPC_CHILD_READY] = "v",
        [VMC_IPC_WORKER_OPEN] = "iclpm",
        [VMC_IPC_WORKER_ENDED] = "i",
        [VMC_IPC_WORKER_CLOSE] = "iv",
        [VMC_IPC_WORKER_PROBED] = "",
        [VMC_IPC_WORKER_REMOVED] = "c",
        [VMC_IPC_WORKER_LIMITED] = "c",
        [VMC_IPC_BROKER_NETWORK] = "ivpd",
        [VMC_IPC_BROKER_COUNTERS] = "",
        [VMC_IPC_BROKER_CHANNEL] = "cvl",
        [VMC_IPC_BROKER_REMOVE] = "c",
        [VMC_IPC_BROKER_KNOWN] = "lpm",
        [VMC_IPC_BROKER_SERVE] = "",
        [VMC_IPC_BROKER_OPENED] = "i",
        [VMC_IPC_BROKER_NULL] = "i",
        [VMC_IPC_BROKER_ACCEPTING] = "i",
        [VMC_IPC_BROKER_REFUSED] = "i",
        [VMC_IPC_BROKER_CAPTURE] = "",
        [VMC_IPC_BROKER_PUMP] = "iv",
        [VMC_IPC_BROKER_RESET] = "i",
        [VMC_IPC_BROKER_LOG] = "",
        [VMC_IPC_BROKER_FILE] = "",
    };

    for (unsigned int type = 0; type < VMC_IPC_LAST; type++) {
        for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
            vmcIpcMessage message = fields[i].set;
            bool taken = false;

            message.type = type;
            for (int way = 0; way < VMC_IPC_WAY_LAST; way++) {
                for (unsigned int nfds = 0; nfds <= VMC_IPC_FDS; nfds++)
                    taken = taken || check(&message, nfds, way);
            }
            g_test_message("type %u, field '%c'", type, fields[i].letter);
            g_assert_cmpint(taken, ==, strchr(used[type], fields[i].letter) != NULL);
        }
    }
}

static void
testTuple(void)
{
    vmcEndpointTuple tuple = { .address = rigAddress("10.0.2.4"), .port = 600,
                               .peer = rigAddress("10.0.2.5"), .peerPort = 40000 };
    vmcEndpointTuple got;
    vmcIpcMessage message = { .type = VMC_IPC_WORKER_OPEN };

    vmcIpcSetTuple(&message, &tuple);
    vmcIpcGetTuple(&message, &got);
    g_assert_true(got.address.s_addr == tuple.address.s_addr && got.port == 600 &&
                  got.peer.s_addr == tuple.peer.s_addr && got.peerPort == 40000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/ipc/ways", testWays);
    g_test_add_func("/relay/ipc/form", testForm);
    g_test_add_func("/relay/ipc/fields", testFields);
    g_test_add_func("/relay/ipc/tuple", testTuple);
    return g_test_run();
}
