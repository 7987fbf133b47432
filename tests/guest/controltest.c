/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real guest whose channels come and go, with virt-vmchannel as a person uses
 * it and with a client that hurries; and its frames as tshark reads them. One boot.
 */
#include <config.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "control/client.h"
#include "tests/lib/guest.h"
#include "tests/lib/hostpeer.h"

#define NAME "control"
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define CYCLES 100

static char *
controlPath(const char *dir)
{
    return g_build_filename(dir, "vmchannel", NAME ".sock", NULL);
}

static vmcGuest *
boot(const char *dir)
{
    g_autofree char *wrapped = vmcWrapped();

    g_setenv("XDG_RUNTIME_DIR", dir, TRUE);
    return vmcGuestStart("%s -nodefaults -name " NAME " -vmchannel 600:unix:%s/echo"
                         " -vmchannel 601:null", wrapped, dir);
}

static vmcHostPeer *
hostListen(const char *dir, const char *name, vmcHostServe serve)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return vmcHostListen(path, serve, 0);
}

/* Runs virt-vmchannel COMMAND on the guest; fails the test unless it succeeds. */
static char *
tool(const char *dir, const char *command, const char *argument)
{
    g_autofree char *program = vmcBuildPath("virt-vmchannel");
    g_autofree char *socket = controlPath(dir);
    const char *argv[] = { program, command, socket, argument, NULL };
    g_autofree char *said = NULL;
    char *printed = NULL;
    int status = -1;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed,
                               &said, &status, NULL));
    if (status != 0)
        g_test_message("%s: %s", command, said);
    g_assert_cmpint(status, ==, 0);
    return printed;
}

/* Starts virt-vmchannel COMMAND on the guest; *@output is what it prints. */
static GPid
toolStart(const char *dir, const char *command, const char *argument, int *output, int *said)
{
    g_autofree char *program = vmcBuildPath("virt-vmchannel");
    g_autofree char *socket = controlPath(dir);
    const char *argv[] = { program, command, socket, argument, NULL };
    GPid pid = 0;

    g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL, NULL, &pid, NULL, output, said, NULL));
    return pid;
}

static char *
vmchannelFile(const char *dir, const char *name)
{
    g_autofree char *host = g_build_filename(dir, name, NULL);
    g_autofree char *xml = g_strdup_printf("<vmchannel type='unix'><source mode='connect' path='%s'/>"
                                           "<target port='700'/></vmchannel>", host);
    char *file = g_strconcat(host, ".xml", NULL);

    g_assert_true(g_file_set_contents(file, xml, -1, NULL));
    return file;
}

static void
testAttach(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) echo = hostListen(dir, "live", vmcHostEcho);
    g_autofree char *file = vmchannelFile(dir, "live");
    g_autofree char *attached = NULL, *detached = NULL;
    int command;

    g_assert_cmpint(vmcGuestRun(guest, NULL, "nettool 10.0.2.4 700"), !=, 0);
    attached = tool(dir, "attach", file);
    g_assert_cmpstr(attached, ==, "");
    vmcGuestExpect(guest, "ok 1 failed 0\n", "nettool --sequence 1 10.0.2.4 700");
    command = vmcGuestSpawn(guest, "nettool 10.0.2.4 700 recv");
    g_assert_true(vmcHostWaitAccepted(echo, 2));
    detached = tool(dir, "detach", "10.0.2.4:700");
    g_assert_cmpint(vmcGuestWait(guest, command, NULL), ==, 1);
    g_assert_true(vmcHostWaitFinished(echo, 2));
    g_assert_cmpint(vmcGuestRun(guest, NULL, "nettool 10.0.2.4 700"), !=, 0);
}

static void
change(vmcControlClient *client, const char *command, const char *key, struct json_object *value)
{
    struct json_object *arguments = json_object_new_object();
    g_autoptr(vmcJson) answer = NULL;

    json_object_object_add(arguments, key, value);
    answer = vmcControlClientExecute(client, command, arguments, NULL);
    g_assert_nonnull(answer);
}

