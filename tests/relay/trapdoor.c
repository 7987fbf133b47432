/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In the place of the relay's link.c, for tests only: a worker that does what a
 * frame tells it, as one would that a guest has taken over. All else is as in
 * link.c, which is included.
 */
/* The real one, by another name. */
#define vmcLinkReceive vmcLinkReceivePlain
#include "relay/process/link.c"
#undef vmcLinkReceive

int vmcLinkReceive(int fd, vmcLinkFrame frames[VMC_LINK_FRAMES], bool hungUp);

#include <arpa/inet.h>
#include <fcntl.h>
#include <locale.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "relay/process/child.h"
#include "relay/process/ipc.h"
#include "tests/relay/trapdoor.h"

#define TOO_MANY 1100

static void
tryOpen(void)
{
    open("/tmp/" TRAPDOOR_FILE, O_WRONLY | O_CREAT, 0600);
}

/* What fails in a confined process may be reported, though nobody hears it. */
static void
tryReport(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    vmcReportSystemError(EPERM, "an error of a confined process");
}

static void
trySocket(void)
{
    socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
tryConnect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/none" };

    connect(VMC_CHILD_MAILBOX, (struct sockaddr *)&address, sizeof(address));
}

static void
tryExecve(void)
{
    char *const argv[] = { (char *)"touch", (char *)"/tmp/" TRAPDOOR_FILE, NULL };

    execve("/usr/bin/touch", argv, NULL);
}

static void
tryFork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void
tryPtrace(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
trySendmsg(void)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { .space = { 0 } };
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    int fd = VMC_CHILD_LINK;

    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
    sendmsg(VMC_CHILD_LINK, &message, 0);
}

/* A file's O_APPEND, if the worker had one. */
static void
tryFcntl(void)
{
    fcntl(VMC_CHILD_MAILBOX, F_SETFL, 0);
}

static void
tryIoctl(void)
{
    ioctl(VMC_CHILD_MAILBOX, TIOCSTI, "x");
}

static void
trySetsockopt(void)
{
    int on = 1;

    setsockopt(VMC_CHILD_MAILBOX, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

static void
tryMmap(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
tryKill(void)
{
    kill(1, 0);
}

static void
say(const vmcIpcMessage *message, size_t len)
{
    send(VMC_CHILD_MAILBOX, message, len, MSG_NOSIGNAL);
}

/* As the worker would ask for the first channel. */
static vmcIpcMessage
question(uint32_t id)
{
    vmcIpcMessage message = {
        .type = VMC_IPC_WORKER_OPEN, .id = id, .port = 600, .peer = 1, .peerPort = 1,
        .address = inet_addr("10.0.2.4"),
    };

    return message;
}

static void
askNoChannel(void)
{
    vmcIpcMessage message = question(1u << 30);

    message.channel = 77;
    say(&message, sizeof(message));
}

static void
askOtherPort(void)
{
    vmcIpcMessage message = question(1u << 30);

    message.port = 22;
    say(&message, sizeof(message));
}

static void
askTooOften(void)
{
    for (uint32_t i = 0; i < TOO_MANY; i++) {
        vmcIpcMessage message = question((1u << 30) + i);

        say(&message, sizeof(message));
    }
}

static void
askTwice(void)
{
    vmcIpcMessage message = question(1u << 30);

    say(&message, sizeof(message));
    say(&message, sizeof(message));
}

static void
askShort(void)
{
    vmcIpcMessage message = question(1u << 30);

    say(&message, sizeof(message) - 1);
}

static void
askGarbage(void)
{
    vmcIpcMessage message;

    memset(&message, 0xa5, sizeof(message));
    say(&message, sizeof(message));
}

static void
askCloseUnknown(void)
{
    vmcIpcMessage message = { .type = VMC_IPC_WORKER_CLOSE, .id = 1u << 30 };

    say(&message, sizeof(message));
}

static void
askRemoved(void)
{
    vmcIpcMessage message = { .type = VMC_IPC_WORKER_REMOVED };

    say(&message, sizeof(message));
}

static void
askBrokers(void)
{
    vmcIpcMessage message = { .type = VMC_IPC_BROKER_SERVE };

    say(&message, sizeof(message));
}

/* It lives on, but the broker hears no more of it. */
static void
tryHangUp(void)
{
    close(VMC_CHILD_MAILBOX);
}

static void
tryNothing(void)
{
}

static void
tryExit(void)
{
    _exit(0);
}

static const struct {
    const char *command;
    void (*run)(void);
} rows[] = {
    { "open", tryOpen },
    { "report", tryReport },
    { "socket", trySocket },
    { "connect", tryConnect },
    { "execve", tryExecve },
    { "fork", tryFork },
    { "ptrace", tryPtrace },
    { "sendmsg", trySendmsg },
    { "fcntl", tryFcntl },
    { "ioctl", tryIoctl },
    { "setsockopt", trySetsockopt },
    { "mmap-exec", tryMmap },
    { "kill", tryKill },
    { "message-no-channel", askNoChannel },
    { "message-other-port", askOtherPort },
    { "message-too-often", askTooOften },
    { "message-twice", askTwice },
    { "message-short", askShort },
    { "message-garbage", askGarbage },
    { "message-close-unknown", askCloseUnknown },
    { "message-removed", askRemoved },
    { "message-of-the-broker", askBrokers },
    { "hang-up", tryHangUp },
    { "nothing", tryNothing },
    { "exit", tryExit },
};

static bool
isCommand(const char *frame, size_t len, const char *command)
{
    const char *prefix = TRAPDOOR_PREFIX;

    return len == strlen(prefix) + strlen(command) && memcmp(frame, prefix, strlen(prefix)) == 0 &&
        memcmp(frame + strlen(prefix), command, strlen(command)) == 0;
}

int
vmcLinkReceive(int fd, vmcLinkFrame frames[VMC_LINK_FRAMES], bool hungUp)
{
    int n = vmcLinkReceivePlain(fd, frames, hungUp);

    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
            if (isCommand((const char *)frames[i].bytes, frames[i].len, rows[j].command))
                rows[j].run();
        }
    }
    return n;
}
