/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of anything a guest or a host program can have the relay's processes hold:
 * the table in docs/architecture.md, with what happens at each. Those of connections
 * are the endpoint's: endpoint/types.h, endpoint/quota.h.
 */
#pragma once

#include "endpoint/types.h"

/* Clients of the control socket, and the bytes that may wait for one of them. */
#define VMC_LIMIT_CLIENTS 16
#define VMC_LIMIT_CLIENT_UNREAD 65536

/* Of one pump: connections that are over for their guests, with bytes for the host side. */
#define VMC_LIMIT_PUMP_GONE 16

/* Of one channel in mode bind: guests that have ended and left bytes for a host program. */
#define VMC_LIMIT_LEFT 16
