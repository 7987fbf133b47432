/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes from a client of the control socket. The first byte says how large
 * the pieces are in which they come. What must hold: all are taken; each answer
 * is one line, a "return" or an "error"; the owner is asked for nothing before
 * the client has negotiated, and only with arguments that are in bounds; and
 * the answers do not depend on the pieces.
 */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include <json-c/json_tokener.h>

#include "control/monitor.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_NONE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static vmcMonitor *session;

static struct json_object *
query(void *opaque G_GNUC_UNUSED)
{
    g_assert(vmcMonitorListens(session));
    return json_object_new_array();
}

static struct json_object *
add(void *opaque G_GNUC_UNUSED, const char *vmchannel)
{
    g_assert(vmcMonitorListens(session));
    g_assert(strlen(vmchannel) < VMC_JSON_MESSAGE_MAX);
    vmcReportError(VIR_ERR_INVALID_ARG, "'%s'", vmchannel);
    return NULL;
}

static struct json_object *
removeChannel(void *opaque G_GNUC_UNUSED, const char *address, uint16_t port)
{
    g_assert(vmcMonitorListens(session));
    g_assert(port > 0);
    return json_object_new_string(address ? address : "");
}

static struct json_object *
capture(void *opaque G_GNUC_UNUSED, int *fd)
{
    g_assert(vmcMonitorListens(session));
    *fd = 3;
    return json_object_new_object();
}

static const vmcControlOps ops = { query, add, removeChannel, capture };

static void
checkAnswer(const char *line)
{
    struct json_object *answer = json_tokener_parse(line);

    g_assert(strchr(line, '\n') == line + strlen(line) - 1);
    g_assert(json_object_object_get_ex(answer, "return", NULL) !=
             json_object_object_get_ex(answer, "error", NULL));
    json_object_put(answer);
}

static char *
answersTo(const char *input, size_t inputLen, size_t pieces)
{
    GString *answers = g_string_new(NULL);

    session = vmcMonitorNew(&ops, NULL);
    while (inputLen > 0) {
        size_t piece = MIN(pieces, inputLen), len = piece;
        const char *data = input;
        char *line;
        int fd;

        while ((line = vmcMonitorInput(session, &data, &len, &fd))) {
            checkAnswer(line);
            g_string_append(answers, line);
            g_free(line);
        }
        g_assert(len == 0 && data == input + piece);
        input += piece;
        inputLen -= piece;
    }
    vmcMonitorFree(session);
    return g_string_free(answers, FALSE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *pieces = NULL, *whole = NULL;

    if (size == 0)
        return 0;
    pieces = answersTo((const char *)data + 1, size - 1, 1 + data[0]);
    whole = answersTo((const char *)data + 1, size - 1, SIZE_MAX);
    g_assert_cmpstr(pieces, ==, whole);
    return 0;
}
