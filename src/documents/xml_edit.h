/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of an XML document as text: libxml2 says what the elements are, a
 * small scanner says where each stands in the bytes, and a list of edits is
 * applied to those bytes. Whatever is not edited stays as it was: comments,
 * CDATA, quotes, white space, entities. Knows no element by name.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>
#include <libxml/tree.h>

/* Where an element stands, as offsets into the document. */
typedef struct {
    size_t begin;               /* its first '<' */
    size_t content;             /* behind its start tag */
    size_t contentEnd;          /* at its end tag; content itself when it is empty */
    size_t end;                 /* behind it */
    bool empty;                 /* written "<a/>" */
} vmcXmlSpan;

typedef struct vmcXmlEdit vmcXmlEdit;

/*
 * vmcXmlEditNew:
 * Starts to edit @xml, of which @doc is the parsed form; both must outlive the
 * edit, and @doc's nodes lend their _private to it. Returns NULL with an error
 * for an encoding in which bytes of markup can be parts of other characters.
 */
vmcXmlEdit *vmcXmlEditNew(const char *xml, xmlDocPtr doc);
void vmcXmlEditFree(vmcXmlEdit *edit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcXmlEdit, vmcXmlEditFree)

/* vmcXmlEditFinish: returns the edited document, which the caller frees. */
char *vmcXmlEditFinish(vmcXmlEdit *edit);

/*
 * vmcXmlEditAscii:
 * Whether what is inserted must be ASCII (see vmcXmlEscape).
 */
bool vmcXmlEditAscii(const vmcXmlEdit *edit);

/* vmcXmlEditSpan: where @element stands. */
const vmcXmlSpan *vmcXmlEditSpan(const vmcXmlEdit *edit, xmlNodePtr element);

/*
 * vmcXmlEditIndent:
 * Returns the white space in front of @element when it begins a line, else "".
 * The caller frees it.
 */
char *vmcXmlEditIndent(const vmcXmlEdit *edit, xmlNodePtr element);

/* vmcXmlEditRemove: takes @element out, with the white space of its line. */
void vmcXmlEditRemove(vmcXmlEdit *edit, xmlNodePtr element);

/*
 * vmcXmlEditInsertAfter, vmcXmlEditInsertBefore:
 * Put @text, an element whose later lines are indented already, next to
 * @sibling, on a line of its own when the sibling has one.
 */
void vmcXmlEditInsertAfter(vmcXmlEdit *edit, xmlNodePtr sibling, const char *text);
void vmcXmlEditInsertBefore(vmcXmlEdit *edit, xmlNodePtr sibling, const char *text);

/*
 * vmcXmlEditInsertFirst:
 * Makes @text the first thing in @parent, which may have been written empty.
 * Only once for the same parent.
 */
void vmcXmlEditInsertFirst(vmcXmlEdit *edit, xmlNodePtr parent, const char *text);

/* vmcXmlEditContent: replaces all that is in @element, which may have been written empty. */
void vmcXmlEditContent(vmcXmlEdit *edit, xmlNodePtr element, const char *text);

/*
 * vmcXmlEditPrepend, vmcXmlEditUnprepend:
 * Put @text in front of the text in @element, behind its leading white space;
 * take it away again. Both return false, and do nothing, when what stands
 * there is not plain text, or not that text.
 */
bool vmcXmlEditPrepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text);
bool vmcXmlEditUnprepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text);

/* vmcXmlEditBytes: replaces the bytes from @begin to @end, which are as they stand. */
void vmcXmlEditBytes(vmcXmlEdit *edit, size_t begin, size_t end, const char *text);

/* vmcXmlEditAttribute: replaces the value of an attribute that is there. */
void vmcXmlEditAttribute(vmcXmlEdit *edit, xmlNodePtr element, const char *name,
                         const char *value);

/* vmcXmlEditAttributeAdd, Remove: name as it is written, prefix and all. */
void vmcXmlEditAttributeAdd(vmcXmlEdit *edit, xmlNodePtr element, const char *name,
                            const char *value);
void vmcXmlEditAttributeRemove(vmcXmlEdit *edit, xmlNodePtr element, const char *name);
