/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices and the rules of a domain, as XML. */
#include <config.h>

#include <string.h>

#include "conf/domain_conf.h"
#include "conf/domain_validate.h"
#include "conf/xml.h"
#include "tests/lib/xmlwords.h"
#include "util/error.h"

/* Read and written again, each is the same to the byte. */
static const char *const devices[] = {
    "<serial type='pty'/>",
    "<serial type='pty'>\n"
    "  <source path='/dev/pts/3'/>\n"
    "  <target type='isa-serial' port='0'>\n"
    "    <model name='isa-serial'/>\n"
    "  </target>\n"
    "  <alias name='serial0'/>\n"
    "</serial>",
    "<console type='pty' tty='/dev/pts/3'>\n  <source path='/dev/pts/3'/>\n</console>",
    "<console tty='/dev/pts/5'/>",
    "<parallel type='dev'>\n  <source path='/dev/parport0'/>\n  <target port='0'/>\n</parallel>",
    "<serial type='file'>\n"
    "  <source path='/tmp/a&amp;b&lt;&apos;' append='on'>\n"
    "    <seclabel model='dac' relabel='no'/>\n"
    "    <seclabel model='selinux'>\n"
    "      <label>system_u:object_r:x</label>\n"
    "    </seclabel>\n"
    "  </source>\n"
    "  <log file='/var/log/x' append='off'/>\n"
    "  <target port='0'/>\n"
    "</serial>",
    "<channel type='unix'>\n"
    "  <source mode='bind' path='/p'>\n"
    "    <reconnect enabled='yes' timeout='20'/>\n"
    "  </source>\n"
    "  <target type='virtio' name='org.x' state='connected'/>\n"
    "  <address type='virtio-serial' controller='0' bus='0' port='1'/>\n"
    "</channel>",
    "<channel type='tcp'>\n"
    "  <source mode='connect' host='h' service='1' tls='yes'/>\n"
    "  <protocol type='raw'/>\n"
    "  <target type='guestfwd' address='10.0.2.1' port='600'/>\n"
    "</channel>",
    "<serial type='udp'>\n"
    "  <source mode='bind' host='b' service='1'/>\n"
    "  <source mode='connect' host='c' service='2'/>\n"
    "  <target port='0'/>\n"
    "</serial>",
    "<channel type='nmdm'>\n  <source master='/dev/nmdm0A' slave='/dev/nmdm0B'/>\n</channel>",
    "<channel type='spiceport'>\n  <source channel='org.x'/>\n</channel>",
    "<channel type='dbus'>\n  <source channel='org.x'/>\n</channel>",
    "<channel type='qemu-vdagent'>\n"
    "  <source>\n    <clipboard copypaste='yes'/>\n    <mouse mode='client'/>\n  </source>\n"
    "  <target type='virtio' name='com.redhat.spice.0'/>\n"
    "</channel>",
    "<vmchannel type='null'>\n  <target port='1'/>\n  <acme a='1' xmlns='urn:x'/>\n</vmchannel>",
    "<vmchannel type='stdio'>\n  <!-- why -->\n  <target port='1'/>\n</vmchannel>",
    "<serial type='null'>\n  <label>a<b/>c &gt; d</label>\n</serial>",
};

static xmlNodePtr
rootOf(const char *xml, xmlDocPtr *doc)
{
    *doc = vmcXmlParse(xml);
    g_assert_cmpstr(vmcErrorLast()->message, ==, "");
    g_assert_nonnull(*doc);
    return xmlDocGetRootElement(*doc);
}

static void
testDevices(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(vmcChrDef) def = vmcChrDefParse(rootOf(devices[i], &doc));
        g_autoptr(vmcChrDef) copy = NULL;
        g_autofree char *formatted = NULL;

        g_assert_nonnull(def);
        copy = vmcChrDefCopy(def);
        formatted = vmcChrDefFormat(copy, "", false);
        g_assert_cmpstr(formatted, ==, devices[i]);
        g_assert_true(vmcChrDefEqual(def, copy));
        g_free(copy->targetName);
        copy->targetName = g_strdup("another");
        g_assert_false(vmcChrDefEqual(def, copy));
    }
    vmcChrDefFree(NULL);
}

