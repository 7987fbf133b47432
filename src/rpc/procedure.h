/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The procedures that carry XML in which our elements could stand: where it
 * stands, and which way it is to be rewritten; and a few that have to be seen
 * for the sake of running domains. Knows the places, not the XML.
 *
 * Pure: opens nothing, starts nothing. Every byte read is a stranger's.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "rpc/message.h"
#include "util/enum.h"

/* The procedures of the remote program that this project calls or knows. */
enum {
    VMC_RPC_CONNECT_OPEN = 1,
    VMC_RPC_CONNECT_CLOSE = 2,
    VMC_RPC_DOMAIN_ATTACH_DEVICE = 8,
    VMC_RPC_DOMAIN_CREATE = 9,
    VMC_RPC_DOMAIN_DETACH_DEVICE = 13,
    VMC_RPC_DOMAIN_GET_XML_DESC = 14,
    VMC_RPC_CONNECT_LIST_DEFINED_DOMAINS = 21,
    VMC_RPC_DOMAIN_LOOKUP_BY_ID = 22,
    VMC_RPC_DOMAIN_LOOKUP_BY_NAME = 23,
    VMC_RPC_DOMAIN_LOOKUP_BY_UUID = 24,
    VMC_RPC_CONNECT_NUM_OF_DEFINED_DOMAINS = 25,
    VMC_RPC_CONNECT_LIST_DOMAINS = 37,
    VMC_RPC_CONNECT_NUM_OF_DOMAINS = 51,
    VMC_RPC_DOMAIN_RESTORE = 54,
    VMC_RPC_CONNECT_SUPPORTS_FEATURE = 60,
    VMC_RPC_AUTH_LIST = 66,
    VMC_RPC_AUTH_POLKIT = 70,
    VMC_RPC_DOMAIN_IS_ACTIVE = 150,
    VMC_RPC_DOMAIN_IS_PERSISTENT = 151,
    VMC_RPC_DOMAIN_ATTACH_DEVICE_FLAGS = 160,
    VMC_RPC_DOMAIN_DETACH_DEVICE_FLAGS = 161,
    VMC_RPC_DOMAIN_UPDATE_DEVICE_FLAGS = 174,
    VMC_RPC_DOMAIN_HAS_MANAGED_SAVE_IMAGE = 183,
    VMC_RPC_DOMAIN_CREATE_WITH_FLAGS = 196,
    VMC_RPC_DOMAIN_RESTORE_FLAGS = 233,
    VMC_RPC_DOMAIN_SAVE_IMAGE_GET_XML_DESC = 235,
    VMC_RPC_DOMAIN_SAVE_IMAGE_DEFINE_XML = 236,
    VMC_RPC_DOMAIN_SET_METADATA = 264,
    VMC_RPC_CONNECT_LIST_ALL_DOMAINS = 273,
    VMC_RPC_DOMAIN_CREATE_WITH_FILES = 310,
    VMC_RPC_CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY = 316,
    VMC_RPC_CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY = 317,
    VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED = 333,
    VMC_RPC_CONNECT_GET_DOMAIN_CAPABILITIES = 342,
    VMC_RPC_DOMAIN_DEFINE_XML_FLAGS = 350,
    VMC_RPC_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED = 354,
    VMC_RPC_DOMAIN_MANAGED_SAVE_GET_XML_DESC = 388,
    VMC_RPC_DOMAIN_MANAGED_SAVE_DEFINE_XML = 389,
    VMC_RPC_DOMAIN_DETACH_DEVICE_ALIAS = 392,
    VMC_RPC_DOMAIN_RESTORE_PARAMS = 441,
};

/* What the XML is. */
typedef enum {
    VMC_RPC_DOCUMENT_DOMAIN,
    VMC_RPC_DOCUMENT_DEVICE,
    VMC_RPC_DOCUMENT_SNAPSHOT,      /* may hold a <domain> and an <inactiveDomain> */
    VMC_RPC_DOCUMENT_CHECKPOINT,    /* may hold a <domain> */
    VMC_RPC_DOCUMENT_BACKUP,
    VMC_RPC_DOCUMENT_CAPABILITIES,
    VMC_RPC_DOCUMENT_DOMAIN_CAPABILITIES,
    VMC_RPC_DOCUMENT_NONE,          /* there is none in the message; the row says why it is here */
    VMC_RPC_DOCUMENT_LAST
} vmcRpcDocument;
VMC_ENUM_DECL(vmcRpcDocument);

