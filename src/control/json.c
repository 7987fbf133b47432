/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON objects in a stream: see json.h. Where a message ends is found by its
 * brackets and quotes alone; json-c decides whether it is JSON.
 *
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "control/json.h"

#include <json-c/json_tokener.h>
#include <string.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

void
vmcJsonReaderInit(vmcJsonReader *reader, size_t max, unsigned int containersMax)
{
    *reader = (vmcJsonReader){ .max = max, .containersMax = containersMax };
    reader->text = g_string_new(NULL);
}

void
vmcJsonReaderClear(vmcJsonReader *reader)
{
    g_string_free(reader->text, TRUE);
    reader->text = NULL;
}

/* Gets ready for the next message. */
static void
startAnew(vmcJsonReader *reader)
{
    g_string_truncate(reader->text, 0);
    reader->depth = reader->containers = 0;
    reader->inString = reader->escaped = false;
}

static int
refuse(vmcJsonReader *reader, const char *why)
{
    startAnew(reader);
    reader->skipping = true;
    vmcReportError(VIR_ERR_INVALID_ARG, "%s", why);
    return -1;
}

static void
followString(vmcJsonReader *reader, char c)
{
    if (reader->escaped)
        reader->escaped = false;
    else if (c == '\\')
        reader->escaped = true;
    else if (c == '"')
        reader->inString = false;
}

/* Returns whether @c ends the message. */
static bool
followStructure(vmcJsonReader *reader, char c)
{
    if (c == '"')
        reader->inString = true;
    if (c == '{' || c == '[') {
        reader->depth++;
        reader->containers++;
    }
    if (c == '}' || c == ']')
        reader->depth--;
    return reader->depth == 0;
}

/* Parses the message in text, which is whole. */
static int
parse(vmcJsonReader *reader, struct json_object **message)
{
    struct json_tokener *tokener = json_tokener_new_ex(VMC_JSON_DEPTH_MAX + 1);
    struct json_object *object;
    const char *why;

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(tokener, reader->text->str, (int)reader->text->len);
    why = json_tokener_error_desc(json_tokener_get_error(tokener));
    json_tokener_free(tokener);
    if (!object) {
        g_autofree char *text = g_strdup_printf("a message is not JSON: %s", why);

        refuse(reader, text);
        /* What follows is read all the same: where the message ends is known. */
        reader->skipping = false;
        return -1;
    }
    startAnew(reader);
    *message = object;
    return 1;
}

/* Takes one byte of a message. 1: it was the last; 0: more follow; -1: it is not accepted. */
static int
follow(vmcJsonReader *reader, char c)
{
    bool whole = false;

    if (reader->text->len == 0 && c != '{')
        return refuse(reader, "a message does not begin with '{'");
    if (reader->text->len >= reader->max)
        return refuse(reader, "a message is longer than accepted");
    g_string_append_c(reader->text, c);
    if (reader->inString)
        followString(reader, c);
    else
        whole = followStructure(reader, c);
    if (reader->depth > VMC_JSON_DEPTH_MAX || reader->containers > reader->containersMax)
        return refuse(reader, "a message has more objects and arrays than accepted");
    return whole;
}

static bool
isSpace(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int
vmcJsonReaderTake(vmcJsonReader *reader, const char **data, size_t *len,
                  struct json_object **message)
{
    while (*len > 0) {
        char c = **data;
        int got;

        (*data)++;
        (*len)--;
        if (reader->skipping) {
            reader->skipping = c != '\n';
            continue;
        }
        if (reader->text->len == 0 && isSpace(c))
            continue;
        got = follow(reader, c);
        if (got < 0 && c == '\n')
            reader->skipping = false;
        if (got != 0)
            return got < 0 ? -1 : parse(reader, message);
    }
    return 0;
}

char *
vmcJsonLine(struct json_object *object)
{
    int flags = JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;

    return g_strconcat(json_object_to_json_string_ext(object, flags), "\n", NULL);
}

const char *
vmcJsonString(struct json_object *object, const char *key)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}
