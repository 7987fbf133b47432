/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of an XML document as text: see xml_edit.h. The scanner is only ever
 * run over what libxml2 has accepted as well-formed and without a document
 * type declaration; that keeps it this small.
 */
#include <config.h>

#include "documents/xml_edit.h"

#include <string.h>

#include "conf/xml.h"
#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_XML

typedef struct {
    size_t begin;
    size_t end;
    char *text;
    guint order;                /* of two at one place, the earlier made comes first */
} edit;

struct vmcXmlEdit {
    const char *xml;
    const char *newline;
    bool ascii;
    GArray *spans;              /* vmcXmlSpan, in document order; nodes point into it */
    GArray *edits;
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
            vmcXmlSpan *span;

            if (open->len == 0)
                return false;
            span = &g_array_index(spans, vmcXmlSpan, g_array_index(open, guint, open->len - 1));
            g_array_set_size(open, open->len - 1);
            span->contentEnd = (size_t)(tag - xml);
            span->end = (size_t)(next - xml);
        } else if (!special) {
            vmcXmlSpan span = {
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
        vmcXmlSpan *span = i < spans->len ? &g_array_index(spans, vmcXmlSpan, i) : NULL;

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
    g_autoptr(vmcXmlEdit) self = g_new0(vmcXmlEdit, 1);
    const char *encoding = doc->encoding ? (const char *)doc->encoding : "UTF-8";
    const char *line = strchr(xml, '\n');

    self->xml = xml;
    self->newline = line && line > xml && line[-1] == '\r' ? "\r\n" : "\n";
    self->ascii = g_ascii_strcasecmp(encoding, "UTF-8") != 0;
    self->spans = g_array_new(FALSE, FALSE, sizeof(vmcXmlSpan));
    self->edits = g_array_new(FALSE, FALSE, sizeof(edit));
    if (!isAsciiCompatible(encoding)) {
        vmcReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       "encoding '%s' of a document with channels: expected UTF-8, US-ASCII, ISO-8859 or Windows-125x",
                       encoding);
        return NULL;
    }
    if (!scan(xml, self->spans) || !pair(xml, doc, self->spans)) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "the document's elements cannot be located");
        return NULL;
    }
    return g_steal_pointer(&self);
}

void
vmcXmlEditFree(vmcXmlEdit *self)
{
    if (!self)
        return;
    for (guint i = 0; i < self->edits->len; i++)
        g_free(g_array_index(self->edits, edit, i).text);
    g_array_unref(self->edits);
    g_array_unref(self->spans);
    g_free(self);
}

bool
vmcXmlEditAscii(const vmcXmlEdit *self)
{
    return self->ascii;
}

const vmcXmlSpan *
vmcXmlEditSpan(const vmcXmlEdit *self G_GNUC_UNUSED, xmlNodePtr element)
{
    return element->_private;
}

