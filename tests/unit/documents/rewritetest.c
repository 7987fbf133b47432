/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rewriting beyond the golden documents: options, hostile documents, and
 * damaged ones, which may be refused but never crash or lose what they had.
 */
#include <config.h>

#include <string.h>

#include "conf/xml.h"
#include "documents/domain_live.h"
#include "documents/domain_mention.h"
#include "documents/domain_rewrite.h"
#include "documents/emulator.h"
#include "documents/xml_edit.h"
#include "qemu/qemu_conf.h"
#include "tests/lib/testutils.h"
#include "tests/lib/xmlwords.h"
#include "util/error.h"

#define DIR "/usr/libexec/vmchannel/emulator"

static const vmcRewriteOptions options = { .emulatorDir = DIR };

static char *
golden(const char *name)
{
    g_autofree char *file = g_strdup_printf("qemuxml2argvdata/%s", name);
    g_autofree char *path = testPath(file);
    char *text = testRead(path);

    g_assert_nonnull(text);
    return text;
}

/* Neither form's NIC may reach domxml-to-native, nor what overrides it. */
static void
testWithoutNic(void)
{
    static const char *const names[] = {
        "unix-connect.xml", "unix-connect.stock.xml", "nic-by-itself.xml",
        "interface-short-form.xml", "user-override-of-our-nic.xml",
    };
    const vmcRewriteOptions without = { .emulatorDir = DIR, .withoutNic = true };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *xml = golden(names[i]);
        g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &without));

        g_assert_nonnull(stock);
        g_assert_null(strstr(stock, "<interface"));
        g_assert_null(strstr(stock, "ua-vmchannel"));
        g_assert_nonnull(strstr(stock, "<qemu:arg value='-vmchannel'/>"));
    }
}

/* Another hypervisor's domain is shown as it is, whatever its arguments look like. */
static void
testForeignReverse(void)
{
    g_autofree char *stock = golden("unix-connect.stock.xml");
    g_auto(GStrv) parts = g_strsplit(stock, "<domain type='qemu'", 2);
    g_autofree char *foreign = g_strjoinv("<domain type='hvf'", parts);
    g_autofree char *back = vmcDomainRewriteReverse(foreign, &options);

    g_assert_cmpint(g_strv_length(parts), ==, 2);
    g_assert_cmpstr(back, ==, foreign);
}

/* A network without its NIC could not be shown: it stays an argument. */
static void
testNetworkWithoutNic(void)
{
    const vmcRewriteOptions without = { .emulatorDir = DIR, .withoutNic = true };
    g_autofree char *xml = golden("nic-ip-without-channels.xml");
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &without));
    g_autofree char *back = NULL;

    g_assert_nonnull(strstr(stock, "network=192.168.77.5/28"));
    back = vmcDomainRewriteReverse(stock, &options);
    g_assert_nonnull(strstr(back, "network=192.168.77.5/28"));
}

static const struct {
    const char *arch;
    const char *given;          /* options' emulator */
    const char *emulator;
} emulators[] = {
    { "x86_64", NULL, "/usr/bin/qemu-system-x86_64" },
    { "i686", NULL, "/usr/bin/qemu-system-i386" },
    { "aarch64", NULL, "/usr/bin/qemu-system-aarch64" },
    { "armv7l", NULL, "/usr/bin/qemu-system-arm" },
    { "ppc64le", NULL, "/usr/bin/qemu-system-ppc64" },
    { "s390x", NULL, "/usr/bin/qemu-system-s390x" },
    { "x86_64", "/usr/libexec/qemu-kvm", "/usr/libexec/qemu-kvm" },
};

static void
testEmulator(void)
{
    static const char *const written[] = { "", "<emulator/>", "<emulator> </emulator>" };

    for (size_t i = 0; i < G_N_ELEMENTS(emulators) * G_N_ELEMENTS(written); i++) {
        size_t row = i / G_N_ELEMENTS(written);
        const vmcRewriteOptions given = {
            .emulatorDir = DIR, .emulator = emulators[row].given,
        };
        g_autofree char *xml = g_strdup_printf(
            "<domain type='kvm'>\n  <os><type arch='%s'>hvm</type></os>\n  <devices>%s\n"
            "    <vmchannel type='null'>\n      <target port='600'/>\n    </vmchannel>\n"
            "  </devices>\n</domain>\n", emulators[row].arch, written[i % G_N_ELEMENTS(written)]);
        g_autofree char *expected = g_strdup_printf("<emulator>" DIR "%s</emulator>",
                                                    emulators[row].emulator);
        g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &given));
        g_autofree char *back = NULL;

        g_assert_nonnull(stock);
        g_assert_nonnull(strstr(stock, expected));
        back = vmcDomainRewriteReverse(stock, &options);
        g_assert_null(strstr(back, DIR));
        g_assert_nonnull(strstr(back, emulators[row].emulator));
    }
}

