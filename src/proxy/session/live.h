/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels of running domains, asked of and changed by the relay that serves
 * them, through its control socket: with the proxy's rights, which are its
 * caller's.
 */
#pragma once

#include <glib.h>

#include "documents/domain_live.h"

/*
 * vmcLiveQuery: the channels (vmcLiveChannel *) of the running domain @uuid, as
 * its relay says, which the caller unrefs; NULL with an error.
 * vmcLiveChange: takes @removed out of it and puts @added in; each may be NULL.
 * Returns 0, or -1 with an error, all being as before then if the relay lets it.
 */
GPtrArray *vmcLiveQuery(const char *uuid);
int vmcLiveChange(const char *uuid, const vmcChannel *removed, const vmcChannel *added);
