/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of a relay's control socket: see client.h. */
#include <config.h>

#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"
#include "util/rundir.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_NONE

/* A relay answers at once; one that takes longer is stuck. */
#define PATIENCE_MS 10000

/* An answer may list a thousand channels. */
#define ANSWER_MAX (4 * 1024 * 1024)
#define ANSWER_CONTAINERS_MAX 65536

struct _vmcControlClient {
    int fd;
    vmcJsonReader reader;
    char input[4096];
    const char *data;           /* of input, what the reader has not taken */
    size_t len;
    int passed;                 /* a descriptor that came and nobody took, or -1 */
    GQueue events;              /* that came while something else was waited for */
};

static bool
waitReadable(const vmcControlClient *client, int milliseconds)
{
    struct pollfd one = { .fd = client->fd, .events = POLLIN };
    int rc;

    do
        rc = poll(&one, 1, milliseconds);
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "the relay has not answered for %d seconds",
                       milliseconds / 1000);
    if (rc < 0)
        vmcReportSystemError(errno, "cannot wait for the relay");
    return rc > 0;
}

/* More input; false with an error, or without one at its end. Keeps the last descriptor. */
static bool
readMore(vmcControlClient *client, int milliseconds)
{
    unsigned int nfds = 1;
    int passed;
    ssize_t n;

    if (!waitReadable(client, milliseconds))
        return false;
    n = vmcSocketReceive(client->fd, client->input, sizeof(client->input), &passed, &nfds);
    if (n <= 0) {
        vmcErrorReset();
        return false;
    }
    if (nfds > 0) {
        vmcFdClose(&client->passed);
        client->passed = passed;
    }
    client->data = client->input;
    client->len = (size_t)n;
    return true;
}

static struct json_object *
nextMessage(vmcControlClient *client, int milliseconds)
{
    struct json_object *message = NULL;
    int got;

    while ((got = vmcJsonReaderTake(&client->reader, &client->data, &client->len,
                                    &message)) == 0) {
        if (!readMore(client, milliseconds))
            return NULL;
    }
    return got > 0 ? message : NULL;
}

/* Returns the next message that is not an event; events go into the queue. */
static struct json_object *
nextAnswer(vmcControlClient *client)
{
    struct json_object *message;

    while ((message = nextMessage(client, PATIENCE_MS)) &&
           json_object_object_get_ex(message, "event", NULL))
        g_queue_push_tail(&client->events, message);
    if (!message && vmcErrorLast()->code == VIR_ERR_OK)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "%s", "the relay has hung up");
    return message;
}

static int
ask(vmcControlClient *client, const char *command, struct json_object *arguments)
{
    g_autoptr(vmcJson) message = json_object_new_object();
    g_autofree char *line = NULL;
    size_t len;

    json_object_object_add(message, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(message, "arguments", arguments);
    line = vmcJsonLine(message);
    len = strlen(line);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(client->fd, line + sent, len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vmcReportSystemError(errno, "cannot write to the relay");
            return -1;
        }
        sent += (size_t)n;
    }
    return 0;
}

struct json_object *
vmcControlClientExecute(vmcControlClient *client, const char *command,
                        struct json_object *arguments, int *fd)
{
    g_autoptr(vmcJson) answer = NULL;
    struct json_object *value;
    const char *why = NULL;

    vmcFdClose(&client->passed);
    if (ask(client, command, arguments) < 0 || !(answer = nextAnswer(client)))
        return NULL;
    if (json_object_object_get_ex(answer, "return", &value)) {
        if (fd)
            *fd = vmcFdSteal(&client->passed);
        return json_object_get(value);
    }
    if (json_object_object_get_ex(answer, "error", &value))
        why = vmcJsonString(value, "desc");
    /* The relay's message is complete: it must not get a second prefix. */
    vmcErrorSet(VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED, why ? why : "the relay gives no reason");
    return NULL;
}

struct json_object *
vmcControlClientEvent(vmcControlClient *client)
{
    struct json_object *event = g_queue_pop_head(&client->events);

    return event ? event : nextMessage(client, -1);
}

/* Reads the greeting, and negotiates. */
static int
negotiate(vmcControlClient *client)
{
    g_autoptr(vmcJson) greeting = nextAnswer(client);
    g_autoptr(vmcJson) done = NULL;

    if (!greeting)
        return -1;
    if (!json_object_object_get_ex(greeting, "QMP", NULL)) {
        struct json_object *error = json_object_object_get(greeting, "error");
        const char *why = error ? vmcJsonString(error, "desc") : NULL;

        vmcErrorSet(VIR_FROM_QEMU, VIR_ERR_OPERATION_FAILED,
                    why ? why : "the relay does not greet");
        return -1;
    }
    done = vmcControlClientExecute(client, "qmp_capabilities", NULL, NULL);
    return done ? 0 : -1;
}

/* Takes @fd over. */
static vmcControlClient *
clientNew(int fd)
{
    vmcControlClient *client = g_new0(vmcControlClient, 1);

    client->fd = fd;
    client->passed = -1;
    vmcJsonReaderInit(&client->reader, ANSWER_MAX, ANSWER_CONTAINERS_MAX);
    g_queue_init(&client->events);
    if (negotiate(client) < 0)
        g_clear_pointer(&client, vmcControlClientFree);
    return client;
}

vmcControlClient *
vmcControlClientOpen(const char *path)
{
    struct sockaddr_un address;
    int fd;

    if (vmcSocketAddress(&address, path) < 0)
        return NULL;
    fd = vmcSocketConnect(&address, 0, PATIENCE_MS / 1000);
    if (fd >= 0)
        return clientNew(fd);
    if (errno == ENOENT || errno == ECONNREFUSED)
        vmcReportError(VIR_ERR_OPERATION_INVALID, "no relay listens at '%s'", path);
    else
        vmcReportSystemError(errno, "cannot connect to '%s'", path);
    return NULL;
}

vmcControlClient *
vmcControlClientFind(const char *uuid)
{
    g_autofree char *own = vmcRunDirOwn();
    g_autofree char *file = g_strdup_printf("%s.sock", uuid);
    g_autofree char *system = g_build_filename(vmcRunDirSystem(), file, NULL);
    g_autofree char *mine = g_build_filename(own, file, NULL);
    vmcControlClient *client = vmcControlClientOpen(mine);

    /* The own folder first: who runs a session's guests may not look into the system's. */
    if (!client && vmcErrorLast()->code == VIR_ERR_OPERATION_INVALID && !g_str_equal(system, mine))
        client = vmcControlClientOpen(system);
    return client;
}

void
vmcControlClientFree(vmcControlClient *client)
{
    if (!client)
        return;
    vmcJsonReaderClear(&client->reader);
    g_queue_clear_full(&client->events, (GDestroyNotify)(void (*)(void))json_object_put);
    vmcFdClose(&client->passed);
    vmcFdClose(&client->fd);
    g_free(client);
}
