/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of an XML document as text: see xml_edit.h. The scanner is only ever
 * run over what libxml2 has accepted as well-formed and without a document
 * type declaration; that keeps it this small.
 */
#include <config.h>

#include "documents/xml_edit.h"

#include <stdarg.h>
#include <string.h>

#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_XML

/* Where an element stands, as offsets into the document. */
typedef struct {
    size_t begin;               /* its first '<' */
    size_t content;             /* behind its start tag */
    size_t contentEnd;          /* at its end tag; content itself when it is empty */
    size_t end;                 /* behind it */
    bool empty;                 /* written "<a/>" */
    bool filled;                /* was empty, and something is inserted into it */
} elementSpan;

/* The bytes from begin to end become the text. */
typedef struct {
    size_t begin;
    size_t end;
    char *text;
    bool isElement;             /* a whole one, which is inserted */
} byteEdit;

struct vmcXmlEdit {
    const char *xml;
    const char *newline;
    bool ascii;
    GArray *spans;              /* elementSpan, in document order; nodes point into it */
    GArray *edits;              /* byteEdit */
};

static const char *
find(const char *from, const char *what)
{
    const char *found = strstr(from, what);

    return found ? found + strlen(what) : NULL;
}

/* Behind the tag that begins at @tag; quotes may hold a '>'. */
static const char *
tagEnd(const char *tag)
{
    char quote = '\0';

    for (const char *c = tag; *c; c++) {
        if (quote)
            quote = *c == quote ? '\0' : quote;
        else if (*c == '"' || *c == '\'')
            quote = *c;
        else if (*c == '>')
            return c + 1;
    }
    return NULL;
}

/* Behind a comment, CDATA section, declaration or processing instruction. */
static const char *
markupEnd(const char *markup)
{
    static const struct {
        const char *begin;
        const char *end;
    } kinds[] = {
        { "<!--", "-->" }, { "<![CDATA[", "]]>" }, { "<?", "?>" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_has_prefix(markup, kinds[i].begin))
            return find(markup + strlen(kinds[i].begin), kinds[i].end);
    }
    return NULL;
}

/* Fills @spans; returns false when the bytes are not what libxml2 took them for. */
static bool
scan(const char *xml, GArray *spans)
{
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(guint));
    const char *next;

    for (const char *tag = strchr(xml, '<'); tag; tag = strchr(next, '<')) {
        bool special = tag[1] == '!' || tag[1] == '?';

        next = special ? markupEnd(tag) : tagEnd(tag);
        if (!next)
            return false;
        if (tag[1] == '/') {
            elementSpan *span;

            if (open->len == 0)
                return false;
            span = &g_array_index(spans, elementSpan, g_array_index(open, guint, open->len - 1));
            g_array_set_size(open, open->len - 1);
            span->contentEnd = (size_t)(tag - xml);
            span->end = (size_t)(next - xml);
        } else if (!special) {
            elementSpan span = {
                .begin = (size_t)(tag - xml), .content = (size_t)(next - xml),
                .contentEnd = (size_t)(next - xml), .end = (size_t)(next - xml),
                .empty = next[-2] == '/',
            };

            if (!span.empty)
                g_array_append_val(open, spans->len);
            g_array_append_val(spans, span);
        }
    }
    return open->len == 0;
}

/* The element after @node in document order. */
static xmlNodePtr
nextInDocument(xmlNodePtr node)
{
    xmlNodePtr next = vmcXmlFirst(node);

    while (!next && node && node->type == XML_ELEMENT_NODE) {
        next = vmcXmlNext(node);
        node = node->parent;
    }
    return next;
}

/* Whether the tag whose '<' is at @tag can be @node's. */
static bool
isTagOf(const char *tag, xmlNodePtr node)
{
    const char *name = (const char *)node->name;
    const char *prefix = node->ns ? (const char *)node->ns->prefix : NULL;
    size_t length = prefix ? strlen(prefix) : 0;

    /* In another encoding than ours, such a name may be other bytes. */
    if (!g_str_is_ascii(name) || (prefix && !g_str_is_ascii(prefix)))
        return true;
    tag++;
    if (prefix) {
        if (strncmp(tag, prefix, length) != 0 || tag[length] != ':')
            return false;
        tag += length + 1;
    }
    return strncmp(tag, name, strlen(name)) == 0;
}

