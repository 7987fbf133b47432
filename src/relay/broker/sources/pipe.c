/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipe source: a pair of FIFOs, or one for both directions. */
#include <config.h>

#include "relay/broker/sources/drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/fd.h"

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
prepare(vmcSource *source)
{
    g_autofree char *in = g_strconcat(source->path, ".in", NULL);
    g_autofree char *out = g_strconcat(source->path, ".out", NULL);

    source->in = openFifo(in);
    source->out = openFifo(out);
    if (source->in >= 0 && source->out >= 0)
        return 0;
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
    .prepare = prepare, .open = vmcSourceOpenStanding,
    .alone = true, .pumped = true, .pumpKind = VMC_PUMP_DEVICE,
};
