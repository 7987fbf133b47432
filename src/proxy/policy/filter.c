/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages under a policy: see filter.h. */
#include <config.h>

#include "proxy/policy/filter.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "documents/domain_mask.h"
#include "rpc/walk.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* Where a message's header has its type. */
#define TYPE_AT 16

static void
domainFree(gpointer opaque)
{
    vmcFilterDomain *domain = opaque;

    g_free(domain->name);
    g_free(domain);
}

static void
writeDomain(GByteArray *out, const vmcFilterDomain *domain)
{
    vmcXdrWriteString(out, domain->name, domain->length);
    g_byte_array_append(out, domain->uuid, VMC_RPC_UUID_SIZE);
    vmcXdrWriteU32(out, (guint32)domain->id);
}

/* The policy's domains in a list. */
typedef struct {
    const vmcPolicy *policy;
    GPtrArray *domains;
} choosing;

static vmcRpcVisit
chooseDomain(void *opaque, const vmcRpcDomain *domain)
{
    const choosing *state = opaque;
    vmcFilterDomain *chosen;

    if (!vmcPolicyHas(state->policy, domain->uuid, domain->name, domain->length))
        return VMC_RPC_VISIT_KEEP;
    chosen = g_new0(vmcFilterDomain, 1);
    chosen->name = g_strndup(domain->name, domain->length);
    chosen->length = domain->length;
    memcpy(chosen->uuid, domain->uuid, VMC_RPC_UUID_SIZE);
    chosen->id = domain->id;
    g_ptr_array_add(state->domains, chosen);
    return VMC_RPC_VISIT_KEEP;
}

static void
reportUnreadable(void)
{
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "the daemon's reply cannot be read");
}

GPtrArray *
vmcFilterDomains(const vmcPolicy *policy, vmcXdrReader *reply)
{
    static const vmcRpcVisitor visitor = { .letters = "L", .domain = chooseDomain };
    g_autoptr(GPtrArray) domains = g_ptr_array_new_with_free_func(domainFree);
    choosing state = { .policy = policy, .domains = domains };

    if (vmcRpcWalk(reply, "L", &visitor, &state, NULL) == VMC_RPC_WALK_DONE)
        return g_steal_pointer(&domains);
    reportUnreadable();
    return NULL;
}

/* The domain with this uuid, or NULL. */
static const vmcFilterDomain *
findUuid(const GPtrArray *domains, const guint8 *uuid)
{
    for (guint i = 0; i < domains->len; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(domains, i);

        if (memcmp(domain->uuid, uuid, VMC_RPC_UUID_SIZE) == 0)
            return domain;
    }
    return NULL;
}

static void
reportNoUuid(const guint8 *uuid)
{
    g_autofree char *text = vmcPolicyUuidFormat(uuid);

    vmcReportError(VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", text);
}

/* A call on its way to its domains. */
typedef struct {
    const vmcPolicy *policy;
    const vmcRpcProcedure *procedure;
    const GPtrArray *domains;
    bool ask;                   /* it takes the daemon's list to know */
} placing;

/* The name in the object is the guest's word: the uuid is what the daemon goes by. */
static vmcRpcVisit
placeDomain(void *opaque, const vmcRpcDomain *domain)
{
    placing *state = opaque;

    if (vmcPolicyHas(state->policy, domain->uuid, NULL, 0) ||
        (state->domains && findUuid(state->domains, domain->uuid)))
        return VMC_RPC_VISIT_KEEP;
    if (vmcPolicyAsksNames(state->policy) && !state->domains) {
        state->ask = true;
        return VMC_RPC_VISIT_KEEP;
    }
    reportNoUuid(domain->uuid);
    return VMC_RPC_VISIT_STOP;
}

static vmcRpcVisit
placeFlags(void *opaque, guint32 flags)
{
    const placing *state = opaque;

    if (!(flags & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE)))
        return VMC_RPC_VISIT_KEEP;
    vmcErrorReport(VIR_FROM_ACCESS, VIR_ERR_ACCESS_DENIED,
                   "'%s' with secrets is not allowed by the policy", state->procedure->name);
    return VMC_RPC_VISIT_STOP;
}

vmcFilterPlace
vmcFilterCall(const vmcPolicy *policy, const vmcRpcProcedure *procedure,
              const GByteArray *message, const GPtrArray *domains)
{
    const vmcRpcVisitor visitor = {
        .letters = policy->secrets ? "dDL" : "dDLF", .domain = placeDomain, .flags = placeFlags,
    };
    placing state = { .policy = policy, .procedure = procedure, .domains = domains };
    vmcXdrReader reader;

    vmcRpcPayload(message, &reader);
    switch (vmcRpcWalk(&reader, procedure->call, &visitor, &state, NULL)) {
    case VMC_RPC_WALK_DONE:
        return state.ask ? VMC_FILTER_ASK : VMC_FILTER_INSIDE;
    case VMC_RPC_WALK_STOPPED:
        return VMC_FILTER_OUTSIDE;
    case VMC_RPC_WALK_UNREADABLE:
    default:
        vmcErrorReport(VIR_FROM_RPC, VIR_ERR_RPC, "%s", "Unable to decode message payload");
        return VMC_FILTER_OUTSIDE;
    }
}

