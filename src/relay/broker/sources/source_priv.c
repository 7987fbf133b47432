/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kinds of sources may call: see source_priv.h. Knows no kind. */
#include <config.h>

#include "relay/broker/sources/source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "relay/process/share.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

void
vmcSourceReportError(const vmcSource *source, int errnum, const char *what)
{
    vmcReportSystemError(errnum, "vmchannel %s:%u: %s '%s'", source->def->address,
                         source->def->port, what, source->path);
}

int
vmcSourceOpenWritten(const vmcSource *source, const char *path, bool keep, const char *what)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                  (keep ? 0 : O_TRUNC), 0600);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 &&
        (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
        return fd;
    if (fd >= 0 || errno == ENXIO)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "vmchannel %s:%u: %s '%s': accepted is a file, a "
                       "character device, or a FIFO that a program has open to read it",
                       source->def->address, source->def->port, what, path);
    else
        vmcReportSystemError(errno, "vmchannel %s:%u: %s '%s'", source->def->address,
                             source->def->port, what, path);
    vmcFdClose(&fd);
    return -1;
}

/* However it was opened. Who writes to it has its send buffer grow. */
static void
tune(int fd, unsigned int conns)
{
    int size = vmcShare(conns);
    int least = VMC_SHARE_MIN;
    int on = 1;

    /* What a host program sends as urgent is a byte as any other, at its place. */
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

bool
vmcSourceThroughPump(vmcSourceRequest *request, int *fd)
{
    vmcSource *source = request->source;
    bool own = *fd >= 0;
    int socket;

    if (own)
        tune(*fd, source->busy);
    if (!source->pump)
        return true;
    socket = vmcChannelPumpAdd(source->pump, source->pumpKind, own ? *fd : source->in,
                               own ? *fd : source->out, vmcShare(source->busy),
                               &request->pumpId);
    vmcFdClose(fd);
    *fd = socket;
    request->pumped = socket >= 0;
    return request->pumped;
}

void
vmcSourceAnswer(vmcSourceRequest *request, int fd)
{
    request->answered = true;
    if (fd >= 0)
        vmcSourceThroughPump(request, &fd);
    request->done(request->opaque, fd);
}

vmcSourceResult
vmcSourceOpenStanding(vmcSource *source G_GNUC_UNUSED, vmcSourceRequest *request G_GNUC_UNUSED,
                      int *fd G_GNUC_UNUSED)
{
    return VMC_SOURCE_DONE;
}
