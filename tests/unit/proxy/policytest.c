/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policies: what a file may say, whom and what it lets through, what is taken
 * out of what comes back, and that the classes beneath are in order.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <string.h>

#include "proxy/policy/filter.h"
#include "proxy/policy/policy.h"
#include "rpc/procedures.h"
#include "tests/lib/policyutils.h"
#include "util/error.h"

static vmcPolicy *
parse(const char *text)
{
    vmcPolicy *policy = vmcPolicyParse(text, strlen(text), SELF);

    if (!policy)
        g_error("%s", vmcErrorLast()->message);
    return policy;
}

static const vmcRpcProcedure *
named(const char *name)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFindName(name);

    g_assert_nonnull(procedure);
    return procedure;
}

/* What a class may never hold. */
static void
testClassesGuarded(void)
{
    static const char *const guarded[] = {
        "DOMAIN_MONITOR_COMMAND", "DOMAIN_DEFINE_XML", "DOMAIN_DEFINE_XML_FLAGS",
        "DOMAIN_CREATE_XML", "DOMAIN_ATTACH_DEVICE", "DOMAIN_ATTACH_DEVICE_FLAGS",
        "DOMAIN_UPDATE_DEVICE_FLAGS", "DOMAIN_SET_METADATA", "DOMAIN_SAVE", "DOMAIN_RESTORE",
        "DOMAIN_MIGRATE_PREPARE3_PARAMS", "DOMAIN_OPEN_CONSOLE", "DOMAIN_SCREENSHOT",
        "DOMAIN_SNAPSHOT_CREATE_XML", "DOMAIN_CORE_DUMP", "DOMAIN_BLOCK_COPY", "DOMAIN_RENAME",
        "SECRET_GET_VALUE", "CONNECT_SET_IDENTITY", "CONNECT_DOMAIN_EVENT_REGISTER",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(guarded); i++)
        g_assert_cmpint(named(guarded[i])->class, ==, VMC_RPC_CLASS_NAMED);
    for (int i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        const vmcRpcProcedure *procedure = &vmcRpcProcedures()[i];

        if ((procedure->traits & (VMC_RPC_STREAMS | VMC_RPC_FDS)) ||
            procedure->program == VMC_RPC_PROGRAM_QEMU)
            g_assert_cmpint(procedure->class, ==, VMC_RPC_CLASS_NAMED);
        if (procedure->class == VMC_RPC_CLASS_READ_ONLY)
            g_assert_true(procedure->traits & VMC_RPC_READ_ONLY);
    }
}

static void
testParse(void)
{
    g_autoptr(vmcPolicy) policy =
        parse("# ours\n[policy]\ndomains=self;name:web-*\n"
              "allow=connection; lifecycle;DOMAIN_GET_INFO\ndeny=DOMAIN_DESTROY\n"
              "[limits]\ncalls-per-second=7\nconnections=2\nmessage-size=8192\n");
    guint8 self[VMC_RPC_UUID_SIZE];
    guint8 other[VMC_RPC_UUID_SIZE];

    g_assert_true(vmcPolicyUuidParse(SELF, self));
    g_assert_true(vmcPolicyUuidParse(OTHER, other));
    g_assert_cmpuint(policy->callsPerSecond, ==, 7);
    g_assert_cmpuint(policy->connections, ==, 2);
    g_assert_cmpuint(policy->messageSize, ==, 8192);
    g_assert_false(policy->secrets);
    g_assert_false(policy->hostPaths);
    g_assert_true(vmcPolicyAllows(policy, named("CONNECT_OPEN")));
    g_assert_true(vmcPolicyAllows(policy, named("DOMAIN_SHUTDOWN")));
    g_assert_true(vmcPolicyAllows(policy, named("DOMAIN_GET_INFO")));
    g_assert_false(vmcPolicyAllows(policy, named("DOMAIN_DESTROY")));
    g_assert_false(vmcPolicyAllows(policy, named("DOMAIN_GET_STATE")));
    g_assert_false(vmcPolicyAllows(policy, NULL));
    g_assert_false(vmcPolicyIsReadOnly(policy));
    g_assert_true(vmcPolicyHas(policy, self, NULL, 0));
    g_assert_false(vmcPolicyHas(policy, other, NULL, 0));
    g_assert_true(vmcPolicyHas(policy, other, "web-1", 5));
    g_assert_false(vmcPolicyHas(policy, other, "db-1", 4));
    g_assert_false(vmcPolicyHas(policy, other, "web-\xff", 5));
}

