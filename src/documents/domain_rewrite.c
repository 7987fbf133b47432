/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole documents: see domain_rewrite.h. Finds the domains in a document and
 * hands each to its direction; looks before it parses, since most documents
 * have no channel.
 */
#include <config.h>

#include "documents/domain_rewrite.h"

#include <string.h>

#include "conf/domain_validate.h"
#include "conf/xml.h"
#include "documents/domain_mention.h"
#include "documents/domain_stock.h"
#include "qemu/qemu_argv.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

/* Documents in which domains stand, and the elements that hold them. */
static const struct {
    const char *root;
    const char *const *children;
} containers[] = {
    { "domainsnapshot", (const char *const[]){ "domain", "inactiveDomain", NULL } },
    { "domaincheckpoint", (const char *const[]){ "domain", "inactiveDomain", NULL } },
    { "domstatus", (const char *const[]){ "domain", "inactiveDomain", NULL } },
};

/* The <domain> elements of @doc, outermost only. The caller frees the array. */
static GPtrArray *
domainsOf(xmlDocPtr doc)
{
    GPtrArray *domains = g_ptr_array_new();
    xmlNodePtr root = xmlDocGetRootElement(doc);

    if (vmcXmlIs(root, "domain") || vmcXmlIs(root, "inactiveDomain"))
        g_ptr_array_add(domains, root);
    for (size_t i = 0; i < G_N_ELEMENTS(containers); i++) {
        if (!vmcXmlIs(root, containers[i].root))
            continue;
        for (xmlNodePtr node = vmcXmlFirst(root); node; node = vmcXmlNext(node)) {
            if (!node->ns && g_strv_contains(containers[i].children, (const char *)node->name))
                g_ptr_array_add(domains, node);
        }
    }
    return domains;
}

/* The channels of the stock form count as the domain's, for what must be unique. */
static void
takeStockChannels(vmcDomainDef *def, const vmcStockDef *stock, GPtrArray *all)
{
    for (guint i = 0; i < def->channels->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(def->channels, i));
    for (guint i = 0; i < stock->channels->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(stock->channels, i));
}

static void
addArguments(GStrvBuilder *args, const char *option, const char *value)
{
    g_strv_builder_add_many(args, option, value, NULL);
}

/*
 * What QEMU will be run with, as far as it has to do with channels: each user-mode
 * NIC, the user's own arguments, and ours. libvirt always says -nodefaults.
 */
static char **
futureArguments(const vmcDomainDef *def, const vmcStockDef *stock)
{
    g_autoptr(GStrvBuilder) args = g_strv_builder_new();
    g_autofree char *network = vmcQemuNetworkFormat(&def->net);

    g_strv_builder_add(args, "-nodefaults");
    for (guint i = 0; i < def->userNets->len; i++) {
        g_autofree char *net = vmcNetworkWhole(&g_array_index(def->userNets, vmcNetwork, i));
        g_autofree char *value = g_strdup_printf("user,net=%s", net);

        addArguments(args, "-netdev", value);
    }
    for (guint i = 0; i < stock->values->len; i++)
        g_strv_builder_add(args, g_ptr_array_index(stock->values, i));
    if (network)
        addArguments(args, VMC_STOCK_OPTION, network);
    for (guint i = 0; i < def->channels->len; i++) {
        g_autofree char *value = vmcQemuChannelFormat(g_ptr_array_index(def->channels, i));

        addArguments(args, VMC_STOCK_OPTION, value);
    }
    return g_strv_builder_end(args);
}

/* What qemu-vmchannel would refuse at start is refused now. */
static int
validateStart(const char *const *args)
{
    const char *configs[] = { NULL };
    g_autoptr(vmcQemuArgv) plan = vmcQemuArgvParse(args, configs);

    return plan ? vmcQemuArgvSettle(plan, false) : -1;
}

/* The rules across the devices first: their errors speak of elements. */
static int
validate(vmcDomainDef *def, const vmcStockDef *stock)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_auto(GStrv) args = futureArguments(def, stock);
    g_autoptr(vmcUserNets) nets = vmcQemuArgvUserNets((const char *const *)args);
    vmcDomainDef whole = *def;

    takeStockChannels(def, stock, all);
    whole.channels = all;
    whole.userNets = vmcUserNetsNetworks(nets);
    if (stock->net.given)
        whole.net = stock->net;
    return vmcDomainDefValidate(&whole) < 0 ? -1 : validateStart((const char *const *)args);
}

