/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages under a policy: see filter.h. */
#include <config.h>

#include "proxy/policy/filter.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "documents/domain_mask.h"
#include "rpc/rewrite.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* libvirt's limit for a list of domains. */
#define DOMAINS_MAX 16384

/* The type of a typed parameter that is a string; the first ones are numbers. */
#define PARAM_STRING 7

/* Where a message's header has its type. */
#define TYPE_AT 16

static void
domainFree(gpointer opaque)
{
    vmcFilterDomain *domain = opaque;

    g_free(domain->name);
    g_free(domain);
}

/* A domain object, borrowed; false after a failure. */
static bool
readDomain(vmcXdrReader *reader, const char **name, size_t *length, const guint8 **uuid,
           gint32 *id)
{
    *name = vmcXdrReadString(reader, VMC_RPC_STRING_MAX, length);
    *uuid = reader->data + reader->pos;
    vmcXdrSkip(reader, VMC_RPC_UUID_SIZE);
    *id = (gint32)vmcXdrReadU32(reader);
    return !reader->failed;
}

static void
writeDomain(GByteArray *out, const vmcFilterDomain *domain)
{
    vmcXdrWriteString(out, domain->name, domain->length);
    g_byte_array_append(out, domain->uuid, VMC_RPC_UUID_SIZE);
    vmcXdrWriteU32(out, (guint32)domain->id);
}

static void
addIfInside(const vmcPolicy *policy, vmcXdrReader *reader, GPtrArray *domains)
{
    const char *name;
    const guint8 *uuid;
    size_t length = 0;
    gint32 id;
    vmcFilterDomain *domain;

    if (!readDomain(reader, &name, &length, &uuid, &id) ||
        !vmcPolicyHas(policy, uuid, name, length))
        return;
    domain = g_new0(vmcFilterDomain, 1);
    domain->name = g_strndup(name, length);
    domain->length = length;
    memcpy(domain->uuid, uuid, VMC_RPC_UUID_SIZE);
    domain->id = id;
    g_ptr_array_add(domains, domain);
}

static void
reportUnreadable(void)
{
    vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "the daemon's reply cannot be read");
}

GPtrArray *
vmcFilterDomains(const vmcPolicy *policy, vmcXdrReader *reply)
{
    g_autoptr(GPtrArray) domains = g_ptr_array_new_with_free_func(domainFree);
    guint32 n = vmcXdrReadU32(reply);

    for (guint32 i = 0; i < MIN(n, DOMAINS_MAX) && !reply->failed; i++)
        addIfInside(policy, reply, domains);
    if (!reply->failed && n <= DOMAINS_MAX)
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
    const GPtrArray *domains;
    vmcXdrReader reader;
    vmcFilterPlace place;
} placing;

/* The name in the object is the guest's word: the uuid is what the daemon goes by. */
static void
placeDomain(placing *state)
{
    const char *name;
    const guint8 *uuid;
    size_t length = 0;
    gint32 id;

    if (!readDomain(&state->reader, &name, &length, &uuid, &id) ||
        vmcPolicyHas(state->policy, uuid, NULL, 0) ||
        (state->domains && findUuid(state->domains, uuid)))
        return;
    if (vmcPolicyAsksNames(state->policy) && !state->domains) {
        state->place = VMC_FILTER_ASK;
        return;
    }
    state->place = VMC_FILTER_OUTSIDE;
    reportNoUuid(uuid);
}

static void
placeOptional(placing *state)
{
    if (vmcXdrReadFlag(&state->reader))
        placeDomain(state);
}

static void
placeList(placing *state)
{
    guint32 n = vmcXdrReadU32(&state->reader);

    if (n > DOMAINS_MAX)
        state->reader.failed = true;
    for (guint32 i = 0; i < n && !state->reader.failed && state->place != VMC_FILTER_OUTSIDE; i++)
        placeDomain(state);
}

static void
placeWord(placing *state)
{
    vmcXdrReadU32(&state->reader);
}

static void
placeString(placing *state)
{
    size_t length;

    vmcXdrReadString(&state->reader, VMC_RPC_STRING_MAX, &length);
}

