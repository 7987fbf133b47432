/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's option values: see qemu_opts.h. Reads them no further than it is
 * asked to, and judges nothing: a value that is wrong is QEMU's to refuse.
 *
 * Pure: opens nothing, starts nothing.
 */
#include <config.h>

#include "qemu/qemu_opts.h"

#include <glib.h>
#include <json.h>
#include <string.h>

#define JSON_DEPTH_MAX 32

/*
 * QEMU's options that stand alone, of all its system emulators and of every version
 * from 7.2 on: tests/guest/options.test asks those that are installed. Every other one
 * takes a value, which must not be mistaken for an option.
 */
static const char *const flags[] = {
    "S", "async-teardown", "audio-help", "curses", "daemonize", "enable-fips",
    "enable-kvm", "enable-sync-profile", "full-screen", "h", "help", "jitdump",
    "mem-prealloc", "no-acpi", "no-fd-bootchk", "no-hpet", "no-reboot",
    "no-shutdown", "no-user-config", "nodefaults", "nographic", "old-param",
    "only-migratable", "perfmap", "portrait", "preconfig", "s", "sdl",
    "semihosting", "singlestep", "snapshot", "usb", "version", "win2k-hack",
    "xen-attach", "xen-domid-restrict",
};

bool
vmcQemuOptionHasValue(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (g_str_equal(flags[i], name))
            return false;
    }
    return true;
}

/* Takes the item at *@cursor, its doubled commas made single; moves past it. */
static char *
nextItem(const char **cursor)
{
    GString *item = g_string_new(NULL);
    const char *p = *cursor;

    for (; *p && !(p[0] == ',' && p[1] != ','); p++) {
        g_string_append_c(item, *p);
        if (*p == ',')
            p++;
    }
    *cursor = *p ? p + 1 : p;
    return g_string_free(item, FALSE);
}

/* What is done with each value of a key. */
typedef void (*valueTaker)(const char *value, gpointer data);

static void
walkKeyval(const char *opts, const char *implied, const char *key, valueTaker take, gpointer data)
{
    bool first = true;

    while (*opts) {
        g_autofree char *item = nextItem(&opts);
        char *equals = strchr(item, '=');
        const char *value = equals ? equals + 1 : first && implied ? item : "on";
        const char *name = equals || !first || !implied ? item : implied;

        if (equals)
            *equals = '\0';
        if (g_str_equal(name, key))
            take(value, data);
        first = false;
    }
}

static void
takeLast(const char *value, gpointer data)
{
    char **last = data;

    g_free(*last);
    *last = g_strdup(value);
}

static void
takeEach(const char *value, gpointer data)
{
    g_strv_builder_add(data, value);
}

static char *
getFromKeyval(const char *opts, const char *implied, const char *key)
{
    char *last = NULL;

    walkKeyval(opts, implied, key, takeLast, &last);
    return last;
}

static char *
getFromJson(const char *opts, const char *key)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    struct json_object *object = json_tokener_parse_ex(tokener, opts, -1);
    struct json_object *value = NULL;
    char *found = NULL;

    if (json_object_object_get_ex(object, key, &value) && value &&
        !json_object_is_type(value, json_type_object) &&
        !json_object_is_type(value, json_type_array))
        found = g_strdup(json_object_get_string(value));
    json_object_put(object);
    json_tokener_free(tokener);
    return found;
}

static void
walkJson(const char *opts, const char *key, valueTaker take, gpointer data)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    struct json_object *object = json_tokener_parse_ex(tokener, opts, -1);
    struct json_object *array = NULL;

    if (json_object_object_get_ex(object, key, &array) &&
        json_object_is_type(array, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(array); i++) {
            struct json_object *element = json_object_array_get_idx(array, i);
            struct json_object *value = element;

            json_object_object_get_ex(element, "str", &value);
            if (json_object_is_type(value, json_type_string))
                take(json_object_get_string(value), data);
        }
    }
    json_object_put(object);
    json_tokener_free(tokener);
}

char *
vmcQemuOptsGet(const char *opts, const char *implied, const char *key)
{
    return *opts == '{' ? getFromJson(opts, key) : getFromKeyval(opts, implied, key);
}

char **
vmcQemuOptsGetAll(const char *opts, const char *key)
{
    g_autoptr(GStrvBuilder) values = g_strv_builder_new();

    if (*opts == '{')
        walkJson(opts, key, takeEach, values);
    else
        walkKeyval(opts, NULL, key, takeEach, values);
    return g_strv_builder_end(values);
}
