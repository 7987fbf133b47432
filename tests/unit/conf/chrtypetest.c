/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each type that a channel may have is known wherever types are: its rows say all
 * that they should, the schema and the documents have it, and AppArmor's profile
 * of the relay allows it. Fails for a new type until the last of them is done.
 */
#include <config.h>

#include <string.h>

#include "conf/domain_chr.h"
#include "conf/xml.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

/* What the relay opens for each type, as lines of apparmor/vmchannel-relay; "" is nothing. */
static const char *const profileLines[VMC_CHR_TYPE_LAST] = {
    [VMC_CHR_TYPE_NULL] = "",
    [VMC_CHR_TYPE_PTY] = "/dev/ptmx rw,\n/dev/pts/* rw,",
    [VMC_CHR_TYPE_DEV] = "/dev/tty[A-Z]*[0-9] rw,",
    [VMC_CHR_TYPE_FILE] = "/srv/** rw,\n/var/log/vmchannel/** rw,",
    [VMC_CHR_TYPE_PIPE] = "/run/** rw,\n/srv/** rw,",
    [VMC_CHR_TYPE_STDIO] = "",
    [VMC_CHR_TYPE_UDP] = "network inet dgram,\nnetwork inet6 dgram,",
    [VMC_CHR_TYPE_TCP] = "network inet stream,\nnetwork inet6 stream,",
    [VMC_CHR_TYPE_UNIX] = "/run/** rw,\n/srv/** rw,",
};

/* Where each type has to be named, %s. */
static const struct {
    const char *file;
    const char *pattern;
} documents[] = {
    { "README.md", "`%s`" },
    { "docs/formatvmchannel.md", "`%s`" },
    { "docs/architecture.md", "(?m)^\\| ([a-z]+, )*%s[, ]" },
    { "docs/man/vmchannel.7.in", "(?m)^\\.It ([a-z]+, )*%s\\b" },
    { "docs/man/qemu-vmchannel.1.in", "(?m)^\\.It (Cm |Ar /)%s\\b" },
};

static char *
readSource(const char *name)
{
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", name, NULL);
    char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static bool
isText(const vmcChrField *field)
{
    g_autofree char *words = vmcChrFieldWords(field);

    return !words && field->use != VMC_CHR_FIELD_FOREIGN;
}

/* A source of @type in which all that a channel may say is said, and is right. */
static void
fillValid(vmcChrSource *source, vmcChrType type)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(type, &n);

    source->type = type;
    for (size_t i = 0; i < n; i++) {
        if (isText(&fields[i]))
            vmcChrFieldSet(source, &fields[i], fields[i].kind == VMC_CHR_FIELD_PATH ? "/p" : "7");
        if (fields[i].kind == VMC_CHR_FIELD_MODE)
            source->mode = VMC_CHR_MODE_BIND;
    }
}

/* Where a type can listen, its row says on what; else two would bind the same. */
static void
testBinds(int type)
{
    g_auto(vmcChrSource) source = { 0 };
    g_auto(vmcChrSource) other = { 0 };
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(type, &n);
    bool canBind = false;
    g_autofree char *binds = NULL;
    g_autofree char *elsewhere = NULL;

    fillValid(&source, type);
    fillValid(&other, type);
    for (size_t i = 0; i < n; i++) {
        canBind = canBind || fields[i].kind == VMC_CHR_FIELD_MODE ||
                  g_strcmp0(fields[i].sourceMode, "bind") == 0;
        /* All but the log tells one from another; @sourceMode, where there are two. */
        if (isText(&fields[i]) && !g_str_equal(fields[i].element, "log"))
            vmcChrFieldSet(&other, &fields[i],
                           fields[i].kind == VMC_CHR_FIELD_PATH ? "/other" : "8");
    }
    binds = vmcChrSourceBinds(&source);
    elsewhere = vmcChrSourceBinds(&other);
    g_assert_cmpint(binds != NULL, ==, canBind);
    if (canBind) {
        g_assert_cmpstr(binds, !=, elsewhere);
        g_assert_null(strstr(binds, "null"));
    }
}