/* Gives each element its span; false when the numbers or names differ. */
static bool
pair(const char *xml, xmlDocPtr doc, GArray *spans)
{
    guint i = 0;

    for (xmlNodePtr node = xmlDocGetRootElement(doc); node; node = nextInDocument(node)) {
        elementSpan *span = i < spans->len ? &g_array_index(spans, elementSpan, i) : NULL;

        if (!span || !isTagOf(xml + span->begin, node))
            return false;
        node->_private = span;
        i++;
    }
    return i == spans->len;
}

/* Every byte below 0x80 is the ASCII character, wherever it stands. */
static bool
isAsciiCompatible(const char *encoding)
{
    static const char *const prefixes[] = { "utf-8", "us-ascii", "iso-8859-", "windows-125" };
    g_autofree char *lower = g_ascii_strdown(encoding, -1);

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(lower, prefixes[i]))
            return true;
    }
    return false;
}

vmcXmlEdit *
vmcXmlEditNew(const char *xml, xmlDocPtr doc)
{
    g_autoptr(vmcXmlEdit) edit = g_new0(vmcXmlEdit, 1);
    const char *encoding = doc->encoding ? (const char *)doc->encoding : "UTF-8";
    const char *line = strchr(xml, '\n');

    edit->xml = xml;
    edit->newline = line && line > xml && line[-1] == '\r' ? "\r\n" : "\n";
    edit->ascii = g_ascii_strcasecmp(encoding, "UTF-8") != 0;
    edit->spans = g_array_new(FALSE, FALSE, sizeof(elementSpan));
    edit->edits = g_array_new(FALSE, FALSE, sizeof(byteEdit));
    if (!isAsciiCompatible(encoding)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "encoding '%s' of a document with channels: expected UTF-8, US-ASCII, ISO-8859 or Windows-125x",
                       encoding);
        return NULL;
    }
    if (!scan(xml, edit->spans) || !pair(xml, doc, edit->spans)) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "the document's elements cannot be located");
        return NULL;
    }
    return g_steal_pointer(&edit);
}

void
vmcXmlEditFree(vmcXmlEdit *edit)
{
    if (!edit)
        return;
    for (guint i = 0; i < edit->edits->len; i++)
        g_free(g_array_index(edit->edits, byteEdit, i).text);
    g_array_unref(edit->edits);
    g_array_unref(edit->spans);
    g_free(edit);
}

bool
vmcXmlEditAscii(const vmcXmlEdit *edit)
{
    return edit->ascii;
}

static elementSpan *
spanOf(xmlNodePtr element)
{
    return element->_private;
}

/* The bytes are those of the document as it was given. */
static void
replace(vmcXmlEdit *edit, size_t begin, size_t end, const char *text)
{
    byteEdit added = { begin, end, g_strdup(text), false };

    g_array_append_val(edit->edits, added);
}

/* @white is what stands in front of the elements there. */
static void
insert(vmcXmlEdit *edit, size_t at, const char *white, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    g_autofree char *own = g_strjoinv(edit->newline, lines);
    byteEdit added = { at, at, g_strconcat(white, own, NULL), true };

    g_array_append_val(edit->edits, added);
}

/*
 * By place; an insertion before a replacement that begins there. Of two that are alike the
 * earlier made comes first, since the sort is stable.
 */
static gint
compareEdits(gconstpointer left, gconstpointer right)
{
    const byteEdit *a = left;
    const byteEdit *b = right;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if ((a->begin == a->end) != (b->begin == b->end))
        return a->begin == a->end ? -1 : 1;
    return 0;
}

/* Where the white space in front of an element begins, its line's end included. */
static size_t
lineBegin(const vmcXmlEdit *edit, const elementSpan *span)
{
    size_t begin = span->begin;
    size_t at = begin;

    while (at > 0 && (edit->xml[at - 1] == ' ' || edit->xml[at - 1] == '\t'))
        at--;
    if (at == 0 || edit->xml[at - 1] != '\n')
        return begin;
    at--;
    return at > 0 && edit->xml[at - 1] == '\r' ? at - 1 : at;
}

