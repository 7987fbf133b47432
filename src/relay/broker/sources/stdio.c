/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stdio source: standard input and output of whoever started the relay. QEMU
 * has them too, so they are left as they are set.
 */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include <errno.h>
#include <fcntl.h>

static int
prepare(vmcSource *source)
{
    source->path = g_strdup(source->start->guestName);
    source->in = fcntl(source->start->stdio[0], F_DUPFD_CLOEXEC, 0);
    source->out = fcntl(source->start->stdio[1], F_DUPFD_CLOEXEC, 0);
    if (source->in >= 0 && source->out >= 0)
        return 0;
    vmcSourceReportError(source, errno, "cannot use standard input and output of");
    return -1;
}

const vmcSourceDriver vmcSourceStdio = {
    .prepare = prepare, .open = vmcSourceOpenStanding,
    .alone = true, .pumped = true, .pumpKind = VMC_PUMP_STDIO,
};
