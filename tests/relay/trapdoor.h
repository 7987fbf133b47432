/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the worker with the trapdoor does when a frame says so: see trapdoor.c. */
#pragma once

#define TRAPDOOR_PREFIX "trapdoor "

/* Under /tmp: there only if one of them came through. */
#define TRAPDOOR_FILE "vmchannel-trapdoor"

/* They bring nothing, and the worker lives on. */
#define TRAPDOOR_REFUSED {                                              \
    TRAPDOOR_PREFIX "open",                                             \
    TRAPDOOR_PREFIX "report",                                           \
}

/* Each of them must be the worker's last. */
#define TRAPDOOR_COMMANDS {                                             \
    TRAPDOOR_PREFIX "socket",                                           \
    TRAPDOOR_PREFIX "connect",                                          \
    TRAPDOOR_PREFIX "execve",                                           \
    TRAPDOOR_PREFIX "fork",                                             \
    TRAPDOOR_PREFIX "ptrace",                                           \
    TRAPDOOR_PREFIX "sendmsg",                                          \
    TRAPDOOR_PREFIX "fcntl",                                            \
    TRAPDOOR_PREFIX "ioctl",                                            \
    TRAPDOOR_PREFIX "setsockopt",                                       \
    TRAPDOOR_PREFIX "mmap-exec",                                        \
    TRAPDOOR_PREFIX "kill",                                             \
    TRAPDOOR_PREFIX "message-no-channel",                               \
    TRAPDOOR_PREFIX "message-other-port",                               \
    TRAPDOOR_PREFIX "message-too-often",                                \
    TRAPDOOR_PREFIX "message-twice",                                    \
    TRAPDOOR_PREFIX "message-short",                                    \
    TRAPDOOR_PREFIX "message-garbage",                                  \
    TRAPDOOR_PREFIX "message-close-unknown",                            \
    TRAPDOOR_PREFIX "message-removed",                                  \
    TRAPDOOR_PREFIX "message-of-the-broker",                            \
    TRAPDOOR_PREFIX "hang-up",                                          \
}
