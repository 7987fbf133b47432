/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Channels of a running domain, and their record: see domain_live.h. */
#include <config.h>

#include "documents/domain_live.h"

#include "conf/xml.h"
#include "documents/domain_mention.h"
#include "qemu/qemu_conf.h"
#include "util/error.h"

void
vmcLiveChannelFree(gpointer opaque)
{
    vmcLiveChannel *live = opaque;

    if (!live)
        return;
    vmcChannelFree(live->channel);
    g_free(live->path);
    g_free(live);
}

char *
vmcLiveAlias(const vmcChannel *channel)
{
    return channel->alias ? g_strdup(channel->alias)
                          : g_strdup_printf("vmchannel-%s-%u", channel->address, channel->port);
}

char *
vmcRecordFormat(const GPtrArray *channels)
{
    GString *record = g_string_new("<" VMC_RECORD_ELEMENT ">");

    for (guint i = 0; i < channels->len; i++) {
        g_autofree char *value = vmcQemuChannelFormat(g_ptr_array_index(channels, i));

        g_string_append(record, "<channel>");
        vmcXmlEscape(record, value, false);
        g_string_append(record, "</channel>");
    }
    g_string_append(record, "</" VMC_RECORD_ELEMENT ">");
    return g_string_free(record, FALSE);
}

bool
vmcDomainIsRunning(const char *xml, char **uuid)
{
    g_autoptr(xmlDoc) doc = vmcMentionId(xml) ? vmcXmlParse(xml) : NULL;
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    g_autofree char *id = vmcXmlAttribute(root, "id");
    xmlNodePtr node = vmcXmlChild(root, "uuid");

    vmcErrorReset();
    if (!root || !vmcXmlIs(root, "domain") || !id || !node)
        return false;
    *uuid = vmcXmlText(node);
    return true;
}
