/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private memory of one thread, on cache lines of its own: two stages whose state
 * shared a line would slow each other down as if they shared a word. Of this
 * header alone. Not installed.
 *
 * Knows      cache lines
 * Knows not  what the memory is for
 */
#ifndef SLUICE_ENGINE_MEMORY_PRIV_H
#define SLUICE_ENGINE_MEMORY_PRIV_H

#include "ring/layout.h"

#include <stdlib.h>
#include <string.h>

/* Zeroed memory for @count elements of @bytes, line-aligned; NULL when there is
 * none. Released with free(). */
static inline void *line_calloc(size_t count, size_t bytes)
{
	size_t whole;
	void *mem;

	if (__builtin_mul_overflow(count, bytes, &whole) ||
	    whole > SIZE_MAX - SLUICE_LINE_BYTES)
		return NULL;
	whole = SLUICE_ALIGN_UP(whole ? whole : 1, (size_t)SLUICE_LINE_BYTES);
	mem = aligned_alloc(SLUICE_LINE_BYTES, whole);
	if (mem != NULL)
		memset(mem, 0, whole);
	return mem;
}

#endif
