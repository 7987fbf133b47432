/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Channels as option strings: see qemu_conf.h. One table says how each source
 * type begins and which keys it takes, another lists the keys in the order in
 * which they are written. Knows no XML: the relay links this file.
 *
 * A comma in a value is doubled, as in QEMU. The same thing may be said as
 * ",server,nowait" or ",server=on,wait=off"; a server without nowait (which
 * would make QEMU wait for the first client before it boots) is read as one
 * with it, since nobody can wait here: the guest comes first.
 */
#include <config.h>

#include "qemu/qemu_conf.h"

#include <stddef.h>
#include <string.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_QEMU

/* The keys that may follow a CHARDEV's first part, as they were said. */
typedef struct {
    vmcSwitch server;
    vmcSwitch nowait;
    vmcSwitch wait;
    vmcSwitch append;
    char *id;
    char *logFile;
    vmcSwitch logAppend;
    char *element;
} chardevKeys;

static void
chardevKeysClear(chardevKeys *keys)
{
    g_free(keys->id);
    g_free(keys->logFile);
    g_free(keys->element);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(chardevKeys, chardevKeysClear)

/* Who may use a key. */
typedef enum {
    KEY_OF_ALL = 0,
    KEY_OF_SOCKET = 1 << 0,
    KEY_OF_FILE = 1 << 1,
} keyUse;

/* In the order in which they are written. */
static const struct {
    const char *name;
    bool string;                /* else a vmcSwitch */
    bool bare;                  /* written without "=on", as in 2009 */
    keyUse use;
    size_t offset;              /* in chardevKeys */
} keyTable[] = {
    { "server", false, true, KEY_OF_SOCKET, offsetof(chardevKeys, server) },
    { "nowait", false, true, KEY_OF_SOCKET, offsetof(chardevKeys, nowait) },
    { "wait", false, false, KEY_OF_SOCKET, offsetof(chardevKeys, wait) },
    { "append", false, false, KEY_OF_FILE, offsetof(chardevKeys, append) },
    { "id", true, false, KEY_OF_ALL, offsetof(chardevKeys, id) },
    { "logfile", true, false, KEY_OF_ALL, offsetof(chardevKeys, logFile) },
    { "logappend", false, false, KEY_OF_ALL, offsetof(chardevKeys, logAppend) },
    { "element", true, false, KEY_OF_ALL, offsetof(chardevKeys, element) },
};

/* Each takes the first part of CHARDEV behind its prefix; false: malformed. */
typedef bool (*headParser)(vmcChrSource *source, const char *head);
typedef void (*headFormatter)(const vmcChrSource *source, GString *out);

static bool
headNoneParse(vmcChrSource *source G_GNUC_UNUSED, const char *head)
{
    return *head == '\0';
}

static void
headNoneFormat(const vmcChrSource *source G_GNUC_UNUSED, GString *out G_GNUC_UNUSED)
{
}

static bool
headPathParse(vmcChrSource *source, const char *head)
{
    source->path = *head ? g_strdup(head) : NULL;
    return true;
}

static void
headPathFormat(const vmcChrSource *source, GString *out)
{
    g_string_append(out, source->path ? source->path : "");
}

/* HOST:SERVICE, with an IPv6 address in brackets; an empty part is NULL. */
static bool
hostServiceParse(const char *text, char **host, char **service)
{
    const char *begin = text[0] == '[' ? text + 1 : text;
    const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    const char *colon = end && *end == ']' ? end + 1 : end;

    if (!colon || *colon != ':' || strchr(colon + 1, ':'))
        return false;
    *host = end > begin ? g_strndup(begin, (gsize)(end - begin)) : NULL;
    *service = colon[1] ? g_strdup(colon + 1) : NULL;
    return true;
}

static void
hostServiceFormat(GString *out, const char *host, const char *service)
{
    bool brackets = host && strchr(host, ':');

    g_string_append_printf(out, "%s%s%s:%s", brackets ? "[" : "", host ? host : "",
                           brackets ? "]" : "", service ? service : "");
}

static bool
headTcpParse(vmcChrSource *source, const char *head)
{
    return hostServiceParse(head, &source->host, &source->service);
}

static void
headTcpFormat(const vmcChrSource *source, GString *out)
{
    hostServiceFormat(out, source->host, source->service);
}

static bool
headUdpParse(vmcChrSource *source, const char *head)
{
    const char *at = strchr(head, '@');
    g_autofree char *remote = at ? g_strndup(head, (gsize)(at - head)) : g_strdup(head);

    return hostServiceParse(remote, &source->host, &source->service) &&
           (!at || hostServiceParse(at + 1, &source->bindHost, &source->bindService));
}

static void
headUdpFormat(const vmcChrSource *source, GString *out)
{
    hostServiceFormat(out, source->host, source->service);
    if (source->bindHost || source->bindService) {
        g_string_append_c(out, '@');
        hostServiceFormat(out, source->bindHost, source->bindService);
    }
}

/*
 * How the CHARDEV of each type begins. A type that no channel can have has no
 * row of its own: its prefix is NULL, and so is dev's, which is a bare path.
 */
static const struct {
    const char *prefix;
    const char *telnet;         /* the prefix that also says the telnet protocol */
    headParser parse;
    headFormatter format;
    keyUse keys;
    const char *form;           /* for messages */
} heads[] = {
    [VMC_CHR_TYPE_NULL] = { "null", NULL, headNoneParse, headNoneFormat, 0, "null" },
    [VMC_CHR_TYPE_PTY] = { "pty", NULL, headNoneParse, headNoneFormat, 0, "pty" },
    [VMC_CHR_TYPE_DEV] = { NULL, NULL, headPathParse, headPathFormat, 0, "/dev/PATH" },
    [VMC_CHR_TYPE_FILE] = {
        "file:", NULL, headPathParse, headPathFormat, KEY_OF_FILE, "file:PATH"
    },
    [VMC_CHR_TYPE_PIPE] = { "pipe:", NULL, headPathParse, headPathFormat, 0, "pipe:PATH" },
    [VMC_CHR_TYPE_STDIO] = { "stdio", NULL, headNoneParse, headNoneFormat, 0, "stdio" },
    [VMC_CHR_TYPE_UDP] = {
        "udp:", NULL, headUdpParse, headUdpFormat, 0, "udp:HOST:PORT[@HOST:PORT]"
    },
    [VMC_CHR_TYPE_TCP] = {
        "tcp:", "telnet:", headTcpParse, headTcpFormat, KEY_OF_SOCKET, "tcp:HOST:PORT"
    },
    [VMC_CHR_TYPE_UNIX] = {
        "unix:", NULL, headPathParse, headPathFormat, KEY_OF_SOCKET, "unix:PATH"
    },
    [VMC_CHR_TYPE_DBUS] = { NULL, NULL, NULL, NULL, 0, NULL },
};
G_STATIC_ASSERT(G_N_ELEMENTS(heads) == VMC_CHR_TYPE_LAST);

#define reportValue(value, format, ...) \
    vmcReportError(VIR_ERR_INVALID_ARG, "-vmchannel '%s': " format, value, __VA_ARGS__)

/* Splits at single commas; a doubled one is a comma. */
static GPtrArray *
splitCommas(const char *text)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    GString *part = g_string_new(NULL);

    for (const char *c = text; *c; c++) {
        if (*c != ',') {
            g_string_append_c(part, *c);
        } else if (c[1] == ',') {
            g_string_append_c(part, *c++);
        } else {
            g_ptr_array_add(parts, g_string_free(part, FALSE));
            part = g_string_new(NULL);
        }
    }
    g_ptr_array_add(parts, g_string_free(part, FALSE));
    return parts;
}

