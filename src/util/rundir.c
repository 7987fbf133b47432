/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of sockets of running guests: see rundir.h. */
#include <config.h>

#include "util/rundir.h"

#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "vmchannel"
#define HASH_DIGITS 16

const char *
vmcRunDirSystem(void)
{
    return "/run/" FOLDER;
}

char *
vmcRunDirUser(void)
{
    const char *given = g_getenv("XDG_RUNTIME_DIR");
    g_autofree char *usual = g_strdup_printf("/run/user/%u", (unsigned int)geteuid());
    struct stat info;

    if (given && g_path_is_absolute(given))
        return g_strdup(given);
    if (geteuid() != 0 && stat(usual, &info) == 0 && S_ISDIR(info.st_mode) &&
        info.st_uid == geteuid())
        return g_steal_pointer(&usual);
    return NULL;
}

char *
vmcRunDirOwn(void)
{
    g_autofree char *user = vmcRunDirUser();

    return user ? g_build_filename(user, FOLDER, NULL) : g_strdup(vmcRunDirSystem());
}

char *
vmcRunDirName(const char *guest)
{
    size_t len = MIN(strlen(guest), VMC_RUN_DIR_NAME_MAX - HASH_DIGITS - 1);
    g_autofree char *start = NULL;
    g_autofree char *hash = NULL;

    if (strlen(guest) <= VMC_RUN_DIR_NAME_MAX && !strchr(guest, '/'))
        return g_strdup(guest);
    /* No part of a character in UTF-8. */
    while (len > 0 && ((unsigned char)guest[len] & 0xc0) == 0x80)
        len--;
    start = g_strndup(guest, len);
    hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, guest, -1);
    return g_strdup_printf("%s-%.*s", g_strdelimit(start, "/", '_'), HASH_DIGITS, hash);
}
