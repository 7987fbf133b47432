/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices as structs: words, copies, defaults, refusals. */
#include <config.h>

#include <stddef.h>
#include <string.h>

#include "conf/domain_chr.h"
#include "util/error.h"

typedef struct {
    int (*fromString)(const char *word);
    const char *(*toString)(int value);
    char *(*list)(void);
    int last;
    int first;                  /* the first value that has a word: 0, or 1 behind a DEFAULT */
} enumRow;

static const enumRow enums[] = {
    { vmcChrDeviceTypeFromString, vmcChrDeviceTypeToString, vmcChrDeviceTypeList,
      VMC_CHR_DEVICE_LAST, 0 },
    { vmcChrTypeFromString, vmcChrTypeToString, vmcChrTypeList, VMC_CHR_TYPE_LAST, 0 },
    { vmcChrModeFromString, vmcChrModeToString, vmcChrModeList, VMC_CHR_MODE_LAST, 1 },
    { vmcChrProtocolFromString, vmcChrProtocolToString, vmcChrProtocolList,
      VMC_CHR_PROTOCOL_LAST, 1 },
    { vmcSwitchFromString, vmcSwitchToString, vmcSwitchList, VMC_SWITCH_LAST, 1 },
};

static void
testWords(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(enums); i++) {
        g_autofree char *list = enums[i].list();

        for (int value = 0; value < enums[i].last; value++) {
            const char *word = enums[i].toString(value);

            if (value < enums[i].first) {
                g_assert_null(word);
                continue;
            }
            g_assert_nonnull(word);
            g_assert_cmpint(enums[i].fromString(word), ==, value);
            g_assert_nonnull(strstr(list, word));
        }
        g_assert_cmpint(enums[i].fromString("no such word"), ==, -1);
        g_assert_null(enums[i].toString(enums[i].last));
    }
}

/* Fills every field of @type with a value that tells it from the others. */
static void
fill(vmcChrSource *source, vmcChrType type)
{
    size_t n;
    const vmcChrField *fields = vmcChrTypeFields(type, &n);

    source->type = type;
    for (size_t i = 0; i < n; i++) {
        g_autofree char *text = g_strdup_printf("/value-%zu", i);
        g_autofree char *words = vmcChrFieldWords(&fields[i]);
        /* The list's first word, without its quotes. */
        g_autofree char *word = words ? g_strndup(words + 1, strcspn(words + 1, "'")) : NULL;

        g_assert_true(vmcChrFieldSet(source, &fields[i], word ? word : text));
        g_assert_cmpstr(vmcChrFieldGet(source, &fields[i]), ==, word ? word : text);
    }
}

static void
testCopyCompareClear(void)
{
    static const vmcChrSource empty;

    for (int type = 0; type < VMC_CHR_TYPE_LAST; type++) {
        vmcChrSource a = { 0 };
        size_t n;
        const vmcChrField *fields = vmcChrTypeFields(type, &n);

        /* <log> is of all types: a type without fields has no row. */
        g_assert_cmpuint(n, >, 0);
        fill(&a, type);
        for (size_t i = 0; i < n; i++) {
            vmcChrSource b = { 0 };

            vmcChrSourceCopy(&b, &a);
            g_assert_true(vmcChrSourceEqual(&a, &b));
            /* Each field by itself makes a difference. */
            if (vmcChrFieldSet(&b, &fields[i], "off") || vmcChrFieldSet(&b, &fields[i], "bind") ||
                vmcChrFieldSet(&b, &fields[i], "tls"))
                g_assert_false(vmcChrSourceEqual(&a, &b));
            else
                g_assert_not_reached();
            vmcChrSourceClear(&b);
            g_assert_cmpmem(&b, sizeof(b), &empty, sizeof(empty));
        }
        vmcChrSourceClear(&a);
    }
    vmcChrSourceClear(NULL);
    vmcChannelClear(NULL);
    vmcChannelFree(NULL);
}