static void
testParseDefaults(void)
{
    g_autoptr(vmcPolicy) policy =
        parse("[policy]\ndomains=self\nallow=connection;list;read-only\n");

    g_assert_cmpuint(policy->callsPerSecond, ==, 50);
    g_assert_cmpuint(policy->connections, ==, 4);
    g_assert_cmpuint(policy->messageSize, ==, 65536);
    g_assert_true(vmcPolicyIsReadOnly(policy));
    g_assert_false(vmcPolicyAsksNames(policy));
    /* It would show the host, so a class does not bring it. */
    g_assert_false(vmcPolicyAllows(policy, named("DOMAIN_GET_METADATA")));
}

/* Each error names what is wrong and what would be right. */
static void
testParseErrors(void)
{
    static const struct { const char *text; const char *wrong; const char *accepted; } cases[] = {
        { "", "without domains", "'self'" },
        { "[policy]\nallow=list\n", "without domains", "uuids" },
        { "[policy]\ndomains=me\n", "'me'", "'self', a uuid" },
        { "[policy]\ndomains=name:\n", "'name:'", "pattern" },
        { "[policy]\ndomains=self\nallow=everything\n", "'everything'", "'read-only'" },
        { "[policy]\ndomains=self\nallow=DOMAIN_FLY\n", "'DOMAIN_FLY'", "'lifecycle'" },
        { "[policy]\ndomains=self\nallow=list;;\n", "''", "'list'" },
        { "[policy]\ndomains=self\npermit=list\n", "'permit'", "allow in [policy]" },
        { "[police]\ndomains=self\n", "[police]", "domains in [policy]" },
        { "[policy]\ndomains=self\n[limits]\nconnections=0\n", "connections='0'", "from 1" },
        { "[policy]\ndomains=self\n[limits]\nmessage-size=1e9\n", "'1e9'", "4096" },
        { "[policy]\ndomains=self\n[xml]\nsecrets=maybe\n", "'maybe'", "'yes' or 'no'" },
        { "[policy]\ndomains=self\n[xml]\nsecrets=yes\n", "secrets=yes", "host-paths=yes" },
        { "[policy]\ndomains=self\nallow=DOMAIN_GET_METADATA\n", "DOMAIN_GET_METADATA",
          "host-paths=yes" },
        { "domains=self\n", "policy", "" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        vmcErrorReset();
        g_assert_null(vmcPolicyParse(cases[i].text, strlen(cases[i].text), SELF));
        g_assert_nonnull(strstr(vmcErrorLast()->message, cases[i].wrong));
        g_assert_nonnull(strstr(vmcErrorLast()->message, cases[i].accepted));
    }
}

/* Of each limit the least and the most that is accepted, and one beyond either. */
static void
testParseBounds(void)
{
    static const struct { const char *key; guint64 min; guint64 max; } limits[] = {
        { "calls-per-second", 1, 10000 }, { "connections", 1, 1000 },
        { "message-size", 4096, VMC_RPC_MESSAGE_MAX },
    };
    g_autofree char *longest = g_strnfill(255, 'n');

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        for (int side = 0; side < 4; side++) {
            guint64 value = side / 2 == 0 ? limits[i].min - (side & 1) : limits[i].max + (side & 1);
            g_autofree char *text = g_strdup_printf("[policy]\ndomains=self\n[limits]\n%s=%"
                                                    G_GUINT64_FORMAT "\n", limits[i].key, value);
            g_autoptr(vmcPolicy) policy = vmcPolicyParse(text, strlen(text), SELF);

            g_test_message("%s=%" G_GUINT64_FORMAT, limits[i].key, value);
            g_assert_cmpint(policy != NULL, ==, !(side & 1));
        }
    }
    for (int more = 0; more <= 1; more++) {
        g_autofree char *text = g_strdup_printf("[policy]\ndomains=name:%s%s\n", longest,
                                                more ? "n" : "");
        g_autoptr(vmcPolicy) policy = vmcPolicyParse(text, strlen(text), SELF);

        g_assert_cmpint(policy != NULL, ==, !more);
    }
    vmcErrorReset();
}

