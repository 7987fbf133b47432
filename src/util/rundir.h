/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the sockets are that belong to running guests. A relay that libvirt
 * starts is told nothing by its environment, so the place is known by who one is.
 */
#pragma once

/*
 * vmcRunDirUser: the folder for the sockets of this process's user: an absolute
 * $XDG_RUNTIME_DIR; without that /run/user/UID if it is there and the user's own
 * (libvirt does not hand the variable to the commands that it starts). NULL when
 * there is none, as for root and for libvirt's QEMU user.
 * vmcRunDirSystem: the folder of the guests that the system runs.
 * vmcRunDirOwn: that of the guests that this process's user runs: in
 * vmcRunDirUser(), else vmcRunDirSystem().
 * None makes the folder. The caller frees what is not const.
 */
char *vmcRunDirUser(void);
const char *vmcRunDirSystem(void);
char *vmcRunDirOwn(void);
