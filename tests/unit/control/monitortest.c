/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol of the control socket, by a scripted client: what it says, cut
 * into pieces of every size, and the lines that answer it.
 */
#include <config.h>

#include <string.h>

#include "control/monitor.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

#define NEGOTIATE "{\"execute\": \"qmp_capabilities\"}"
#define RETURN "{ \"return\": { } }\n"
#define GENERIC(desc) "{ \"error\": { \"class\": \"GenericError\", \"desc\": \"" desc "\" } }\n"
#define NOT_FOUND(desc) "{ \"error\": { \"class\": \"CommandNotFound\", \"desc\": \"" desc "\" } }\n"
#define INVALID "invalid argument: "

/* An owner that says what it was asked. */
static struct json_object *
query(void *opaque G_GNUC_UNUSED)
{
    return json_object_new_array();
}

static struct json_object *
add(void *opaque G_GNUC_UNUSED, const char *vmchannel)
{
    if (g_str_equal(vmchannel, "wrong")) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "it is 'wrong'");
        return NULL;
    }
    return json_object_new_string(vmchannel);
}

static struct json_object *
removeChannel(void *opaque G_GNUC_UNUSED, const char *address, uint16_t port)
{
    g_autofree char *text = g_strdup_printf("%s:%u", address ? address : "none", port);

    return json_object_new_string(text);
}

static struct json_object *
capture(void *opaque G_GNUC_UNUSED, int *fd)
{
    *fd = 77;
    return json_object_new_object();
}

static const vmcControlOps ops = { query, add, removeChannel, capture };

/* All answers to @input, given in pieces of at most @size bytes. */
static char *
answersTo(const char *input, gsize inputLen, gsize size)
{
    vmcMonitor *session = vmcMonitorNew(&ops, NULL);
    GString *answers = g_string_new(NULL);

    while (inputLen > 0) {
        const char *data = input;
        gsize piece = MIN(size, inputLen), len = piece;
        int fd;

        do {
            g_autofree char *line = vmcMonitorInput(session, &data, &len, &fd);

            if (line)
                g_string_append(answers, line);
        } while (len > 0);
        input += piece;
        inputLen -= piece;
    }
    vmcMonitorFree(session);
    return g_string_free(answers, FALSE);
}

/* Whole messages, with their answers, after the negotiation. */
static const struct {
    const char *input;
    const char *answer;
} cases[] = {
    { "{\"execute\": \"query-vmchannels\"}", "{ \"return\": [ ] }\n" },
    { " \r\n{\"execute\":\"query-vmchannels\",\"id\":\"a}\\\"{\"}\n",
      "{ \"return\": [ ], \"id\": \"a}\\\"{\" }\n" },
    { "{\"id\": {\"n\": [1, null]}, \"execute\": \"query-vmchannels\", \"arguments\": {}}",
      "{ \"return\": [ ], \"id\": { \"n\": [ 1, null ] } }\n" },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": \"600:null\"}}",
      "{ \"return\": \"600:null\" }\n" },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": \"wrong\"}}",
      GENERIC(INVALID "it is 'wrong'") },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": \"6\\u0000\"}}",
      GENERIC(INVALID "'vmchannel' has a NUL character") },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {}}",
      GENERIC(INVALID "'vmchannel-add' needs the argument 'vmchannel'") },
    { "{\"execute\": \"vmchannel-add\"}",
      GENERIC(INVALID "'vmchannel-add' needs the argument 'vmchannel'") },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": 600}}",
      GENERIC(INVALID "argument 'vmchannel' of 'vmchannel-add': accepted is type string") },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": {\"vmchannel\": \"x\", \"more\": 1}}",
      GENERIC(INVALID "'vmchannel-add' has no argument 'more'") },
    { "{\"execute\": \"vmchannel-add\", \"arguments\": []}",
      GENERIC(INVALID "'arguments' is an object") },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": 600}}",
      "{ \"return\": \"none:600\" }\n" },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": 65535, \"address\": \"10.0.2.1\"}}",
      "{ \"return\": \"10.0.2.1:65535\" }\n" },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"address\": \"10.0.2.1\"}}",
      GENERIC(INVALID "'vmchannel-remove' needs the argument 'port'") },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": 65536}}",
      GENERIC(INVALID "'port' 65536: accepted is 1 to 65535") },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": 1}}",
      "{ \"return\": \"none:1\" }\n" },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": 0}}",
      GENERIC(INVALID "'port' 0: accepted is 1 to 65535") },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"port\": -600}}",
      GENERIC(INVALID "'port' -600: accepted is 1 to 65535") },
    { "{\"execute\": \"vmchannel-remove\", \"arguments\": {\"ports\": 600}}",
      GENERIC(INVALID "'vmchannel-remove' has no argument 'ports'") },
    { "{\"execute\": \"vmchannel-capture\"}", RETURN },
    { "{\"execute\": \"qmp_capabilities\"}",
      NOT_FOUND("Requested operation is not valid: capabilities have been negotiated") },
    { "{\"execute\": \"quit\"}",
      NOT_FOUND("there is no command 'quit'") },
    { "{\"execute\": 1}", GENERIC(INVALID "a command has a string 'execute'") },
    { "{}", GENERIC(INVALID "a command has a string 'execute'") },
    { "{\"execute\": \"query-vmchannels\", \"exec-oob\": 1}",
      GENERIC(INVALID "a command has no member 'exec-oob'") },
    { "{\"execute\" \"query-vmchannels\"}",
      GENERIC(INVALID "a message is not JSON: object property name separator ':' expected") },
    { "{\"execute\": \"\xff\"}",
      GENERIC(INVALID "a message is not JSON: invalid utf-8 string") },
    { "[1]\n", GENERIC(INVALID "a message does not begin with '{'") },
    { "HTTP/1.0 {\"execute\": \"query-vmchannels\"} \n",
      GENERIC(INVALID "a message does not begin with '{'") },
    { "}\n", GENERIC(INVALID "a message does not begin with '{'") },
    { "{[[[[[[[[[[[[[[[[[[\n",
      GENERIC(INVALID "a message has more objects and arrays than accepted") },
};

