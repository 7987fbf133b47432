/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels and their NIC put into a definition and taken out; capabilities with channels. */
#include <config.h>

#include <glib.h>
#include <libvirt/virterror.h>

#include "conf/domain_conf.h"
#include "conf/xml.h"
#include "documents/capabilities.h"
#include "documents/device.h"
#include "util/error.h"

#define NIC(mac, rest) "<interface type='vmchannel'><mac address='" mac "'/>" rest "</interface>"
#define MAC "52:54:00:aa:bb:cc"
#define PATH(path) "<source mode='connect' path='" path "'/>"
#define CHANNEL(source, port) "<vmchannel type='unix'>" source "<target port='" port "'/></vmchannel>"
#define ALIAS(port, alias) \
    "<vmchannel type='null'><target port='" port "'/><alias name='" alias "'/></vmchannel>"
#define DOMAIN(devices) "<domain type='kvm'><devices>" devices "</devices></domain>"
#define ELSEWHERE \
    "<vmchannel type='unix'>" PATH("/a") "<target address='10.0.2.1' port='600'/></vmchannel>"

static void
testIs(void)
{
    static const struct {
        const char *xml;
        bool channel;
        bool nic;
    } cases[] = {
        { CHANNEL(PATH("/a"), "600"), true, false },
        { "<channel type='pty'><target type='guestfwd' address='10.0.2.4' port='1'/></channel>",
          true, false },
        { "<channel type='pty'><target type='virtio' name='vmchannel'/></channel>", false, false },
        { NIC(MAC, ""), false, true },
        { "<interface type='user'><target dev='vmchannel'/></interface>", false, false },
        { "<vmchannel", false, false },
        { "", false, false },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(vmcDeviceIsChannel(cases[i].xml), ==, cases[i].channel);
        g_assert_cmpint(vmcDeviceIsNic(cases[i].xml), ==, cases[i].nic);
        g_assert_cmpstr(vmcErrorLast()->message, ==, "");
    }
}

