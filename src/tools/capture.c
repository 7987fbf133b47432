/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * virt-vmchannel capture: the frames between a guest and its relay as a pcap
 * file. The relay sends them over a socket of their own; the file is written
 * here, with the rights of whoever asked. A frame's bytes are the guest's, and
 * its header may be wrong: a worker that the guest has taken over may have written it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/capture.h"
#include "tools/command.h"
#include "tools/connection.h"
#include "util/error.h"
#include "util/fd.h"

#define VMC_FROM_THIS VIR_FROM_NONE

static const GOptionEntry options[] = {
    VMC_TOOL_CONNECT_OPTION,
    G_OPTION_ENTRY_NULL
};

/* A pcap file in host byte order, which its magic number tells. */
typedef struct {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy;
    uint32_t frameMax;
    uint32_t linkType;
} pcapHeader;

typedef struct {
    uint32_t seconds, microseconds;
    uint32_t captured, len;
} pcapRecord;

#define PCAP_MAGIC 0xa1b2c3d4
#define PCAP_ETHERNET 1

typedef struct {
    FILE *file;
    uint64_t frames;
    uint64_t lost;
} pcap;

static int
openFile(pcap *out, const char *path)
{
    static const pcapHeader header = {
        .magic = PCAP_MAGIC, .major = 2, .minor = 4, .frameMax = VMC_CAPTURE_FRAME_MAX,
        .linkType = PCAP_ETHERNET,
    };
    int fd = g_str_equal(path, "-") ? dup(STDOUT_FILENO)
        : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    out->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out->file && fwrite(&header, sizeof(header), 1, out->file) == 1 &&
        fflush(out->file) == 0)
        return 0;
    vmcReportSystemError(errno, "cannot write '%s'", path);
    return -1;
}

/* Writes one packet of the relay's. False with an error. */
static bool
writeFrame(pcap *out, const uint8_t *packet, size_t len)
{
    vmcCaptureHeader header;
    pcapRecord record;

    if (len < sizeof(header) || len > sizeof(header) + VMC_CAPTURE_FRAME_MAX) {
        vmcReportError(VIR_ERR_OPERATION_FAILED, "%s", "the relay sends no frames");
        return false;
    }
    memcpy(&header, packet, sizeof(header));
    len -= sizeof(header);
    record = (pcapRecord){ header.seconds, header.microseconds, (uint32_t)len, (uint32_t)len };
    out->frames++;
    out->lost += header.lost;
    if (fwrite(&record, sizeof(record), 1, out->file) == 1 &&
        fwrite(packet + sizeof(header), 1, len, out->file) == len)
        return true;
    vmcReportSystemError(errno, "cannot write the capture");
    return false;
}

/* Writes what has come. 1: there may be more later; 0: the relay has ended; -1: an error. */
static int
drain(pcap *out, int socket)
{
    static uint8_t packet[sizeof(vmcCaptureHeader) + VMC_CAPTURE_FRAME_MAX];
    ssize_t n;

    while ((n = recv(socket, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
        if (!writeFrame(out, packet, (size_t)n))
            return -1;
    }
    /* So who reads the file while it grows sees whole frames only. */
    if (fflush(out->file) != 0) {
        vmcReportSystemError(errno, "cannot write the capture");
        return -1;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Writes frames until the relay ends or a signal comes. */
static int
follow(pcap *out, int socket, int signals)
{
    struct pollfd fds[] = { { socket, POLLIN, 0 }, { signals, POLLIN, 0 } };
    int more = 1;

    while (more > 0) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR) {
            vmcReportSystemError(errno, "cannot wait for frames");
            return -1;
        }
        more = drain(out, socket);
        if (fds[1].revents != 0)
            break;
    }
    return MIN(more, 0);
}

/* Returns the socket that the frames come from, or -1 with an error. */
static int
askForFrames(vmcControlClient *client)
{
    int socket = -1;
    g_autoptr(vmcJson) answer = vmcControlClientExecute(client, "vmchannel-capture", NULL, &socket);

    if (answer && socket < 0)
        vmcReportError(VIR_ERR_OPERATION_FAILED, "%s", "the relay sends no socket for the frames");
    return socket;
}

static int
capture(const char *const *args)
{
    int signals = vmcToolWatchSignals();
    g_autoptr(vmcControlClient) client = vmcToolControl(args[0]);
    pcap out = { .file = NULL };
    int socket = client ? askForFrames(client) : -1;
    int rc = -1;

    if (socket >= 0 && openFile(&out, args[1]) == 0)
        rc = follow(&out, socket, signals);
    vmcFdClose(&socket);
    vmcFdClose(&signals);
    if (out.file && fclose(out.file) != 0 && rc == 0) {
        vmcReportSystemError(errno, "cannot write '%s'", args[1]);
        rc = -1;
    }
    if (rc < 0)
        return vmcToolFail();
    fprintf(stderr, "virt-vmchannel: %" G_GUINT64_FORMAT " frames captured, %" G_GUINT64_FORMAT
            " lost\n", (guint64)out.frames, (guint64)out.lost);
    return EXIT_SUCCESS;
}

const vmcCommand vmcCommandCapture = {
    .name = "capture",
    .arguments = "DOMAIN FILE",
    .summary = "Write a running domain's frames to a pcap file",
    .description =
        VMC_TOOL_CONTROL_DOMAIN
        "FILE gets what passes between the guest and its channels, both ways, until the\n"
        "domain ends or this program is interrupted (Ctrl-C); - is standard output, for\n"
        "'tshark -r -'. Frames that come faster than they are written are lost, and\n"
        "counted: the guest is never slowed down.",
    .run = capture,
    .options = options,
    .minArgs = 2,
    .maxArgs = 2,
};
