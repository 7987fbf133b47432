/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: virconsole URI DOMAIN
 * Sends a line to the domain's console over a stream, waits until it comes
 * back (a guest's terminal echoes), and finishes the stream.
 */
#include <config.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 60

static int
fail(const char *what)
{
    fprintf(stderr, "virconsole: %s: %s\n", what, virGetLastErrorMessage());
    return EXIT_FAILURE;
}

/* Reads until @wanted has come. */
static int
readUntil(virStreamPtr stream, const char *wanted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];

    while (!strstr(text->str, wanted)) {
        int n = virStreamRecv(stream, buffer, sizeof(buffer));

        if (n <= 0)
            return -1;
        g_string_append_len(text, buffer, n);
    }
    return 0;
}

static int
converse(virStreamPtr stream)
{
    static const char line[] = "are you there\n";

    if (virStreamSend(stream, line, strlen(line)) != (int)strlen(line))
        return fail("send");
    if (readUntil(stream, "are you there") < 0)
        return fail("receive");
    return virStreamFinish(stream) < 0 ? fail("finish") : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
    virConnectPtr connection;
    virDomainPtr domain;
    virStreamPtr stream;
    int status;

    if (argc != 3)
        return fail("usage: virconsole URI DOMAIN");
    alarm(PATIENCE);
    connection = virConnectOpen(argv[1]);
    domain = connection ? virDomainLookupByName(connection, argv[2]) : NULL;
    stream = domain ? virStreamNew(connection, 0) : NULL;
    if (!stream || virDomainOpenConsole(domain, NULL, stream, 0) < 0)
        return fail("open");
    status = converse(stream);
    virStreamFree(stream);
    virDomainFree(domain);
    virConnectClose(connection);
    return status;
}
