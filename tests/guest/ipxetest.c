/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another TCP than Linux's at the guest's end: iPXE, firmware, boots our kernel
 * through a channel from a web server on a unix socket. It brings 8 MiB of
 * random bytes with it, and the guest that it boots says whether they are right.
 */
#include <config.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/guest.h"

#define BYTES (8u << 20)

/* With an MTU of 65520 iPXE, which has 512 KiB of memory, has no room to receive. */
#define NIC "-netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel" \
    " -device virtio-net-pci,netdev=hostua-vmchannel,host_mtu=1500"

/* The example's script, with our bytes among what it fetches. */
static char *
makeScript(void)
{
    const char *source = g_getenv("abs_top_srcdir");
    g_autofree char *path = g_build_filename(source ? source : ".", "examples/boot.ipxe", NULL);
    g_autofree char *text = NULL;
    GString *script;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    script = g_string_new(text);
    g_assert_cmpint(g_string_replace(script, "\nboot\n",
                                     "\ninitrd http://10.0.2.4:80/bytes /bytes mode=644\nboot\n",
                                     0), ==, 1);
    return g_string_free(script, FALSE);
}

/* Writes what iPXE fetches, and returns the sum of the bytes. */
static char *
makeFolder(const char *dir)
{
    g_autofree char *bytesPath = g_build_filename(dir, "bytes", NULL);
    g_autofree char *scriptPath = g_build_filename(dir, "boot.ipxe", NULL);
    g_autofree guint32 *bytes = g_malloc(BYTES);
    g_autofree char *script = makeScript();

    for (gsize i = 0; i < BYTES / sizeof(*bytes); i++)
        bytes[i] = g_random_int();
    g_assert_true(g_file_set_contents(bytesPath, (const char *)bytes, BYTES, NULL));
    g_assert_true(g_file_set_contents(scriptPath, script, -1, NULL));
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = { "vmlinuz", "initrd.img" };
        g_autofree char *inBuild = g_build_filename("guest", names[i], NULL);
        g_autofree char *from = vmcBuildPath(inBuild);
        g_autofree char *to = g_build_filename(dir, names[i], NULL);

        g_assert_cmpint(symlink(from, to), ==, 0);
    }
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, BYTES);
}

/* Returns when it listens. Its standard output is *@answers. */
static GPid
startServer(const char *dir, const char *path, int *answers)
{
    g_autofree char *program = vmcBuildPath("examples/web-host");
    const char *argv[] = { program, path, dir, NULL };
    g_autoptr(GError) error = NULL;
    GPid pid;

    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                  &pid, NULL, answers, NULL, &error))
        g_error("%s: %s", program, error->message);
    for (int left = VMC_PATIENCE / 10; left > 0 && !g_file_test(path, G_FILE_TEST_EXISTS); left--)
        g_usleep(10 * G_TIME_SPAN_MILLISECOND);
    return pid;
}

static void
expectAnswer(int answers, GString *pending, const char *name)
{
    g_autofree char *line = vmcReadLine(answers, pending, VMC_PATIENCE);

    g_assert_nonnull(line);
    g_test_message("%s", line);
    g_assert_true(g_str_has_prefix(line, "200 "));
    g_assert_true(g_str_has_suffix(line, name));
}

static void
bootOverHttp(const char *ipxe, const char *dir)
{
    g_autofree char *sum = makeFolder(dir);
    g_autofree char *socketPath = g_build_filename(dir, "web", NULL);
    g_autofree char *loader = g_strdup_printf("-machine pc,graphics=off -kernel '%s'"
                                              " -initrd %s/boot.ipxe", ipxe, dir);
    g_autofree char *wanted = g_strdup_printf("%s  /bytes\n", sum);
    g_autofree char *wrapped = vmcWrapped();
    g_autoptr(vmcGuest) guest = NULL;
    GString *pending = g_string_new(NULL);
    int answers;
    GPid server = startServer(dir, socketPath, &answers);

    guest = vmcGuestStartFrom(loader, "%s -nodefaults " NIC " -vmchannel 80:unix:%s", wrapped,
                              socketPath);
    if (guest) {
        vmcGuestExpect(guest, wanted, "sha256sum /bytes");
        expectAnswer(answers, pending, "vmlinuz");
        expectAnswer(answers, pending, "initrd.img");
        expectAnswer(answers, pending, "8388608 bytes");
    }
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(answers);
    g_string_free(pending, TRUE);
}

static void
testBoots(void)
{
    g_autofree char *ipxe = vmcBuildPath("guest/ipxe.lkrn");
    g_autofree char *missing = vmcMissingEmulator(false);
    g_autofree char *dir = NULL;

    if (!missing)
        missing = vmcMissingGuest();
    if (!missing && !g_file_test(ipxe, G_FILE_TEST_EXISTS))
        missing = g_strdup("no guest/ipxe.lkrn: Debian's package ipxe could not be downloaded");
    if (missing) {
        g_test_skip(missing);
        return;
    }
    dir = vmcTempDir();
    bootOverHttp(ipxe, dir);
    vmcTempDirRemove(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/guest/ipxe/boots-over-http", testBoots);
    return g_test_run();
}
