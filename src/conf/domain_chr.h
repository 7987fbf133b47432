/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices as structs: what <serial>, <parallel>, <console>,
 * <channel> and <vmchannel> have in common, and what a channel adds. Knows no
 * XML and no option strings: conf/domain_conf.h and qemu/qemu_conf.h turn
 * those into these structs and back.
 *
 * Pure: opens nothing, starts nothing.
 */
#pragma once

#include <stdbool.h>

#include "util/enum.h"

/* The element that a character device was written as. */
typedef enum {
    VMC_CHR_DEVICE_SERIAL,
    VMC_CHR_DEVICE_PARALLEL,
    VMC_CHR_DEVICE_CONSOLE,
    VMC_CHR_DEVICE_CHANNEL,
    VMC_CHR_DEVICE_VMCHANNEL,
    VMC_CHR_DEVICE_LAST
} vmcChrDeviceType;
VMC_ENUM_DECL(vmcChrDeviceType);

/* The type attribute: every source type that libvirt 9 knows. */
typedef enum {
    VMC_CHR_TYPE_NULL,
    VMC_CHR_TYPE_VC,
    VMC_CHR_TYPE_PTY,
    VMC_CHR_TYPE_DEV,
    VMC_CHR_TYPE_FILE,
    VMC_CHR_TYPE_PIPE,
    VMC_CHR_TYPE_STDIO,
    VMC_CHR_TYPE_UDP,
    VMC_CHR_TYPE_TCP,
    VMC_CHR_TYPE_UNIX,
    VMC_CHR_TYPE_SPICEVMC,
    VMC_CHR_TYPE_SPICEPORT,
    VMC_CHR_TYPE_NMDM,
    VMC_CHR_TYPE_QEMU_VDAGENT,
    VMC_CHR_TYPE_DBUS,
    VMC_CHR_TYPE_LAST
} vmcChrType;
VMC_ENUM_DECL(vmcChrType);

/* source mode: which side dials. */
typedef enum {
    VMC_CHR_MODE_DEFAULT,       /* not said */
    VMC_CHR_MODE_CONNECT,       /* we dial, once per guest connection */
    VMC_CHR_MODE_BIND,          /* we listen, host programs dial */
    VMC_CHR_MODE_LAST
} vmcChrMode;
VMC_ENUM_DECL(vmcChrMode);

/* <protocol type=> of tcp. */
typedef enum {
    VMC_CHR_PROTOCOL_DEFAULT,
    VMC_CHR_PROTOCOL_RAW,
    VMC_CHR_PROTOCOL_TELNET,
    VMC_CHR_PROTOCOL_TELNETS,
    VMC_CHR_PROTOCOL_TLS,
    VMC_CHR_PROTOCOL_LAST
} vmcChrProtocol;
VMC_ENUM_DECL(vmcChrProtocol);

/* An on/off attribute that may be missing. */
typedef enum {
    VMC_SWITCH_DEFAULT,
    VMC_SWITCH_ON,
    VMC_SWITCH_OFF,
    VMC_SWITCH_LAST
} vmcSwitch;
VMC_ENUM_DECL(vmcSwitch);

/* The host side of a character device. Strings are owned; absent ones NULL. */
typedef struct {
    vmcChrType type;
    char *path;             /* unix, file, pipe, dev; pty while running */
    vmcChrMode mode;        /* unix, tcp */
    char *host;             /* tcp; udp: the address sent to */
    char *service;          /* tcp; udp: the port sent to */
    char *bindHost;         /* udp: the address received on */
    char *bindService;      /* udp: the port received on */
    vmcChrProtocol protocol;
    vmcSwitch append;       /* file */
    char *logPath;          /* <log file=> */
    vmcSwitch logAppend;    /* <log append=> */
} vmcChrSource;

/* Where a channel is reached in the guest's network. */
#define VMC_CHANNEL_DEFAULT_ADDRESS "10.0.2.4"

/*
 * A channel: a <vmchannel>, or a <channel> whose target is guestfwd.
 * The address is dotted quad, never NULL after post-parse.
 */
typedef struct {
    vmcChrDeviceType element;   /* VMCHANNEL or CHANNEL */
    vmcChrSource source;
    char *address;
    unsigned int port;          /* 1–65535 */
    char *alias;                /* user alias, or NULL */
} vmcChannel;

/* Each frees what the struct owns and leaves it zeroed; NULL is accepted. */
void vmcChrSourceClear(vmcChrSource *source);
void vmcChannelClear(vmcChannel *channel);

/* vmcChannelFree: clears and frees; NULL is accepted. */
void vmcChannelFree(vmcChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcChannel, vmcChannelFree)

/* vmcChrSourceCopy: makes @dst a deep copy of @src; @dst must be empty. */
void vmcChrSourceCopy(vmcChrSource *dst, const vmcChrSource *src);

/* Whether both say the same, defaults filled in or not as they stand. */
bool vmcChrSourceEqual(const vmcChrSource *a, const vmcChrSource *b);
bool vmcChannelEqual(const vmcChannel *a, const vmcChannel *b);

/*
 * vmcChannelPostParse:
 * Fills in what may be left out: the address, and the mode of a unix or tcp
 * source (connect when it has a path or host to dial, else bind).
 */
void vmcChannelPostParse(vmcChannel *channel);

/*
 * vmcChannelValidate:
 * Checks one channel by itself, after post-parse. Returns 0, or -1 with an
 * error that names the element, the attribute, the value and what is accepted.
 */
int vmcChannelValidate(const vmcChannel *channel);
