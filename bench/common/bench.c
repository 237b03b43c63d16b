/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/common/bench.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *bench_memory(size_t bytes)
{
	size_t whole = (bytes + BENCH_PAGE_BYTES - 1) &
		       ~(size_t)(BENCH_PAGE_BYTES - 1);
	void *memory;

	/* Rings get pages of their own from the kernel each time, not those of
	 * the last one: where they lie in physical memory changes the speed of
	 * the large ones, and must not stick to one rival. */
	(void)mallopt(M_MMAP_THRESHOLD, 4 * BENCH_PAGE_BYTES);
	memory = aligned_alloc(BENCH_PAGE_BYTES, whole);
	if (memory != NULL)
		memset(memory, 0, whole);
	return memory;
}
