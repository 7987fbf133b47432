/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu-vmchannel's command lines: see qemu_argv.h. Reads of QEMU's options only
 * what decides about the channels' NIC and its network, and moves none of the others.
 *
 * Pure: opens nothing, starts nothing.
 */
#include <config.h>

#include "qemu/qemu_argv.h"

#include <stdlib.h>
#include <string.h>

#include "qemu/nic.h"
#include "qemu/qemu_conf.h"
#include "qemu/qemu_opts.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* The MAC of a NIC that we add to a guest without a uuid. */
#define DEFAULT_MAC "52:54:00:76:6d:63"

/* The largest MTU that each NIC model was seen to take; any other: 1500. */
static const struct {
    const char *driver;
    unsigned int mtu;
} nicMtus[] = {
    { "virtio-net-pci", VMC_NIC_MTU_MAX },
    { "virtio-net-pci-transitional", VMC_NIC_MTU_MAX },
    { "virtio-net-pci-non-transitional", VMC_NIC_MTU_MAX },
    { "virtio-net-ccw", VMC_NIC_MTU_MAX },
    { "virtio-net-device", VMC_NIC_MTU_MAX },
    { "e1000", 16000 },
    { "rtl8139", 4000 },
};
#define MTU_DEFAULT 1500

/* Our own NIC, by machine; NULL stands for every machine with a PCI bus. */
static const struct {
    const char *machine;
    const char *driver;
    const char *properties;     /* what else its -device says */
    bool hasDefaultNic;         /* whether QEMU gives it a NIC by itself */
} ownNics[] = {
    { "microvm", "virtio-net-device", "", false },
    { NULL, "virtio-net-pci", ",romfile=,addr=0x1e", true },
};

typedef struct {
    vmcQemuArgv *plan;
    const char *const *configs; /* contents of the -readconfig files to come */
    char *machine;
    bool hasNet;                /* a -net, -netdev or -nic of the user's */
    bool noDefaults;
} argvReader;

static const char *
optionName(const char *arg)
{
    if (arg[0] != '-' || arg[1] == '\0')
        return NULL;
    return arg[1] == '-' ? arg + 2 : arg + 1;
}

/* A network of the user's: its type, and the net= of a user-mode one. */
static void
noteNetwork(argvReader *reader, const char *type, const char *net)
{
    g_auto(GStrv) parts = g_strsplit(net ? net : "", "/", 2);
    vmcNetwork network = vmcNetworkUser(parts[0], parts[0] ? parts[1] : NULL);

    reader->hasNet = true;
    if (g_strcmp0(type, "user") == 0 && vmcNetworkMeetsUser(&network))
        reader->plan->userNet = true;
}

static int
readVmchannelNetwork(vmcQemuArgv *plan, const char *value)
{
    if (plan->hasNetwork) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "-vmchannel '%s': a network is given already",
                       value);
        return -1;
    }
    plan->hasNetwork = true;
    return vmcQemuNetworkParse(value, &plan->network);
}

static int
readVmchannel(argvReader *reader, const char *value)
{
    vmcChannel *channel;

    if (vmcQemuNetworkIs(value))
        return readVmchannelNetwork(reader->plan, value);
    channel = vmcQemuChannelParse(value);
    if (!channel)
        return -1;
    g_ptr_array_add(reader->plan->channels, channel);
    return 0;
}

static int
readNetwork(argvReader *reader, const char *value)
{
    g_autofree char *type = vmcQemuOptsGet(value, "type", "type");
    g_autofree char *net = vmcQemuOptsGet(value, "type", "net");

    noteNetwork(reader, type, net);
    return 0;
}

static int
readNetdev(argvReader *reader, const char *value)
{
    g_autofree char *id = vmcQemuOptsGet(value, "type", "id");

    if (g_strcmp0(id, VMC_NIC_NETDEV) != 0)
        return readNetwork(reader, value);
    if (reader->plan->netdev >= 0) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "-netdev id '%s' is given twice", VMC_NIC_NETDEV);
        return -1;
    }
    /* The value comes next in the list that is being written. */
    reader->plan->netdev = reader->plan->args->len;
    return 0;
}

