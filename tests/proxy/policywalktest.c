/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that tries everything: every procedure that libvirt has, and some
 * that it does not, with arguments that are right, that are about another
 * domain, and that are none, under each policy that we ship. The daemon is the
 * test's and records: what comes to it must stand in tests/policydata, and be
 * about a domain of the policy's.
 */
#include <config.h>

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "proxy/policy/policy.h"
#include "rpc/procedures.h"
#include "tests/lib/policyutils.h"
#include "tests/lib/proxypeer.h"

#define PATIENCE 30000

#define PROGRAM_KEEPALIVE 0x6b656570

typedef struct {
    vmcProxyPeer *peer;
    char **reaches;             /* names of what may come to the daemon */
    const char *hidden;         /* the uuid of a domain that may not */
    guint32 serial;
    guint came;                 /* to the daemon, of the guest's */
    guint answered;             /* to the guest */
} walk;

static bool
hasDomain(const vmcRpcProcedure *procedure)
{
    return procedure->call && strpbrk(procedure->call, "dDL");
}

/* What stands before and at a call's domain, then words that are zero. */
static void
writeArguments(GByteArray *out, const vmcRpcProcedure *procedure, const char *uuid)
{
    static const guint8 zeros[64];
    const char *signature =
        procedure->traits & VMC_RPC_EVENT ? procedure->reply : procedure->call;

    for (const char *letter = signature ? signature : ""; *letter; letter++) {
        if (*letter == 's')
            vmcXdrWriteString(out, "snap", 4);
        else if (strchr("wDL", *letter))
            vmcXdrWriteU32(out, *letter != 'w');
        if (strchr("dDL", *letter))
            vmcPolicyWriteDomain(out, "me", uuid, 3);
    }
    g_byte_array_append(out, zeros, sizeof(zeros));
}

static void
writeNoise(GByteArray *out, GRand *rand, bool large)
{
    for (int i = 0; i < 30; i++)
        vmcXdrWriteU32(out, large ? 0xffffffff
                                  : g_rand_int(rand) >> g_rand_int_range(rand, 0, 32));
}

/* The daemon's answer to a list, ours or another: two domains. */
static GByteArray *
listReply(const vmcRpcHeader *header)
{
    GByteArray *reply = vmcRpcReplyNew(header);

    vmcXdrWriteU32(reply, 2);
    vmcPolicyWriteDomain(reply, "me", SELF, 3);
    vmcPolicyWriteDomain(reply, "db", OTHER, 9);
    vmcXdrWriteU32(reply, 2);
    vmcRpcMessageFinish(reply);
    return reply;
}

/* Whether the domain in a message that reached the daemon may be there. */
static void
checkDomain(const walk *w, const vmcRpcProcedure *procedure, const GByteArray *message)
{
    guint8 hidden[VMC_RPC_UUID_SIZE];

    if (!w->hidden || !hasDomain(procedure))
        return;
    g_assert_true(vmcPolicyUuidParse(w->hidden, hidden));
    g_assert_null(memmem(message->data, message->len, hidden, sizeof(hidden)));
}

static void
atDaemon(walk *w)
{
    vmcRpcHeader header;
    g_autoptr(GByteArray) message = vmcProxyMessage(w->peer->daemon, &header);
    const vmcRpcProcedure *procedure = vmcRpcProcedureFind(&header);
    g_autoptr(GByteArray) reply = NULL;

    if (header.program == PROGRAM_KEEPALIVE)
        return;
    g_assert_nonnull(procedure);
    g_assert_cmpuint(header.type, ==, VMC_RPC_CALL);
    if (procedure->number == VMC_RPC_CONNECT_LIST_ALL_DOMAINS) {
        reply = listReply(&header);
    } else {
        if (!g_strv_contains((const char *const *)w->reaches, procedure->name))
            g_error("%s reached the daemon", procedure->name);
        checkDomain(w, procedure, message);
        w->came++;
        reply = vmcRpcErrorReplyNew(&header, VIR_FROM_QEMU, VIR_ERR_OPERATION_INVALID,
                                    "Requested operation is not valid: /srv/hidden");
    }
    vmcProxySend(w->peer->daemon, reply->data, reply->len, -1);
}

/* Serves the daemon's side until the guest has the reply to its last call. */
static void
waitForReply(walk *w)
{
    for (;;) {
        struct pollfd fds[] = {
            { .fd = w->peer->client, .events = POLLIN },
            { .fd = w->peer->daemon, .events = POLLIN },
        };
        vmcRpcHeader header;
        g_autoptr(GByteArray) reply = NULL;

        g_assert_cmpint(poll(fds, G_N_ELEMENTS(fds), PATIENCE), >, 0);
        if (fds[1].revents)
            atDaemon(w);
        if (!fds[0].revents)
            continue;
        reply = vmcProxyMessage(w->peer->client, &header);
        g_assert_null(memmem(reply->data, reply->len, "hidden", 6));
        g_assert_cmpuint(header.type, ==, VMC_RPC_REPLY);
        if (header.serial == w->serial)
            break;
    }
    w->answered++;
}