/* However the bytes come, one by one or all cases at once. */
static void
testAnswers(void)
{
    static const gsize sizes[] = { 1, 2, 7, 64, 4096, G_MAXSIZE };
    g_autoptr(GString) input = g_string_new(NEGOTIATE);
    g_autoptr(GString) expected = g_string_new(RETURN);
    g_auto(GStrv) wanted = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_string_append(input, cases[i].input);
        g_string_append(expected, cases[i].answer);
    }
    wanted = g_strsplit(expected->str, "\n", -1);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *answers = answersTo(input->str, input->len, sizes[i]);
        g_auto(GStrv) lines = g_strsplit(answers, "\n", -1);

        g_assert_cmpuint(g_strv_length(lines), ==, g_strv_length(wanted));
        for (gsize j = 0; lines[j] && wanted[j]; j++)
            g_assert_cmpstr(lines[j], ==, wanted[j]);
    }
}

static void
testNegotiation(void)
{
    static const char early[] = "{\"execute\": \"query-vmchannels\"}" NEGOTIATE;
    g_autofree char *answers = answersTo(early, strlen(early), G_MAXSIZE);
    g_autofree char *greeting = vmcMonitorGreeting();
    static const char some[] =
        "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}}"
        "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": []}}";
    g_autofree char *enabled = answersTo(some, strlen(some), G_MAXSIZE);

    g_assert_cmpstr(answers, ==, NOT_FOUND("Requested operation is not valid: capabilities are "
                                           "negotiated first: 'qmp_capabilities'") RETURN);
    g_assert_cmpstr(enabled, ==, GENERIC(INVALID "there are no capabilities to enable") RETURN);
    g_assert_true(g_str_has_prefix(greeting, "{ \"QMP\": { \"version\": { \"vmchannel\": { \"major\": "));
    g_assert_true(g_str_has_suffix(greeting, "\"capabilities\": [ ] } }\n"));
}

static void
testListens(void)
{
    vmcMonitor *session = vmcMonitorNew(&ops, NULL);
    const char *data = NEGOTIATE "{\"execute\": \"vmchannel-capture\"}";
    gsize len = strlen(data);
    g_autofree char *first = NULL, *second = NULL;
    int fd;

    g_assert_false(vmcMonitorListens(session));
    first = vmcMonitorInput(session, &data, &len, &fd);
    g_assert_true(vmcMonitorListens(session));
    g_assert_cmpint(fd, ==, -1);
    second = vmcMonitorInput(session, &data, &len, &fd);
    g_assert_cmpint(fd, ==, 77);
    vmcMonitorFree(session);
}

