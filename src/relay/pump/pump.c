/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pump of one channel: see pump.h. It does not look into the bytes (telnet.c and
 * lines.c do), and is confined like the worker.
 *
 * Each connection has a buffer for each direction, which exists while bytes
 * wait; nothing is read while its buffer has some. So a host side that does not
 * read stops its own connection and no other. Disks may be slow, and standard output
 * block: that is why each channel has a pump of its own.
 */
#include <config.h>

#include "relay/pump/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "relay/process/child.h"
#include "relay/process/confine.h"
#include "relay/process/limits.h"
#include "relay/process/loop.h"
#include "relay/process/mailbox.h"
#include "relay/process/share.h"
#include "relay/pump/lines.h"
#include "relay/pump/telnet.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

enum {
    DATAGRAM_OUT = 8192,        /* of the guest's bytes in one datagram */
    SHARED_CHUNK = 4096,        /* what a pipe that is writable takes without blocking */
    ROUNDS = 16,                /* chunks of one connection before the next's turn */
};

/* How long what waits may still flow out after QEMU's end. */
#define LEAVE_US 500000

/* And how long after it a pump that is stuck in a call is ended by the kernel. */
#define STUCK_US 700000

/* "N bytes are missing", in a log or a file. */
#define NOTE_MAX 96

/* What is to be said in a log or a file, at the place where it lacks something. */
typedef struct {
    uint64_t lost;              /* bytes that it had no room for, and no note of yet */
    char text[NOTE_MAX];        /* about those before them */
    size_t len, done;           /* of that text, and how much of it is there */
    bool uncounted;             /* these bytes were not all that is missing */
} pumpNote;

typedef struct {
    bool halfClose;             /* an end of file can be passed on to the host */
    bool alone;                 /* the next guest waits until this one is done */
    bool shared;                /* may block: asked with poll() first */
    bool datagram;
    bool lines;
    bool inOnce;                /* not read any more after the first write */
    bool telnet;
} pumpTraits;

static const pumpTraits kinds[VMC_PUMP_LAST] = {
    [VMC_PUMP_SOCKET] = { .halfClose = true },
    [VMC_PUMP_TELNET_CLIENT] = { .halfClose = true, .telnet = true },
    [VMC_PUMP_TELNET_SERVER] = { .halfClose = true, .telnet = true },
    [VMC_PUMP_DEVICE] = { .alone = true },
    [VMC_PUMP_STDIO] = { .alone = true, .shared = true },
    [VMC_PUMP_FIFO] = { .alone = true, .inOnce = true },
    [VMC_PUMP_DATAGRAM] = { .alone = true, .datagram = true },
    [VMC_PUMP_FILE] = { .lines = true },
    [VMC_PUMP_NULL] = { .halfClose = false },
};

typedef struct _pumpProcess pumpProcess;

typedef struct {
    pumpProcess *owner;
    const pumpTraits *kind;
    uint32_t id;                /* the broker's */
    vmcWatch guest;             /* the worker's socket */
    vmcWatch in;                /* the host side, -1 where there is nothing to read */
    vmcWatch out;               /* -1: bytes are dropped */
    GByteArray *up;             /* to the host, or NULL */
    GByteArray *down;           /* to the guest, or NULL */
    int sndbuf;                 /* what was asked for @out, where it is a stream socket */
    bool outFull;               /* it took no more, and has not since */
    bool started;
    bool guestEnd;              /* the guest has sent its last byte */
    bool guestGone;             /* and reads no more */
    bool guestLeft;             /* its last byte is in the socket, or was read */
    bool hostEnd;               /* the host has sent its last byte */
    bool shutUp, shutDown;      /* which was passed on */
    vmcTelnet telnet;
} pumpConn;

struct _pumpProcess {
    vmcLoop *loop;
    vmcWatch mailbox;
    GQueue conns;               /* of pumpConn, oldest first */
    GQueue again;               /* of those that used up their turn */
    int log;                    /* or -1 */
    pumpNote logNote;
    vmcWatch file;              /* what FILE connections write, or -1 */
    pumpNote fileNote;
    bool written;               /* the host side, by anyone */
    bool leaving;               /* the broker is gone */
    int64_t leaveAt;            /* microseconds */
};

static uint8_t scratch[VMC_LIMIT_PUMP_DATAGRAM];

