/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames to the guest: see output.h. Pure. */
#include <config.h>

#include "endpoint/output.h"

/* What an ethernet of the usual size carries. */
#define SMALL_FRAME 1514

static bool
output(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
       const void *payload, size_t len, bool answer)
{
    struct iovec iov[2] = {
        { .iov_base = (void *)headers, .iov_len = headersLen },
        { .iov_base = (void *)payload, .iov_len = len },
    };

    if (ep->linkFull && !answer)
        return false;
    if (!ep->ops->send(ep->opaque, iov, len > 0 ? 2 : 1, answer)) {
        ep->linkFull = true;
        return false;
    }
    ep->stats.framesOut++;
    ep->stats.bytesOut += headersLen + len;
    return true;
}

bool
vmcOutputFrame(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
               const void *payload, size_t len)
{
    return output(ep, headers, headersLen, payload, len, false);
}

bool
vmcOutputAnswer(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
                const void *payload, size_t len)
{
    return output(ep, headers, headersLen, payload, len, headersLen + len <= SMALL_FRAME);
}

bool
vmcOutputIsRead(const vmcEndpoint *ep, uint64_t sentTo, size_t unread)
{
    return ep->stats.bytesOut - sentTo >= unread;
}