/* vmcDeviceDetachAlias takes an alias in place of a device. */
static const struct {
    const char *name;
    char *(*change)(const char *domain, const char *device);
    const char *domain;
    const char *device;
    const char *changed;        /* as libxml2 writes it, without its first line; NULL: refused */
    const char *error;
    int code;
} changes[] = {
    { "attach", vmcDeviceAttach, DOMAIN(CHANNEL(PATH("/a"), "600")), CHANNEL(PATH("/b"), "601"),
      DOMAIN(CHANNEL(PATH("/a"), "600") CHANNEL(PATH("/b"), "601")), NULL, 0 },
    { "attach/no-devices", vmcDeviceAttach, "<domain type='kvm'/>", CHANNEL(PATH("/b"), "601"),
      NULL, "XML error: no <devices> in the domain's definition", VIR_ERR_XML_ERROR },
    { "attach/no-domain", vmcDeviceAttach, "<domain", CHANNEL(PATH("/b"), "601"), NULL,
      "XML error: line 1: ", VIR_ERR_XML_DETAIL },
    { "attach/no-device", vmcDeviceAttach, DOMAIN(""), "<vmchannel", NULL,
      "XML error: line 1: ", VIR_ERR_XML_DETAIL },
    { "attach/wrong-channel-there", vmcDeviceAttach, DOMAIN("<vmchannel type='pipes'/>"),
      CHANNEL(PATH("/b"), "601"), NULL, "XML error: invalid 'type' attribute 'pipes'",
      VIR_ERR_XML_ERROR },

    { "detach", vmcDeviceDetach,
      DOMAIN(ELSEWHERE CHANNEL(PATH("/a"), "600") CHANNEL(PATH("/a"), "601")),
      CHANNEL(PATH("/a"), "600"), DOMAIN(ELSEWHERE CHANNEL(PATH("/a"), "601")), NULL, 0 },
    { "detach/other-source", vmcDeviceDetach, DOMAIN(CHANNEL(PATH("/a"), "600")),
      CHANNEL(PATH("/b"), "600"), NULL,
      "device not found: no vmchannel at 10.0.2.4:600 with this source", VIR_ERR_DEVICE_MISSING },
    { "detach/other-port", vmcDeviceDetach, DOMAIN(CHANNEL(PATH("/a"), "600")),
      CHANNEL(PATH("/a"), "601"), NULL,
      "device not found: no vmchannel at 10.0.2.4:601 with this source", VIR_ERR_DEVICE_MISSING },
    { "detach/other-address", vmcDeviceDetach, DOMAIN(CHANNEL(PATH("/a"), "600")), ELSEWHERE, NULL,
      "device not found: no vmchannel at 10.0.2.1:600 with this source", VIR_ERR_DEVICE_MISSING },
    { "detach/no-channel", vmcDeviceDetach, DOMAIN(CHANNEL(PATH("/a"), "600")),
      "<vmchannel type='null'/>", NULL, "XML error: missing 'port' attribute", VIR_ERR_XML_ERROR },
    { "detach/nic", vmcDeviceDetach, DOMAIN(NIC(MAC, "")), "<interface type='vmchannel'/>",
      DOMAIN(""), NULL, 0 },
    { "detach/nic-of-this-mac", vmcDeviceDetach, DOMAIN(NIC(MAC, "")), NIC("52:54:00:AA:BB:CC", ""),
      DOMAIN(""), NULL, 0 },
    { "detach/nic-of-other-mac", vmcDeviceDetach, DOMAIN(NIC(MAC, "")), NIC("52:54:00:00:00:01", ""),
      NULL, "device not found: no <interface type='vmchannel'> with MAC address '52:54:00:00:00:01'",
      VIR_ERR_DEVICE_MISSING },
    { "detach/nic-without-mac", vmcDeviceDetach, DOMAIN("<interface type='vmchannel'/>"),
      NIC(MAC, ""), NULL,
      "device not found: no <interface type='vmchannel'> with MAC address '" MAC "'",
      VIR_ERR_DEVICE_MISSING },
    { "detach/no-nic", vmcDeviceDetach, DOMAIN(""), "<interface type='vmchannel'/>", NULL,
      "device not found: no <interface type='vmchannel'> with MAC address 'any'",
      VIR_ERR_DEVICE_MISSING },
    { "detach/nic-with-channels", vmcDeviceDetach,
      DOMAIN(NIC(MAC, "") CHANNEL(PATH("/a"), "600") CHANNEL(PATH("/a"), "601")), NIC(MAC, ""),
      NULL, "Requested operation is not valid: <interface type='vmchannel'> carries 2 channels: "
      "detach them first", VIR_ERR_OPERATION_INVALID },

    { "update", vmcDeviceUpdate, DOMAIN(CHANNEL(PATH("/a"), "600") CHANNEL(PATH("/a"), "601")),
      CHANNEL(PATH("/b"), "600"), DOMAIN(CHANNEL(PATH("/a"), "601") CHANNEL(PATH("/b"), "600")),
      NULL, 0 },
    { "update/missing", vmcDeviceUpdate, DOMAIN(CHANNEL(PATH("/a"), "600")),
      CHANNEL(PATH("/b"), "601"), NULL, "device not found: no vmchannel at 10.0.2.4:601",
      VIR_ERR_DEVICE_MISSING },
    { "update/nic-keeps-what-the-guest-knows", vmcDeviceUpdate,
      DOMAIN(NIC(MAC, "<address type='pci' slot='0x05'/>")),
      "<interface type='vmchannel'><model type='e1000'/></interface>",
      DOMAIN("<interface type='vmchannel'><model type='e1000'/><mac address='" MAC "'/>"
             "<address type='pci' slot='0x05'/></interface>"), NULL, 0 },
    { "update/nic-says-its-place", vmcDeviceUpdate,
      DOMAIN(NIC(MAC, "<address type='pci' slot='0x05'/>")),
      NIC(MAC, "<address type='pci' slot='0x06'/>"),
      DOMAIN(NIC(MAC, "<address type='pci' slot='0x06'/>")), NULL, 0 },
    { "update/nothing-to-keep", vmcDeviceUpdate, DOMAIN("<interface type='vmchannel'/>"),
      "<interface type='vmchannel'><model type='e1000'/></interface>",
      DOMAIN("<interface type='vmchannel'><model type='e1000'/></interface>"), NULL, 0 },

    { "alias", vmcDeviceDetachAlias, DOMAIN(ALIAS("600", "ua-a") ALIAS("601", "ua-b")), "ua-b",
      DOMAIN(ALIAS("600", "ua-a")), NULL, 0 },
    { "alias/made", vmcDeviceDetachAlias, DOMAIN(ALIAS("600", "ua-a") CHANNEL(PATH("/a"), "601")),
      "vmchannel-10.0.2.4-601", DOMAIN(ALIAS("600", "ua-a")), NULL, 0 },
    { "alias/missing", vmcDeviceDetachAlias, DOMAIN(ALIAS("600", "ua-a")), "ua-b", NULL,
      "device not found: no vmchannel device with alias 'ua-b'", VIR_ERR_DEVICE_MISSING },
    { "alias/no-devices", vmcDeviceDetachAlias, "<domain type='kvm'/>", "ua-b", NULL,
      "XML error: no <devices> in the domain's definition", VIR_ERR_XML_ERROR },
};

/* As libxml2 writes it: with its quotes, and empty elements short. */
static char *
normal(const char *xml)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlChar *text = NULL;
    int size;
    char *copy;

    g_assert_nonnull(doc);
    xmlDocDumpMemory(doc, &text, &size);
    copy = g_strdup((const char *)text);
    xmlFree(text);
    return copy;
}

