/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu-vmchannel in front of a real QEMU that never runs a guest (-S): what it
 * leaves as it was, where its NIC stands, and how a start fails. QMP tells.
 */
#include <config.h>

#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/hostpeer.h"
#include "tests/lib/machine.h"

/* What a case gets: an empty directory, and the start of a wrapped command line. */
typedef struct {
    char *dir;
    char *wrapped;
} fixture;

static json_object *
qmpReturn(vmcMachine *machine, const char *command)
{
    g_autofree char *reply = vmcMachineQmp(machine, command);
    json_object *parsed = reply ? json_tokener_parse(reply) : NULL;
    json_object *value = NULL;

    if (!json_object_object_get_ex(parsed, "return", &value)) {
        g_test_message("%s: %s", command, reply ? reply : "no answer");
        g_test_fail();
    }
    value = json_object_get(value);
    json_object_put(parsed);
    return value;
}

static unsigned int
jsonInt(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return (unsigned int)json_object_get_int(value);
}

/* Slot, function, identity and name of each device on bus 0, a line each. */
static char **
pciLines(vmcMachine *machine)
{
    json_object *buses = qmpReturn(machine, "{\"execute\": \"query-pci\"}");
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();
    json_object *devices = NULL;

    json_object_object_get_ex(json_object_array_get_idx(buses, 0), "devices", &devices);
    for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
        json_object *device = json_object_array_get_idx(devices, i);
        json_object *id = NULL, *name = NULL;
        g_autofree char *line = NULL;

        json_object_object_get_ex(device, "id", &id);
        json_object_object_get_ex(device, "qdev_id", &name);
        line = g_strdup_printf("%02x.%u %04x:%04x %s", jsonInt(device, "slot"),
                               jsonInt(device, "function"), jsonInt(id, "vendor"),
                               jsonInt(id, "device"), json_object_get_string(name));
        g_strv_builder_add(lines, line);
    }
    json_object_put(buses);
    return g_strv_builder_end(lines);
}

/* What a monitor command prints, for what QMP does not tell. */
static char *
monitorText(vmcMachine *machine, const char *command)
{
    g_autofree char *request = g_strdup_printf("{\"execute\": \"human-monitor-command\","
                                               " \"arguments\": {\"command-line\": \"%s\"}}",
                                               command);
    json_object *value = qmpReturn(machine, request);
    char *text = g_strdup(json_object_get_string(value));

    json_object_put(value);
    return text ? text : g_strdup("");
}

static void
expectMentions(const char *text, const char *word, bool wanted)
{
    if (!strstr(text, word) == wanted) {
        g_test_message("'%s' %s in: %s", word, wanted ? "is not" : "is", text);
        g_test_fail();
    }
}

/* The NICs and their peers, a line each; QEMU makes the numbers of some names up. */
static char **
networkLines(vmcMachine *machine)
{
    g_autofree char *text = monitorText(machine, "info network");
    g_autoptr(GRegex) number = g_regex_new("#net[0-9]+", 0, 0, NULL);
    g_autofree char *stable = g_regex_replace_literal(number, text, -1, 0, "#net", 0, NULL);

    return g_strsplit(stable, "\r\n", -1);
}

/* Every line of @before stands in @after, which has @more lines in addition. */
static void
expectKept(char **before, char **after, guint more)
{
    for (char **line = before; *line; line++) {
        if (!g_strv_contains((const char *const *)after, *line)) {
            g_test_message("moved or gone: %s", *line);
            g_test_fail();
        }
    }
    g_assert_cmpuint(g_strv_length(after), ==, g_strv_length(before) + more);
}