/* Channels that come out of a struct as they went in. */
static const char *const channels[] = {
    "<vmchannel type='unix'>\n"
    "  <source mode='connect' path='/run/agent.sock'/>\n"
    "  <target port='600'/>\n"
    "  <alias name='ua-agent'/>\n"
    "</vmchannel>",
    "<vmchannel type='unix'>\n  <source mode='bind'/>\n  <target port='600'/>\n</vmchannel>",
    "<vmchannel type='null'>\n  <target address='10.0.2.1' port='1'/>\n</vmchannel>",
    "<vmchannel type='file'>\n"
    "  <source path='/l' append='on'/>\n"
    "  <log file='/m' append='off'/>\n"
    "  <target port='1'/>\n"
    "</vmchannel>",
    "<vmchannel type='udp'>\n"
    "  <source mode='bind' host='b' service='1'/>\n"
    "  <source mode='connect' host='c' service='2'/>\n"
    "  <target port='1'/>\n"
    "</vmchannel>",
    "<vmchannel type='tcp'>\n"
    "  <source mode='bind' host='::1' service='1'/>\n"
    "  <protocol type='telnet'/>\n"
    "  <target port='1'/>\n"
    "</vmchannel>",
    "<channel type='pty'>\n"
    "  <target type='guestfwd' address='10.0.2.4' port='600'/>\n"
    "</channel>",
};

static void
testChannels(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(channels); i++) {
        g_autoptr(xmlDoc) doc = NULL;
        xmlNodePtr root = rootOf(channels[i], &doc);
        g_autoptr(vmcChrDef) def = vmcChrDefParse(root);
        g_autoptr(vmcChannel) channel = vmcChannelFromChrDef(def);
        g_autoptr(vmcChrDef) back = NULL;
        g_autofree char *formatted = NULL;

        g_assert_cmpstr(vmcErrorLast()->message, ==, "");
        g_assert_nonnull(channel);
        g_assert_true(vmcXmlIsChannel(root));
        back = vmcChrDefFromChannel(channel);
        formatted = vmcChrDefFormat(back, "", false);
        g_assert_cmpstr(formatted, ==, channels[i]);
    }
}

