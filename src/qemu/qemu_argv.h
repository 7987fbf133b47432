/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What qemu-vmchannel does to a command line: the arguments that it was given
 * in, the arguments for QEMU and for the relay out.
 *
 * Pure: opens nothing, starts nothing. Descriptors come in as strings, so
 * that a test can put words in their place.
 */
#pragma once

#include <stdbool.h>

#include "conf/domain_chr.h"
#include "conf/network.h"
#include "qemu/user_net.h"

/* What an argument list asks for. Read it, do not write it. */
typedef struct {
    GPtrArray *args;        /* of char *: QEMU's own, without -vmchannel */
    GPtrArray *channels;    /* of vmcChannel */
    int netdev;             /* index in args of libvirt's netdev value, or -1 */
    bool addDefaultNet;     /* the channels' NIC would suppress QEMU's default one */
    bool addDefaultUser;    /* which has a user-mode network behind it */
    vmcUserNets *userNets;  /* the guest's user-mode networks */
    vmcNetworkDef net;      /* of the channels; its network is settled, given or not */
    char *nicDriver;        /* of the NIC that carries the channels */
    unsigned int mtu;       /* that this NIC takes, in IP bytes */
    char *mac;              /* of the channels' NIC, when libvirt gave none */
    unsigned int slot;      /* of PCI, that it takes */
    char *name;             /* the guest's -name, or NULL */
    char *uuid;             /* its -uuid, or NULL */
} vmcQemuArgv;

/*
 * vmcQemuArgvReadconfigs:
 * Returns the values of @args' -readconfig options in their order, a
 * NULL-terminated list that the caller frees with g_strfreev().
 */
char **vmcQemuArgvReadconfigs(const char *const *args);

/*
 * vmcQemuArgvParse:
 * Reads @args, QEMU's arguments without its name. @configs are the contents
 * of the files of vmcQemuArgvReadconfigs(), in that order. Returns the plan, to be
 * settled, which the caller frees, or NULL with an error that names the option.
 */
vmcQemuArgv *vmcQemuArgvParse(const char *const *args, const char *const *configs);

/*
 * vmcQemuArgvSettle:
 * Chooses the channels' network and checks them against it. @hasUser: whether this
 * QEMU was built with a user-mode network, which matters with addDefaultNet alone.
 * Returns 0, or -1 with an error.
 */
int vmcQemuArgvSettle(vmcQemuArgv *plan, bool hasUser);

/*
 * vmcQemuHasUserNet:
 * Whether @backends, which QEMU prints for -netdev help, has the user-mode network.
 */
bool vmcQemuHasUserNet(const char *backends);

/*
 * vmcQemuArgvUserNets:
 * Returns the user-mode networks of @args, part of QEMU's arguments, whatever else
 * is in them. The caller frees them.
 */
vmcUserNets *vmcQemuArgvUserNets(const char *const *args);

void vmcQemuArgvFree(vmcQemuArgv *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcQemuArgv, vmcQemuArgvFree)

/*
 * vmcQemuArgvHasVmchannel:
 * Whether there is anything to do: a -vmchannel, or libvirt's netdev. If
 * not, QEMU gets its arguments as they were.
 */
bool vmcQemuArgvHasVmchannel(const vmcQemuArgv *plan);

/*
 * vmcQemuArgvFormat:
 * Returns the argument list that QEMU is started with, @emulator first, as a
 * NULL-terminated list that the caller frees with g_strfreev(). @linkFd is
 * the number of QEMU's end of the link.
 */
char **vmcQemuArgvFormat(const vmcQemuArgv *plan, const char *emulator, const char *linkFd);

/*
 * vmcQemuArgvFormatRelay:
 * The same for the relay: the whole of its configuration. @linkFd is the
 * number of the relay's end of the link.
 */
char **vmcQemuArgvFormatRelay(const vmcQemuArgv *plan, const char *relay, const char *linkFd);
