/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of hosts and ports: see inet.h. */
#include <config.h>

#include "relay/broker/sources/inet.h"

#include <string.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define ADDRESSES_MAX 16

/* How long a running guest's other new connections wait for a name, in microseconds. */
#define LOOK_UP_TIME (5 * G_TIME_SPAN_SECOND)

/* A name that a thread looks up. Who asked for it may have gone on before it is over. */
typedef struct {
    char *host, *service;
    int type, flags;
    GMutex lock;                /* of what follows */
    GCond ended;
    bool over;
    int error;
    GArray *addresses;          /* or NULL */
} nameTask;

static void
taskClear(void *opaque)
{
    nameTask *task = opaque;

    g_free(task->host);
    g_free(task->service);
    g_clear_pointer(&task->addresses, g_array_unref);
    g_mutex_clear(&task->lock);
    g_cond_clear(&task->ended);
}

GArray *
vmcInetLookUp(const char *host, const char *service, int type, int flags, int *error)
{
    struct addrinfo hints = { .ai_socktype = type, .ai_flags = flags };
    struct addrinfo *found = NULL;
    GArray *addresses;

    *error = getaddrinfo(host, service, &hints, &found);
    if (*error != 0)
        return NULL;
    addresses = g_array_new(FALSE, TRUE, sizeof(vmcInetAddress));
    for (struct addrinfo *info = found; info && addresses->len < ADDRESSES_MAX;
         info = info->ai_next) {
        vmcInetAddress address = { .len = info->ai_addrlen };

        memcpy(&address.address, info->ai_addr, info->ai_addrlen);
        g_array_append_val(addresses, address);
    }
    freeaddrinfo(found);
    return addresses;
}

/* In the thread. */
static void *
lookUpName(void *opaque)
{
    nameTask *task = opaque;
    int error;
    GArray *addresses = vmcInetLookUp(task->host, task->service, task->type, task->flags, &error);

    g_mutex_lock(&task->lock);
    task->addresses = addresses;
    task->error = error;
    task->over = true;
    g_cond_signal(&task->ended);
    g_mutex_unlock(&task->lock);
    g_atomic_rc_box_release_full(task, taskClear);
    return NULL;
}

/* A name server that does not answer is waited for by a thread, which nobody stops. */
static GArray *
lookUpSoon(const char *host, const char *service, int type, int flags, int *error)
{
    int64_t end = g_get_monotonic_time() + LOOK_UP_TIME;
    nameTask *task = g_atomic_rc_box_new0(nameTask);
    GArray *addresses;
    GThread *thread;

    g_mutex_init(&task->lock);
    g_cond_init(&task->ended);
    task->host = g_strdup(host);
    task->service = g_strdup(service);
    task->type = type;
    task->flags = flags;
    task->error = EAI_AGAIN;
    thread = g_thread_try_new("name", lookUpName, g_atomic_rc_box_acquire(task), NULL);
    if (thread)
        g_thread_unref(thread);
    else
        g_atomic_rc_box_release_full(task, taskClear);
    g_mutex_lock(&task->lock);
    while (thread && !task->over && g_cond_wait_until(&task->ended, &task->lock, end))
        continue;
    addresses = g_steal_pointer(&task->addresses);
    *error = task->error;
    g_mutex_unlock(&task->lock);
    g_atomic_rc_box_release_full(task, taskClear);
    return addresses;
}

GArray *
vmcInetLookUpFor(const vmcSource *source, const char *host, const char *service, int type,
                 int flags, int *error)
{
    GArray *addresses = vmcInetLookUp(host, service, type, flags | AI_NUMERICHOST, error);

    if (addresses || *error != EAI_NONAME)
        return addresses;
    return source->start->live ? lookUpSoon(host, service, type, flags, error)
                               : vmcInetLookUp(host, service, type, flags, error);
}

int
vmcInetConnect(int fd, const vmcInetAddress *address)
{
    return connect(fd, (const struct sockaddr *)&address->address, address->len);
}

int
vmcInetBindFirst(const GArray *addresses, int type)
{
    int on = 1;
    int fd = -1;

    for (unsigned int i = 0; fd < 0 && i < addresses->len; i++) {
        const vmcInetAddress *address = &g_array_index(addresses, vmcInetAddress, i);

        fd = socket(address->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && type == SOCK_STREAM)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (fd >= 0 && bind(fd, (const struct sockaddr *)&address->address, address->len) < 0)
            vmcFdClose(&fd);
    }
    return fd;
}

void
vmcInetName(vmcSource *source, const char *host, const char *service)
{
    g_free(source->path);
    source->path = g_strdup_printf("%s:%s", host ? host : "", service ? service : "");
}

void
vmcInetReport(const vmcSource *source, int error)
{
    vmcReportError(VIR_ERR_OPERATION_FAILED, "vmchannel %s:%u: cannot look up '%s': %s",
                   source->def->address, source->def->port, source->path, gai_strerror(error));
}
