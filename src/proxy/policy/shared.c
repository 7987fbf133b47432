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

struct vmcPolicySharedCounts {
    guint allowed;
    /* For each procedure of the table, and those that are not in it. */
    guint refused[VMC_REFUSAL_LAST][VMC_RPC_PROCEDURES_N + 1];
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

static vmcPolicySharedCounts *
countsNew(void)
{
    void *counts = mmap(NULL, sizeof(vmcPolicySharedCounts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (counts != MAP_FAILED)
        return counts;
    vmcReportSystemError(errno, "%s", "cannot share counts");
    return NULL;
}

vmcPolicyShared *
vmcPolicySharedNew(const char *path, const char *uuid)
{
    g_autoptr(vmcPolicyShared) shared = g_new0(vmcPolicyShared, 1);
    g_autofree char *text = NULL;
    size_t size;

    if (!g_uuid_string_is_valid(uuid)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "domain '%s': expected a uuid", uuid);
        return NULL;
    }
    text = readFile(path, &size);
    shared->uuid = g_strdup(uuid);
    shared->policy = text ? vmcPolicyParse(text, size, uuid) : NULL;
    shared->counts = shared->policy ? countsNew() : NULL;
    return shared->counts ? g_steal_pointer(&shared) : NULL;
}

void
vmcPolicySharedFree(vmcPolicyShared *shared)
{
    if (!shared)
        return;
    if (shared->counts)
        munmap(shared->counts, sizeof(*shared->counts));
    vmcPolicyFree(shared->policy);
    g_free(shared->uuid);
    g_free(shared);
}

/* How a log line begins; libvirt's names are printable, so no line is broken. */
static char *
guestText(const vmcPolicyShared *shared, const char *name)
{
    g_autofree char *escaped = name ? g_strescape(name, NULL) : NULL;

    return escaped ? g_strdup_printf("guest '%s' (%s)", escaped, shared->uuid)
                   : g_strdup_printf("guest %s", shared->uuid);
}

void
vmcPolicySharedAllowed(vmcPolicyShared *shared)
{
    g_atomic_int_inc(&shared->counts->allowed);
}

void
vmcPolicySharedRefused(vmcPolicyShared *shared, vmcRefusal reason,
                       const vmcRpcProcedure *procedure, const char *name)
{
    static const char *const whys[] = { "", " of another domain, or with secrets" };
    size_t index = procedure ? (size_t)(procedure - vmcRpcProcedures()) : VMC_RPC_PROCEDURES_N;
    g_autofree char *guest = guestText(shared, name);

    if (g_atomic_int_add(&shared->counts->refused[reason][index], 1) == 0)
        fprintf(stderr, "vmchannel-proxy: policy: %s: refused %s%s\n", guest,
                procedure ? procedure->name : "an unknown procedure", whys[reason]);
}

void
vmcPolicySharedReport(const vmcPolicyShared *shared, const char *name)
{
    g_autofree char *guest = guestText(shared, name);
    guint refused = 0;

    for (int reason = 0; reason < VMC_REFUSAL_LAST; reason++) {
        for (int i = 0; i <= VMC_RPC_PROCEDURES_N; i++)
            refused += g_atomic_int_get(&shared->counts->refused[reason][i]);
    }
    fprintf(stderr, "vmchannel-proxy: policy: %s: %u calls allowed, %u refused so far\n", guest,
            (guint)g_atomic_int_get(&shared->counts->allowed), refused);
}