static void
testBucket(void)
{
    g_autoptr(vmcPolicy) policy =
        parse("[policy]\ndomains=self\n[limits]\ncalls-per-second=4\n");
    vmcPolicyBucket bucket = { 0 };
    gint64 now = 10 * G_USEC_PER_SEC;

    for (int i = 0; i < 4; i++)
        g_assert_cmpint(vmcPolicyTake(policy, &bucket, now), ==, 0);
    g_assert_cmpint(vmcPolicyTake(policy, &bucket, now), ==, G_USEC_PER_SEC / 4);
    /* Half of a call is there already. */
    g_assert_cmpint(vmcPolicyTake(policy, &bucket, now + G_USEC_PER_SEC / 8), ==,
                    G_USEC_PER_SEC / 8);
    g_assert_cmpint(vmcPolicyTake(policy, &bucket, now + G_USEC_PER_SEC / 4), ==, 0);
    /* However long nothing came, no more than a second's worth may come at once. */
    now += 1000 * (gint64)G_USEC_PER_SEC;
    for (int i = 0; i < 4; i++)
        g_assert_cmpint(vmcPolicyTake(policy, &bucket, now), ==, 0);
    g_assert_cmpint(vmcPolicyTake(policy, &bucket, now), >, 0);
}

static GByteArray *
callOf(const char *name)
{
    return vmcRpcCallNew(named(name)->number, 1);
}

static vmcFilterPlace
place(const vmcPolicy *policy, const char *name, GByteArray *call, const GPtrArray *domains)
{
    vmcRpcMessageFinish(call);
    return vmcFilterCall(policy, named(name), call, domains);
}

/* The daemon's list: two web servers, and a domain of nobody's business. */
static GPtrArray *
listOf(const vmcPolicy *policy)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();
    vmcXdrReader reader;
    GPtrArray *domains;

    vmcXdrWriteU32(reply, 3);
    vmcPolicyWriteDomain(reply, "me", SELF, 3);
    vmcPolicyWriteDomain(reply, "web-1", "11111111-1111-4222-8333-444455556666", (guint32)-1);
    vmcPolicyWriteDomain(reply, "db", OTHER, 9);
    vmcXdrReaderInit(&reader, reply->data, reply->len);
    domains = vmcFilterDomains(policy, &reader);
    g_assert_nonnull(domains);
    return domains;
}

/* The uuid decides; the name that the guest sends along is nothing. */
static void
testCallDomain(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self\nallow=read-only\n");
    g_autoptr(GByteArray) mine = callOf("DOMAIN_GET_INFO");
    g_autoptr(GByteArray) other = callOf("DOMAIN_GET_INFO");
    g_autoptr(GByteArray) cut = callOf("DOMAIN_GET_INFO");

    vmcPolicyWriteDomain(mine, "whatever", SELF, 77);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", mine, NULL), ==, VMC_FILTER_INSIDE);
    vmcPolicyWriteDomain(other, "me", OTHER, 3);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", other, NULL), ==, VMC_FILTER_OUTSIDE);
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(vmcErrorLast()->message, ==,
                    "Domain not found: no domain with matching uuid '" OTHER "'");
    g_byte_array_append(cut, mine->data + VMC_RPC_HEADER_SIZE, 20);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", cut, NULL), ==, VMC_FILTER_OUTSIDE);
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_RPC);
}

static void
testCallByName(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=name:web-*\nallow=read-only\n");
    g_autoptr(GPtrArray) domains = listOf(policy);
    g_autoptr(GByteArray) mine = callOf("DOMAIN_GET_INFO");
    g_autoptr(GByteArray) other = callOf("DOMAIN_GET_INFO");

    g_assert_cmpuint(domains->len, ==, 1);
    vmcPolicyWriteDomain(mine, "x", "11111111-1111-4222-8333-444455556666", 0);
    vmcPolicyWriteDomain(other, "web-1", OTHER, 9);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", mine, NULL), ==, VMC_FILTER_ASK);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", mine, domains), ==, VMC_FILTER_INSIDE);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", other, NULL), ==, VMC_FILTER_ASK);
    g_assert_cmpint(place(policy, "DOMAIN_GET_INFO", other, domains), ==, VMC_FILTER_OUTSIDE);
}