/* A bulk transfer on another channel is not disturbed, and ends with all its bytes. */
static void
testCycles(vmcGuest *guest, const char *dir)
{
    g_autoptr(vmcHostPeer) up = hostListen(dir, "echo", vmcHostCollect);
    g_autofree char *path = controlPath(dir);
    g_autoptr(vmcControlClient) client = vmcControlClientOpen(path);
    guint64 sum = 0;
    int bulk;

    g_assert_nonnull(client);
    bulk = vmcGuestSpawn(guest, "nettool 10.0.2.4 600 sendn:%" G_GUINT64_FORMAT " shut recv",
                         256 * MIB);
    g_assert_true(vmcHostWaitAccepted(up, 1));
    for (int i = 0; i < CYCLES; i++) {
        change(client, "vmchannel-add", "vmchannel", json_object_new_string("700:null"));
        if (i % 10 == 0)
            vmcGuestExpect(guest, "", "nettool 10.0.2.4 700 line:x");
        change(client, "vmchannel-remove", "port", json_object_new_int(700));
    }
    g_assert_cmpint(vmcGuestWait(guest, bulk, NULL), ==, 0);
    g_assert_true(vmcHostWaitFinished(up, 1));
    g_assert_cmpuint(vmcHostReceived(up, 0, &sum), ==, 256 * MIB);
}

static void
testEvents(vmcGuest *guest, const char *dir)
{
    g_autoptr(GString) pending = g_string_new(NULL);
    int output;
    GPid pid = toolStart(dir, "events", NULL, &output, NULL);
    g_autofree char *line = NULL;

    /* It may still be about to connect. */
    while (!line) {
        vmcGuestExpect(guest, "", "nettool 10.0.2.4 601 line:x");
        line = vmcReadLine(output, pending, 1000);
    }
    g_assert_nonnull(strstr(line, " VMCHANNEL_"));
    g_assert_nonnull(strstr(line, " 10.0.2.4:601 from 10.0.2.5:"));
    kill(pid, SIGTERM);
    close(output);
    g_spawn_close_pid(pid);
}

/* Waits until the file that is being written has the words. */
static void
waitCaptured(vmcGuest *guest, const char *file, const char *words)
{
    gint64 end = g_get_monotonic_time() + VMC_PATIENCE * 1000;
    bool found = false;

    while (!found && g_get_monotonic_time() < end) {
        g_autofree char *bytes = NULL;
        gsize len = 0;

        vmcGuestExpect(guest, "", "nettool 10.0.2.4 601 line:%s", words);
        found = g_file_get_contents(file, &bytes, &len, NULL) &&
            memmem(bytes, len, words, strlen(words));
    }
    g_assert_true(found);
}

/* As tshark understands it: the handshake, the words, and not one bad checksum. */
static void
testCapture(vmcGuest *guest, const char *dir)
{
    g_autofree char *file = g_build_filename(dir, "capture.pcap", NULL);
    g_autofree char *tshark = g_find_program_in_path("tshark");
    g_autofree char *command = NULL, *seen = NULL, *last = NULL;
    g_autoptr(GString) pending = g_string_new(NULL);
    int said;
    GPid pid;

    if (!tshark) {
        g_test_skip("no tshark");
        return;
    }
    pid = toolStart(dir, "capture", file, NULL, &said);
    /* The capture may begin within the first connection; the second is whole. */
    waitCaptured(guest, file, "capture-begun");
    waitCaptured(guest, file, "capture-this");
    kill(pid, SIGINT);
    last = vmcReadLine(said, pending, VMC_PATIENCE);
    g_assert_nonnull(strstr(last, " frames captured, 0 lost"));
    close(said);
    g_spawn_close_pid(pid);
    command = g_strdup_printf("tshark -n -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE"
                              " -T fields -e tcp.flags -e tcp.checksum.status"
                              " -e ip.checksum.status -e data.text -o data.show_as_text:TRUE"
                              " tcp.port==601", file);
    g_assert_true(g_spawn_command_line_sync(command, &seen, NULL, NULL, NULL));
    if (!strstr(seen, "capture-this"))
        g_test_message("%s", seen);
    g_assert_nonnull(strstr(seen, "0x0002\t"));
    g_assert_nonnull(strstr(seen, "0x0012\t"));
    g_assert_nonnull(strstr(seen, "capture-this"));
    g_assert_nonnull(strstr(seen, "\t1\t1\t"));
    g_assert_null(strstr(seen, "\t0\t"));
}

int
main(int argc, char **argv)
{
    static const vmcGuestCase cases[] = {
        { "/guest/control/attach-and-detach", testAttach },
        { "/guest/control/cycles-in-bulk", testCycles },
        { "/guest/control/events", testEvents },
        { "/guest/control/capture", testCapture },
    };
    static const vmcGuestSuite suite = { boot, cases, G_N_ELEMENTS(cases), false };

    return vmcGuestSuiteRun(argc, argv, &suite, 1);
}
