/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telnet (RFC 854) as far as a byte channel needs it: asks for eight clean bits
 * both ways, declines all else, and gives the plain bytes.
 *
 * Pure: works on the bytes that it is given, and believes none of them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    VMC_TELNET_DATA,
    VMC_TELNET_CR,              /* after a CR while the peer is not binary */
    VMC_TELNET_IAC,
    VMC_TELNET_OPTION,          /* after WILL, WONT, DO, DONT */
    VMC_TELNET_SUB,             /* between SB and SE */
    VMC_TELNET_SUB_IAC,
} vmcTelnetState;

/* One connection; all zero but for @server at its begin. */
typedef struct {
    vmcTelnetState state;
    uint8_t command;            /* whose option comes */
    bool server;                /* the peer dialled us: it is offered our echo */
    bool binary;                /* the peer sends eight bits */
    uint32_t declined[2][8];    /* WILL and DO that were answered, a bit each */
} vmcTelnet;

/* vmcTelnetBegin: appends to @out what is said first. */
void vmcTelnetBegin(vmcTelnet *telnet, GByteArray *out);

/*
 * vmcTelnetReceive: takes what the peer sent; appends its data to @data and
 * what it must be told to @out: no more than three bytes for each option.
 */
void vmcTelnetReceive(vmcTelnet *telnet, const uint8_t *bytes, size_t len, GByteArray *data,
                      GByteArray *out);

/* vmcTelnetSend: appends @bytes to @out as the peer must get them. */
void vmcTelnetSend(const uint8_t *bytes, size_t len, GByteArray *out);
