/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel validate: checks documents against the schema, and what the
 * schema cannot say (two channels on one port, say) by translating them.
 */
#include <config.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/domain_rewrite.h"
#include "tools/command.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_XML

/* The first complaint of libxml2 becomes our error; the rest repeat it. */
static void
reportFirst(void *reported, xmlErrorPtr error)
{
    bool *done = reported;
    g_autofree char *message = g_strchomp(g_strdup(error->message));

    if (!*done)
        vmcReportError(VIR_ERR_XML_INVALID_SCHEMA, "line %d: %s", error->line, message);
    *done = true;
}

static xmlRelaxNGPtr
loadSchema(void)
{
    g_autofree char *path = g_build_filename(vmcToolSchemaDir(), "domain.rng", NULL);
    xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(path);
    xmlRelaxNGPtr schema;
    bool reported = false;

    xmlRelaxNGSetParserStructuredErrors(parser, (xmlStructuredErrorFunc)reportFirst, &reported);
    schema = xmlRelaxNGParse(parser);
    xmlRelaxNGFreeParserCtxt(parser);
    if (!schema && !reported)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "cannot load the schema '%s'", path);
    return schema;
}

static int
checkSchema(xmlRelaxNGPtr schema, xmlDocPtr doc)
{
    xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);
    bool reported = false;
    int rc;

    xmlRelaxNGSetValidStructuredErrors(context, (xmlStructuredErrorFunc)reportFirst, &reported);
    rc = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    return rc == 0 ? 0 : -1;
}

static int
validateFile(xmlRelaxNGPtr schema, const char *path)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    g_autofree char *xml = vmcToolReadDocument(path);
    g_autofree char *stock = NULL;
    xmlDocPtr doc;
    int rc;

    if (!xml || !(stock = vmcDomainRewriteForward(xml, &rewrite)))
        return -1;
    doc = xmlReadMemory(xml, strlen(xml), NULL, NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc) {
        vmcReportError(VIR_ERR_XML_DETAIL, "'%s' is not well-formed XML", path);
        return -1;
    }
    rc = checkSchema(schema, doc);
    xmlFreeDoc(doc);
    return rc;
}

static int
validate(const char *const *args)
{
    xmlRelaxNGPtr schema = loadSchema();
    int status = EXIT_SUCCESS;

    if (!schema)
        return vmcToolFail();
    for (; *args; args++) {
        if (validateFile(schema, *args) == 0) {
            printf("%s: valid\n", *args);
            continue;
        }
        fprintf(stderr, "%s: %s\n", *args, vmcErrorLast()->message);
        status = VMC_EXIT_FAILURE;
    }
    xmlRelaxNGFree(schema);
    return status;
}

const vmcCommand vmcCommandValidate = {
    .name = "validate",
    .arguments = "FILE...",
    .summary = "Check domains against the schema",
    .description =
        "Each FILE is a domain document. Its <vmchannel> devices are checked as they\n"
        "would be when it is defined; the rest is checked against libvirt's own schema.",
    .run = validate,
    .minArgs = 1,
    .maxArgs = -1,
};
