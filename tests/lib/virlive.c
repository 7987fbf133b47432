/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A libvirt client that attaches a device to a running domain and detaches it
 * by its alias, on one connection, and waits for the event that says so each
 * time: virlive URI DOMAIN FILE. For tests of what virsh has no command for.
 */
#include <config.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Seconds after which the test has failed. */
#define PATIENCE 120

static int
fail(const char *what)
{
    fprintf(stderr, "virlive: %s: %s\n", what, virGetLastErrorMessage());
    return EXIT_FAILURE;
}

/* Keeps the alias that an event names in the char ** at @opaque. */
static void
heard(virConnectPtr connection G_GNUC_UNUSED, virDomainPtr domain, const char *alias, void *opaque)
{
    char **kept = opaque;

    printf("%s: %s\n", virDomainGetName(domain), alias);
    g_free(*kept);
    *kept = g_strdup(alias);
}

static int
listenFor(virDomainPtr domain, int event, char **kept)
{
    return virConnectDomainEventRegisterAny(virDomainGetConnect(domain), domain, event,
                                            VIR_DOMAIN_EVENT_CALLBACK((void (*)(void))heard), kept, NULL);
}

static int
waitFor(char *const *kept)
{
    while (!*kept) {
        if (virEventRunDefaultImpl() < 0)
            return -1;
    }
    return 0;
}

static int
converse(virDomainPtr domain, const char *xml)
{
    g_autofree char *added = NULL;
    g_autofree char *removed = NULL;

    if (listenFor(domain, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, &added) < 0 ||
        listenFor(domain, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, &removed) < 0)
        return fail("listen");
    if (virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0 || waitFor(&added) < 0)
        return fail("attach");
    if (virDomainDetachDeviceAlias(domain, added, VIR_DOMAIN_AFFECT_LIVE) < 0 ||
        waitFor(&removed) < 0)
        return fail("detach");
    return g_str_equal(added, removed) ? EXIT_SUCCESS : fail("another was removed");
}

int
main(int argc, char **argv)
{
    g_autofree char *xml = NULL;
    virConnectPtr connection;
    virDomainPtr domain;
    int status;

    if (argc != 4 || !g_file_get_contents(argv[3], &xml, NULL, NULL))
        return fail("usage: virlive URI DOMAIN FILE");
    alarm(PATIENCE);
    virEventRegisterDefaultImpl();
    connection = virConnectOpen(argv[1]);
    domain = connection ? virDomainLookupByName(connection, argv[2]) : NULL;
    if (!domain)
        return fail("open");
    status = converse(domain, xml);
    virDomainFree(domain);
    virConnectClose(connection);
    return status;
}