static void
expectUnmoved(const fixture *given, const char *options, const char *ourNic)
{
    g_autoptr(vmcMachine) plain = vmcMachineStart(given->dir, VMC_QEMU " -S %s", options);
    g_autoptr(vmcMachine) ours = NULL;
    g_auto(GStrv) before = NULL;
    g_auto(GStrv) after = NULL;
    g_auto(GStrv) netBefore = NULL;
    g_auto(GStrv) netAfter = NULL;

    ours = vmcMachineStart(given->dir, "%s -S %s -vmchannel 600:unix:%s/agent", given->wrapped,
                           options, given->dir);
    if (!plain || !ours)
        return;
    before = pciLines(plain);
    after = pciLines(ours);
    expectKept(before, after, 1);
    g_assert_true(g_strv_contains((const char *const *)after, ourNic));
    netBefore = networkLines(plain);
    netAfter = networkLines(ours);
    expectKept(netBefore, netAfter, 2);
}

#define OUR_NIC "1e.0 1af4:1000 ua-vmchannel"
#define TWO_DISKS " -drive if=virtio,file=null-co://,format=raw" \
    " -drive if=virtio,file=null-co://,format=raw"

static void
testUnmovedPc(const fixture *given)
{
    expectUnmoved(given, "-M pc", OUR_NIC);
}

static void
testUnmovedPcDisks(const fixture *given)
{
    expectUnmoved(given, "-M pc" TWO_DISKS, OUR_NIC);
}

static void
testUnmovedQ35(const fixture *given)
{
    expectUnmoved(given, "-M q35", OUR_NIC);
}

static void
testUnmovedQ35Disks(const fixture *given)
{
    expectUnmoved(given, "-M q35" TWO_DISKS, OUR_NIC);
}

static void
testUnmovedOwnNic(const fixture *given)
{
    expectUnmoved(given, "-M pc -nic user,model=e1000 -nic user,model=rtl8139", OUR_NIC);
}

/* QEMU's docs/config/q35-emulated.cfg has a bridge in the slot that would be ours. */
static void
testUnmovedSlotTaken(const fixture *given)
{
    g_autofree char *config = g_build_filename(given->dir, "q35.cfg", NULL);
    g_autofree char *options = g_strdup_printf("-M q35 -readconfig %s", config);

    g_assert_true(g_file_set_contents(config, "[device \"ich9-pci-bridge\"]\n"
                                      "  driver = \"i82801b11-bridge\"\n"
                                      "  bus = \"pcie.0\"\n  addr = \"1e.0\"\n", -1, NULL));
    expectUnmoved(given, options, "1c.0 1af4:1000 ua-vmchannel");
}

static void
testMicrovm(const fixture *given)
{
    g_autoptr(vmcMachine) ours = vmcMachineStart(given->dir, "%s -S -M microvm -nodefaults"
                                                 " -vmchannel 600:unix:%s/agent",
                                                 given->wrapped, given->dir);
    g_autofree char *tree = ours ? monitorText(ours, "info qtree") : g_strdup("");

    expectMentions(tree, "dev: virtio-net-device, id \"ua-vmchannel\"", true);
}

static bool
relayRuns(void)
{
    GArray *relays = vmcRelaysFind();
    bool runs = relays->len > 0;

    for (guint i = 0; i < relays->len; i++)
        close(g_array_index(relays, int, i));
    g_array_free(relays, TRUE);
    return runs;
}

static void
testSandbox(const fixture *given)
{
    g_autoptr(vmcMachine) ours = NULL;

    ours = vmcMachineStart(given->dir, "%s -S -M pc -sandbox on,obsolete=deny,"
                           "elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
                           " -vmchannel 600:unix:%s/agent", given->wrapped, given->dir);
    g_assert_nonnull(ours);
    g_assert_true(relayRuns());
}

/* The NIC that libvirt gives, and no channel: a relay, and never QEMU's own network. */
static void
testNicAlone(const fixture *given)
{
    g_autoptr(vmcMachine) ours = NULL;
    g_autofree char *network = NULL;

    ours = vmcMachineStart(given->dir, "%s -S -M pc -nodefaults"
                           " -netdev socket,connect=127.0.0.1:1,id=hostua-vmchannel"
                           " -device virtio-net-pci,netdev=hostua-vmchannel,id=ua-vmchannel",
                           given->wrapped);
    if (!ours)
        return;
    g_assert_true(relayRuns());
    network = monitorText(ours, "info network");
    expectMentions(network, "hostua-vmchannel", true);
    expectMentions(network, "type=dgram", true);
    expectMentions(network, "type=user", false);
    expectMentions(network, "127.0.0.1", false);
}