/* What people's guestfwd channels have that asks for nothing, and so is left out. */
static void
testIdle(void)
{
    static const struct {
        const char *type;
        const char *source;
        const char *left;       /* NULL: it asks for something, and is refused */
    } cases[] = {
        { "unix", "<source mode='connect' path='/p'><reconnect enabled='no'/></source>",
          "  <source mode='connect' path='/p'/>\n" },
        { "unix", "<source mode='connect' path='/p'><reconnect enabled='yes'/></source>", NULL },
        { "unix", "<source mode='connect' path='/p'><seclabel model='dac' relabel='no'/></source>",
          "  <source mode='connect' path='/p'/>\n" },
        { "unix", "<source mode='connect' path='/p'><seclabel relabel='yes'/></source>", NULL },
        { "unix", "<source mode='connect' path='/p'/><protocol type='raw'/>",
          "  <source mode='connect' path='/p'/>\n" },
        { "tcp", "<source mode='connect' host='h' service='1' tls='no'/>",
          "  <source mode='connect' host='h' service='1'/>\n  <protocol type='raw'/>\n" },
        { "tcp", "<source mode='connect' host='h' service='1' tls='yes'/>", NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *xml = g_strdup_printf(
            "<channel type='%s'>%s<target type='guestfwd' address='10.0.2.4' port='1'/></channel>",
            cases[i].type, cases[i].source);
        g_autofree char *left = g_strdup_printf(
            "<channel type='%s'>\n%s  <target type='guestfwd' address='10.0.2.4' port='1'/>\n"
            "</channel>", cases[i].type, cases[i].left);
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(vmcChrDef) def = vmcChrDefParse(rootOf(xml, &doc));
        g_autoptr(vmcChannel) channel = vmcChannelFromChrDef(def);
        g_autoptr(vmcChrDef) back = NULL;
        g_autofree char *formatted = NULL;
        bool accepted = channel && vmcChannelValidate(channel) == 0;

        g_test_message("%s", xml);
        g_assert_cmpint(accepted, ==, cases[i].left != NULL);
        vmcErrorReset();
        if (!accepted)
            continue;
        back = vmcChrDefFromChannel(channel);
        formatted = vmcChrDefFormat(back, "", false);
        g_assert_cmpstr(formatted, ==, left);
    }
}

static const struct {
    const char *xml;
    const char *error;
} refusals[] = {
    { "<disk/>", "XML error: <disk> is no character device" },
    { "<x:serial xmlns:x='urn:x'/>", "XML error: <serial> is no character device" },
    { "<vmchannel><target port='1'/></vmchannel>",
      "XML error: missing 'type' attribute in <vmchannel>" },
    { "<vmchannel type='pipes'/>",
      "XML error: invalid 'type' attribute 'pipes' in <vmchannel>: expected 'null', 'vc', 'pty', "
      "'dev', 'file', 'pipe', 'stdio', 'udp', 'tcp', 'unix', 'spicevmc', 'spiceport', 'nmdm', "
      "'qemu-vdagent' or 'dbus'" },
    { "<vmchannel type='unix'><source mode='listen' path='/p'/></vmchannel>",
      "XML error: invalid 'mode' attribute 'listen' in <source> of <vmchannel type='unix'>: "
      "expected 'connect' or 'bind'" },
    { "<vmchannel type='null'/>", "XML error: missing 'port' attribute in <target> of <vmchannel>" },
    { "<vmchannel type='null'><target port='6oo'/></vmchannel>",
      "XML error: invalid 'port' attribute '6oo' in <target> of <vmchannel>: "
      "expected a number from 1 to 65535" },
    { "<vmchannel type='null' tty='/x'><target port='1'/></vmchannel>",
      "unsupported configuration: attribute 'tty' in <vmchannel> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null' managed='no'><target port='1'/></vmchannel>",
      "unsupported configuration: attribute 'managed' in <vmchannel> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null'><target port='1' name='x'/></vmchannel>",
      "unsupported configuration: attribute 'name' in <target> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null'><target type='guestfwd' port='1'/></vmchannel>",
      "unsupported configuration: attribute 'type' in <target> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null'><target port='1' slot='2'/></vmchannel>",
      "unsupported configuration: attribute 'slot' in <target> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null'><source path='/p'/><target port='1'/></vmchannel>",
      "unsupported configuration: attribute 'path' in <source> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='null'><address type='pci'/><target port='1'/></vmchannel>",
      "unsupported configuration: element 'address' in <vmchannel> of <vmchannel type='null'>: "
      "a channel cannot have it" },
    { "<vmchannel type='file'><source path='/p'><seclabel relabel='no'/></source>"
      "<target port='1'/></vmchannel>",
      "unsupported configuration: element 'seclabel' in <source> of <vmchannel type='file'>: "
      "a channel cannot have it" },
    { "<vmchannel type='file'><source path='/p'/><source path='/q'/><target port='1'/></vmchannel>",
      "unsupported configuration: element 'source' in <vmchannel> of <vmchannel type='file'>: "
      "a channel cannot have it" },
    { "<vmchannel type='udp'><source mode='x' service='1'/><source service='1'/>"
      "<target port='1'/></vmchannel>",
      "unsupported configuration: element 'source' in <vmchannel> of <vmchannel type='udp'>: "
      "a channel cannot have it" },
    { "<channel type='null'><target type='guestfwd' address='10.0.2.4'/></channel>",
      "XML error: missing 'port' attribute in <target> of <channel>" },
};

static void
testRefusals(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(vmcChrDef) def = vmcChrDefParse(rootOf(refusals[i].xml, &doc));
        g_autoptr(vmcChannel) channel = def ? vmcChannelFromChrDef(def) : NULL;

        g_assert_null(channel);
        g_assert_cmpstr(vmcErrorLast()->message, ==, refusals[i].error);
        vmcErrorReset();
    }
}

