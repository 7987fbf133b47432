/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unix sockets: addresses from paths, dialling and binding, and descriptors that
 * are passed beside bytes. Descriptors that come out of here are close-on-exec.
 * What fails returns -1 with errno; only an address also reports an error, since
 * its caller could not say the limit.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* Bytes of a unix socket's path, at most. */
#define VMC_SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* Descriptors beside the bytes of one call, at most. */
#define VMC_SOCKET_FDS_MAX 32

/* vmcSocketIs: whether @fd is a socket, of whatever kind. */
bool vmcSocketIs(int fd);

/*
 * vmcSocketAddress: fills in the unix address of @path. Returns 0, or -1 with an
 * error and ENAMETOOLONG when @path has more than VMC_SOCKET_PATH_MAX bytes.
 */
int vmcSocketAddress(struct sockaddr_un *address, const char *path);

/*
 * vmcSocketConnect:
 * A stream socket that is connected to @address. @flags are of socket(2):
 * with SOCK_NONBLOCK it fails with EAGAIN while the listener's backlog is full;
 * without, it waits for at most @seconds (0: as long as it takes), which then is
 * the limit of each send too.
 */
int vmcSocketConnect(const struct sockaddr_un *address, int flags, unsigned int seconds);

/*
 * vmcSocketBind: a stream socket at @address, on which nobody listens yet, and which
 * has the permissions @mode from its first moment, whatever the umask is. The umask is
 * the process's: no other thread may create a file meanwhile.
 */
int vmcSocketBind(const struct sockaddr_un *address, int flags, mode_t mode);

/*
 * vmcSocketSend:
 * Sends what @fd takes now of the @len bytes, with all of the @nfds descriptors
 * beside the first byte. They stay the caller's. Never waits, raises no SIGPIPE.
 * Returns the number of bytes.
 */
ssize_t vmcSocketSend(int fd, const void *bytes, size_t len, const int *fds, unsigned int nfds);

/*
 * vmcSocketReceive:
 * Receives what is there now, without waiting: at most @size bytes, and the
 * descriptors beside them, which are the caller's: *@nfds says how many @fds has
 * room for, and then how many came. None come when there were more, or when this
 * process has no room for all. With @nfds NULL the kernel drops any.
 * Returns the number of bytes, 0 at the end. A message that is longer than @size
 * is lost, with its descriptors: EMSGSIZE.
 */
ssize_t vmcSocketReceive(int fd, void *bytes, size_t size, int *fds, unsigned int *nfds);
