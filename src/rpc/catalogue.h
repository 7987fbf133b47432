/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every procedure of libvirt's remote and qemu programs, up to the newest that
 * we know: its name, the class that a policy allows it by, and where in its
 * message stands the domain that it is about. Knows no policy.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <glib.h>

#include "rpc/message.h"
#include "util/enum.h"

/* How many there are: remote's are 1 to 446, qemu's 1 to 7. */
#define VMC_RPC_REMOTE_N 446
#define VMC_RPC_QEMU_N 7
#define VMC_RPC_CATALOGUE_SIZE (VMC_RPC_REMOTE_N + VMC_RPC_QEMU_N)

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
} vmcRpcTraits;

/*
 * One procedure. @where is what stands in the call, or in the event, up to its
 * domain, a letter for each value:
 *   w, s      a word, a string
 *   d, D      the domain: name, uuid, id; the same when it is optional
 *   L         a list of domains
 * NULL: it is about no domain. @reply is what stands in the reply, or in the
 * event, up to what may tell of the host, with these letters beside:
 *   X         the XML of a domain
 *   P         typed parameters
 *   R         a list of domains, each with typed parameters
 *   !         alone: nothing of it can be shown to whom the host is not shown
 * NULL: nothing does.
 */
typedef struct {
    guint32 program;
    guint32 number;
    const char *name;
    vmcRpcClass class;
    const char *where;
    const char *reply;
    unsigned int traits;            /* vmcRpcTraits */
} vmcRpcEntry;

/* vmcRpcCatalogue: all VMC_RPC_CATALOGUE_SIZE rows, remote's before qemu's. */
const vmcRpcEntry *vmcRpcCatalogue(void);

/* vmcRpcCatalogueFind: the row of a procedure, or NULL when it is not known. */
const vmcRpcEntry *vmcRpcCatalogueFind(guint32 program, guint32 number);
