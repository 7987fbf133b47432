/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One direction of a connection: see flow.h. A message is in one of three
 * states: its header is not whole yet; it passes (or is collected); its
 * descriptors follow, a byte each.
 */
#include <config.h>

#include "proxy/wire/flow.h"

#include <libvirt/virterror.h>
#include <unistd.h>

#include "rpc/xdr.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* As much may wait in the writer before the reader is left alone. */
#define WRITER_HIGH (128 * 1024)

/*
 * Of a message that passes, a piece as large as this is sent from where it was
 * read; smaller ones are put together in the writer.
 */
#define DIRECT_SIZE (16 * 1024)

/* Before the daemon is known, no message of a client's is longer than this. */
#define EARLY_MAX (64 * 1024)

struct _vmcFlow {
    vmcWireReader *reader;
    vmcWireWriter *writer;
    const vmcWireWriter *back;  /* where the handler's own messages go, or NULL */
    const vmcFlowHandler *handler;
    void *opaque;
    vmcWireMessage message;     /* with bytes: it is collected */
    size_t limit;               /* bytes of a message */
    size_t left;                /* bytes of the message that are to come */
    guint fdsLeft;              /* descriptors that are to come after it */
    bool dropFds;
    bool waiting;
    bool stalled;
};

vmcFlow *
vmcFlowNew(vmcWireReader *reader, vmcWireWriter *writer, const vmcWireWriter *back,
           const vmcFlowHandler *handler, void *opaque)
{
    vmcFlow *flow = g_new0(vmcFlow, 1);

    flow->reader = reader;
    flow->writer = writer;
    flow->back = back;
    flow->handler = handler;
    flow->opaque = opaque;
    flow->limit = VMC_RPC_MESSAGE_MAX;
    return flow;
}

void
vmcFlowFree(vmcFlow *flow)
{
    if (!flow)
        return;
    vmcWireMessageClear(&flow->message);
    g_free(flow);
}

void
vmcFlowSetWriter(vmcFlow *flow, vmcWireWriter *writer)
{
    flow->writer = writer;
}

void
vmcFlowSetLimit(vmcFlow *flow, size_t bytes)
{
    flow->limit = bytes;
}

/* Whether the message is collected, and it is to be said what becomes of it. */
static bool
isAtVerdict(const vmcFlow *flow)
{
    return flow->message.bytes && flow->left == 0;
}

/*
 * What is inserted goes after the message that passes: so that one may never
 * wait for the other.
 */
bool
vmcFlowIsBlocked(const vmcFlow *flow)
{
    return flow->stalled || (flow->writer && vmcWireWriterPending(flow->writer) >= WRITER_HIGH) ||
           (isAtVerdict(flow) && flow->back && vmcWireWriterSize(flow->back) >= WRITER_HIGH);
}

bool
vmcFlowIsStalled(const vmcFlow *flow)
{
    return flow->stalled;
}

bool
vmcFlowIsWaiting(const vmcFlow *flow)
{
    return flow->waiting;
}

/* What one step of vmcFlowRun() came to. */
typedef enum {
    STEP_ON,
    STEP_STOP,                  /* for more bytes, for room, or for a verdict */
    STEP_FAILED,
} flowStep;

/*
 * The count of descriptors is the first word of the payload; a message too
 * short to have it has none.
 */
static flowStep
startFds(vmcFlow *flow, const guint8 *bytes, size_t size)
{
    const vmcRpcHeader *header = &flow->message.header;
    vmcXdrReader reader;

    flow->fdsLeft = 0;
    if (!vmcRpcHeaderHasFds(header) ||
        header->length < VMC_RPC_HEADER_SIZE + sizeof(guint32))
        return STEP_ON;
    if (size < VMC_RPC_HEADER_SIZE + sizeof(guint32))
        return STEP_STOP;
    vmcXdrReaderInit(&reader, bytes, size);
    vmcXdrSkip(&reader, VMC_RPC_HEADER_SIZE);
    flow->fdsLeft = vmcXdrReadU32(&reader);
    if (flow->fdsLeft <= VMC_RPC_FDS_MAX)
        return STEP_ON;
    vmcReportError(VIR_ERR_RPC, "%u descriptors with a message: at most %d are allowed",
                   flow->fdsLeft, VMC_RPC_FDS_MAX);
    return STEP_FAILED;
}

