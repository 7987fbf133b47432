/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources that are no sockets: file, pipe, pty, dev, stdio and null. Each is
 * opened once, before the guest runs, and stays open; a pump moves the bytes.
 */
#include <config.h>

#include "relay/broker/sources/source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* What is open already is the host side of whoever comes. */
static vmcSourceResult
openStanding(vmcSource *source G_GNUC_UNUSED, vmcSourceRequest *request G_GNUC_UNUSED,
             int *fd G_GNUC_UNUSED)
{
    return VMC_SOURCE_DONE;
}

static int
prepareNull(vmcSource *source G_GNUC_UNUSED)
{
    return 0;
}

const vmcSourceDriver vmcSourceNull = {
    .prepare = prepareNull, .open = openStanding, .pumpKind = VMC_PUMP_NULL,
};

static int
prepareFile(vmcSource *source)
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
    .prepare = prepareFile, .open = openStanding, .pumped = true, .pumpKind = VMC_PUMP_FILE,
};

/* A terminal passes bytes as they are. */
static void
makeRaw(int fd)
{
    struct termios state;

    if (tcgetattr(fd, &state) < 0)
        return;
    cfmakeraw(&state);
    tcsetattr(fd, TCSANOW, &state);
}

/*
 * Both ends of a FIFO are opened, so that its other side may come and go. A
 * FIFO that is not there, -1 with errno.
 */
static int
openFifo(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))) {
        vmcFdClose(&fd);
        errno = EINVAL;
    }
    return fd;
}

/* PATH.in is read and PATH.out written, as by QEMU; without both PATH is either. */
static int
preparePipe(vmcSource *source)
{
    g_autofree char *in = g_strconcat(source->path, ".in", NULL);
    g_autofree char *out = g_strconcat(source->path, ".out", NULL);

    source->in = openFifo(in);
    source->out = openFifo(out);
    if (source->in >= 0 && source->out >= 0) {
        source->pumpKind = VMC_PUMP_DEVICE;
        return 0;
    }
    vmcFdClose(&source->in);
    vmcFdClose(&source->out);
    source->in = source->out = openFifo(source->path);
    source->pumpKind = VMC_PUMP_FIFO;
    if (source->in >= 0)
        return 0;
    vmcSourceReportError(source, errno, errno == EINVAL ? "this is no FIFO:" : "cannot open FIFO");
    return -1;
}

const vmcSourceDriver vmcSourcePipe = {
    .prepare = preparePipe, .open = openStanding, .pumped = true, .alone = true,
};

/* The slave is held open, so that whoever uses it may come and go. */
static int
preparePty(vmcSource *source)
{
    const char *name;

    g_free(source->path);
    source->path = g_strdup("/dev/ptmx");
    source->in = source->out = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (source->in < 0 || grantpt(source->in) < 0 || unlockpt(source->in) < 0 ||
        !(name = ptsname(source->in))) {
        vmcSourceReportError(source, errno, "cannot get a pty from");
        return -1;
    }
    g_free(source->path);
    source->path = g_strdup(name);
    source->held = open(source->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (source->held < 0) {
        vmcSourceReportError(source, errno, "cannot open the pty");
        return -1;
    }
    makeRaw(source->held);
    source->report = g_strdup_printf("vmchannel %s:%u: pty '%s'", source->def->address,
                                     source->def->port, source->path);
    return 0;
}

const vmcSourceDriver vmcSourcePty = {
    .prepare = preparePty, .open = openStanding,
    .pumped = true, .alone = true, .pumpKind = VMC_PUMP_DEVICE,
};

static int
prepareDev(vmcSource *source)
{
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
    makeRaw(source->in);
    return 0;
}

const vmcSourceDriver vmcSourceDev = {
    .prepare = prepareDev, .open = openStanding,
    .pumped = true, .alone = true, .pumpKind = VMC_PUMP_DEVICE,
};

/* What our starter has as its own: shared with QEMU, so left as it is set. */
static int
prepareStdio(vmcSource *source)
{
    source->in = fcntl(source->keep[0], F_DUPFD_CLOEXEC, 0);
    source->out = fcntl(source->keep[1], F_DUPFD_CLOEXEC, 0);
    if (source->in >= 0 && source->out >= 0)
        return 0;
    vmcSourceReportError(source, errno, "cannot use standard input and output of");
    return -1;
}

const vmcSourceDriver vmcSourceStdio = {
    .prepare = prepareStdio, .open = openStanding,
    .pumped = true, .alone = true, .pumpKind = VMC_PUMP_STDIO,
};
