/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every reader and writer of XML here needs: a bounded parse, elements
 * and attributes by name, and output in libvirt's manner. Knows no element by
 * name.
 *
 * Pure: opens nothing, starts nothing, loads no DTD and no entity.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <libxml/tree.h>

/* libvirt's own limit for a string on the wire. */
#define VMC_XML_MAX (4 * 1024 * 1024)

/* Of one element: some hundred times what libvirt ever writes. */
#define VMC_XML_ATTRIBUTES_MAX 4096

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/*
 * vmcXmlParse:
 * Returns the document, which the caller frees with xmlFreeDoc(), or NULL with
 * an error that names the line. Refuses a document type declaration.
 */
xmlDocPtr vmcXmlParse(const char *xml);

/* vmcXmlFirst, vmcXmlNext: the element children of @parent, or NULL. */
xmlNodePtr vmcXmlFirst(xmlNodePtr parent);
xmlNodePtr vmcXmlNext(xmlNodePtr element);

/* vmcXmlIs: whether @node is an element @name in no namespace. */
bool vmcXmlIs(xmlNodePtr node, const char *name);

/* vmcXmlIsNs: the same in the namespace @uri. */
bool vmcXmlIsNs(xmlNodePtr node, const char *uri, const char *name);

/* vmcXmlChild: the first child element @name in no namespace, or NULL. */
xmlNodePtr vmcXmlChild(xmlNodePtr parent, const char *name);

/*
 * vmcXmlAttribute:
 * Returns the value of the attribute @name in no namespace, which the caller
 * frees, or NULL. @node may be NULL.
 */
char *vmcXmlAttribute(xmlNodePtr node, const char *name);

/* vmcXmlAttributeIs: whether @node, which may be NULL, has that attribute with that value. */
bool vmcXmlAttributeIs(xmlNodePtr node, const char *name, const char *value);

/*
 * vmcXmlUnknownAttribute:
 * Returns the name of an attribute of @node, which may be NULL, other than @first and
 * @second; NULL: there is none.
 */
const char *vmcXmlUnknownAttribute(xmlNodePtr node, const char *first, const char *second);

/* vmcXmlRemove: takes @node out of its document and frees it. */
void vmcXmlRemove(xmlNodePtr node);

/* vmcXmlText: returns the text inside @node, which the caller frees. */
char *vmcXmlText(xmlNodePtr node);

/*
 * vmcXmlEscape:
 * Appends @text so that it may stand in text or in an attribute. With @ascii,
 * everything else is a character reference, for documents in other encodings.
 */
void vmcXmlEscape(GString *out, const char *text, bool ascii);

/*
 * vmcXmlFormat:
 * Appends @element in libvirt's manner: single quotes, children on lines of
 * their own, two spaces deeper than @indent. The first line gets no
 * indentation and the last no line end.
 */
void vmcXmlFormat(GString *out, xmlNodePtr element, const char *indent, bool ascii);