static unsigned int
nicMtu(const char *driver, const char *hostMtu)
{
    unsigned long asked = hostMtu ? strtoul(hostMtu, NULL, 10) : 0;

    for (size_t i = 0; i < G_N_ELEMENTS(nicMtus); i++) {
        if (g_strcmp0(nicMtus[i].driver, driver) == 0)
            return asked && asked < nicMtus[i].mtu ? asked : nicMtus[i].mtu;
    }
    return MTU_DEFAULT;
}

static int
readDevice(argvReader *reader, const char *value)
{
    vmcQemuArgv *plan = reader->plan;
    g_autofree char *netdev = vmcQemuOptsGet(value, "driver", "netdev");
    g_autofree char *hostMtu = vmcQemuOptsGet(value, "driver", "host_mtu");

    if (g_strcmp0(netdev, VMC_NIC_NETDEV) != 0)
        return 0;
    g_free(plan->nicDriver);
    plan->nicDriver = vmcQemuOptsGet(value, "driver", "driver");
    plan->mtu = nicMtu(plan->nicDriver, hostMtu);
    return 0;
}

static int
readMachine(argvReader *reader, const char *value)
{
    char *type = vmcQemuOptsGet(value, "type", "type");

    if (type) {
        g_free(reader->machine);
        reader->machine = type;
    }
    return 0;
}

static int
readName(argvReader *reader, const char *value)
{
    g_free(reader->plan->name);
    reader->plan->name = vmcQemuOptsGet(value, "guest", "guest");
    return 0;
}

static int
readUuid(argvReader *reader, const char *value)
{
    g_free(reader->plan->uuid);
    reader->plan->uuid = g_strdup(value);
    return 0;
}

static int
readNodefaults(argvReader *reader, const char *value G_GNUC_UNUSED)
{
    reader->noDefaults = true;
    return 0;
}

/* Returns the value of a config file's line "key = "value"", or NULL. */
static char *
configValue(const char *line, const char *key)
{
    size_t len = strlen(key);
    const char *p = line + strspn(line, " \t");
    const char *end;

    if (strncmp(p, key, len) != 0)
        return NULL;
    p += len;
    p += strspn(p, " \t");
    if (*p++ != '=')
        return NULL;
    p += strspn(p, " \t");
    if (*p++ != '"' || !(end = strchr(p, '"')))
        return NULL;
    return g_strndup(p, end - p);
}

/* One section of a -readconfig file: its heading and its lines. */
static void
readConfigSection(argvReader *reader, const char *heading, char **lines)
{
    g_autofree char *type = NULL;
    g_autofree char *net = NULL;

    for (; *lines && **lines != '['; lines++) {
        if (!type)
            type = configValue(*lines, "type");
        if (!net)
            net = configValue(*lines, "net");
    }
    if (g_str_has_prefix(heading, "[net") || g_str_has_prefix(heading, "[nic"))
        noteNetwork(reader, type, net);
    else if (g_str_has_prefix(heading, "[machine") && type)
        readMachine(reader, type);
}

static int
readReadconfig(argvReader *reader, const char *value G_GNUC_UNUSED)
{
    g_auto(GStrv) lines = NULL;

    if (!*reader->configs)
        return 0;
    lines = g_strsplit(*reader->configs++, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        if (lines[i][0] == '[')
            readConfigSection(reader, lines[i], lines + i + 1);
    }
    return 0;
}

/* The 2009 spelling of -vmchannel is a kind of -net. */
static const char *
netChannelValue(const char *value)
{
    return g_str_has_prefix(value, "channel,") ? value + strlen("channel,") : NULL;
}

/* The options that we read; QEMU keeps every one of them. */
static const struct {
    const char *name;
    int (*read)(argvReader *reader, const char *value);
} options[] = {
    { "M", readMachine },
    { "device", readDevice },
    { "machine", readMachine },
    { "name", readName },
    { "net", readNetwork },
    { "netdev", readNetdev },
    { "nic", readNetwork },
    { "nodefaults", readNodefaults },
    { "readconfig", readReadconfig },
    { "uuid", readUuid },
};

static int
readOption(argvReader *reader, const char *name, const char *value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (g_str_equal(options[i].name, name))
            return options[i].read(reader, value);
    }
    return 0;
}