static void
appendDoubled(GString *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == ',')
            g_string_append_c(out, ',');
        g_string_append_c(out, *c);
    }
}

/* Whether @head begins as a CHARDEV of @type does; the rest of it in @rest. */
static bool
headMatches(const char *head, const char *prefix, const char **rest)
{
    if (!prefix || !g_str_has_prefix(head, prefix))
        return false;
    *rest = head + strlen(prefix);
    return g_str_has_suffix(prefix, ":") || **rest == '\0';
}

static bool
headFind(const char *head, vmcChrSource *source, const char **rest)
{
    if (head[0] == '/') {
        source->type = VMC_CHR_TYPE_DEV;
        *rest = head;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        bool telnet = headMatches(head, heads[i].telnet, rest);

        if (!telnet && !headMatches(head, heads[i].prefix, rest))
            continue;
        source->type = i;
        if (telnet)
            source->protocol = VMC_CHR_PROTOCOL_TELNET;
        return true;
    }
    return false;
}

char **
vmcQemuChardevForms(void)
{
    g_autoptr(GStrvBuilder) forms = g_strv_builder_new();

    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *telnet = NULL;

        if (!heads[i].form)
            continue;
        g_strv_builder_add(forms, heads[i].form);
        if (!heads[i].telnet)
            continue;
        telnet = g_strconcat(heads[i].telnet, heads[i].form + strlen(heads[i].prefix), NULL);
        g_strv_builder_add(forms, telnet);
    }
    return g_strv_builder_end(forms);
}

