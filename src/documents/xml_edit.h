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

#include <glib.h>
#include <libxml/tree.h>

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

/* vmcXmlEditAscii: whether inserted text must be ASCII (see vmcXmlEscape). */
bool vmcXmlEditAscii(const vmcXmlEdit *edit);

/*
 * vmcXmlEditIndent:
 * Returns the white space in front of @element when it begins a line, else "".
 * The caller frees it.
 */
char *vmcXmlEditIndent(const vmcXmlEdit *edit, xmlNodePtr element);

/* vmcXmlEditRemove: takes @element out, with the white space of its line. */
void vmcXmlEditRemove(vmcXmlEdit *edit, xmlNodePtr element);

/*
 * vmcXmlElement:
 * Returns a new element with these attributes, each a name and its value, and
 * NULL at the end. The caller frees it, or gives it away. @ns is borrowed.
 */
xmlNodePtr vmcXmlElement(xmlNsPtr ns, const char *name, ...) G_GNUC_NULL_TERMINATED;

/*
 * vmcXmlEditInsertNode:
 * Puts @node, which is freed here, behind @after, a child of @parent; first in
 * @parent when @after is NULL. It is indented as what stands there, and gets a
 * line of its own when that has one. Of two at the same place, the one that was
 * inserted earlier comes first.
 */
void vmcXmlEditInsertNode(vmcXmlEdit *edit, xmlNodePtr parent, xmlNodePtr after, xmlNodePtr node);

/*
 * vmcXmlEditInsertAfter, vmcXmlEditInsertFirst:
 * The same with @text, an element whose later lines are indented already.
 */
void vmcXmlEditInsertAfter(vmcXmlEdit *edit, xmlNodePtr sibling, const char *text);
void vmcXmlEditInsertFirst(vmcXmlEdit *edit, xmlNodePtr parent, const char *text);

/*
 * vmcXmlEditContent: replaces all that is in @element, which may have been
 * written empty, by @text.
 */
void vmcXmlEditContent(vmcXmlEdit *edit, xmlNodePtr element, const char *text);

/*
 * vmcXmlEditPrepend, vmcXmlEditUnprepend:
 * Put @text in front of the text in @element, behind its leading white space;
 * take it away again. Both return false, and do nothing, when what stands
 * there is not plain text, or not that text.
 */
bool vmcXmlEditPrepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text);
bool vmcXmlEditUnprepend(vmcXmlEdit *edit, xmlNodePtr element, const char *text);

/* vmcXmlEditAttribute: replaces the value of an attribute that is there. */
void vmcXmlEditAttribute(vmcXmlEdit *edit, xmlNodePtr element, const char *name,
                         const char *value);

/* vmcXmlEditAttributeAdd, Remove: name as it is written, prefix and all. */
void vmcXmlEditAttributeAdd(vmcXmlEdit *edit, xmlNodePtr element, const char *name,
                            const char *value);
void vmcXmlEditAttributeRemove(vmcXmlEdit *edit, xmlNodePtr element, const char *name);
