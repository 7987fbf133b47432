/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The link's buffer, on a socket pair of the kernel's: what is refused is not counted as
 * sent, a link that is full of large frames takes small ones, and no frame of the size
 * that it says is refused.
 */
#include <config.h>

#include <fcntl.h>
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process/link.h"

static char bytes[VMC_ENDPOINT_FRAME_MAX];

static void
linkPair(int link[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link), ==, 0);
    g_assert_cmpint(fcntl(link[0], F_SETFL, O_NONBLOCK), ==, 0);
}

static bool
sendLarge(int fd, size_t len)
{
    return vmcLinkSend(fd, &(struct iovec){ bytes, len }, 1);
}

static unsigned int
countFrames(int fd)
{
    static char buffer[VMC_ENDPOINT_FRAME_MAX];
    unsigned int n = 0;

    while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
        n++;
    return n;
}

/* Full of frames of the argument's size. */
static void
testSmallFindRoom(gconstpointer size)
{
    size_t len = GPOINTER_TO_SIZE(size);
    vmcLinkRoom room;
    int link[2];

    linkPair(link);
    vmcLinkDivide(link[0], VMC_LINK_BUFFER, len, &room);
    g_assert_cmpuint(room.frameMax, ==, len);
    for (int round = 0; round < 3; round++) {
        unsigned int sent = 0, answers = 0;

        for (; sendLarge(link[0], len); sent++)
            continue;
        g_test_message("%u frames of %zu bytes", sent, len);
        g_assert_cmpuint(sent, >=, 2);
        while (vmcLinkSendSmall(link[0], &room, &(struct iovec){ bytes, 60 }, 1))
            answers++;
        g_test_message("and %u small ones", answers);
        g_assert_cmpuint(answers, >=, 8);
        g_assert_false(sendLarge(link[0], len));
        g_assert_cmpuint(countFrames(link[1]), ==, sent + answers);
    }
    close(link[0]);
    close(link[1]);
}

/*
 * As with a low net.core.wmem_max: no frame that is said to fit is lost. Two go at once,
 * since a guest is in no hurry to acknowledge one, and small ones find room behind them.
 */
static void
testSmallBuffer(void)
{
    for (int size = 9216; size < 150000; size += 1000) {
        unsigned int sent = 0, answers = 0;
        vmcLinkRoom room;
        int link[2];

        linkPair(link);
        vmcLinkDivide(link[0], size, VMC_ENDPOINT_FRAME_MAX, &room);
        g_assert_cmpuint(room.frameMax, >=, 1514);
        while (sendLarge(link[0], room.frameMax))
            sent++;
        g_assert_cmpuint(sent, >=, 2);
        while (vmcLinkSendSmall(link[0], &room, &(struct iovec){ bytes, 60 }, 1))
            answers++;
        g_assert_cmpuint(answers, >=, 4);
        g_assert_cmpuint(countFrames(link[1]), ==, sent + answers);
        close(link[0]);
        close(link[1]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/link/small-find-room/large", GSIZE_TO_POINTER(VMC_ENDPOINT_FRAME_MAX),
                         testSmallFindRoom);
    g_test_add_data_func("/link/small-find-room/usual", GSIZE_TO_POINTER(1514),
                         testSmallFindRoom);
    g_test_add_func("/link/small-buffer", testSmallBuffer);
    return g_test_run();
}