/* Each value that is no enum is checked: none may have a space and a line end. */
static void
testValues(int type)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(type, &n);

    for (size_t i = 0; i < n; i++) {
        vmcChannel channel = { .element = VMC_CHR_DEVICE_VMCHANNEL, .port = 600 };

        if (!isText(&fields[i]))
            continue;
        fillValid(&channel.source, type);
        vmcChannelPostParse(&channel);
        g_assert_cmpint(vmcChannelValidate(&channel), ==, 0);
        vmcChrFieldSet(&channel.source, &fields[i], "/a b\n");
        vmcChannelPostParse(&channel);
        if (fields[i].use != VMC_CHR_FIELD_LIVE)
            g_assert_cmpint(vmcChannelValidate(&channel), ==, -1);
        vmcChannelClear(&channel);
    }
}

/* The value of -vmchannel says all that the XML can. */
static void
testOption(int type)
{
    g_autoptr(vmcChannel) channel = g_new0(vmcChannel, 1);
    g_autoptr(vmcChannel) again = NULL;
    g_auto(GStrv) forms = vmcQemuChardevForms();
    g_autofree char *value = NULL;
    g_autofree char *chardev = NULL;
    bool named = false;

    chardev = g_strdup_printf("%s%s", type == VMC_CHR_TYPE_DEV ? "/" : "", vmcChrTypeToString(type));
    for (char **form = forms; *form; form++)
        named = named || g_str_has_prefix(*form, chardev);
    g_assert_true(named);
    channel->element = VMC_CHR_DEVICE_VMCHANNEL;
    channel->port = 600;
    fillValid(&channel->source, type);
    vmcChannelPostParse(channel);
    value = vmcQemuChannelFormat(channel);
    again = vmcQemuChannelParse(value);
    g_assert_nonnull(again);
    g_assert_true(vmcChannelEqual(channel, again));
}

static void
testProfile(int type)
{
    g_autofree char *profile = readSource("apparmor/vmchannel-relay");
    g_auto(GStrv) lines = NULL;

    if (!profileLines[type])
        g_error("say in profileLines what the relay's profile has to allow for it");
    lines = g_strsplit(profileLines[type], "\n", -1);
    for (char **line = lines; *line; line++) {
        g_autofree char *whole = g_strdup_printf("\n  %s\n", *line);

        g_test_message("%s", *line);
        g_assert_nonnull(strstr(profile, whole));
    }
}