static void
sendMessage(walk *w, vmcRpcHeader header, const GByteArray *payload)
{
    g_autoptr(GByteArray) message = NULL;

    header.version = header.version ? header.version : VMC_RPC_VERSION;
    header.serial = ++w->serial;
    message = vmcRpcMessageNew(&header);
    g_byte_array_append(message, payload->data, payload->len);
    vmcRpcMessageFinish(message);
    vmcProxySend(w->peer->client, message->data, message->len, -1);
}

/* A call that reaches the daemon: all that was sent before has been decided. */
static void
settle(walk *w)
{
    const vmcRpcProcedure *procedure = vmcRpcProcedureFindName("DOMAIN_GET_INFO");
    vmcRpcHeader header = { .program = procedure->program, .procedure = procedure->number };
    g_autoptr(GByteArray) payload = g_byte_array_new();
    guint before = w->came;

    writeArguments(payload, procedure, SELF);
    sendMessage(w, header, payload);
    waitForReply(w);
    g_assert_cmpuint(w->came, ==, before + 1);
}

/* One procedure, every way. */
static void
tryProcedure(walk *w, const vmcRpcProcedure *procedure, GRand *rand)
{
    vmcRpcHeader header = { .program = procedure->program, .procedure = procedure->number };

    for (int way = 0; way < 5; way++) {
        g_autoptr(GByteArray) payload = g_byte_array_new();

        if (way < 2)
            writeArguments(payload, procedure, way == 0 ? SELF : OTHER);
        else if (way < 4)
            writeNoise(payload, rand, way == 3);
        sendMessage(w, header, payload);
        waitForReply(w);
    }
}

/* What is no call, or none of what is known. */
static void
tryOddities(walk *w, const vmcRpcProcedure *procedure)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();

    writeArguments(payload, procedure, SELF);
    for (guint32 type = 1; type < 8; type++) {
        vmcRpcHeader header = { .program = procedure->program, .procedure = procedure->number,
                                .type = type };

        if (type != VMC_RPC_CALL_WITH_FDS && type != VMC_RPC_REPLY_WITH_FDS)
            sendMessage(w, header, payload);
    }
    for (guint32 version = 2; version < 4; version++) {
        vmcRpcHeader header = { .program = procedure->program, .procedure = procedure->number,
                                .version = version };

        sendMessage(w, header, payload);
        waitForReply(w);
    }
}

static void
tryUnknown(walk *w)
{
    static const guint32 programs[] = {
        VMC_RPC_PROGRAM_REMOTE, VMC_RPC_PROGRAM_QEMU, 0x00068000, 0xffffffff,
    };
    g_autoptr(GByteArray) payload = g_byte_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
        for (guint32 number = 447; number < 470; number++) {
            vmcRpcHeader header = { .program = programs[i], .procedure = number };

            sendMessage(w, header, payload);
            waitForReply(w);
        }
    }
}

/* A shipped policy with another rate than its own. */
static char *
policyAt(const char *dir, const char *name, guint callsPerSecond)
{
    const char *source = g_getenv("abs_top_srcdir");
    g_autofree char *path =
        g_strdup_printf("%s/policies/%s.policy", source ? source : ".", name);
    g_autofree char *hurried = g_build_filename(dir, "policy", NULL);
    g_autofree char *text = NULL;
    g_autofree char *changed = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    changed = g_strdup_printf("%s\n[limits]\ncalls-per-second=%u\n", text, callsPerSecond);
    g_assert_true(g_file_set_contents(hurried, changed, -1, NULL));
    return g_steal_pointer(&hurried);
}

/* The same policy, without the rate that would make the walk a long one. */
static char *
hurriedPolicy(const char *dir, const char *name)
{
    return policyAt(dir, name, 10000);
}

static char **
expected(const char *name)
{
    const char *source = g_getenv("abs_top_srcdir");
    g_autofree char *path =
        g_strdup_printf("%s/tests/policydata/%s.reaches", source ? source : ".", name);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return g_strsplit(g_strchomp(text), "\n", -1);
}

static void
walkAll(walk *w)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20091123);

    for (int i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        tryProcedure(w, &vmcRpcProcedures()[i], rand);
        tryOddities(w, &vmcRpcProcedures()[i]);
        settle(w);
    }
    tryUnknown(w);
    settle(w);
}

