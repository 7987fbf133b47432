/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The udp source: one socket, which sends to one address and hears no other. */
#include <config.h>

#include "relay/broker/sources/drivers.h"
#include "relay/broker/sources/inet.h"

#include <errno.h>

static int
prepare(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    g_autoptr(GArray) remote = NULL;
    g_autoptr(GArray) local = NULL;
    const vmcInetAddress *to;
    const char *any;
    int error = 0;

    vmcInetName(source, def->host, def->service);
    remote = vmcInetLookUpFor(source, def->host ? def->host : "localhost", def->service,
                              SOCK_DGRAM, 0, &error);
    if (!remote) {
        vmcInetReport(source, error);
        return -1;
    }
    /* The relay's own address is of the same family. */
    to = &g_array_index(remote, vmcInetAddress, 0);
    any = to->address.ss_family == AF_INET6 ? "::" : "0.0.0.0";
    local = vmcInetLookUpFor(source, def->bindHost ? def->bindHost : any,
                             def->bindService ? def->bindService : "0", SOCK_DGRAM, AI_PASSIVE,
                             &error);
    if (!local) {
        vmcInetReport(source, error);
        return -1;
    }
    source->in = source->out = vmcInetBindFirst(local, SOCK_DGRAM);
    if (source->in < 0) {
        vmcInetName(source, def->bindHost, def->bindService);
        vmcSourceReportError(source, errno, "cannot bind to");
        return -1;
    }
    if (vmcInetConnect(source->in, to) < 0) {
        vmcSourceReportError(source, errno, "cannot send to");
        return -1;
    }
    return 0;
}

const vmcSourceDriver vmcSourceUdp = {
    .prepare = prepare, .open = vmcSourceOpenStanding,
    .alone = true, .pumped = true, .pumpKind = VMC_PUMP_DATAGRAM,
};