/* What is done at each letter of a row's "where". */
static const struct {
    char letter;
    void (*step)(placing *state);
} places[] = {
    { 'w', placeWord }, { 's', placeString }, { 'd', placeDomain }, { 'D', placeOptional },
    { 'L', placeList },
};

static void
placeLetter(placing *state, char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (places[i].letter == letter) {
            places[i].step(state);
            return;
        }
    }
    g_assert_not_reached();
}

/* Flags of a call for XML with passwords: the word behind the domain. */
static bool
wantsSecrets(const vmcRpcProcedure *procedure, vmcXdrReader *reader)
{
    return procedure->validateFlag == 0 && procedure->call && strchr(procedure->call, 'F') &&
           (vmcXdrReadU32(reader) & (VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE));
}

/* The number of letters up to the last that is one of @letters. */
static size_t
lengthUpTo(const char *signature, const char *letters)
{
    size_t n = signature ? strlen(signature) : 0;

    while (n > 0 && !strchr(letters, signature[n - 1]))
        n--;
    return n;
}

vmcFilterPlace
vmcFilterCall(const vmcPolicy *policy, const vmcRpcProcedure *procedure, const GByteArray *message,
              const GPtrArray *domains)
{
    placing state = { .policy = policy, .domains = domains, .place = VMC_FILTER_INSIDE };

    size_t n = lengthUpTo(procedure->call, "dDL");

    if (procedure->number == VMC_RPC_DOMAIN_SAVE_IMAGE_GET_XML_DESC)
        n = 1;
    vmcRpcPayload(message, &state.reader);
    for (size_t i = 0; i < n; i++) {
        if (!state.reader.failed && state.place != VMC_FILTER_OUTSIDE)
            placeLetter(&state, procedure->call[i]);
    }
    if (state.place == VMC_FILTER_OUTSIDE)
        return VMC_FILTER_OUTSIDE;
    if (!policy->secrets && wantsSecrets(procedure, &state.reader)) {
        vmcErrorReport(VIR_FROM_ACCESS, VIR_ERR_ACCESS_DENIED,
                       "'%s' with secrets is not allowed by the policy", procedure->name);
        return VMC_FILTER_OUTSIDE;
    }
    if (!state.reader.failed)
        return state.place;
    vmcErrorReport(VIR_FROM_RPC, VIR_ERR_RPC, "%s", "Unable to decode message payload");
    return VMC_FILTER_OUTSIDE;
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

/* A reply on its way to the guest. */
typedef struct {
    const vmcPolicy *policy;
    vmcXdrReader reader;
    GByteArray *out;            /* the new one, up to where the reader was last copied */
    size_t copied;
} showing;

static void
copyUntilHere(showing *state)
{
    g_byte_array_append(state->out, state->reader.data + state->copied,
                        state->reader.pos - state->copied);
    state->copied = state->reader.pos;
}

static void
showWord(showing *state)
{
    vmcXdrReadU32(&state->reader);
}

static void
showDomain(showing *state)
{
    size_t size;

    vmcRpcReadDomain(&state->reader, &size);
}

static void
showXml(showing *state)
{
    size_t length = 0;
    const char *bytes;
    g_autofree char *xml = NULL;
    g_autofree char *masked = NULL;

    copyUntilHere(state);
    bytes = vmcXdrReadString(&state->reader, VMC_RPC_STRING_MAX, &length);
    xml = g_strndup(bytes ? bytes : "", length);
    masked = vmcDomainMask(xml);
    if (!masked || strlen(masked) > VMC_RPC_STRING_MAX) {
        state->reader.failed = true;
        return;
    }
    vmcXdrWriteString(state->out, masked, strlen(masked));
    state->copied = state->reader.pos;
}

/* Reads a parameter; whether its value is text in which a path could stand. */
static bool
readParam(vmcXdrReader *reader)
{
    /* Bytes of a value: int, uint, llong, ullong, double, boolean, from 1 on. */
    static const size_t sizes[PARAM_STRING] = { 0, 4, 4, 8, 8, 8, 4 };
    size_t length = 0;
    const char *value;
    guint32 type;

    vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);
    type = vmcXdrReadU32(reader);
    if (type == PARAM_STRING) {
        value = vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);
        return value && memchr(value, '/', length);
    }
    if (type == 0 || type > PARAM_STRING)
        reader->failed = true;
    else
        vmcXdrSkip(reader, sizes[type]);
    return false;
}