/* Of several domains, one outside is enough; of an optional one, none is all. */
static void
testCallPlaces(void)
{
    g_autoptr(vmcPolicy) policy =
        parse("[policy]\ndomains=self\nallow=read-only;events;snapshot\n");
    g_autoptr(GByteArray) stats = callOf("CONNECT_GET_ALL_DOMAIN_STATS");
    g_autoptr(GByteArray) all = callOf("CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY");
    g_autoptr(GByteArray) one = callOf("CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY");
    g_autoptr(GByteArray) snapshot = callOf("DOMAIN_SNAPSHOT_DELETE");

    vmcXdrWriteU32(stats, 2);
    vmcPolicyWriteDomain(stats, "me", SELF, 3);
    vmcPolicyWriteDomain(stats, "db", OTHER, 9);
    g_assert_cmpint(place(policy, "CONNECT_GET_ALL_DOMAIN_STATS", stats, NULL), ==,
                    VMC_FILTER_OUTSIDE);
    vmcXdrWriteU32(all, 0);
    vmcXdrWriteU32(all, 0);
    g_assert_cmpint(place(policy, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", all, NULL), ==,
                    VMC_FILTER_INSIDE);
    vmcXdrWriteU32(one, 0);
    vmcXdrWriteU32(one, 1);
    vmcPolicyWriteDomain(one, "db", OTHER, 9);
    g_assert_cmpint(place(policy, "CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY", one, NULL), ==,
                    VMC_FILTER_OUTSIDE);
    vmcXdrWriteString(snapshot, "before", 6);
    vmcPolicyWriteDomain(snapshot, "db", OTHER, 9);
    g_assert_cmpint(place(policy, "DOMAIN_SNAPSHOT_DELETE", snapshot, NULL), ==,
                    VMC_FILTER_OUTSIDE);
}

static void
testCallSecrets(void)
{
    for (guint32 flags = 0; flags < 16; flags++) {
        g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self\nallow=read-only\n");
        g_autoptr(vmcPolicy) open = parse("[policy]\ndomains=self\nallow=read-only\n"
                                          "[xml]\nsecrets=yes\nhost-paths=yes\n");
        g_autoptr(GByteArray) call = callOf("DOMAIN_GET_XML_DESC");

        vmcPolicyWriteDomain(call, "me", SELF, 3);
        vmcXdrWriteU32(call, flags);
        g_assert_cmpint(place(policy, "DOMAIN_GET_XML_DESC", call, NULL), ==,
                        flags & 9 ? VMC_FILTER_OUTSIDE : VMC_FILTER_INSIDE);
        g_assert_cmpint(place(open, "DOMAIN_GET_XML_DESC", call, NULL), ==, VMC_FILTER_INSIDE);
    }
}

/* The answer to a call that ends with @words; NULL with an error. */
static GByteArray *
answerOf(const char *name, GByteArray *call, const GPtrArray *domains)
{
    vmcRpcHeader header;
    guint32 flags;

    vmcRpcMessageFinish(call);
    vmcRpcHeaderParse(call->data, &header);
    g_assert_true(vmcFilterAnswers(named(name), call, &flags));
    return vmcFilterAnswer(&header, call, domains);
}

static void
testLists(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self;name:web-*\nallow=list\n");
    g_autoptr(GPtrArray) domains = listOf(policy);
    static const struct { const char *name; guint32 argument; guint32 count; } cases[] = {
        { "CONNECT_LIST_DOMAINS", 100, 2 }, { "CONNECT_LIST_DOMAINS", 1, 1 },
        { "CONNECT_LIST_DEFINED_DOMAINS", 0xffffffff, 2 }, { "CONNECT_NUM_OF_DOMAINS", 0, 2 },
        { "CONNECT_NUM_OF_DEFINED_DOMAINS", 0, 2 }, { "CONNECT_LIST_ALL_DOMAINS", 1, 2 },
        { "CONNECT_LIST_ALL_DOMAINS", 0, 0 },
    };

    g_assert_cmpuint(domains->len, ==, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) call = callOf(cases[i].name);
        g_autoptr(GByteArray) reply = NULL;
        vmcXdrReader reader;

        vmcXdrWriteU32(call, cases[i].argument);
        vmcXdrWriteU32(call, 0);
        reply = answerOf(cases[i].name, call, domains);
        g_assert_nonnull(reply);
        vmcRpcPayload(reply, &reader);
        g_assert_cmpuint(vmcXdrReadU32(&reader), ==, cases[i].count);
    }
}

