/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels as option strings: both ways, both spellings, refusals, and a property test. */
#include <config.h>

#include <string.h>

#include "qemu/qemu_conf.h"
#include "util/error.h"

/* What is written is what was read. */
static const char *const canonical[] = {
    "600:unix:/some/path",
    "600:unix:/some/path,server,nowait",
    "600:unix:,server,nowait",
    "1:file:/var/log/x",
    "1:file:/var/log/x,append=on",
    "1:file:/var/log/x,append=off",
    "65535:pipe:/run/p",
    "2:pty",
    "3:/dev/ttyS0",
    "4:null",
    "5:stdio",
    "6:tcp:localhost:5000",
    "6:tcp:[::1]:5000,server,nowait",
    "7:telnet:192.0.2.1:23",
    "7:telnet:192.0.2.1:telnet,server,nowait",
    "8:udp:h:1@b:2",
    "8:udp:h:1",
    "8:udp::1@:0",
    "8:udp:[fe80::1%eth0]:1@[::]:2",
    "10.0.2.1:600:null",
    "10.0.2.3:600:unix:/a,,b,,,server,nowait",
    "9:null,id=ua-agent,logfile=/a,,b,logappend=on,element=channel",
    "9:unix:/x=y:z,id=ua-1",
};

static void
testCanonical(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(canonical); i++) {
        g_autoptr(vmcChannel) channel = vmcQemuChannelParse(canonical[i]);
        g_autofree char *again = NULL;

        g_assert_cmpstr(vmcErrorLast()->message, ==, "");
        g_assert_nonnull(channel);
        again = vmcQemuChannelFormat(channel);
        g_assert_cmpstr(again, ==, canonical[i]);
    }
}

/* Other ways to say the same. */
static const struct {
    const char *value;
    const char *canonical;
} spellings[] = {
    { "10.0.2.4:600:unix:/p", "600:unix:/p" },
    { "600:unix:/p,server=on,wait=off", "600:unix:/p,server,nowait" },
    { "600:unix:/p,server", "600:unix:/p,server,nowait" },
    { "600:unix:/p,server=on,wait=on", "600:unix:/p,server,nowait" },
    { "600:unix:/p,nowait,server", "600:unix:/p,server,nowait" },
    { "600:unix:/p,server=off", "600:unix:/p" },
    { "600:tcp:[h]:1", "600:tcp:h:1" },
    { "600:udp:h:1@:", "600:udp:h:1" },
    { "600:file:/p,append", "600:file:/p,append=on" },
    { "600:null,element=vmchannel", "600:null" },
    { "600:null,logappend=off,logfile=/l", "600:null,logfile=/l,logappend=off" },
};

static void
testSpellings(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        g_autoptr(vmcChannel) channel = vmcQemuChannelParse(spellings[i].value);
        g_autofree char *written = NULL;

        g_assert_cmpstr(vmcErrorLast()->message, ==, "");
        g_assert_nonnull(channel);
        written = vmcQemuChannelFormat(channel);
        g_assert_cmpstr(written, ==, spellings[i].canonical);
    }
}

#define CHARDEVS \
    "one of null, pty, /dev/PATH, file:PATH, pipe:PATH, stdio, udp:HOST:PORT[@HOST:PORT], " \
    "tcp:HOST:PORT, telnet:HOST:PORT, unix:PATH"

