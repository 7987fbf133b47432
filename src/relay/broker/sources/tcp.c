/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tcp source: dialled for each guest connection, or listened on; each with
 * telnet too. A numeric address is known for good, a name is looked up at each dial.
 */
#include <config.h>

#include "relay/broker/sources/dial.h"
#include "relay/broker/sources/drivers.h"
#include "relay/broker/sources/inet.h"
#include "relay/broker/sources/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "util/fd.h"

/*
 * SYNs after the first to an address that does not answer, while there are others to be
 * tried: 7 s, of the minute that a guest waits.
 */
#define NEXT_ADDRESS_SYNS 2

/* The own struct of a source that dials. */
typedef struct {
    GArray *addresses;          /* of vmcInetAddress; NULL: a name, looked up at each dial */
    vmcDial *lookUp;
    GQueue waiting;             /* of requests: for the look-up */
} tcpConnector;

/* A name on its way to its addresses. */
typedef struct {
    char *host, *service;
    GArray *addresses;          /* or NULL */
} tcpName;

/* The own struct of a request that is being dialled. */
typedef struct {
    vmcSourceRequest *request;
    GArray *addresses;          /* to be tried */
    unsigned int next;          /* of these */
    vmcWatch connecting;        /* fd -1: it does not */
} tcpDialling;

static void
tune(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
speakTelnet(vmcSource *source, vmcPumpKind kind)
{
    if (source->def->source.protocol != VMC_CHR_PROTOCOL_TELNET)
        return;
    source->pumped = true;
    source->pumpKind = kind;
}

static void
nameLookUp(void *task)
{
    tcpName *name = task;
    int error;

    name->addresses = vmcInetLookUp(name->host, name->service, SOCK_STREAM, 0, &error);
}

static void
nameFree(void *task)
{
    tcpName *name = task;

    g_free(name->host);
    g_free(name->service);
    g_clear_pointer(&name->addresses, g_array_unref);
    g_free(name);
}

static void
stopConnecting(tcpDialling *dialling)
{
    if (dialling->connecting.fd < 0)
        return;
    vmcLoopRemove(dialling->request->source->loop, &dialling->connecting);
    vmcFdClose(&dialling->connecting.fd);
}

static void
diallingFree(tcpDialling *dialling)
{
    vmcSourceRequest *request = dialling->request;

    stopConnecting(dialling);
    g_array_unref(dialling->addresses);
    request->own = NULL;
    vmcLoopDefer(request->source->loop, dialling);
}

static void connected(void *opaque, uint32_t events);

/* Begins with the next address that can be dialled; false: there is none. */
static bool
connectNext(tcpDialling *dialling)
{
    static const int syns = NEXT_ADDRESS_SYNS;

    while (dialling->next < dialling->addresses->len) {
        const vmcInetAddress *address = &g_array_index(dialling->addresses, vmcInetAddress,
                                                       dialling->next++);
        int fd = socket(address->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        0);

        if (fd < 0)
            continue;
        tune(fd);
        if (dialling->next < dialling->addresses->len)
            setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &syns, sizeof(syns));
        dialling->connecting = (vmcWatch){ fd, connected, dialling };
        if ((vmcInetConnect(fd, address) == 0 || errno == EINPROGRESS) &&
            vmcLoopAdd(dialling->request->source->loop, &dialling->connecting, EPOLLOUT) == 0)
            return true;
        vmcFdClose(&dialling->connecting.fd);
    }
    return false;
}

/* Or not: then the next address is tried. */
static void
connected(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    tcpDialling *dialling = opaque;
    vmcSourceRequest *request = dialling->request;
    int error = 0;
    socklen_t len = sizeof(error);
    int fd = -1;

    getsockopt(dialling->connecting.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error == 0) {
        vmcLoopRemove(request->source->loop, &dialling->connecting);
        fd = vmcFdSteal(&dialling->connecting.fd);
    } else {
        stopConnecting(dialling);
        if (connectNext(dialling))
            return;
    }
    diallingFree(dialling);
    vmcSourceAnswer(request, fd);
}

/* Returns whether the request is being dialled. */
static bool
beginDialling(vmcSourceRequest *request, GArray *addresses)
{
    tcpDialling *dialling = g_new0(tcpDialling, 1);

    dialling->request = request;
    dialling->addresses = g_array_ref(addresses);
    dialling->connecting.fd = -1;
    request->own = dialling;
    if (connectNext(dialling))
        return true;
    diallingFree(dialling);
    return false;
}

