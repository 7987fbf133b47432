/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file source: one that is opened at start, and appended to. */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include <errno.h>
#include <fcntl.h>

static int
prepare(vmcSource *source)
{
    int keep = source->def->source.append == VMC_SWITCH_ON ? 0 : O_TRUNC;

    source->out = open(source->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | keep,
                       0600);
    if (source->out < 0) {
        vmcSourceReportError(source, errno, "cannot open for writing");
        return -1;
    }
    return 0;
}

const vmcSourceDriver vmcSourceFile = {
    .prepare = prepare, .open = vmcSourceOpenStanding,
    .pumped = true, .pumpKind = VMC_PUMP_FILE,
};