/* The white space in front of an element, line end included; "" inside a line. */
static char *
lead(const vmcXmlEdit *edit, const elementSpan *span)
{
    size_t begin = lineBegin(edit, span);

    return g_strndup(edit->xml + begin, span->begin - begin);
}

/* The element's name as it is written. */
static char *
writtenName(const vmcXmlEdit *edit, const elementSpan *span)
{
    const char *name = edit->xml + span->begin + 1;

    return g_strndup(name, strcspn(name, " \t\r\n/>"));
}

/* Gives each element that was written empty, and has content now, its two tags. */
static void
splitTags(vmcXmlEdit *edit)
{
    for (guint i = 0; i < edit->spans->len; i++) {
        const elementSpan *span = &g_array_index(edit->spans, elementSpan, i);
        g_autofree char *white = NULL;
        g_autofree char *name = NULL;
        g_autofree char *end = NULL;

        if (!span->filled)
            continue;
        white = lead(edit, span);
        name = writtenName(edit, span);
        end = g_strdup_printf("%s</%s>", white, name);
        replace(edit, span->content - 2, span->content, ">");
        replace(edit, span->content, span->content, end);
    }
}

char *
vmcXmlEditFinish(vmcXmlEdit *edit)
{
    GString *out = g_string_new(NULL);
    const byteEdit *last = NULL;
    size_t at = 0;

    splitTags(edit);
    g_array_sort(edit->edits, compareEdits);
    for (guint i = 0; i < edit->edits->len; i++) {
        const byteEdit *next = &g_array_index(edit->edits, byteEdit, i);

        g_string_append_len(out, edit->xml + at, (gssize)(next->begin - at));
        /* In a document of one line, each but the first of what is inserted gets its own. */
        if (last && last->isElement && next->isElement && last->begin == next->begin &&
            *next->text == '<')
            g_string_append(out, edit->newline);
        g_string_append(out, next->text);
        at = next->end;
        last = next;
    }
    g_string_append(out, edit->xml + at);
    return g_string_free(out, FALSE);
}

char *
vmcXmlEditIndent(const vmcXmlEdit *edit, xmlNodePtr element)
{
    g_autofree char *white = lead(edit, spanOf(element));

    return g_strdup(white + strspn(white, "\r\n"));
}

void
vmcXmlEditRemove(vmcXmlEdit *edit, xmlNodePtr element)
{
    replace(edit, lineBegin(edit, spanOf(element)), spanOf(element)->end, "");
}

void
vmcXmlEditInsertAfter(vmcXmlEdit *edit, xmlNodePtr sibling, const char *text)
{
    g_autofree char *white = lead(edit, spanOf(sibling));

    insert(edit, spanOf(sibling)->end, white, text);
}

/* The white space that goes in front of what is inserted first in @parent. */
static char *
leadInside(const vmcXmlEdit *edit, xmlNodePtr parent)
{
    xmlNodePtr first = vmcXmlFirst(parent);
    const elementSpan *span = spanOf(parent);
    g_autofree char *outer = NULL;

    if (first)
        return lead(edit, spanOf(first));
    outer = lead(edit, span);
    if (!*outer && span->begin > 0)
        return g_strdup("");
    return g_strconcat(*outer ? outer : edit->newline, "  ", NULL);
}

void
vmcXmlEditInsertFirst(vmcXmlEdit *edit, xmlNodePtr parent, const char *text)
{
    elementSpan *span = spanOf(parent);
    g_autofree char *white = leadInside(edit, parent);

    span->filled = span->empty;
    insert(edit, span->content, white, text);
}

xmlNodePtr
vmcXmlElement(xmlNsPtr ns, const char *name, ...)
{
    xmlNodePtr element = xmlNewNode(ns, (const xmlChar *)name);
    const char *attribute;
    va_list attributes;

    va_start(attributes, name);
    while ((attribute = va_arg(attributes, const char *))) {
        xmlNewProp(element, (const xmlChar *)attribute,
                   (const xmlChar *)va_arg(attributes, const char *));
    }
    va_end(attributes);
    return element;
}

