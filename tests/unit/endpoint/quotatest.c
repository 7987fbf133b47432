/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places for connections: what each channel keeps, whatever the others do. */
#include <config.h>

#include <glib.h>

#include "endpoint/quota.h"
#include "qemu/nic.h"

/* So many channels, of which the first have @conns each, and the others none. */
static vmcQuota
count(unsigned int channels, unsigned int full, unsigned int conns)
{
    vmcQuota quota = vmcQuotaBegin(channels);

    for (unsigned int i = 0; i < channels; i++)
        vmcQuotaAdd(&quota, i < full ? conns : 0);
    return quota;
}

static void
testShares(void)
{
    static const struct { unsigned int channels, own, alone; } rows[] = {
        { 1, 512, 1024 }, { 2, 256, 768 }, { 4, 128, 640 }, { 10, 51, 565 },
        { 512, 1, 513 }, { 513, 1, 512 }, { 1024, 1, 1 },
    };

    G_STATIC_ASSERT(VMC_ENDPOINT_MAX_CONNS >= VMC_NIC_CHANNELS_MAX);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        vmcQuota before = count(rows[i].channels, 1, rows[i].alone - 1);
        vmcQuota full = count(rows[i].channels, 1, rows[i].alone);

        g_assert_cmpuint(before.own, ==, rows[i].own);
        g_assert_true(vmcQuotaTakes(&before, rows[i].alone - 1));
        g_assert_false(vmcQuotaTakes(&full, rows[i].alone));
    }
}

/* All but one take all they can get, in turn: the last still has its own, and the sum holds. */
static void
testLast(void)
{
    for (unsigned int channels = 2; channels <= 1024; channels++) {
        g_autofree unsigned int *conns = g_new0(unsigned int, channels);
        unsigned int total = 0;
        bool taken = true;
        vmcQuota quota = vmcQuotaBegin(channels);

        /* The others fill up evenly, then as far as the shared places go. */
        for (unsigned int i = 0; i + 1 < channels; i++)
            total += conns[i] = quota.own;
        while (taken) {
            quota = vmcQuotaBegin(channels);
            for (unsigned int i = 0; i < channels; i++)
                vmcQuotaAdd(&quota, conns[i]);
            taken = vmcQuotaTakes(&quota, conns[0]);
            conns[0] += taken;
            total += taken;
        }
        g_assert_true(vmcQuotaTakes(&quota, quota.own - 1));
        g_assert_cmpuint(total + quota.own, ==, VMC_ENDPOINT_MAX_CONNS);
    }
}

/* A channel that is added finds the others with more than is theirs now. */
static void
testAdded(void)
{
    vmcQuota quota = count(3, 1, VMC_ENDPOINT_MAX_CONNS);

    g_assert_cmpuint(quota.shared, ==, 0);
    g_assert_true(vmcQuotaTakes(&quota, 0));
    g_assert_false(vmcQuotaTakes(&quota, quota.own));
}

/* A burst at once, then one an interval; after a pause a burst again, and no more. */
static void
testRate(void)
{
    vmcRate rate = VMC_RATE_BEGIN;
    vmcTime now = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < VMC_ENDPOINT_BURST; i++)
            g_assert_true(vmcRateTakes(&rate, now));
        g_assert_false(vmcRateTakes(&rate, now));
        for (int i = 0; i < 2 * VMC_ENDPOINT_RATE; i++) {
            now += 1000000 / VMC_ENDPOINT_RATE;
            g_assert_true(vmcRateTakes(&rate, now));
            g_assert_false(vmcRateTakes(&rate, now));
        }
        now += 10000000;
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoint/quota/shares", testShares);
    g_test_add_func("/endpoint/quota/last", testLast);
    g_test_add_func("/endpoint/quota/added", testAdded);
    g_test_add_func("/endpoint/quota/rate", testRate);
    return g_test_run();
}
