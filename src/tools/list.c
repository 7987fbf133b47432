/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel list: the channels of running domains. libvirt tells
 * which domains there are and whether they have channels; their relays tell the
 * channels' state.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "documents/domain_rewrite.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"

static gboolean json;

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    { "json", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &json,
      "Print all that the relays say, as JSON", NULL },
    G_OPTION_ENTRY_NULL
};

static bool
hasChannels(vmcDomain *domain)
{
    vmcRewriteOptions rewrite = { .emulatorDir = vmcToolEmulatorDir() };
    g_autofree char *xml = virDomainGetXMLDesc(domain, 0);

    return xml && vmcDomainStateOf(xml, &rewrite) != VMC_DOMAIN_PLAIN;
}

/*
 * Describes a domain: its name, uuid and channels, or an error in their place. NULL
 * when it has no channels.
 */
static struct json_object *
describe(vmcDomain *domain)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    g_autoptr(vmcControlClient) client = NULL;
    g_autofree char *why = NULL;
    struct json_object *channels = NULL;
    struct json_object *one;

    virDomainGetUUIDString(domain, uuid);
    client = vmcControlClientFind(uuid);
    if (client)
        channels = vmcControlClientExecute(client, "query-vmchannels", NULL, NULL);
    why = g_strdup(vmcErrorLast()->message);
    if (!client && !hasChannels(domain))
        return NULL;
    one = json_object_new_object();
    json_object_object_add(one, "domain", json_object_new_string(virDomainGetName(domain)));
    json_object_object_add(one, "uuid", json_object_new_string(uuid));
    if (channels)
        json_object_object_add(one, "channels", channels);
    else
        json_object_object_add(one, "error", json_object_new_string(why));
    return one;
}

static gint64
number(struct json_object *channel, const char *key)
{
    return json_object_get_int64(json_object_object_get(channel, key));
}

static void
printChannel(const char *domain, struct json_object *channel)
{
    g_autofree char *target = g_strdup_printf("%s:%" G_GINT64_FORMAT,
                                              vmcJsonString(channel, "address"),
                                              number(channel, "port"));
    const char *pty = vmcJsonString(channel, "pty");
    const char *problem = vmcJsonString(channel, "reopen-error");

    printf("%-20s %-15s %-12s %5" G_GINT64_FORMAT " %7" G_GINT64_FORMAT " %7" G_GINT64_FORMAT
           " %7" G_GINT64_FORMAT " %7" G_GINT64_FORMAT " %12" G_GINT64_FORMAT
           " %12" G_GINT64_FORMAT "  %s%s%s%s%s\n", domain, target,
           vmcJsonString(channel, "state"), number(channel, "connections"),
           number(channel, "connections-total"), number(channel, "refused"),
           number(channel, "dropped"), number(channel, "evicted"),
           number(channel, "bytes-to-host"), number(channel, "bytes-to-guest"),
           vmcJsonString(channel, "vmchannel"), pty ? " at " : "", pty ? pty : "",
           problem ? ": " : "", problem ? problem : "");
}

static void
printDomain(struct json_object *one)
{
    struct json_object *channels = json_object_object_get(one, "channels");
    const char *domain = vmcJsonString(one, "domain");

    if (!json_object_is_type(channels, json_type_array)) {
        printf("%-20s %s\n", domain, vmcJsonString(one, "error"));
        return;
    }
    for (size_t i = 0; i < json_object_array_length(channels); i++)
        printChannel(domain, json_object_array_get_idx(channels, i));
}

static void
print(struct json_object *list)
{
    g_autofree char *text = vmcJsonLine(list);

    if (json) {
        fputs(text, stdout);
        return;
    }
    printf("%-20s %-15s %-12s %5s %7s %7s %7s %7s %12s %12s  %s\n", "Domain", "Address", "State",
           "Open", "Total", "Refused", "Dropped", "Evicted", "To host", "To guest", "Channel");
    for (size_t i = 0; i < json_object_array_length(list); i++)
        printDomain(json_object_array_get_idx(list, i));
}

static int
list(const char *const *args G_GNUC_UNUSED)
{
    g_autoptr(vmcConnection) connection = vmcToolConnect();
    g_autoptr(vmcJson) all = json_object_new_array();
    virDomainPtr *domains = NULL;
    int n;

    if (!connection)
        return vmcToolFail();
    n = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (n < 0) {
        vmcToolReportLibvirt();
        return vmcToolFail();
    }
    for (int i = 0; i < n; i++) {
        struct json_object *one = describe(domains[i]);

        if (one)
            json_object_array_add(all, one);
        virDomainFree(domains[i]);
    }
    free(domains);
    print(all);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : VMC_EXIT_FAILURE;
}

const vmcCommand vmcCommandList = {
    .name = "list",
    .arguments = "",
    .summary = "List the channels of running domains",
    .description =
        "The domains are those that you may see in libvirt. Of each channel: whether a\n"
        "guest connection is open, how many are and have been, how many were refused\n"
        "(nobody there), dropped (no place) and evicted (for a newer one), bytes each\n"
        "way, and what it is, with the error of a file or log that could not be opened\n"
        "anew at SIGHUP. A domain whose relay you may not ask is listed with the reason.",
    .run = list,
    .options = options,
    .minArgs = 0,
    .maxArgs = 0,
};