static int
keySet(const char *value, chardevKeys *keys, size_t row, const char *setting)
{
    void *member = (char *)keys + keyTable[row].offset;
    bool given = keyTable[row].string ? *(char **)member != NULL
                                      : *(vmcSwitch *)member != VMC_SWITCH_DEFAULT;
    int word = vmcSwitchFromString(setting ? setting : "on");

    if (given) {
        reportValue(value, "'%s' is given twice", keyTable[row].name);
        return -1;
    }
    if (keyTable[row].string && (!setting || !*setting)) {
        reportValue(value, "'%s' needs a value", keyTable[row].name);
        return -1;
    }
    if (keyTable[row].string) {
        *(char **)member = g_strdup(setting);
        return 0;
    }
    if (word < 0) {
        reportValue(value, "'%s=%s': expected 'on' or 'off'", keyTable[row].name, setting);
        return -1;
    }
    *(vmcSwitch *)member = word;
    return 0;
}

/* The keys that a source type takes, for a message. */
static char *
keyList(keyUse use)
{
    const char *names[G_N_ELEMENTS(keyTable)] = { NULL };

    for (size_t i = 0; i < G_N_ELEMENTS(keyTable); i++) {
        if (keyTable[i].use == KEY_OF_ALL || keyTable[i].use & use)
            names[i] = keyTable[i].name;
    }
    return vmcEnumList(names, G_N_ELEMENTS(names));
}

static int
keyParse(const char *value, chardevKeys *keys, keyUse use, const char *text)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name = equals ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    g_autofree char *accepted = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(keyTable); i++) {
        if (g_str_equal(keyTable[i].name, name) &&
            (keyTable[i].use == KEY_OF_ALL || keyTable[i].use & use))
            return keySet(value, keys, i, equals ? equals + 1 : NULL);
    }
    accepted = keyList(use);
    reportValue(value, "unknown key '%s': expected %s", name, accepted);
    return -1;
}

/* Moves what the keys said into the channel. */
static int
keysApply(const char *value, chardevKeys *keys, vmcChannel *channel)
{
    vmcChrSource *source = &channel->source;
    bool server = keys->server == VMC_SWITCH_ON;

    if (heads[source->type].keys & KEY_OF_SOCKET)
        source->mode = server ? VMC_CHR_MODE_BIND : VMC_CHR_MODE_CONNECT;
    if (!server && (keys->nowait || keys->wait)) {
        reportValue(value, "'%s' needs 'server'", keys->nowait ? "nowait" : "wait");
        return -1;
    }
    if (keys->id && !vmcChannelAliasIsUser(keys->id)) {
        reportValue(value, "'id=%s': expected 'ua-' and letters, digits, '-' or '_'", keys->id);
        return -1;
    }
    channel->element = VMC_CHR_DEVICE_VMCHANNEL;
    if (keys->element) {
        int element = vmcChrDeviceTypeFromString(keys->element);

        if (element != VMC_CHR_DEVICE_CHANNEL && element != VMC_CHR_DEVICE_VMCHANNEL) {
            reportValue(value, "'element=%s': expected 'channel' or 'vmchannel'", keys->element);
            return -1;
        }
        channel->element = element;
    }
    source->append = keys->append;
    source->logAppend = keys->logAppend;
    source->logPath = g_steal_pointer(&keys->logFile);
    channel->alias = g_steal_pointer(&keys->id);
    return 0;
}

