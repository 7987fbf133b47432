/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the rewriting of documents takes: a domain of 60 lines both ways,
 * one with nothing of ours, and three sizes up to libvirt's limit, which show
 * that the time grows with the size. Prints JSON: figures in microseconds, and
 * ratios between them.
 */
#include <config.h>

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "documents/domain_rewrite.h"

#define DIR "/usr/libexec/vmchannel/emulator"

static const vmcRewriteOptions options = { .emulatorDir = DIR };

typedef char *(*direction)(const char *xml, const vmcRewriteOptions *options);

/* A domain of about @lines lines, with a channel when @ours. */
static char *
makeDomain(size_t lines, bool ours)
{
    GString *out = g_string_new(
        "<domain type='kvm'>\n  <name>bench</name>\n"
        "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\n"
        "  <memory unit='KiB'>65536</memory>\n  <vcpu placement='static'>1</vcpu>\n  <os>\n"
        "    <type arch='x86_64' machine='pc'>hvm</type>\n  </os>\n  <devices>\n"
        "    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n");

    for (size_t line = 26; line < lines; line += 6) {
        g_string_append_printf(
            out,
            "    <disk type='file' device='disk'>\n"
            "      <driver name='qemu' type='qcow2' cache='none'/>\n"
            "      <source file='/var/lib/libvirt/images/disk-%zu.qcow2'/>\n"
            "      <target dev='vd%zu' bus='virtio'/>\n"
            "      <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>\n"
            "    </disk>\n", line, line);
    }
    g_string_append(out, ours ? "    <interface type='vmchannel'>\n"
                                "      <mac address='52:54:00:12:34:56'/>\n"
                                "      <model type='virtio'/>\n      <mtu size='65520'/>\n"
                                "    </interface>\n" : "");
    g_string_append(out, "    <serial type='pty'>\n      <target port='0'/>\n    </serial>\n");
    g_string_append(out, ours ? "    <vmchannel type='unix'>\n"
                                "      <source mode='connect' path='/run/agent.sock'/>\n"
                                "      <target port='600'/>\n    </vmchannel>\n" : "");
    g_string_append(out, "    <memballoon model='none'/>\n  </devices>\n</domain>\n");
    return g_string_free(out, FALSE);
}

/* Microseconds for one call: the best of several runs of at least 20 ms. */
static double
measure(direction rewrite, const char *xml)
{
    double best = 0;

    for (int run = 0; run < 7; run++) {
        gint64 begin = g_get_monotonic_time();
        gint64 spent;
        guint calls = 0;
        double each;

        do {
            g_autofree char *result = rewrite(xml, &options);

            g_assert_nonnull(result);
            calls++;
            spent = g_get_monotonic_time() - begin;
        } while (spent < 20000);
        each = (double)spent / calls;
        best = run == 0 || each < best ? each : best;
    }
    return best;
}

static char *
toStock(const char *xml, const vmcRewriteOptions *given)
{
    return vmcRewriteText(vmcDomainRewriteForward(xml, given));
}

int
main(void)
{
    static const size_t sizes[] = { 21500, 43000, 86000 };
    g_autofree char *small = makeDomain(60, true);
    g_autofree char *stock = vmcRewriteText(vmcDomainRewriteForward(small, &options));
    g_autofree char *plain = makeDomain(60, false);
    double forward = measure(toStock, small);
    double reverse = measure(vmcDomainRewriteReverse, stock);
    double scan = measure(toStock, plain);
    double times[G_N_ELEMENTS(sizes)];
    double bytes[G_N_ELEMENTS(sizes)];

    /* Memory once had is kept: else the kernel's clearing of pages is measured. */
    mallopt(M_TRIM_THRESHOLD, G_MAXINT);
    mallopt(M_MMAP_THRESHOLD, G_MAXINT);

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *xml = makeDomain(sizes[i], true);

        times[i] = measure(toStock, xml);
        bytes[i] = (double)strlen(xml);
    }
    printf("{\n  \"figures\": {\n");
    printf("    \"forward_us\": %.1f,\n    \"reverse_us\": %.1f,\n    \"scan_us\": %.2f,\n",
           forward, reverse, scan);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        printf("    \"forward_%.0f_bytes_us\": %.0f%s\n", bytes[i], times[i],
               i + 1 < G_N_ELEMENTS(sizes) ? "," : "");
    printf("  },\n  \"ratios\": {\n");
    /* 1 is linear: the time per byte of the largest to that of the smallest. */
    printf("    \"time_per_byte_half_to_quarter\": %.2f,\n",
           times[1] / bytes[1] / (times[0] / bytes[0]));
    printf("    \"time_per_byte_whole_to_quarter\": %.2f,\n",
           times[2] / bytes[2] / (times[0] / bytes[0]));
    printf("    \"scan_to_forward\": %.4f\n  }\n}\n", scan / forward);
    return 0;
}
