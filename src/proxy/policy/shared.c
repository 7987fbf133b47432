/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy, whose it is, and what was counted: see shared.h. */
#include <config.h>

#include "proxy/policy/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_ACCESS

struct vmcGuardCounts {
    guint allowed;
    /* For each procedure of the catalogue, and those that are not in it. */
    guint refused[VMC_GUARD_REASONS][VMC_RPC_CATALOGUE_SIZE + 1];
};

/* The file's bytes, which the caller frees, and their number; NULL with an error. */
static char *
readFile(const char *path, size_t *size)
{
    g_autofree char *text = g_malloc(VMC_POLICY_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    *size = 0;
    while (fd >= 0 && n > 0 && *size <= VMC_POLICY_MAX) {
        n = read(fd, text + *size, VMC_POLICY_MAX + 1 - *size);
        *size += MAX(n, 0);
    }
    if (fd < 0 || n < 0)
        vmcReportSystemError(errno, "cannot read policy '%s'", path);
    vmcFdClose(&fd);
    return n < 0 || fd != -1 ? NULL : g_steal_pointer(&text);
}

static vmcGuardCounts *
countsNew(void)
{
    void *counts = mmap(NULL, sizeof(vmcGuardCounts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (counts != MAP_FAILED)
        return counts;
    vmcReportSystemError(errno, "%s", "cannot share counts");
    return NULL;
}

vmcGuard *
vmcGuardNew(const char *path, const char *uuid)
{
    g_autoptr(vmcGuard) guard = g_new0(vmcGuard, 1);
    g_autofree char *text = NULL;
    size_t size;

    if (!g_uuid_string_is_valid(uuid)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "domain '%s': expected a uuid", uuid);
        return NULL;
    }
    text = readFile(path, &size);
    guard->uuid = g_strdup(uuid);
    guard->policy = text ? vmcPolicyParse(text, size, uuid) : NULL;
    guard->counts = guard->policy ? countsNew() : NULL;
    return guard->counts ? g_steal_pointer(&guard) : NULL;
}

void
vmcGuardFree(vmcGuard *guard)
{
    if (!guard)
        return;
    if (guard->counts)
        munmap(guard->counts, sizeof(*guard->counts));
    vmcPolicyFree(guard->policy);
    g_free(guard->uuid);
    g_free(guard);
}

/* How a log line begins; libvirt's names are printable, so no line is broken. */
static char *
guestText(const vmcGuard *guard, const char *name)
{
    g_autofree char *escaped = name ? g_strescape(name, NULL) : NULL;

    return escaped ? g_strdup_printf("guest '%s' (%s)", escaped, guard->uuid)
                   : g_strdup_printf("guest %s", guard->uuid);
}

void
vmcGuardAllowed(vmcGuard *guard)
{
    g_atomic_int_inc(&guard->counts->allowed);
}

void
vmcGuardRefused(vmcGuard *guard, vmcGuardReason reason, const vmcRpcEntry *entry,
                const char *name)
{
    static const char *const whys[] = { "", " of another domain, or with secrets" };
    size_t index = entry ? (size_t)(entry - vmcRpcCatalogue()) : VMC_RPC_CATALOGUE_SIZE;
    g_autofree char *guest = guestText(guard, name);

    if (g_atomic_int_add(&guard->counts->refused[reason][index], 1) == 0)
        fprintf(stderr, "vmchannel-proxy: policy: %s: refused %s%s\n", guest,
                entry ? entry->name : "an unknown procedure", whys[reason]);
}

void
vmcGuardReport(const vmcGuard *guard, const char *name)
{
    g_autofree char *guest = guestText(guard, name);
    guint refused = 0;

    for (int reason = 0; reason < VMC_GUARD_REASONS; reason++) {
        for (int i = 0; i <= VMC_RPC_CATALOGUE_SIZE; i++)
            refused += g_atomic_int_get(&guard->counts->refused[reason][i]);
    }
    fprintf(stderr, "vmchannel-proxy: policy: %s: %u calls allowed, %u refused so far\n", guest,
            (guint)g_atomic_int_get(&guard->counts->allowed), refused);
}
