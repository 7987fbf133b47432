/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory for libxml2: documents that fit and that do not, in between pieces
 * that are kept, come out as with malloc.
 */
#include <config.h>

#include <string.h>

#include <glib.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "proxy/region.h"

/* A document with @n elements, which the caller frees. */
static char *
documentOf(guint n)
{
    GString *xml = g_string_new("<?xml version=\"1.0\"?>\n<all>");

    for (guint i = 0; i < n; i++)
        g_string_append_printf(xml, "<one number=\"%u\">text &amp; more</one>", i);
    g_string_append(xml, "</all>\n");
    return g_string_free(xml, FALSE);
}

static void
assertComesBack(const char *xml)
{
    xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET);
    xmlChar *text = NULL;
    int size = 0;

    g_assert_nonnull(doc);
    xmlDocDumpMemory(doc, &text, &size);
    g_assert_cmpmem(text, size, xml, strlen(xml));
    xmlFree(text);
    xmlFreeDoc(doc);
}

static void
testDocuments(void)
{
    static const guint sizes[] = { 1, 10, 100, 1000, 10000, 3 };

    for (guint i = 0; i < 200; i++) {
        g_autofree char *xml = documentOf(sizes[i % G_N_ELEMENTS(sizes)]);

        assertComesBack(xml);
    }
}

/* As libxml2 keeps its last error, say. */
static void
testKeptPieces(void)
{
    xmlChar *kept[100];

    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *xml = documentOf(1 + i * 10);

        kept[i] = xmlStrdup((const xmlChar *)xml);
        assertComesBack(xml);
    }
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *xml = documentOf(1 + i * 10);

        g_assert_cmpstr((const char *)kept[i], ==, xml);
        xmlFree(kept[i]);
    }
}

static void
testGrowing(void)
{
    xmlChar *text = xmlStrdup((const xmlChar *)"");
    g_autoptr(GString) expected = g_string_new(NULL);

    for (guint i = 0; i < 20000; i++) {
        text = xmlStrcat(text, (const xmlChar *)"0123456789abcdef");
        g_string_append(expected, "0123456789abcdef");
    }
    g_assert_cmpstr((const char *)text, ==, expected->str);
    xmlFree(text);
}

/* As often as the proxy rests. */
static void
testAgain(void)
{
    for (guint i = 0; i < 100; i++) {
        g_autofree char *xml = documentOf(1 + i);

        vmcRegionEnd();
        vmcRegionStart();
        assertComesBack(xml);
    }
}

int
main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/region/documents", testDocuments);
    g_test_add_func("/region/kept-pieces", testKeptPieces);
    g_test_add_func("/region/growing", testGrowing);
    g_test_add_func("/region/again", testAgain);
    vmcRegionStart();
    ret = g_test_run();
    vmcRegionEnd();
    return ret;
}
