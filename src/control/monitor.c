/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol of the control socket: see monitor.h. What is wrong in a
 * client's message is an error for that client, and touches nobody else.
 *
 * Pure: bytes in, bytes out.
 */
#include <config.h>

#include "control/monitor.h"

#include <json-c/json_util.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <string.h>

#include "util/enum.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

struct _vmcMonitor {
    const vmcControlOps *ops;
    void *opaque;
    vmcJsonReader reader;
    bool negotiated;
};

/* QMP's classes of errors that are used here. */
#define CLASS_GENERIC "GenericError"
#define CLASS_NOT_FOUND "CommandNotFound"

#define ARGUMENTS_MAX 2

typedef struct {
    const char *name;
    json_type type;
    bool optional;
} argument;

typedef struct {
    const char *name;
    argument arguments[ARGUMENTS_MAX];
    /* @arguments is checked against the row; the caller puts what is returned. */
    struct json_object *(*run)(vmcMonitor *monitor, struct json_object *arguments, int *fd);
} command;

static struct json_object *
versionNew(void)
{
    struct json_object *version = json_object_new_object();
    struct json_object *numbers = json_object_new_object();
    int major = 0, minor = 0, micro = 0;

    sscanf(PACKAGE_VERSION, "%d.%d.%d", &major, &minor, &micro);
    json_object_object_add(numbers, "major", json_object_new_int(major));
    json_object_object_add(numbers, "minor", json_object_new_int(minor));
    json_object_object_add(numbers, "micro", json_object_new_int(micro));
    json_object_object_add(version, "vmchannel", numbers);
    json_object_object_add(version, "package", json_object_new_string(PACKAGE_STRING));
    return version;
}

static struct json_object *
runCapabilities(vmcMonitor *monitor, struct json_object *arguments, int *fd G_GNUC_UNUSED)
{
    struct json_object *enable = json_object_object_get(arguments, "enable");

    if (enable && json_object_array_length(enable) > 0) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "there are no capabilities to enable");
        return NULL;
    }
    monitor->negotiated = true;
    return json_object_new_object();
}

static struct json_object *
runVersion(vmcMonitor *monitor G_GNUC_UNUSED, struct json_object *arguments G_GNUC_UNUSED,
           int *fd G_GNUC_UNUSED)
{
    return versionNew();
}

static struct json_object *
runQuery(vmcMonitor *monitor, struct json_object *arguments G_GNUC_UNUSED,
         int *fd G_GNUC_UNUSED)
{
    return monitor->ops->query(monitor->opaque);
}

static struct json_object *
runAdd(vmcMonitor *monitor, struct json_object *arguments, int *fd G_GNUC_UNUSED)
{
    struct json_object *value = json_object_object_get(arguments, "vmchannel");
    const char *text = json_object_get_string(value);

    if (strlen(text) != (size_t)json_object_get_string_len(value)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "'vmchannel' has a NUL character");
        return NULL;
    }
    return monitor->ops->add(monitor->opaque, text);
}

static struct json_object *
runRemove(vmcMonitor *monitor, struct json_object *arguments, int *fd G_GNUC_UNUSED)
{
    struct json_object *address = json_object_object_get(arguments, "address");
    int64_t port = json_object_get_int64(json_object_object_get(arguments, "port"));

    if (port < 1 || port > UINT16_MAX) {
        vmcReportError(VIR_ERR_INVALID_ARG, "'port' %" G_GINT64_FORMAT ": accepted is 1 to 65535",
                       (gint64)port);
        return NULL;
    }
    return monitor->ops->remove(monitor->opaque,
                                address ? json_object_get_string(address) : NULL,
                                (uint16_t)port);
}

static struct json_object *
runCapture(vmcMonitor *monitor, struct json_object *arguments G_GNUC_UNUSED, int *fd)
{
    return monitor->ops->capture(monitor->opaque, fd);
}

static struct json_object *runCommands(vmcMonitor *monitor, struct json_object *arguments,
                                       int *fd);

