/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the proxy has to know about documents beside their rewriting: whether a
 * domain leaves its emulator to the daemon, and what the daemon's domain
 * capabilities say and should say.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* What a domain says of the machine that it wants; absent ones are NULL. */
typedef struct {
    char *virtType;
    char *arch;
    char *machine;
} vmcEmulatorQuery;

/* vmcEmulatorQueryClear: frees what it owns; usable with g_auto. */
static inline void
vmcEmulatorQueryClear(vmcEmulatorQuery *query)
{
    g_free(query->virtType);
    g_free(query->arch);
    g_free(query->machine);
    *query = (vmcEmulatorQuery){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(vmcEmulatorQuery, vmcEmulatorQueryClear)

/*
 * vmcDocumentWantsEmulator:
 * Whether @xml holds a domain with channels that names no emulator. If so,
 * @query, which must be empty, says which one would do.
 */
bool vmcDocumentWantsEmulator(const char *xml, vmcEmulatorQuery *query);

/*
 * vmcCapabilitiesEmulator:
 * Returns the emulator that domain capabilities are about, which the caller
 * frees, or NULL with an error.
 */
char *vmcCapabilitiesEmulator(const char *capabilities);

/*
 * vmcCapabilitiesAnnounce:
 * Returns @capabilities with our device in them when they are about a QEMU,
 * else a copy. The caller frees it.
 */
char *vmcCapabilitiesAnnounce(const char *capabilities);
