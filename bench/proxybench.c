/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: proxybench DIRECT-URI THROUGH-URI SERVICE-URI SERVICE-PID DIR
 * What the proxy costs a libvirt client: each thing is done with a connection
 * that goes to the daemon directly and with one that goes through the proxy, in
 * turn, and the times of each pair are compared. The daemon is there already,
 * with no domain and no pool; DIR is a folder that it can write to. The service
 * is a proxy that listens: what one of its clients takes of memory is looked at.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "report.h"

#define ROUNDS 40
#define CLIENT_ROUNDS 25
#define CLIENTS 50
#define CLIENT_TURNS 10         /* of each client in a round */
#define CALLS 100               /* at a time; so the next three */
#define DUMPS 50
#define DEFINES 5
#define LISTS 10
#define CONNECTS 2
#define DOMAINS 1000
#define VOLUME_SIZE (64 * 1024 * 1024)

/* After as long without a call, a connection counts as idle. */
#define IDLE_USEC (2 * G_USEC_PER_SEC)

static const benchRow rows[] = {
    { "call_direct_us", false, BENCH_NO_TARGET, 0, "virConnectGetLibVersion, directly" },
    { "call_extra_us", false, BENCH_AT_MOST, 60, "what the proxy adds to it" },
    { "xmldesc_extra_us", false, BENCH_AT_MOST, 300,
      "what it adds to virDomainGetXMLDesc, with a channel" },
    { "connect_extra_us", false, BENCH_NO_TARGET, 0,
      "what it adds to open and close, as a command" },
    { "pss_kib", false, BENCH_NO_TARGET, 0,
      "of the service's process for a client that has used it and is idle" },
    { "private_kib", false, BENCH_AT_MOST, 1536,
      "its memory that is shared with no other process" },
    { "call", true, BENCH_NO_TARGET, 0, "virConnectGetLibVersion" },
    { "policy_call", true, BENCH_AT_MOST, 1.2,
      "virDomainGetInfo through a policy, against the proxy without one" },
    { "xmldesc", true, BENCH_NO_TARGET, 0, "virDomainGetXMLDesc, with a channel" },
    { "xmldesc_plain", true, BENCH_NO_TARGET, 0, "virDomainGetXMLDesc, with nothing of ours" },
    { "define", true, BENCH_AT_MOST, 1.15, "virDomainDefineXML, with a channel" },
    { "define_plain", true, BENCH_NO_TARGET, 0, "virDomainDefineXML, with nothing of ours" },
    { "list_1000", true, BENCH_AT_MOST, 1.10, "virConnectListAllDomains of 1,000 with a channel" },
    { "list_1000_xml", true, BENCH_NO_TARGET, 0, "the same, and the XML of each, once" },
    { "stream", true, BENCH_AT_LEAST, 0.8, "rate of 64 MiB by virStorageVolDownload" },
    { "stream_up", true, BENCH_AT_LEAST, 0.8, "rate of 64 MiB by virStorageVolUpload" },
    { "clients_50", true, BENCH_NO_TARGET, 0,
      "50 at once, each a call and an XML with a channel in turn" },
};

/* A connection, directly or through the proxy, and what is done with it. */
typedef struct {
    const char *uri;
    virConnectPtr connection;
    virDomainPtr ours;
    virDomainPtr plain;
    virStorageVolPtr volume;
    char *oursXml;              /* as this side shows it */
    char *plainXml;
    virConnectPtr clients[CLIENTS];
} side;

enum { DIRECT, THROUGH, SIDES };

static int
fail(const char *what)
{
    const char *message = virGetLastErrorMessage();

    fprintf(stderr, "proxybench: %s: %s\n", what, message);
    return -1;
}

/*
 * A domain of usual size, as an installer makes it; libvirt adds addresses and
 * controllers. The caller frees it.
 */