/* Those who waited for the name dial. */
static void
nameDone(void *opaque, void *task)
{
    vmcSource *source = opaque;
    tcpConnector *connector = source->own;
    const tcpName *name = task;
    vmcSourceRequest *request;

    while ((request = g_queue_pop_head(&connector->waiting))) {
        if (!name->addresses || !beginDialling(request, name->addresses))
            vmcSourceAnswer(request, -1);
    }
}

static const vmcDialOps lookUpOps = {
    .work = nameLookUp, .done = nameDone, .free = nameFree,
};

static int
prepareConnect(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    tcpConnector *connector = source->own = g_new0(tcpConnector, 1);
    int error;

    speakTelnet(source, VMC_PUMP_TELNET_CLIENT);
    vmcInetName(source, def->host, def->service);
    connector->addresses = vmcInetLookUp(def->host, def->service, SOCK_STREAM, AI_NUMERICHOST,
                                         &error);
    if (connector->addresses)
        return 0;
    if (error != EAI_NONAME) {
        vmcInetReport(source, error);
        return -1;
    }
    connector->lookUp = vmcDialNew(source->loop, &lookUpOps, source);
    if (connector->lookUp)
        return 0;
    vmcSourceReportError(source, errno, "cannot get ready to dial");
    return -1;
}

static vmcSourceResult
openConnect(vmcSource *source, vmcSourceRequest *request, int *fd G_GNUC_UNUSED)
{
    const vmcChrSource *def = &source->def->source;
    tcpConnector *connector = source->own;

    if (connector->addresses)
        return beginDialling(request, connector->addresses) ? VMC_SOURCE_DIALLING
                                                            : VMC_SOURCE_REFUSED;
    if (!vmcDialIsBusy(connector->lookUp)) {
        tcpName *name = g_new0(tcpName, 1);

        name->host = g_strdup(def->host);
        name->service = g_strdup(def->service);
        if (!vmcDialStart(connector->lookUp, name))
            return VMC_SOURCE_REFUSED;
    }
    g_queue_push_tail(&connector->waiting, request);
    return VMC_SOURCE_DIALLING;
}

static void
cancelConnect(vmcSource *source, vmcSourceRequest *request)
{
    tcpConnector *connector = source->own;

    if (request->own)
        diallingFree(request->own);
    else
        g_queue_remove(&connector->waiting, request);
}

static void
clearConnect(vmcSource *source)
{
    tcpConnector *connector = source->own;

    vmcDialFree(connector->lookUp);
    g_clear_pointer(&connector->addresses, g_array_unref);
}

const vmcSourceDriver vmcSourceTcpConnect = {
    .prepare = prepareConnect, .open = openConnect, .cancel = cancelConnect,
    .clear = clearConnect, .pumpKind = VMC_PUMP_SOCKET,
};

static int
prepareBind(vmcSource *source)
{
    const vmcChrSource *def = &source->def->source;
    vmcSourceListener *listener = source->own = g_new0(vmcSourceListener, 1);
    g_autoptr(GArray) addresses = NULL;
    int error, fd;

    speakTelnet(source, VMC_PUMP_TELNET_SERVER);
    vmcInetName(source, def->host, def->service);
    addresses = vmcInetLookUpFor(source, def->host, def->service, SOCK_STREAM, AI_PASSIVE,
                                 &error);
    if (!addresses) {
        vmcInetReport(source, error);
        return -1;
    }
    fd = vmcInetBindFirst(addresses, SOCK_STREAM);
    if (fd >= 0 && vmcSourceListenerStart(listener, source, fd, tune) == 0)
        return 0;
    vmcSourceReportError(source, errno, "cannot bind to");
    return -1;
}

static void
clearBind(vmcSource *source)
{
    vmcSourceListenerStop(source->own);
}

const vmcSourceDriver vmcSourceTcpBind = {
    .prepare = prepareBind, .open = vmcSourceListenerOpen, .left = vmcSourceListenerLeft,
    .cancel = vmcSourceListenerCancel, .clear = clearBind, .pumpKind = VMC_PUMP_SOCKET,
};
