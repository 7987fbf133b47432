/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of policies share: see policyutils.h. */
#include <config.h>

#include "tests/lib/policyutils.h"

#include <string.h>

#include "proxy/policy/policy.h"
#include "rpc/xdr.h"

void
vmcPolicyWriteDomain(GByteArray *out, const char *name, const char *uuid, guint32 id)
{
    guint8 bytes[VMC_RPC_UUID_SIZE];

    g_assert_true(vmcPolicyUuidParse(uuid, bytes));
    vmcXdrWriteString(out, name, strlen(name));
    g_byte_array_append(out, bytes, sizeof(bytes));
    vmcXdrWriteU32(out, id);
}