static char *
domainXml(const char *name, bool ours)
{
    return g_strdup_printf(
        "<domain type='qemu'>\n"
        "  <name>%s</name>\n"
        "  <memory unit='MiB'>2048</memory>\n"
        "  <vcpu>2</vcpu>\n"
        "  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>\n"
        "  <features><acpi/><apic/></features>\n"
        "  <devices>\n"
        "    <disk type='file' device='disk'>\n"
        "      <driver name='qemu' type='qcow2' discard='unmap'/>\n"
        "      <source file='/var/lib/libvirt/images/%s.qcow2'/>\n"
        "      <target dev='vda' bus='virtio'/>\n"
        "    </disk>\n"
        "    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>\n"
        "    <interface type='user'><model type='virtio'/></interface>\n"
        "    <console type='pty'/>\n"
        "    <channel type='unix'>\n"
        "      <source mode='bind'/>\n"
        "      <target type='virtio' name='org.qemu.guest_agent.0'/>\n"
        "    </channel>\n"
        "%s"
        "    <input type='tablet' bus='usb'/>\n"
        "    <graphics type='vnc' port='-1'/>\n"
        "    <video><model type='vga'/></video>\n"
        "    <memballoon model='virtio'/>\n"
        "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
        "  </devices>\n"
        "</domain>\n",
        name, name,
        ours ? "    <vmchannel type='unix'>\n"
               "      <source mode='connect' path='/run/agent.sock'/>\n"
               "      <target port='600'/>\n"
               "    </vmchannel>\n" : "");
}

static int
define(virConnectPtr connection, const char *xml)
{
    virDomainPtr domain = virDomainDefineXML(connection, xml);

    if (!domain)
        return -1;
    virDomainFree(domain);
    return 0;
}

static int
defineNew(virConnectPtr connection, const char *name, bool ours)
{
    g_autofree char *xml = domainXml(name, ours);

    return define(connection, xml);
}

static int
defineAll(virConnectPtr connection)
{
    if (defineNew(connection, "plain", false) < 0)
        return fail("define");
    for (size_t i = 0; i < DOMAINS; i++) {
        g_autofree char *name = g_strdup_printf("bench-%zu", i);

        if (defineNew(connection, name, true) < 0)
            return fail("define");
    }
    return 0;
}

static int
makeVolume(virConnectPtr connection, const char *dir)
{
    g_autofree char *poolXml = g_strdup_printf(
        "<pool type='dir'><name>bench</name><target><path>%s</path></target></pool>", dir);
    g_autofree char *volumeXml = g_strdup_printf(
        "<volume><name>volume</name><capacity>%d</capacity></volume>", VOLUME_SIZE);
    virStoragePoolPtr pool = virStoragePoolCreateXML(connection, poolXml, 0);
    virStorageVolPtr volume = pool ? virStorageVolCreateXML(pool, volumeXml, 0) : NULL;

    if (!volume)
        return fail("a volume to stream");
    virStorageVolFree(volume);
    virStoragePoolFree(pool);
    return 0;
}

static int
sideOpen(side *s)
{
    s->connection = virConnectOpen(s->uri);
    return s->connection ? 0 : fail(s->uri);
}

static int
sidePrepare(side *s)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(s->connection, "bench");

    s->volume = pool ? virStorageVolLookupByName(pool, "volume") : NULL;
    s->ours = virDomainLookupByName(s->connection, "bench-0");
    s->plain = virDomainLookupByName(s->connection, "plain");
    s->oursXml = s->ours ? virDomainGetXMLDesc(s->ours, VIR_DOMAIN_XML_INACTIVE) : NULL;
    s->plainXml = s->plain ? virDomainGetXMLDesc(s->plain, VIR_DOMAIN_XML_INACTIVE) : NULL;
    if (!s->volume || !s->oursXml || !s->plainXml)
        return fail(s->uri);
    virStoragePoolFree(pool);
    return 0;
}

static int
info(side *s)
{
    virDomainInfo unused;

    return virDomainGetInfo(s->ours, &unused);
}

