/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who gets the places for connections, so that no channel takes those of the others:
 * half of them are shared out among the channels, and each keeps its own free for
 * itself; the other half is for whoever comes first. The endpoint and the broker's table
 * go by the same rule. And how often a channel is opened. Pure.
 */
#pragma once

#include <stdbool.h>

#include "endpoint/types.h"

/* What the connections of all channels take; begun anew for each question. */
typedef struct {
    unsigned int own;           /* places that each channel has for itself */
    unsigned int shared;        /* of the others, those that are free */
} vmcQuota;

/*
 * vmcQuotaBegin: for so many channels, at least one, none of which has a connection.
 * vmcQuotaAdd: one of them has so many.
 * vmcQuotaTakes: after all were added: whether one that has so many may have one more.
 */
vmcQuota vmcQuotaBegin(unsigned int channels);
void vmcQuotaAdd(vmcQuota *quota, unsigned int conns);
bool vmcQuotaTakes(const vmcQuota *quota, unsigned int conns);

/* When the connections of one channel so far would all have come at its rate. */
typedef vmcTime vmcRate;
#define VMC_RATE_BEGIN (INT64_MIN / 2)

/* vmcRateTakes: whether there may be one more @now, which counts then. */
bool vmcRateTakes(vmcRate *rate, vmcTime now);
