/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's message header and error: see message.h. */
#include <config.h>

#include "rpc/message.h"

#include <string.h>

#define ERROR_LEVEL_ERROR 2

/* The header's words in wire order. */
static const size_t headerWords[] = {
    offsetof(vmcRpcHeader, length), offsetof(vmcRpcHeader, program),
    offsetof(vmcRpcHeader, version), offsetof(vmcRpcHeader, procedure),
    offsetof(vmcRpcHeader, type), offsetof(vmcRpcHeader, serial),
    offsetof(vmcRpcHeader, status),
};
G_STATIC_ASSERT(sizeof(vmcRpcHeader) == VMC_RPC_HEADER_SIZE);
G_STATIC_ASSERT(G_N_ELEMENTS(headerWords) * sizeof(guint32) == VMC_RPC_HEADER_SIZE);

bool
vmcRpcHeaderParse(const guint8 *bytes, vmcRpcHeader *header)
{
    vmcXdrReader reader;

    vmcXdrReaderInit(&reader, bytes, VMC_RPC_HEADER_SIZE);
    for (size_t i = 0; i < G_N_ELEMENTS(headerWords); i++)
        *(guint32 *)(void *)((char *)header + headerWords[i]) = vmcXdrReadU32(&reader);
    return header->length >= VMC_RPC_HEADER_SIZE && header->length <= VMC_RPC_MESSAGE_MAX;
}

bool
vmcRpcHeaderHasFds(const vmcRpcHeader *header)
{
    return header->type == VMC_RPC_CALL_WITH_FDS || header->type == VMC_RPC_REPLY_WITH_FDS;
}

void
vmcRpcPayload(const GByteArray *message, vmcXdrReader *reader)
{
    vmcRpcHeader header;

    vmcXdrReaderInit(reader, message->data, message->len);
    vmcXdrSkip(reader, VMC_RPC_HEADER_SIZE);
    if (reader->failed)
        return;
    vmcRpcHeaderParse(message->data, &header);
    if (vmcRpcHeaderHasFds(&header))
        vmcXdrReadU32(reader);
}

GByteArray *
vmcRpcMessageNew(const vmcRpcHeader *header)
{
    GByteArray *message = g_byte_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(headerWords); i++) {
        const char *word = (const char *)header + headerWords[i];

        vmcXdrWriteU32(message, *(const guint32 *)(const void *)word);
    }
    return message;
}

void
vmcRpcMessageFinish(GByteArray *message)
{
    vmcXdrSetU32(message, 0, message->len);
}

GByteArray *
vmcRpcCallNew(guint32 procedure, guint32 serial)
{
    vmcRpcHeader header = {
        .program = VMC_RPC_PROGRAM_REMOTE,
        .version = VMC_RPC_VERSION,
        .procedure = procedure,
        .type = VMC_RPC_CALL,
        .serial = serial,
        .status = VMC_RPC_OK,
    };

    return vmcRpcMessageNew(&header);
}

static GByteArray *
replyNew(const vmcRpcHeader *call, vmcRpcStatus status)
{
    vmcRpcHeader header = *call;

    header.type = VMC_RPC_REPLY;
    header.status = status;
    return vmcRpcMessageNew(&header);
}

GByteArray *
vmcRpcReplyNew(const vmcRpcHeader *call)
{
    return replyNew(call, VMC_RPC_OK);
}

GByteArray *
vmcRpcErrorReplyNew(const vmcRpcHeader *call, int domain, int code, const char *message)
{
    GByteArray *reply = replyNew(call, VMC_RPC_ERROR);

    vmcXdrWriteU32(reply, code);
    vmcXdrWriteU32(reply, domain);
    vmcXdrWriteU32(reply, 1);
    vmcXdrWriteString(reply, message, strnlen(message, VMC_RPC_STRING_MAX));
    vmcXdrWriteU32(reply, ERROR_LEVEL_ERROR);
    vmcXdrWriteU32(reply, 0);               /* no domain object */
    for (int i = 0; i < 3; i++)
        vmcXdrWriteOptional(reply, NULL);   /* str1 to str3 */
    vmcXdrWriteU32(reply, -1);              /* int1, int2 */
    vmcXdrWriteU32(reply, -1);
    vmcXdrWriteU32(reply, 0);               /* no network object */
    vmcRpcMessageFinish(reply);
    return reply;
}

bool
vmcRpcErrorRead(vmcXdrReader *reader, int *domain, int *code, char **message)
{
    guint32 first = vmcXdrReadU32(reader);
    guint32 second = vmcXdrReadU32(reader);
    const char *text = "";
    size_t length = 0;

    if (vmcXdrReadFlag(reader))
        text = vmcXdrReadString(reader, VMC_RPC_STRING_MAX, &length);
    if (reader->failed)
        return false;
    *code = first;
    *domain = second;
    *message = g_strndup(text, length);
    return true;
}
