/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames to the guest: see output.h. Pure. */
#include <config.h>

#include "endpoint/output.h"

bool
vmcOutputFrame(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
               const void *payload, size_t len)
{
    struct iovec iov[2] = {
        { .iov_base = (void *)headers, .iov_len = headersLen },
        { .iov_base = (void *)payload, .iov_len = len },
    };

    if (!ep->linkFull && !ep->ops->send(ep->opaque, iov, len > 0 ? 2 : 1))
        ep->linkFull = true;
    if (ep->linkFull)
        return false;
    ep->stats.framesOut++;
    ep->stats.bytesOut += headersLen + len;
    return true;
}

bool
vmcOutputIsRead(const vmcEndpoint *ep, uint64_t sentTo, size_t unread)
{
    return ep->stats.bytesOut - sentTo >= unread;
}
