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
    bool pci;                   /* on a PCI bus, where QEMU gives the machine a NIC by itself */
} ownNics[] = {
    { "microvm", "virtio-net-device", "", false },
    { NULL, "virtio-net-pci", ",romfile=", true },
};

/*
 * Where it stands on a PCI bus: in the last of these slots that no device asks for.
 * Devices that do not ask get the first ones, machines' own are in 0x1f and, q35's USB
 * controllers, 0x1d.
 */
#define SLOT_FIRST 0x02
#define SLOT_LAST 0x1e
#define SLOT_OF_MACHINE 0x1d

typedef struct {
    vmcQemuArgv *plan;
    const char *const *configs; /* contents of the -readconfig files to come */
    char *machine;
    bool hasNet;                /* a -net, -netdev or -nic of the user's */
    bool noDefaults;
    uint32_t slots;             /* of PCI, that devices ask for: a bit each */
} argvReader;

static const char *
optionName(const char *arg)
{
    if (arg[0] != '-' || arg[1] == '\0')
        return NULL;
    return arg[1] == '-' ? arg + 2 : arg + 1;
}

/* The slot that a device or a NIC asks for, "1e" or "0x1e.0", on whatever bus. */
static void
noteSlot(argvReader *reader, const char *value)
{
    g_autofree char *addr = vmcQemuOptsGet(value, NULL, "addr");
    unsigned long slot = addr ? strtoul(addr, NULL, 16) : 0;

    if (slot <= SLOT_LAST)
        reader->slots |= UINT32_C(1) << slot;
}

static int
readVmchannel(argvReader *reader, const char *value)
{
    vmcChannel *channel;

    if (vmcQemuNetworkIs(value))
        return vmcQemuNetworkParse(value, &reader->plan->net);
    channel = vmcQemuChannelParse(value);
    if (!channel)
        return -1;
    g_ptr_array_add(reader->plan->channels, channel);
    return 0;
}

static int
readNetwork(argvReader *reader, const char *option, const char *value)
{
    reader->hasNet = true;
    vmcUserNetsAdd(reader->plan->userNets, option, value);
    noteSlot(reader, value);
    return 0;
}

static int
readNetdev(argvReader *reader, const char *option, const char *value)
{
    g_autofree char *id = vmcQemuOptsGet(value, "type", "id");

    if (g_strcmp0(id, VMC_NIC_NETDEV) != 0)
        return readNetwork(reader, option, value);
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
readDevice(argvReader *reader, const char *option G_GNUC_UNUSED, const char *value)
{
    vmcQemuArgv *plan = reader->plan;
    g_autofree char *netdev = vmcQemuOptsGet(value, "driver", "netdev");
    g_autofree char *hostMtu = vmcQemuOptsGet(value, "driver", "host_mtu");

    noteSlot(reader, value);
    if (g_strcmp0(netdev, VMC_NIC_NETDEV) != 0)
        return 0;
    g_free(plan->nicDriver);
    plan->nicDriver = vmcQemuOptsGet(value, "driver", "driver");
    plan->mtu = nicMtu(plan->nicDriver, hostMtu);
    return 0;
}

static int
readMachine(argvReader *reader, const char *option G_GNUC_UNUSED, const char *value)
{
    char *type = vmcQemuOptsGet(value, "type", "type");

    if (type) {
        g_free(reader->machine);
        reader->machine = type;
    }
    return 0;
}

static int
readName(argvReader *reader, const char *option G_GNUC_UNUSED, const char *value)
{
    g_free(reader->plan->name);
    reader->plan->name = vmcQemuOptsGet(value, "guest", "guest");
    return 0;
}

static int
readUuid(argvReader *reader, const char *option G_GNUC_UNUSED, const char *value)
{
    g_free(reader->plan->uuid);
    reader->plan->uuid = g_strdup(value);
    return 0;
}

static int
readNodefaults(argvReader *reader, const char *option G_GNUC_UNUSED,
               const char *value G_GNUC_UNUSED)
{
    reader->noDefaults = true;
    return 0;
}

/* Appends a config file's line, key = "value", as ",key=value". */
static void
appendConfigLine(GString *opts, const char *line)
{
    const char *key = line + strspn(line, " \t");
    size_t len = strcspn(key, " \t=");
    const char *p = key + len + strspn(key + len, " \t");
    const char *end;

    if (*p++ != '=')
        return;
    p += strspn(p, " \t");
    if (*p++ != '"' || !(end = strchr(p, '"')))
        return;
    g_string_append_printf(opts, ",%.*s=", (int)len, key);
    for (; p < end; p++)
        g_string_append_len(opts, *p == ',' ? ",," : p, *p == ',' ? 2 : 1);
}

/* One section of a -readconfig file: its heading and its lines, as the option's value. */
static void
readConfigSection(argvReader *reader, const char *heading, char **lines)
{
    static const struct {
        const char *heading;
        const char *option;
        int (*read)(argvReader *reader, const char *option, const char *value);
    } sections[] = {
        { "[device", "-device", readDevice },
        { "[machine", "-machine", readMachine },
        { "[netdev", "-netdev", readNetwork },
        { "[net", "-net", readNetwork },
        { "[nic", "-nic", readNetwork },
    };
    g_autoptr(GString) opts = g_string_new(NULL);

    for (; *lines && **lines != '['; lines++)
        appendConfigLine(opts, *lines);
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        if (!g_str_has_prefix(heading, sections[i].heading))
            continue;
        sections[i].read(reader, sections[i].option, opts->len ? opts->str + 1 : "");
        break;
    }
}