/* Each message begins with "invalid argument: -vmchannel 'VALUE': ". */
static const struct {
    const char *value;
    const char *detail;
} refusals[] = {
    { "", "expected [ADDRESS:]PORT:CHARDEV" },
    { "600", "expected [ADDRESS:]PORT:CHARDEV" },
    { "10.0.2.4:600", "expected [ADDRESS:]PORT:CHARDEV" },
    { ":null", "invalid port '': expected a number from 1 to 65535" },
    { "0:null", "invalid port '0': expected a number from 1 to 65535" },
    { "65536:null", "invalid port '65536': expected a number from 1 to 65535" },
    { "6oo:null", "invalid port '6oo': expected a number from 1 to 65535" },
    { "unix:/p", "invalid port 'unix': expected a number from 1 to 65535" },
    { "10.0.2.400:600:null", "invalid 'address' attribute '10.0.2.400' in <target> of "
      "<vmchannel>: expected an IPv4 address" },
    { "600:", "unknown character device '': expected " CHARDEVS },
    { "600:unix", "unknown character device 'unix': expected " CHARDEVS },
    { "600:nullx", "unknown character device 'nullx': expected " CHARDEVS },
    { "600:spicevmc", "unknown character device 'spicevmc': expected " CHARDEVS },
    { "600:unix:", "missing 'path' attribute in <source mode='connect'> of "
      "<vmchannel type='unix'>" },
    { "600:unix:p", "invalid 'path' attribute 'p' in <source> of <vmchannel type='unix'>: "
      "expected an absolute path" },
    { "600:unix:/p,nowait", "'nowait' needs 'server'" },
    { "600:unix:/p,wait=off", "'wait' needs 'server'" },
    { "600:unix:/p,server,server=off", "'server' is given twice" },
    { "600:unix:/p,server=yes", "'server=yes': expected 'on' or 'off'" },
    { "600:unix:/p,reconnect=1", "unknown key 'reconnect': expected 'server', 'nowait', 'wait', "
      "'id', 'logfile', 'logappend' or 'element'" },
    { "600:unix:/p,", "unknown key '': expected 'server', 'nowait', 'wait', 'id', 'logfile', "
      "'logappend' or 'element'" },
    { "600:null,server", "unknown key 'server': expected 'id', 'logfile', 'logappend' or "
      "'element'" },
    { "600:/dev/ttyS0,server", "unknown key 'server': expected 'id', 'logfile', 'logappend' or "
      "'element'" },
    { "600:/dev/ttyS0,append=on", "unknown key 'append': expected 'id', 'logfile', 'logappend' or "
      "'element'" },
    { "600:unix:/p,server=", "'server=': expected 'on' or 'off'" },
    { "600:null,id=agent", "'id=agent': expected 'ua-' and letters, digits, '-' or '_'" },
    { "600:null,id", "'id' needs a value" },
    { "600:null,logfile=", "'logfile' needs a value" },
    { "600:null,logappend=on", "missing 'file' attribute in <log> of <vmchannel type='null'>" },
    { "600:null,element=serial", "'element=serial': expected 'channel' or 'vmchannel'" },
    { "600:file:", "missing 'path' attribute in <source> of <vmchannel type='file'>" },
    { "600:tcp:h", "malformed character device 'tcp:h': expected tcp:HOST:PORT" },
    { "600:tcp::1:2", "malformed character device 'tcp::1:2': expected tcp:HOST:PORT" },
    { "600:tcp:[::1:2", "malformed character device 'tcp:[::1:2': expected tcp:HOST:PORT" },
    { "600:tcp:[::1]2", "malformed character device 'tcp:[::1]2': expected tcp:HOST:PORT" },
    { "600:tcp::2", "missing 'host' attribute in <source> of <vmchannel type='tcp'>" },
    { "600:tcp:h:", "missing 'service' attribute in <source> of <vmchannel type='tcp'>" },
    { "600:udp:h:1@b", "malformed character device 'udp:h:1@b': expected "
      "udp:HOST:PORT[@HOST:PORT]" },
};

static void
testRefusals(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *message =
            g_strdup_printf("invalid argument: -vmchannel '%s': %s", refusals[i].value,
                            refusals[i].detail);

        g_assert_null(vmcQemuChannelParse(refusals[i].value));
        g_assert_cmpstr(vmcErrorLast()->message, ==, message);
        g_assert_cmpint(vmcErrorLast()->code, ==, VIR_ERR_INVALID_ARG);
        g_assert_cmpint(vmcErrorLast()->domain, ==, VIR_FROM_QEMU);
    }
    vmcErrorReset();
}

