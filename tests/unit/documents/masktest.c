/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest sees of a domain's document: what is named, where it is named, and no more. */
#include <config.h>

#include <glib.h>

#include "documents/domain_mask.h"
#include "util/error.h"

static const char whole[] =
    "<domain type='kvm' id='4' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "  <!-- hidden -->\n"
    "  <name>me</name>\n"
    "  <metadata><vmc:channels xmlns:vmc='urn:x'>hidden</vmc:channels></metadata>\n"
    "  <memory unit='KiB'>1024</memory>\n"
    "  <os><type arch='x86_64' machine='q35'>hvm</type><loader>hidden</loader></os>\n"
    "  <devices>\n"
    "    <emulator>hidden</emulator>\n"
    "    <disk type='file' device='disk'>\n"
    "      <source file='hidden'><seclabel model='hidden'/></source>\n"
    "      <target dev='vda' bus='virtio'/>\n"
    "      <encryption><secret uuid='hidden'/></encryption>\n"
    "    </disk>\n"
    "    <vmchannel type='unix'>\n"
    "      <source mode='connect' path='hidden'/>\n"
    "      <target port='600' address='10.0.2.4'/>\n"
    "      <alias name='ua-a'/>\n"
    "    </vmchannel>\n"
    "    <graphics type='vnc' port='1' passwd='hidden'><listen type='socket' socket='hidden'/>"
    "</graphics>\n"
    "  </devices>\n"
    "  <seclabel type='dynamic'><label>hidden</label></seclabel>\n"
    "  <qemu:commandline><qemu:arg value='hidden'/></qemu:commandline>\n"
    "  <new><name>hidden</name></new>\n"
    "</domain>\n";

static void
testWhole(void)
{
    g_autofree char *masked = vmcDomainMask(whole);

    g_assert_cmpstr(masked, ==,
                    "<domain type='kvm' id='4'>\n"
                    "  <name>me</name>\n"
                    "  <memory unit='KiB'>1024</memory>\n"
                    "  <os>\n"
                    "    <type arch='x86_64' machine='q35'>hvm</type>\n"
                    "  </os>\n"
                    "  <devices>\n"
                    "    <disk type='file' device='disk'>\n"
                    "      <target dev='vda' bus='virtio'/>\n"
                    "    </disk>\n"
                    "    <vmchannel type='unix'>\n"
                    "      <target port='600' address='10.0.2.4'/>\n"
                    "      <alias name='ua-a'/>\n"
                    "    </vmchannel>\n"
                    "    <graphics type='vnc'/>\n"
                    "  </devices>\n"
                    "</domain>\n");
}

/* Each is what stands in <domain>, and what a guest sees of that. */
static const struct {
    const char *name;
    const char *inside;
    const char *seen;
} cases[] = {
    { "name-elsewhere", "<os><name>x</name></os>", "  <os/>\n" },
    { "alias-of-a-device", "<devices><input type='mouse'><alias name='a'/></input></devices>",
      "  <devices>\n    <input type='mouse'>\n      <alias name='a'/>\n    </input>\n"
      "  </devices>\n" },
    { "alias-of-devices", "<devices><alias name='a'/></devices>", "  <devices/>\n" },
    { "alias-of-no-device", "<os><alias name='a'/></os>", "  <os/>\n" },
    { "alias-in-part-of-a-device",
      "<devices><disk><target><alias name='a'/></target></disk></devices>",
      "  <devices>\n    <disk>\n      <target/>\n    </disk>\n  </devices>\n" },
    { "device-elsewhere", "<os><disk type='file'/></os>", "  <os/>\n" },
    { "word-begins-alike", "<devices><disk types='a' typ='b' type='c'/></devices>",
      "  <devices>\n    <disk type='c'/>\n  </devices>\n" },
    { "last-word", "<devices><disk device='disk' evice='b'/></devices>",
      "  <devices>\n    <disk device='disk'/>\n  </devices>\n" },
    { "word-of-text", "<memory hash='#' u='x' unit='KiB'>1</memory>",
      "  <memory unit='KiB'>1</memory>\n" },
    { "other-namespace", "<name xmlns='urn:x'>a</name><x:name xmlns:x='urn:x'>a</x:name>", "" },
    { "attribute-of-another-namespace",
      "<devices><disk xmlns:x='urn:x' x:type='a' type='b'/></devices>",
      "  <devices>\n    <disk type='b'/>\n  </devices>\n" },
    { "text-where-none-belongs", "<os>text<type>hvm</type><![CDATA[text]]></os>",
      "  <os>\n    <type>hvm</type>\n  </os>\n" },
    { "text-in-cdata", "<name><![CDATA[me]]></name>", "  <name>me</name>\n" },
    { "no-text", "<name><?x y?><!-- z -->me</name>", "  <name>me</name>\n" },
};

static void
testCase(gconstpointer data)
{
    size_t i = GPOINTER_TO_SIZE(data);
    g_autofree char *xml = g_strdup_printf("<domain type='kvm'>%s</domain>", cases[i].inside);
    g_autofree char *seen = *cases[i].seen
        ? g_strdup_printf("<domain type='kvm'>\n%s</domain>\n", cases[i].seen)
        : g_strdup("<domain type='kvm'/>\n");
    g_autofree char *masked = vmcDomainMask(xml);

    g_assert_cmpstr(masked, ==, seen);
}

static void
testRefused(void)
{
    g_assert_null(vmcDomainMask("<network/>"));
    g_assert_cmpstr(vmcErrorLast()->message, ==, "XML error: the document is no <domain>");
    vmcErrorReset();
    g_assert_null(vmcDomainMask("<domain>"));
    g_assert_cmpstr(vmcErrorLast()->message, !=, "");
    vmcErrorReset();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mask/whole", testWhole);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/mask/", cases[i].name, NULL);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), testCase);
    }
    g_test_add_func("/mask/refused", testRefused);
    return g_test_run();
}
