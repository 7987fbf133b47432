/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON objects one after the other in a stream of bytes, as QMP has them, from
 * a peer that is not trusted. What may be too long, too deep or too many is
 * found before json-c sees it.
 *
 * Pure: works on the bytes that it is given.
 */
#pragma once

#include <glib.h>
#include <json-c/json_object.h>
#include <stdbool.h>

/* Limits of one message to a relay. */
#define VMC_JSON_MESSAGE_MAX 65536      /* bytes */
#define VMC_JSON_DEPTH_MAX 16           /* objects and arrays in one another */
#define VMC_JSON_CONTAINERS_MAX 256     /* objects and arrays */

typedef struct {
    size_t max;                 /* bytes of one message */
    unsigned int containersMax; /* objects and arrays of one */
    GString *text;              /* of the message that is not whole yet */
    unsigned int depth;
    unsigned int containers;
    bool inString;
    bool escaped;               /* after a backslash in a string */
    bool skipping;              /* the rest of a line that was not accepted */
} vmcJsonReader;

void vmcJsonReaderInit(vmcJsonReader *reader, size_t max, unsigned int containersMax);
void vmcJsonReaderClear(vmcJsonReader *reader);

/*
 * vmcJsonReaderTake:
 * Takes bytes off *@data, *@len, up to the end of the first message. Returns 1
 * with *@message, an object that the caller puts; 0 when it has taken all bytes
 * and none is whole yet; -1 with an error: the rest of
 * that line is skipped.
 */
int vmcJsonReaderTake(vmcJsonReader *reader, const char **data, size_t *len,
                      struct json_object **message);

/*
 * vmcJsonLine: @object as one line, with its newline, which the caller frees.
 * vmcJsonString: the member @key of @object when it is a string, else NULL.
 */
char *vmcJsonLine(struct json_object *object);
const char *vmcJsonString(struct json_object *object, const char *key);

/* For objects that go when their scope ends. */
typedef struct json_object vmcJson;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcJson, json_object_put)
