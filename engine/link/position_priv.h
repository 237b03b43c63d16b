/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions count events, for ever and around: which of two comes first is told by
 * their difference. Of this header alone. Not installed.
 *
 * Knows      numbers
 * Knows not  what stands at a position
 */
#ifndef SLUICE_ENGINE_POSITION_PRIV_H
#define SLUICE_ENGINE_POSITION_PRIV_H

#include <stdint.h>

/* @at is @position, or behind it in the stream. */
static inline int position_reached(uint64_t at, uint64_t position)
{
	return at - position < UINT64_MAX / 2;
}

#endif
