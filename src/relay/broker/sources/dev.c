/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dev source: a character device of the host, opened once. */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

static int
prepare(vmcSource *source)
{
    struct termios state;
    struct stat st;

    source->in = source->out = open(source->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (source->in < 0 && errno == ENOENT) {
        vmcReportSystemError(ENOENT, "vmchannel %s:%u: cannot open device '%s' (libvirt gives its "
                             "guests a private /dev, with the devices of cgroup_device_acl in "
                             "qemu.conf)", source->def->address, source->def->port, source->path);
        return -1;
    }
    if (source->in < 0) {
        vmcSourceReportError(source, errno, "cannot open device");
        return -1;
    }
    if (fstat(source->in, &st) < 0 || !S_ISCHR(st.st_mode)) {
        vmcSourceReportError(source, ENOTTY, "this is no character device:");
        return -1;
    }
    /* A terminal passes bytes as they are. */
    if (tcgetattr(source->in, &state) == 0) {
        cfmakeraw(&state);
        tcsetattr(source->in, TCSANOW, &state);
    }
    return 0;
}

const vmcSourceDriver vmcSourceDev = {
    .prepare = prepare, .open = vmcSourceOpenStanding,
    .alone = true, .pumped = true, .pumpKind = VMC_PUMP_DEVICE,
};
