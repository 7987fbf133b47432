/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large the socket buffers of a connection may be, whatever its host side is: each begins
 * small, and one that is read from grows, up to its part of what the connections of its
 * channel have together. So a host program that reads nothing keeps little of the kernel's
 * memory, and all those of a channel no more than VMC_SHARE_SUM. Sizes are as SO_SNDBUF and
 * SO_RCVBUF are set: the kernel gives twice that, and counts its own overhead. Pure.
 */
#pragma once

/* What a buffer begins with, and what it has at least. */
#define VMC_SHARE_MIN (16 * 1024)

/* And at most. */
#define VMC_SHARE_MAX (256 * 1024)

/* Divided by the number of connections it is each one's part. */
#define VMC_SHARE_TOTAL (4 * 1024 * 1024)

/*
 * VMC_SHARE_TOTAL for the first 16 connections; for the kth after them the kth part, until
 * that is VMC_SHARE_MIN; and that for the others of the 1,024 that an only channel may have.
 */
#define VMC_SHARE_SUM (27 * 1024 * 1024)

/* vmcShare: a buffer's part, when its channel has so many connections. */
int vmcShare(unsigned int conns);

/* vmcShareGrown: what a buffer of @size that was full and is read from gets: not less. */
int vmcShareGrown(int size, unsigned int conns);