#define DOMAIN_GUESSED(os, emulator, device) \
    "<domain type='kvm'>" os "<devices>" emulator device "</devices></domain>"

static const struct {
    const char *xml;
    bool guessed;
    const char *virtType;
    const char *arch;
    const char *machine;
} guesses[] = {
    { DOMAIN_GUESSED("<os><type arch='x86_64' machine='q35'>hvm</type></os>", "",
                     "<interface type='vmchannel'/>"), true, "kvm", "x86_64", "q35" },
    /* Nothing to guess by: the rewriting fails, and says all the same what it lacks. */
    { DOMAIN_GUESSED("", "<emulator> </emulator>", "<interface type='vmchannel'/>"),
      true, "kvm", NULL, NULL },
    { DOMAIN_GUESSED("<os><type arch='x86_64'>hvm</type></os>", "",
                     "<channel type='null'>"
                     "<target type='guestf&#119;d' address='10.0.2.4' port='1'/></channel>"),
      true, "kvm", "x86_64", NULL },
    { DOMAIN_GUESSED("<os><type arch='x86_64'>hvm</type></os>", "",
                     "<interface type='vmch&#97;nnel'/>"), true, "kvm", "x86_64", NULL },
    /* In a document of several, the first that lacks one. */
    { "<domainsnapshot>"
      DOMAIN_GUESSED("", "<emulator>/q</emulator>", "<interface type='vmchannel'/>")
      "<inactiveDomain type='qemu'><os><type arch='i686'>hvm</type></os><devices>"
      "<interface type='vmchannel'/></devices></inactiveDomain></domainsnapshot>",
      true, "qemu", "i686", NULL },
    { DOMAIN_GUESSED("", "<emulator>/q</emulator>", "<interface type='vmchannel'/>"),
      false, NULL, NULL, NULL },
    { DOMAIN_GUESSED("", "", "<interface type='user'/>"), false, NULL, NULL, NULL },
    { DOMAIN_GUESSED("", "", "<interface type='us&#101;r'/>"), false, NULL, NULL, NULL },
};

/* The proxy asks the daemon only where something was guessed. */
static void
testEmulatorGuessed(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(guesses); i++) {
        const vmcRewriteOptions given = { .emulatorDir = DIR, .emulator = "/q" };
        g_auto(vmcRewriteResult) result = vmcDomainRewriteForward(guesses[i].xml, &options);
        g_auto(vmcRewriteResult) told = vmcDomainRewriteForward(guesses[i].xml, &given);

        g_assert_true(result.emulatorGuessed == guesses[i].guessed);
        g_assert_cmpstr(result.query.virtType, ==, guesses[i].virtType);
        g_assert_cmpstr(result.query.arch, ==, guesses[i].arch);
        g_assert_cmpstr(result.query.machine, ==, guesses[i].machine);
        g_assert_true(!result.text == (guesses[i].guessed && !guesses[i].arch));
        g_assert_nonnull(told.text);
        g_assert_false(told.emulatorGuessed);
    }
    vmcErrorReset();
}

/* An emulator path in other characters than ours is unwrapped all the same. */
static void
testEmulatorSpelling(void)
{
    static const char *const spellings[] = {
        "&#47;usr/libexec/vmchannel/emulator/bin/q", "<![CDATA[" DIR "/bin/q]]>",
        "\n  " DIR "/bin/q\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain type='kvm'><devices><emulator>%s</emulator></devices></domain>",
                            spellings[i]);
        g_autofree char *back = vmcDomainRewriteReverse(xml, &options);

        g_assert_nonnull(back);
        g_assert_nonnull(strstr(back, "/bin/q"));
        g_assert_null(strstr(back, "libexec"));
    }
}

/* One behind white space that is not plain to see is wrapped and unwrapped, too. */
static void
testEmulatorHidden(void)
{
    static const char *const spellings[] = {
        "&#10;/bin/q", "<![CDATA[ /bin/q]]>", "<!-- x -->/bin/q", " \n/bin/q ",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        g_autofree char *xml = g_strdup_printf(
            "<domain type='kvm'><devices><emulator>%s</emulator>"
            "<vmchannel type='null'><target port='1'/></vmchannel></devices></domain>",
            spellings[i]);
        g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
        g_autofree char *again = NULL;
        g_autofree char *back = NULL;

        g_assert_nonnull(strstr(stock, DIR "/bin/q"));
        again = vmcRewriteText(vmcDomainRewriteForward(stock, &options));
        g_assert_cmpstr(again, ==, stock);
        back = vmcDomainRewriteReverse(stock, &options);
        g_assert_nonnull(strstr(back, "/bin/q"));
        g_assert_null(strstr(back, DIR));
    }
}

