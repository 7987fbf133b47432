/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices as structs: see domain_chr.h. One row for each source
 * type says what attributes it has; everything here and in domain_conf.c
 * walks those rows. What else a new type needs: HACKING.md. Knows no XML.
 */
#include <config.h>

#include "conf/domain_chr.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "util/error.h"
#include "util/socket.h"

#define VMC_FROM_THIS VIR_FROM_DOMAIN

VMC_ENUM_IMPL(vmcChrDeviceType, VMC_CHR_DEVICE_LAST,
              [VMC_CHR_DEVICE_SERIAL] = "serial",
              [VMC_CHR_DEVICE_PARALLEL] = "parallel",
              [VMC_CHR_DEVICE_CONSOLE] = "console",
              [VMC_CHR_DEVICE_CHANNEL] = "channel",
              [VMC_CHR_DEVICE_VMCHANNEL] = "vmchannel")
VMC_ENUM_IMPL(vmcChrType, VMC_CHR_TYPE_LAST,
              [VMC_CHR_TYPE_NULL] = "null",
              [VMC_CHR_TYPE_VC] = "vc",
              [VMC_CHR_TYPE_PTY] = "pty",
              [VMC_CHR_TYPE_DEV] = "dev",
              [VMC_CHR_TYPE_FILE] = "file",
              [VMC_CHR_TYPE_PIPE] = "pipe",
              [VMC_CHR_TYPE_STDIO] = "stdio",
              [VMC_CHR_TYPE_UDP] = "udp",
              [VMC_CHR_TYPE_TCP] = "tcp",
              [VMC_CHR_TYPE_UNIX] = "unix",
              [VMC_CHR_TYPE_SPICEVMC] = "spicevmc",
              [VMC_CHR_TYPE_SPICEPORT] = "spiceport",
              [VMC_CHR_TYPE_NMDM] = "nmdm",
              [VMC_CHR_TYPE_QEMU_VDAGENT] = "qemu-vdagent",
              [VMC_CHR_TYPE_DBUS] = "dbus")
VMC_ENUM_IMPL(vmcChrMode, VMC_CHR_MODE_LAST,
              [VMC_CHR_MODE_CONNECT] = "connect",
              [VMC_CHR_MODE_BIND] = "bind")
VMC_ENUM_IMPL(vmcChrProtocol, VMC_CHR_PROTOCOL_LAST,
              [VMC_CHR_PROTOCOL_RAW] = "raw",
              [VMC_CHR_PROTOCOL_TELNET] = "telnet",
              [VMC_CHR_PROTOCOL_TELNETS] = "telnets",
              [VMC_CHR_PROTOCOL_TLS] = "tls")
VMC_ENUM_IMPL(vmcSwitch, VMC_SWITCH_LAST,
              [VMC_SWITCH_ON] = "on",
              [VMC_SWITCH_OFF] = "off")

/* Of each kind: the words, where it is an enum, and how a message names it. */
static const struct {
    int (*fromString)(const char *word);
    const char *(*toString)(int value);
    char *(*list)(void);
    const char *noun;           /* of what a source binds; NULL: never part of that */
} kinds[] = {
    [VMC_CHR_FIELD_STRING] = { NULL, NULL, NULL, NULL },
    [VMC_CHR_FIELD_PATH] = { NULL, NULL, NULL, "path" },
    [VMC_CHR_FIELD_HOST] = { NULL, NULL, NULL, "address" },
    [VMC_CHR_FIELD_SERVICE] = { NULL, NULL, NULL, "port" },
    [VMC_CHR_FIELD_MODE] = { vmcChrModeFromString, vmcChrModeToString, vmcChrModeList, NULL },
    [VMC_CHR_FIELD_PROTOCOL] = {
        vmcChrProtocolFromString, vmcChrProtocolToString, vmcChrProtocolList, NULL
    },
    [VMC_CHR_FIELD_SWITCH] = { vmcSwitchFromString, vmcSwitchToString, vmcSwitchList, NULL },
};
G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == VMC_CHR_FIELD_LAST);