static int
readReadconfig(argvReader *reader, const char *option G_GNUC_UNUSED,
               const char *value G_GNUC_UNUSED)
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
    int (*read)(argvReader *reader, const char *option, const char *value);
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
readOption(argvReader *reader, const char *arg, const char *value)
{
    const char *name = optionName(arg);

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (g_str_equal(options[i].name, name))
            return options[i].read(reader, arg, value);
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
    if (name && readOption(reader, args[0], value ? value : "") < 0)
        return -1;
    if (!value)
        return 1;
    g_ptr_array_add(out, g_strdup(value));
    return 2;
}

/* Chooses the network when none is given, or looks for one that is in its way. */
static int
settleNetwork(vmcQemuArgv *plan)
{
    const GArray *networks = vmcUserNetsNetworks(plan->userNets);
    const vmcNetwork *meeting;
    g_autofree char *given = NULL;
    g_autofree char *other = NULL;

    if (!plan->net.given)
        plan->net.network = vmcNetworkDefault(vmcNetworkAnyMeetsUser(networks));
    meeting = plan->net.given ? vmcNetworkInTheWay(networks, &plan->net.network) : NULL;
    if (!meeting)
        return 0;
    given = vmcNetworkToString(&plan->net.network);
    other = vmcNetworkWhole(meeting);
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "-vmchannel network '%s': the guest's user-mode network has %s", given, other);
    return -1;
}

static int
checkAddress(const vmcQemuArgv *plan, const vmcChannel *channel)
{
    g_autofree char *accepted = vmcNetworkAccepted(&plan->net.network);
    bool squeezed = !plan->net.given &&
                    vmcNetworkAnyMeetsUser(vmcUserNetsNetworks(plan->userNets));

    if (vmcNetworkHas(&plan->net.network, channel->address))
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "vmchannel address '%s' of port %u: accepted is %s%s", channel->address,
                   channel->port, accepted, squeezed ? ", beside a user-mode network" : "");
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

/* The last slot that nobody asks for; when all are taken QEMU says so. */
static unsigned int
freeSlot(uint32_t taken)
{
    unsigned int slot = SLOT_LAST;

    taken |= UINT32_C(1) << SLOT_OF_MACHINE;
    while (slot > SLOT_FIRST && taken & UINT32_C(1) << slot)
        slot--;
    return slot;
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
        plan->slot = ownNics[own].pci ? freeSlot(reader->slots) : 0;
        if (!plan->mac)
            plan->mac = g_strdup(DEFAULT_MAC);
    }
    plan->addDefaultNet = vmcQemuArgvHasVmchannel(plan) && !reader->hasNet &&
                          !reader->noDefaults && ownNics[own].pci;
}