/* Domains stand in some documents only, and nowhere deep in them. */
static void
testElsewhere(void)
{
    static const char *const documents[] = {
        "<network><domain name='vmchannel'/></network>",
        ("<domain type='kvm'><metadata><domain><devices><vmchannel/></devices></domain></metadata>"
         "</domain>"),
        "<x:domain xmlns:x='urn:x'><devices><vmchannel/></devices></x:domain>",
        "<vmchannel type='null'><target port='1'/></vmchannel>",
        "<domain type='kvm'><x:devices xmlns:x='urn:x'><vmchannel/></x:devices></domain>",
        "<domain type='kvm'><devices><x:vmchannel xmlns:x='urn:x'/></devices></domain>",
        /* Nothing of ours, so that whatever is wrong is libvirt's to say. */
        "<!DOCTYPE domain><domain type='kvm'>&#10;</domain>", "<domain>&#10;", "<domain",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *forward = vmcRewriteText(vmcDomainRewriteForward(documents[i], &options));
        g_autofree char *reverse = vmcDomainRewriteReverse(documents[i], &options);

        g_assert_cmpstr(forward, ==, documents[i]);
        g_assert_cmpstr(reverse, ==, documents[i]);
    }
}

/* A word of ours behind a character reference is found all the same. */
static void
testHidden(void)
{
    static const char xml[] = "<domain type='kvm'><devices><emulator>/q</emulator>"
                              "<interface type='vmch&#x61;nnel'/></devices></domain>";
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));

    g_assert_nonnull(strstr(stock, "<interface type='client'>"));
}

/* What is left beside passt's network is said, once, where the arguments do not show it. */
static void
testBesidePasst(void)
{
    static const struct {
        const char *interface;
        const char *said;
    } cases[] = {
        { "<interface type='user'/>", NULL },
        { "<interface type='user'><backend type='passt'/></interface>", "network=10.0.2.5/31" },
        { "<interface type='vhostuser'><backend type='passt'/></interface>",
          "network=10.0.2.5/31" },
        { "<interface type='vhostuser'><backend type='passt'/>"
          "<ip address='172.17.2.0' family='ipv4' prefix='24'/></interface>", NULL },
        { "<interface type='vhostuser'><backend type='passt'/></interface>"
          "<interface type='vmchannel'><ip address='10.0.2.9' prefix='31'/></interface>",
          "network=10.0.2.9/31" },
        { "<interface type='vhostuser'><backend type='passt'/></interface>"
          "<interface type='vmchannel'><dhcp enabled='no'/></interface>",
          "network=10.0.2.5/31,dhcp=off" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(
            "<domain type='kvm'><devices><emulator>/q</emulator>%s"
            "<vmchannel type='null'><target address='%s' port='1'/></vmchannel>"
            "</devices></domain>", cases[i].interface, i == 4 ? "10.0.2.8" : "10.0.2.4");
        g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
        g_autofree char *back = vmcDomainRewriteReverse(stock, &options);
        g_autofree char *again = vmcRewriteText(vmcDomainRewriteForward(back, &options));
        const char *documents[] = { stock, again };

        for (size_t j = 0; j < G_N_ELEMENTS(documents); j++) {
            g_auto(GStrv) parts = g_strsplit(documents[j], "network=", -1);

            g_assert_cmpuint(g_strv_length(parts), ==, cases[i].said ? 2 : 1);
            g_assert_true(!cases[i].said || strstr(documents[j], cases[i].said));
        }
    }
}

/* The parts need a prefix of their own when a document has given ours away. */
static void
testPrefixTaken(void)
{
    static const char xml[] =
        "<domain type='kvm' xmlns:qemu='urn:a' xmlns:vmchannel-qemu='urn:b'><devices>"
        "<emulator>/q</emulator><interface type='vmchannel'/></devices></domain>";
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
    g_autofree char *back = vmcDomainRewriteReverse(stock, &options);

    g_assert_nonnull(strstr(stock, "<vmchannel-vmchannel-qemu:override>"));
    g_assert_null(strstr(back, "override"));
}

/* Each part goes into an element that was written empty, in its order. */
static void
testIntoEmpty(void)
{
    static const char xml[] =
        "<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
        "  <os>\n    <type arch='x86_64'>hvm</type>\n  </os>\n  <devices/>\n"
        "  <q:commandline>\n    <q:arg value='-vmchannel'/>\n    <q:arg value='600:null'/>\n"
        "  </q:commandline>\n  <q:override/>\n</domain>\n";
    static const char devices[] =
        "  <devices>\n    <emulator>" DIR "/usr/bin/qemu-system-x86_64</emulator>\n"
        "    <interface type='client'>\n      <source address='127.0.0.1' port='1'/>\n"
        "      <model type='virtio'/>\n      <alias name='ua-vmchannel'/>\n"
        "    </interface>\n  </devices>\n";
    static const char override[] =
        "  <q:override>\n    <q:device alias='ua-vmchannel'>\n      <q:frontend>\n"
        "        <q:property name='host_mtu' type='unsigned' value='65520'/>\n"
        "      </q:frontend>\n    </q:device>\n  </q:override>\n";
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));

    g_assert_nonnull(stock);
    g_assert_nonnull(strstr(stock, devices));
    g_assert_nonnull(strstr(stock, override));
}