/* What each kind of field may say, for generated channels. */
static char *
randomValue(const vmcChrField *field)
{
    static const char *const hosts[] = { "localhost", "192.0.2.7", "::1", "fe80::1%eth0", "a-b.c" };
    static const char *const services[] = { "1", "80", "65535", "http", "x_y-1" };
    static const char pathChars[] = "ab/,=:@[] '\"&<>\xc3\xa9.";
    static const char *const modes[] = { "connect", "bind" };
    static const char *const protocols[] = { "raw", "telnet" };
    static const char *const switches[] = { "on", "off" };
    GString *path;

    switch (field->kind) {
    case VMC_CHR_FIELD_HOST:
        return g_strdup(hosts[g_test_rand_int_range(0, G_N_ELEMENTS(hosts))]);
    case VMC_CHR_FIELD_SERVICE:
        return g_strdup(services[g_test_rand_int_range(0, G_N_ELEMENTS(services))]);
    case VMC_CHR_FIELD_MODE:
        return g_strdup(modes[g_test_rand_int_range(0, 2)]);
    case VMC_CHR_FIELD_PROTOCOL:
        return g_strdup(protocols[g_test_rand_int_range(0, 2)]);
    case VMC_CHR_FIELD_SWITCH:
        return g_strdup(switches[g_test_rand_int_range(0, 2)]);
    case VMC_CHR_FIELD_STRING:
    case VMC_CHR_FIELD_PATH:
    case VMC_CHR_FIELD_LAST:
    default:
        path = g_string_new("/");
        for (int i = g_test_rand_int_range(0, 107); i > 0; i--)
            g_string_append_c(path, pathChars[g_test_rand_int_range(0, sizeof(pathChars) - 1)]);
        return g_string_free(path, FALSE);
    }
}

static vmcChannel *
randomChannel(void)
{
    vmcChannel *channel = g_new0(vmcChannel, 1);
    const vmcChrField *fields;
    size_t n;

    do
        channel->source.type = g_test_rand_int_range(0, VMC_CHR_TYPE_LAST);
    while (!vmcChrTypeIsChannel(channel->source.type));
    channel->element = g_test_rand_bit() ? VMC_CHR_DEVICE_CHANNEL : VMC_CHR_DEVICE_VMCHANNEL;
    channel->port = g_test_rand_int_range(1, 65536);
    if (g_test_rand_bit())
        channel->address = g_strdup_printf("10.0.2.%d", g_test_rand_int_range(1, 5));
    if (g_test_rand_bit())
        channel->alias = g_strdup_printf("ua-%x", (unsigned)g_test_rand_int());
    fields = vmcChrTypeFields(channel->source.type, &n);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *value = randomValue(&fields[i]);
        bool said = fields[i].use == VMC_CHR_FIELD_REQUIRED || g_test_rand_bit();

        if (said && fields[i].use != VMC_CHR_FIELD_FOREIGN)
            vmcChrFieldSet(&channel->source, &fields[i], value);
    }
    vmcChannelPostParse(channel);
    return channel;
}

/* GTest prints the seed; --seed repeats a run. */
static void
testProperty(void)
{
    int valid = 0;
    int rounds = g_test_slow() ? 1000000 : 20000;

    for (int i = 0; i < rounds; i++) {
        g_autoptr(vmcChannel) channel = randomChannel();
        g_autoptr(vmcChannel) parsed = NULL;
        g_autofree char *value = NULL;
        g_autofree char *again = NULL;

        if (vmcChannelValidate(channel) < 0)
            continue;
        valid++;
        value = vmcQemuChannelFormat(channel);
        parsed = vmcQemuChannelParse(value);
        g_assert_nonnull(parsed);
        g_assert_true(vmcChannelEqual(channel, parsed));
        again = vmcQemuChannelFormat(parsed);
        g_assert_cmpstr(again, ==, value);
    }
    g_test_message("%d of %d generated channels were valid", valid, rounds);
    g_assert_cmpint(valid, >, rounds / 4);
}

/* Junk never crashes, and is refused with a message. */
static void
testJunk(void)
{
    static const char chars[] = "0123456789.:,@[]=/unixtcpserver ";

    for (int i = 0; i < 20000; i++) {
        char value[24] = "6:";
        int len = g_test_rand_int_range(2, sizeof(value));

        for (int c = 2; c < len; c++)
            value[c] = chars[g_test_rand_int_range(0, sizeof(chars) - 1)];
        vmcErrorReset();
        {
            g_autoptr(vmcChannel) channel = vmcQemuChannelParse(value);

            g_assert_cmpint(channel == NULL, ==, *vmcErrorLast()->message != '\0');
        }
    }
    vmcErrorReset();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu/conf/canonical", testCanonical);
    g_test_add_func("/qemu/conf/spellings", testSpellings);
    g_test_add_func("/qemu/conf/refusals", testRefusals);
    g_test_add_func("/qemu/conf/property", testProperty);
    g_test_add_func("/qemu/conf/junk", testJunk);
    return g_test_run();
}