static int
call(side *s)
{
    unsigned long version;

    return virConnectGetLibVersion(s->connection, &version);
}

static int
dump(virDomainPtr domain)
{
    char *xml = virDomainGetXMLDesc(domain, 0);

    if (!xml)
        return -1;
    free(xml);
    return 0;
}

static int
dumpOurs(side *s)
{
    return dump(s->ours);
}

static int
dumpPlain(side *s)
{
    return dump(s->plain);
}

static int
defineOurs(side *s)
{
    return define(s->connection, s->oursXml);
}

static int
definePlain(side *s)
{
    return define(s->connection, s->plainXml);
}

/* All domains, and the XML of each when @xml. */
static int
listAll(side *s, bool xml)
{
    virDomainPtr *domains;
    int n = virConnectListAllDomains(s->connection, &domains, 0);
    int ret = n > DOMAINS ? 0 : -1;

    for (int i = 0; i < n; i++) {
        if (xml && dump(domains[i]) < 0)
            ret = -1;
        virDomainFree(domains[i]);
    }
    if (n >= 0)
        free(domains);
    return ret;
}

static int
list(side *s)
{
    return listAll(s, false);
}

static int
listWithXml(side *s)
{
    return listAll(s, true);
}

static int
countBytes(virStreamPtr stream G_GNUC_UNUSED, const char *bytes G_GNUC_UNUSED, size_t n,
           void *opaque)
{
    *(size_t *)opaque += n;
    return (int)n;
}

static int
download(side *s)
{
    virStreamPtr stream = virStreamNew(s->connection, 0);
    size_t bytes = 0;
    int ret = -1;

    if (stream && virStorageVolDownload(s->volume, stream, 0, 0, 0) == 0 &&
        virStreamRecvAll(stream, countBytes, &bytes) == 0 && virStreamFinish(stream) == 0)
        ret = bytes == VOLUME_SIZE ? 0 : -1;
    virStreamFree(stream);
    return ret;
}

/* Bytes that differ from their neighbours; what is left to send is in @opaque. */
static int
giveBytes(virStreamPtr stream G_GNUC_UNUSED, char *bytes, size_t n, void *opaque)
{
    size_t *left = opaque;

    n = MIN(n, *left);
    memset(bytes, (int)(*left >> 8), n);
    *left -= n;
    return (int)n;
}

static int
upload(side *s)
{
    virStreamPtr stream = virStreamNew(s->connection, 0);
    size_t left = VOLUME_SIZE;
    int ret = -1;

    if (stream && virStorageVolUpload(s->volume, stream, 0, 0, 0) == 0 &&
        virStreamSendAll(stream, giveBytes, &left) == 0 && virStreamFinish(stream) == 0)
        ret = 0;
    virStreamFree(stream);
    return ret;
}

static int
openAndClose(side *s)
{
    virConnectPtr connection = virConnectOpen(s->uri);

    if (!connection)
        return -1;
    virConnectClose(connection);
    return 0;
}

static gpointer
clientTurns(gpointer opaque)
{
    virConnectPtr connection = opaque;
    virDomainPtr domain = virDomainLookupByName(connection, "bench-0");
    unsigned long version;
    int ret = domain ? 0 : -1;

    for (int i = 0; i < CLIENT_TURNS && ret == 0; i++) {
        if (virConnectGetLibVersion(connection, &version) < 0 || dump(domain) < 0)
            ret = -1;
    }
    virDomainFree(domain);
    return GINT_TO_POINTER(ret);
}

static int
allClients(side *s)
{
    GThread *threads[CLIENTS];
    int ret = 0;

    for (size_t i = 0; i < CLIENTS; i++)
        threads[i] = g_thread_new("client", clientTurns, s->clients[i]);
    for (size_t i = 0; i < CLIENTS; i++)
        ret |= GPOINTER_TO_INT(g_thread_join(threads[i]));
    return ret;
}