/* The options of @args with their values, and nothing else of them. */
static void
walkOptions(const char *const *args,
            void (*take)(const char *option, const char *value, gpointer data), gpointer data)
{
    while (*args) {
        const char *option = *args++;
        const char *name = optionName(option);

        if (name && *args && vmcQemuOptionHasValue(name))
            take(option, *args++, data);
    }
}

static void
takeReadconfig(const char *option, const char *value, gpointer files)
{
    if (g_str_equal(optionName(option), "readconfig"))
        g_strv_builder_add(files, value);
}

char **
vmcQemuArgvReadconfigs(const char *const *args)
{
    g_autoptr(GStrvBuilder) files = g_strv_builder_new();

    walkOptions(args, takeReadconfig, files);
    return g_strv_builder_end(files);
}

static void
takeNetwork(const char *option, const char *value, gpointer nets)
{
    static const char *const names[] = { "net", "netdev", "nic", NULL };

    if (g_strv_contains(names, optionName(option)))
        vmcUserNetsAdd(nets, option, value);
}

vmcUserNets *
vmcQemuArgvUserNets(const char *const *args)
{
    vmcUserNets *nets = vmcUserNetsNew();

    walkOptions(args, takeNetwork, nets);
    return nets;
}

bool
vmcQemuHasUserNet(const char *backends)
{
    g_auto(GStrv) names = g_strsplit_set(backends, " \r\n", -1);

    return g_strv_contains((const char *const *)names, "user");
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
    plan->userNets = vmcUserNetsNew();
    plan->netdev = -1;
    plan->mtu = MTU_DEFAULT;

    for (; *args && taken >= 0; args += MAX(taken, 0))
        taken = readArgument(&reader, args);
    machine = reader.machine;
    if (taken < 0)
        return NULL;
    settleNic(&reader);
    return g_steal_pointer(&plan);
}

int
vmcQemuArgvSettle(vmcQemuArgv *plan, bool hasUser)
{
    plan->addDefaultUser = plan->addDefaultNet && hasUser;
    if (plan->addDefaultUser)
        vmcUserNetsAdd(plan->userNets, "-net", "user");
    if (settleNetwork(plan) < 0 || checkChannels(plan) < 0)
        return -1;
    return vmcQemuArgvHasVmchannel(plan) ? vmcUserNetsCheck(plan->userNets, &plan->net.network) : 0;
}

void
vmcQemuArgvFree(vmcQemuArgv *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->args);
    g_ptr_array_unref(plan->channels);
    vmcUserNetsFree(plan->userNets);
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
    g_autofree char *addr = plan->slot ? g_strdup_printf(",addr=0x%02x", plan->slot)
                                       : g_strdup("");
    g_autofree char *device =
        g_strdup_printf("%s,netdev=%s,id=%s,mac=%s,host_mtu=%u%s%s",
                        plan->nicDriver, VMC_NIC_NETDEV, VMC_NIC_ALIAS, plan->mac,
                        plan->mtu, ownNicProperties(plan->nicDriver), addr);

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
        addList(argv, (const char *const []){ "-net", "nic", NULL });
    if (plan->addDefaultUser)
        addList(argv, (const char *const []){ "-net", "user", NULL });
    if (plan->mac)
        addOwnNic(argv, plan, netdev);
    return g_strv_builder_end(argv);
}

char **
vmcQemuArgvFormatRelay(const vmcQemuArgv *plan, const char *relay, const char *linkFd)
{
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_autofree char *network = vmcNetworkToString(&plan->net.network);
    g_autofree char *mtu = g_strdup_printf("%u", plan->mtu);

    addList(argv, (const char *const []){
        relay, "--link-fd", linkFd, "--network", network, "--mtu", mtu, NULL });
    if (plan->net.noDhcp)
        addList(argv, (const char *const []){ "--dhcp", "off", NULL });
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
