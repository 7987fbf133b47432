/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy's key file, and the decision by it: see policy.h. */
#include <config.h>

#include "proxy/policy/policy.h"

#include <string.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_ACCESS

#define CALL_MILLIONTHS 1000000

/* The longest pattern: libvirt's names are files' names. */
#define PATTERN_MAX 255

/* What is being read. */
typedef struct {
    vmcPolicy *policy;
    GKeyFile *file;
    const char *self;
} policyReader;

bool
vmcPolicyUuidParse(const char *text, guint8 *uuid)
{
    guint8 bytes[VMC_RPC_UUID_SIZE];

    if (!g_uuid_string_is_valid(text))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        text += *text == '-';
        bytes[i] = g_ascii_xdigit_value(text[0]) * 16 + g_ascii_xdigit_value(text[1]);
        text += 2;
    }
    memcpy(uuid, bytes, sizeof(bytes));
    return true;
}

char *
vmcPolicyUuidFormat(const guint8 *uuid)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < VMC_RPC_UUID_SIZE; i++)
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               uuid[i]);
    return g_string_free(text, FALSE);
}

static int
addUuid(vmcPolicy *policy, const char *text)
{
    vmcPolicyDomain domain;

    if (!vmcPolicyUuidParse(text, domain.uuid))
        return -1;
    g_array_append_val(policy->domains, domain);
    return 0;
}

static int
addDomain(policyReader *reader, const char *word)
{
    size_t before = strlen("name:");
    size_t length = strlen(word);

    if (length > before && length <= before + PATTERN_MAX && g_str_has_prefix(word, "name:")) {
        g_ptr_array_add(reader->policy->patterns, g_pattern_spec_new(word + before));
        return 0;
    }
    if (addUuid(reader->policy, strcmp(word, "self") == 0 ? reader->self : word) == 0)
        return 0;
    vmcReportError(VIR_ERR_CONF_SYNTAX,
                   "domain '%s' in a policy: expected 'self', a uuid, or 'name:' and a pattern with * and ?",
                   word);
    return -1;
}

/* Allows, or denies, a procedure by its name or all of a class. */
static int
setWord(policyReader *reader, const char *word, bool allowed)
{
    int class = vmcRpcClassFromString(word);
    const vmcRpcProcedure *named = vmcRpcProcedureFindName(word);
    g_autofree char *classes = NULL;

    if (named)
        reader->policy->allowed[named - vmcRpcProcedures()] = allowed;
    for (int i = 0; class >= 0 && i < VMC_RPC_PROCEDURES_N; i++) {
        if (vmcRpcProcedures()[i].class == (vmcRpcClass)class)
            reader->policy->allowed[i] = allowed;
    }
    if (named || class >= 0)
        return 0;
    classes = vmcRpcClassList();
    vmcReportError(VIR_ERR_CONF_SYNTAX,
                   "'%s' in a policy is no class and no procedure: expected %s, or a name such as DOMAIN_SHUTDOWN",
                   word, classes);
    return -1;
}

static int
allowWord(policyReader *reader, const char *word)
{
    return setWord(reader, word, true);
}

static int
denyWord(policyReader *reader, const char *word)
{
    return setWord(reader, word, false);
}

static int
readWords(policyReader *reader, const char *group, const char *key,
          int (*take)(policyReader *reader, const char *word))
{
    gsize n = 0;
    g_auto(GStrv) words = g_key_file_get_string_list(reader->file, group, key, &n, NULL);

    if (!words || n > VMC_POLICY_LIST_MAX) {
        vmcReportError(VIR_ERR_CONF_SYNTAX,
                       "'%s' in a policy: expected up to %d words between semicolons", key,
                       VMC_POLICY_LIST_MAX);
        return -1;
    }
    for (gsize i = 0; i < n; i++) {
        if (take(reader, g_strstrip(words[i])) < 0)
            return -1;
    }
    return 0;
}

/* A key of the file: a list of words, a number, or yes and no. */
typedef struct {
    const char *group;
    const char *key;
    int (*take)(policyReader *reader, const char *word);
    size_t offset;              /* in vmcPolicy, of a number or a flag */
    guint min;                  /* of a number; both 0: a flag */
    guint max;
} policyKey;

