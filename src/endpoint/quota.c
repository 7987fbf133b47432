/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places for connections: see quota.h. Pure: counts what it is given. */
#include <config.h>

#include "endpoint/quota.h"

#include <glib.h>

vmcQuota
vmcQuotaBegin(unsigned int channels)
{
    unsigned int own = MAX(VMC_ENDPOINT_MAX_CONNS / 2 / channels, 1);

    return (vmcQuota){ own, VMC_ENDPOINT_MAX_CONNS - MIN(own * channels, VMC_ENDPOINT_MAX_CONNS) };
}

/* A channel that is added makes the others' places fewer: they may have more than that. */
void
vmcQuotaAdd(vmcQuota *quota, unsigned int conns)
{
    if (conns > quota->own)
        quota->shared -= MIN(conns - quota->own, quota->shared);
}

bool
vmcQuotaTakes(const vmcQuota *quota, unsigned int conns)
{
    return conns < quota->own || quota->shared > 0;
}

#define RATE_INTERVAL ((vmcTime)1000000 / VMC_ENDPOINT_RATE)

bool
vmcRateTakes(vmcRate *rate, vmcTime now)
{
    vmcTime next = MAX(*rate, now - VMC_ENDPOINT_BURST * RATE_INTERVAL) + RATE_INTERVAL;

    if (next > now)
        return false;
    *rate = next;
    return true;
}
