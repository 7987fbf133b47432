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
    /* What only libvirt's own elements may say; kept as it was written. */
    char *tls;              /* tcp */
    char *reconnect;        /* tcp, unix: <reconnect enabled=> */
    char *reconnectTimeout;
    char *channel;          /* spiceport, dbus */
    char *master;           /* nmdm */
    char *slave;
    char *copypaste;        /* qemu-vdagent: <clipboard copypaste=> */
    char *mouseMode;        /* qemu-vdagent: <mouse mode=> */
} vmcChrSource;

/* What kind of value a field of vmcChrSource holds. */
typedef enum {
    VMC_CHR_FIELD_STRING,       /* char * */
    VMC_CHR_FIELD_PATH,         /* char *: an absolute path */
    VMC_CHR_FIELD_HOST,         /* char *: a host name or address */
    VMC_CHR_FIELD_SERVICE,      /* char *: a port number or service name */
    VMC_CHR_FIELD_MODE,         /* vmcChrMode */
    VMC_CHR_FIELD_PROTOCOL,     /* vmcChrProtocol */
    VMC_CHR_FIELD_SWITCH,       /* vmcSwitch */
    VMC_CHR_FIELD_LAST
} vmcChrFieldKind;

/* What a field means to a channel. */
typedef enum {
    VMC_CHR_FIELD_OPTIONAL,
    VMC_CHR_FIELD_REQUIRED,
    VMC_CHR_FIELD_LIVE,         /* shown while running; ignored on input */
    VMC_CHR_FIELD_FOREIGN,      /* libvirt's own elements only */
} vmcChrFieldUse;

/* One attribute of a source type: where it stands in the XML and in the struct. */
typedef struct {
    const char *element;        /* "source", "source/reconnect", "protocol", "log" */
    const char *sourceMode;     /* the <source> with this mode (udp has two), or NULL */
    const char *attribute;
    vmcChrFieldKind kind;
    size_t offset;              /* in vmcChrSource */
    vmcChrFieldUse use;
    const char *idle;           /* FOREIGN: what asks for nothing, and is accepted in <channel> */
} vmcChrField;

/*
 * vmcChrTypeFields:
 * Returns the fields of @type in the order in which libvirt writes them, and
 * their number in @n. Parse, format, copy, clear and compare walk this table.
 */
const vmcChrField *vmcChrTypeFields(vmcChrType type, size_t *n);

/* vmcChrTypeIsChannel: whether a channel may have @type. */
bool vmcChrTypeIsChannel(vmcChrType type);

/*
 * vmcChrFieldGet:
 * Returns the field's text, valid as long as @source, or NULL when it is not
 * said.
 */
const char *vmcChrFieldGet(const vmcChrSource *source, const vmcChrField *field);

/*
 * vmcChrFieldSet:
 * Sets the field from its text. Returns false, and changes nothing, when
 * @value is not a word of the field's enum.
 */
bool vmcChrFieldSet(vmcChrSource *source, const vmcChrField *field, const char *value);

/*
 * vmcChrFieldWords:
 * Returns the words that the field accepts, as vmcEnumList() does, or NULL for
 * a field that is not an enum. The caller frees the string.
 */
char *vmcChrFieldWords(const vmcChrField *field);

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
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(vmcChrSource, vmcChrSourceClear)
void vmcChannelClear(vmcChannel *channel);

/* vmcChannelFree: clears and frees; NULL is accepted. */
void vmcChannelFree(vmcChannel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vmcChannel, vmcChannelFree)

/* vmcChannelArrayNew: an empty array that owns the vmcChannel * in it. */
GPtrArray *vmcChannelArrayNew(void);

/* vmcChrSourceCopy: makes @dst a deep copy of @src; @dst must be empty. */
void vmcChrSourceCopy(vmcChrSource *dst, const vmcChrSource *src);

/* Whether both say the same, defaults filled in or not as they stand. */
bool vmcChrSourceEqual(const vmcChrSource *a, const vmcChrSource *b);
bool vmcChannelEqual(const vmcChannel *a, const vmcChannel *b);

/*
 * vmcChrSourceBinds:
 * Returns what @source listens on, the same text for all that would be in each
 * other's way: "unix path '/p'". NULL when it does not listen, or where the
 * system chooses. The caller frees it.
 */
char *vmcChrSourceBinds(const vmcChrSource *source);

/*
 * vmcChannelPortFromString:
 * Reads a decimal port, 1–65535. Returns false, and leaves @port alone, for
 * anything else (a sign, a space, a leading zero too).
 */
bool vmcChannelPortFromString(const char *text, unsigned int *port);

/*
 * vmcChannelAliasIsUser:
 * Whether @alias is a user alias by libvirt's rules: "ua-" and at least one
 * more of A–Z, a–z, 0–9, '-' and '_'.
 */
bool vmcChannelAliasIsUser(const char *alias);

/*
 * vmcChannelPostParse:
 * Fills in what may be left out: the address, the mode of a unix or tcp source
 * (connect when it has a path or host to dial, else bind), tcp's protocol
 * (raw). Drops what libvirt ignores on input (a pty's path, an alias that is not a
 * user's), and what says 'no', in libvirt's own element, to something that no channel does.
 */
void vmcChannelPostParse(vmcChannel *channel);

/*
 * vmcChannelValidate:
 * Checks one channel by itself, after post-parse. Returns 0, or -1 with an
 * error that names the element, the attribute, the value and what is accepted.
 */
int vmcChannelValidate(const vmcChannel *channel);
