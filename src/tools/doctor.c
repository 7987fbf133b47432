/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel doctor: looks at what channels need on this host, and says
 * what to do about what is missing. Changes nothing.
 */
#include <config.h>

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "documents/domain_rewrite.h"
#include "documents/emulator.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/socket.h"

/* Where every distribution with AppArmor has its profiles. */
#define APPARMOR_DIR "/etc/apparmor.d"

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    G_OPTION_ENTRY_NULL
};

/* How many things were found that somebody has to repair. */
static unsigned int problems;

static void G_GNUC_PRINTF(1, 2)
fine(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("ok       ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

static void G_GNUC_PRINTF(1, 2)
note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("note     ", stdout);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* @remedy: what to do. */
static void G_GNUC_PRINTF(2, 3)
problem(const char *remedy, const char *format, ...)
{
    va_list args;

    problems++;
    va_start(args, format);
    fputs("problem  ", stdout);
    vprintf(format, args);
    printf("\n         do: %s\n", remedy);
    va_end(args);
}

/* Returns QEMU's version as it prints it, or NULL. The caller frees it. */
static char *
versionOf(const char *emulator)
{
    const char *argv[] = { emulator, "-version", NULL };
    g_autofree char *out = NULL;
    const char *version;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out,
                      NULL, NULL, NULL))
        return NULL;
    version = strstr(out, "version ");
    if (!version)
        return NULL;
    version += strlen("version ");
    return g_strndup(version, strcspn(version, " \n"));
}

/*
 * libvirt remembers what a QEMU can do by the emulator file's path and ctime:
 * a copy that is older than its QEMU hides an upgrade.
 */
static void
checkFreshness(const char *copy, const char *real)
{
    struct stat copySt;
    struct stat realSt;

    if (stat(copy, &copySt) < 0 || stat(real, &realSt) < 0)
        return;
    if (copySt.st_ctime >= realSt.st_ctime)
        fine("'%s' is newer than its QEMU", copy);
    else
        problem("touch the emulator file, so that libvirt asks the new QEMU what it can do",
                "'%s' is older than '%s'", copy, real);
}

static void
checkEmulator(const char *copy, const char *real)
{
    g_autofree char *version = versionOf(real);
    int major = 0;
    int minor = 0;

    if (!version) {
        note("'%s' stands for a QEMU that is not installed: '%s'", copy, real);
        return;
    }
    if (sscanf(version, "%d.%d", &major, &minor) == 2 && (major < 7 || (major == 7 && minor < 2)))
        problem("install QEMU 7.2 or later", "'%s' is version %s", real, version);
    else
        fine("'%s' is version %s", real, version);
    checkFreshness(copy, real);
}

/* Walks the emulator files below @dir, whose first @skip characters are not part of QEMU's path. */
static unsigned int
walkEmulators(const char *dir, size_t skip)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name;
    unsigned int found = 0;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            found += walkEmulators(path, skip);
        } else {
            checkEmulator(path, path + skip);
            found++;
        }
    }
    return found;
}

static void
checkEmulators(void)
{
    const char *dir = vmcToolEmulatorDir();

    if (walkEmulators(dir, strlen(dir)) == 0)
        problem("install qemu-vmchannel, or make a copy of it there for each QEMU",
                "no emulator file in '%s'", dir);
}

/* Whether this user can connect to the socket. */
static bool
reaches(const char *path)
{
    struct sockaddr_un address;
    int fd = -1;
    bool ok;

    if (vmcSocketAddress(&address, path) == 0)
        fd = vmcSocketConnect(&address, 0, 0);
    ok = fd >= 0;
    vmcFdClose(&fd);
    return ok;
}

/* Says who may connect to a socket that is there, and what to do for others. */
static void
checkSocket(const char *path, const char *remedy)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    if (reaches(path))
        fine("'%s' takes connections of this user", path);
    else
        note("'%s' (mode %04o, owner %u, group %u) takes no connections of this user: %s", path,
             (unsigned int)st.st_mode & 07777, (unsigned int)st.st_uid, (unsigned int)st.st_gid,
             remedy);
}

static void
checkSockets(void)
{
    static const struct {
        const char *path;
        const char *remedy;
    } sockets[] = {
        { "/run/libvirt/virtqemud-sock", "join its group, or start virtqemud" },
        { "/run/libvirt/libvirt-sock", "join its group, or start libvirtd" },
        { "/run/vmchannel-proxy/libvirt-sock", "start vmchannel-proxy.socket" },
    };
    unsigned int found = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(sockets); i++) {
        found += g_file_test(sockets[i].path, G_FILE_TEST_EXISTS);
        checkSocket(sockets[i].path, sockets[i].remedy);
    }
    if (found == 0)
        note("no libvirt daemon of the system listens: start one, or do without by "
             "'virt-vmchannel run'");
}

/* Whether the file @path has @text in it; not so of a file that cannot be read. */
static bool
fileHas(const char *path, const char *text)
{
    g_autofree char *content = NULL;

    return g_file_get_contents(path, &content, NULL, NULL) && strstr(content, text);
}

/* Whether a file of the folder @path has @text in it. */
static bool
folderHas(const char *path, const char *text)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        if (fileHas(file, text))
            return true;
    }
    return false;
}

/*
 * Each of libvirt's profiles that runs our files includes an abstraction of ours, by a
 * site's file for it. A folder beside it, NAME.d, is AppArmor's own way, where the profile
 * reads one.
 */
