/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lwIP's settings for lwipguest: one thread, DHCP, and memory from malloc(). All else is
 * lwIP's default, which is what small systems have: segments of 536 bytes, a window of
 * four, two on their way out.
 */
#pragma once

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_IPV6 0
#define LWIP_DHCP 1
#define LWIP_STATS 0
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
