/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Relax NG through libxml2, whose complaints become error reports: see schema.h. */
#include <config.h>

#include "util/schema.h"

#include <stdbool.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_XML

/* Reports libxml2's first complaint; the rest repeat it. */
static void
reportFirst(void *reported, xmlErrorPtr error)
{
    bool *done = reported;
    g_autofree char *message = g_strchomp(g_strdup(error->message));

    if (!*done)
        vmcReportError(VIR_ERR_XML_INVALID_SCHEMA, "line %d: %s", error->line, message);
    *done = true;
}

vmcSchema *
vmcSchemaLoad(const char *path)
{
    xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(path);
    vmcSchema *schema;
    bool reported = false;

    xmlRelaxNGSetParserStructuredErrors(parser, (xmlStructuredErrorFunc)reportFirst, &reported);
    schema = xmlRelaxNGParse(parser);
    xmlRelaxNGFreeParserCtxt(parser);
    if (!schema && !reported)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "cannot load the schema '%s'", path);
    return schema;
}

void
vmcSchemaFree(vmcSchema *schema)
{
    xmlRelaxNGFree(schema);
}

int
vmcSchemaCheck(vmcSchema *schema, xmlDocPtr doc)
{
    xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);
    bool reported = false;
    int rc;

    xmlRelaxNGSetValidStructuredErrors(context, (xmlStructuredErrorFunc)reportFirst, &reported);
    rc = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    return rc == 0 ? 0 : -1;
}