/* Returns the channel's value when the option is -vmchannel, or NULL. */
static const char *
channelValue(const char *name, const char *value)
{
    if (g_str_equal(name, "vmchannel"))
        return value;
    return g_str_equal(name, "net") ? netChannelValue(value) : NULL;
}

/* Reads the argument at @args, and its value; returns how many it took. */
static int
readArgument(argvReader *reader, const char *const *args)
{
    GPtrArray *out = reader->plan->args;
    const char *name = optionName(args[0]);
    const char *value = name && vmcQemuOptionHasValue(name) ? args[1] : NULL;
    const char *channel;

    if (name && !value && g_str_equal(name, "vmchannel")) {
        vmcReportError(VIR_ERR_INVALID_ARG,
                       "option '%s' needs a value: [ADDRESS:]PORT:CHARDEV", args[0]);
        return -1;
    }
    channel = name && value ? channelValue(name, value) : NULL;
    if (channel)
        return readVmchannel(reader, channel) < 0 ? -1 : 2;

    g_ptr_array_add(out, g_strdup(args[0]));
    if (name && readOption(reader, name, value ? value : "") < 0)
        return -1;
    if (!value)
        return 1;
    g_ptr_array_add(out, g_strdup(value));
    return 2;
}

/* Settles the network, once all arguments are read. */
static int
settleNetwork(vmcQemuArgv *plan)
{
    g_autofree char *given = NULL;

    if (!plan->hasNetwork) {
        plan->network = vmcNetworkDefault(plan->userNet);
        return 0;
    }
    if (!plan->userNet || !vmcNetworkMeetsUser(&plan->network))
        return 0;
    given = vmcNetworkToString(&plan->network);
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "-vmchannel network '%s': the guest's user-mode network has 10.0.2.0/24", given);
    return -1;
}

static int
checkAddress(const vmcQemuArgv *plan, const vmcChannel *channel)
{
    g_autofree char *accepted = vmcNetworkAccepted(&plan->network);

    if (vmcNetworkHas(&plan->network, channel->address))
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "vmchannel address '%s' of port %u: accepted is %s%s", channel->address,
                   channel->port, accepted,
                   plan->userNet && !plan->hasNetwork ? ", beside a user-mode network" : "");
    return -1;
}

static int
checkChannels(const vmcQemuArgv *plan)
{
    if (plan->channels->len > VMC_NIC_CHANNELS_MAX) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "%u vmchannels: accepted are %d",
                       plan->channels->len, VMC_NIC_CHANNELS_MAX);
        return -1;
    }
    for (unsigned int i = 0; i < plan->channels->len; i++) {
        const vmcChannel *channel = plan->channels->pdata[i];

        if (checkAddress(plan, channel) < 0)
            return -1;
        for (unsigned int j = 0; j < i; j++) {
            const vmcChannel *other = plan->channels->pdata[j];

            if (other->port == channel->port && g_str_equal(other->address, channel->address)) {
                vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                               "two vmchannels have the address '%s' and the port '%u'",
                               channel->address, channel->port);
                return -1;
            }
        }
    }
    return 0;
}

static size_t
ownNicIndex(const char *machine)
{
    size_t i = 0;

    while (ownNics[i].machine && g_strcmp0(ownNics[i].machine, machine) != 0)
        i++;
    return i;
}

/* Settles the NIC that carries the channels, once all arguments are read. */
static void
settleNic(argvReader *reader)
{
    vmcQemuArgv *plan = reader->plan;
    size_t own = ownNicIndex(reader->machine);

    if (plan->netdev < 0 && plan->channels->len > 0) {
        g_free(plan->nicDriver);
        plan->nicDriver = g_strdup(ownNics[own].driver);
        plan->mtu = nicMtu(plan->nicDriver, NULL);
        plan->mac = vmcNicMac(plan->uuid);
        if (!plan->mac)
            plan->mac = g_strdup(DEFAULT_MAC);
    }
    if (vmcQemuArgvHasVmchannel(plan) && !reader->hasNet && !reader->noDefaults &&
        ownNics[own].hasDefaultNic) {
        plan->addDefaultNet = true;
        plan->userNet = true;
    }
}

