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
 * vmcRunDirName: how files there are called that belong to @guest, a guest's uuid or
 * name: that itself, or, where it is longer than VMC_RUN_DIR_NAME_MAX bytes or has a
 * '/', its beginning and a hash of it. So the path of a socket is not too long, and
 * no two names give one.
 */
#define VMC_RUN_DIR_NAME_MAX 48
char *vmcRunDirUser(void);
const char *vmcRunDirSystem(void);
char *vmcRunDirOwn(void);
char *vmcRunDirName(const char *guest);