static pid_t
readPid(const char *path)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? atoi(text) : 0;
}

static void
testDaemonize(const fixture *given)
{
    g_autofree char *pidfile = g_build_filename(given->dir, "pid", NULL);
    g_autofree char *bind = g_build_filename(given->dir, "bind", NULL);
    g_autoptr(vmcHostPeer) host = NULL;
    g_autoptr(vmcMachine) ours = NULL;
    g_autofree char *status = NULL;

    ours = vmcMachineStart(given->dir, "%s -S -M pc -daemonize -pidfile %s"
                           " -vmchannel 600:unix:%s,server,nowait", given->wrapped, pidfile, bind);
    if (!ours)
        return;
    /* What was started ends when the daemon is ready. */
    g_assert_true(vmcMachineEnded(ours, VMC_PATIENCE));
    g_assert_cmpint(readPid(pidfile), >, 0);
    vmcMachineSetPid(ours, readPid(pidfile));
    status = vmcMachineQmp(ours, "{\"execute\": \"query-status\"}");
    g_assert_nonnull(status);
    g_assert_true(relayRuns());
    host = vmcHostDial(bind, vmcHostCollect, 0);
    g_assert_cmpuint(vmcHostAccepted(host), ==, 1);
}

static void
testEmulatorKilled(const fixture *given)
{
    g_autoptr(vmcMachine) ours = vmcMachineStart(given->dir, "%s -S -M pc -vmchannel"
                                                 " 600:unix:%s/agent", given->wrapped, given->dir);
    GArray *relays = vmcRelaysFind();

    g_assert_cmpuint(relays->len, >=, 1);
    if (ours)
        vmcMachineKill(ours);
    g_assert_true(vmcRelaysEnd(relays, 1000));
}

/* Runs a command line that should end by itself; -1 when it could not. */
static int
runToEnd(char **out, char **err, const char *format, ...) G_GNUC_PRINTF(3, 4);