static void
testEqualChannels(void)
{
    vmcChannel a = { .element = VMC_CHR_DEVICE_VMCHANNEL, .port = 600 };
    vmcChannel b = a;

    vmcChannelPostParse(&a);
    g_assert_cmpstr(a.address, ==, VMC_CHANNEL_DEFAULT_ADDRESS);
    g_assert_false(vmcChannelEqual(&a, &b));
    vmcChannelPostParse(&b);
    g_assert_true(vmcChannelEqual(&a, &b));
    b.source.type = VMC_CHR_TYPE_PTY;
    g_assert_false(vmcChannelEqual(&a, &b));
    b.source.type = a.source.type;
    b.alias = g_strdup("ua-b");
    g_assert_false(vmcChannelEqual(&a, &b));
    vmcChannelClear(&a);
    vmcChannelClear(&b);
}

static void
testPort(void)
{
    static const char *const wrong[] = {
        "", "0", "65536", "99999", "100000", "6oo", " 600", "600 ", "+600", "-1", "0600", "0x258",
    };
    unsigned int port = 7;

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(vmcChannelPortFromString(wrong[i], &port));
    g_assert_cmpuint(port, ==, 7);
    g_assert_true(vmcChannelPortFromString("1", &port));
    g_assert_cmpuint(port, ==, 1);
    g_assert_true(vmcChannelPortFromString("65535", &port));
    g_assert_cmpuint(port, ==, 65535);
}

static void
testPostParse(void)
{
    vmcChannel dialled = {
        .source = { .type = VMC_CHR_TYPE_UNIX, .path = g_strdup("/a") },
        .alias = g_strdup("channel0"),
    };
    vmcChannel listening = { .source = { .type = VMC_CHR_TYPE_UNIX }, .alias = g_strdup("ua-x") };
    vmcChannel tcp = { .source = { .type = VMC_CHR_TYPE_TCP, .host = g_strdup("h") } };
    vmcChannel pty = {
        .source = { .type = VMC_CHR_TYPE_PTY, .path = g_strdup("/dev/pts/1") },
        .address = g_strdup("10.0.2.1"),
    };

    vmcChannelPostParse(&dialled);
    g_assert_cmpint(dialled.source.mode, ==, VMC_CHR_MODE_CONNECT);
    g_assert_null(dialled.alias);
    vmcChannelPostParse(&listening);
    g_assert_cmpint(listening.source.mode, ==, VMC_CHR_MODE_BIND);
    g_assert_cmpstr(listening.alias, ==, "ua-x");
    vmcChannelPostParse(&tcp);
    g_assert_cmpint(tcp.source.mode, ==, VMC_CHR_MODE_CONNECT);
    g_assert_cmpint(tcp.source.protocol, ==, VMC_CHR_PROTOCOL_RAW);
    vmcChannelPostParse(&pty);
    g_assert_null(pty.source.path);
    g_assert_cmpstr(pty.address, ==, "10.0.2.1");
    vmcChannelClear(&dialled);
    vmcChannelClear(&listening);
    vmcChannelClear(&tcp);
    vmcChannelClear(&pty);
}

#define LONG_PATH_10 "/123456789"
#define LONG_PATH_100 \
    LONG_PATH_10 LONG_PATH_10 LONG_PATH_10 LONG_PATH_10 LONG_PATH_10 \
    LONG_PATH_10 LONG_PATH_10 LONG_PATH_10 LONG_PATH_10 LONG_PATH_10

#define UNIX(...) .source = { .type = VMC_CHR_TYPE_UNIX, __VA_ARGS__ }, .port = 600
#define TCP(...) .source = { .type = VMC_CHR_TYPE_TCP, __VA_ARGS__ }, .port = 600
#define UDP(...) .source = { .type = VMC_CHR_TYPE_UDP, __VA_ARGS__ }, .port = 600
#define STR(text) (char *)text

