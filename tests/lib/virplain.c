/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virplain FILE: a domain as libvirt is given it (NAME.stock.xml), without what
 * is ours in it: the NIC, what <override> says of it, -vmchannel options, and the
 * folder before the emulator's path.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <libxml/tree.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>

#define ARGS "//*[local-name()='arg'][@value='-vmchannel']"
#define OURS "//interface[alias/@name='ua-vmchannel'] | " ARGS "/following-sibling::*[1] | " ARGS \
             " | //*[local-name()='device'][@alias='ua-vmchannel']"
#define EMULATOR_DIR "/vmchannel/emulator"

static void
drop(xmlNodePtr node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

/* The emulator's own path, behind that of the folder with our copies. */
static void
uncover(xmlNodePtr emulator)
{
    g_autofree char *path = (char *)xmlNodeGetContent(emulator);
    const char *own = strstr(path, EMULATOR_DIR);

    if (own)
        xmlNodeSetContent(emulator, (const xmlChar *)own + strlen(EMULATOR_DIR));
}

static void
forEach(xmlDocPtr doc, const char *path, void (*work)(xmlNodePtr))
{
    xmlXPathContextPtr context = xmlXPathNewContext(doc);
    xmlXPathObjectPtr found = xmlXPathEval((const xmlChar *)path, context);

    for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; i++)
        work(found->nodesetval->nodeTab[i]);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
}

int
main(int argc, char **argv)
{
    xmlDocPtr doc = argc == 2 ? xmlReadFile(argv[1], NULL, XML_PARSE_NONET) : NULL;

    if (!doc)
        return EXIT_FAILURE;
    forEach(doc, OURS, drop);
    forEach(doc, "/domain/devices/emulator", uncover);
    xmlDocDump(stdout, doc);
    xmlFreeDoc(doc);
    return EXIT_SUCCESS;
}
