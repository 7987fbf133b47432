/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Telnet: see telnet.h. Every option is refused that was not asked for, each
 * once, so that two such ends cannot talk for ever.
 *
 * Pure: works on the bytes that it is given.
 */
#include <config.h>

#include "relay/pump/telnet.h"

enum {
    SE = 240,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
    OPTION_BINARY = 0,
    OPTION_ECHO = 1,
    OPTION_SUPPRESS_GO_AHEAD = 3,
};

static void
say(GByteArray *out, uint8_t command, uint8_t option)
{
    const uint8_t text[] = { IAC, command, option };

    g_byte_array_append(out, text, sizeof(text));
}

void
vmcTelnetBegin(vmcTelnet *telnet, GByteArray *out)
{
    if (telnet->server)
        say(out, WILL, OPTION_ECHO);
    say(out, WILL, OPTION_SUPPRESS_GO_AHEAD);
    say(out, WILL, OPTION_BINARY);
    say(out, DO, OPTION_BINARY);
}

/* Whether we began to speak of @option ourselves, so that this is an answer. */
static bool
wasOffered(const vmcTelnet *telnet, uint8_t command, uint8_t option)
{
    if (option == OPTION_BINARY)
        return true;
    if (command == WILL)
        return false;
    return option == OPTION_SUPPRESS_GO_AHEAD || (option == OPTION_ECHO && telnet->server);
}

static void
inputOption(vmcTelnet *telnet, uint8_t option, GByteArray *out)
{
    uint8_t command = telnet->command;
    uint32_t *word = &telnet->declined[command == WILL][option / 32];
    uint32_t bit = 1u << option % 32;

    if (option == OPTION_BINARY && (command == WILL || command == WONT))
        telnet->binary = command == WILL;
    if ((command != WILL && command != DO) || wasOffered(telnet, command, option) ||
        (*word & bit))
        return;
    *word |= bit;
    say(out, command == WILL ? DONT : WONT, option);
}

/* A byte after IAC. Commands without an option mean nothing to a channel. */
static vmcTelnetState
inputCommand(vmcTelnet *telnet, uint8_t byte, GByteArray *data)
{
    telnet->command = byte;
    if (byte == SB)
        return VMC_TELNET_SUB;
    if (byte >= WILL && byte <= DONT)
        return VMC_TELNET_OPTION;
    if (byte == IAC)
        g_byte_array_append(data, &byte, 1);
    return VMC_TELNET_DATA;
}

/* The NUL after a CR is telnet's, not the sender's, unless eight bits are agreed on. */
static vmcTelnetState
inputData(vmcTelnet *telnet, uint8_t byte, GByteArray *data)
{
    if (byte == IAC)
        return VMC_TELNET_IAC;
    if (telnet->state != VMC_TELNET_CR || byte != '\0')
        g_byte_array_append(data, &byte, 1);
    return byte == '\r' && !telnet->binary ? VMC_TELNET_CR : VMC_TELNET_DATA;
}

static vmcTelnetState
inputByte(vmcTelnet *telnet, uint8_t byte, GByteArray *data, GByteArray *out)
{
    switch (telnet->state) {
    case VMC_TELNET_IAC:
        return inputCommand(telnet, byte, data);
    case VMC_TELNET_OPTION:
        inputOption(telnet, byte, out);
        return VMC_TELNET_DATA;
    case VMC_TELNET_SUB:
        return byte == IAC ? VMC_TELNET_SUB_IAC : VMC_TELNET_SUB;
    case VMC_TELNET_SUB_IAC:
        return byte == SE ? VMC_TELNET_DATA : VMC_TELNET_SUB;
    case VMC_TELNET_DATA:
    case VMC_TELNET_CR:
    default:
        return inputData(telnet, byte, data);
    }
}

void
vmcTelnetReceive(vmcTelnet *telnet, const uint8_t *bytes, size_t len, GByteArray *data,
                 GByteArray *out)
{
    for (size_t i = 0; i < len; i++)
        telnet->state = inputByte(telnet, bytes[i], data, out);
}

void
vmcTelnetSend(const uint8_t *bytes, size_t len, GByteArray *out)
{
    for (size_t i = 0; i < len; i++) {
        g_byte_array_append(out, &bytes[i], 1);
        if (bytes[i] == IAC)
            g_byte_array_append(out, &bytes[i], 1);
    }
}