static int
chardevParse(const char *value, const char *chardev, vmcChannel *channel)
{
    g_autoptr(GPtrArray) parts = splitCommas(chardev);
    g_auto(chardevKeys) keys = { 0 };
    const char *head = g_ptr_array_index(parts, 0);
    const char *rest = NULL;

    if (!headFind(head, &channel->source, &rest)) {
        g_auto(GStrv) forms = vmcQemuChardevForms();
        g_autofree char *accepted = g_strjoinv(", ", forms);

        reportValue(value, "unknown character device '%s': expected one of %s", head, accepted);
        return -1;
    }
    if (!heads[channel->source.type].parse(&channel->source, rest)) {
        reportValue(value, "malformed character device '%s': expected %s", head,
                    heads[channel->source.type].form);
        return -1;
    }
    for (guint i = 1; i < parts->len; i++) {
        if (keyParse(value, &keys, heads[channel->source.type].keys,
                     g_ptr_array_index(parts, i)) < 0)
            return -1;
    }
    return keysApply(value, &keys, channel);
}

/* Reads [ADDRESS:]PORT: and returns what follows, or NULL with an error. */
static const char *
targetParse(const char *value, vmcChannel *channel)
{
    const char *begin = value;
    const char *colon = strchr(begin, ':');
    g_autofree char *port = NULL;

    if (colon && memchr(begin, '.', (size_t)(colon - begin))) {
        channel->address = g_strndup(begin, (gsize)(colon - begin));
        begin = colon + 1;
        colon = strchr(begin, ':');
    }
    if (!colon) {
        reportValue(value, "expected %s", "[ADDRESS:]PORT:CHARDEV");
        return NULL;
    }
    port = g_strndup(begin, (gsize)(colon - begin));
    if (!vmcChannelPortFromString(port, &channel->port)) {
        reportValue(value, "invalid port '%s': expected a number from 1 to 65535", port);
        return NULL;
    }
    return colon + 1;
}

/* Validates, and names the whole value in front of what is wrong. */
static int
validate(const char *value, const vmcChannel *channel)
{
    g_autofree char *message = NULL;
    const char *text;
    size_t skip;

    if (vmcChannelValidate(channel) == 0)
        return 0;
    message = g_strdup(vmcErrorLast()->message);
    text = vmcErrorCodeText(vmcErrorLast()->code);
    skip = text ? strlen(text) + strlen(": ") : 0;
    reportValue(value, "%s", message + skip);
    return -1;
}

vmcChannel *
vmcQemuChannelParse(const char *value)
{
    g_autoptr(vmcChannel) channel = g_new0(vmcChannel, 1);
    const char *chardev = targetParse(value, channel);

    if (!chardev || chardevParse(value, chardev, channel) < 0)
        return NULL;
    vmcChannelPostParse(channel);
    if (validate(value, channel) < 0)
        return NULL;
    return g_steal_pointer(&channel);
}

/* The keys that say what @channel says beyond the first part; borrows. */
static chardevKeys
keysOf(const vmcChannel *channel)
{
    const vmcChrSource *source = &channel->source;
    bool socket = heads[source->type].keys & KEY_OF_SOCKET;
    vmcSwitch server = socket && source->mode == VMC_CHR_MODE_BIND ? VMC_SWITCH_ON
                                                                   : VMC_SWITCH_DEFAULT;

    return (chardevKeys){
        .server = server,
        .nowait = server,
        .append = source->append,
        .id = channel->alias,
        .logFile = source->logPath,
        .logAppend = source->logAppend,
        .element = channel->element == VMC_CHR_DEVICE_VMCHANNEL
                       ? NULL : (char *)vmcChrDeviceTypeToString(channel->element),
    };
}

