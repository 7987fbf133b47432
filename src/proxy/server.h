/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listening socket with one process for each client. */
#pragma once

#include "proxy/session/session.h"

/*
 * vmcServerServe: one client on a connected socket, with that client's rights,
 * or with the policy's.
 * Returns 0, or -1 with an error.
 */
int vmcServerServe(int client, const vmcSessionOptions *options);

/*
 * vmcServerListen:
 * Listens on @path, open to every user (their rights are what counts), and
 * serves each client in a process of its own. Under a policy it is open to the
 * owner of its folder alone, and so many clients are served at a time as the
 * policy says. Returns only with an error: -1.
 */
int vmcServerListen(const char *path, const vmcSessionOptions *options);
