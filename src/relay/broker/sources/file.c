/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file source: one that is opened at start, and appended to. */
#include <config.h>

#include "relay/broker/sources/drivers.h"

static int
openFile(vmcSource *source, bool keep)
{
    return vmcSourceOpenWritten(source, source->path, keep, "cannot open for writing");
}

static int
prepare(vmcSource *source)
{
    source->file = openFile(source, source->def->source.append == VMC_SWITCH_ON);
    return source->file < 0 ? -1 : 0;
}

/* What it has came from this guest. */
static int
reopen(vmcSource *source)
{
    return openFile(source, true);
}

const vmcSourceDriver vmcSourceFile = {
    .prepare = prepare, .open = vmcSourceOpenStanding, .reopen = reopen,
    .pumped = true, .pumpKind = VMC_PUMP_FILE,
};