/* At the first byte of a message. */
static flowStep
stepHeader(vmcFlow *flow)
{
    size_t size;
    const guint8 *bytes = vmcWireReaderPeek(flow->reader, &size);
    const vmcRpcHeader *header = &flow->message.header;
    flowStep step;

    if (size < VMC_RPC_HEADER_SIZE)
        return STEP_STOP;
    if (!vmcWireMessageBegin(&flow->message, bytes) || header->length > flow->limit) {
        vmcReportError(VIR_ERR_RPC, "a message of %u bytes: expected from %d to %zu",
                       header->length, VMC_RPC_HEADER_SIZE, flow->limit);
        return STEP_FAILED;
    }
    step = startFds(flow, bytes, size);
    if (step != STEP_ON)
        return step;
    if (!flow->writer && header->length > EARLY_MAX) {
        vmcReportError(VIR_ERR_RPC, "a message of %u bytes before the connection is open",
                       header->length);
        return STEP_FAILED;
    }
    flow->left = header->length;
    flow->dropFds = false;
    if (flow->handler->wants(flow->opaque, &flow->message) || !flow->writer)
        flow->message.bytes = g_byte_array_new();
    else
        vmcWireWriterBegin(flow->writer);
    return STEP_ON;
}

/* Passes on a piece of a message; *@taken says how much of it. */
static flowStep
passBytes(vmcFlow *flow, const guint8 *bytes, size_t size, size_t *taken)
{
    if (size < DIRECT_SIZE) {
        vmcWireWriterAppend(flow->writer, bytes, size);
        *taken = size;
        return STEP_ON;
    }
    if (vmcWireWriterSend(flow->writer, bytes, size, taken) < 0)
        return STEP_FAILED;
    flow->stalled = *taken < size;
    return flow->stalled ? STEP_STOP : STEP_ON;
}

/* Inside a message: takes what there is of it. */
static flowStep
stepBytes(vmcFlow *flow)
{
    size_t size;
    const guint8 *bytes = vmcWireReaderPeek(flow->reader, &size);
    size_t taken = 0;
    flowStep step = STEP_ON;

    size = MIN(size, flow->left);
    if (size == 0 || (!flow->message.bytes && vmcFlowIsBlocked(flow)))
        return STEP_STOP;
    if (flow->message.bytes) {
        g_byte_array_append(flow->message.bytes, bytes, size);
        taken = size;
    } else {
        step = passBytes(flow, bytes, size, &taken);
    }
    flow->left -= taken;
    vmcWireReaderConsume(flow->reader, taken);
    return step;
}

/* A message was collected. */
static flowStep
stepVerdict(vmcFlow *flow)
{
    vmcFlowVerdict verdict;

    if (vmcFlowIsBlocked(flow))
        return STEP_STOP;
    verdict = flow->handler->whole(flow->opaque, &flow->message);
    flow->waiting = verdict == VMC_FLOW_WAIT;
    if (flow->waiting)
        return STEP_STOP;
    flow->dropFds = verdict == VMC_FLOW_DROP;
    if (verdict == VMC_FLOW_PASS) {
        vmcWireWriterBegin(flow->writer);
        vmcWireWriterAppend(flow->writer, flow->message.bytes->data, flow->message.bytes->len);
    }
    vmcWireMessageClear(&flow->message);
    return STEP_ON;
}

/* After a message: a descriptor of its. */
static flowStep
stepFd(vmcFlow *flow)
{
    size_t size;
    const guint8 *bytes = vmcWireReaderPeek(flow->reader, &size);
    guint8 byte;
    int fd;

    if (size == 0)
        return STEP_STOP;
    byte = *bytes;
    fd = vmcWireReaderTakeFd(flow->reader);
    if (fd < 0) {
        vmcReportError(VIR_ERR_RPC, "%s", "a descriptor is missing after a message");
        return STEP_FAILED;
    }
    if (flow->dropFds)
        vmcFdClose(&fd);
    else
        vmcWireWriterAppendFd(flow->writer, byte, fd);
    flow->fdsLeft--;
    return STEP_ON;
}

static flowStep
step(vmcFlow *flow)
{
    flowStep result;

    if (flow->left > 0)
        result = stepBytes(flow);
    else if (flow->message.bytes)
        result = stepVerdict(flow);
    else if (flow->fdsLeft > 0)
        result = stepFd(flow);
    else
        result = stepHeader(flow);
    if (result == STEP_ON && flow->left == 0 && !flow->message.bytes && flow->fdsLeft == 0 &&
        !flow->dropFds && flow->writer)
        vmcWireWriterEnd(flow->writer);
    return result;
}

int
vmcFlowRun(vmcFlow *flow)
{
    flowStep result;

    flow->stalled = false;
    do {
        result = step(flow);
    } while (result == STEP_ON);
    return result == STEP_FAILED ? -1 : 0;
}