/* The devices of a domain, and what is wrong with them; NULL: nothing. */
static const struct {
    const char *devices;
    const char *error;
} domains[] = {
    { "<vmchannel type='null'><target port='1'/></vmchannel>"
      "<vmchannel type='null'><target port='2'/></vmchannel>"
      "<vmchannel type='null'><target address='10.0.2.1' port='1'/></vmchannel>", NULL },
    { "<vmchannel type='null'><target port='1'/></vmchannel>"
      "<channel type='pty'><target type='guestfwd' address='10.0.2.4' port='1'/></channel>",
      "XML error: <vmchannel type='null'> and <channel type='pty'> both have target "
      "address '10.0.2.4' port '1'" },
    { "<vmchannel type='unix'><source mode='bind' path='/p'/><target port='1'/></vmchannel>"
      "<vmchannel type='unix'><source mode='bind' path='/p'/><target port='2'/></vmchannel>",
      "XML error: <vmchannel> 10.0.2.4:1 and <vmchannel> 10.0.2.4:2 both bind unix path '/p'" },
    { "<vmchannel type='unix'><source mode='connect' path='/p'/><target port='1'/></vmchannel>"
      "<vmchannel type='unix'><source mode='connect' path='/p'/><target port='2'/></vmchannel>",
      NULL },
    { "<vmchannel type='tcp'><source mode='bind' host='h' service='1'/><target port='1'/></vmchannel>"
      "<serial type='tcp'><source mode='bind' host='h' service='1'/></serial>",
      "XML error: <serial type='tcp'> and <vmchannel> 10.0.2.4:1 both bind "
      "tcp address 'h' port '1'" },
    { "<vmchannel type='udp'><source service='1'/><source mode='bind' service='9'/>"
      "<target port='1'/></vmchannel>"
      "<vmchannel type='udp'><source service='1'/><source mode='bind' service='9'/>"
      "<target port='2'/></vmchannel>",
      "XML error: <vmchannel> 10.0.2.4:1 and <vmchannel> 10.0.2.4:2 both bind "
      "udp address '' port '9'" },
    { "<vmchannel type='null'><target port='1'/><alias name='ua-a'/></vmchannel>"
      "<vmchannel type='null'><target port='2'/><alias name='ua-a'/></vmchannel>",
      "XML error: <vmchannel> 10.0.2.4:1 and <vmchannel> 10.0.2.4:2 both have alias 'ua-a'" },
    { "<vmchannel type='null'><target port='1'/><alias name='channel0'/></vmchannel>"
      "<vmchannel type='null'><target port='2'/><alias name='channel0'/></vmchannel>", NULL },
    { "<vmchannel type='null'><target port='3'/></vmchannel>"
      "<serial type='unix'><source mode='bind' path='/p'/></serial>"
      "<serial type='unix'><source mode='bind' path='/p'/></serial>", NULL },
    { "<vmchannel type='null'><target address='10.0.2.5' port='1'/></vmchannel>",
      "unsupported configuration: 'address' attribute '10.0.2.5' in <target> of <vmchannel>: "
      "expected 10.0.2.1 to 10.0.2.4" },
    { "<interface type='user'/><vmchannel type='null'><target address='10.0.2.3' port='1'/>"
      "</vmchannel>",
      "unsupported configuration: 'address' attribute '10.0.2.3' in <target> of <vmchannel>: "
      "expected 10.0.2.4, since the domain has a user-mode NIC on the same network" },
    { "<interface type='vmchannel'/><interface type='vmchannel'/>",
      "unsupported configuration: 2 <interface type='vmchannel'> elements: a domain can have one" },
    { "<interface type='user'><ip address='10.0.0.0'/></interface>"
      "<vmchannel type='null'><target address='10.0.2.3' port='1'/></vmchannel>",
      "unsupported configuration: 'address' attribute '10.0.2.3' in <target> of <vmchannel>: "
      "expected 10.0.2.4, since the domain has a user-mode NIC on the same network" },
    { "<interface type='user'><ip family='ipv6' address='fd00::'/><ip address='10.0.3.0' prefix='24'/>"
      "</interface><vmchannel type='null'><target address='10.0.2.3' port='1'/></vmchannel>", NULL },
    { "<interface type='vmchannel'><ip address='10.0.2.5'/></interface>",
      "XML error: invalid 'address' and 'prefix' attributes '10.0.2.5/' in <ip> of "
      "<interface type='vmchannel'>: expected the guest's IPv4 address, and a prefix from 8 to 31" },
    { "<interface type='vmchannel'><dhcp enabled='no'/></interface>"
      "<vmchannel type='null'><target port='600'/></vmchannel>", NULL },
    { "<interface type='vmchannel'><dhcp enabled='no'/><dhcp enabled='yes'/></interface>",
      "unsupported configuration: a second <dhcp> in <interface type='vmchannel'>: it can have "
      "one" },
    { "<interface type='vmchannel'><dhcp/></interface>",
      "XML error: invalid 'enabled' attribute '' in <dhcp> of <interface type='vmchannel'>: "
      "expected 'yes' or 'no'" },
    { "<interface type='vmchannel'><source port='600'/><target path='/p'/></interface>"
      "<vmchannel type='null'><target port='600'/></vmchannel>",
      "XML error: <vmchannel type='unix'> and <vmchannel type='null'> both have target "
      "address '10.0.2.4' port '600'" },
    { "<interface type='vmchannel'><source port='600'/></interface>",
      "XML error: missing 'path' attribute in <target> of <interface type='vmchannel'>" },
    { "<interface type='vmchannel'><target path='/p'/></interface>",
      "XML error: missing 'port' attribute in <source> of <interface type='vmchannel'>" },
    { "<interface type='vmchannel'><source port='x'/><target path='/p'/></interface>",
      "XML error: invalid 'port' attribute 'x' in <source> of <interface type='vmchannel'>: "
      "expected a number from 1 to 65535" },
    { "<interface type='vmchannel'><source bridge='br0'/></interface>",
      "unsupported configuration: attribute 'bridge' in <source> of <interface type='vmchannel'>: "
      "it can have <source port=/> and <target path=/>" },
    { "<serial type='nonsense'/><vmchannel type='null'><target port='1'/></vmchannel>", NULL },
};

