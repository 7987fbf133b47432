/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that hold across the devices of a domain: see domain_validate.h.
 * A conflict between two devices that are no channels is libvirt's to report.
 */
#include <config.h>

#include "conf/domain_validate.h"

#include "conf/domain_nic.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_DOMAIN

/* One device in a message: "<vmchannel> 10.0.2.4:600" or "<serial type='unix'>". */
static char *
channelName(const vmcChannel *channel)
{
    return g_strdup_printf("<%s> %s:%u", vmcChrDeviceTypeToString(channel->element),
                           channel->address, channel->port);
}

static char *
otherName(const vmcChrDef *def)
{
    return g_strdup_printf("<%s type='%s'>", vmcChrDeviceTypeToString(def->element),
                           vmcChrTypeToString(def->source.type));
}

/*
 * Claims @key for a device; both strings become the table's. Two devices that are
 * no channels may claim the same: @channel says what the later one is.
 */
static int
claim(GHashTable *claims, char *key, char *name, bool channel, const char *verb)
{
    const char *first = key ? g_hash_table_lookup(claims, key) : NULL;
    int ret = 0;

    if (first && channel) {
        vmcReportError(VIR_ERR_XML_ERROR, "%s and %s %s %s", first, name, verb, key);
        ret = -1;
    }
    if (!key || first) {
        g_free(key);
        g_free(name);
    } else {
        g_hash_table_insert(claims, key, name);
    }
    return ret;
}

static int
validateBindings(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->others->len; i++) {
        const vmcChrDef *other = g_ptr_array_index(def->others, i);

        claim(claims, vmcChrSourceBinds(&other->source), otherName(other), false, "");
    }
    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (claim(claims, vmcChrSourceBinds(&channel->source), channelName(channel), true,
                  "both bind") < 0)
            return -1;
    }
    return 0;
}

static int
validateTargets(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);
        char *key = g_strdup_printf("address '%s' port '%u'", channel->address, channel->port);

        if (claim(claims, key, g_strdup_printf("<%s type='%s'>",
                                               vmcChrDeviceTypeToString(channel->element),
                                               vmcChrTypeToString(channel->source.type)),
                  true, "both have target") < 0)
            return -1;
    }
    return 0;
}

static char *
aliasKey(const char *alias)
{
    return alias && vmcChannelAliasIsUser(alias) ? g_strdup_printf("alias '%s'", alias) : NULL;
}

static int
validateAliases(const vmcDomainDef *def)
{
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < def->others->len; i++) {
        const vmcChrDef *other = g_ptr_array_index(def->others, i);

        claim(claims, aliasKey(other->alias), otherName(other), false, "");
    }
    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (claim(claims, aliasKey(channel->alias), channelName(channel), true, "both have") < 0)
            return -1;
    }
    return 0;
}

/*
 * The line that would make @channel's address right when nothing is said of the
 * network: an <ip>, which holds for all channels. "" when another channel has another
 * address, a user-mode NIC is in the way, or the address is of the default network.
 */
static char *
networkLine(const vmcDomainDef *def, const vmcChannel *channel)
{
    vmcNetwork usual = vmcNetworkDefault(false);
    g_autofree char *guest = vmcNetworkGuest(&usual);
    g_autofree char *pair = def->net.given ? NULL
                                           : vmcNetworkPair(channel->address, def->userNets);
    g_auto(GStrv) parts = NULL;

    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *other = g_ptr_array_index(def->channels, i);

        if (!g_str_equal(other->address, channel->address))
            return g_strdup("");
    }
    if (!pair || vmcNetworkHas(&usual, channel->address) || g_str_equal(channel->address, guest))
        return g_strdup("");
    parts = g_strsplit(pair, "/", 2);
    return g_strdup_printf("; or write <ip address='%s' prefix='%s'/> in " VMC_NIC_ELEMENT,
                           parts[0], parts[1]);
}

static int
validateAddresses(const vmcDomainDef *def)
{
    bool squeezed = !def->net.given && vmcNetworkAnyMeetsUser(def->userNets);
    vmcNetwork network = def->net.given ? def->net.network : vmcNetworkDefault(squeezed);
    g_autofree char *accepted = vmcNetworkAccepted(&network);
    g_autofree char *line = NULL;

    for (guint i = 0; i < def->channels->len; i++) {
        const vmcChannel *channel = g_ptr_array_index(def->channels, i);

        if (vmcNetworkHas(&network, channel->address))
            continue;
        line = networkLine(def, channel);
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "'address' attribute '%s' in <target> of <%s>: expected %s%s%s",
                       channel->address, vmcChrDeviceTypeToString(channel->element), accepted,
                       squeezed ? ", since the domain has a user-mode NIC on the same network" : "",
                       line);
        return -1;
    }
    return 0;
}

static int
validateNic(const vmcDomainDef *def)
{
    const vmcNetwork *other;

    if (def->nics->len > 1) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "%u " VMC_NIC_ELEMENT " elements: a domain can have one", def->nics->len);
        return -1;
    }
    other = def->net.given ? vmcNetworkInTheWay(def->userNets, &def->net.network) : NULL;
    if (other) {
        g_autofree char *network = vmcNetworkToString(&def->net.network);
        g_autofree char *whole = vmcNetworkWhole(other);

        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "network '%s' in <ip> of " VMC_NIC_ELEMENT ": the domain's user-mode NIC has %s",
                       network, whole);
        return -1;
    }
    return 0;
}

int
vmcDomainDefValidate(const vmcDomainDef *def)
{
    static int (*const checks[])(const vmcDomainDef *) = {
        validateNic, validateTargets, validateBindings, validateAliases, validateAddresses,
    };

    if (!vmcDomainDefHasChannels(def))
        return 0;
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (checks[i](def) < 0)
            return -1;
    }
    return 0;
}