/* An outside domain and one that is nowhere are told from each other by nothing. */
static void
expectDomain(vmcXdrReader *reader, const vmcFilterDomain *domain)
{
    size_t length = 0;
    const char *name = vmcXdrReadString(reader, 100, &length);

    g_assert_cmpmem(name, length, domain->name, domain->length);
    g_assert_cmpmem(reader->data + reader->pos, VMC_RPC_UUID_SIZE, domain->uuid,
                    VMC_RPC_UUID_SIZE);
    vmcXdrSkip(reader, VMC_RPC_UUID_SIZE);
    g_assert_cmpuint(vmcXdrReadU32(reader), ==, (guint32)domain->id);
}

/* What stands in the lists: each domain of the guest's, as the daemon said it. */
static void
testListed(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self;name:web-*\nallow=list\n");
    g_autoptr(GPtrArray) domains = listOf(policy);
    static const char *const names[] = {
        "CONNECT_LIST_DOMAINS", "CONNECT_LIST_DEFINED_DOMAINS", "CONNECT_LIST_ALL_DOMAINS",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GByteArray) call = callOf(names[i]);
        g_autoptr(GByteArray) reply = NULL;
        vmcXdrReader reader;

        vmcXdrWriteU32(call, 100);
        vmcXdrWriteU32(call, 0);
        reply = answerOf(names[i], call, domains);
        vmcRpcPayload(reply, &reader);
        g_assert_cmpuint(vmcXdrReadU32(&reader), ==, 2);
        for (guint j = 0; j < domains->len; j++) {
            const vmcFilterDomain *domain = domains->pdata[j];
            size_t length = 0;

            if (i == 0) {
                g_assert_cmpuint(vmcXdrReadU32(&reader), ==, (guint32)domain->id);
            } else if (i == 1) {
                const char *name = vmcXdrReadString(&reader, 100, &length);

                g_assert_cmpmem(name, length, domain->name, domain->length);
            } else {
                expectDomain(&reader, domain);
            }
        }
        if (i == 2)
            g_assert_cmpuint(vmcXdrReadU32(&reader), ==, 2);
        g_assert_false(reader.failed);
        g_assert_cmpuint(reader.pos, ==, reader.size);
    }
}

/* Which domains the proxy asks the daemon for, to answer a call of the guest's itself. */
static void
testAsks(void)
{
    static const struct { const char *name; guint32 flags; } cases[] = {
        { "CONNECT_LIST_DOMAINS", VIR_CONNECT_LIST_DOMAINS_ACTIVE },
        { "CONNECT_NUM_OF_DOMAINS", VIR_CONNECT_LIST_DOMAINS_ACTIVE },
        { "CONNECT_LIST_DEFINED_DOMAINS", VIR_CONNECT_LIST_DOMAINS_INACTIVE },
        { "CONNECT_NUM_OF_DEFINED_DOMAINS", VIR_CONNECT_LIST_DOMAINS_INACTIVE },
        { "DOMAIN_LOOKUP_BY_ID", VIR_CONNECT_LIST_DOMAINS_ACTIVE },
        { "DOMAIN_LOOKUP_BY_NAME", 0 }, { "DOMAIN_LOOKUP_BY_UUID", 0 },
        { "CONNECT_LIST_ALL_DOMAINS", 0x77 },       /* those of the call */
    };
    g_autoptr(GByteArray) other = callOf("DOMAIN_GET_INFO");
    guint32 flags = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) call = callOf(cases[i].name);

        vmcXdrWriteU32(call, 1);
        vmcXdrWriteU32(call, 0x77);
        vmcRpcMessageFinish(call);
        g_assert_true(vmcFilterAnswers(named(cases[i].name), call, &flags));
        g_assert_cmpuint(flags, ==, cases[i].flags);
    }
    vmcRpcMessageFinish(other);
    g_assert_false(vmcFilterAnswers(named("DOMAIN_GET_INFO"), other, &flags));
}