/* By place; an insertion before a replacement that begins there. */
static gint
compareEdits(gconstpointer left, gconstpointer right)
{
    const edit *a = left;
    const edit *b = right;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if ((a->begin == a->end) != (b->begin == b->end))
        return a->begin == a->end ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

char *
vmcXmlEditFinish(vmcXmlEdit *self)
{
    GString *out = g_string_new(NULL);
    size_t at = 0;

    g_array_sort(self->edits, compareEdits);
    for (guint i = 0; i < self->edits->len; i++) {
        const edit *one = &g_array_index(self->edits, edit, i);

        g_string_append_len(out, self->xml + at, (gssize)(one->begin - at));
        g_string_append(out, one->text);
        at = one->end;
    }
    g_string_append(out, self->xml + at);
    return g_string_free(out, FALSE);
}

void
vmcXmlEditBytes(vmcXmlEdit *self, size_t begin, size_t end, const char *text)
{
    edit one = { begin, end, g_strdup(text), self->edits->len };

    g_array_append_val(self->edits, one);
}

/* Where the white space in front of @element begins, its line's end included. */
static size_t
lineBegin(const vmcXmlEdit *self, xmlNodePtr element)
{
    size_t begin = vmcXmlEditSpan(self, element)->begin;
    size_t at = begin;

    while (at > 0 && (self->xml[at - 1] == ' ' || self->xml[at - 1] == '\t'))
        at--;
    if (at == 0 || self->xml[at - 1] != '\n')
        return begin;
    at--;
    return at > 0 && self->xml[at - 1] == '\r' ? at - 1 : at;
}

/* The white space in front of @element, line end included; "" inside a line. */
static char *
lead(const vmcXmlEdit *self, xmlNodePtr element)
{
    size_t begin = lineBegin(self, element);

    return g_strndup(self->xml + begin, vmcXmlEditSpan(self, element)->begin - begin);
}

char *
vmcXmlEditIndent(const vmcXmlEdit *self, xmlNodePtr element)
{
    g_autofree char *white = lead(self, element);

    return g_strdup(white + strspn(white, "\r\n"));
}

void
vmcXmlEditRemove(vmcXmlEdit *self, xmlNodePtr element)
{
    vmcXmlEditBytes(self, lineBegin(self, element), vmcXmlEditSpan(self, element)->end, "");
}

/* @text with the document's own line ends. */
static char *
withNewlines(const vmcXmlEdit *self, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

    return g_strjoinv(self->newline, lines);
}

void
vmcXmlEditInsertAfter(vmcXmlEdit *self, xmlNodePtr sibling, const char *text)
{
    size_t at = vmcXmlEditSpan(self, sibling)->end;
    g_autofree char *white = lead(self, sibling);
    g_autofree char *lines = withNewlines(self, text);
    g_autofree char *all = g_strconcat(white, lines, NULL);

    vmcXmlEditBytes(self, at, at, all);
}

void
vmcXmlEditInsertBefore(vmcXmlEdit *self, xmlNodePtr sibling, const char *text)
{
    size_t at = lineBegin(self, sibling);
    g_autofree char *white = lead(self, sibling);
    g_autofree char *lines = withNewlines(self, text);
    g_autofree char *all = g_strconcat(white, lines, NULL);

    vmcXmlEditBytes(self, at, at, all);
}

/* The name of @element as it is written. */
static char *
writtenName(const vmcXmlEdit *self, xmlNodePtr element)
{
    const char *name = self->xml + vmcXmlEditSpan(self, element)->begin + 1;

    return g_strndup(name, strcspn(name, " \t\r\n/>"));
}

void
vmcXmlEditContent(vmcXmlEdit *self, xmlNodePtr element, const char *text)
{
    const vmcXmlSpan *span = vmcXmlEditSpan(self, element);
    g_autofree char *name = writtenName(self, element);
    g_autofree char *whole = g_strdup_printf(">%s</%s>", text, name);

    if (span->empty)
        vmcXmlEditBytes(self, span->content - 2, span->content, whole);
    else
        vmcXmlEditBytes(self, span->content, span->contentEnd, text);
}

static size_t
textBegin(const vmcXmlEdit *self, xmlNodePtr element)
{
    size_t content = vmcXmlEditSpan(self, element)->content;

    return content + strspn(self->xml + content, " \t\r\n");
}

bool
vmcXmlEditPrepend(vmcXmlEdit *self, xmlNodePtr element, const char *text)
{
    size_t at = textBegin(self, element);

    if (strchr("<&", self->xml[at]))
        return false;
    vmcXmlEditBytes(self, at, at, text);
    return true;
}

bool
vmcXmlEditUnprepend(vmcXmlEdit *self, xmlNodePtr element, const char *text)
{
    size_t at = textBegin(self, element);

    if (!g_str_has_prefix(self->xml + at, text))
        return false;
    vmcXmlEditBytes(self, at, at + strlen(text), "");
    return true;
}

void
vmcXmlEditInsertFirst(vmcXmlEdit *self, xmlNodePtr parent, const char *text)
{
    const vmcXmlSpan *span = vmcXmlEditSpan(self, parent);
    xmlNodePtr first = vmcXmlFirst(parent);
    g_autofree char *outer = lead(self, parent);
    g_autofree char *inner = first ? lead(self, first)
                             : *outer || span->begin == 0 ? g_strconcat(*outer ? outer : self->newline, "  ", NULL)
                             : g_strdup("");
    g_autofree char *lines = withNewlines(self, text);
    g_autofree char *all = g_strconcat(inner, lines, span->empty ? outer : "", NULL);

    if (span->empty)
        vmcXmlEditContent(self, parent, all);
    else
        vmcXmlEditBytes(self, span->content, span->content, all);
}

typedef struct {
    size_t begin;               /* the white space before it */
    size_t value;
    size_t valueEnd;
} attributeSpan;

/* Finds the attribute in the start tag; @last gets the end of the last one. */
static bool
attributeFind(const vmcXmlEdit *self, xmlNodePtr element, const char *name, attributeSpan *found,
              size_t *last)
{
    static const char white[] = " \t\r\n";
    const char *at = self->xml + vmcXmlEditSpan(self, element)->begin;

    at += strcspn(at, " \t\r\n/>");
    *last = (size_t)(at - self->xml);
    for (;;) {
        const char *begin = at;
        const char *word = begin + strspn(begin, white);
        size_t length = strcspn(word, " \t\r\n=/>");
        const char *quote;

        if (length == 0)
            return false;
        quote = word + length + strspn(word + length, " \t\r\n=");
        at = strchr(quote + 1, *quote) + 1;
        *last = (size_t)(at - self->xml);
        if (length == strlen(name) && strncmp(word, name, length) == 0) {
            *found = (attributeSpan){
                (size_t)(begin - self->xml), (size_t)(quote + 1 - self->xml), *last - 1,
            };
            return true;
        }
    }
}

void
vmcXmlEditAttribute(vmcXmlEdit *self, xmlNodePtr element, const char *name, const char *value)
{
    attributeSpan span;
    size_t last;
    g_autoptr(GString) escaped = g_string_new(NULL);

    vmcXmlEscape(escaped, value, self->ascii);
    if (attributeFind(self, element, name, &span, &last))
        vmcXmlEditBytes(self, span.value, span.valueEnd, escaped->str);
}

void
vmcXmlEditAttributeAdd(vmcXmlEdit *self, xmlNodePtr element, const char *name, const char *value)
{
    attributeSpan span;
    size_t last;
    g_autoptr(GString) added = g_string_new(NULL);

    g_string_append_printf(added, " %s='", name);
    vmcXmlEscape(added, value, self->ascii);
    g_string_append_c(added, '\'');
    if (!attributeFind(self, element, name, &span, &last))
        vmcXmlEditBytes(self, last, last, added->str);
}

void
vmcXmlEditAttributeRemove(vmcXmlEdit *self, xmlNodePtr element, const char *name)
{
    attributeSpan span;
    size_t last;

    if (attributeFind(self, element, name, &span, &last))
        vmcXmlEditBytes(self, span.begin, span.valueEnd + 1, "");
}