static void
keysFormat(const chardevKeys *keys, GString *out)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keyTable); i++) {
        const void *member = (const char *)keys + keyTable[i].offset;
        const char *setting = keyTable[i].string
                                  ? *(char *const *)member
                                  : vmcSwitchToString(*(const vmcSwitch *)member);

        if (!setting)
            continue;
        g_string_append_printf(out, ",%s", keyTable[i].name);
        if (keyTable[i].bare)
            continue;
        g_string_append_c(out, '=');
        appendDoubled(out, setting);
    }
}

char *
vmcQemuChannelFormat(const vmcChannel *channel)
{
    const vmcChrSource *source = &channel->source;
    bool telnet = source->protocol == VMC_CHR_PROTOCOL_TELNET;
    const char *prefix = telnet ? heads[source->type].telnet : heads[source->type].prefix;
    chardevKeys keys = keysOf(channel);
    g_autoptr(GString) head = g_string_new(prefix);
    GString *out = g_string_new(NULL);

    if (!g_str_equal(channel->address, VMC_CHANNEL_DEFAULT_ADDRESS))
        g_string_append_printf(out, "%s:", channel->address);
    g_string_append_printf(out, "%u:", channel->port);
    heads[source->type].format(source, head);
    appendDoubled(out, head->str);
    keysFormat(&keys, out);
    return g_string_free(out, FALSE);
}

#define NETWORK_KEY "network="
#define DHCP_KEY "dhcp="

bool
vmcQemuNetworkIs(const char *value)
{
    return g_str_has_prefix(value, NETWORK_KEY) || g_str_has_prefix(value, DHCP_KEY);
}

static int
networkSet(const char *value, vmcNetworkDef *def, const char *address)
{
    if (def->given) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED, "-vmchannel '%s': a network is given already",
                       value);
        return -1;
    }
    if (vmcNetworkFromString(address, &def->network)) {
        def->given = true;
        return 0;
    }
    reportValue(value, "expected " NETWORK_KEY "ADDRESS/PREFIX, the guest's IPv4 address and a prefix from %d to %d",
                VMC_NETWORK_PREFIX_MIN, VMC_NETWORK_PREFIX_MAX);
    return -1;
}

static int
dhcpSet(const char *value, vmcNetworkDef *def, const char *setting)
{
    int word = vmcSwitchFromString(setting);

    if (word == VMC_SWITCH_ON || word == VMC_SWITCH_OFF) {
        def->noDhcp = word == VMC_SWITCH_OFF;
        return 0;
    }
    reportValue(value, "'" DHCP_KEY "%s': expected 'on' or 'off'", setting);
    return -1;
}

int
vmcQemuNetworkParse(const char *value, vmcNetworkDef *def)
{
    static const struct {
        const char *key;
        int (*set)(const char *value, vmcNetworkDef *def, const char *setting);
    } keys[] = { { NETWORK_KEY, networkSet }, { DHCP_KEY, dhcpSet } };
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    vmcNetworkDef read = *def;

    for (size_t i = 0; parts[i]; i++) {
        size_t row = 0;

        while (row < G_N_ELEMENTS(keys) && !g_str_has_prefix(parts[i], keys[row].key))
            row++;
        if (row == G_N_ELEMENTS(keys)) {
            reportValue(value, "unknown part '%s': expected " NETWORK_KEY "ADDRESS/PREFIX or " DHCP_KEY "on or " DHCP_KEY "off",
                        parts[i]);
            return -1;
        }
        if (keys[row].set(value, &read, parts[i] + strlen(keys[row].key)) < 0)
            return -1;
    }
    *def = read;
    return 0;
}

char *
vmcQemuNetworkFormat(const vmcNetworkDef *def)
{
    g_autofree char *text = def->given ? vmcNetworkToString(&def->network) : NULL;

    if (!def->given)
        return def->noDhcp ? g_strdup(DHCP_KEY "off") : NULL;
    return g_strconcat(NETWORK_KEY, text, def->noDhcp ? "," DHCP_KEY "off" : NULL, NULL);
}