/* What is done with it. */
typedef enum {
    VMC_RPC_ACTION_NONE,            /* passes as it is; the row says why */
    VMC_RPC_ACTION_FORWARD,         /* the client's form to libvirt's */
    VMC_RPC_ACTION_NATIVE,          /* the same, for a document that becomes a command line */
    VMC_RPC_ACTION_REVERSE,         /* libvirt's form to the client's */
    VMC_RPC_ACTION_DEVICE,          /* one of our devices is put into the domain, or taken out */
    VMC_RPC_ACTION_ANNOUNCE,        /* our device is added to what is supported */
    VMC_RPC_ACTION_LIVE,            /* REVERSE, with what is true of a running domain now */
    VMC_RPC_ACTION_MEND,            /* FORWARD; what was attached live gets into the saved image */
    VMC_RPC_ACTION_LISTEN,          /* who listens to devices coming and going is remembered */
    VMC_RPC_ACTION_LAST
} vmcRpcAction;
VMC_ENUM_DECL(vmcRpcAction);

/*
 * One procedure. @call and @reply say what stands in the payload up to and
 * including the last XML, a letter for each value:
 *   w, l      a word, a double word
 *   s, o      a string or opaque, an optional string
 *   d         a domain: name, uuid, id
 *   X, Y      the XML: a string, an optional string
 *   P         typed parameters, of which those named dxml, destination_xml and
 *             persistent_xml are the XML
 * NULL: there is no XML on that side.
 */
typedef struct {
    guint32 program;
    guint32 number;
    const char *name;
    vmcRpcDocument document;
    const char *call;
    vmcRpcAction callAction;
    const char *reply;
    vmcRpcAction replyAction;
    const char *note;           /* why it passes as it is, or what is special; or NULL */
    guint32 validateFlag;       /* asks for validation, in the word after the call's XML; or 0 */
} vmcRpcProcedure;

/* vmcRpcProcedures: the whole table, and the number of its rows in @n. */
const vmcRpcProcedure *vmcRpcProcedures(size_t *n);

/* vmcRpcProcedureFind: the row of a message's procedure, or NULL. */
const vmcRpcProcedure *vmcRpcProcedureFind(const vmcRpcHeader *header);

/* What vmcRpcRewrite() made of a message. */
typedef enum {
    VMC_RPC_REWRITE_SAME,       /* nothing was changed, or it cannot be decoded */
    VMC_RPC_REWRITE_CHANGED,
    VMC_RPC_REWRITE_FAILED,     /* an error was reported */
} vmcRpcRewriteResult;

/*
 * Returns the other form of @xml, which the caller frees, or NULL with an
 * error. @xml itself, copied, where there is nothing to change.
 */
typedef char *(*vmcRpcRewriter)(const char *xml, void *opaque);

/*
 * vmcRpcRewrite:
 * Gives every XML in @message, a whole one with or without descriptors, to
 * @rewriter, @signature saying where they are. When one was changed, @out is
 * the new message, which the caller frees. What cannot be decoded is left to
 * its receiver to refuse.
 */
vmcRpcRewriteResult vmcRpcRewrite(const GByteArray *message, const char *signature,
                                  vmcRpcRewriter rewriter, void *opaque, GByteArray **out);

/*
 * vmcRpcAsksValidation: whether the call @message of @procedure asks the daemon
 * to validate its XML against a schema.
 */
bool vmcRpcAsksValidation(const GByteArray *message, const vmcRpcProcedure *procedure);

/*
 * vmcRpcPayload:
 * Starts @reader at the payload of the whole @message, after the count of
 * descriptors where there is one.
 */
void vmcRpcPayload(const GByteArray *message, vmcXdrReader *reader);

/*
 * vmcRpcReadStringParam: looks for the string @name among typed parameters,
 * which are passed over; returned borrowed, its length in @length, or NULL.
 */
const char *vmcRpcReadStringParam(vmcXdrReader *reader, const char *name, size_t *length);

/*
 * vmcRpcReadDomain: passes over a domain object; its bytes are returned,
 * borrowed, and their number in @size. NULL after a failure.
 */
const guint8 *vmcRpcReadDomain(vmcXdrReader *reader, size_t *size);
