/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One client's connection, from its first byte to its last. Adds no rights:
 * whoever calls this has become who the client is.
 */
#pragma once

#include "proxy/policy/shared.h"
#include "proxy/session/rewriting.h"
#include "proxy/wire/upstream.h"

typedef struct {
    vmcRewritingDirs dirs;
    vmcUpstream upstream;       /* known, under a policy */
    vmcPolicyShared *shared;    /* the client is a guest; NULL: it is a user of the host's */
} vmcSessionOptions;

/*
 * vmcSessionRun:
 * Serves the client that is read from @in and written to at @out, which may be
 * the same, until one side ends. Returns 0, or -1 with an error.
 */
int vmcSessionRun(int in, int out, const vmcSessionOptions *options);