/* What a user wrote into the parts that are ours is not taken for ours. */
static void
testLookalikes(void)
{
    static const char *const parts[] = {
        "<devices><interface type='client'><alias name='ua-mine'/></interface></devices>",
        "<devices><interface type='user'><alias name='ua-vmchannel'/></interface></devices>",
        "<qemu:commandline><qemu:arg value='-vmchannel'/></qemu:commandline>",
        ("<qemu:commandline><qemu:arg value='-vmchannel'/><qemu:arg value='0:null'/>"
         "</qemu:commandline>"),
        "<qemu:commandline><qemu:arg/><qemu:arg value='600:null'/></qemu:commandline>",
        "<qemu:override><qemu:device alias='ua-vmchannel'/></qemu:override>",
        "<commandline><arg value='-vmchannel'/><arg value='600:null'/></commandline>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *xml = g_strdup_printf(
            "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>%s</domain>",
            parts[i]);
        g_autofree char *forward = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
        g_autofree char *reverse = vmcDomainRewriteReverse(xml, &options);

        g_assert_cmpstr(forward, ==, xml);
        g_assert_cmpstr(reverse, ==, xml);
    }
}

/* A comment of the user's keeps the element that it stands in. */
static void
testCommentKept(void)
{
    static const char xml[] =
        "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
        "  <devices>\n    <emulator>" DIR "/q</emulator>\n  </devices>\n"
        "  <qemu:commandline>\n    <!-- mine -->\n    <qemu:arg value='-vmchannel'/>\n"
        "    <qemu:arg value='600:null'/>\n  </qemu:commandline>\n</domain>\n";
    g_autofree char *back = vmcDomainRewriteReverse(xml, &options);

    g_assert_nonnull(strstr(back, "  <qemu:commandline>\n    <!-- mine -->\n  </qemu:commandline>"));
    g_assert_nonnull(strstr(back, "xmlns:qemu="));
    g_assert_nonnull(strstr(back, "<vmchannel type='null'>"));
}

static char *
repeated(const char *head, const char *unit, size_t times, const char *tail)
{
    GString *out = g_string_new(head);

    while (times-- > 0)
        g_string_append(out, unit);
    g_string_append(out, tail);
    return g_string_free(out, FALSE);
}

