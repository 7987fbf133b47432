/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The peer's identity: see identity.h. Whatever cannot be found out or cannot
 * be taken on is an error; nothing falls back to what we were.
 */
#include <config.h>

#include "proxy/wire/identity.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <libvirt/virterror.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/error.h"

#define VMC_FROM_THIS VIR_FROM_RPC

/* The peer's supplementary groups; the caller frees them. NULL with an error. */
static gid_t *
peerGroups(int socket, size_t *n)
{
    socklen_t size = 0;
    g_autofree gid_t *groups = NULL;

    /* Asked with no room, the kernel says how much it takes. */
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
        size = 0;
    else if (errno != ERANGE) {
        vmcReportSystemError(errno, "%s", "cannot get the client's groups");
        return NULL;
    }
    groups = g_malloc0(size + sizeof(gid_t));
    if (size > 0 && getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) {
        vmcReportSystemError(errno, "%s", "cannot get the client's groups");
        return NULL;
    }
    *n = size / sizeof(gid_t);
    return g_steal_pointer(&groups);
}

/* Whether nothing of root is left to go back to. */
static bool
isOnly(const struct ucred *peer)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    return getresuid(&ruid, &euid, &suid) == 0 && getresgid(&rgid, &egid, &sgid) == 0 &&
           ruid == peer->uid && euid == peer->uid && suid == peer->uid &&
           rgid == peer->gid && egid == peer->gid && sgid == peer->gid;
}

static int
take(const struct ucred *peer, const gid_t *groups, size_t n)
{
    if (setgroups(n, groups) < 0 ||
        setresgid(peer->gid, peer->gid, peer->gid) < 0 ||
        setresuid(peer->uid, peer->uid, peer->uid) < 0) {
        vmcReportSystemError(errno, "cannot become user %u", (unsigned int)peer->uid);
        return -1;
    }
    if (!isOnly(peer)) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "did not become user %u",
                       (unsigned int)peer->uid);
        return -1;
    }
    return 0;
}

static int
become(int socket, const struct ucred *peer)
{
    size_t n;
    g_autofree gid_t *groups = peerGroups(socket, &n);

    if (!groups || take(peer, groups, n) < 0)
        return -1;
    /* Our memory holds what was read with these rights only, but had root's before. */
    prctl(PR_SET_DUMPABLE, 0);
    return 0;
}

int
vmcIdentityAdopt(int socket)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    uid_t self = geteuid();

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof(peer) ||
        peer.uid == (uid_t)-1 || peer.gid == (gid_t)-1) {
        vmcReportSystemError(errno, "%s", "cannot find out who the client is");
        return -1;
    }
    if (self == 0)
        return peer.uid == 0 ? 0 : become(socket, &peer);
    if (peer.uid != self && peer.uid != 0) {
        vmcReportError(VIR_ERR_AUTH_FAILED, "user %u may not use the proxy of user %u",
                       (unsigned int)peer.uid, (unsigned int)self);
        return -1;
    }
    return 0;
}

int
vmcIdentityDrop(void)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("nobody") : NULL;
    struct ucred nobody = { .uid = user ? user->pw_uid : 0, .gid = user ? user->pw_gid : 0 };

    if (geteuid() == 0 && (nobody.uid == 0 || nobody.gid == 0)) {
        vmcReportError(VIR_ERR_INTERNAL_ERROR, "%s", "there is no user 'nobody' to become");
        return -1;
    }
    if (user && take(&nobody, NULL, 0) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0) {
        vmcReportSystemError(errno, "%s", "cannot give up privileges");
        return -1;
    }
    return 0;
}
