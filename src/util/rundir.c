/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of sockets of running guests: see rundir.h. */
#include <config.h>

#include "util/rundir.h"

#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "vmchannel"

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
