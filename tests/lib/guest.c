/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A booted guest for tests: see guest.h. */
#include <config.h>

#include "tests/lib/guest.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOOT_PATIENCE 120000    /* milliseconds, emulated on a busy machine */

typedef struct {
    int status;
    char *output;
} commandResult;

struct _vmcGuest {
    vmcMachine *machine;
    char *dir;              /* ours: console, log and control socket */
    char *commandLine;
    int control;            /* -1: not connected */
    GString *pending;       /* read from the agent and not yet used */
    int lastCommand;
    GHashTable *results;    /* command → commandResult, until it is asked for */
};

static void
resultFree(gpointer data)
{
    commandResult *result = data;

    g_free(result->output);
    g_free(result);
}

static char *
guestPath(const vmcGuest *guest, const char *name)
{
    return g_build_filename(guest->dir, name, NULL);
}

/* The rest of the command line: what makes any machine our guest. */
static char *
guestOptions(const vmcGuest *guest, const char *loader)
{
    return g_strdup_printf(
        "-accel tcg -m 256 -no-reboot %s -serial file:%s/console "
        "-device virtio-serial-pci,max_ports=2 -chardev socket,id=control,path=%s/control "
        "-device virtserialport,chardev=control,name=vmchannel.test",
        loader, guest->dir, guest->dir);
}

/* Starts the emulator; the guest's port to us is connected then. */
static bool
startMachine(vmcGuest *guest, const char *more)
{
    g_autofree char *control = guestPath(guest, "control");
    int listener = vmcListen(control);

    guest->machine = vmcMachineStart(guest->dir, "%s %s", guest->commandLine, more);
    guest->control = guest->machine ? vmcAccept(listener, -1, VMC_PATIENCE) : -1;
    close(listener);
    unlink(control);
    return guest->control >= 0;
}

static bool
waitReady(vmcGuest *guest)
{
    g_autofree char *line = vmcReadLine(guest->control, guest->pending, BOOT_PATIENCE);

    return g_strcmp0(line, "READY") == 0;
}

static vmcGuest *
start(const char *loader, char *given)
{
    vmcGuest *guest = g_new0(vmcGuest, 1);
    g_autofree char *options = NULL;

    guest->dir = vmcTempDir();
    guest->control = -1;
    guest->pending = g_string_new(NULL);
    guest->results = g_hash_table_new_full(NULL, NULL, NULL, resultFree);
    options = guestOptions(guest, loader);
    guest->commandLine = g_strjoin(" ", given, options, NULL);
    g_free(given);
    if (!startMachine(guest, "") || !waitReady(guest)) {
        g_test_message("the guest did not boot: %s", guest->commandLine);
        vmcGuestDump(guest);
        g_test_fail();
        g_clear_pointer(&guest, vmcGuestStop);
    }
    return guest;
}

vmcGuest *
vmcGuestStart(const char *format, ...)
{
    g_autofree char *kernel = vmcBuildPath("guest/vmlinuz");
    g_autofree char *initrd = vmcBuildPath("guest/initrd.img");
    g_autofree char *loader = g_strdup_printf("-kernel '%s' -initrd '%s' -append"
                                              " 'console=ttyS0 quiet panic=-1'", kernel, initrd);
    char *given;
    va_list args;

    va_start(args, format);
    given = g_strdup_vprintf(format, args);
    va_end(args);
    return start(loader, given);
}

vmcGuest *
vmcGuestStartFrom(const char *loader, const char *format, ...)
{
    char *given;
    va_list args;

    va_start(args, format);
    given = g_strdup_vprintf(format, args);
    va_end(args);
    return start(loader, given);
}

static bool
qmpDone(vmcGuest *guest, const char *command)
{
    g_autofree char *reply = vmcMachineQmp(guest->machine, command);

    if (g_strcmp0(reply, "{\"return\": {}}") == 0)
        return true;
    g_test_message("%s: %s", command, reply ? reply : "no answer");
    g_test_fail();
    return false;
}

bool
vmcGuestReboot(vmcGuest *guest)
{
    if (!qmpDone(guest, "{\"execute\": \"set-action\", \"arguments\":"
                 " {\"reboot\": \"reset\"}}") ||
        !qmpDone(guest, "{\"execute\": \"system_reset\"}"))
        return false;
    if (waitReady(guest))
        return true;
    g_test_message("the guest did not boot again");
    g_test_fail();
    return false;
}

/* Asks again until the answer has @wanted in it: QMP tells it to who asks. */
static bool
qmpUntil(vmcGuest *guest, const char *command, const char *wanted)
{
    for (int left = VMC_PATIENCE / 50; left > 0; left--) {
        g_autofree char *reply = vmcMachineQmp(guest->machine, command);

        if (reply && strstr(reply, wanted))
            return true;
        g_usleep(50 * G_TIME_SPAN_MILLISECOND);
    }
    g_test_message("%s: never %s", command, wanted);
    g_test_fail();
    return false;
}

bool
vmcGuestMove(vmcGuest *guest, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "state", NULL);
    g_autofree char *migrate = g_strdup_printf("{\"execute\": \"migrate\", \"arguments\":"
                                               " {\"uri\": \"exec:cat > %s\"}}", path);
    g_autofree char *incoming = g_strdup_printf("-incoming 'exec:cat %s'", path);

    if (!qmpDone(guest, migrate) ||
        !qmpUntil(guest, "{\"execute\": \"query-migrate\"}", "\"completed\""))
        return false;
    g_clear_pointer(&guest->machine, vmcMachineStop);
    close(guest->control);
    return startMachine(guest, incoming) &&
        qmpUntil(guest, "{\"execute\": \"query-status\"}", "\"running\": true");
}

