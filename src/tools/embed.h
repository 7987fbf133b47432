/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's QEMU driver inside this process (qemu:///embed): no daemon, and
 * all of its state in one folder.
 */
#pragma once

#include <libvirt/libvirt.h>

typedef struct _vmcEmbed vmcEmbed;

/*
 * vmcEmbedOpen:
 * Opens the driver with its state in @root, or in a folder of its own that
 * vmcEmbedClose() removes when @root is NULL. A qemu.conf is written where
 * @root has none: files instead of virtlogd, and none of what needs a system's
 * set-up (cgroups, security labels, namespaces). Runs libvirt's event loop in
 * a thread, once per process. Returns NULL with an error.
 */
vmcEmbed *vmcEmbedOpen(const char *root);
void vmcEmbedClose(vmcEmbed *embed);

/* The connection; it ends with vmcEmbedClose(). */
virConnectPtr vmcEmbedConnection(vmcEmbed *embed);
