/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relax NG grammars: loading one, and checking documents against it. */
#pragma once

#include <glib.h>
#include <libxml/relaxng.h>

typedef xmlRelaxNG vmcSchema;

/* vmcSchemaLoad: reads the grammar at @path; the caller frees it. NULL with an error. */
vmcSchema *vmcSchemaLoad(const char *path);
void vmcSchemaFree(vmcSchema *schema);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcSchema, vmcSchemaFree)

/* vmcSchemaCheck: checks @doc against the grammar: 0, or -1 with an error. */
int vmcSchemaCheck(vmcSchema *schema, xmlDocPtr doc);
