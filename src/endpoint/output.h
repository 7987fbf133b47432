/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of every frame to the guest, whoever in the endpoint makes it. Pure: it
 * acts only through the owner's vmcEndpointOps.
 */
#pragma once

#include "endpoint/endpoint_priv.h"

/*
 * vmcOutputFrame: sends one frame, headers and payload. Returns false when the
 * link is full; it is not asked again before vmcEndpointLinkWritable().
 */
bool vmcOutputFrame(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
                    const void *payload, size_t len);

/*
 * vmcOutputAnswer: the same for a frame that nobody would send later: one to which no
 * connection belongs. A small one finds room in a full link, too.
 */
bool vmcOutputAnswer(vmcEndpoint *ep, const uint8_t *headers, size_t headersLen,
                     const void *payload, size_t len);

/*
 * vmcOutputIsRead: whether the guest has read what was sent until stats.bytesOut was
 * @sentTo, when of all bytes at most @unread are not.
 */
bool vmcOutputIsRead(const vmcEndpoint *ep, uint64_t sentTo, size_t unread);
