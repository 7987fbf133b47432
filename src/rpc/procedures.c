/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of procedures.def, and the look-up in it: see procedures.h. */
#include <config.h>

#include "rpc/procedures.h"

#include <libvirt/libvirt.h>
#include <string.h>

VMC_ENUM_IMPL(vmcRpcClass, VMC_RPC_CLASS_LAST,
              NULL, "connection", "list", "read-only", "events", "lifecycle", "config",
              "agent", "snapshot", "checkpoint", "host", "storage", "network", "interface",
              "secret", "node-device", "nwfilter")

VMC_ENUM_IMPL(vmcRpcDocument, VMC_RPC_DOCUMENT_LAST,
              "none", "domain", "device", "snapshot", "checkpoint", "backup", "capabilities",
              "domain capabilities")

VMC_ENUM_IMPL(vmcRpcAction, VMC_RPC_ACTION_LAST,
              "none", "forward", "native", "reverse", "device", "announce", "live",
              "mend", "listen")

/* The words of procedures.def: traits, and what is done with the XML. */
#define RO VMC_RPC_READ_ONLY
#define EVENT VMC_RPC_EVENT
#define STREAM VMC_RPC_STREAMS
#define FDS VMC_RPC_FDS
#define TELLS VMC_RPC_TELLS_HOST

#define BOTH(what, inCall, inReply) \
    .document = VMC_RPC_DOCUMENT_ ## what, \
    .callAction = VMC_RPC_ACTION_ ## inCall, .replyAction = VMC_RPC_ACTION_ ## inReply
#define CALL(what, action) BOTH(what, action, NONE)
#define REPLY(what, action) BOTH(what, NONE, action)
#define PASS(what) BOTH(what, NONE, NONE)
#define VALIDATE(flag) .validateFlag = flag
#define NOTE(text) .note = text

#define ROW(program, number, name, class, call, reply, traits, ...) \
    { program, number, #name, VMC_RPC_CLASS_ ## class, call, reply, traits, __VA_ARGS__ },

/* Each row stands where its number says: one that is there twice does not compile. */
static const vmcRpcProcedure procedures[VMC_RPC_PROCEDURES_N] = {
#define REMOTE(number, ...) [number - 1] = ROW(VMC_RPC_PROGRAM_REMOTE, number, __VA_ARGS__)
#define QEMU(number, ...) \
    [VMC_RPC_REMOTE_N + number - 1] = ROW(VMC_RPC_PROGRAM_QEMU, number, __VA_ARGS__)
#include "rpc/procedures.def"
};

const vmcRpcProcedure *
vmcRpcProcedures(void)
{
    return procedures;
}

const vmcRpcProcedure *
vmcRpcProcedureFind(const vmcRpcHeader *header)
{
    if (header->version != VMC_RPC_VERSION || header->procedure == 0)
        return NULL;
    if (header->program == VMC_RPC_PROGRAM_REMOTE && header->procedure <= VMC_RPC_REMOTE_N)
        return &procedures[header->procedure - 1];
    if (header->program == VMC_RPC_PROGRAM_QEMU &&
        header->procedure <= VMC_RPC_PROCEDURES_N - VMC_RPC_REMOTE_N)
        return &procedures[VMC_RPC_REMOTE_N + header->procedure - 1];
    return NULL;
}

const vmcRpcProcedure *
vmcRpcProcedureFindName(const char *name)
{
    for (size_t i = 0; i < VMC_RPC_PROCEDURES_N; i++) {
        if (strcmp(procedures[i].name, name) == 0)
            return &procedures[i];
    }
    return NULL;
}
