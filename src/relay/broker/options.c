/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The relay's command line: see options.h.
 *
 * Pure: opens nothing, starts nothing.
 */
#include <config.h>

#include "relay/broker/options.h"

#include "qemu/nic.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

static int
parseNumber(const char *value, unsigned int min, unsigned int max, unsigned int *number)
{
    guint64 parsed;

    if (!g_ascii_string_to_unsigned(value, 10, min, max, &parsed, NULL))
        return -1;
    *number = parsed;
    return 0;
}

static int
parseLinkFd(vmcRelayOptions *options, const char *value)
{
    unsigned int fd;

    if (parseNumber(value, 3, G_MAXINT, &fd) < 0)
        return -1;
    options->linkFd = fd;
    return 0;
}

static int
parseNetwork(vmcRelayOptions *options, const char *value)
{
    return vmcNetworkFromString(value, &options->network) ? 0 : -1;
}

static int
parseMtu(vmcRelayOptions *options, const char *value)
{
    return parseNumber(value, VMC_NIC_MTU_MIN, VMC_NIC_MTU_MAX, &options->mtu);
}

static int
parseName(vmcRelayOptions *options, const char *value)
{
    g_free(options->name);
    options->name = g_strdup(value);
    return 0;
}

static int
parseUuid(vmcRelayOptions *options, const char *value)
{
    g_free(options->uuid);
    options->uuid = g_strdup(value);
    return 0;
}

static int
parseSwitch(const char *value, bool *on)
{
    int word = vmcSwitchFromString(value);

    if (word != VMC_SWITCH_ON && word != VMC_SWITCH_OFF)
        return -1;
    *on = word == VMC_SWITCH_ON;
    return 0;
}

static int
parseDhcp(vmcRelayOptions *options, const char *value)
{
    bool on = !options->noDhcp;
    int ret = parseSwitch(value, &on);

    options->noDhcp = !on;
    return ret;
}

static int
parseDebug(vmcRelayOptions *options, const char *value)
{
    return parseSwitch(value, &options->debug);
}

static int
parseChannel(vmcRelayOptions *options, const char *value)
{
    vmcChannel *channel = vmcQemuChannelParse(value);

    if (!channel)
        return -1;
    g_ptr_array_add(options->channels, channel);
    return 0;
}

/* Each option, and what it accepts; NULL: its parser reports by itself. */
static const struct {
    const char *name;
    int (*parse)(vmcRelayOptions *options, const char *value);
    const char *accepted;
} rows[] = {
    { "--link-fd", parseLinkFd, "the number of an open descriptor" },
    { "--network", parseNetwork, "ADDRESS/PREFIX of the guest, with a prefix of "
      G_STRINGIFY(VMC_NETWORK_PREFIX_MIN) " to " G_STRINGIFY(VMC_NETWORK_PREFIX_MAX) },
    { "--dhcp", parseDhcp, "on or off" },
    { "--mtu", parseMtu, "576 to 65520" },
    { "--name", parseName, NULL },
    { "--uuid", parseUuid, NULL },
    { "--debug", parseDebug, "on or off" },
    { "--vmchannel", parseChannel, NULL },
};

static int
parseOption(vmcRelayOptions *options, const char *name, const char *value)
{
    size_t i = 0;

    while (i < G_N_ELEMENTS(rows) && !g_str_equal(rows[i].name, name))
        i++;
    if (i == G_N_ELEMENTS(rows)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "unknown option '%s'", name);
        return -1;
    }
    if (!value) {
        vmcReportError(VIR_ERR_INVALID_ARG, "option '%s' needs a value", name);
        return -1;
    }
    if (rows[i].parse(options, value) == 0)
        return 0;
    if (rows[i].accepted)
        vmcReportError(VIR_ERR_INVALID_ARG, "%s '%s': accepted is %s", name, value,
                       rows[i].accepted);
    return -1;
}

vmcRelayOptions *
vmcRelayOptionsParse(const char *const *argv)
{
    g_autoptr(vmcRelayOptions) options = g_new0(vmcRelayOptions, 1);

    options->channels = vmcChannelArrayNew();
    for (argv++; *argv; argv += 2) {
        if (parseOption(options, argv[0], argv[1]) < 0)
            return NULL;
    }
    if (options->linkFd == 0 || options->network.prefix == 0 || options->mtu == 0) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s",
                       "the options '--link-fd', '--network' and '--mtu' are needed");
        return NULL;
    }
    return g_steal_pointer(&options);
}

void
vmcRelayOptionsFree(vmcRelayOptions *options)
{
    if (!options)
        return;
    g_free(options->name);
    g_free(options->uuid);
    g_ptr_array_unref(options->channels);
    g_free(options);
}