/*
 * libvirt's command line does not name passt's networks: they are a socket there. So
 * qemu-vmchannel is told what is left beside them, where nothing else is said.
 */
static void
settleNetwork(vmcDomainDef *def, const vmcStockDef *stock)
{
    if (!def->besidePasst || def->net.given || stock->net.given)
        return;
    def->net.given = true;
    def->net.network = vmcNetworkDefault(true);
}

/* The document under rewriting; the edit starts at the first domain with channels. */
typedef struct {
    const char *xml;
    xmlDocPtr doc;
    vmcXmlEdit *edit;
    const vmcRewriteOptions *options;
    vmcRewriteResult result;
} documentPass;

static int
editStart(documentPass *r)
{
    if (!r->edit)
        r->edit = vmcXmlEditNew(r->xml, r->doc);
    return r->edit ? 0 : -1;
}

static int
forwardDomain(documentPass *r, xmlNodePtr domain)
{
    g_autoptr(vmcDomainDef) def = vmcDomainDefParse(domain);
    g_autoptr(vmcStockDef) stock = NULL;

    if (!def)
        return -1;
    if (def->foreignType)
        return 0;
    stock = vmcStockDefParse(domain, r->options);
    if (!vmcDomainDefHasChannels(def) && !stock->nic && stock->channels->len == 0)
        return 0;
    if (validate(def, stock) < 0 || editStart(r) < 0)
        return -1;
    settleNetwork(def, stock);
    return vmcDomainForward(r->edit, domain, def, stock, r->options, &r->result);
}

static int
reverseDomain(documentPass *r, xmlNodePtr domain)
{
    g_autoptr(vmcStockDef) stock = NULL;

    if (vmcDomainIsForeign(domain))
        return 0;
    stock = vmcStockDefParse(domain, r->options);
    if (!vmcStockDefIsStock(stock))
        return 0;
    if (editStart(r) < 0)
        return -1;
    vmcDomainReverse(r->edit, domain, stock, r->options);
    return 0;
}

static vmcRewriteResult
rewrite(const char *xml, const vmcRewriteOptions *options, vmcMention found,
        int (*direction)(documentPass *r, xmlNodePtr domain))
{
    g_autoptr(xmlDoc) doc = found == VMC_MENTION_NONE ? NULL : vmcXmlParse(xml);
    g_autoptr(GPtrArray) domains = doc ? domainsOf(doc) : NULL;
    g_autoptr(vmcXmlEdit) edit = NULL;
    documentPass r = { .xml = xml, .doc = doc, .options = options };
    int ret = 0;

    if (!doc && found == VMC_MENTION_PLAIN)
        return r.result;
    if (!doc) {
        /* What we cannot read, and need not, is libvirt's to judge. */
        vmcErrorReset();
        r.result.text = g_strdup(xml);
        return r.result;
    }
    for (guint i = 0; ret == 0 && i < domains->len; i++)
        ret = direction(&r, g_ptr_array_index(domains, i));
    edit = r.edit;
    if (ret == 0)
        r.result.text = edit ? vmcXmlEditFinish(edit) : g_strdup(xml);
    return r.result;
}

vmcRewriteResult
vmcDomainRewriteForward(const char *xml, const vmcRewriteOptions *options)
{
    return rewrite(xml, options, vmcMentionForward(xml), forwardDomain);
}

char *
vmcRewriteText(vmcRewriteResult result)
{
    vmcEmulatorQueryClear(&result.query);
    return result.text;
}

char *
vmcDomainRewriteReverse(const char *xml, const vmcRewriteOptions *options)
{
    vmcMention found = vmcMentionReverse(xml, options->emulatorDir);

    return vmcRewriteText(rewrite(xml, options, found, reverseDomain));
}

vmcDomainState
vmcDomainStateOf(const char *xml, const vmcRewriteOptions *options)
{
    g_autoptr(xmlDoc) doc = vmcXmlParse(xml);
    g_autoptr(GPtrArray) domains = doc ? domainsOf(doc) : g_ptr_array_new();
    g_autoptr(vmcStockDef) stock = NULL;

    if (domains->len == 0)
        return VMC_DOMAIN_PLAIN;
    stock = vmcStockDefParse(g_ptr_array_index(domains, 0), options);
    if (!stock->nic && stock->channels->len == 0)
        return VMC_DOMAIN_PLAIN;
    return stock->wrapped ? VMC_DOMAIN_STOCK : VMC_DOMAIN_STOCK_BROKEN;
}
