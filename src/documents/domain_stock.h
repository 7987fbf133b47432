/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the stock libvirt form of channels and their NIC looks like, and how it is found
 * in a document: the one place where the names stand that forward writes and
 * reverse reads. Private to the rewriting of documents.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include "conf/domain_conf.h"
#include "documents/domain_live.h"
#include "documents/domain_rewrite.h"
#include "documents/xml_edit.h"
#include "qemu/nic.h"

#define VMC_STOCK_URI "http://libvirt.org/schemas/domain/qemu/1.0"
#define VMC_STOCK_OPTION "-vmchannel"
#define VMC_STOCK_NIC_TYPE "client"
#define VMC_STOCK_NIC_ADDRESS "127.0.0.1"
#define VMC_STOCK_NIC_PORT "1"
#define VMC_STOCK_MTU "host_mtu"

/* The parts of the stock form in one domain; all nodes are borrowed. */
typedef struct {
    xmlNodePtr emulator;        /* <emulator>, wrapped or not; NULL: none */
    bool wrapped;               /* its path stands below the emulator directory */
    xmlNodePtr nic;             /* the NIC that carries channels, in its stock form */
    xmlNodePtr commandline;     /* the last <qemu:commandline> */
    xmlNodePtr override;        /* the last <qemu:override> */
    xmlNodePtr device;          /* in one of them, what overrides the channels' NIC */
    xmlNodePtr mtu;             /* therein, the property host_mtu as we write it */
    GPtrArray *arguments;       /* xmlNodePtr: two <qemu:arg> for each channel and the network */
    GPtrArray *values;          /* char *, owned: of every <qemu:arg> */
    vmcNetworkDef net;          /* what arguments say of it, where there is a channels' NIC */
    GPtrArray *channels;        /* vmcChannel *, owned */
    xmlNodePtr record;          /* in <metadata>: the channels that it runs with */
} vmcStockDef;

/*
 * vmcStockDefParse:
 * Finds the parts in @domain. An argument of -vmchannel that cannot be read is
 * left to the user who wrote it. Cannot fail; the caller frees the result.
 */
vmcStockDef *vmcStockDefParse(xmlNodePtr domain, const vmcRewriteOptions *options);
void vmcStockDefFree(vmcStockDef *stock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcStockDef, vmcStockDefFree)

/* vmcStockDefIsStock: whether the domain has any part of the stock form. */
bool vmcStockDefIsStock(const vmcStockDef *stock);

/*
 * vmcStockRecorded: the channels (vmcChannel *) of the domain's record, which
 * the caller unrefs; NULL when it has none. What is no channel in it is passed
 * over: others may write metadata too.
 */
GPtrArray *vmcStockRecorded(const vmcStockDef *stock);

/* vmcStockMtuFromString: reads an MTU that the channels' NIC can have; @text may be NULL. */
bool vmcStockMtuFromString(const char *text, unsigned int *mtu);

/* vmcStockNicHasMtu: whether a NIC, in either form, is of a model that takes host_mtu. */
bool vmcStockNicHasMtu(xmlNodePtr nic);

/* vmcStockNicSource: the NIC's <source> that only the stock form has, or NULL. */
xmlNodePtr vmcStockNicSource(xmlNodePtr nic);

/*
 * vmcStockAnchor, vmcStockAnchorBefore:
 * Return the last child element of @parent whose name (in no namespace) is one
 * of the NULL-terminated @names; the last before the first such one. NULL:
 * there is none.
 */
xmlNodePtr vmcStockAnchor(xmlNodePtr parent, const char *const *names);
xmlNodePtr vmcStockAnchorBefore(xmlNodePtr parent, const char *const *names);

/*
 * vmcDomainForward: the edits that give one <domain> its stock form; 0, or -1
 * with an error. @result gets what was guessed.
 * vmcDomainReverse: those that give it <vmchannel>; cannot fail.
 */
int vmcDomainForward(vmcXmlEdit *edit, xmlNodePtr domain, vmcDomainDef *def, vmcStockDef *stock,
                     const vmcRewriteOptions *options, vmcRewriteResult *result);
void vmcDomainReverse(vmcXmlEdit *edit, xmlNodePtr domain, vmcStockDef *stock,
                      const vmcRewriteOptions *options);
