/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels and their NIC against the grammar: see validation.h. */
#include <config.h>

#include "proxy/session/validation.h"

#include <stdbool.h>

#include "conf/domain_conf.h"
#include "conf/xml.h"
#include "documents/domain_mention.h"
#include "util/schema.h"

#define GRAMMAR "vmchanneldevice.rng"

/* A device as a document of its own. */
static int
checkDevice(vmcSchema *schema, xmlNodePtr device)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc((const xmlChar *)"1.0");

    xmlDocSetRootElement(doc, xmlDocCopyNode(device, doc, 1));
    return vmcSchemaCheck(schema, doc);
}

static int
checkDevices(vmcSchema *schema, const GPtrArray *devices)
{
    for (guint i = 0; i < devices->len; i++) {
        if (checkDevice(schema, g_ptr_array_index(devices, i)) < 0)
            return -1;
    }
    return 0;
}

static int
checkDomain(xmlNodePtr domain, const char *schemaDir)
{
    g_autoptr(vmcDomainDef) def = vmcDomainDefParse(domain);
    g_autofree char *path = g_build_filename(schemaDir, GRAMMAR, NULL);
    g_autoptr(vmcSchema) schema = NULL;

    /* What cannot be read is reported where it is rewritten. */
    if (!def || !vmcDomainDefHasChannels(def))
        return 0;
    schema = vmcSchemaLoad(path);
    if (!schema || checkDevices(schema, def->channelNodes) < 0)
        return -1;
    return checkDevices(schema, def->nics);
}

static bool
isDomain(xmlNodePtr node)
{
    return vmcXmlIs(node, "domain") || vmcXmlIs(node, "inactiveDomain");
}

int
vmcValidateChannels(const char *xml, const char *schemaDir)
{
    g_autoptr(xmlDoc) doc = NULL;
    xmlNodePtr root;

    if (vmcMentionForward(xml) == VMC_MENTION_NONE)
        return 0;
    doc = vmcXmlParse(xml);
    root = doc ? xmlDocGetRootElement(doc) : NULL;
    if (!root || isDomain(root))
        return root ? checkDomain(root, schemaDir) : 0;
    for (xmlNodePtr node = vmcXmlFirst(root); node; node = vmcXmlNext(node)) {
        if (isDomain(node) && checkDomain(node, schemaDir) < 0)
            return -1;
    }
    return 0;
}