void
vmcGuestStop(vmcGuest *guest)
{
    if (!guest)
        return;
    vmcMachineStop(guest->machine);
    if (guest->control >= 0)
        close(guest->control);
    g_string_free(guest->pending, TRUE);
    g_hash_table_destroy(guest->results);
    vmcTempDirRemove(guest->dir);
    g_free(guest->commandLine);
    g_free(guest->dir);
    g_free(guest);
}

vmcMachine *
vmcGuestMachine(vmcGuest *guest)
{
    return guest->machine;
}

void
vmcGuestDump(const vmcGuest *guest)
{
    g_autofree char *console = guestPath(guest, "console");

    vmcDumpFile(console);
    if (guest->machine)
        vmcMachineDump(guest->machine);
}

static void
request(vmcGuest *guest, int command, int length, const char *text)
{
    g_autofree char *message = g_strdup_printf("%d %d\n%s", command, length, text);

    if (send(guest->control, message, strlen(message), MSG_NOSIGNAL) < 0)
        g_test_message("the guest's agent is gone");
}

static int
spawnText(vmcGuest *guest, const char *text)
{
    int command = ++guest->lastCommand;

    request(guest, command, (int)strlen(text), text);
    return command;
}

int
vmcGuestSpawn(vmcGuest *guest, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    return spawnText(guest, text);
}

void
vmcGuestKill(vmcGuest *guest, int command)
{
    request(guest, command, -1, "");
}

/* Takes the next answer, whichever command it is of. */
static bool
readResult(vmcGuest *guest)
{
    g_autofree char *line = vmcReadLine(guest->control, guest->pending, VMC_PATIENCE);
    int command, status;
    size_t length;
    commandResult *result;

    if (!line || sscanf(line, "%d %d %zu", &command, &status, &length) != 3)
        return false;
    while (guest->pending->len < length) {
        if (!vmcReadMore(guest->control, guest->pending, VMC_PATIENCE))
            return false;
    }
    result = g_new0(commandResult, 1);
    result->status = status;
    result->output = g_strndup(guest->pending->str, length);
    g_string_erase(guest->pending, 0, (gssize)length);
    g_hash_table_insert(guest->results, GINT_TO_POINTER(command), result);
    return true;
}

int
vmcGuestWait(vmcGuest *guest, int command, char **output)
{
    gpointer key = GINT_TO_POINTER(command);
    commandResult *result;
    int status;

    while (!(result = g_hash_table_lookup(guest->results, key))) {
        if (!readResult(guest)) {
            g_test_message("the guest does not answer");
            g_test_fail();
            if (output)
                *output = g_strdup("");
            return -1;
        }
    }
    status = result->status;
    if (output)
        *output = g_steal_pointer(&result->output);
    g_hash_table_remove(guest->results, key);
    return status;
}

int
vmcGuestRun(vmcGuest *guest, char **output, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    return vmcGuestWait(guest, spawnText(guest, text), output);
}

void
vmcGuestExpect(vmcGuest *guest, const char *expected, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *output = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    vmcGuestWait(guest, spawnText(guest, text), &output);
    if (strcmp(output, expected) != 0) {
        g_test_message("in the guest: %s", text);
        g_test_message("expected: %s", expected);
        g_test_message("it said:  %s", output);
        g_test_fail();
    }
}

/* The suite whose guest runs now; the next suite's first case replaces it. */
static struct {
    const vmcGuestSuite *suite;
    vmcGuest *guest;
    char *dir;
} current;

static void
suiteEnd(void)
{
    g_clear_pointer(&current.guest, vmcGuestStop);
    if (current.dir)
        vmcTempDirRemove(current.dir);
    g_clear_pointer(&current.dir, g_free);
    current.suite = NULL;
}

static void
suiteBegin(const vmcGuestSuite *suite)
{
    if (current.suite == suite)
        return;
    suiteEnd();
    current.suite = suite;
    current.dir = vmcTempDir();
    current.guest = suite->boot(current.dir);
}

typedef struct {
    const vmcGuestSuite *suite;
    const vmcGuestCase *one;
} suiteCase;

static void
suiteCaseRun(gconstpointer data)
{
    const suiteCase *todo = data;
    g_autofree char *missing = vmcMissingEmulator(todo->suite->stock);

    if (!missing)
        missing = vmcMissingGuest();
    if (missing) {
        g_test_skip(missing);
        return;
    }
    suiteBegin(todo->suite);
    if (!current.guest) {
        g_test_message("there is no guest");
        g_test_fail();
        return;
    }
    todo->one->run(current.guest, current.dir);
    if (g_test_failed())
        vmcGuestDump(current.guest);
}

int
vmcGuestSuiteRun(int argc, char **argv, const vmcGuestSuite *suites, size_t count)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    /* A failed case must not take the guest from the others. */
    g_test_set_nonfatal_assertions();
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < suites[i].count; j++) {
            suiteCase todo = { &suites[i], &suites[i].cases[j] };

            g_test_add_data_func_full(todo.one->path, g_memdup2(&todo, sizeof(todo)),
                                      suiteCaseRun, g_free);
        }
    }
    status = g_test_run();
    suiteEnd();
    return status;
}