static int
openClients(side *sides)
{
    for (size_t i = 0; i < SIDES * CLIENTS; i++) {
        side *s = &sides[i % SIDES];

        s->clients[i / SIDES] = virConnectOpen(s->uri);
        if (!s->clients[i / SIDES])
            return fail(s->uri);
    }
    return 0;
}

/* What is measured in a round: so many times, with one side and with the other. */
typedef struct {
    const char *ratio;          /* rows; NULL: none */
    const char *direct;
    const char *extra;
    bool isRate;                /* the ratio is one of rates, not of times */
    int (*run)(side *s);
    unsigned int times;
} measurement;

static const measurement alone[] = {
    { "call", "call_direct_us", "call_extra_us", false, call, CALLS },
    { "xmldesc", NULL, "xmldesc_extra_us", false, dumpOurs, DUMPS },
    { "xmldesc_plain", NULL, NULL, false, dumpPlain, DUMPS },
    { "define", NULL, NULL, false, defineOurs, DEFINES },
    { "define_plain", NULL, NULL, false, definePlain, DEFINES },
    { "list_1000", NULL, NULL, false, list, LISTS },
    { "list_1000_xml", NULL, NULL, false, listWithXml, 1 },
    { "stream", NULL, NULL, true, download, 1 },
    { "stream_up", NULL, NULL, true, upload, 1 },
};

static const measurement guarded = { "policy_call", NULL, NULL, false, info, CALLS };
static const measurement connecting = {
    NULL, NULL, "connect_extra_us", false, openAndClose, CONNECTS
};
static const measurement together = { "clients_50", NULL, NULL, false, allClients, 1 };

/* Microseconds for one; negative when it fails. */
static double
timeOne(const measurement *m, side *s)
{
    gint64 begin = g_get_monotonic_time();

    for (unsigned int i = 0; i < m->times; i++) {
        if (m->run(s) < 0)
            return fail(m->ratio ? m->ratio : m->extra);
    }
    return (double)(g_get_monotonic_time() - begin) / m->times;
}

/*
 * One pair. What was done before it has its effect on who comes first (files
 * that are still being written): so each comes first and last.
 */
static int
measure(const measurement *m, side *sides, unsigned int round, benchReport *report)
{
    double us[SIDES] = { 0 };

    for (unsigned int i = 0; i < 2 * SIDES; i++) {
        unsigned int which = (round + i + i / SIDES) % SIDES;
        double once = timeOne(m, &sides[which]);

        if (once < 0)
            return -1;
        us[which] += once / 2;
    }
    if (m->ratio)
        benchReportAdd(report, m->ratio,
                       m->isRate ? us[DIRECT] / us[THROUGH] : us[THROUGH] / us[DIRECT]);
    if (m->direct)
        benchReportAdd(report, m->direct, us[DIRECT]);
    if (m->extra)
        benchReportAdd(report, m->extra, us[THROUGH] - us[DIRECT]);
    return 0;
}

/* KiB that smaps_rollup gives for @key, or 0. */
static double
memoryOf(const char *pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/smaps_rollup", pid);
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    line = strstr(text, key);
    return line ? g_ascii_strtod(line + strlen(key), NULL) : 0;
}

/* The only child of the process @parent, which the caller frees; NULL with a message. */
static char *
onlyChild(const char *parent)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/task/%s/children", parent, parent);
    g_autofree char *text = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL) && *g_strstrip(text) && !strchr(text, ' '))
        return g_steal_pointer(&text);
    fprintf(stderr, "proxybench: %s: not one process of the service\n", path);
    return NULL;
}