static GByteArray **
buffer(GByteArray **array)
{
    if (!*array)
        *array = g_byte_array_new();
    return array;
}

static void
bufferTake(GByteArray **array, size_t n)
{
    g_byte_array_remove_range(*array, 0, (unsigned int)n);
    if ((*array)->len == 0)
        g_clear_pointer(array, g_byte_array_unref);
}

static size_t
bufferLen(const GByteArray *array)
{
    return array ? array->len : 0;
}

/* Returns how many of @len bytes were written: fewer after an error, which errno has. */
static size_t
writeAll(int fd, const void *bytes, size_t len)
{
    size_t done = 0;
    ssize_t n = 1;

    while (done < len && n != 0) {
        n = write(fd, (const char *)bytes + done, len - done);
        if (n < 0 && errno != EINTR)
            break;
        done += (size_t)MAX(n, 0);
    }
    return done;
}

static void
makeNote(pumpNote *note)
{
    char count[NOTE_MAX / 2] = "";

    if (!note->uncounted)
        snprintf(count, sizeof(count), "%" G_GUINT64_FORMAT " ", note->lost);
    note->len = (size_t)snprintf(note->text, sizeof(note->text),
                                 "\n[vmchannel: %sbytes are missing here]\n", count);
    note->done = 0;
    note->lost = 0;
}

/* Says in @fd what is missing at that place. Returns whether that has been said, or has errno. */
static bool
noteLost(pumpNote *note, int fd)
{
    while (note->done < note->len || note->lost > 0) {
        if (note->done == note->len)
            makeNote(note);
        note->done += writeAll(fd, note->text + note->done, note->len - note->done);
        if (note->done < note->len)
            return false;
    }
    return true;
}

/* What the log has no room for is lost to it; the channel goes on, and the log when it has. */
static void
logBytes(pumpProcess *pump, const uint8_t *bytes, size_t len)
{
    if (pump->log >= 0)
        pump->logNote.lost += noteLost(&pump->logNote, pump->log)
            ? len - writeAll(pump->log, bytes, len) : len;
}

/* Whether @fd can be used now. One that other processes share may block. */
static bool
isReady(const pumpConn *conn, int fd, short event)
{
    struct pollfd one = { .fd = fd, .events = event };

    return !conn->kind->shared || poll(&one, 1, 0) > 0;
}

/* As read(), with -1 only for failures and @none for "nothing now". */
static ssize_t
readSome(const pumpConn *conn, int fd, size_t len, bool *none)
{
    ssize_t n;

    *none = false;
    if (fd != conn->guest.fd && !isReady(conn, fd, POLLIN)) {
        *none = true;
        return -1;
    }
    do
        n = read(fd, scratch, len);
    while (n < 0 && errno == EINTR);
    *none = n < 0 && errno == EAGAIN;
    return n;
}

/*
 * Writes all of @len bytes to the file, or fails. One that is a FIFO takes all or none of what
 * is no longer than a line may be. On a disk that is full a line breaks off: what is written
 * there next, by any connection, begins with a note, and on a line of its own.
 */
static ssize_t
writeFile(pumpProcess *pump, const uint8_t *bytes, size_t len)
{
    size_t done;

    if (!noteLost(&pump->fileNote, pump->file.fd))
        return -1;
    done = writeAll(pump->file.fd, bytes, len);
    if (done == len || (done > 0 && errno == EAGAIN))
        return (ssize_t)done;
    if (!pump->file.ready)
        pump->fileNote.lost += len - done;
    return -1;
}

/* A datagram that cannot be sent is lost, as datagrams are. */
static ssize_t
writeDatagram(int fd, const uint8_t *bytes, size_t len)
{
    size_t part = MIN(len, DATAGRAM_OUT);
    ssize_t n;

    do
        n = write(fd, bytes, part);
    while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? -1 : (ssize_t)part;
}

