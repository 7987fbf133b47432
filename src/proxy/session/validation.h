/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a client asks for validation: the channels of a document, and the NIC
 * that carries them, against the grammar of docs/schemas. The daemon, which gets
 * the stock form, validates the rest.
 */
#pragma once

/*
 * vmcValidateChannels:
 * Checks each channel and each NIC for channels in the domains of @xml by the
 * grammar in @schemaDir, which is read only when there is one. Returns 0, or
 * -1 with an error. A document that cannot be read is left to whoever parses it.
 */
int vmcValidateChannels(const char *xml, const char *schemaDir);
