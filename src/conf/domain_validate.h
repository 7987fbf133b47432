/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that hold across the devices of a domain, which no device can check
 * by itself.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include "conf/domain_conf.h"

/*
 * vmcDomainDefValidate:
 * Checks that address:port of a channel is unique, that no channel binds what
 * another device binds or has its alias, that addresses are in the network, and
 * that there is at most one NIC for channels. Returns 0, or -1 with an error.
 */
int vmcDomainDefValidate(const vmcDomainDef *def);