static void
testDomains(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain type='kvm'><devices>%s</devices></domain>",
                            domains[i].devices);
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(vmcDomainDef) def = vmcDomainDefParse(rootOf(xml, &doc));
        int valid = def ? vmcDomainDefValidate(def) : -1;

        g_assert_cmpint(valid, ==, domains[i].error ? -1 : 0);
        g_assert_cmpstr(vmcErrorLast()->message, ==, domains[i].error ? domains[i].error : "");
        vmcErrorReset();
    }
    vmcDomainDefFree(NULL);
}

static void
testHypervisor(void)
{
    static const char *const ours[] = {
        "<vmchannel type='null'/>", "<interface type='vmchannel'/>",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        g_autofree char *xml =
            g_strdup_printf("<domain type='xen'><devices>%s</devices></domain>", ours[i]);
        g_autoptr(xmlDoc) doc = NULL;

        g_assert_null(vmcDomainDefParse(rootOf(xml, &doc)));
        g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_CONFIG_UNSUPPORTED);
        g_assert_nonnull(strstr(vmcErrorLast()->message, "in <domain type='xen'>: channels need "
                                "a domain of type 'qemu' or 'kvm'"));
        vmcErrorReset();
    }
    {
        g_autoptr(xmlDoc) doc = NULL;
        g_autoptr(vmcDomainDef) def = vmcDomainDefParse(
            rootOf("<domain type='xen'><devices><channel type='x'>"
                   "<target type='guestfwd'/></channel></devices></domain>", &doc));

        g_assert_false(vmcDomainDefHasChannels(def));
    }
}

