/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The folder of sockets of running guests: see rundir.h. */
#include <config.h>

#include "util/rundir.h"

#include <glib.h>
#include <unistd.h>

#define FOLDER "vmchannel"

const char *
vmcRunDirSystem(void)
{
    return "/run/" FOLDER;
}

char *
vmcRunDirOwn(void)
{
    const char *given = g_getenv("XDG_RUNTIME_DIR");
    g_autofree char *user = g_strdup_printf("/run/user/%u", (unsigned int)geteuid());

    if (given && g_path_is_absolute(given))
        return g_build_filename(given, FOLDER, NULL);
    if (geteuid() != 0 && g_file_test(user, G_FILE_TEST_IS_DIR))
        return g_build_filename(user, FOLDER, NULL);
    return g_strdup(vmcRunDirSystem());
}
