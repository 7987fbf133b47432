/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of policies share: two domains, of which one is the guest's. */
#pragma once

#include <glib.h>

#define SELF "0c0ffee0-1111-4222-8333-444455556666"
#define OTHER "9c0ffee0-1111-4222-8333-444455556666"

/* vmcPolicyWriteDomain: appends a domain object. */
void vmcPolicyWriteDomain(GByteArray *out, const char *name, const char *uuid, guint32 id);
