/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors with an owner: see fd.h. */
#include <config.h>

#include "util/fd.h"

#include <errno.h>
#include <unistd.h>

void
vmcFdClose(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int
vmcFdSteal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}