static void
writeDomains(GByteArray *reply, vmcXdrReader *call, const GPtrArray *domains)
{
    bool wanted = vmcXdrReadU32(call) != 0;

    vmcXdrWriteU32(reply, wanted ? domains->len : 0);
    for (guint i = 0; wanted && i < domains->len; i++)
        writeDomain(reply, g_ptr_array_index(domains, i));
    vmcXdrWriteU32(reply, domains->len);
}

static void
writeIds(GByteArray *reply, vmcXdrReader *call, const GPtrArray *domains)
{
    guint32 max = vmcXdrReadU32(call);
    guint32 n = MIN(max, domains->len);

    vmcXdrWriteU32(reply, n);
    for (guint32 i = 0; i < n; i++)
        vmcXdrWriteU32(reply, (guint32)((vmcFilterDomain *)g_ptr_array_index(domains, i))->id);
}

static void
writeNames(GByteArray *reply, vmcXdrReader *call, const GPtrArray *domains)
{
    guint32 max = vmcXdrReadU32(call);
    guint32 n = MIN(max, domains->len);

    vmcXdrWriteU32(reply, n);
    for (guint32 i = 0; i < n; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(domains, i);

        vmcXdrWriteString(reply, domain->name, domain->length);
    }
}

static void
writeCount(GByteArray *reply, vmcXdrReader *call G_GNUC_UNUSED, const GPtrArray *domains)
{
    vmcXdrWriteU32(reply, domains->len);
}

static const vmcFilterDomain *
lookupId(vmcXdrReader *call, const GPtrArray *domains)
{
    gint32 id = (gint32)vmcXdrReadU32(call);

    for (guint i = 0; i < domains->len; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(domains, i);

        if (domain->id == id && id >= 0)
            return domain;
    }
    vmcReportError(VIR_ERR_NO_DOMAIN, "no domain with matching id %d", id);
    return NULL;
}

static const vmcFilterDomain *
lookupName(vmcXdrReader *call, const GPtrArray *domains)
{
    size_t length = 0;
    const char *name = vmcXdrReadString(call, VMC_RPC_STRING_MAX, &length);
    g_autofree char *text = NULL;

    for (guint i = 0; name && i < domains->len; i++) {
        const vmcFilterDomain *domain = g_ptr_array_index(domains, i);

        if (domain->length == length && memcmp(domain->name, name, length) == 0)
            return domain;
    }
    text = name ? g_strndup(name, length) : NULL;
    vmcReportError(VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", text ? text : "");
    return NULL;
}

static const vmcFilterDomain *
lookupUuid(vmcXdrReader *call, const GPtrArray *domains)
{
    const guint8 *uuid = call->data + call->pos;
    const vmcFilterDomain *domain;

    vmcXdrSkip(call, VMC_RPC_UUID_SIZE);
    if (call->failed) {
        vmcErrorReport(VIR_FROM_RPC, VIR_ERR_RPC, "%s", "Unable to decode message payload");
        return NULL;
    }
    domain = findUuid(domains, uuid);
    if (!domain)
        reportNoUuid(uuid);
    return domain;
}

/* A list or lookup of domains; @flags are libvirt's for the list that it takes. */
typedef struct {
    guint32 procedure;
    guint32 flags;
    bool hasFlags;              /* of its own, in the second word */
    const vmcFilterDomain *(*lookup)(vmcXdrReader *call, const GPtrArray *domains);
    void (*write)(GByteArray *reply, vmcXdrReader *call, const GPtrArray *domains);
} answer;

static const answer answers[] = {
    { VMC_RPC_CONNECT_LIST_DEFINED_DOMAINS, VIR_CONNECT_LIST_DOMAINS_INACTIVE, false, NULL,
      writeNames },
    { VMC_RPC_DOMAIN_LOOKUP_BY_ID, VIR_CONNECT_LIST_DOMAINS_ACTIVE, false, lookupId, NULL },
    { VMC_RPC_DOMAIN_LOOKUP_BY_NAME, 0, false, lookupName, NULL },
    { VMC_RPC_DOMAIN_LOOKUP_BY_UUID, 0, false, lookupUuid, NULL },
    { VMC_RPC_CONNECT_NUM_OF_DEFINED_DOMAINS, VIR_CONNECT_LIST_DOMAINS_INACTIVE, false, NULL,
      writeCount },
    { VMC_RPC_CONNECT_LIST_DOMAINS, VIR_CONNECT_LIST_DOMAINS_ACTIVE, false, NULL, writeIds },
    { VMC_RPC_CONNECT_NUM_OF_DOMAINS, VIR_CONNECT_LIST_DOMAINS_ACTIVE, false, NULL, writeCount },
    { VMC_RPC_CONNECT_LIST_ALL_DOMAINS, 0, true, NULL, writeDomains },
};

static const answer *
findAnswer(guint32 program, guint32 number)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        if (program == VMC_RPC_PROGRAM_REMOTE && answers[i].procedure == number)
            return &answers[i];
    }
    return NULL;
}