static void
testLookups(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self\nallow=list\n");
    g_autoptr(GPtrArray) domains = listOf(policy);
    g_autoptr(GByteArray) mine = callOf("DOMAIN_LOOKUP_BY_NAME");
    g_autoptr(GByteArray) other = callOf("DOMAIN_LOOKUP_BY_NAME");
    g_autoptr(GByteArray) reply = NULL;
    vmcXdrReader reader;
    size_t length = 0;

    vmcXdrWriteString(mine, "me", 2);
    reply = answerOf("DOMAIN_LOOKUP_BY_NAME", mine, domains);
    g_assert_nonnull(reply);
    vmcRpcPayload(reply, &reader);
    g_assert_cmpmem(vmcXdrReadString(&reader, 100, &length), 2, "me", 2);
    vmcXdrWriteString(other, "db", 2);
    g_assert_null(answerOf("DOMAIN_LOOKUP_BY_NAME", other, domains));
    g_assert_cmpint(vmcErrorLast()->domain, ==, VIR_FROM_QEMU);
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_NO_DOMAIN);
    g_assert_cmpstr(vmcErrorLast()->message, ==,
                    "Domain not found: no domain with matching name 'db'");
    for (guint32 id = 0; id < 12; id++) {
        g_autoptr(GByteArray) call = callOf("DOMAIN_LOOKUP_BY_ID");
        g_autoptr(GByteArray) answer = NULL;

        vmcXdrWriteU32(call, id);
        answer = answerOf("DOMAIN_LOOKUP_BY_ID", call, domains);
        g_assert_true((answer != NULL) == (id == 3));
    }
}

static GByteArray *
replyTo(const char *name)
{
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = named(name)->number,
        .type = named(name)->traits & VMC_RPC_EVENT ? VMC_RPC_MESSAGE : VMC_RPC_REPLY,
    };

    return vmcRpcMessageNew(&header);
}

static void
writeStringParam(GByteArray *out, const char *name, const char *value)
{
    vmcXdrWriteString(out, name, strlen(name));
    vmcXdrWriteU32(out, 7);
    vmcXdrWriteString(out, value, strlen(value));
}

static void
testStats(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self\nallow=read-only\n");
    GByteArray *reply = replyTo("CONNECT_GET_ALL_DOMAIN_STATS");
    g_autoptr(GByteArray) expected = replyTo("CONNECT_GET_ALL_DOMAIN_STATS");

    vmcXdrWriteU32(reply, 2);
    vmcPolicyWriteDomain(reply, "db", OTHER, 9);
    vmcXdrWriteU32(reply, 1);
    writeStringParam(reply, "block.0.path", "/var/lib/db.img");
    vmcPolicyWriteDomain(reply, "me", SELF, 3);
    vmcXdrWriteU32(reply, 3);
    writeStringParam(reply, "block.0.name", "vda");
    writeStringParam(reply, "block.0.path", "/var/lib/me.img");
    writeStringParam(reply, "net.0.name", "vnet0");
    vmcRpcMessageFinish(reply);

    vmcXdrWriteU32(expected, 1);
    vmcPolicyWriteDomain(expected, "me", SELF, 3);
    vmcXdrWriteU32(expected, 2);
    writeStringParam(expected, "block.0.name", "vda");
    writeStringParam(expected, "net.0.name", "vnet0");
    vmcRpcMessageFinish(expected);

    g_assert_true(vmcFilterReply(policy, named("CONNECT_GET_ALL_DOMAIN_STATS"), &reply));
    g_assert_cmpmem(reply->data, reply->len, expected->data, expected->len);
    g_byte_array_unref(reply);
}

