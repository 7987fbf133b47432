/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing XML: see xml.h. Everything that a hostile document could
 * make large is bounded here: its size, its depth (libxml2's own limit), the
 * attributes of an element, and entities, which it cannot declare.
 */
#include <config.h>

#include "conf/xml.h"

#include <string.h>

#include <libxml/parser.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_XML

typedef xmlParserCtxt parserContext;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(parserContext, xmlFreeParserCtxt)

static void
refuseSubset(void *context, const xmlChar *name G_GNUC_UNUSED,
             const xmlChar *externalId G_GNUC_UNUSED, const xmlChar *systemId G_GNUC_UNUSED)
{
    xmlParserCtxtPtr parser = context;

    vmcReportError(VIR_ERR_XML_ERROR,
                   "line %d: a domain document cannot have a document type declaration",
                   parser->input ? parser->input->line : 0);
    /* Told from the parser's own errors by the flag that it leaves alone. */
    parser->_private = parser;
    xmlStopParser(parser);
}

/* The parser's message, on one line. */
static void
reportParser(xmlParserCtxtPtr parser)
{
    const xmlError *error = xmlCtxtGetLastError(parser);
    const char *message = error && error->message ? error->message : "not well-formed";

    if (parser->_private)
        return;
    vmcReportError(VIR_ERR_XML_DETAIL, "line %d: %.*s", error ? error->line : 0,
                   (int)strcspn(message, "\n"), message);
}

/*
 * Whether an element could have too many attributes: libxml2's time for one
 * grows with their number's square. No '<' stands in a tag, so what lies
 * between two of them holds no more than one.
 */
static bool
hasCrowdedTag(const char *xml)
{
    unsigned int n = 0;

    for (const char *c = strpbrk(xml, "<="); c; c = strpbrk(c + 1, "<=")) {
        char next = c[1 + strspn(c + 1, " \t\r\n")];

        if (*c == '<')
            n = 0;
        else if ((next == '\'' || next == '"') && ++n > VMC_XML_ATTRIBUTES_MAX)
            return true;
    }
    return false;
}

xmlDocPtr
vmcXmlParse(const char *xml)
{
    g_autoptr(parserContext) parser = NULL;
    size_t length = strnlen(xml, VMC_XML_MAX + 1);
    xmlDocPtr doc;

    if (length > VMC_XML_MAX) {
        vmcReportError(VIR_ERR_XML_ERROR, "document is larger than %d bytes", VMC_XML_MAX);
        return NULL;
    }
    if (hasCrowdedTag(xml)) {
        vmcReportError(VIR_ERR_XML_ERROR, "an element has more than %d attributes",
                       VMC_XML_ATTRIBUTES_MAX);
        return NULL;
    }
    parser = xmlNewParserCtxt();
    if (!parser)
        g_error("out of memory");
    parser->sax->internalSubset = refuseSubset;
    doc = xmlCtxtReadMemory(parser, xml, (int)length, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                            XML_PARSE_NOCDATA | XML_PARSE_COMPACT);
    if (parser->_private)
        g_clear_pointer(&doc, xmlFreeDoc);
    if (!doc)
        reportParser(parser);
    return doc;
}

static xmlNodePtr
elementFrom(xmlNodePtr node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

xmlNodePtr
vmcXmlFirst(xmlNodePtr parent)
{
    return parent ? elementFrom(parent->children) : NULL;
}

xmlNodePtr
vmcXmlNext(xmlNodePtr element)
{
    return elementFrom(element->next);
}

bool
vmcXmlIs(xmlNodePtr node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns &&
           g_str_equal((const char *)node->name, name);
}

bool
vmcXmlIsNs(xmlNodePtr node, const char *uri, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns && node->ns->href &&
           g_str_equal((const char *)node->ns->href, uri) &&
           g_str_equal((const char *)node->name, name);
}

xmlNodePtr
vmcXmlChild(xmlNodePtr parent, const char *name)
{
    for (xmlNodePtr child = vmcXmlFirst(parent); child; child = vmcXmlNext(child)) {
        if (vmcXmlIs(child, name))
            return child;
    }
    return NULL;
}

/* GLib's allocator, so that every string here is freed the same way. */
static char *
takeString(xmlChar *string)
{
    char *copy = g_strdup((const char *)string);

    xmlFree(string);
    return copy;
}

char *
vmcXmlAttribute(xmlNodePtr node, const char *name)
{
    return node ? takeString(xmlGetNoNsProp(node, (const xmlChar *)name)) : NULL;
}

bool
vmcXmlAttributeIs(xmlNodePtr node, const char *name, const char *value)
{
    g_autofree char *given = vmcXmlAttribute(node, name);

    return g_strcmp0(given, value) == 0;
}

const char *
vmcXmlUnknownAttribute(xmlNodePtr node, const char *first, const char *second)
{
    for (const xmlAttr *attribute = node ? node->properties : NULL; attribute;
         attribute = attribute->next) {
        const char *name = (const char *)attribute->name;

        if (!g_str_equal(name, first) && !g_str_equal(name, second))
            return name;
    }
    return NULL;
}

void
vmcXmlRemove(xmlNodePtr node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

char *
vmcXmlText(xmlNodePtr node)
{
    return takeString(xmlNodeGetContent(node));
}

/* The characters that may not stand as they are; NULL: it may. */
static const char *
entityOf(gunichar c)
{
    static const struct {
        gunichar c;
        const char *entity;
    } entities[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&apos;" }, { '"', "&quot;" },
        { '\n', "&#10;" }, { '\t', "&#9;" }, { '\r', "&#13;" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(entities); i++) {
        if (entities[i].c == c)
            return entities[i].entity;
    }
    return NULL;
}

void
vmcXmlEscape(GString *out, const char *text, bool ascii)
{
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        const char *entity = entityOf(c);

        if (entity)
            g_string_append(out, entity);
        else if (ascii && c > 0x7e)
            g_string_append_printf(out, "&#x%X;", c);
        else
            g_string_append_unichar(out, c);
    }
}

static void
formatName(GString *out, const xmlNs *ns, const xmlChar *name)
{
    if (ns && ns->prefix)
        g_string_append_printf(out, "%s:", (const char *)ns->prefix);
    g_string_append(out, (const char *)name);
}

static void
formatAttributes(GString *out, xmlNodePtr element, bool ascii)
{
    for (xmlAttrPtr attribute = element->properties; attribute; attribute = attribute->next) {
        g_autofree char *value = vmcXmlText((xmlNodePtr)attribute);

        g_string_append_c(out, ' ');
        formatName(out, attribute->ns, attribute->name);
        g_string_append(out, "='");
        vmcXmlEscape(out, value, ascii);
        g_string_append_c(out, '\'');
    }
    for (const xmlNs *ns = element->nsDef; ns; ns = ns->next) {
        g_string_append_printf(out, " xmlns%s%s='", ns->prefix ? ":" : "",
                               ns->prefix ? (const char *)ns->prefix : "");
        vmcXmlEscape(out, ns->href ? (const char *)ns->href : "", ascii);
        g_string_append_c(out, '\'');
    }
}

/* Whether @node is white space that only lays out the elements around it. */
static bool
isLayout(xmlNodePtr node)
{
    return xmlIsBlankNode(node);
}

static void
formatText(GString *out, xmlNodePtr node, bool ascii)
{
    g_autofree char *text = vmcXmlText(node);

    vmcXmlEscape(out, text, ascii);
}

/* Whether text stands in @element; then no white space may be added. */
static bool
hasText(xmlNodePtr element)
{
    for (xmlNodePtr child = element->children; child; child = child->next) {
        if ((child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) &&
            !isLayout(child))
            return true;
    }
    return false;
}

static void
formatChildren(GString *out, xmlNodePtr element, const char *indent, bool ascii)
{
    bool text = hasText(element);
    g_autofree char *deeper = g_strconcat(indent, "  ", NULL);
    const char *between = text ? "" : "\n";

    for (xmlNodePtr child = element->children; child; child = child->next) {
        if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
            if (text)
                formatText(out, child, ascii);
            continue;
        }
        g_string_append_printf(out, "%s%s", between, text ? "" : deeper);
        if (child->type == XML_ELEMENT_NODE)
            vmcXmlFormat(out, child, deeper, ascii);
        else if (child->type == XML_COMMENT_NODE)
            g_string_append_printf(out, "<!--%s-->", (const char *)child->content);
        else if (child->type == XML_PI_NODE)
            g_string_append_printf(out, "<?%s %s?>", (const char *)child->name,
                                   child->content ? (const char *)child->content : "");
    }
    g_string_append_printf(out, "%s%s", between, text ? "" : indent);
}

static bool
isEmpty(xmlNodePtr element)
{
    for (xmlNodePtr child = element->children; child; child = child->next) {
        if (!isLayout(child))
            return false;
    }
    return true;
}

void
vmcXmlFormat(GString *out, xmlNodePtr element, const char *indent, bool ascii)
{
    g_string_append_c(out, '<');
    formatName(out, element->ns, element->name);
    formatAttributes(out, element, ascii);
    if (isEmpty(element)) {
        g_string_append(out, "/>");
        return;
    }
    g_string_append_c(out, '>');
    formatChildren(out, element, indent, ascii);
    g_string_append(out, "</");
    formatName(out, element->ns, element->name);
    g_string_append_c(out, '>');
}