static void
testHostile(void)
{
    static const char head[] = "<domain type='kvm'><!-- vmchannel -->";
    g_autofree char *deep = repeated(head, "<a>", 100000, "");
    g_autofree char *wide = repeated(head, " ", 4 * 1024 * 1024, "</domain>");
    g_autofree char *bomb = g_strconcat(
        "<!DOCTYPE a [<!ENTITY a 'vmchannel'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>", head, "&c;</domain>", NULL);
    g_autofree char *crowded = repeated("<domain type='kvm'><vmchannel", " a='1'", 4097, "/></domain>");
    g_autofree char *quoted = repeated("<domain type='kvm'><devices><vmchannel type='unix'>"
                                       "<source path='/", "a", 4000000,
                                       "'/><target port='1'/></vmchannel></devices></domain>");
    const struct {
        const char *xml;
        const char *error;
    } documents[] = {
        { crowded, "XML error: an element has more than 4096 attributes" },
        { "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>vmchannel &x;</domain>",
          "XML error: line 1: a domain document cannot have a document type declaration" },
        { "<domain>vmchannel &x;</domain>", "XML error: line 1: Entity 'x' not defined" },
        { "<domain type='kvm' type='qemu'>vmchannel</domain>",
          "XML error: line 1: Attribute type redefined" },
        { "<domain>vmchannel \303\050</domain>",
          "XML error: line 1: Input is not proper UTF-8, indicate encoding !" },
        { "<?xml version='1.0' encoding='klingon'?><domain>vmchannel</domain>",
          "XML error: line 1: Unsupported encoding klingon" },
        { deep, "XML error: line 1: Excessive depth in document" },
        { wide, "XML error: document is larger than 4194304 bytes" },
        { bomb, "XML error: line 1: a domain document cannot have a document type declaration" },
        { "<domain>vmchannel</domian>", "XML error: line 1: Opening and ending tag mismatch" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_assert_null(vmcRewriteText(vmcDomainRewriteForward(documents[i].xml, &options)));
        if (!g_str_has_prefix(vmcErrorLast()->message, documents[i].error) &&
            !testXmlNewWords(documents[i].xml))
            g_assert_cmpstr(vmcErrorLast()->message, ==, documents[i].error);
        g_assert_null(vmcDomainRewriteReverse(documents[i].xml, &options));
    }
    /* What an error quotes is bounded, too: it has to fit into a message of libvirt's. */
    g_assert_null(vmcRewriteText(vmcDomainRewriteForward(quoted, &options)));
    g_assert_true(g_str_has_prefix(vmcErrorLast()->message, "XML error: invalid 'path' attribute"));
    g_assert_cmpuint(strlen(vmcErrorLast()->message), <=, VMC_ERROR_MAX);
    vmcErrorReset();
}

static void
testState(void)
{
    static const struct {
        const char *file;
        const char *from;       /* what in it is written otherwise; NULL: nothing */
        vmcDomainState state;
    } states[] = {
        { "nothing-of-ours.xml", NULL, VMC_DOMAIN_PLAIN },
        { "unix-connect.stock.xml", NULL, VMC_DOMAIN_STOCK },
        { "unix-connect.stock.xml", DIR, VMC_DOMAIN_STOCK_BROKEN },
        { "nic-without-channels.stock.xml", NULL, VMC_DOMAIN_STOCK },
        { "malformed.xml", NULL, VMC_DOMAIN_PLAIN },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *xml = golden(states[i].file);
        g_auto(GStrv) parts = g_strsplit(xml, states[i].from ? states[i].from : "<none>", -1);
        g_autofree char *changed = g_strjoinv("", parts);

        g_assert_cmpint(vmcDomainStateOf(changed, &options), ==, states[i].state);
    }
    vmcErrorReset();
}

/* Of @channels channels; as many other devices stand among them as make 20,000 in all. */
static GString *
largeDomain(int channels)
{
    GString *xml = g_string_new("<domain type='kvm'>\n  <devices>\n    <emulator>/q</emulator>\n");

    for (int i = 1; i <= 20000; i++) {
        const char *element = i % (20000 / channels) ? "serial" : "vmchannel";

        g_string_append_printf(xml, "    <%s type='null'>\n      <target port='%d'/>\n"
                               "    </%s>\n", element, i, element);
    }
    g_string_append(xml, "  </devices>\n</domain>\n");
    return xml;
}

/* Much at once, in one pass; more channels than one guest can have are refused. */
static void
testLarge(void)
{
    GString *xml = largeDomain(1000);
    GString *tooMany = largeDomain(2000);
    g_autofree char *stock = NULL;
    g_autofree char *back = NULL;

    g_assert_null(vmcRewriteText(vmcDomainRewriteForward(tooMany->str, &options)));
    g_assert_cmpstr(vmcErrorLast()->message, ==,
                    "unsupported configuration: 2000 vmchannels: accepted are 1024");
    vmcErrorReset();
    g_string_free(tooMany, TRUE);
    stock = vmcRewriteText(vmcDomainRewriteForward(xml->str, &options));
    g_assert_nonnull(stock);
    back = vmcDomainRewriteReverse(stock, &options);
    g_assert_nonnull(back);
    g_assert_cmpuint(strlen(back), >=, xml->len);
    g_string_free(xml, TRUE);
}

/* Overwrites, drops or doubles a few bytes. */
static char *
damage(const char *text)
{
    static const char bytes[] = "<>/'\"= &;!-[]?\n:vmchanel0x\xc3\xff";
    GString *out = g_string_new(text);

    for (int n = g_test_rand_int_range(1, 4); n > 0; n--) {
        gssize at = g_test_rand_int_range(0, (gint32)out->len);
        gssize wanted = g_test_rand_int_range(1, 40);
        gssize length = MIN(wanted, (gssize)out->len - at);
        g_autofree char *part = g_strndup(out->str + at, (gsize)length);

        switch (g_test_rand_int_range(0, 3)) {
        case 0:
            out->str[at] = bytes[g_test_rand_int_range(0, sizeof(bytes) - 1)];
            break;
        case 1:
            g_string_erase(out, at, length);
            break;
        default:
            g_string_insert(out, g_test_rand_int_range(0, (gint32)out->len), part);
            break;
        }
        if (out->len == 0)
            break;
    }
    return g_string_free(out, FALSE);
}

/*
 * Whatever comes out is a document. One whose stock form was damaged may come
 * back with something that forward refuses.
 */
static void
checkResult(const char *xml)
{
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(xml, &options));
    g_autofree char *back = stock ? vmcDomainRewriteReverse(stock, &options) : NULL;
    g_autofree char *again = back ? vmcRewriteText(vmcDomainRewriteForward(back, &options)) : NULL;
    g_autoptr(xmlDoc) doc = again && strstr(again, "vmchannel") ? vmcXmlParse(again) : NULL;

    if (!stock) {
        g_assert_cmpstr(vmcErrorLast()->message, !=, "");
        return;
    }
    g_assert_nonnull(back);
    if (!again)
        g_assert_cmpstr(vmcErrorLast()->message, !=, "");
    else
        g_assert_true(doc || !strstr(again, "vmchannel"));
}