static void
testEvents(void)
{
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self;name:web-*\nallow=events\n");
    static const struct { const char *name; const char *uuid; bool inside; } cases[] = {
        { "me", SELF, true }, { "db", OTHER, false }, { "web-7", OTHER, true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GByteArray *event = replyTo("DOMAIN_EVENT_CALLBACK_PMWAKEUP");

        vmcXdrWriteU32(event, 5);
        vmcXdrWriteU32(event, 0);
        vmcPolicyWriteDomain(event, cases[i].name, cases[i].uuid, 1);
        vmcRpcMessageFinish(event);
        g_assert_true(vmcFilterReply(policy, named("DOMAIN_EVENT_CALLBACK_PMWAKEUP"), &event) ==
                      cases[i].inside);
        g_byte_array_unref(event);
    }
    /* The paths of disks stand in it. */
    g_assert_false(vmcPolicyAllows(policy, named("DOMAIN_EVENT_CALLBACK_DISK_CHANGE")));
}

/* Nothing of the daemon's text but what is known to be harmless. */
static void
testErrors(void)
{
    vmcRpcHeader call = { .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 9 };
    static const struct { int code; const char *message; const char *shown; } cases[] = {
        { VIR_ERR_OPERATION_INVALID, "Requested operation is not valid: domain is not running",
          "Requested operation is not valid: domain is not running" },
        { VIR_ERR_INTERNAL_ERROR, "internal error: cannot open '/srv/other.img'",
          "internal error" },
        { 123, "secret", "libvirt's error 123" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) reply =
            vmcRpcErrorReplyNew(&call, VIR_FROM_QEMU, cases[i].code, cases[i].message);
        g_autoptr(GByteArray) shown = vmcFilterError(reply);
        g_autofree char *message = NULL;
        vmcXdrReader reader;
        int domain = 0;
        int code = 0;

        vmcRpcPayload(shown, &reader);
        g_assert_true(vmcRpcErrorRead(&reader, &domain, &code, &message));
        g_assert_cmpint(code, ==, cases[i].code);
        g_assert_cmpint(domain, ==, VIR_FROM_QEMU);
        g_assert_cmpstr(message, ==, cases[i].shown);
    }
}

static void
testMaskedReply(void)
{
    static const char whole[] = "<domain type='kvm'><name>me</name><metadata>hidden</metadata>"
                                "<devices><emulator>hidden</emulator></devices></domain>";
    g_autoptr(vmcPolicy) policy = parse("[policy]\ndomains=self\nallow=read-only\n");
    GByteArray *reply = replyTo("DOMAIN_GET_XML_DESC");

    vmcXdrWriteString(reply, whole, strlen(whole));
    vmcRpcMessageFinish(reply);
    g_assert_true(vmcFilterReply(policy, named("DOMAIN_GET_XML_DESC"), &reply));
    g_assert_null(memmem(reply->data, reply->len, "hidden", 6));
    g_assert_nonnull(memmem(reply->data, reply->len, "<name>me</name>", 15));
    g_byte_array_unref(reply);
    reply = replyTo("DOMAIN_GET_XML_DESC");
    vmcXdrWriteString(reply, "<domain", 7);
    vmcRpcMessageFinish(reply);
    g_assert_false(vmcFilterReply(policy, named("DOMAIN_GET_XML_DESC"), &reply));
    g_byte_array_unref(reply);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/classes/guarded", testClassesGuarded);
    g_test_add_func("/policy/parse", testParse);
    g_test_add_func("/policy/parse/defaults", testParseDefaults);
    g_test_add_func("/policy/parse/errors", testParseErrors);
    g_test_add_func("/policy/parse/bounds", testParseBounds);
    g_test_add_func("/policy/bucket", testBucket);
    g_test_add_func("/policy/call/domain", testCallDomain);
    g_test_add_func("/policy/call/name", testCallByName);
    g_test_add_func("/policy/call/places", testCallPlaces);
    g_test_add_func("/policy/call/secrets", testCallSecrets);
    g_test_add_func("/policy/lists", testLists);
    g_test_add_func("/policy/listed", testListed);
    g_test_add_func("/policy/asks", testAsks);
    g_test_add_func("/policy/lookups", testLookups);
    g_test_add_func("/policy/stats", testStats);
    g_test_add_func("/policy/events", testEvents);
    g_test_add_func("/policy/errors", testErrors);
    g_test_add_func("/policy/masked-reply", testMaskedReply);
    return g_test_run();
}