static void
testChange(gconstpointer data)
{
    size_t i = GPOINTER_TO_SIZE(data);
    g_autofree char *changed = changes[i].change(changes[i].domain, changes[i].device);

    if (changes[i].changed) {
        g_autofree char *expected = normal(changes[i].changed);
        g_autofree char *got = NULL;

        g_assert_cmpstr(vmcErrorLast()->message, ==, "");
        got = normal(changed);
        g_assert_cmpstr(got, ==, expected);
    } else {
        g_assert_null(changed);
        g_test_message("%s", vmcErrorLast()->message);
        g_assert_true(g_str_has_prefix(vmcErrorLast()->message, changes[i].error));
        g_assert_cmpint(vmcErrorLast()->code, ==, changes[i].code);
    }
    vmcErrorReset();
}

static void
testChannels(void)
{
    bool hasNic = false;
    g_autoptr(GPtrArray) both = vmcDeviceChannels(DOMAIN(NIC(MAC, "") CHANNEL(PATH("/a"), "600")
                                                         CHANNEL(PATH("/a"), "601")), &hasNic);
    g_autoptr(GPtrArray) none = NULL;

    g_assert_cmpuint(both->len, ==, 2);
    g_assert_cmpuint(((vmcChannel *)both->pdata[1])->port, ==, 601);
    g_assert_true(hasNic);
    none = vmcDeviceChannels(DOMAIN(""), &hasNic);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_false(hasNic);
    g_assert_null(vmcDeviceChannels("<domain type='kvm'/>", &hasNic));
    vmcErrorReset();
}

#define CAPABILITIES(type, end) \
    "<domainCapabilities>\n  <path>/usr/bin/qemu</path>\n  <domain>" type "</domain>\n" \
    "  <devices>\n    <disk supported='yes'/>\n" end

static void
testAnnounce(void)
{
    static const struct {
        const char *capabilities;
        const char *before;     /* what stands there before <vmchannel>; NULL: unchanged */
        const char *after;
    } cases[] = {
        { CAPABILITIES("kvm", "  </devices>\n</domainCapabilities>\n"), CAPABILITIES("kvm", ""),
          "  </devices>\n</domainCapabilities>\n" },
        { CAPABILITIES("qemu", "</devices></domainCapabilities>"), CAPABILITIES("qemu", ""),
          "</devices></domainCapabilities>" },
        { CAPABILITIES("xen", "  </devices>\n</domainCapabilities>\n"), NULL, NULL },
        { "<domainCapabilities><devices></devices></domainCapabilities>", NULL, NULL },
        { "<domainCapabilities><domain>kvm</domain></domainCapabilities>", NULL, NULL },
        { "<capabilities><domain>kvm</domain><devices></devices></capabilities>", NULL, NULL },
        { "<domainCapabilities><devices></devices>", NULL, NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = vmcCapabilitiesAnnounce(cases[i].capabilities);
        g_autofree char *announced =
            !cases[i].before ? g_strdup(cases[i].capabilities)
            : g_strconcat(cases[i].before,
                          "    <vmchannel supported='yes'>\n"
                          "      <enum name='type'>\n"
                          "        <value>null</value>\n        <value>pty</value>\n"
                          "        <value>dev</value>\n        <value>file</value>\n"
                          "        <value>pipe</value>\n        <value>stdio</value>\n"
                          "        <value>udp</value>\n        <value>tcp</value>\n"
                          "        <value>unix</value>\n"
                          "      </enum>\n"
                          "    </vmchannel>\n", cases[i].after, NULL);

        g_assert_cmpstr(said, ==, announced);
    }
    vmcErrorReset();
}

static void
testEmulatorOfCapabilities(void)
{
    g_autofree char *emulator = vmcCapabilitiesEmulator(
        "<domainCapabilities><path> /usr/bin/qemu\n</path></domainCapabilities>");
    static const char *const without[] = {
        "<domainCapabilities/>", "<domainCapabilities><path>qemu</path></domainCapabilities>",
        "<domainCapabilities><path/></domainCapabilities>",
    };

    g_assert_cmpstr(emulator, ==, "/usr/bin/qemu");
    for (size_t i = 0; i < G_N_ELEMENTS(without); i++) {
        g_assert_null(vmcCapabilitiesEmulator(without[i]));
        g_assert_cmpstr(vmcErrorLast()->message, ==,
                        "internal error: no emulator in the domain capabilities");
        vmcErrorReset();
    }
    g_assert_null(vmcCapabilitiesEmulator("<domainCapabilities>"));
    g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_XML_DETAIL);
    vmcErrorReset();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device/is", testIs);
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autofree char *path = g_strconcat("/device/", changes[i].name, NULL);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testChange);
    }
    g_test_add_func("/device/channels", testChannels);
    g_test_add_func("/capabilities/announce", testAnnounce);
    g_test_add_func("/capabilities/emulator", testEmulatorOfCapabilities);
    return g_test_run();
}
