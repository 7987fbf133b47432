/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes and sums that guest and host make alike: a seeded stream that does not
 * repeat, so that lost, doubled or moved bytes change the sum (FNV-1a, 64 bit).
 * Shared by nettool in the guest and the tests' host programs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PATTERN_SEED UINT64_C(0x766d6368616e6e65)
#define PATTERN_SUM_START UINT64_C(0xcbf29ce484222325)

typedef struct {
    uint64_t state;     /* never 0 */
    unsigned int used;  /* bytes of the current state that were given out */
} patternStream;

static inline void
patternStart(patternStream *stream, uint64_t seed)
{
    stream->state = seed ? seed : PATTERN_SEED;
    stream->used = 0;
}

/* One step of Marsaglia's xorshift64. */
static inline uint64_t
patternStep(uint64_t state)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^ (state << 17);
}

static inline void
patternFill(patternStream *stream, unsigned char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (stream->used == sizeof(stream->state)) {
            stream->state = patternStep(stream->state);
            stream->used = 0;
        }
        buf[i] = (unsigned char)(stream->state >> (8 * stream->used++));
    }
}

static inline uint64_t
patternSum(uint64_t sum, const unsigned char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ buf[i]) * UINT64_C(0x100000001b3);
    return sum;
}
