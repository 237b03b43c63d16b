/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mix.h
 * Mixers: numbers that look random, made from numbers that do not, for
 * strategies that hash or draw. Each maps different inputs to different
 * outputs.
 */
#ifndef SLUICE_DISPATCH_MIX_H
#define SLUICE_DISPATCH_MIX_H

#include "../ring/base.h"

/** The step of a sequence of 64-bit inputs: 2^64 divided by the golden
 * ratio. */
#define SLUICE_MIX_STEP UINT64_C(0x9e3779b97f4a7c15)

/** The last step of MurmurHash3. */
static inline uint32_t sluice_mix32(uint32_t x)
{
	x = (x ^ (x >> 16)) * UINT32_C(0x85ebca6b);
	x = (x ^ (x >> 13)) * UINT32_C(0xc2b2ae35);
	return x ^ (x >> 16);
}

/** The last step of splitmix64 (Steele et al., OOPSLA 2014): both halves depend
 * on every bit. */
static inline uint64_t sluice_mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/** A number in [0, n) from 32 bits of chance, without a division. */
static inline uint32_t sluice_mix_below(uint32_t chance, uint32_t n)
{
	return (uint32_t)(((uint64_t)chance * n) >> 32);
}

/** Spread a key over 40 bits; a user's keys may be small integers (Knuth, TAOCP
 * 3, 6.4). */
static inline uint32_t sluice_key_spread(uint64_t key)
{
	return (uint32_t)((key * SLUICE_MIX_STEP) >> 40);
}

#endif
