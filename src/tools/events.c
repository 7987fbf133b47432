/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-vmchannel events: what becomes of a guest's connections, as it happens. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"

static gboolean json;

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "json", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &json,
      "Print each event as the relay sends it, a line of JSON", NULL },
    G_OPTION_ENTRY_NULL
};

static struct json_object *
member(struct json_object *object, const char *key)
{
    return object ? json_object_object_get(object, key) : NULL;
}

/* Prints time, name, channel and peer; what an event does not have is left out. */
static void
printEvent(struct json_object *event)
{
    struct json_object *stamp = member(event, "timestamp");
    struct json_object *data = member(event, "data");
    const char *address = data ? vmcJsonString(data, "address") : NULL;
    const char *peer = data ? vmcJsonString(data, "peer-address") : NULL;
    g_autoptr(GDateTime) second =
        g_date_time_new_from_unix_local(json_object_get_int64(member(stamp, "seconds")));
    g_autofree char *time = second ? g_date_time_format(second, "%F %T") : g_strdup("?");

    printf("%s.%06d %s", time, json_object_get_int(member(stamp, "microseconds")),
           vmcJsonString(event, "event"));
    if (address)
        printf(" %s:%d", address, json_object_get_int(member(data, "port")));
    if (peer)
        printf(" from %s:%d", peer, json_object_get_int(member(data, "peer-port")));
    if (member(data, "dropped"))
        printf(" dropped %" G_GINT64_FORMAT " evicted %" G_GINT64_FORMAT,
               (gint64)json_object_get_int64(member(data, "dropped")),
               (gint64)json_object_get_int64(member(data, "evicted")));
    if (member(data, "reopen-error"))
        printf(" %s", vmcJsonString(data, "reopen-error"));
    if (member(data, "count"))
        printf(" %" G_GINT64_FORMAT, (gint64)json_object_get_int64(member(data, "count")));
    putchar('\n');
}

static int
events(const char *const *args)
{
    g_autoptr(vmcControlClient) client = vmcToolControl(args[0]);
    struct json_object *event;

    if (!client)
        return vmcToolFail();
    while ((event = vmcControlClientEvent(client))) {
        g_autofree char *line = vmcJsonLine(event);

        if (json)
            fputs(line, stdout);
        else if (vmcJsonString(event, "event"))
            printEvent(event);
        json_object_put(event);
        if (fflush(stdout) != 0)
            return VMC_EXIT_FAILURE;
    }
    return vmcErrorLast()->code == VIR_ERR_OK ? EXIT_SUCCESS : vmcToolFail();
}

const vmcCommand vmcCommandEvents = {
    .name = "events",
    .arguments = "DOMAIN",
    .summary = "Print what becomes of a running domain's connections",
    .description =
        VMC_TOOL_CONTROL_DOMAIN
        "Each connection that the guest opens, is refused or ends is a line, until the\n"
        "domain ends. Who does not read them loses some, and is told how many.",
    .run = events,
    .options = options,
    .minArgs = 1,
    .maxArgs = 1,
};
