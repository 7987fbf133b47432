/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the sockets are that belong to running guests. A relay that libvirt
 * starts is told nothing by its environment, so the place is known by who one is.
 */
#pragma once

/*
 * vmcRunDirSystem: the folder of the guests that the system runs.
 * vmcRunDirOwn: that of this process: in $XDG_RUNTIME_DIR; without that in
 * /run/user/UID if it is there, which it is for a person and not for libvirt's
 * QEMU user; else vmcRunDirSystem(). The caller frees it. Neither makes it.
 */
const char *vmcRunDirSystem(void);
char *vmcRunDirOwn(void);
