/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drivers of all kinds, and source.c's table of them. A kind has one for each of its modes. */
#pragma once

#include "relay/broker/sources/source_priv.h"

extern const vmcSourceDriver vmcSourceDev;
extern const vmcSourceDriver vmcSourceFile;
extern const vmcSourceDriver vmcSourceNull;
extern const vmcSourceDriver vmcSourcePipe;
extern const vmcSourceDriver vmcSourcePty;
extern const vmcSourceDriver vmcSourceStdio;
extern const vmcSourceDriver vmcSourceTcpBind;
extern const vmcSourceDriver vmcSourceTcpConnect;
extern const vmcSourceDriver vmcSourceUdp;
extern const vmcSourceDriver vmcSourceUnixBind;
extern const vmcSourceDriver vmcSourceUnixConnect;

/* vmcSourceDriverFind: the row of the table for a type and mode, or NULL. */
const vmcSourceDriver *vmcSourceDriverFind(vmcChrType type, vmcChrMode mode);