/* The strings are constants: validated as they stand, never freed. */
static const struct {
    vmcChannel channel;
    const char *error;          /* NULL: accepted */
} validations[] = {
    { { UNIX(.path = STR("/run/a"), .mode = VMC_CHR_MODE_CONNECT) }, NULL },
    { { UNIX(.mode = VMC_CHR_MODE_BIND) }, NULL },
    { { UNIX(.path = STR(LONG_PATH_100 "/123456")) }, NULL },
    { { UNIX(.path = STR(LONG_PATH_100 "/1234567")) },
      "XML error: invalid 'path' attribute '" LONG_PATH_100 "/1234567' in <source> of "
      "<vmchannel type='unix'>: expected a path of at most 107 bytes" },
    { { UNIX(.path = STR("run/a")) },
      "XML error: invalid 'path' attribute 'run/a' in <source> of <vmchannel type='unix'>: "
      "expected an absolute path" },
    { { UNIX(.path = STR("/run/a\n")) },
      "XML error: invalid 'path' attribute '/run/a\\n' in <source> of <vmchannel type='unix'>: "
      "expected a path without control characters" },
    { { UNIX(.mode = VMC_CHR_MODE_CONNECT) },
      "XML error: missing 'path' attribute in <source mode='connect'> of <vmchannel type='unix'>" },
    { { UNIX(.path = STR("/a"), .reconnect = STR("yes")) },
      "unsupported configuration: 'enabled' attribute 'yes' in <source/reconnect> of <vmchannel>: "
      "a channel cannot have it" },
    { { .source = { .type = VMC_CHR_TYPE_FILE, .path = STR(LONG_PATH_100 LONG_PATH_100) },
        .port = 1 }, NULL },
    { { .source = { .type = VMC_CHR_TYPE_FILE }, .port = 1 },
      "XML error: missing 'path' attribute in <source> of <vmchannel type='file'>" },
    { { .source = { .type = VMC_CHR_TYPE_PIPE }, .port = 1 },
      "XML error: missing 'path' attribute in <source> of <vmchannel type='pipe'>" },
    { { .source = { .type = VMC_CHR_TYPE_DEV, .path = STR("ttyS0") }, .port = 1 },
      "XML error: invalid 'path' attribute 'ttyS0' in <source> of <vmchannel type='dev'>: "
      "expected an absolute path" },
    { { TCP(.host = STR("::1"), .service = STR("5000")) }, NULL },
    { { TCP(.host = STR("localhost"), .service = STR("http-alt")) }, NULL },
    { { TCP(.service = STR("5000")) },
      "XML error: missing 'host' attribute in <source> of <vmchannel type='tcp'>" },
    { { TCP(.host = STR("localhost")) },
      "XML error: missing 'service' attribute in <source> of <vmchannel type='tcp'>" },
    { { TCP(.host = STR("a b"), .service = STR("1")) },
      "XML error: invalid 'host' attribute 'a b' in <source> of <vmchannel type='tcp'>: "
      "expected a host name or an IP address" },
    { { TCP(.host = STR(""), .service = STR("1")) },
      "XML error: invalid 'host' attribute '' in <source> of <vmchannel type='tcp'>: "
      "expected a host name or an IP address" },
    { { TCP(.host = STR("a"), .service = STR("0")) },
      "XML error: invalid 'service' attribute '0' in <source> of <vmchannel type='tcp'>: "
      "expected a port from 1 to 65535 or a service name" },
    { { TCP(.host = STR("a"), .service = STR("x:y")) },
      "XML error: invalid 'service' attribute 'x:y' in <source> of <vmchannel type='tcp'>: "
      "expected a port from 1 to 65535 or a service name" },
    { { TCP(.host = STR("a"), .service = STR("1"), .protocol = VMC_CHR_PROTOCOL_TLS) },
      "unsupported configuration: 'type' attribute 'tls' in <protocol> of <vmchannel type='tcp'>: "
      "a channel's is 'raw' or 'telnet'" },
    { { TCP(.host = STR("a"), .service = STR("1"), .protocol = VMC_CHR_PROTOCOL_TELNET) }, NULL },
    { { TCP(.host = STR("a"), .service = STR("1"), .tls = STR("yes")) },
      "unsupported configuration: 'tls' attribute 'yes' in <source> of <vmchannel>: "
      "a channel cannot have it" },
    { { UDP(.service = STR("1"), .bindService = STR("0")) }, NULL },
    { { UDP(.host = STR("a")) },
      "XML error: missing 'service' attribute in <source mode='connect'> of "
      "<vmchannel type='udp'>" },
    { { .source = { .type = VMC_CHR_TYPE_NULL, .logPath = STR("log") }, .port = 1 },
      "XML error: invalid 'file' attribute 'log' in <log> of <vmchannel type='null'>: "
      "expected an absolute path" },
    { { .source = { .type = VMC_CHR_TYPE_NULL, .logAppend = VMC_SWITCH_ON }, .port = 1 },
      "XML error: missing 'file' attribute in <log> of <vmchannel type='null'>" },
    { { .source = { .type = VMC_CHR_TYPE_SPICEVMC }, .port = 1 },
      "unsupported configuration: <vmchannel type='spicevmc'> makes no sense as a channel: its "
      "type is 'null', 'pty', 'dev', 'file', 'pipe', 'stdio', 'udp', 'tcp' or 'unix'" },
    { { .source = { .type = VMC_CHR_TYPE_NULL }, .port = 0 },
      "XML error: invalid 'port' attribute '0' in <target> of <vmchannel>: "
      "expected a number from 1 to 65535" },
    { { .source = { .type = VMC_CHR_TYPE_NULL }, .port = 65535 }, NULL },
    { { .source = { .type = VMC_CHR_TYPE_NULL }, .port = 65536 },
      "XML error: invalid 'port' attribute '65536' in <target> of <vmchannel>: "
      "expected a number from 1 to 65535" },
    { { .source = { .type = VMC_CHR_TYPE_NULL }, .port = 1, .address = STR("10.0.2") },
      "XML error: invalid 'address' attribute '10.0.2' in <target> of <vmchannel>: "
      "expected an IPv4 address" },
};

