/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A message on its way through the proxy: see message.h. */
#include <config.h>

#include "proxy/wire/message.h"

bool
vmcWireMessageBegin(vmcWireMessage *message, const guint8 *bytes)
{
    if (!vmcRpcHeaderParse(bytes, &message->header))
        return false;
    message->procedure = vmcRpcProcedureFind(&message->header);
    return true;
}

void
vmcWireMessageReplace(vmcWireMessage *message, GByteArray *bytes)
{
    g_byte_array_unref(message->bytes);
    message->bytes = bytes;
}

void
vmcWireMessageClear(vmcWireMessage *message)
{
    g_clear_pointer(&message->bytes, g_byte_array_unref);
}

bool
vmcWireMessageIsCall(const vmcWireMessage *message)
{
    return message->header.type == VMC_RPC_CALL || message->header.type == VMC_RPC_CALL_WITH_FDS;
}

bool
vmcWireMessageIsReply(const vmcWireMessage *message)
{
    return message->header.type == VMC_RPC_REPLY ||
           message->header.type == VMC_RPC_REPLY_WITH_FDS;
}