static void
testDamaged(void)
{
    g_auto(GStrv) names = testCases("qemuxml2argvdata", ".stock.xml");
    int rounds = g_test_slow() ? 2000 : 50;

    for (guint i = 0; names[i]; i++) {
        g_autofree char *plain = g_strconcat(names[i], ".xml", NULL);
        g_autofree char *stock = g_strconcat(names[i], ".stock.xml", NULL);
        g_autofree char *plainText = golden(plain);
        g_autofree char *stockText = golden(stock);

        for (int round = 0; round < rounds * 2; round++) {
            g_autofree char *damaged = damage(round % 2 ? stockText : plainText);

            vmcErrorReset();
            checkResult(damaged);
        }
    }
    vmcErrorReset();
}

/* A running domain that began with one channel, as libvirt shows it. */
#define STOCK_LIVE(metadata) \
    "<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n" \
    "  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>\n" metadata \
    "  <devices>\n" \
    "    <emulator>" DIR "/usr/bin/qemu-system-x86_64</emulator>\n" \
    "    <memballoon model='none'/>\n" \
    "  </devices>\n" \
    "  <qemu:commandline>\n" \
    "    <qemu:arg value='-vmchannel'/>\n    <qemu:arg value='600:null'/>\n" \
    "  </qemu:commandline>\n" \
    "</domain>\n"
#define OURS_LIVE(metadata, channels) \
    "<domain type='qemu' id='3'>\n" \
    "  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>\n" metadata \
    "  <devices>\n" \
    "    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n" channels \
    "    <memballoon model='none'/>\n" \
    "  </devices>\n" \
    "</domain>\n"
#define CHANNEL(type, port) \
    "    <vmchannel type='" type "'>\n      <target port='" port "'/>\n    </vmchannel>\n"
#define RECORD(channels) \
    "    <vmchannel:channels xmlns:vmchannel='urn:vmchannel:live'>" channels \
    "</vmchannel:channels>\n"

/* What libvirt keeps of a record, and what its domain looks like to us. */
static const struct {
    const char *stock;
    const char *ours;
    const char *argument;       /* what a restored domain starts with; NULL: nothing */
} records[] = {
    { STOCK_LIVE(""), OURS_LIVE("", CHANNEL("null", "600")), "'600:null'" },
    { STOCK_LIVE("  <metadata>\n"
                 RECORD("<vmchannel:channel>601:pty</vmchannel:channel>")
                 "  </metadata>\n"),
      OURS_LIVE("", CHANNEL("pty", "601")), "'601:pty'" },
    /* None is left. */
    { STOCK_LIVE("  <metadata>\n" RECORD("") "  </metadata>\n"), OURS_LIVE("", ""), NULL },
    /* Others' metadata stays; what is no channel is passed over. */
    { STOCK_LIVE("  <metadata>\n    <a xmlns='urn:a'/>\n"
                 RECORD("<channel>junk</channel><channel>602:null</channel><channel/>")
                 "  </metadata>\n"),
      OURS_LIVE("  <metadata>\n    <a xmlns='urn:a'/>\n  </metadata>\n", CHANNEL("null", "602")),
      "'602:null'" },
};

static void
testRecord(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(records); i++) {
        g_autofree char *ours = vmcDomainRewriteReverse(records[i].stock, &options);
        g_autofree char *stock = NULL;

        g_assert_cmpstr(ours, ==, records[i].ours);
        g_assert_cmpint(vmcMentionRecord(records[i].stock), ==, i > 0);
        /* Forward, the command line says it all: so a saved image is mended. */
        stock = vmcRewriteText(vmcDomainRewriteForward(ours, &options));
        g_assert_false(vmcMentionRecord(stock));
        if (records[i].argument)
            g_assert_nonnull(strstr(stock, records[i].argument));
        else
            g_assert_null(strstr(stock, "-vmchannel"));
    }
}