void
vmcXmlEditInsertNode(vmcXmlEdit *edit, xmlNodePtr parent, xmlNodePtr after, xmlNodePtr node)
{
    g_autofree char *white = after ? lead(edit, spanOf(after)) : leadInside(edit, parent);
    g_autoptr(GString) text = g_string_new(NULL);

    vmcXmlFormat(text, node, white + strspn(white, "\r\n"), edit->ascii);
    xmlFreeNode(node);
    if (after)
        vmcXmlEditInsertAfter(edit, after, text->str);
    else
        vmcXmlEditInsertFirst(edit, parent, text->str);
}

/* @text as it may stand in the document. */
static char *
escaped(const vmcXmlEdit *edit, const char *text)
{
    GString *out = g_string_new(NULL);

    vmcXmlEscape(out, text, edit->ascii);
    return g_string_free(out, FALSE);
}

void
vmcXmlEditContent(vmcXmlEdit *edit, xmlNodePtr element, const char *text)
{
    const elementSpan *span = spanOf(element);
    g_autofree char *content = escaped(edit, text);
    g_autofree char *name = writtenName(edit, span);
    g_autofree char *whole = g_strdup_printf(">%s</%s>", content, name);

    if (span->empty)
        replace(edit, span->content - 2, span->content, whole);
    else
        replace(edit, span->content, span->contentEnd, content);
}

static size_t
textBegin(const vmcXmlEdit *edit, xmlNodePtr element)
{
    size_t content = spanOf(element)->content;

    return content + strspn(edit->xml + content, " \t\r\n");
}

bool
vmcXmlEditPrepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text)
{
    size_t at = textBegin(edit, element);
    g_autofree char *added = escaped(edit, text);

    if (strchr("<&", edit->xml[at]))
        return false;
    replace(edit, at, at, added);
    return true;
}

bool
vmcXmlEditUnprepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text)
{
    size_t at = textBegin(edit, element);
    g_autofree char *gone = escaped(edit, text);

    if (!g_str_has_prefix(edit->xml + at, gone))
        return false;
    replace(edit, at, at + strlen(gone), "");
    return true;
}

typedef struct {
    size_t begin;               /* the white space before it */
    size_t value;
    size_t valueEnd;
} attributeSpan;

/* Finds the attribute in the start tag; @last gets the end of the last one. */
static bool
attributeFind(const vmcXmlEdit *edit, xmlNodePtr element, const char *name, attributeSpan *found,
              size_t *last)
{
    static const char white[] = " \t\r\n";
    const char *at = edit->xml + spanOf(element)->begin;

    at += strcspn(at, " \t\r\n/>");
    *last = (size_t)(at - edit->xml);
    for (;;) {
        const char *begin = at;
        const char *word = begin + strspn(begin, white);
        size_t length = strcspn(word, " \t\r\n=/>");
        const char *quote;

        if (length == 0)
            return false;
        quote = word + length + strspn(word + length, " \t\r\n=");
        at = strchr(quote + 1, *quote) + 1;
        *last = (size_t)(at - edit->xml);
        if (length == strlen(name) && strncmp(word, name, length) == 0) {
            *found = (attributeSpan){
                (size_t)(begin - edit->xml), (size_t)(quote + 1 - edit->xml), *last - 1,
            };
            return true;
        }
    }
}

void
vmcXmlEditAttribute(vmcXmlEdit *edit, xmlNodePtr element, const char *name, const char *value)
{
    attributeSpan span;
    size_t last;
    g_autofree char *text = escaped(edit, value);

    if (attributeFind(edit, element, name, &span, &last))
        replace(edit, span.value, span.valueEnd, text);
}

void
vmcXmlEditAttributeAdd(vmcXmlEdit *edit, xmlNodePtr element, const char *name, const char *value)
{
    attributeSpan span;
    size_t last;
    g_autofree char *text = escaped(edit, value);
    g_autofree char *added = g_strdup_printf(" %s='%s'", name, text);

    if (!attributeFind(edit, element, name, &span, &last))
        replace(edit, last, last, added);
}

void
vmcXmlEditAttributeRemove(vmcXmlEdit *edit, xmlNodePtr element, const char *name)
{
    attributeSpan span;
    size_t last;

    if (attributeFind(edit, element, name, &span, &last))
        replace(edit, span.begin, span.valueEnd + 1, "");
}
