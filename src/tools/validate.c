/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel validate: checks documents against the schema, and what the
 * schema cannot say (two channels on one port, say) by translating them.
 */
#include <config.h>

#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "util/error.h"
#include "util/schema.h"

#define VMC_FROM_THIS VIR_FROM_XML

static int
validateFile(vmcSchema *schema, const char *path)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    g_autofree char *xml = vmcToolReadDocument(path);
    g_autofree char *stock = NULL;
    xmlDocPtr doc;
    int rc;

    if (!xml || !(stock = vmcRewriteText(vmcDomainRewriteForward(xml, &rewrite))))
        return -1;
    doc = xmlReadMemory(xml, strlen(xml), NULL, NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (!doc) {
        vmcReportError(VIR_ERR_XML_DETAIL, "'%s' is not well-formed XML", path);
        return -1;
    }
    rc = vmcSchemaCheck(schema, doc);
    xmlFreeDoc(doc);
    return rc;
}

static int
validate(const char *const *args)
{
    g_autofree char *file = g_build_filename(vmcToolSchemaDir(), "domain.rng", NULL);
    vmcSchema *schema = vmcSchemaLoad(file);
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
    vmcSchemaFree(schema);
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
