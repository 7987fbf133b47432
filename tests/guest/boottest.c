/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test guest itself: it boots, and commands run in it and come back. */
#include <config.h>

#include "tests/lib/guest.h"

static vmcGuest *
boot(const char *dir)
{
    (void)dir;
    return vmcGuestStart(VMC_QEMU " -nodefaults");
}

static void
testRun(vmcGuest *guest, const char *dir)
{
    g_autofree char *output = NULL;

    (void)dir;
    g_assert_cmpint(vmcGuestRun(guest, &output, "echo out; echo err >&2; exit 3"), ==, 3);
    g_assert_cmpstr(output, ==, "out\nerr\n");
}

static void
testConcurrent(vmcGuest *guest, const char *dir)
{
    int slow = vmcGuestSpawn(guest, "mkfifo /tmp/f; read line </tmp/f; echo $line");
    int stuck = vmcGuestSpawn(guest, "sleep 1000");
    g_autofree char *output = NULL;

    (void)dir;
    vmcGuestExpect(guest, "", "until [ -p /tmp/f ]; do :; done; echo hello >/tmp/f");
    g_assert_cmpint(vmcGuestWait(guest, slow, &output), ==, 0);
    g_assert_cmpstr(output, ==, "hello\n");
    vmcGuestKill(guest, stuck);
    g_assert_cmpint(vmcGuestWait(guest, stuck, NULL), ==, 128 + 9);
}

static void
testNettool(vmcGuest *guest, const char *dir)
{
    (void)dir;
    vmcGuestExpect(guest, "connect: ECONNREFUSED\n", "nettool 127.0.0.1 600 recv");
    vmcGuestExpect(guest, "connect: ENETUNREACH\n", "nettool 10.0.2.4 600 recv");
}

int
main(int argc, char **argv)
{
    static const vmcGuestCase cases[] = {
        { "/guest/run", testRun },
        { "/guest/concurrent", testConcurrent },
        { "/guest/nettool", testNettool },
    };
    static const vmcGuestSuite suite = { boot, cases, G_N_ELEMENTS(cases), true };

    return vmcGuestSuiteRun(argc, argv, &suite, 1);
}