static void
walkPolicy(gconstpointer opaque)
{
    const char *name = opaque;
    g_autofree char *dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    g_autofree char *policy = hurriedPolicy(dir, name);
    g_auto(GStrv) reaches = expected(name);
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStartPolicy(policy, SELF);
    walk w = {
        .peer = peer, .reaches = reaches, .hidden = g_str_has_prefix(name, "self") ? OTHER : NULL,
    };

    walkAll(&w);
    g_test_message("%s: %u messages answered, %u calls came to the daemon", name, w.answered,
                   w.came);
    g_assert_cmpuint(w.came, >, g_strv_length(reaches));
    unlink(policy);
    rmdir(dir);
}

/* Longer than the policy lets a message be: the connection ends, nothing comes. */
static void
testTooLong(void)
{
    g_autofree char *dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    g_autofree char *policy = hurriedPolicy(dir, "self-readonly");
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStartPolicy(policy, SELF);
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .procedure = 16,
    };
    g_autoptr(GByteArray) message = vmcRpcMessageNew(&header);

    g_byte_array_set_size(message, 65536 + 4);
    vmcRpcMessageFinish(message);
    vmcProxySend(peer->client, message->data, VMC_RPC_HEADER_SIZE, -1);
    g_assert_true(vmcProxyAtEnd(peer->client));
    g_assert_true(vmcProxyAtEnd(peer->daemon));
    unlink(policy);
    rmdir(dir);
}

/* Twenty-one calls at ten a second: ten at once, the others take more than a second. */
static void
testRate(void)
{
    g_autofree char *dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    g_autofree char *policy = policyAt(dir, "self-readonly", 10);
    g_auto(GStrv) reaches = expected("self-readonly");
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStartPolicy(policy, SELF);
    walk w = { .peer = peer, .reaches = reaches, .hidden = OTHER };
    gint64 begin = g_get_monotonic_time();

    for (int i = 0; i < 21; i++)
        settle(&w);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, G_USEC_PER_SEC);
    unlink(policy);
    rmdir(dir);
}

/* What reads the guest's bytes is nobody, and stays so. */
static void
testNobody(void)
{
    g_autofree char *dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    g_autofree char *policy = hurriedPolicy(dir, "self-readonly");
    g_auto(GStrv) reaches = expected("self-readonly");
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStartPolicy(policy, SELF);
    walk w = { .peer = peer, .reaches = reaches, .hidden = OTHER };
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)peer->pid);
    g_autofree char *status = NULL;

    settle(&w);
    g_assert_true(g_file_get_contents(path, &status, NULL, NULL));
    g_assert_nonnull(strstr(status, "\nNoNewPrivs:\t1\n"));
    if (geteuid() == 0) {
        g_assert_null(strstr(status, "\nUid:\t0"));
        g_assert_nonnull(strstr(status, "\nCapEff:\t0000000000000000\n"));
        g_assert_nonnull(strstr(status, "\nGroups:\t \n"));
    }
    unlink(policy);
    rmdir(dir);
}

/* Events of other domains, and what is none that was allowed, stay with us. */
static void
testEvents(void)
{
    g_autofree char *dir = g_dir_make_tmp("vmchannel-XXXXXX", NULL);
    g_autofree char *policy = hurriedPolicy(dir, "self-readonly");
    g_autoptr(vmcProxyPeer) peer = vmcProxyPeerStartPolicy(policy, SELF);
    static const struct { guint32 procedure; const char *uuid; } sent[] = {
        { 318, OTHER }, { 107, SELF }, { 327, SELF }, { 447, SELF }, { 318, SELF },
    };
    vmcRpcHeader header;
    g_autoptr(GByteArray) came = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(sent); i++) {
        vmcRpcHeader event = {
            .program = VMC_RPC_PROGRAM_REMOTE, .version = 1, .type = VMC_RPC_MESSAGE,
            .procedure = sent[i].procedure, .serial = i,
        };
        g_autoptr(GByteArray) message = vmcRpcMessageNew(&event);

        vmcXdrWriteU32(message, 1);
        vmcPolicyWriteDomain(message, "me", sent[i].uuid, 3);
        vmcXdrWriteU32(message, 0);
        vmcXdrWriteU32(message, 0);
        vmcRpcMessageFinish(message);
        vmcProxySend(peer->daemon, message->data, message->len, -1);
    }
    came = vmcProxyMessage(peer->client, &header);
    g_assert_cmpuint(header.serial, ==, G_N_ELEMENTS(sent) - 1);
    unlink(policy);
    rmdir(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/policy/walk/self-readonly", "self-readonly", walkPolicy);
    g_test_add_data_func("/policy/walk/self-lifecycle", "self-lifecycle", walkPolicy);
    g_test_add_data_func("/policy/walk/fleet-readonly", "fleet-readonly", walkPolicy);
    g_test_add_func("/policy/too-long", testTooLong);
    g_test_add_func("/policy/rate", testRate);
    g_test_add_func("/policy/nobody", testNobody);
    g_test_add_func("/policy/events", testEvents);
    return g_test_run();
}