#define FIELD(element, mode, attribute, kind, member, use) \
    { element, mode, attribute, VMC_CHR_FIELD_ ## kind, \
      offsetof(vmcChrSource, member), VMC_CHR_FIELD_ ## use, NULL }
#define FIELD_NO(element, attribute, member) \
    { element, NULL, attribute, VMC_CHR_FIELD_STRING, \
      offsetof(vmcChrSource, member), VMC_CHR_FIELD_FOREIGN, "no" }
/* The last fields of every type. */
#define LOG_FIELDS \
    FIELD("log", NULL, "file", PATH, logPath, OPTIONAL), \
    FIELD("log", NULL, "append", SWITCH, logAppend, OPTIONAL)
#define RECONNECT_FIELDS \
    FIELD_NO("source/reconnect", "enabled", reconnect), \
    FIELD("source/reconnect", NULL, "timeout", STRING, reconnectTimeout, FOREIGN)

static const vmcChrField bareFields[] = { LOG_FIELDS };
static const vmcChrField ptyFields[] = {
    FIELD("source", NULL, "path", PATH, path, LIVE),
    LOG_FIELDS
};
static const vmcChrField pathFields[] = {
    FIELD("source", NULL, "path", PATH, path, REQUIRED),
    LOG_FIELDS
};
static const vmcChrField fileFields[] = {
    FIELD("source", NULL, "path", PATH, path, REQUIRED),
    FIELD("source", NULL, "append", SWITCH, append, OPTIONAL),
    LOG_FIELDS
};
static const vmcChrField udpFields[] = {
    FIELD("source", "bind", "host", HOST, bindHost, OPTIONAL),
    FIELD("source", "bind", "service", SERVICE, bindService, OPTIONAL),
    FIELD("source", "connect", "host", HOST, host, OPTIONAL),
    FIELD("source", "connect", "service", SERVICE, service, REQUIRED),
    LOG_FIELDS
};
static const vmcChrField tcpFields[] = {
    FIELD("source", NULL, "mode", MODE, mode, OPTIONAL),
    FIELD("source", NULL, "host", HOST, host, REQUIRED),
    FIELD("source", NULL, "service", SERVICE, service, REQUIRED),
    FIELD_NO("source", "tls", tls),
    RECONNECT_FIELDS,
    FIELD("protocol", NULL, "type", PROTOCOL, protocol, OPTIONAL),
    LOG_FIELDS
};
static const vmcChrField unixFields[] = {
    FIELD("source", NULL, "mode", MODE, mode, OPTIONAL),
    FIELD("source", NULL, "path", PATH, path, OPTIONAL),
    RECONNECT_FIELDS,
    LOG_FIELDS
};
static const vmcChrField portFields[] = {
    FIELD("source", NULL, "channel", STRING, channel, FOREIGN),
    LOG_FIELDS
};
static const vmcChrField nmdmFields[] = {
    FIELD("source", NULL, "master", STRING, master, FOREIGN),
    FIELD("source", NULL, "slave", STRING, slave, FOREIGN),
    LOG_FIELDS
};
static const vmcChrField vdagentFields[] = {
    FIELD("source/clipboard", NULL, "copypaste", STRING, copypaste, FOREIGN),
    FIELD("source/mouse", NULL, "mode", STRING, mouseMode, FOREIGN),
    LOG_FIELDS
};

#define MEMBER(name) offsetof(vmcChrSource, name)
#define NOTHING 0
#define TYPE(fields, channel, ...) { fields, G_N_ELEMENTS(fields), channel, { __VA_ARGS__ } }
static const struct {
    const vmcChrField *fields;
    size_t n;
    bool channel;               /* may be a channel's host side */
    size_t binds[2];            /* the members that say where it listens, where it does */
} types[] = {
    [VMC_CHR_TYPE_NULL] = TYPE(bareFields, true, NOTHING),
    [VMC_CHR_TYPE_VC] = TYPE(bareFields, false, NOTHING),
    [VMC_CHR_TYPE_PTY] = TYPE(ptyFields, true, NOTHING),
    [VMC_CHR_TYPE_DEV] = TYPE(pathFields, true, NOTHING),
    [VMC_CHR_TYPE_FILE] = TYPE(fileFields, true, NOTHING),
    [VMC_CHR_TYPE_PIPE] = TYPE(pathFields, true, NOTHING),
    [VMC_CHR_TYPE_STDIO] = TYPE(bareFields, true, NOTHING),
    [VMC_CHR_TYPE_UDP] = TYPE(udpFields, true, MEMBER(bindHost), MEMBER(bindService)),
    [VMC_CHR_TYPE_TCP] = TYPE(tcpFields, true, MEMBER(host), MEMBER(service)),
    [VMC_CHR_TYPE_UNIX] = TYPE(unixFields, true, MEMBER(path)),
    [VMC_CHR_TYPE_SPICEVMC] = TYPE(bareFields, false, NOTHING),
    [VMC_CHR_TYPE_SPICEPORT] = TYPE(portFields, false, NOTHING),
    [VMC_CHR_TYPE_NMDM] = TYPE(nmdmFields, false, NOTHING),
    [VMC_CHR_TYPE_QEMU_VDAGENT] = TYPE(vdagentFields, false, NOTHING),
    [VMC_CHR_TYPE_DBUS] = TYPE(portFields, false, NOTHING),
};
G_STATIC_ASSERT(G_N_ELEMENTS(types) == VMC_CHR_TYPE_LAST);

const vmcChrField *
vmcChrTypeFields(vmcChrType type, size_t *n)
{
    *n = types[type].n;
    return types[type].fields;
}

bool
vmcChrTypeIsChannel(vmcChrType type)
{
    return types[type].channel;
}

static char **
fieldString(const vmcChrSource *source, const vmcChrField *field)
{
    return (char **)(void *)((char *)source + field->offset);
}

static int *
fieldEnum(const vmcChrSource *source, const vmcChrField *field)
{
    return (int *)(void *)((char *)source + field->offset);
}
G_STATIC_ASSERT(sizeof(vmcChrMode) == sizeof(int));

const char *
vmcChrFieldGet(const vmcChrSource *source, const vmcChrField *field)
{
    if (kinds[field->kind].toString)
        return kinds[field->kind].toString(*fieldEnum(source, field));
    return *fieldString(source, field);
}

bool
vmcChrFieldSet(vmcChrSource *source, const vmcChrField *field, const char *value)
{
    int word;

    if (!kinds[field->kind].fromString) {
        g_free(*fieldString(source, field));
        *fieldString(source, field) = g_strdup(value);
        return true;
    }
    if ((word = kinds[field->kind].fromString(value)) < 0)
        return false;
    *fieldEnum(source, field) = word;
    return true;
}

char *
vmcChrFieldWords(const vmcChrField *field)
{
    return kinds[field->kind].list ? kinds[field->kind].list() : NULL;
}

static void
fieldClear(vmcChrSource *source, const vmcChrField *field)
{
    if (kinds[field->kind].toString)
        *fieldEnum(source, field) = 0;
    else
        g_clear_pointer(fieldString(source, field), g_free);
}

/* Walks every row, so that nothing leaks from a source whose type changed. */
void
vmcChrSourceClear(vmcChrSource *source)
{
    if (!source)
        return;
    for (size_t type = 0; type < G_N_ELEMENTS(types); type++) {
        for (size_t i = 0; i < types[type].n; i++)
            fieldClear(source, &types[type].fields[i]);
    }
    source->type = 0;
}

void
vmcChrSourceCopy(vmcChrSource *dst, const vmcChrSource *src)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(src->type, &n);

    dst->type = src->type;
    for (size_t i = 0; i < n; i++) {
        const char *value = vmcChrFieldGet(src, &fields[i]);

        if (value)
            vmcChrFieldSet(dst, &fields[i], value);
    }
}