static int
runToEnd(char **out, char **err, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *given = NULL;
    g_autofree char *text = NULL;
    int status = -1;
    va_list args;

    va_start(args, format);
    given = g_strdup_vprintf(format, args);
    va_end(args);
    text = g_strdup_printf("timeout -k 1 20 %s", given);
    if (!g_spawn_command_line_sync(text, out, err, &status, &error)) {
        g_test_message("%s: %s", text, error->message);
        g_test_fail();
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
expectSameOutput(const fixture *given, const char *options)
{
    g_autofree char *plain = NULL, *plainErr = NULL, *ours = NULL, *oursErr = NULL;

    g_assert_cmpint(runToEnd(&plain, &plainErr, VMC_QEMU " %s", options), ==,
                    runToEnd(&ours, &oursErr, "%s %s", given->wrapped, options));
    g_assert_cmpstr(plain, ==, ours);
    g_assert_cmpstr(plainErr, ==, oursErr);
}

static void
testOutputUnchanged(const fixture *given)
{
    expectSameOutput(given, "-version");
    expectSameOutput(given, "-help");
    expectSameOutput(given, "-M help");
    expectSameOutput(given, "-no-such-option");
}

/* A played QEMU that was built without user-mode network, and says its arguments. */
static void
testWithoutUserNet(const fixture *given)
{
    g_autofree char *qemu = g_build_filename(given->dir, "qemu-system-played", NULL);
    g_autofree char *wrapper = vmcBuildPath("qemu-vmchannel");
    g_autofree char *out = NULL, *err = NULL;

    g_assert_true(g_file_set_contents(qemu, "#!/bin/sh\ncase $* in\n"
                                      "-version) echo 'QEMU emulator version 7.2.0' ;;\n"
                                      "'-netdev help') printf 'types:\\nsocket\\nvhost-user\\n' ;;\n"
                                      "*) echo \"$*\" ;;\nesac\n", -1, NULL));
    chmod(qemu, 0700);
    g_assert_cmpint(runToEnd(&out, &err, "%s %s -S -vmchannel 10.0.2.1:600:null", wrapper, qemu),
                    ==, 0);
    expectMentions(out, "-S -net nic -netdev dgram,id=hostua-vmchannel", true);
    expectMentions(out, "user", false);
}

/* A played relay, which says what it was given: of its starter's descriptors, the link. */
static void
testRelayInherits(const fixture *given)
{
    g_autofree char *qemu = g_build_filename(given->dir, "qemu-system-played", NULL);
    g_autofree char *relay = g_build_filename(given->dir, "vmchannel-relay", NULL);
    g_autofree char *wrapper = vmcBuildPath("qemu-vmchannel");
    g_autofree char *out = NULL, *err = NULL;

    g_assert_true(g_file_set_contents(qemu, "#!/bin/sh\necho 'QEMU emulator version 7.2.0'\n", -1,
                                      NULL));
    chmod(qemu, 0700);
    g_assert_true(g_file_set_contents(relay, "#!/bin/sh\nreadlink /proc/$$/fd/*\nexit 1\n", -1,
                                      NULL));
    chmod(relay, 0700);
    g_assert_cmpint(runToEnd(&out, &err, "sh -c 'cp %s %s && exec 7</dev/zero &&"
                             " exec %s/qemu-vmchannel %s -net none -vmchannel 600:null'",
                             wrapper, given->dir, given->dir, qemu), ==, 1);
    expectMentions(out, "socket:", true);
    expectMentions(out, "/dev/zero", false);
}

/* Started by one who ignores the end of children, and has closed what is standard. */
static void
testOddStarter(const fixture *given)
{
    g_autoptr(vmcMachine) machine = vmcMachineStart(given->dir,
        "env --ignore-signal=CHLD sh -c 'exec \"$0\" \"$@\" <&- >&- 2>&-' %s -S"
        " -vmchannel 600:null -vmchannel 601:pty -vmchannel 602:unix:%s/bind,server,nowait",
        given->wrapped, given->dir);

    g_assert_nonnull(machine);
    g_assert_true(relayRuns());
}

static GBytes *
commandLineOf(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid);
    char *text = NULL;
    gsize len = 0;

    g_file_get_contents(path, &text, &len, NULL);
    return g_bytes_new_take(text, len);
}

static void
testExecUnchanged(const fixture *given)
{
    g_autoptr(vmcMachine) plain = vmcMachineStart(given->dir, VMC_QEMU " -S -name vmchannel-less");
    g_autoptr(vmcMachine) ours = vmcMachineStart(given->dir, "%s -S -name vmchannel-less",
                                                 given->wrapped);
    g_autoptr(GBytes) before = NULL;
    g_autoptr(GBytes) after = NULL;

    if (!plain || !ours)
        return;
    before = commandLineOf(vmcMachinePid(plain));
    after = commandLineOf(vmcMachinePid(ours));
    g_assert_true(g_bytes_equal(before, after));
    g_assert_false(relayRuns());
}

/*
 * A start that fails does so within 2 s, with one line that names what is
 * wrong, and leaves no relay.
 */
static void
expectFailedStart(const fixture *given, const char *channel, const char *named)
{
    g_autofree char *out = NULL, *err = NULL;
    gint64 begin;
    int status;

    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    begin = g_get_monotonic_time();
    status = runToEnd(&out, &err, "%s -S -M pc -display none -vmchannel %s", given->wrapped,
                      channel);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 2 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(status, ==, 1);
    expectMentions(err, named, true);
    if (!g_str_has_suffix(err, "\n") || strchr(err, '\n') != err + strlen(err) - 1) {
        g_test_message("not one line: %s", err);
        g_test_fail();
    }
    g_assert_cmpstr(out, ==, "");
    g_assert_false(relayRuns());
    /* Nor has one outlived who started it: this process would have got it. */
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
}

static void
testBindInUse(const fixture *given)
{
    g_autofree char *path = g_build_filename(given->dir, "bind", NULL);
    g_autofree char *channel = g_strdup_printf("600:unix:%s,server,nowait", path);
    g_autoptr(vmcHostPeer) other = vmcHostListen(path, vmcHostEcho, 0);
    g_autoptr(vmcHostPeer) client = NULL;

    expectFailedStart(given, channel, path);
    /* The one that was there still serves. */
    client = vmcHostDial(path, vmcHostCollect, 0);
    g_assert_true(vmcHostWaitAccepted(client, 1));
}

static void
testBindStale(const fixture *given)
{
    g_autofree char *path = g_build_filename(given->dir, "bind", NULL);
    g_autoptr(vmcMachine) ours = NULL;
    g_autoptr(vmcHostPeer) host = NULL;

    close(vmcListen(path));
    ours = vmcMachineStart(given->dir, "%s -S -M pc -vmchannel 600:unix:%s,server,nowait",
                           given->wrapped, path);
    g_assert_nonnull(ours);
    host = vmcHostDial(path, vmcHostCollect, 0);
    g_assert_cmpuint(vmcHostAccepted(host), ==, 1);
}

static void
testNoParentDirectory(const fixture *given)
{
    g_autofree char *path = g_build_filename(given->dir, "missing", "agent", NULL);
    g_autofree char *channel = g_strdup_printf("600:unix:%s", path);

    expectFailedStart(given, channel, path);
}

static void
testNoSocket(const fixture *given)
{
    g_autofree char *path = g_build_filename(given->dir, "plain", NULL);
    g_autofree char *channel = g_strdup_printf("600:unix:%s", path);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    expectFailedStart(given, channel, path);
}

static void
testBadOption(const fixture *given)
{
    expectFailedStart(given, "6oo:unix:/run/agent.sock", "6oo");
}

static void
runCase(gconstpointer data)
{
    void (*const *test)(const fixture *) = data;
    g_autofree char *missing = vmcMissingEmulator(false);
    fixture given;

    if (missing) {
        g_test_skip(missing);
        return;
    }
    given.dir = vmcTempDir();
    given.wrapped = vmcWrapped();
    (*test)(&given);
    vmcTempDirRemove(given.dir);
    g_free(given.dir);
    g_free(given.wrapped);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(const fixture *given);
    } cases[] = {
        { "/emulator/unmoved/pc", testUnmovedPc },
        { "/emulator/unmoved/pc-two-disks", testUnmovedPcDisks },
        { "/emulator/unmoved/q35", testUnmovedQ35 },
        { "/emulator/unmoved/q35-two-disks", testUnmovedQ35Disks },
        { "/emulator/unmoved/two-own-nics", testUnmovedOwnNic },
        { "/emulator/unmoved/slot-taken", testUnmovedSlotTaken },
        { "/emulator/microvm", testMicrovm },
        { "/emulator/sandbox", testSandbox },
        { "/emulator/nic-alone", testNicAlone },
        { "/emulator/daemonize", testDaemonize },
        { "/emulator/killed", testEmulatorKilled },
        { "/emulator/unchanged/output", testOutputUnchanged },
        { "/emulator/unchanged/exec", testExecUnchanged },
        { "/emulator/without-user-network", testWithoutUserNet },
        { "/emulator/relay-inherits", testRelayInherits },
        { "/emulator/odd-starter", testOddStarter },
        { "/emulator/failed-start/bind-path-in-use", testBindInUse },
        { "/emulator/failed-start/no-parent-directory", testNoParentDirectory },
        { "/emulator/failed-start/no-socket", testNoSocket },
        { "/emulator/failed-start/bad-option", testBadOption },
        { "/emulator/bind-path-stale", testBindStale },
    };

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add_data_func(cases[i].path, &cases[i].run, runCase);
    return g_test_run();
}
