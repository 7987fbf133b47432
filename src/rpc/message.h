/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's messages as far as every one of them is alike: the header, the
 * error that a reply may carry, and how one is put together. Knows no
 * procedure: those stand in procedures.h.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "rpc/xdr.h"

/* Bytes of a message, the length word included. */
#define VMC_RPC_HEADER_SIZE 28
#define VMC_RPC_MESSAGE_MAX 33554436

/* libvirt's limits inside a message. */
#define VMC_RPC_STRING_MAX 4194304
#define VMC_RPC_FDS_MAX 32
#define VMC_RPC_UUID_SIZE 16

#define VMC_RPC_PROGRAM_REMOTE 0x20008086
#define VMC_RPC_PROGRAM_QEMU 0x20008087
#define VMC_RPC_VERSION 1

typedef enum {
    VMC_RPC_CALL = 0,
    VMC_RPC_REPLY = 1,
    VMC_RPC_MESSAGE = 2,            /* an event, or a keepalive */
    VMC_RPC_STREAM = 3,
    VMC_RPC_CALL_WITH_FDS = 4,      /* a word before the payload says how many */
    VMC_RPC_REPLY_WITH_FDS = 5,
    VMC_RPC_STREAM_HOLE = 6,
} vmcRpcType;

typedef enum {
    VMC_RPC_OK = 0,
    VMC_RPC_ERROR = 1,
    VMC_RPC_CONTINUE = 2,
} vmcRpcStatus;

typedef struct {
    guint32 length;             /* of the whole message */
    guint32 program;
    guint32 version;
    guint32 procedure;
    guint32 type;               /* vmcRpcType, or whatever the peer sent */
    guint32 serial;
    guint32 status;
} vmcRpcHeader;

/*
 * vmcRpcHeaderParse:
 * Reads the first VMC_RPC_HEADER_SIZE bytes of a message. Returns false when
 * the length is none that a message can have: nothing after it can be trusted.
 */
bool vmcRpcHeaderParse(const guint8 *bytes, vmcRpcHeader *header);

/* vmcRpcHeaderHasFds: whether descriptors follow, by the message's type. */
bool vmcRpcHeaderHasFds(const vmcRpcHeader *header);

/*
 * vmcRpcPayload:
 * Starts @reader at the payload of the whole @message, after the count of
 * descriptors where there is one.
 */
void vmcRpcPayload(const GByteArray *message, vmcXdrReader *reader);

/*
 * vmcRpcMessageNew:
 * Returns a message with @header, whose length is filled in by
 * vmcRpcMessageFinish() after the payload was appended. The caller frees it.
 */
GByteArray *vmcRpcMessageNew(const vmcRpcHeader *header);
void vmcRpcMessageFinish(GByteArray *message);

/* vmcRpcCallNew: the same for a call to the remote program. */
GByteArray *vmcRpcCallNew(guint32 procedure, guint32 serial);

/* vmcRpcReplyNew: the same for a good reply to the call with @header. */
GByteArray *vmcRpcReplyNew(const vmcRpcHeader *call);

/*
 * vmcRpcErrorReplyNew:
 * Returns the whole reply to the call with @header that says that it failed:
 * a virErrorDomain, a virErrorNumber and the text for the user. The caller
 * frees it.
 */
GByteArray *vmcRpcErrorReplyNew(const vmcRpcHeader *call, int domain, int code,
                                const char *message);

/* vmcRpcErrorRead: reads an error up to its text, which the caller frees. */
bool vmcRpcErrorRead(vmcXdrReader *reader, int *domain, int *code, char **message);
