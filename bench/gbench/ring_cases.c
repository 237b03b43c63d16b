/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One hop from one thread to another through a ring: every event size with
 * every batch, for every rival. No cell is left out.
 */
#include "bench/rivals/ring.h"

void ring_cases(bench_add_fn add)
{
	const struct ring_rival *const *rivals;
	uint32_t count = ring_rivals(&rivals);
	struct bench_case bench;

	/* Rivals innermost, so that they are measured next to each other. */
	for (uint32_t size = 0; size < RING_SIZES; size++)
		for (uint32_t batch = 0; batch < RING_BATCHES; batch++)
			for (uint32_t i = 0; i < count; i++) {
				ring_case_init(&bench, rivals[i], size, batch);
				add(&bench);
			}
}