/* The text of all sources of host sides. */
static char *
readHostSides(void)
{
    static const char folder[] = "src/relay/broker/sources";
    const char *top = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(top ? top : ".", folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GString *all = g_string_new(NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(folder, name, NULL);
        g_autofree char *text = g_str_has_suffix(name, ".c") ? readSource(file) : NULL;

        g_string_append(all, text ? text : "");
    }
    return g_string_free(all, FALSE);
}

/* The relay's table has a host side for it. */
static void
testHostSide(int type)
{
    g_autofree char *text = readHostSides();
    g_autofree char *word = g_ascii_strup(vmcChrTypeToString(type), -1);
    g_autofree char *row = g_strdup_printf("[VMC_CHR_TYPE_%s] = ", word);

    g_test_message("%s", row);
    g_assert_nonnull(strstr(text, row));
}

/* The socket families that the sources of host sides name are allowed too. */
static void
testFamilies(void)
{
    g_autofree char *profile = readSource("apparmor/vmchannel-relay");
    g_autofree char *text = readHostSides();
    g_autoptr(GRegex) family = g_regex_new("\\b[AP]F_([A-Z0-9]+)", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    int seen = 0;

    for (g_regex_match(family, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL)) {
        g_autofree char *word = g_match_info_fetch(match, 1);
        g_autofree char *lower = g_ascii_strdown(word, -1);
        g_autofree char *line = g_strdup_printf("\n  network %s ", lower);

        seen++;
        g_test_message("%s", word);
        if (!g_str_equal(word, "UNIX") && !g_str_equal(word, "UNSPEC"))
            g_assert_nonnull(strstr(profile, line));
    }
    g_assert_cmpint(seen, >, 0);
}

static void
testDocuments(int type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *text = readSource(documents[i].file);
        g_auto(GStrv) parts = g_strsplit(documents[i].pattern, "%s", 2);
        g_autofree char *pattern = g_strconcat(parts[0], vmcChrTypeToString(type), parts[1], NULL);

        g_test_message("%s: %s", documents[i].file, pattern);
        g_assert_true(g_regex_match_simple(pattern, text, 0, 0));
    }
}

static bool
is(xmlNodePtr node, const char *element, const char *name)
{
    g_autofree char *given = vmcXmlAttribute(node, "name");

    return g_str_equal((const char *)node->name, element) && (!name || g_strcmp0(given, name) == 0);
}

/* Whether @value stands as a <value> somewhere in @node. */
static bool
hasValue(xmlNodePtr node, const char *value)
{
    g_autofree char *text = is(node, "value", NULL) ? vmcXmlText(node) : NULL;

    if (g_strcmp0(text, value) == 0)
        return true;
    for (xmlNodePtr child = vmcXmlFirst(node); child; child = vmcXmlNext(child)) {
        if (hasValue(child, value))
            return true;
    }
    return false;
}

/* Whether the definition @name, which vmchannelSource chooses from, has the type. */
static bool
definesType(xmlNodePtr grammar, const char *name, const char *type)
{
    for (xmlNodePtr define = vmcXmlFirst(grammar); define; define = vmcXmlNext(define)) {
        if (!is(define, "define", name))
            continue;
        for (xmlNodePtr node = vmcXmlFirst(define); node; node = vmcXmlNext(node)) {
            if (is(node, "attribute", "type") && hasValue(node, type))
                return true;
        }
    }
    return false;
}

static void
testSchema(int type)
{
    g_autofree char *text = readSource("docs/schemas/vmchannel.rng");
    g_autoptr(xmlDoc) doc = vmcXmlParse(text);
    xmlNodePtr grammar = xmlDocGetRootElement(doc);
    int chosen = 0;

    for (xmlNodePtr define = vmcXmlFirst(grammar); define; define = vmcXmlNext(define)) {
        if (!is(define, "define", "vmchannelSource"))
            continue;
        for (xmlNodePtr ref = vmcXmlFirst(vmcXmlFirst(define)); ref; ref = vmcXmlNext(ref)) {
            g_autofree char *name = vmcXmlAttribute(ref, "name");

            chosen += definesType(grammar, name, vmcChrTypeToString(type));
        }
    }
    g_assert_cmpint(chosen, ==, 1);
}

static const struct {
    const char *name;
    void (*test)(int type);
} tests[] = {
    { "binds", testBinds },
    { "values", testValues },
    { "option", testOption },
    { "schema", testSchema },
    { "documents", testDocuments },
    { "profile", testProfile },
    { "host-side", testHostSide },
};

static void
run(gconstpointer data)
{
    int number = GPOINTER_TO_INT(data);

    tests[number / VMC_CHR_TYPE_LAST].test(number % VMC_CHR_TYPE_LAST);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        for (int type = 0; type < VMC_CHR_TYPE_LAST; type++) {
            g_autofree char *path = g_strdup_printf("/conf/chr/type/%s/%s", tests[i].name,
                                                    vmcChrTypeToString(type));

            if (vmcChrTypeIsChannel(type))
                g_test_add_data_func(path, GINT_TO_POINTER((int)i * VMC_CHR_TYPE_LAST + type), run);
        }
    }
    g_test_add_func("/conf/chr/type/families", testFamilies);
    return g_test_run();
}
