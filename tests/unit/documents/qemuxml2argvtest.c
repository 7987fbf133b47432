/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Golden command lines of qemu-vmchannel: for each NAME.args, which is what
 * libvirt runs, NAME.exec.args is what QEMU is exec'd with and NAME.relay.args
 * what the relay is started with; or NAME.exec.err is the error. Descriptors are
 * the word LINK. newest/ has the same of the newest libvirt and QEMU, where the
 * relay's and the error must be no others. Needs neither libvirt nor QEMU.
 */
#include <config.h>

#include <string.h>

#include "qemu/qemu_argv.h"
#include "tests/lib/testutils.h"
#include "util/error.h"

#define DATA "qemuxml2argvdata"
#define NEWEST DATA "/newest"
#define EMULATOR_PREFIX "EMULATORDIR"

static char *
dataPath(const char *folder, const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(folder, "/", name, suffix, NULL);

    return testPath(file);
}

/* One argument a line, as the .args have them. */
static char *
joinLines(char **argv)
{
    g_autofree char *lines = g_strjoinv("\n", argv);

    return g_strconcat(lines, "\n", NULL);
}

/* The place of the emulator in @lines, behind libvirt's environment. */
static char **
findEmulator(char **lines)
{
    while (*lines && !g_str_has_prefix(*lines, EMULATOR_PREFIX "/"))
        lines++;
    return lines;
}

/* What came of one case: two command lines, or an error. */
typedef struct {
    char *exec;
    char *relay;
    char *error;
} outcome;

static void
plan(outcome *out, char **emulator)
{
    const char *none[] = { NULL };
    g_autoptr(vmcQemuArgv) made = vmcQemuArgvParse((const char *const *)emulator + 1, none);
    g_auto(GStrv) exec = NULL;
    g_auto(GStrv) relay = NULL;

    if (!made || vmcQemuArgvSettle(made, true) < 0) {
        out->error = g_strconcat(vmcErrorLast()->message, "\n", NULL);
        return;
    }
    exec = vmcQemuArgvFormat(made, *emulator + strlen(EMULATOR_PREFIX), "LINK");
    relay = vmcQemuArgvFormatRelay(made, "vmchannel-relay", "LINK");
    out->exec = joinLines(exec);
    out->relay = vmcQemuArgvHasVmchannel(made) ? joinLines(relay) : NULL;
}

static void
compare(const char *folder, const char *name, const char *suffix, const char *actual)
{
    g_autofree char *path = dataPath(folder, name, suffix);

    testCompareFile(actual, path);
}

/* One of libvirt's command lines, @text. */
static void
testLine(const char *folder, const char *name, char *text)
{
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    char **emulator = findEmulator(lines);
    outcome out = { 0 };

    g_assert_nonnull(*emulator);
    plan(&out, emulator);
    compare(folder, name, ".exec.args", out.exec);
    compare(DATA, name, ".relay.args", out.relay);
    compare(DATA, name, ".exec.err", out.error);
    g_free(out.exec);
    g_free(out.relay);
    g_free(out.error);
}

static void
testCase(gconstpointer data)
{
    const char *name = data;
    const char *folders[] = { DATA, NEWEST };

    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = dataPath(folders[i], name, ".args");
        g_autofree char *text = testRead(path);

        if (text)
            testLine(folders[i], name, text);
    }
}

int
main(int argc, char **argv)
{
    return testRunCases(argc, argv, "qemu/xml2argv", DATA, ".args", testCase);
}
