/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pty source: a fresh one, whose path is said at start. Its other side is
 * held open, so that whoever uses it may come and go.
 */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>

#include "util/fd.h"

typedef struct {
    int held;                   /* the other side; -1: not open */
} ptySource;

static int
prepare(vmcSource *source)
{
    ptySource *pty = source->own = g_new0(ptySource, 1);
    struct termios state;
    const char *name;

    pty->held = -1;
    source->path = g_strdup("/dev/ptmx");
    source->in = source->out = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (source->in < 0 || grantpt(source->in) < 0 || unlockpt(source->in) < 0 ||
        !(name = ptsname(source->in))) {
        vmcSourceReportError(source, errno, "cannot get a pty from");
        return -1;
    }
    g_free(source->path);
    source->path = g_strdup(name);
    pty->held = open(source->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pty->held < 0) {
        vmcSourceReportError(source, errno, "cannot open the pty");
        return -1;
    }
    if (tcgetattr(pty->held, &state) == 0) {
        cfmakeraw(&state);
        tcsetattr(pty->held, TCSANOW, &state);
    }
    source->report = g_strdup_printf("vmchannel %s:%u: pty '%s'", source->def->address,
                                     source->def->port, source->path);
    return 0;
}

static void
clear(vmcSource *source)
{
    ptySource *pty = source->own;

    vmcFdClose(&pty->held);
}

const vmcSourceDriver vmcSourcePty = {
    .prepare = prepare, .open = vmcSourceOpenStanding, .clear = clear,
    .alone = true, .pumped = true, .pumpKind = VMC_PUMP_DEVICE,
};