/* The service's process for one client, which has done each of the rows once. */
static int
measureMemory(side *s, const char *servicePid, benchReport *report)
{
    g_autofree char *pid = NULL;

    if (sideOpen(s) < 0 || sidePrepare(s) < 0)
        return -1;
    for (size_t i = 0; i < G_N_ELEMENTS(alone); i++) {
        if (alone[i].run(s) < 0)
            return fail(alone[i].ratio);
    }
    g_usleep(IDLE_USEC);
    pid = onlyChild(servicePid);
    if (!pid)
        return -1;
    benchReportAdd(report, "pss_kib", memoryOf(pid, "\nPss:"));
    benchReportAdd(report, "private_kib", memoryOf(pid, "\nPrivate_Clean:") +
                                          memoryOf(pid, "\nPrivate_Dirty:"));
    return 0;
}

/* A policy that allows one domain, for the command that proxybench.sh has made. */
static int
writePolicy(virDomainPtr domain, const char *dir)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    g_autofree char *path = g_build_filename(dir, "policy", NULL);
    g_autofree char *text = NULL;

    virDomainGetUUIDString(domain, uuid);
    text = g_strdup_printf("[policy]\ndomains=%s\nallow=connection;list;read-only\n"
                           "[limits]\ncalls-per-second=10000\n", uuid);
    return g_file_set_contents(path, text, -1, NULL) ? 0 : fail(path);
}

/* The proxy without a policy, and with one. */
static int
measurePolicy(const side *through, const char *dir, benchReport *report)
{
    g_autofree char *uri = g_strdup_printf("qemu+ext:///system?command=%s/guarded", dir);
    side sides[SIDES] = { *through, { .uri = uri } };
    int ret = writePolicy(through->ours, dir);

    if (ret == 0)
        ret = sideOpen(&sides[THROUGH]);
    sides[THROUGH].ours = ret == 0 ? virDomainLookupByName(sides[THROUGH].connection, "bench-0")
                                   : NULL;
    if (!sides[THROUGH].ours)
        return fail("policy_call");
    for (unsigned int round = 0; round < ROUNDS && ret == 0; round++)
        ret = measure(&guarded, sides, round, report);
    virDomainFree(sides[THROUGH].ours);
    virConnectClose(sides[THROUGH].connection);
    return ret;
}

static int
measureAll(side *sides, const char *dir, benchReport *report)
{
    for (unsigned int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < G_N_ELEMENTS(alone); i++) {
            if (measure(&alone[i], sides, round, report) < 0)
                return -1;
        }
    }
    if (measurePolicy(&sides[THROUGH], dir, report) < 0)
        return -1;
    for (unsigned int round = 0; round < ROUNDS; round++) {
        if (measure(&connecting, sides, round, report) < 0)
            return -1;
    }
    if (openClients(sides) < 0)
        return -1;
    for (unsigned int round = 0; round < CLIENT_ROUNDS; round++) {
        if (measure(&together, sides, round, report) < 0)
            return -1;
    }
    return 0;
}

static void
quiet(void *opaque G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

int
main(int argc, char **argv)
{
    benchReport *report = benchReportNew(rows, G_N_ELEMENTS(rows));
    side sides[SIDES] = { 0 };
    side service = { 0 };
    int ret = -1;

    if (argc != 6) {
        fputs("usage: proxybench DIRECT-URI THROUGH-URI SERVICE-URI SERVICE-PID DIR\n", stderr);
        return 2;
    }
    virSetErrorFunc(NULL, quiet);
    sides[DIRECT].uri = argv[1];
    sides[THROUGH].uri = argv[2];
    service.uri = argv[3];
    if (sideOpen(&sides[DIRECT]) == 0 && sideOpen(&sides[THROUGH]) == 0 &&
        defineAll(sides[THROUGH].connection) == 0 &&
        makeVolume(sides[DIRECT].connection, argv[5]) == 0 &&
        sidePrepare(&sides[DIRECT]) == 0 && sidePrepare(&sides[THROUGH]) == 0 &&
        measureMemory(&service, argv[4], report) == 0 &&
        measureAll(sides, argv[5], report) == 0)
        ret = benchReportPrint(report);
    benchReportFree(report);
    /* The connections end with the process. */
    return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