bool
vmcFilterAnswers(const vmcRpcProcedure *procedure, const GByteArray *message, guint32 *flags)
{
    const answer *row = findAnswer(procedure->program, procedure->number);
    vmcXdrReader reader;

    if (!row)
        return false;
    *flags = row->flags;
    if (row->hasFlags) {
        vmcRpcPayload(message, &reader);
        vmcXdrReadU32(&reader);
        *flags = vmcXdrReadU32(&reader);
    }
    return true;
}

GByteArray *
vmcFilterAnswer(const vmcRpcHeader *header, const GByteArray *message, const GPtrArray *domains)
{
    const answer *row = findAnswer(header->program, header->procedure);
    g_autoptr(GByteArray) reply = vmcRpcReplyNew(header);
    const vmcFilterDomain *found = NULL;
    vmcXdrReader reader;

    vmcRpcPayload(message, &reader);
    if (row->lookup) {
        found = row->lookup(&reader, domains);
        if (!found)
            return NULL;
        writeDomain(reply, found);
    } else {
        row->write(reply, &reader, domains);
    }
    return g_steal_pointer(&reply);
}

/* Of an event's domain, and of each in a list, the daemon's word, name and all, counts. */
static vmcRpcVisit
showDomain(void *opaque, const vmcRpcDomain *domain)
{
    return vmcPolicyHas(opaque, domain->uuid, domain->name, domain->length)
        ? VMC_RPC_VISIT_KEEP : VMC_RPC_VISIT_DROP;
}

static vmcRpcVisit
showXml(void *opaque G_GNUC_UNUSED, const char *text, size_t length, char **other)
{
    g_autofree char *xml = g_strndup(text, length);
    g_autofree char *masked = vmcDomainMask(xml);

    if (!masked || strlen(masked) > VMC_RPC_STRING_MAX)
        return VMC_RPC_VISIT_STOP;
    *other = g_steal_pointer(&masked);
    return VMC_RPC_VISIT_KEEP;
}

/* Text in which a path could stand. */
static vmcRpcVisit
showParam(void *opaque G_GNUC_UNUSED, const vmcRpcParam *param, char **other G_GNUC_UNUSED)
{
    return param->text && memchr(param->text, '/', param->length)
        ? VMC_RPC_VISIT_DROP : VMC_RPC_VISIT_KEEP;
}

bool
vmcFilterReply(const vmcPolicy *policy, const vmcRpcProcedure *procedure, GByteArray **message)
{
    static const vmcRpcVisitor visitors[] = {
        { .letters = "dXPR", .domain = showDomain, .xml = showXml, .param = showParam },
        { .letters = "dR", .domain = showDomain },      /* where the host is shown */
    };
    GByteArray *out = NULL;
    vmcRpcWalkResult result;
    vmcXdrReader reader;

    vmcRpcPayload(*message, &reader);
    result = vmcRpcWalk(&reader, procedure->reply, &visitors[policy->hostPaths],
                        (void *)policy, &out);
    if (result == VMC_RPC_WALK_STOPPED && (procedure->traits & VMC_RPC_EVENT))
        vmcReportError(VIR_ERR_NO_DOMAIN, "%s", "an event of another domain");
    else if (result != VMC_RPC_WALK_DONE)
        reportUnreadable();
    if (out) {
        g_byte_array_unref(*message);
        *message = out;
    }
    return result == VMC_RPC_WALK_DONE;
}

/* What may follow an error's own text: libvirt's words for a domain's state. */
static const char *const details[] = {
    "domain is not running", "domain is already running", "domain is already active",
    "domain is not paused", "domain is paused", "domain has no managed save image",
    "QEMU guest agent is not connected", "cannot set autostart for transient domain",
};

static const char *
findDetail(const char *message)
{
    for (size_t i = 0; i < G_N_ELEMENTS(details); i++) {
        if (g_str_has_suffix(message, details[i]))
            return details[i];
    }
    return NULL;
}

static char *
errorText(int code, const char *message)
{
    const char *text = vmcErrorCodeText(code);
    const char *detail = findDetail(message);

    if (text && detail)
        return g_strdup_printf("%s: %s", text, detail);
    if (text)
        return g_strdup(text);
    return g_strdup_printf("libvirt's error %d", code);
}

GByteArray *
vmcFilterError(const GByteArray *message)
{
    vmcRpcHeader header;
    vmcXdrReader reader;
    int domain = VIR_FROM_RPC;
    int code = VIR_ERR_INTERNAL_ERROR;
    g_autofree char *said = NULL;
    g_autofree char *text = NULL;
    GByteArray *reply;

    vmcRpcHeaderParse(message->data, &header);
    vmcRpcPayload(message, &reader);
    vmcRpcErrorRead(&reader, &domain, &code, &said);
    text = errorText(code, said ? said : "");
    reply = vmcRpcErrorReplyNew(&header, domain, code, text);
    /* A stream's error is no reply. */
    if (header.type == VMC_RPC_STREAM)
        vmcXdrSetU32(reply, TYPE_AT, VMC_RPC_STREAM);
    return reply;
}