static void
checkProfiles(void)
{
    static const struct {
        const char *profile;
        const char *abstraction;
    } profiles[] = {
        { "abstractions/libvirt-qemu", "abstractions/vmchannel-qemu" },
        { "usr.sbin.libvirtd", "abstractions/vmchannel-libvirtd" },
        { "usr.sbin.virtqemud", "abstractions/vmchannel-libvirtd" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_autofree char *profile = g_strconcat(APPARMOR_DIR "/", profiles[i].profile, NULL);
        g_autofree char *folder = g_strconcat(profile, ".d", NULL);
        g_autofree char *local = g_strconcat(APPARMOR_DIR "/local/", profiles[i].profile, NULL);
        g_autofree char *ours = g_strconcat(APPARMOR_DIR "/", profiles[i].abstraction, NULL);
        g_autofree char *text = g_strdup_printf("<%s>", profiles[i].abstraction);

        if (!g_file_test(profile, G_FILE_TEST_EXISTS))
            continue;
        if (g_file_test(ours, G_FILE_TEST_EXISTS) &&
            (fileHas(local, text) || folderHas(folder, text)))
            fine("AppArmor: '%s' includes '%s'", profile, profiles[i].abstraction);
        else
            note("AppArmor is on, and '%s' does not include our '%s': where a start is denied, "
                 "put that file there, and the line 'include if exists %s' into '%s'",
                 profile, ours, text, local);
    }
}

static void
checkConfinement(void)
{
    g_autofree char *apparmor = NULL;
    g_autofree char *selinux = NULL;

    if (g_file_get_contents("/sys/module/apparmor/parameters/enabled", &apparmor, NULL, NULL) &&
        apparmor[0] == 'Y')
        checkProfiles();
    if (g_file_get_contents("/sys/fs/selinux/enforce", &selinux, NULL, NULL) && selinux[0] == '1')
        note("SELinux is enforcing: the emulator files need the label of a QEMU, and the host "
             "sockets one that svirt_t may connect to");
}

/* The QEMU of a domain with channels, and of one that may get some: a @note is enough for that. */
static void
checkItsEmulator(const char *domain, const char *qemu, bool hasChannels)
{
    g_autofree char *copy = g_strconcat(vmcToolEmulatorDir(), qemu, NULL);
    g_autofree char *remedy = vmcEmulatorRemedy(qemu);
    bool installed = g_file_test(qemu, G_FILE_TEST_IS_EXECUTABLE);

    if (installed && g_file_test(copy, G_FILE_TEST_EXISTS))
        return;
    if (!hasChannels && installed && *qemu == '/')
        note("domain '%s' could not have channels before '%s' as root: its emulator '%s' has no "
             "emulator file", domain, remedy, qemu);
    if (!hasChannels)
        return;
    if (installed)
        problem(remedy, "domain '%s' has channels, but its emulator '%s' has no emulator file: it "
                "will not start", domain, qemu);
    else
        problem("install that QEMU, or write another path in <emulator>",
                "domain '%s' has the emulator '%s', which is not on this host: it will not start",
                domain, qemu);
}

/* @here: whether its files are this host's. */
static void
checkDomain(vmcDomain *domain, bool here)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    g_autofree char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    const char *name = virDomainGetName(domain);
    vmcDomainState state = xml ? vmcDomainStateOf(xml, &rewrite) : VMC_DOMAIN_PLAIN;
    g_autofree char *qemu = xml && here ? vmcEmulatorOf(xml, &rewrite) : NULL;

    switch (state) {
    case VMC_DOMAIN_STOCK:
        fine("domain '%s' has channels", name);
        break;
    case VMC_DOMAIN_STOCK_BROKEN:
        problem("virt-vmchannel dumpxml DOMAIN >FILE, look at it, virt-vmchannel define FILE",
                "domain '%s' has channels, but its emulator was changed: it will not start", name);
        break;
    case VMC_DOMAIN_PLAIN:
    default:
        break;
    }
    if (qemu)
        checkItsEmulator(name, qemu, state != VMC_DOMAIN_PLAIN);
}

/* Whether libvirt is on this host, by its URI: another's has its name. */
static bool
isHere(vmcConnection *connection)
{
    g_autofree char *uri = virConnectGetURI(connection);
    const char *server = uri ? strstr(uri, "://") : NULL;

    return server && server[strlen("://")] == '/';
}

static void
checkDomains(void)
{
    g_autoptr(vmcConnection) connection = vmcToolConnect();
    virDomainPtr *domains = NULL;
    unsigned long version = 0;
    int n;

    if (!connection) {
        note("definitions were not looked at: %s", vmcErrorLast()->message);
        return;
    }
    if (virConnectGetLibVersion(connection, &version) == 0)
        fine("libvirt is version %lu.%lu.%lu", version / 1000000, version / 1000 % 1000,
             version % 1000);
    n = virConnectListAllDomains(connection, &domains, 0);
    for (int i = 0; i < n; i++) {
        checkDomain(domains[i], isHere(connection));
        virDomainFree(domains[i]);
    }
    free(domains);
}

static void
checkVersion(void)
{
    fine("vmchannel is version " PACKAGE_VERSION);
}

static int
doctor(const char *const *args G_GNUC_UNUSED)
{
    static void (*const checks[])(void) = {
        checkVersion, checkEmulators, checkSockets, checkConfinement, checkDomains,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i]();
    return problems == 0 ? EXIT_SUCCESS : VMC_EXIT_FAILURE;
}

const vmcCommand vmcCommandDoctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "Look for what keeps channels from working on this host",
    .description =
        "Looks at the emulator files and the QEMUs behind them, libvirt's sockets, what\n"
        "confines QEMU, and the definitions in libvirt with the emulators that they ask for.\n"
        "Status 1: there is something to do.",
    .run = doctor,
    .options = options,
    .minArgs = 0,
    .maxArgs = 0,
};