bool
vmcChrSourceEqual(const vmcChrSource *a, const vmcChrSource *b)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(a->type, &n);

    if (a->type != b->type)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (g_strcmp0(vmcChrFieldGet(a, &fields[i]), vmcChrFieldGet(b, &fields[i])) != 0)
            return false;
    }
    return true;
}

char *
vmcChrSourceBinds(const vmcChrSource *source)
{
    g_autoptr(GString) text = g_string_new(vmcChrTypeToString(source->type));
    const size_t *members = types[source->type].binds;
    bool binds = false;
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(source->type, &n);

    for (size_t i = 0; i < n; i++) {
        const char *value = vmcChrFieldGet(source, &fields[i]);

        if (fields[i].kind == VMC_CHR_FIELD_MODE && source->mode != VMC_CHR_MODE_BIND)
            return NULL;
        if (members[0] != fields[i].offset && members[1] != fields[i].offset)
            continue;
        /* Without an address it is any; a path or port that the system chooses is free. */
        if (fields[i].kind != VMC_CHR_FIELD_HOST && (!value || g_str_equal(value, "0")))
            return NULL;
        g_string_append_printf(text, " %s '%s'", kinds[fields[i].kind].noun, value ? value : "");
        binds = true;
    }
    return binds ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

void
vmcChannelClear(vmcChannel *channel)
{
    if (!channel)
        return;
    vmcChrSourceClear(&channel->source);
    g_free(channel->address);
    g_free(channel->alias);
    *channel = (vmcChannel){ 0 };
}

void
vmcChannelFree(vmcChannel *channel)
{
    vmcChannelClear(channel);
    g_free(channel);
}

static void
channelFree(gpointer channel)
{
    vmcChannelFree(channel);
}

GPtrArray *
vmcChannelArrayNew(void)
{
    return g_ptr_array_new_with_free_func(channelFree);
}

bool
vmcChannelEqual(const vmcChannel *a, const vmcChannel *b)
{
    return a->element == b->element && a->port == b->port &&
           g_strcmp0(a->address, b->address) == 0 &&
           g_strcmp0(a->alias, b->alias) == 0 &&
           vmcChrSourceEqual(&a->source, &b->source);
}

bool
vmcChannelPortFromString(const char *text, unsigned int *port)
{
    unsigned int value = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 5 || text[0] == '0' || strspn(text, "0123456789") != len)
        return false;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned int)(text[i] - '0');
    if (value > 65535)
        return false;
    *port = value;
    return true;
}