static const command commands[] = {
    { "qmp_capabilities", { { "enable", json_type_array, true } }, runCapabilities },
    { "query-commands", { { NULL, json_type_null, false } }, runCommands },
    { "query-version", { { NULL, json_type_null, false } }, runVersion },
    { "query-vmchannels", { { NULL, json_type_null, false } }, runQuery },
    { "vmchannel-add", { { "vmchannel", json_type_string, false } }, runAdd },
    { "vmchannel-capture", { { NULL, json_type_null, false } }, runCapture },
    { "vmchannel-remove", { { "address", json_type_string, true },
                            { "port", json_type_int, false } }, runRemove },
};

static struct json_object *
runCommands(vmcMonitor *monitor G_GNUC_UNUSED, struct json_object *arguments G_GNUC_UNUSED,
            int *fd G_GNUC_UNUSED)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        struct json_object *one = json_object_new_object();

        json_object_object_add(one, "name", json_object_new_string(commands[i].name));
        json_object_array_add(list, one);
    }
    return list;
}

static const argument *
findArgument(const command *row, const char *name)
{
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].name; i++) {
        if (g_str_equal(row->arguments[i].name, name))
            return &row->arguments[i];
    }
    return NULL;
}

/* Checks that each argument given is one of the command's, and of its type. */
static bool
checkGiven(const command *row, struct json_object *arguments)
{
    json_object_object_foreach(arguments, name, value) {
        const argument *expected = findArgument(row, name);

        if (!expected) {
            vmcReportError(VIR_ERR_INVALID_ARG, "'%s' has no argument '%s'", row->name, name);
            return false;
        }
        if (!json_object_is_type(value, expected->type)) {
            vmcReportError(VIR_ERR_INVALID_ARG, "argument '%s' of '%s': accepted is type %s", name,
                           row->name, json_type_to_name(expected->type));
            return false;
        }
    }
    return true;
}

static bool
checkArguments(const command *row, struct json_object *arguments)
{
    if (!checkGiven(row, arguments))
        return false;
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].name; i++) {
        const argument *expected = &row->arguments[i];

        if (!expected->optional &&
            !json_object_object_get_ex(arguments, expected->name, NULL)) {
            vmcReportError(VIR_ERR_INVALID_ARG, "'%s' needs the argument '%s'", row->name,
                           expected->name);
            return false;
        }
    }
    return true;
}

static struct json_object *
errorNew(const char *class)
{
    struct json_object *error = json_object_new_object();

    json_object_object_add(error, "class", json_object_new_string(class));
    json_object_object_add(error, "desc", json_object_new_string(vmcErrorLast()->message));
    return error;
}

/* All members that a command may have. */
static const char *const members[] = { "execute", "arguments", "id" };

/* Returns the command's name; NULL with an error when @message is no command. */
static const char *
checkMessage(struct json_object *message)
{
    const char *name = vmcJsonString(message, "execute");
    struct json_object *arguments;

    json_object_object_foreach(message, key, value) {
        (void)value;
        if (vmcEnumFind(members, G_N_ELEMENTS(members), key) < 0) {
            vmcReportError(VIR_ERR_INVALID_ARG, "a command has no member '%s'", key);
            return NULL;
        }
    }
    if (!name) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "a command has a string 'execute'");
        return NULL;
    }
    if (json_object_object_get_ex(message, "arguments", &arguments) &&
        !json_object_is_type(arguments, json_type_object)) {
        vmcReportError(VIR_ERR_INVALID_ARG, "%s", "'arguments' is an object");
        return NULL;
    }
    return name;
}

