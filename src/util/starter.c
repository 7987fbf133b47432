/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a starter has left odd is made usual: see starter.h. */
#include <config.h>

#include "util/starter.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "util/fd.h"

void
vmcStarterForget(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    vmcFdClose(&fd);
    signal(SIGCHLD, SIG_DFL);
}
