/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt as the commands use it: connections, domains, and its errors as this project's. */
#pragma once

#include <glib.h>
#include <libvirt/libvirt.h>

#include "control/client.h"

/* The option --connect, as virsh has it, for a command's table of options. */
extern char *vmcToolUri;
#define VMC_TOOL_CONNECT_OPTION \
    { "connect", 'c', G_OPTION_FLAG_NONE, G_OPTION_ARG_STRING, &vmcToolUri, \
      "Which libvirt to talk to; without it, libvirt's own default", "URI" }

typedef virConnect vmcConnection;
typedef virDomain vmcDomain;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcConnection, virConnectClose)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcDomain, virDomainFree)

/* vmcToolConnect: opens --connect's URI; NULL with an error. */
vmcConnection *vmcToolConnect(void);

/* vmcToolFindDomain: by name or uuid; NULL with an error. */
vmcDomain *vmcToolFindDomain(vmcConnection *connection, const char *nameOrUuid);

/*
 * vmcToolControl:
 * Connects to the relay of a running domain: by name or uuid, or, when there is
 * a slash in @domain, by the path of its control socket. NULL with an error.
 */
vmcControlClient *vmcToolControl(const char *domain);

/* For the help of commands with a DOMAIN that vmcToolControl takes. */
#define VMC_TOOL_CONTROL_DOMAIN \
    "DOMAIN is a running domain's name or uuid, or the path of a control socket (with\n" \
    "a slash in it) where there is no libvirt.\n"

/*
 * vmcToolReportLibvirt: makes libvirt's last error the thread's vmcError; of an emulator
 * file that is not there, what to do about it.
 */
void vmcToolReportLibvirt(void);

/*
 * vmcToolStartLibvirt:
 * Before the first connection: libvirt's events come in a thread, and it no
 * longer prints its errors by itself. Does nothing the second time.
 */
void vmcToolStartLibvirt(void);