/* A record that was written is the record that is read. */
static void
testRecordRoundTrip(void)
{
    static const char *const values[] = {
        "600:unix:/run/a,,b & <c>.sock", "10.0.2.2:601:tcp:localhost:7,server,nowait", "602:pty",
    };
    g_autoptr(GPtrArray) channels = g_ptr_array_new_with_free_func((GDestroyNotify)vmcChannelFree);
    g_autofree char *record = NULL;
    g_autofree char *xml = NULL;
    g_autofree char *ours = NULL;
    g_autofree char *stock = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        g_ptr_array_add(channels, vmcQemuChannelParse(values[i]));
    record = vmcRecordFormat(channels);
    /* As libvirt keeps it: in the namespace, which it was told beside. */
    xml = g_strdup_printf(STOCK_LIVE("  <metadata><channels xmlns='urn:vmchannel:live'>%s"
                                     "</metadata>\n"), strchr(record, '>') + 1);
    ours = vmcDomainRewriteReverse(xml, &options);
    stock = vmcRewriteText(vmcDomainRewriteForward(ours, &options));
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GString) escaped = g_string_new(NULL);

        vmcXmlEscape(escaped, values[i], false);
        g_assert_nonnull(strstr(stock, escaped->str));
    }
}

/* What the relay says goes before the record and the command line. */
static void
testLive(void)
{
    g_autoptr(GPtrArray) live = g_ptr_array_new_with_free_func(vmcLiveChannelFree);
    const vmcRewriteOptions asked = { .emulatorDir = DIR, .live = live };
    vmcLiveChannel *pty = g_new0(vmcLiveChannel, 1);
    vmcLiveChannel *named = g_new0(vmcLiveChannel, 1);
    g_autofree char *ours = NULL;
    g_autofree char *stock = NULL;

    pty->channel = vmcQemuChannelParse("601:pty");
    pty->connected = true;
    pty->path = g_strdup("/dev/pts/7");
    named->channel = vmcQemuChannelParse("10.0.2.3:602:null,id=ua-x");
    g_ptr_array_add(live, pty);
    g_ptr_array_add(live, named);
    ours = vmcDomainRewriteReverse(records[1].stock, &asked);
    g_assert_cmpstr(ours, ==, OURS_LIVE("",
        "    <vmchannel type='pty'>\n"
        "      <source path='/dev/pts/7'/>\n"
        "      <target port='601' state='connected'/>\n"
        "      <alias name='vmchannel-10.0.2.4-601'/>\n"
        "    </vmchannel>\n"
        "    <vmchannel type='null'>\n"
        "      <target address='10.0.2.3' port='602' state='disconnected'/>\n"
        "      <alias name='ua-x'/>\n"
        "    </vmchannel>\n"));
    /* Given back, what is only so while it runs is ignored. */
    stock = vmcRewriteText(vmcDomainRewriteForward(ours, &options));
    g_assert_nonnull(strstr(stock, "value='601:pty'"));
    g_assert_nonnull(strstr(stock, "value='10.0.2.3:602:null,id=ua-x'"));
}

static void
testRunning(void)
{
    static const char *const others[] = {
        "", "<domain", "<network id='3'><uuid>x</uuid></network>", "<domain type='qemu' id='3'/>",
        "<domain type='qemu'><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid></domain>",
    };
    g_autofree char *uuid = NULL;

    g_assert_true(vmcDomainIsRunning(STOCK_LIVE(""), &uuid));
    g_assert_cmpstr(uuid, ==, "6695eb01-f6a4-8304-79aa-97f2502e193f");
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(vmcDomainIsRunning(others[i], &uuid));
}