bool
vmcChannelAliasIsUser(const char *alias)
{
    static const char prefix[] = "ua-";
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return g_str_has_prefix(alias, prefix) && alias[strlen(prefix)] &&
           strspn(alias, allowed) == strlen(alias);
}

void
vmcChannelPostParse(vmcChannel *channel)
{
    vmcChrSource *source = &channel->source;
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(source->type, &n);

    if (!channel->address)
        channel->address = g_strdup(VMC_CHANNEL_DEFAULT_ADDRESS);
    if (channel->alias && !vmcChannelAliasIsUser(channel->alias))
        g_clear_pointer(&channel->alias, g_free);
    for (size_t i = 0; i < n; i++) {
        const char *value = vmcChrFieldGet(source, &fields[i]);

        if (fields[i].use == VMC_CHR_FIELD_LIVE ||
            (channel->element == VMC_CHR_DEVICE_CHANNEL && fields[i].idle &&
             g_strcmp0(value, fields[i].idle) == 0))
            fieldClear(source, &fields[i]);
        if (fields[i].kind == VMC_CHR_FIELD_MODE && source->mode == VMC_CHR_MODE_DEFAULT) {
            source->mode = source->path || source->host ? VMC_CHR_MODE_CONNECT
                                                        : VMC_CHR_MODE_BIND;
        }
        if (fields[i].kind == VMC_CHR_FIELD_PROTOCOL &&
            source->protocol == VMC_CHR_PROTOCOL_DEFAULT)
            source->protocol = VMC_CHR_PROTOCOL_RAW;
    }
}

/* The types that a channel may have, for a message. */
static char *
channelTypesList(void)
{
    const char *words[VMC_CHR_TYPE_LAST] = { NULL };

    for (int i = 0; i < VMC_CHR_TYPE_LAST; i++) {
        if (vmcChrTypeIsChannel(i))
            words[i] = vmcChrTypeToString(i);
    }
    return vmcEnumList(words, VMC_CHR_TYPE_LAST);
}

/* Reports that @value of @field is not @expected. */
static int
reportField(const vmcChannel *channel, const vmcChrField *field, const char *value,
            const char *expected)
{
    vmcReportError(VIR_ERR_XML_ERROR,
                   "invalid '%s' attribute '%s' in <%s> of <%s type='%s'>: expected %s",
                   field->attribute, value, field->element,
                   vmcChrDeviceTypeToString(channel->element),
                   vmcChrTypeToString(channel->source.type), expected);
    return -1;
}

static int
reportMissing(const vmcChannel *channel, const vmcChrField *field)
{
    vmcReportError(VIR_ERR_XML_ERROR, "missing '%s' attribute in <%s%s%s%s> of <%s type='%s'>",
                   field->attribute, field->element,
                   field->sourceMode ? " mode='" : "", field->sourceMode ? field->sourceMode : "",
                   field->sourceMode ? "'" : "", vmcChrDeviceTypeToString(channel->element),
                   vmcChrTypeToString(channel->source.type));
    return -1;
}

static int
validatePath(const vmcChannel *channel, const vmcChrField *field, const char *value)
{
    const size_t max = VMC_SOCKET_PATH_MAX;

    if (value[0] != '/')
        return reportField(channel, field, value, "an absolute path");
    /* libvirt writes them raw, and reads them back as spaces. */
    for (const char *c = value; *c; c++) {
        g_autofree char *shown = (unsigned char)*c < ' ' ? g_strescape(value, NULL) : NULL;

        if (shown)
            return reportField(channel, field, shown, "a path without control characters");
    }
    if (channel->source.type == VMC_CHR_TYPE_UNIX && strlen(value) > max &&
        field->offset == offsetof(vmcChrSource, path)) {
        g_autofree char *expected = g_strdup_printf("a path of at most %zu bytes", max);

        return reportField(channel, field, value, expected);
    }
    return 0;
}

