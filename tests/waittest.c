/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting without sleep: that it tells what poll tells, and takes no processor
 * time where waits are long.
 */
#include <config.h>

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "proxy/wait.h"

#define LONG_MS 20

static gint64
processorUsec(void)
{
    struct timespec now;

    g_assert_cmpint(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), ==, 0);
    return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void
testTellsEvents(void)
{
    vmcWait wait = { 0 };
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    for (guint i = 0; i < 20000; i++) {
        struct pollfd fds[] = { { .fd = pair[0], .events = POLLIN }, { .fd = -1 } };
        char byte = 'x';

        g_assert_cmpint(write(pair[1], &byte, 1), ==, 1);
        g_assert_cmpint(vmcWaitPoll(&wait, i % VMC_WAIT_LAST, fds, 2, -1), ==, 1);
        g_assert_cmpint(fds[0].revents, ==, POLLIN);
        g_assert_cmpint(read(pair[0], &byte, 1), ==, 1);
    }
    close(pair[0]);
    close(pair[1]);
}

static void
testSleepsWhenLong(void)
{
    vmcWait wait = { 0 };
    int pair[2];
    gint64 before;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    before = processorUsec();
    for (guint i = 0; i < 50; i++) {
        struct pollfd fds = { .fd = pair[0], .events = POLLIN };

        g_assert_cmpint(vmcWaitPoll(&wait, i % VMC_WAIT_LAST, &fds, 1, LONG_MS), ==, 0);
    }
    /* A second was waited. */
    g_assert_cmpint(processorUsec() - before, <, 100 * 1000);
    close(pair[0]);
    close(pair[1]);
}

static void
testTellsErrors(void)
{
    vmcWait wait = { 0 };
    struct pollfd fds = { .fd = 1000000, .events = POLLIN };

    g_assert_cmpint(vmcWaitPoll(&wait, VMC_WAIT_DAEMON, &fds, 1, -1), ==, 1);
    g_assert_cmpint(fds.revents, ==, POLLNVAL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wait/tells-events", testTellsEvents);
    g_test_add_func("/wait/sleeps-when-long", testSleepsWhenLong);
    g_test_add_func("/wait/tells-errors", testTellsErrors);
    return g_test_run();
}
