/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The endpoint with a host side and a link made of arrays: see endpointrig.h. */
#include <config.h>

#include "tests/lib/endpointrig.h"

#include <arpa/inet.h>
#include <string.h>

static size_t
heldBytes(const rig *r)
{
    size_t sum = 0;

    for (const GList *item = r->frames.head; item; item = item->next)
        sum += g_bytes_get_size(item->data);
    return sum;
}

static bool
rigSend(void *opaque, const struct iovec *iov, int niov, bool answer)
{
    rig *r = opaque;
    GByteArray *frame;

    if (r->full && (!answer || r->reserve == 0))
        return false;
    if (r->capacity > 0 && heldBytes(r) >= r->capacity)
        return false;
    if (r->full)
        r->reserve--;
    frame = g_byte_array_new();
    for (int i = 0; i < niov; i++)
        g_byte_array_append(frame, iov[i].iov_base, (guint)iov[i].iov_len);
    g_assert_cmpuint(frame->len, <=, r->config.mtu + VMC_ETHER_LEN);
    g_queue_push_tail(&r->frames, g_byte_array_free_to_bytes(frame));
    return true;
}

static vmcEndpointOpen
rigOpen(void *opaque, void *channel, vmcEndpointConn *conn, const vmcEndpointTuple *tuple)
{
    rig *r = opaque;
    rigHost *host;

    g_assert_true(channel == r);
    if (r->answer == VMC_ENDPOINT_OPEN_REFUSED)
        return r->answer;
    host = g_new0(rigHost, 1);
    host->owner = r;
    host->conn = conn;
    host->tuple = *tuple;
    host->room = r->room;
    host->source = g_byte_array_new();
    host->sink = g_byte_array_new();
    g_ptr_array_add(r->hosts, host);
    vmcEndpointConnSetHost(conn, host);
    return r->answer;
}

static size_t
rigRoom(void *opaque, void *data)
{
    rigHost *host = data;

    g_assert_true(host->owner == opaque && host->closes == 0);
    return host->room;
}

static ssize_t
rigWrite(void *opaque, void *data, const struct iovec *iov, int niov)
{
    rigHost *host = data;
    size_t before = host->sink->len;

    g_assert_true(host->owner == opaque && host->closes == 0 && !host->shut);
    if (host->failed)
        return -1;
    for (int i = 0; i < niov; i++) {
        size_t room = host->room - MIN(host->room, host->shortfall);
        size_t n = MIN(iov[i].iov_len, room);

        g_byte_array_append(host->sink, iov[i].iov_base, (guint)n);
        host->room -= n;
    }
    return (ssize_t)(host->sink->len - before);
}

static void
rigEnded(void *opaque, void *data, bool waiting)
{
    rigHost *host = data;

    g_assert_true(host->owner == opaque && host->closes == 0 && !host->shut && !host->ended);
    host->ended = true;
    host->left = waiting;
}

static void
rigShut(void *opaque, void *data)
{
    rigHost *host = data;

    g_assert_true(host->owner == opaque && host->closes == 0 && !host->shut);
    host->shut = true;
}

static ssize_t
rigPeek(void *opaque, void *data, size_t offset, void *buf, size_t len)
{
    rigHost *host = data;
    size_t at = host->consumed + offset;

    g_assert_true(host->owner == opaque && host->closes == 0 && len > 0);
    g_assert_cmpuint(at, <=, host->source->len);
    if (host->failed)
        return -2;
    if (at == host->source->len)
        return host->eof ? -1 : 0;
    len = MIN(len, host->source->len - at);
    memcpy(buf, host->source->data + at, len);
    return (ssize_t)len;
}

static void
rigConsume(void *opaque, void *data, size_t n)
{
    rigHost *host = data;

    g_assert_true(host->owner == opaque && host->closes == 0);
    host->consumed += n;
    g_assert_cmpuint(host->consumed, <=, host->source->len);
}

static void
rigClose(void *opaque, void *data, bool reset)
{
    rigHost *host = data;

    g_assert_true(host->owner == opaque);
    host->conn = NULL;
    host->closes++;
    host->reset = reset;
    g_assert_cmpuint(host->closes, ==, 1);
}

static void
rigLimited(void *opaque, void *channel, bool evicted)
{
    rig *r = opaque;

    g_assert_true(channel != NULL);
    r->limited += !evicted;
    r->evicted += evicted;
}