static int
validateHost(const vmcChannel *channel, const vmcChrField *field, const char *value)
{
    for (const char *c = value; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("._-:%", *c))
            return reportField(channel, field, value, "a host name or an IP address");
    }
    return *value ? 0 : reportField(channel, field, value, "a host name or an IP address");
}

static int
validateService(const vmcChannel *channel, const vmcChrField *field, const char *value)
{
    bool anyPort = field->offset == offsetof(vmcChrSource, bindService);
    unsigned int port;

    if (vmcChannelPortFromString(value, &port) || (anyPort && g_str_equal(value, "0")))
        return 0;
    for (const char *c = value; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("-_", *c))
            return reportField(channel, field, value, "a port from 1 to 65535 or a service name");
    }
    if (!g_ascii_isalpha(*value))
        return reportField(channel, field, value, "a port from 1 to 65535 or a service name");
    return 0;
}

static int
validateProtocol(const vmcChannel *channel, const vmcChrField *field, const char *value)
{
    if (channel->source.protocol <= VMC_CHR_PROTOCOL_TELNET)
        return 0;
    vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                   "'%s' attribute '%s' in <%s> of <%s type='%s'>: a channel's is 'raw' or 'telnet'",
                   field->attribute, value, field->element,
                   vmcChrDeviceTypeToString(channel->element),
                   vmcChrTypeToString(channel->source.type));
    return -1;
}

static int (*const validators[])(const vmcChannel *channel, const vmcChrField *field,
                                 const char *value) = {
    [VMC_CHR_FIELD_PATH] = validatePath,
    [VMC_CHR_FIELD_HOST] = validateHost,
    [VMC_CHR_FIELD_SERVICE] = validateService,
    [VMC_CHR_FIELD_PROTOCOL] = validateProtocol,
    [VMC_CHR_FIELD_LAST] = NULL,
};

static int
validateField(const vmcChannel *channel, const vmcChrField *field)
{
    const char *value = vmcChrFieldGet(&channel->source, field);

    if (!value)
        return field->use == VMC_CHR_FIELD_REQUIRED ? reportMissing(channel, field) : 0;
    if (field->use == VMC_CHR_FIELD_FOREIGN) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'%s' attribute '%s' in <%s> of <%s>: a channel cannot have it",
                       field->attribute, value, field->element,
                       vmcChrDeviceTypeToString(channel->element));
        return -1;
    }
    return validators[field->kind] ? validators[field->kind](channel, field, value) : 0;
}

static int
validateSource(const vmcChannel *channel)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(channel->source.type, &n);

    if (!vmcChrTypeIsChannel(channel->source.type)) {
        g_autofree char *accepted = channelTypesList();

        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "<%s type='%s'> makes no sense as a channel: its type is %s",
                       vmcChrDeviceTypeToString(channel->element),
                       vmcChrTypeToString(channel->source.type), accepted);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (validateField(channel, &fields[i]) < 0)
            return -1;
    }
    return 0;
}

int
vmcChannelValidate(const vmcChannel *channel)
{
    const vmcChrSource *source = &channel->source;
    const char *element = vmcChrDeviceTypeToString(channel->element);
    struct in_addr address;

    if (validateSource(channel) < 0)
        return -1;
    if (source->type == VMC_CHR_TYPE_UNIX && source->mode == VMC_CHR_MODE_CONNECT &&
        !source->path) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "missing 'path' attribute in <source mode='connect'> of <%s type='unix'>",
                       element);
        return -1;
    }
    if (source->logAppend != VMC_SWITCH_DEFAULT && !source->logPath) {
        vmcReportError(VIR_ERR_XML_ERROR, "missing 'file' attribute in <log> of <%s type='%s'>",
                       element, vmcChrTypeToString(source->type));
        return -1;
    }
    if (channel->port < 1 || channel->port > 65535) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'port' attribute '%u' in <target> of <%s>: expected a number from 1 to 65535",
                       channel->port, element);
        return -1;
    }
    if (inet_pton(AF_INET, channel->address, &address) != 1) {
        vmcReportError(VIR_ERR_XML_ERROR,
                       "invalid 'address' attribute '%s' in <target> of <%s>: expected an IPv4 address",
                       channel->address, element);
        return -1;
    }
    return 0;
}