static ssize_t
writeHost(pumpConn *conn, const uint8_t *bytes, size_t len)
{
    int fd = conn->out.fd;

    conn->owner->written = true;
    if (conn->kind->lines)
        return writeFile(conn->owner, bytes, len);
    if (fd < 0)
        return (ssize_t)len;
    if (conn->kind->datagram)
        return writeDatagram(fd, bytes, len);
    if (conn->kind->shared)
        len = MIN(len, SHARED_CHUNK);
    if (!isReady(conn, fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, len);
}

static void
connFree(pumpConn *conn)
{
    pumpProcess *pump = conn->owner;
    vmcWatch *watches[] = { &conn->guest, &conn->in, &conn->out };

    for (size_t i = 0; i < G_N_ELEMENTS(watches); i++) {
        if (watches[i]->ready)
            vmcLoopRemove(pump->loop, watches[i]);
        vmcFdClose(&watches[i]->fd);
    }
    g_clear_pointer(&conn->up, g_byte_array_unref);
    g_clear_pointer(&conn->down, g_byte_array_unref);
    g_queue_remove(&pump->conns, conn);
    g_queue_remove(&pump->again, conn);
    vmcLoopDefer(pump->loop, conn);
}

/*
 * The end of what the worker has sent: the guest's last byte, or, when the socket is closed
 * both ways, maybe not.
 */
static void
endGuest(pumpConn *conn)
{
    struct pollfd state = { .fd = conn->guest.fd, .events = 0 };

    conn->guestEnd = true;
    if (poll(&state, 1, 0) > 0)
        conn->guestGone = true;
}

/* Takes the guest's next bytes into the buffer. Returns whether something came. */
static bool
takeFromGuest(pumpConn *conn)
{
    bool none;
    ssize_t n;

    if (conn->guestEnd)
        return false;
    n = readSome(conn, conn->guest.fd, VMC_LIMIT_PUMP_CHUNK, &none);
    if (none)
        return false;
    if (n <= 0) {
        endGuest(conn);
        return true;
    }
    logBytes(conn->owner, scratch, (size_t)n);
    if (conn->kind->telnet)
        vmcTelnetSend(scratch, (size_t)n, *buffer(&conn->up));
    else
        g_byte_array_append(*buffer(&conn->up), scratch, (unsigned int)n);
    return true;
}

/* How many of the waiting bytes may go to the host. */
static size_t
upReady(const pumpConn *conn)
{
    size_t len = bufferLen(conn->up);
    size_t part = conn->owner->file.ready ? MIN(len, VMC_LINE_MAX) : len;

    if (!conn->kind->lines || len == 0)
        return len;
    return vmcLinesReady((const char *)conn->up->data, part, conn->guestEnd && part == len);
}

/* Nothing of the guest's can be delivered any more. */
static void
loseHost(pumpConn *conn)
{
    g_clear_pointer(&conn->up, g_byte_array_unref);
    conn->guestEnd = conn->guestGone = true;
}

/* Has the host side's buffer grow while it reads what it was full of. */
static void
growSndbuf(pumpConn *conn)
{
    int size = vmcShareGrown(conn->sndbuf, conn->owner->conns.length);

    conn->outFull = false;
    if (size == conn->sndbuf)
        return;
    conn->sndbuf = size;
    setsockopt(conn->out.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* One step guest to host. Returns whether it moved something. */
static bool
stepUp(pumpConn *conn)
{
    size_t len = upReady(conn);
    ssize_t n;

    if (len == 0)
        return takeFromGuest(conn);
    do
        n = writeHost(conn, conn->up->data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        conn->outFull = conn->kind->halfClose;
        return false;
    }
    if (n < 0) {
        loseHost(conn);
        return true;
    }
    if (conn->outFull)
        growSndbuf(conn);
    bufferTake(&conn->up, (size_t)n);
    return true;
}

static bool
readsHost(const pumpConn *conn)
{
    return !conn->hostEnd && conn->in.fd >= 0 &&
        !(conn->kind->inOnce && conn->owner->written);
}

static bool
takeFromHost(pumpConn *conn)
{
    bool none;
    ssize_t n;

    if (!readsHost(conn))
        return false;
    n = readSome(conn, conn->in.fd, conn->kind->datagram ? VMC_LIMIT_PUMP_DATAGRAM
                                                           : VMC_LIMIT_PUMP_CHUNK, &none);
    if (none)
        return false;
    if (conn->kind->datagram && n <= 0)
        return true;            /* empty, or an ICMP error: the next one counts */
    if (n <= 0) {
        conn->hostEnd = true;
        return true;
    }
    if (conn->kind->telnet)
        vmcTelnetReceive(&conn->telnet, scratch, (size_t)n, *buffer(&conn->down),
                         *buffer(&conn->up));
    else
        g_byte_array_append(*buffer(&conn->down), scratch, (unsigned int)n);
    logBytes(conn->owner, conn->down->data, conn->down->len);
    return true;
}

/* One step host to guest. Returns whether it moved something. */
static bool
stepDown(pumpConn *conn)
{
    ssize_t n;

    if (bufferLen(conn->down) == 0)
        return takeFromHost(conn);
    n = send(conn->guest.fd, conn->down->data, conn->down->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (n < 0) {
        n = conn->down->len;
        conn->hostEnd = true;   /* nobody reads it */
    }
    bufferTake(&conn->down, (size_t)n);
    return true;
}

/*
 * Passes on the ends of file that are due. Of a guest that is gone the host side hears by both
 * ends at once: that is how a unix socket says that a connection was cut off.
 */
static void
passEnds(pumpConn *conn)
{
    if (conn->guestEnd && !conn->guestGone && bufferLen(conn->up) == 0 && !conn->shutUp &&
        conn->kind->halfClose) {
        shutdown(conn->out.fd, SHUT_WR);
        conn->shutUp = true;
    }
    if (conn->hostEnd && bufferLen(conn->down) == 0 && !conn->shutDown) {
        shutdown(conn->guest.fd, SHUT_WR);
        conn->shutDown = true;
    }
}

static bool
isDone(const pumpConn *conn)
{
    if (!conn->guestEnd || bufferLen(conn->up) > 0)
        return false;
    if (conn->guestGone || conn->owner->leaving || !conn->kind->halfClose)
        return true;
    return conn->hostEnd && bufferLen(conn->down) == 0;
}

static void
runLater(pumpConn *conn)
{
    GQueue *again = &conn->owner->again;

    if (!g_queue_find(again, conn))
        g_queue_push_tail(again, conn);
}

static void startNext(pumpProcess *pump);

static void
connRun(pumpConn *conn)
{
    pumpProcess *pump = conn->owner;
    int round = 0;
    bool moved = true;

    while (moved && round++ < ROUNDS) {
        bool up = stepUp(conn);
        bool down = stepDown(conn);

        moved = up || down;
        if (conn->up && conn->up->len == 0)
            g_clear_pointer(&conn->up, g_byte_array_unref);
        if (conn->down && conn->down->len == 0)
            g_clear_pointer(&conn->down, g_byte_array_unref);
    }
    passEnds(conn);
    if (isDone(conn)) {
        connFree(conn);
        startNext(pump);
    } else if (moved) {
        runLater(conn);
    }
}

/* A guest can leave bytes for a host side that never takes them: the oldest give way. */
static void
forgetGone(pumpProcess *pump)
{
    pumpConn *oldest = NULL;
    unsigned int gone = 0;

    for (GList *item = pump->conns.head; item; item = item->next) {
        pumpConn *conn = item->data;

        gone += conn->guestGone;
        if (conn->guestGone && !oldest)
            oldest = conn;
    }
    if (gone <= VMC_LIMIT_PUMP_GONE)
        return;
    connFree(oldest);
    startNext(pump);
}

/*
 * Where one guest follows another, one that has sent its last byte needs nothing more: it
 * hears the end though its bytes may wait for the host side still.
 */
static void
guestReady(void *opaque, uint32_t events)
{
    pumpConn *conn = opaque;
    pumpProcess *pump = conn->owner;

    if (events & (EPOLLHUP | EPOLLERR))
        conn->guestGone = true;
    if (conn->kind->alone && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->guestLeft = conn->hostEnd = true;
    if (conn->started)
        connRun(conn);
    else
        passEnds(conn);
    if (events & (EPOLLHUP | EPOLLERR))
        forgetGone(pump);
}

static void
connReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    connRun(opaque);
}

/* What cannot be watched (a file, /dev/null) is always ready. */
static void
watchFd(pumpConn *conn, vmcWatch *watch, void (*ready)(void *, uint32_t), uint32_t events)
{
    if (watch->fd < 0)
        return;
    watch->ready = ready;
    watch->opaque = conn;
    if (vmcLoopAdd(conn->owner->loop, watch, events) < 0)
        watch->ready = NULL;
}

/* Edge-triggered, since each run goes on until nothing moves. */
static void
connStart(pumpConn *conn)
{
    conn->started = true;
    vmcLoopRemove(conn->owner->loop, &conn->guest);
    watchFd(conn, &conn->guest, guestReady, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    watchFd(conn, &conn->in, connReady, EPOLLIN | EPOLLRDHUP | EPOLLET);
    watchFd(conn, &conn->out, connReady, EPOLLOUT | EPOLLET);
    if (conn->kind->telnet)
        vmcTelnetBegin(&conn->telnet, *buffer(&conn->up));
    connRun(conn);
}

/* The oldest; the others too unless they have to wait for it. */
static void
startNext(pumpProcess *pump)
{
    pumpConn *conn = g_queue_peek_head(&pump->conns);

    if (conn && !conn->started)
        connStart(conn);
}

/* All that the guest has left in @from goes to the end of what @to has for the host side. */
static void
takeLeft(pumpConn *to, pumpConn *from)
{
    bool none = false;

    while (!from->guestEnd && !none) {
        ssize_t n = readSome(from, from->guest.fd, VMC_LIMIT_PUMP_CHUNK, &none);

        if (n > 0) {
            logBytes(to->owner, scratch, (size_t)n);
            g_byte_array_append(*buffer(&to->up), scratch, (unsigned int)n);
        }
        from->guestEnd = n == 0 || (n < 0 && !none);
        if (bufferLen(to->up) > VMC_LIMIT_PUMP_LEFT)
            bufferTake(&to->up, to->up->len - VMC_LIMIT_PUMP_LEFT);
    }
}

/*
 * Guests can leave bytes for a host side that does not take them, and be followed by others:
 * the oldest bytes give way when the next guest comes. One connection holds the rest.
 */
static void
gatherLeft(pumpProcess *pump)
{
    pumpConn *first = g_queue_peek_head(&pump->conns);
    GList *item = pump->conns.head;

    while (item && ((pumpConn *)item->data)->guestLeft) {
        pumpConn *conn = item->data;

        item = item->next;
        takeLeft(first, conn);
        if (conn != first)
            connFree(conn);
    }
    if (first && first->guestLeft)
        runLater(first);
}

static void
connNew(pumpProcess *pump, const vmcIpcMessage *message, const int *fds, unsigned int nfds)
{
    vmcPumpKind kind = message->value;
    pumpConn *conn = g_new0(pumpConn, 1);

    if (kinds[kind].alone)
        gatherLeft(pump);
    conn->owner = pump;
    conn->kind = &kinds[kind];
    conn->id = message->id;
    conn->sndbuf = VMC_SHARE_MIN;
    conn->guest.fd = fds[0];
    conn->out.fd = nfds > 1 ? fds[1] : -1;
    conn->in.fd = nfds > 2 ? fds[2] : -1;
    conn->hostEnd = kind == VMC_PUMP_NULL;
    conn->telnet.server = kind == VMC_PUMP_TELNET_SERVER;
    g_queue_push_tail(&pump->conns, conn);
    if (!conn->kind->alone || pump->conns.length == 1)
        connStart(conn);
    else
        watchFd(conn, &conn->guest, guestReady, EPOLLRDHUP | EPOLLET);
}

/* What nobody has read ends in a RST, where there is one. */
static void
resetOnClose(const pumpConn *conn)
{
    static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(conn->out.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/*
 * The guest has reset the connection, and the worker closed it: what the host side takes at
 * once is written, and the rest dropped, wherever it is.
 */
static void
connReset(pumpProcess *pump, uint32_t id)
{
    GList *item = pump->conns.head;
    pumpConn *conn;

    while (item && ((pumpConn *)item->data)->id != id)
        item = item->next;
    if (!item)
        return;
    conn = item->data;
    while (conn->started && stepUp(conn))
        continue;
    if (conn->kind->halfClose)
        resetOnClose(conn);
    connFree(conn);
    startNext(pump);
}

/* The broker is gone: what the guest has sent may still flow out, for a while. */
static void
leave(pumpProcess *pump)
{
    if (pump->leaving)
        return;
    pump->leaving = true;
    pump->leaveAt = g_get_monotonic_time() + LEAVE_US;
    vmcLoopRemove(pump->loop, &pump->mailbox);
    for (GList *item = pump->conns.head; item; item = item->next) {
        pumpConn *conn = item->data;

        conn->hostEnd = true;
        if (conn->started)      /* the others when it is their turn */
            runLater(conn);
    }
}

/* The file takes bytes again. */
static void
fileReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    pumpProcess *pump = opaque;

    for (GList *item = pump->conns.head; item; item = item->next)
        runLater(item->data);
}

/* One that is on a disk is always ready, and cannot be watched. */
static void
setFile(pumpProcess *pump, int fd)
{
    vmcLoopRemove(pump->loop, &pump->file);
    vmcFdClose(&pump->file.fd);
    pump->fileNote.done = 0;
    pump->file = (vmcWatch){ fd, fileReady, pump };
    if (vmcLoopAdd(pump->loop, &pump->file, EPOLLOUT | EPOLLET) < 0)
        pump->file.ready = NULL;
    fileReady(pump, 0);
}

static void
setLog(pumpProcess *pump, int fd)
{
    vmcFdClose(&pump->log);
    pump->logNote.done = 0;
    pump->log = fd;
}

static void
mailboxReady(void *opaque, uint32_t events G_GNUC_UNUSED)
{
    pumpProcess *pump = opaque;
    int fds[VMC_IPC_FDS];
    unsigned int nfds = 0;
    vmcIpcMessage message;
    int got;

    while ((got = vmcMailboxTake(pump->mailbox.fd, VMC_IPC_TO_PUMP, &message, fds, &nfds)) > 0) {
        if (message.type == VMC_IPC_BROKER_LOG)
            setLog(pump, fds[0]);
        else if (message.type == VMC_IPC_BROKER_FILE)
            setFile(pump, fds[0]);
        else if (message.type == VMC_IPC_BROKER_RESET)
            connReset(pump, message.id);
        else if (message.value < VMC_PUMP_LAST && nfds > 0)
            connNew(pump, &message, fds, nfds);
    }
    if (got < 0)
        leave(pump);
}

static void
runAgain(pumpProcess *pump)
{
    for (unsigned int n = pump->again.length; n > 0; n--) {
        pumpConn *conn = g_queue_pop_head(&pump->again);

        if (conn)
            connRun(conn);
    }
}

static int64_t
patience(const pumpProcess *pump)
{
    if (pump->again.length > 0)
        return 0;
    return pump->leaving ? MAX(pump->leaveAt - g_get_monotonic_time(), 0) : -1;
}

static void
abandon(pumpProcess *pump)
{
    for (GList *item = pump->conns.head; item; item = item->next)
        resetOnClose(item->data);
}

static void
serve(pumpProcess *pump)
{
    while (!pump->leaving || (pump->conns.length > 0 && g_get_monotonic_time() < pump->leaveAt)) {
        if (vmcLoopTurn(pump->loop, patience(pump)) < 0)
            return;
        runAgain(pump);
    }
    abandon(pump);
}

/* In a call that blocks, nothing else would end the pump. */
static void
brokerEnded(int signal G_GNUC_UNUSED)
{
    static const struct itimerval stuck = { .it_value = { .tv_usec = STUCK_US } };

    setitimer(ITIMER_REAL, &stuck, NULL);
}

static void
endWithBroker(void)
{
    struct sigaction action = { .sa_handler = brokerEnded, .sa_flags = SA_RESTART };

    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
}

int
vmcPumpMain(void)
{
    pumpProcess pump = { .mailbox.fd = VMC_CHILD_MAILBOX, .mailbox.ready = mailboxReady,
                         .log = -1, .file.fd = -1, .fileNote.uncounted = true };
    vmcIpcMessage ready = { .type = VMC_IPC_CHILD_READY };

    pump.mailbox.opaque = &pump;
    endWithBroker();
    if (vmcChildBegin("vmch-pump", false) < 0 || !(pump.loop = vmcLoopNew()) ||
        vmcLoopAdd(pump.loop, &pump.mailbox, EPOLLIN) < 0 ||
        (ready.value = vmcConfine(VMC_FILTER_PUMP)) == 0)
        return EXIT_FAILURE;
    vmcMailboxTell(pump.mailbox.fd, &ready);
    serve(&pump);
    return EXIT_SUCCESS;
}