static const vmcEndpointOps rigOps = {
    .send = rigSend, .open = rigOpen, .room = rigRoom, .write = rigWrite,
    .ended = rigEnded, .shut = rigShut, .peek = rigPeek, .consume = rigConsume, .close = rigClose,
    .limited = rigLimited,
};

static void
hostFree(gpointer data)
{
    rigHost *host = data;

    g_byte_array_unref(host->source);
    g_byte_array_unref(host->sink);
    g_free(host);
}

struct in_addr
rigAddress(const char *text)
{
    struct in_addr address;

    g_assert_cmpint(inet_pton(AF_INET, text, &address), ==, 1);
    return address;
}

rig *
rigNewConfig(const vmcEndpointConfig *config)
{
    rig *r = g_new0(rig, 1);

    r->config = *config;
    r->now = 1000000;
    r->next = VMC_TIME_NEVER;
    r->room = 1024 * 1024;
    r->hosts = g_ptr_array_new_with_free_func(hostFree);
    g_queue_init(&r->frames);
    r->ep = vmcEndpointNew(config, &rigOps, r);
    return r;
}

rig *
rigNew(void)
{
    vmcEndpointConfig config = {
        .mac = { 0x52, 0x55, 10, 0, 2, 4 },
        .guest = rigAddress("10.0.2.5"),
        .prefix = 29,
        .mtu = 65520,
        .secret = "0123456789abcde",
    };
    rig *r = rigNewConfig(&config);

    g_assert_cmpint(vmcEndpointAddChannel(r->ep, rigAddress("10.0.2.4"), 600, r, false), ==, 0);
    return r;
}

void
rigFree(rig *r)
{
    vmcEndpointFree(r->ep);
    for (guint i = 0; i < r->hosts->len; i++) {
        const rigHost *host = g_ptr_array_index(r->hosts, i);

        g_assert_cmpuint(host->closes, ==, 1);
    }
    g_queue_clear_full(&r->frames, (GDestroyNotify)g_bytes_unref);
    g_ptr_array_unref(r->hosts);
    g_free(r);
}

rigHost *
rigLast(const rig *r)
{
    g_assert_cmpuint(r->hosts->len, >, 0);
    return g_ptr_array_index(r->hosts, r->hosts->len - 1);
}

void
rigFlush(rig *r)
{
    vmcEndpointFlush(r->ep, r->now);
    r->next = vmcEndpointTimer(r->ep, r->now, r->unread);
    g_assert_cmpint(r->next, >, r->now);
}

void
rigAdvance(rig *r, vmcTime usec)
{
    vmcTime until = r->now + usec;

    rigFlush(r);
    while (r->next <= until) {
        r->now = r->next;
        rigFlush(r);
    }
    r->now = until;
}

void
rigInput(rig *r, const void *headers, size_t headersLen, const void *payload, size_t len)
{
    g_autofree uint8_t *frame = g_malloc(headersLen + len);

    memcpy(frame, headers, headersLen);
    if (len > 0)
        memcpy(frame + headersLen, payload, len);
    vmcEndpointInput(r->ep, r->now, frame, headersLen + len);
}

void
rigSegment(rig *r, const vmcFrameAddress *address, const vmcSegment *segment,
           const void *payload, size_t len)
{
    uint8_t headers[VMC_FRAME_HEADERS];
    size_t size = vmcFrameTcp(headers, address, segment, payload, len, true);

    rigInput(r, headers, size, payload, len);
}

GBytes *
rigTake(rig *r, vmcFrame *frame, vmcFrameKind *kind)
{
    GBytes *bytes = g_queue_pop_head(&r->frames);
    gsize len;
    const void *data;

    if (!bytes)
        return NULL;
    data = g_bytes_get_data(bytes, &len);
    *kind = vmcFrameParse(frame, data, len, true);
    g_assert_cmpint(*kind, !=, VMC_FRAME_MALFORMED);
    g_assert_cmpmem(frame->address.srcMac, VMC_MAC_LEN, r->config.mac, VMC_MAC_LEN);
    return bytes;
}

vmcFrameAddress
rigGuest(uint16_t port)
{
    vmcFrameAddress address = {
        .dstMac = { 0x52, 0x55, 10, 0, 2, 4 },
        .src = rigAddress("10.0.2.5"), .srcPort = port,
        .dst = rigAddress("10.0.2.4"), .dstPort = 600,
    };

    memcpy(address.srcMac, vmcGuestMac, VMC_MAC_LEN);
    return address;
}