/* What query-commands lists is what there is. */
static void
testCommands(void)
{
    static const char ask[] = NEGOTIATE "{\"execute\": \"query-commands\"}{\"execute\": \"query-version\"}";
    g_autofree char *answers = answersTo(ask, strlen(ask), G_MAXSIZE);
    g_auto(GStrv) lines = g_strsplit(answers, "\n", -1);

    g_assert_cmpstr(lines[1], ==, "{ \"return\": [ { \"name\": \"qmp_capabilities\" }, "
                    "{ \"name\": \"query-commands\" }, { \"name\": \"query-version\" }, "
                    "{ \"name\": \"query-vmchannels\" }, { \"name\": \"vmchannel-add\" }, "
                    "{ \"name\": \"vmchannel-capture\" }, { \"name\": \"vmchannel-remove\" } ] }");
    g_assert_true(g_str_has_prefix(lines[2], "{ \"return\": { \"vmchannel\": { \"major\": "));
}

/* A line that is too long or has too much in it costs itself, not the next. */
static void
expectRefused(const char *start, const char *filling, gsize count, const char *answer)
{
    g_autoptr(GString) input = g_string_new(NEGOTIATE);
    g_autofree char *expected = g_strconcat(RETURN, answer, "{ \"return\": [ ] }\n", NULL);
    g_autofree char *answers = NULL;

    g_string_append(input, start);
    for (gsize i = 0; i < count; i++)
        g_string_append(input, filling);
    g_string_append(input, "\n{\"execute\": \"query-vmchannels\"}");
    answers = answersTo(input->str, input->len, 4096);
    g_assert_cmpstr(answers, ==, expected);
}

/* @open, @filling some times and @close are a message: of no command, but one to read. */
static void
expectRead(const char *open, const char *filling, gsize count, const char *close, gsize closes)
{
    g_autoptr(GString) input = g_string_new(NEGOTIATE);
    g_autofree char *answers = NULL;

    g_string_append(input, open);
    for (gsize i = 0; i < count; i++)
        g_string_append(input, filling);
    for (gsize i = 0; i < closes; i++)
        g_string_append(input, close);
    g_string_append(input, "}");
    answers = answersTo(input->str, input->len, 4096);
    g_assert_cmpstr(answers, ==, RETURN GENERIC(INVALID "a command has no member 'extra'"));
}

static void
testLimits(void)
{
    g_autofree char *longest = g_strnfill(VMC_JSON_MESSAGE_MAX - strlen("{\"id\":\"\"}"), 'x');
    g_autofree char *fits = g_strconcat(NEGOTIATE "{\"id\":\"", longest, "\"}", NULL);
    g_autofree char *answers = answersTo(fits, strlen(fits), 4096);

    g_assert_nonnull(strstr(answers, "a command has a string 'execute'"));
    expectRefused("{\"id\":\"", "x", VMC_JSON_MESSAGE_MAX,
                  GENERIC(INVALID "a message is longer than accepted"));
    /* Its end is the byte that is one too many. */
    expectRefused("{\"id\":\"", "x", VMC_JSON_MESSAGE_MAX - 7,
                  GENERIC(INVALID "a message is longer than accepted"));
    expectRefused("{\"id\":\"", "x", 4 * VMC_JSON_MESSAGE_MAX,
                  GENERIC(INVALID "a message is longer than accepted"));
    expectRefused("{\"id\":", "[", VMC_JSON_DEPTH_MAX,
                  GENERIC(INVALID "a message has more objects and arrays than accepted"));
    expectRefused("{\"id\":[", "{},", VMC_JSON_CONTAINERS_MAX - 1,
                  GENERIC(INVALID "a message has more objects and arrays than accepted"));
    expectRead("{\"extra\":", "[", VMC_JSON_DEPTH_MAX - 1, "]", VMC_JSON_DEPTH_MAX - 1);
    expectRead("{\"extra\":[{}", ",{}", VMC_JSON_CONTAINERS_MAX - 3, "]", 1);
}

static void
testEvent(void)
{
    struct json_object *data = json_object_new_object();
    g_autofree char *line = NULL;

    json_object_object_add(data, "port", json_object_new_int(600));
    line = vmcControlEventLine("VMCHANNEL_CONNECTED", data, 1700000000000042);
    g_assert_cmpstr(line, ==, "{ \"timestamp\": { \"seconds\": 1700000000, \"microseconds\": 42 }, "
                    "\"event\": \"VMCHANNEL_CONNECTED\", \"data\": { \"port\": 600 } }\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/control/session/answers", testAnswers);
    g_test_add_func("/control/session/negotiation", testNegotiation);
    g_test_add_func("/control/session/listens", testListens);
    g_test_add_func("/control/session/commands", testCommands);
    g_test_add_func("/control/session/limits", testLimits);
    g_test_add_func("/control/session/event", testEvent);
    return g_test_run();
}
