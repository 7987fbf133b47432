/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our grammars: what must pass and what must fail (…-invalid.xml) in
 * domainschemadata, every golden domain that the rewriting accepts, and its
 * stock form, by libvirt's own grammar. And the corpus: what libvirt's grammar
 * accepts, ours does too, also with channels in it.
 */
#include <config.h>

#include <string.h>

#include <libxml/relaxng.h>

#include "conf/xml.h"
#include "tests/lib/corpus.h"
#include "tests/lib/testutils.h"

#define GOLDEN "qemuxml2argvdata"
#define DATA "domainschemadata"

typedef xmlRelaxNG relaxNG;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(relaxNG, xmlRelaxNGFree)

/* One document to validate; the path is a GTest path as well. */
typedef struct {
    char *path;                 /* below tests/ */
    bool stock;                 /* by libvirt's grammar */
    bool invalid;
} document;

static void
documentFree(gpointer data)
{
    document *one = data;

    g_free(one->path);
    g_free(one);
}

static void
quiet(void *context G_GNUC_UNUSED, const char *format G_GNUC_UNUSED, ...)
{
}

/* Parsed grammars by path: libvirt's is large. */
static GHashTable *schemas;

static relaxNG *
schemaLoad(const char *root, bool stock)
{
    const char *top = g_getenv("abs_top_builddir");
    g_autofree char *file = g_strconcat(root, ".rng", NULL);
    g_autofree char *path = stock ? g_build_filename(LIBVIRT_SCHEMAS, file, NULL)
                                  : g_build_filename(top ? top : ".", "docs", "schemas", file, NULL);
    relaxNG *schema = g_hash_table_lookup(schemas, path);
    xmlRelaxNGParserCtxtPtr parser;

    if (schema)
        return schema;
    parser = xmlRelaxNGNewParserCtxt(path);
    schema = xmlRelaxNGParse(parser);
    xmlRelaxNGFreeParserCtxt(parser);
    g_assert_nonnull(schema);
    g_hash_table_insert(schemas, g_steal_pointer(&path), schema);
    return schema;
}

static void
testDocument(gconstpointer data)
{
    const document *one = data;
    g_autofree char *path = testPath(one->path);
    g_autoptr(xmlDoc) doc = xmlReadFile(path, NULL, XML_PARSE_NONET);
    xmlRelaxNGValidCtxtPtr validator;
    relaxNG *schema;
    int result;

    g_assert_nonnull(doc);
    schema = schemaLoad((const char *)xmlDocGetRootElement(doc)->name, one->stock);
    validator = xmlRelaxNGNewValidCtxt(schema);
    if (one->invalid)
        xmlRelaxNGSetValidErrors(validator, quiet, quiet, NULL);
    result = xmlRelaxNGValidateDoc(validator, doc);
    xmlRelaxNGFreeValidCtxt(validator);
    if (one->invalid)
        g_assert_cmpint(result, >, 0);
    else
        g_assert_cmpint(result, ==, 0);
}

static bool
accepts(relaxNG *schema, const char *xml)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlRelaxNGValidCtxtPtr validator = xmlRelaxNGNewValidCtxt(schema);
    int result;

    g_assert_nonnull(doc);
    xmlRelaxNGSetValidErrors(validator, quiet, quiet, NULL);
    result = xmlRelaxNGValidateDoc(validator, doc);
    xmlRelaxNGFreeValidCtxt(validator);
    return result == 0;
}

static void
testCorpus(gconstpointer data)
{
    relaxNG *theirs = schemaLoad("domain", true);
    relaxNG *ours = schemaLoad("domain", false);
    guint accepted = 0;
    guint full = 0;

    for (const char *const *path = data; *path; path++) {
        g_autofree char *xml = testRead(*path);
        g_autofree char *channels = corpusWithChannels(xml);

        if (!accepts(theirs, xml))
            continue;
        accepted++;
        full += channels != NULL;
        if (!accepts(ours, xml) || (channels && !accepts(ours, channels))) {
            g_test_message("%s: not accepted", *path);
            g_test_fail();
        }
    }
    g_test_message("%u documents accepted as by libvirt, %u of them with channels too", accepted,
                   full);
}

static void
testAbsent(void)
{
    g_test_skip("libvirt's grammars are not in " LIBVIRT_SCHEMAS);
}

static void
add(GPtrArray *documents, const char *folder, const char *name, const char *suffix)
{
    document *one = g_new0(document, 1);
    g_autofree char *testName = NULL;

    one->path = g_strconcat(folder, "/", name, suffix, NULL);
    one->stock = g_str_equal(suffix, ".stock.xml");
    one->invalid = g_str_has_suffix(name, "-invalid");
    testName = g_strconcat("/schema/", one->path, NULL);
    g_ptr_array_add(documents, one);
    g_test_add_data_func(testName, one, testDocument);
}

static void
addAll(GPtrArray *documents, GStrv corpus)
{
    g_auto(GStrv) golden = testCases(GOLDEN, ".stock.xml");
    g_auto(GStrv) own = testCases(DATA, ".xml");

    for (guint i = 0; own[i]; i++)
        add(documents, DATA, own[i], ".xml");
    for (guint i = 0; golden[i]; i++) {
        add(documents, GOLDEN, golden[i], ".xml");
        add(documents, GOLDEN, golden[i], ".stock.xml");
    }
    if (corpus[0])
        g_test_add_data_func("/schema/corpus", corpus, testCorpus);
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func(documentFree);
    g_auto(GStrv) corpus = corpusDocuments();
    int ret;

    g_test_init(&argc, &argv, NULL);
    schemas = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                    (GDestroyNotify)xmlRelaxNGFree);
    if (g_file_test(LIBVIRT_SCHEMAS "/domain.rng", G_FILE_TEST_EXISTS))
        addAll(documents, corpus);
    else
        g_test_add_func("/schema/absent", testAbsent);
    ret = g_test_run();
    g_hash_table_unref(schemas);
    return ret;
}