static void
testValidate(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(validations); i++) {
        vmcChannel channel = validations[i].channel;

        channel.element = VMC_CHR_DEVICE_VMCHANNEL;
        if (!channel.address)
            channel.address = (char *)VMC_CHANNEL_DEFAULT_ADDRESS;
        vmcErrorReset();
        g_assert_cmpint(vmcChannelValidate(&channel), ==, validations[i].error ? -1 : 0);
        g_assert_cmpstr(vmcErrorLast()->message, ==,
                        validations[i].error ? validations[i].error : "");
    }
}

/* Every type is either accepted or refused by name. */
static void
testValidateTypes(void)
{
    for (int type = 0; type < VMC_CHR_TYPE_LAST; type++) {
        vmcChannel channel = {
            .element = VMC_CHR_DEVICE_CHANNEL, .port = 1, .address = STR("10.0.2.4"),
            .source = {
                .type = type, .path = STR("/p"), .host = STR("h"), .service = STR("1"),
            },
        };
        bool refused = vmcChannelValidate(&channel) < 0;

        g_assert_cmpint(refused, ==, !vmcChrTypeIsChannel(type));
        if (refused)
            g_assert_nonnull(strstr(vmcErrorLast()->message, vmcChrTypeToString(type)));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/conf/chr/words", testWords);
    g_test_add_func("/conf/chr/copy-compare-clear", testCopyCompareClear);
    g_test_add_func("/conf/chr/equal-channels", testEqualChannels);
    g_test_add_func("/conf/chr/port", testPort);
    g_test_add_func("/conf/chr/post-parse", testPostParse);
    g_test_add_func("/conf/chr/validate", testValidate);
    g_test_add_func("/conf/chr/validate-types", testValidateTypes);
    return g_test_run();
}
