/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2's own words: see xmlwords.h. */
#include <config.h>

#include "tests/lib/xmlwords.h"

#include <string.h>

#include <glib.h>
#include <libxml/parser.h>

#include "util/error.h"

bool
testXmlNewWords(const char *xml)
{
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    xmlDocPtr doc = xmlCtxtReadMemory(parser, xml, (int)strlen(xml), NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlError *error = xmlCtxtGetLastError(parser);
    g_autofree char *expected = NULL;

    if (!doc && error && error->message && *error->message != '\n')
        expected = g_strdup_printf("XML error: line %d: %.*s", error->line,
                                   (int)strcspn(error->message, "\n"), error->message);
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(parser);
    return LIBXML_VERSION >= 21000 &&
           g_strcmp0(expected, vmcErrorLast()->message) == 0;
}
