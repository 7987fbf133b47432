/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every procedure of libvirt's remote and qemu programs: its number and name, the
 * class that a policy allows it by, what stands in its messages, and what the
 * proxy does with the XML in them. The rows stand in procedures.def, and the
 * enumerators come from there too. Knows no policy and no XML.
 *
 * Source: libvirt's src/remote/remote_protocol.x and qemu_protocol.x, which give each
 * procedure its number, its arguments and, as annotations, what a read-only
 * connection may call.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <glib.h>

#include "rpc/message.h"
#include "util/enum.h"

/* The number of each procedure: VMC_RPC_CONNECT_OPEN and so on. */
typedef enum {
#define REMOTE(number, name, ...) VMC_RPC_ ## name = number,
#define QEMU REMOTE
#include "rpc/procedures.def"
} vmcRpcNumber;

/* How many there are. In either program they run from 1 without a gap. */
enum {
    VMC_RPC_REMOTE_N = 0
#define REMOTE(...) + 1
#define QEMU(...)
#include "rpc/procedures.def"
    ,
    VMC_RPC_PROCEDURES_N = VMC_RPC_REMOTE_N
#define REMOTE(...)
#define QEMU(...) + 1
#include "rpc/procedures.def"
};

typedef enum {
    /*
     * No class's, so without a word: what has to be named. Streams, descriptors,
     * migration, monitors, domain XML and host paths from the client, and what
     * was superseded.
     */
    VMC_RPC_CLASS_NAMED,
    VMC_RPC_CLASS_CONNECTION,       /* opening, closing, versions, features */
    VMC_RPC_CLASS_LIST,             /* lists and lookups of domains */
    VMC_RPC_CLASS_READ_ONLY,        /* questions about a domain */
    VMC_RPC_CLASS_EVENTS,           /* a domain's events */
    VMC_RPC_CLASS_LIFECYCLE,
    VMC_RPC_CLASS_CONFIG,
    VMC_RPC_CLASS_AGENT,            /* what the guest's agent does or says */
    VMC_RPC_CLASS_SNAPSHOT,
    VMC_RPC_CLASS_CHECKPOINT,
    VMC_RPC_CLASS_HOST,
    VMC_RPC_CLASS_STORAGE,
    VMC_RPC_CLASS_NETWORK,
    VMC_RPC_CLASS_INTERFACE,
    VMC_RPC_CLASS_SECRET,
    VMC_RPC_CLASS_NODE_DEVICE,
    VMC_RPC_CLASS_NWFILTER,
    VMC_RPC_CLASS_LAST
} vmcRpcClass;
VMC_ENUM_DECL(vmcRpcClass);

typedef enum {
    VMC_RPC_READ_ONLY = 1 << 0,     /* libvirt serves it on a read-only connection */
    VMC_RPC_EVENT = 1 << 1,         /* the daemon sends it, by itself */
    VMC_RPC_STREAMS = 1 << 2,       /* a stream follows it */
    VMC_RPC_FDS = 1 << 3,           /* it may come with descriptors */
    VMC_RPC_TELLS_HOST = 1 << 4,    /* its reply tells of the host, and cannot be stripped of it */
} vmcRpcTraits;

/* What the XML is. */
typedef enum {
    VMC_RPC_DOCUMENT_NONE,          /* there is none, or none in which a channel could stand */
    VMC_RPC_DOCUMENT_DOMAIN,
    VMC_RPC_DOCUMENT_DEVICE,
    VMC_RPC_DOCUMENT_SNAPSHOT,      /* may hold a <domain> and an <inactiveDomain> */
    VMC_RPC_DOCUMENT_CHECKPOINT,    /* may hold a <domain> */
    VMC_RPC_DOCUMENT_BACKUP,
    VMC_RPC_DOCUMENT_CAPABILITIES,
    VMC_RPC_DOCUMENT_DOMAIN_CAPABILITIES,
    VMC_RPC_DOCUMENT_LAST
} vmcRpcDocument;
VMC_ENUM_DECL(vmcRpcDocument);

/* What is done with it. */
typedef enum {
    VMC_RPC_ACTION_NONE,            /* passes as it is */
    VMC_RPC_ACTION_FORWARD,         /* the client's form to libvirt's */
    VMC_RPC_ACTION_NATIVE,          /* the same, for a document that becomes a command line */
    VMC_RPC_ACTION_REVERSE,         /* libvirt's form to the client's */
    VMC_RPC_ACTION_DEVICE,          /* a channel or its NIC is put into the domain, or taken out */
    VMC_RPC_ACTION_ANNOUNCE,        /* <vmchannel> is added to what is supported */
    VMC_RPC_ACTION_LIVE,            /* REVERSE, with what is true of a running domain now */
    VMC_RPC_ACTION_MEND,            /* FORWARD; what was attached live gets into the saved image */
    VMC_RPC_ACTION_LISTEN,          /* who listens to devices coming and going is remembered */
    VMC_RPC_ACTION_LAST
} vmcRpcAction;
VMC_ENUM_DECL(vmcRpcAction);

/*
 * One procedure. @call and @reply say what stands in the payload as far as we look
 * into it, a letter for each value:
 *   w, l      a word, a double word
 *   s, o      a string or opaque, an optional string
 *   d, D      a domain: name, uuid, id; an optional domain
 *   L         a list of domains
 *   X, Y      XML: a string, an optional string
 *   P         typed parameters, of which those named dxml, destination_xml and
 *             persistent_xml are XML
 *   R         a list of domains, each with typed parameters
 *   F         flags of a request for XML, which may ask for passwords
 *   V         flags of a call with XML, which may ask for validation
 * In a call that is up to its domain, its XML, or those flags; in a reply up to
 * what may tell of the host. An event has its payload in @reply. NULL: we look at
 * nothing in it.
 */
typedef struct {
    guint32 program;
    guint32 number;
    const char *name;           /* libvirt's, without the program's: "DOMAIN_CREATE" */
    vmcRpcClass class;
    const char *call;
    const char *reply;
    unsigned int traits;        /* vmcRpcTraits */
    vmcRpcDocument document;
    vmcRpcAction callAction;
    vmcRpcAction replyAction;
    guint32 validateFlag;       /* asks for validation, in the flags of the call; or 0 */
    const char *note;           /* of what the proxy looks into: what is done, or why nothing */
} vmcRpcProcedure;

/* vmcRpcProcedures: all VMC_RPC_PROCEDURES_N rows, remote's before qemu's. */
const vmcRpcProcedure *vmcRpcProcedures(void);

/*
 * vmcRpcProcedureFind: the row of a message's procedure, by its program, version and
 * number; NULL when it is not known, without an error.
 */
const vmcRpcProcedure *vmcRpcProcedureFind(const vmcRpcHeader *header);

/* vmcRpcProcedureFindName: the row with this name, or NULL, without an error. */
const vmcRpcProcedure *vmcRpcProcedureFindName(const char *name);