static char *
repeated(const char *unit, size_t times)
{
    GString *out = g_string_new(NULL);

    while (times-- > 0)
        g_string_append(out, unit);
    return g_string_free(out, FALSE);
}

static void
testHostile(void)
{
    g_autofree char *deep = repeated("<a>", 300);
    g_autofree char *huge = repeated(" ", VMC_XML_MAX + 1);
    const struct {
        const char *xml;
        const char *error;      /* begins so */
    } documents[] = {
        { "", "XML error: line " },
        { "<a>", "XML error: line 1: " },
        { "<a>&x;</a>", "XML error: line 1: Entity 'x' not defined" },
        { "<a b='1' b='2'/>", "XML error: line 1: Attribute b redefined" },
        { "<a>\xff\xfe</a>", "XML error: line 1: " },
        { "<!DOCTYPE a [\n<!ENTITY x 'y'>]>\n<a>&x;</a>",
          "XML error: line 1: a domain document cannot have a document type declaration" },
        { "<!DOCTYPE a SYSTEM '/etc/passwd'>\n<a/>",
          "XML error: line 1: a domain document cannot have a document type declaration" },
        { deep, "XML error: line 1: Excessive depth in document" },
        { huge, "XML error: document is larger than 4194304 bytes" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_assert_null(vmcXmlParse(documents[i].xml));
        if (!g_str_has_prefix(vmcErrorLast()->message, documents[i].error) &&
            !testXmlNewWords(documents[i].xml))
            g_assert_cmpstr(vmcErrorLast()->message, ==, documents[i].error);
        g_assert_null(strchr(vmcErrorLast()->message, '\n'));
    }
    vmcErrorReset();
}

/* An element is what its name and its namespace say, and a text is none. */
static void
testNamespaces(void)
{
    g_autoptr(xmlDoc) doc = NULL;
    xmlNodePtr root = rootOf("<a>text<b/><x:b xmlns:x='urn:x'/></a>", &doc);
    xmlNodePtr text = root->children;
    xmlNodePtr plain = vmcXmlFirst(root);
    xmlNodePtr other = vmcXmlNext(plain);

    g_assert_true(text != plain);
    g_assert_true(vmcXmlIs(plain, "b"));
    g_assert_false(vmcXmlIs(plain, "c"));
    g_assert_false(vmcXmlIsNs(plain, "urn:x", "b"));
    g_assert_true(vmcXmlIsNs(other, "urn:x", "b"));
    g_assert_false(vmcXmlIsNs(other, "urn:y", "b"));
    g_assert_false(vmcXmlIsNs(other, "urn:x", "c"));
    g_assert_false(vmcXmlIs(other, "b"));
    g_assert_false(vmcXmlIs(text, "text"));
    g_assert_true(vmcXmlChild(root, "b") == plain);
    g_assert_null(vmcXmlChild(root, "c"));
    g_assert_null(vmcXmlNext(other));
}

static void
testEscape(void)
{
    GString *out = g_string_new(NULL);

    vmcXmlEscape(out, "a<b>&'\"\n\t\r\xc3\xa9", true);
    g_assert_cmpstr(out->str, ==, "a&lt;b&gt;&amp;&apos;&quot;&#10;&#9;&#13;&#xE9;");
    g_string_truncate(out, 0);
    vmcXmlEscape(out, "\xc3\xa9", false);
    g_assert_cmpstr(out->str, ==, "\xc3\xa9");
    g_string_free(out, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/domain/devices", testDevices);
    g_test_add_func("/conf/domain/channels", testChannels);
    g_test_add_func("/conf/domain/idle", testIdle);
    g_test_add_func("/conf/domain/refusals", testRefusals);
    g_test_add_func("/conf/domain/cross-device", testDomains);
    g_test_add_func("/conf/domain/hypervisor", testHypervisor);
    g_test_add_func("/conf/xml/hostile", testHostile);
    g_test_add_func("/conf/xml/namespaces", testNamespaces);
    g_test_add_func("/conf/xml/escape", testEscape);
    return g_test_run();
}
