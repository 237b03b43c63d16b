/* SPDX-License-Identifier: Apache-2.0 */
/* Another process reads "source" out of a ring of its own, and is played by the test. */
#ifndef SLUICE_TESTS_UNIT_FAR_READER_H
#define SLUICE_TESTS_UNIT_FAR_READER_H

#include "far_end.h"

static struct sluice_spsc_reader reader;
static struct held_words held;

static inline void reader_attach(const struct sluice_credit *credit)
{
	sluice_spsc_reader_attach(&reader, &far.tx, &far.rx,
				  (sluice_slot *)far.slots, WINDOW, 8, credit);
}

/* While the pipeline runs; it asks for its window at once. */
static inline void reader_comes(const struct subscription_far *end,
				const struct sluice_credit *credit)
{
	flow_add(pipeline, SLUICE_STAGE(.name = "peer", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
	stand = sluice_stage_find(pipeline, "peer");
	subscribe_with(end, "peer", "source");
	reader_attach(credit);
	(void)sluice_spsc_release(&reader, 0);
	ring("source");
}

static inline uint64_t published(void)
{
	return sluice_load_acquire(&far.tx.published);
}

static inline void await_published(uint64_t position)
{
	for (uint32_t ms = 0; published() != position; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

#endif