/* In the order in which they are read: denying comes after allowing. */
static const policyKey keys[] = {
    { "policy", "domains", addDomain, 0, 0, 0 },
    { "policy", "allow", allowWord, 0, 0, 0 },
    { "policy", "deny", denyWord, 0, 0, 0 },
    { "limits", "calls-per-second", NULL, offsetof(vmcPolicy, callsPerSecond), 1, 10000 },
    { "limits", "connections", NULL, offsetof(vmcPolicy, connections), 1, 1000 },
    { "limits", "message-size", NULL, offsetof(vmcPolicy, messageSize), 4096,
      VMC_RPC_MESSAGE_MAX },
    { "xml", "secrets", NULL, offsetof(vmcPolicy, secrets), 0, 0 },
    { "xml", "host-paths", NULL, offsetof(vmcPolicy, hostPaths), 0, 0 },
};

static int
readNumber(const policyKey *key, const char *value, vmcPolicy *policy)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(value, 10, key->min, key->max, &number, NULL)) {
        vmcReportError(VIR_ERR_CONF_SYNTAX,
                       "%s='%s' in a policy: expected a number from %u to %u", key->key, value,
                       key->min, key->max);
        return -1;
    }
    *(guint *)(void *)((char *)policy + key->offset) = number;
    return 0;
}

static int
readFlag(const policyKey *key, const char *value, vmcPolicy *policy)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        vmcReportError(VIR_ERR_CONF_SYNTAX, "%s='%s' in a policy: expected 'yes' or 'no'",
                       key->key, value);
        return -1;
    }
    *(bool *)(void *)((char *)policy + key->offset) = value[0] == 'y';
    return 0;
}

static int
readKey(policyReader *reader, const policyKey *key)
{
    g_autofree char *value = g_key_file_get_value(reader->file, key->group, key->key, NULL);

    if (!value)
        return 0;
    if (key->take)
        return readWords(reader, key->group, key->key, key->take);
    return key->max > 0 ? readNumber(key, value, reader->policy)
                        : readFlag(key, value, reader->policy);
}

/* What is accepted, for a message: "domains (in [policy]), …". */
static char *
keyList(void)
{
    GString *list = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        g_string_append_printf(list, "%s%s in [%s]", i > 0 ? ", " : "", keys[i].key,
                               keys[i].group);
    return g_string_free(list, FALSE);
}

static bool
isKey(const char *group, const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].group, group) == 0 && (!key || strcmp(keys[i].key, key) == 0))
            return true;
    }
    return false;
}

static int
refuseKey(const char *group, const char *key)
{
    g_autofree char *list = keyList();

    vmcReportError(VIR_ERR_CONF_SYNTAX, "'%s' in [%s] of a policy: expected %s", key, group, list);
    return -1;
}

/* Nothing that stands in the file goes unread. */
static int
checkKeys(GKeyFile *file)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

    for (char **group = groups; *group; group++) {
        g_auto(GStrv) have = g_key_file_get_keys(file, *group, NULL, NULL);

        if (!isKey(*group, NULL))
            return refuseKey(*group, "");
        for (char **key = have; key && *key; key++) {
            if (!isKey(*group, *key))
                return refuseKey(*group, *key);
        }
    }
    return 0;
}

/*
 * What cannot be stripped of the host is not allowed where the host is not
 * shown: silently as one of a class, but not where it was named.
 */
static int
checkHostPaths(policyReader *reader)
{
    g_auto(GStrv) words = g_key_file_get_string_list(reader->file, "policy", "allow", NULL, NULL);

    if (reader->policy->hostPaths)
        return 0;
    for (char **word = words; word && *word; word++) {
        const vmcRpcProcedure *named = vmcRpcProcedureFindName(g_strstrip(*word));

        if (!named || !(named->traits & VMC_RPC_TELLS_HOST))
            continue;
        vmcReportError(VIR_ERR_CONF_SYNTAX,
                       "'%s' in a policy tells of the host: it takes host-paths=yes in [xml]",
                       *word);
        return -1;
    }
    for (int i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        if (vmcRpcProcedures()[i].traits & VMC_RPC_TELLS_HOST)
            reader->policy->allowed[i] = false;
    }
    return 0;
}

