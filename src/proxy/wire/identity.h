/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose rights a connection has. The daemon behind us may trust our uid, so a
 * proxy that root runs for others has to be one of them before it connects.
 */
#pragma once

/*
 * vmcIdentityAdopt:
 * Makes this process the peer of @socket, by uid, gid and groups, when it is
 * root; when it is somebody else, the peer must be the same user, or root.
 * Returns 0, or -1 with an error: then the connection must not be served.
 */
int vmcIdentityAdopt(int socket);

/*
 * vmcIdentityDrop:
 * Makes this process nobody, when it is root, and what it is for good: it gains
 * nothing by a program it might start, and its memory is nobody else's. Returns
 * 0, or -1 with an error: then nothing must be served.
 */
int vmcIdentityDrop(void);
