/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel attach and detach: channels of a guest that runs, by its
 * relay's control socket. They change nothing that libvirt has.
 */
#include <config.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/domain_conf.h"
#include "conf/xml.h"
#include "qemu/qemu_conf.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    G_OPTION_ENTRY_NULL
};

/* Returns a document of one channel as the value of -vmchannel; NULL with an error. */
static char *
readChannel(const char *xml)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autoptr(vmcChrDef) def = root ? vmcChrDefParse(root) : NULL;
    g_autoptr(vmcChannel) channel = NULL;

    if (!def)
        return NULL;
    if (!vmcXmlIsChannel(root)) {
        vmcReportError(VIR_ERR_XML_ERROR, "<%s> is no channel: accepted is <vmchannel>",
                       (const char *)root->name);
        return NULL;
    }
    channel = vmcChannelFromChrDef(def);
    return channel ? vmcQemuChannelFormat(channel) : NULL;
}

static int
attach(const char *const *args)
{
    g_autofree char *xml = vmcToolReadDocument(args[1]);
    g_autofree char *value = xml ? readChannel(xml) : NULL;
    g_autoptr(vmcControlClient) client = value ? vmcToolControl(args[0]) : NULL;
    g_autoptr(vmcJson) added = NULL;
    struct json_object *arguments;
    const char *where;

    if (!client)
        return vmcToolFail();
    arguments = json_object_new_object();
    json_object_object_add(arguments, "vmchannel", json_object_new_string(value));
    added = vmcControlClientExecute(client, "vmchannel-add", arguments, NULL);
    if (!added)
        return vmcToolFail();
    where = vmcJsonString(added, "pty");
    if (!where)
        where = vmcJsonString(added, "path");
    if (where)
        puts(where);
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandAttach = {
    .name = "attach",
    .arguments = "DOMAIN FILE",
    .summary = "Add a channel to a running domain",
    .description =
        VMC_TOOL_CONTROL_DOMAIN
        "FILE has a <vmchannel>, or is - for standard input. The path of a pty or of a\n"
        "socket that has none in FILE is printed. The channel is there until the domain\n"
        "ends or it is detached: neither the definition nor what libvirt saves of the\n"
        "domain has it. For these there is virsh attach-device through vmchannel-proxy.",
    .run = attach,
    .options = options,
    .minArgs = 2,
    .maxArgs = 2,
};

/* Reads [ADDRESS:]PORT; NULL with an error. */
static struct json_object *
readTarget(const char *text)
{
    const char *colon = strchr(text, ':');
    g_autofree char *address = g_strndup(text, colon ? colon - text : 0);
    struct in_addr parsed;
    unsigned int port;
    struct json_object *target;

    if (!vmcChannelPortFromString(colon ? colon + 1 : text, &port) ||
        (colon && inet_pton(AF_INET, address, &parsed) != 1)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "'%s': accepted is ADDRESS:PORT", text);
        return NULL;
    }
    target = json_object_new_object();
    json_object_object_add(target, "address",
                           json_object_new_string(colon ? address : VMC_CHANNEL_DEFAULT_ADDRESS));
    json_object_object_add(target, "port", json_object_new_int64(port));
    return target;
}

static int
detach(const char *const *args)
{
    g_autoptr(vmcJson) target = readTarget(args[1]);
    g_autoptr(vmcControlClient) client = target ? vmcToolControl(args[0]) : NULL;
    g_autoptr(vmcJson) removed = NULL;

    if (client)
        removed = vmcControlClientExecute(client, "vmchannel-remove",
                                          g_steal_pointer(&target), NULL);
    return removed ? EXIT_SUCCESS : vmcToolFail();
}

const vmcCommand vmcCommandDetach = {
    .name = "detach",
    .arguments = "DOMAIN ADDRESS:PORT",
    .summary = "Take a channel from a running domain",
    .description =
        VMC_TOOL_CONTROL_DOMAIN
        "The address may be left out: 10.0.2.4. Connections of the channel are reset,\n"
        "others are not. The definition keeps it: the next start has it again.",
    .run = detach,
    .options = options,
    .minArgs = 2,
    .maxArgs = 2,
};