static int
checkPolicy(policyReader *reader)
{
    const vmcPolicy *policy = reader->policy;

    if (policy->domains->len == 0 && policy->patterns->len == 0) {
        vmcReportError(VIR_ERR_CONF_SYNTAX, "%s",
                       "a policy without domains in [policy]: expected 'self', uuids, or names");
        return -1;
    }
    if (policy->secrets && !policy->hostPaths) {
        vmcReportError(VIR_ERR_CONF_SYNTAX, "%s",
                       "secrets=yes in a policy takes host-paths=yes: XML is shown whole or stripped");
        return -1;
    }
    return checkHostPaths(reader);
}

static int
readPolicy(policyReader *reader)
{
    if (checkKeys(reader->file) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (readKey(reader, &keys[i]) < 0)
            return -1;
    }
    return checkPolicy(reader);
}

static vmcPolicy *
policyNew(void)
{
    vmcPolicy *policy = g_new0(vmcPolicy, 1);

    policy->domains = g_array_new(FALSE, FALSE, sizeof(vmcPolicyDomain));
    policy->patterns = g_ptr_array_new_with_free_func((GDestroyNotify)g_pattern_spec_free);
    policy->callsPerSecond = 50;
    policy->connections = 4;
    policy->messageSize = 64 * 1024;
    return policy;
}

vmcPolicy *
vmcPolicyParse(const char *text, size_t size, const char *self)
{
    g_autoptr(vmcPolicy) policy = policyNew();
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    policyReader reader = { policy, file, self };

    if (size > VMC_POLICY_MAX) {
        vmcReportError(VIR_ERR_CONF_SYNTAX, "a policy of %zu bytes: at most %d are accepted", size,
                       VMC_POLICY_MAX);
        return NULL;
    }
    if (!g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, &error)) {
        vmcReportError(VIR_ERR_CONF_SYNTAX, "a policy: %s", error->message);
        return NULL;
    }
    return readPolicy(&reader) == 0 ? g_steal_pointer(&policy) : NULL;
}

void
vmcPolicyFree(vmcPolicy *policy)
{
    if (!policy)
        return;
    g_array_unref(policy->domains);
    g_ptr_array_unref(policy->patterns);
    g_free(policy);
}

bool
vmcPolicyIsReadOnly(const vmcPolicy *policy)
{
    for (int i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        if (policy->allowed[i] &&
            !(vmcRpcProcedures()[i].traits & (VMC_RPC_READ_ONLY | VMC_RPC_EVENT)))
            return false;
    }
    return true;
}

bool
vmcPolicyAllows(const vmcPolicy *policy, const vmcRpcProcedure *procedure)
{
    return procedure && policy->allowed[procedure - vmcRpcProcedures()];
}

bool
vmcPolicyAsksNames(const vmcPolicy *policy)
{
    return policy->patterns->len > 0;
}

static bool
matchesName(const vmcPolicy *policy, const char *name, size_t length)
{
    g_autofree char *text = g_strndup(name, length);

    for (guint i = 0; i < policy->patterns->len; i++) {
        if (g_pattern_spec_match_string(g_ptr_array_index(policy->patterns, i), text))
            return true;
    }
    return false;
}

bool
vmcPolicyHas(const vmcPolicy *policy, const guint8 *uuid, const char *name, size_t length)
{
    for (guint i = 0; i < policy->domains->len; i++) {
        if (memcmp(g_array_index(policy->domains, vmcPolicyDomain, i).uuid, uuid,
                   VMC_RPC_UUID_SIZE) == 0)
            return true;
    }
    return name && g_utf8_validate(name, length, NULL) && matchesName(policy, name, length);
}

gint64
vmcPolicyTake(const vmcPolicy *policy, vmcPolicyBucket *bucket, gint64 now)
{
    gint64 rate = policy->callsPerSecond;
    gint64 passed = MIN(now - bucket->filled, G_USEC_PER_SEC);

    bucket->level = MIN(bucket->level + passed * rate, rate * CALL_MILLIONTHS);
    bucket->filled = now;
    if (bucket->level < CALL_MILLIONTHS)
        return (CALL_MILLIONTHS - bucket->level + rate - 1) / rate;
    bucket->level -= CALL_MILLIONTHS;
    return 0;
}
