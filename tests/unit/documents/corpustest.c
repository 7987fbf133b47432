/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documents that nobody here wrote: every *.xml of the folder that
 * $VMCHANNEL_CORPUS names. Each character device is the same after parse and
 * format; a document with nothing of ours passes byte for byte; one into which
 * channels are put comes back from its stock form byte for byte.
 */
#include <config.h>

#include <string.h>

#include "conf/domain_conf.h"
#include "conf/xml.h"
#include "documents/domain_rewrite.h"
#include "tests/lib/corpus.h"
#include "tests/lib/testutils.h"
#include "util/error.h"

static const vmcRewriteOptions options = {
    .emulatorDir = "/usr/libexec/vmchannel/emulator",
};

static char *
attributeOf(xmlNodePtr node, const xmlAttr *attribute)
{
    return attribute->ns
               ? (char *)xmlGetNsProp(node, attribute->name, attribute->ns->href)
               : (char *)xmlGetNoNsProp(node, attribute->name);
}

static guint
attributeCount(xmlNodePtr node)
{
    guint n = 0;

    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
        n++;
    return n;
}

/* The next child that is no white space and no comment. */
static xmlNodePtr
significant(xmlNodePtr node)
{
    while (node && (xmlIsBlankNode(node) || node->type == XML_COMMENT_NODE))
        node = node->next;
    return node;
}

/* Whether both say the same, the order of attributes and layout aside. */
static bool
sameInfoset(xmlNodePtr a, xmlNodePtr b)
{
    if (a->type != b->type || !xmlStrEqual(a->name, b->name) ||
        !xmlStrEqual(a->ns ? a->ns->href : NULL, b->ns ? b->ns->href : NULL))
        return false;
    if (a->type != XML_ELEMENT_NODE)
        return xmlStrEqual(a->content, b->content);
    if (attributeCount(a) != attributeCount(b))
        return false;
    for (const xmlAttr *attribute = a->properties; attribute; attribute = attribute->next) {
        char *left = attributeOf(a, attribute);
        char *right = attributeOf(b, attribute);
        bool same = g_strcmp0(left, right) == 0;

        xmlFree(left);
        xmlFree(right);
        if (!same)
            return false;
    }
    a = significant(a->children);
    b = significant(b->children);
    for (; a && b && sameInfoset(a, b); a = significant(a->next), b = significant(b->next))
        ;
    return !a && !b;
}

static void
checkDevice(xmlNodePtr node, const char *path, GHashTable *counts)
{
    g_autoptr(vmcChrDef) def = vmcChrDefParse(node);
    g_autoptr(vmcChrDef) copy = NULL;
    g_autofree char *formatted = NULL;
    g_autoptr(xmlDoc) doc = NULL;
    char *key;

    g_assert_nonnull(def);
    copy = vmcChrDefCopy(def);
    g_assert_true(vmcChrDefEqual(def, copy));
    formatted = vmcChrDefFormat(copy, "", false);
    doc = vmcXmlParse(formatted);
    g_assert_nonnull(doc);
    if (!sameInfoset(node, xmlDocGetRootElement(doc))) {
        g_test_message("%s: not carried: %s", path, formatted);
        g_test_fail();
    }
    key = g_strdup_printf("%-8s %s", vmcChrDeviceTypeToString(def->element),
                          vmcChrTypeToString(def->source.type));
    g_hash_table_replace(counts, key,
                         GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(counts, key)) + 1));
}

static void
checkDevices(xmlDocPtr doc, const char *path, GHashTable *counts)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    for (xmlNodePtr part = vmcXmlFirst(root); part; part = vmcXmlNext(part)) {
        if (!vmcXmlIs(part, "devices"))
            continue;
        for (xmlNodePtr node = vmcXmlFirst(part); node; node = vmcXmlNext(node)) {
            if (!node->ns && vmcChrDeviceTypeFromString((const char *)node->name) >= 0)
                checkDevice(node, path, counts);
        }
    }
}

static void
testDevices(gconstpointer data)
{
    const char *const *paths = data;
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) keys = NULL;
    guint total = 0;

    for (; *paths; paths++) {
        g_autofree char *xml = testRead(*paths);
        g_autoptr(xmlDoc) doc = vmcXmlParse(xml);

        g_assert_nonnull(doc);
        checkDevices(doc, *paths, counts);
    }
    keys = g_list_sort(g_hash_table_get_keys(counts), (GCompareFunc)strcmp);
    for (GList *key = keys; key; key = key->next) {
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, key->data));

        g_test_message("%-24s %u", (const char *)key->data, n);
        total += n;
    }
    g_test_message("%-24s %u", "all", total);
}

static void
testPassThrough(gconstpointer data)
{
    const char *const *paths = data;
    guint n = 0;

    for (; *paths; paths++) {
        g_autofree char *xml = testRead(*paths);
        /* The word alone takes a document past the quick look. */
        g_autofree char *mentioning = g_strconcat(xml, "<!-- vmchannel -->", NULL);
        g_autofree char *forward = NULL;
        g_autofree char *reverse = NULL;

        if (corpusIsOurs(xml))
            continue;
        forward = vmcRewriteText(vmcDomainRewriteForward(mentioning, &options));
        reverse = vmcDomainRewriteReverse(mentioning, &options);
        g_assert_cmpstr(forward, ==, mentioning);
        g_assert_cmpstr(reverse, ==, mentioning);
        g_clear_pointer(&forward, g_free);
        forward = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
        g_assert_cmpstr(forward, ==, xml);
        n++;
    }
    g_test_message("%u documents pass byte for byte", n);
}

/* To the stock form and back; NULL with the error shown. */
static char *
roundTrip(const char *xml, const char *path)
{
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
    char *back = stock ? vmcDomainRewriteReverse(stock, &options) : NULL;

    if (!back) {
        g_test_message("%s: %s", path, vmcErrorLast()->message);
        g_test_fail();
    }
    return back;
}

/* A document without <emulator> gets one; after that it, too, comes back. */
static void
checkChannels(const char *full, const char *path)
{
    g_autofree char *first = strstr(full, "<emulator>") ? g_strdup(full) : roundTrip(full, path);
    g_autofree char *back = first ? roundTrip(first, path) : NULL;

    if (back && !g_str_equal(back, first)) {
        g_test_message("%s: does not come back", path);
        g_test_fail();
    }
}

static void
testChannels(gconstpointer data)
{
    const char *const *paths = data;
    guint n = 0;
    guint foreign = 0;

    for (; *paths; paths++) {
        g_autofree char *xml = testRead(*paths);
        g_autofree char *full = corpusIsOurs(xml) ? NULL : corpusWithChannels(xml);

        if (full)
            checkChannels(full, *paths);
        *(full ? &n : &foreign) += 1;
    }
    g_test_message("%u documents with channels come back byte for byte; %u are not QEMU's, "
                   "have guestfwd channels or no devices", n, foreign);
}

static void
testAbsent(void)
{
    g_test_skip("no corpus: set VMCHANNEL_CORPUS to a folder of domain documents");
}

int
main(int argc, char **argv)
{
    g_auto(GStrv) paths = corpusDocuments();

    g_test_init(&argc, &argv, NULL);
    if (paths[0]) {
        g_test_add_data_func("/corpus/devices", paths, testDevices);
        g_test_add_data_func("/corpus/pass-through", paths, testPassThrough);
        g_test_add_data_func("/corpus/channels", paths, testChannels);
    } else {
        g_test_add_func("/corpus/absent", testAbsent);
    }
    return g_test_run();
}
