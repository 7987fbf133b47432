/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of hosts and ports: see inet.h. */
#include <config.h>

#include "relay/broker/sources/inet.h"

#include <string.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define ADDRESSES_MAX 16

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
