/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our part of a document by our schema, where a client asks for validation.
 * The rest is the daemon's, who gets it without ours.
 */
#pragma once

/*
 * vmcValidateOurs:
 * Checks each channel and each NIC for channels in the domains of @xml by the
 * grammar in @schemaDir, which is read only when there is one. Returns 0, or
 * -1 with an error. A document that cannot be read is left to whoever parses it.
 */
int vmcValidateOurs(const char *xml, const char *schemaDir);
