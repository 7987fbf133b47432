/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: a policy's file, or a guest's call, the daemon's reply, event or
 * error, under a policy. Whatever the bytes are, no call about a domain that is
 * not the policy's may be let through, and no document may show the host.
 * The first byte of the input says which.
 */
#include <config.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "documents/domain_mask.h"
#include "proxy/policy/filter.h"
#include "proxy/policy/policy.h"
#include "rpc/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SELF "30303030-3030-3030-3030-303030303030"     /* sixteen of the letter 0 */

static const char *const texts[] = {
    "[policy]\ndomains=self\nallow=connection;list;read-only;events;lifecycle;snapshot\n",
    "[policy]\ndomains=name:a*\nallow=connection;list;read-only;events\n",
    "[policy]\ndomains=self\nallow=list;read-only;DOMAIN_GET_METADATA\n[xml]\nhost-paths=yes\n",
};

/* A whole message of @size bytes, that says so; NULL when it is too short. */
static GByteArray *
messageOf(const uint8_t *data, size_t size)
{
    GByteArray *message;

    if (size < VMC_RPC_HEADER_SIZE)
        return NULL;
    message = g_byte_array_new();
    g_byte_array_append(message, data, size);
    vmcRpcMessageFinish(message);
    return message;
}

static void
checkCall(const vmcPolicy *policy, const vmcRpcProcedure *procedure, const vmcRpcHeader *header,
          const GByteArray *message)
{
    g_autoptr(GPtrArray) domains = NULL;
    g_autoptr(GByteArray) answer = NULL;
    vmcXdrReader reader;
    guint32 flags;
    guint8 self[VMC_RPC_UUID_SIZE];

    vmcRpcPayload(message, &reader);
    domains = vmcFilterDomains(policy, &reader);
    if (vmcFilterCall(policy, procedure, message, NULL) == VMC_FILTER_INSIDE &&
        procedure->call && procedure->call[0] == 'd') {
        size_t length;

        vmcRpcPayload(message, &reader);
        vmcXdrReadString(&reader, VMC_RPC_STRING_MAX, &length);
        g_assert_true(vmcPolicyUuidParse(SELF, self));
        g_assert_cmpmem(reader.data + reader.pos, sizeof(self), self, sizeof(self));
    }
    if (domains) {
        vmcFilterCall(policy, procedure, message, domains);
        if (vmcFilterAnswers(procedure, message, &flags))
            answer = vmcFilterAnswer(header, message, domains);
    }
}

static void
checkMessage(const vmcPolicy *policy, GByteArray *message)
{
    vmcRpcHeader header;
    const vmcRpcProcedure *procedure;
    g_autoptr(GByteArray) error = NULL;

    vmcRpcHeaderParse(message->data, &header);
    procedure = vmcRpcProcedureFind(&header);
    error = vmcFilterError(message);
    if (vmcPolicyAllows(policy, procedure)) {
        checkCall(policy, procedure, &header, message);
        if (vmcFilterReply(policy, procedure, &message))
            g_assert_cmpuint(message->len, >=, VMC_RPC_HEADER_SIZE);
    }
    g_byte_array_unref(message);
}

static void
checkMask(const char *xml)
{
    g_autofree char *masked = vmcDomainMask(xml);
    g_autofree char *again = masked ? vmcDomainMask(masked) : NULL;

    g_assert_cmpstr(masked, ==, again);
    g_assert_true(!masked || (!strstr(masked, "<source") && !strstr(masked, "<secret")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data + 1, size - 1) : NULL;
    g_autoptr(vmcPolicy) policy = NULL;
    GByteArray *message;

    if (size == 0)
        return 0;
    if (data[0] >= G_N_ELEMENTS(texts)) {
        policy = vmcPolicyParse((const char *)data + 1, size - 1, SELF);
        checkMask(text);
        return 0;
    }
    policy = vmcPolicyParse(texts[data[0]], strlen(texts[data[0]]), SELF);
    message = messageOf(data + 1, size - 1);
    if (message)
        checkMessage(policy, message);
    return 0;
}