char **
vmcQemuArgvReadconfigs(const char *const *args)
{
    g_autoptr(GStrvBuilder) files = g_strv_builder_new();

    while (*args) {
        const char *name = optionName(*args++);

        if (!name || !*args || !vmcQemuOptionHasValue(name))
            continue;
        if (g_str_equal(name, "readconfig"))
            g_strv_builder_add(files, *args);
        args++;
    }
    return g_strv_builder_end(files);
}

vmcQemuArgv *
vmcQemuArgvParse(const char *const *args, const char *const *configs)
{
    g_autoptr(vmcQemuArgv) plan = g_new0(vmcQemuArgv, 1);
    argvReader reader = { .plan = plan, .configs = configs };
    g_autofree char *machine = NULL;
    int taken = 0;

    plan->args = g_ptr_array_new_with_free_func(g_free);
    plan->channels = vmcChannelArrayNew();
    plan->netdev = -1;
    plan->mtu = MTU_DEFAULT;

    for (; *args && taken >= 0; args += MAX(taken, 0))
        taken = readArgument(&reader, args);
    machine = reader.machine;
    if (taken < 0)
        return NULL;
    settleNic(&reader);
    if (settleNetwork(plan) < 0 || checkChannels(plan) < 0)
        return NULL;
    return g_steal_pointer(&plan);
}

void
vmcQemuArgvFree(vmcQemuArgv *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->args);
    g_ptr_array_unref(plan->channels);
    g_free(plan->nicDriver);
    g_free(plan->mac);
    g_free(plan->name);
    g_free(plan->uuid);
    g_free(plan);
}

bool
vmcQemuArgvHasVmchannel(const vmcQemuArgv *plan)
{
    return plan->channels->len > 0 || plan->netdev >= 0;
}

static char *
linkNetdev(const char *linkFd)
{
    return g_strdup_printf("dgram,id=%s,local.type=fd,local.str=%s", VMC_NIC_NETDEV, linkFd);
}

static void
addList(GStrvBuilder *argv, const char *const *args)
{
    for (; *args; args++)
        g_strv_builder_add(argv, *args);
}

static const char *
ownNicProperties(const char *driver)
{
    size_t i = 0;

    while (!g_str_equal(ownNics[i].driver, driver))
        i++;
    return ownNics[i].properties;
}

/* The channels' NIC, when libvirt gave none, after everything of the user's. */
static void
addOwnNic(GStrvBuilder *argv, const vmcQemuArgv *plan, const char *netdev)
{
    g_autofree char *device =
        g_strdup_printf("%s,netdev=%s,id=%s,mac=%s,host_mtu=%u%s",
                        plan->nicDriver, VMC_NIC_NETDEV, VMC_NIC_ALIAS, plan->mac,
                        plan->mtu, ownNicProperties(plan->nicDriver));

    addList(argv, (const char *const []){ "-netdev", netdev, "-device", device, NULL });
}

char **
vmcQemuArgvFormat(const vmcQemuArgv *plan, const char *emulator, const char *linkFd)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *netdev = linkNetdev(linkFd);

    g_strv_builder_add(argv, emulator);
    for (unsigned int i = 0; i < plan->args->len; i++)
        g_strv_builder_add(argv, (int)i == plan->netdev ? netdev : plan->args->pdata[i]);
    if (plan->addDefaultNet)
        addList(argv, (const char *const []){ "-net", "nic", "-net", "user", NULL });
    if (plan->mac)
        addOwnNic(argv, plan, netdev);
    return g_strv_builder_end(argv);
}

char **
vmcQemuArgvFormatRelay(const vmcQemuArgv *plan, const char *relay, const char *linkFd)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *network = vmcNetworkToString(&plan->network);
    g_autofree char *mtu = g_strdup_printf("%u", plan->mtu);

    addList(argv, (const char *const []){
        relay, "--link-fd", linkFd, "--network", network, "--mtu", mtu, NULL });
    if (plan->name)
        addList(argv, (const char *const []){ "--name", plan->name, NULL });
    if (plan->uuid)
        addList(argv, (const char *const []){ "--uuid", plan->uuid, NULL });
    for (unsigned int i = 0; i < plan->channels->len; i++) {
        g_autofree char *value = vmcQemuChannelFormat(plan->channels->pdata[i]);

        addList(argv, (const char *const []){ "--vmchannel", value, NULL });
    }
    return g_strv_builder_end(argv);
}