/* Returns the command's row; NULL with an error when it may not be given now. */
static const command *
findCommand(const vmcMonitor *monitor, const char *name)
{
    const command *row = NULL;

    for (size_t i = 0; !row && i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(commands[i].name, name))
            row = &commands[i];
    }
    if (!monitor->negotiated && (!row || row->run != runCapabilities)) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s",
                       "capabilities are negotiated first: 'qmp_capabilities'");
        return NULL;
    }
    if (row && monitor->negotiated && row->run == runCapabilities) {
        vmcReportError(VIR_ERR_OPERATION_INVALID, "%s", "capabilities have been negotiated");
        return NULL;
    }
    if (!row)
        vmcReportError(VIR_ERR_NO_SUPPORT, "there is no command '%s'", name);
    return row;
}

/* Puts what came of @message into @answer: "return" or "error". */
static void
execute(vmcMonitor *monitor, struct json_object *message, struct json_object *answer,
        int *fd)
{
    const char *class = CLASS_GENERIC;
    const char *name = checkMessage(message);
    const command *row = NULL;
    struct json_object *result = NULL;

    if (name && !(row = findCommand(monitor, name)))
        class = CLASS_NOT_FOUND;
    if (row) {
        g_autoptr(vmcJson) none = json_object_new_object();
        struct json_object *arguments = json_object_object_get(message, "arguments");

        arguments = arguments ? arguments : none;
        result = checkArguments(row, arguments) ? row->run(monitor, arguments, fd) : NULL;
    }
    if (result)
        json_object_object_add(answer, "return", result);
    else
        json_object_object_add(answer, "error", errorNew(class));
}

vmcMonitor *
vmcMonitorNew(const vmcControlOps *ops, void *opaque)
{
    vmcMonitor *monitor = g_new0(vmcMonitor, 1);

    monitor->ops = ops;
    monitor->opaque = opaque;
    vmcJsonReaderInit(&monitor->reader, VMC_JSON_MESSAGE_MAX, VMC_JSON_CONTAINERS_MAX);
    return monitor;
}

void
vmcMonitorFree(vmcMonitor *monitor)
{
    vmcJsonReaderClear(&monitor->reader);
    g_free(monitor);
}

char *
vmcMonitorGreeting(void)
{
    g_autoptr(vmcJson) line = json_object_new_object();
    struct json_object *greeting = json_object_new_object();

    json_object_object_add(greeting, "version", versionNew());
    json_object_object_add(greeting, "capabilities", json_object_new_array());
    json_object_object_add(line, "QMP", greeting);
    return vmcJsonLine(line);
}

char *
vmcControlErrorLine(void)
{
    g_autoptr(vmcJson) answer = json_object_new_object();

    json_object_object_add(answer, "error", errorNew(CLASS_GENERIC));
    return vmcJsonLine(answer);
}

char *
vmcMonitorInput(vmcMonitor *monitor, const char **data, size_t *len, int *fd)
{
    g_autoptr(vmcJson) message = NULL;
    g_autoptr(vmcJson) answer = NULL;
    struct json_object *id;
    int got = vmcJsonReaderTake(&monitor->reader, data, len, &message);

    *fd = -1;
    if (got == 0)
        return NULL;
    if (got < 0)
        return vmcControlErrorLine();
    answer = json_object_new_object();
    execute(monitor, message, answer, fd);
    if (json_object_object_get_ex(message, "id", &id))
        json_object_object_add(answer, "id", json_object_get(id));
    return vmcJsonLine(answer);
}

bool
vmcMonitorListens(const vmcMonitor *monitor)
{
    return monitor->negotiated;
}

char *
vmcControlEventLine(const char *name, struct json_object *data, int64_t time)
{
    g_autoptr(vmcJson) line = json_object_new_object();
    struct json_object *stamp = json_object_new_object();

    json_object_object_add(stamp, "seconds", json_object_new_int64(time / G_USEC_PER_SEC));
    json_object_object_add(stamp, "microseconds", json_object_new_int64(time % G_USEC_PER_SEC));
    json_object_object_add(line, "timestamp", stamp);
    json_object_object_add(line, "event", json_object_new_string(name));
    json_object_object_add(line, "data", data);
    return vmcJsonLine(line);
}