/* Replaces the word that stands at @at. */
static void
setWord(GByteArray *out, size_t at, guint32 value)
{
    guint32 wire = GUINT32_TO_BE(value);

    memcpy(out->data + at, &wire, sizeof(wire));
}

/* Starts a list that may become shorter; returns where its count stands, for setWord(). */
static size_t
beginList(showing *state, guint32 *n)
{
    *n = vmcXdrReadU32(&state->reader);
    copyUntilHere(state);
    return state->out->len - sizeof(guint32);
}

static void
showParams(showing *state)
{
    guint32 n;
    guint32 kept = 0;
    size_t at = beginList(state, &n);

    for (guint32 i = 0; i < n && !state->reader.failed; i++) {
        if (readParam(&state->reader)) {
            state->copied = state->reader.pos;
        } else if (!state->reader.failed) {
            copyUntilHere(state);
            kept++;
        }
    }
    setWord(state->out, at, kept);
}

static void
skipParams(vmcXdrReader *reader)
{
    guint32 n = vmcXdrReadU32(reader);

    for (guint32 i = 0; i < n && !reader->failed; i++)
        readParam(reader);
}

/* Whether the domain that stands here is the policy's; passes over it. */
static bool
readIfInside(showing *state)
{
    const char *name;
    const guint8 *uuid;
    size_t length = 0;
    gint32 id;

    return readDomain(&state->reader, &name, &length, &uuid, &id) &&
           vmcPolicyHas(state->policy, uuid, name, length);
}

static void
showRecords(showing *state)
{
    guint32 n;
    guint32 kept = 0;
    size_t at = beginList(state, &n);

    for (guint32 i = 0; i < n && !state->reader.failed; i++) {
        bool inside = readIfInside(state);

        if (inside && !state->policy->hostPaths)
            showParams(state);
        else
            skipParams(&state->reader);
        if (inside && !state->reader.failed)
            copyUntilHere(state);
        state->copied = state->reader.pos;
        kept += inside;
    }
    setWord(state->out, at, kept);
}

/* What is done at each letter of a row's "reply"; @strips: to hide the host. */
static const struct {
    char letter;
    bool strips;
    void (*step)(showing *state);
} shows[] = {
    { 'w', false, showWord }, { 'd', false, showDomain }, { 'X', true, showXml },
    { 'P', true, showParams }, { 'R', false, showRecords },
};

static void
showLetter(showing *state, char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shows); i++) {
        if (shows[i].letter != letter)
            continue;
        if (!shows[i].strips || !state->policy->hostPaths)
            shows[i].step(state);
        return;
    }
    g_assert_not_reached();
}

/* An event is about a domain that stands in it: the daemon's word, name and all. */
static bool
isEventInside(const vmcPolicy *policy, const vmcRpcProcedure *procedure, const GByteArray *message)
{
    showing state = { .policy = policy };

    vmcRpcPayload(message, &state.reader);
    for (const char *letter = procedure->reply; letter && *letter && *letter != 'd'; letter++)
        showLetter(&state, *letter);
    return !procedure->reply || readIfInside(&state);
}

bool
vmcFilterReply(const vmcPolicy *policy, const vmcRpcProcedure *procedure, GByteArray **message)
{
    showing state = { .policy = policy };

    if ((procedure->traits & VMC_RPC_EVENT) && !isEventInside(policy, procedure, *message)) {
        vmcReportError(VIR_ERR_NO_DOMAIN, "%s", "an event of another domain");
        return false;
    }
    if (!procedure->reply || (procedure->traits & VMC_RPC_TELLS_HOST))
        return true;
    vmcRpcPayload(*message, &state.reader);
    state.out = g_byte_array_sized_new((*message)->len);
    for (const char *letter = procedure->reply; *letter; letter++)
        showLetter(&state, *letter);
    if (state.reader.failed) {
        g_byte_array_unref(state.out);
        reportUnreadable();
        return false;
    }
    state.reader.pos = state.reader.size;
    copyUntilHere(&state);
    vmcRpcMessageFinish(state.out);
    g_byte_array_unref(*message);
    *message = state.out;
    return true;
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
        setWord(reply, TYPE_AT, VMC_RPC_STREAM);
    return reply;
}
