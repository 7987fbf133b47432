/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One direction of a connection: takes messages off a reader and passes them
 * to a writer as they come, byte for byte, except those that somebody wants to
 * see whole. Keeps no more in memory than a buffer and one such message.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "proxy/wire/message.h"
#include "proxy/wire/reader.h"
#include "proxy/wire/writer.h"

/* What becomes of a message that was wanted whole. */
typedef enum {
    VMC_FLOW_PASS,              /* it goes on, as it is now */
    VMC_FLOW_DROP,              /* it does not, nor do its descriptors */
    VMC_FLOW_WAIT,              /* not decided: ask again at the next vmcFlowRun() */
} vmcFlowVerdict;

typedef struct {
    /* Whether @message, of which there is the header only, is wanted whole. */
    bool (*wants)(void *opaque, const vmcWireMessage *message);
    /*
     * Such a message, whose bytes may be replaced. It stays valid until there is
     * a verdict. Descriptors that it has follow.
     */
    vmcFlowVerdict (*whole)(void *opaque, vmcWireMessage *message);
} vmcFlowHandler;

typedef struct _vmcFlow vmcFlow;

/*
 * vmcFlowNew:
 * @reader and @writer stay the caller's, as does @back, to which the handler may
 * insert messages: while it is full, no verdict is asked for. Without a writer
 * (NULL) nothing may pass, until vmcFlowSetWriter() gives one.
 */
vmcFlow *vmcFlowNew(vmcWireReader *reader, vmcWireWriter *writer, const vmcWireWriter *back,
                    const vmcFlowHandler *handler, void *opaque);
void vmcFlowFree(vmcFlow *flow);
void vmcFlowSetWriter(vmcFlow *flow, vmcWireWriter *writer);

/* vmcFlowSetLimit: no message may be longer than @bytes; VMC_RPC_MESSAGE_MAX else. */
void vmcFlowSetLimit(vmcFlow *flow, size_t bytes);

/*
 * vmcFlowRun:
 * Passes on what the reader has, as long as the writer has room. Returns 0, or
 * -1 with an error when the peer's bytes are no messages: nothing that follows
 * can be trusted then.
 */
int vmcFlowRun(vmcFlow *flow);

/*
 * vmcFlowIsBlocked: whether a writer is so full that the reader must wait.
 * vmcFlowIsStalled: whether the reader holds bytes that go on as soon as the
 * writer's peer takes some.
 * vmcFlowIsWaiting: whether a verdict is outstanding.
 */
bool vmcFlowIsBlocked(const vmcFlow *flow);
bool vmcFlowIsStalled(const vmcFlow *flow);
bool vmcFlowIsWaiting(const vmcFlow *flow);