/* Both forms name the same QEMU. */
static void
testEmulatorOf(void)
{
    static const struct { const char *xml; const char *qemu; } cases[] = {
        { "<domain><devices><emulator> /opt/q </emulator></devices></domain>", "/opt/q" },
        { "<domain><devices><emulator>" DIR "/opt/q</emulator></devices></domain>", "/opt/q" },
        { "<domain><devices><emulator/></devices></domain>", NULL },
        { "<domain><devices/></domain>", NULL },
        { "<network/>", NULL },
        { "<domain", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *qemu = vmcEmulatorOf(cases[i].xml, &options);

        g_assert_cmpstr(qemu, ==, cases[i].qemu);
    }
}

/* libvirt's words in some language, about a file that is an emulator file or is not. */
static void
testEmulatorInError(void)
{
    static const struct { int code; const char *message; const char *qemu; } cases[] = {
        { VIR_ERR_SYSTEM_ERROR,
          "Cannot check QEMU binary " DIR "/opt/q: No such file or directory", "/opt/q" },
        { VIR_ERR_SYSTEM_ERROR, "Cannot check '" DIR "/opt/a q': Nicht gefunden", "/opt/a q" },
        { VIR_ERR_SYSTEM_ERROR, DIR "/opt/q", "/opt/q" },
        { VIR_ERR_SYSTEM_ERROR, "Cannot check QEMU binary /opt/q: No such file", NULL },
        { VIR_ERR_SYSTEM_ERROR, "Cannot check QEMU binary " DIR ": No such file", NULL },
        { VIR_ERR_SYSTEM_ERROR, "", NULL },
        { VIR_ERR_INTERNAL_ERROR, "QEMU said: " DIR "/opt/q: bad option", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *qemu = vmcEmulatorInError(cases[i].code, cases[i].message, DIR);

        g_assert_cmpstr(qemu, ==, cases[i].qemu);
    }
}

/* What is said can be given to a shell. */
static void
testEmulatorMissing(void)
{
    g_autofree char *plain = vmcEmulatorRemedy("/opt/q");
    g_autofree char *quoted = vmcEmulatorRemedy("/opt/a q");

    g_assert_true(g_str_has_suffix(plain, "/update-emulators /opt/q"));
    g_assert_true(g_str_has_suffix(quoted, "/update-emulators '/opt/a q'"));
    vmcEmulatorReportMissing("/opt/q", true);
    g_assert_nonnull(strstr(vmcErrorLast()->message, plain));
    vmcEmulatorReportMissing("/opt/q", false);
    g_assert_nonnull(strstr(vmcErrorLast()->message, "'/opt/q' in <emulator> is not on this host"));
}

/* A document whose elements are not those of the bytes is refused, not edited. */
static void
testOtherDocument(void)
{
    static const char *const others[] = {
        "<a/>", "<a><b/><c/></a>", "<a><c/></a>", "<a><x:b xmlns:x='urn:x'/></a>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(xmlDoc) doc = vmcXmlParse("<a><b/></a>");

        g_assert_null(vmcXmlEditNew(others[i], doc));
        g_assert_cmpstr(vmcErrorLast()->message, ==,
                        "internal error: the document's elements cannot be located");
        vmcErrorReset();
    }
}

/* What is said of a document without parsing it: never no where it is yes. */
static void
testMention(void)
{
    static const struct {
        const char *xml;
        bool id;
    } cases[] = {
        { "<domain type='kvm'><name>id</name></domain>", false },
        { "<domain type='kvm' id='1'/>", true },
        { "<domain\nid='1'/>", true },
        { "<domain type='a>b' id='1'/>", true },
        { "<domain type=\"it's\" id='1'/>", true },
        { "<domain type=' id'></domain>", false },
        { "<domain type=\" id\"></domain>", false },
        { "<domain typeid='1'></domain>", false },
        { "<?xml version='1.0'?><domain type='kvm'/>", true },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].xml);
        g_assert_cmpint(vmcMentionId(cases[i].xml), ==, cases[i].id);
    }
    g_assert_true(vmcMentionRecord("<metadata><a xmlns='" VMC_RECORD_URI "'/></metadata>"));
    g_assert_false(vmcMentionRecord("<metadata/>"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rewrite/foreign-reverse", testForeignReverse);
    g_test_add_func("/rewrite/network-without-nic", testNetworkWithoutNic);
    g_test_add_func("/rewrite/without-nic", testWithoutNic);
    g_test_add_func("/rewrite/emulator", testEmulator);
    g_test_add_func("/rewrite/emulator/guessed", testEmulatorGuessed);
    g_test_add_func("/rewrite/emulator-spelling", testEmulatorSpelling);
    g_test_add_func("/rewrite/emulator-hidden", testEmulatorHidden);
    g_test_add_func("/rewrite/elsewhere", testElsewhere);
    g_test_add_func("/rewrite/hidden", testHidden);
    g_test_add_func("/rewrite/beside-passt", testBesidePasst);
    g_test_add_func("/rewrite/prefix-taken", testPrefixTaken);
    g_test_add_func("/rewrite/into-empty", testIntoEmpty);
    g_test_add_func("/rewrite/lookalikes", testLookalikes);
    g_test_add_func("/rewrite/comment-kept", testCommentKept);
    g_test_add_func("/rewrite/record", testRecord);
    g_test_add_func("/rewrite/record-round-trip", testRecordRoundTrip);
    g_test_add_func("/rewrite/live", testLive);
    g_test_add_func("/rewrite/running", testRunning);
    g_test_add_func("/rewrite/state", testState);
    g_test_add_func("/rewrite/hostile", testHostile);
    g_test_add_func("/rewrite/large", testLarge);
    g_test_add_func("/rewrite/damaged", testDamaged);
    g_test_add_func("/rewrite/other-document", testOtherDocument);
    g_test_add_func("/rewrite/mention", testMention);
    g_test_add_func("/emulator/of", testEmulatorOf);
    g_test_add_func("/emulator/in-error", testEmulatorInError);
    g_test_add_func("/emulator/missing", testEmulatorMissing);
    return g_test_run();
}
