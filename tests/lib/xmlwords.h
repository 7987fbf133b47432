/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What libxml2 says of a document that is not well-formed. Our message hands its
 * words to the user, and they differ between its versions: expectations hold
 * those of libxml2 2.9.
 */
#pragma once

#include <stdbool.h>

/*
 * testXmlNewWords:
 * Whether the last error is our message with exactly the line and the words that
 * the installed libxml2 has for @xml, and this libxml2 is one later than the
 * expectations. False where it is not, and for a @xml that it accepts.
 */
bool testXmlNewWords(const char *xml);
