/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's XML for somebody who is to learn of the domain and not of the
 * host: a guest. What stays is what a table allows; all else goes, so what
 * libvirt adds one day is not shown until somebody has thought about it.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

/*
 * vmcDomainMask:
 * Returns the document of a domain without paths, passwords, addresses, names
 * and identities of the host, in libvirt's manner, which the caller frees, or
 * NULL with an error. @xml has <vmchannel>, not the stock form.
 */
char *vmcDomainMask(const char *xml);
