/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that answers later: its handler writes down what it was handed, and the
 * test, another thread, answers for that when it likes. */
#ifndef SLUICE_TESTS_UNIT_LATER_H
#define SLUICE_TESTS_UNIT_LATER_H

#include "tests/unit/flow.h"

#define LATER_NOTES 4096u

struct later_note {
	struct sluice_sub sub;
	struct sluice_batch batch;
	uint64_t first; /* the number that its first event was */
};

struct later {
	struct flow_end ended;
	int rc;         /* what the handler answers, but for ASYNC */
	uint32_t rc_at; /* at this batch, from 1; 0: at none */
	uint32_t emits; /* hands on what it gets */
	uint32_t inits;
	uint32_t given; /* batches; behind the notes */
	struct later_note note[LATER_NOTES];
	uint32_t letters;
	struct sluice_dead_letter letter[32];
	uint64_t letter_event[32];
};

static inline int later_events(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct later *later = sluice_stage_state(self);
	uint32_t at = later->given;
	void *out = later->emits ? sluice_emit(self, batch->count) : NULL;

	if (at == LATER_NOTES)
		return -EOVERFLOW;
	if (out != NULL)
		memcpy(out, batch->events, batch->count * sizeof(uint64_t));
	later->note[at].sub = sluice_inlet_sub(self, batch->inlet);
	later->note[at].batch = *batch;
	later->note[at].first = SLUICE_EVENTS(batch, uint64_t)[0];
	__atomic_store_n(&later->given, at + 1, __ATOMIC_RELEASE);
	return at + 1 == later->rc_at ? later->rc : SLUICE_ASYNC;
}

static inline int later_init(struct sluice_stage *self)
{
	struct later *later = sluice_stage_state(self);

	(void)__atomic_add_fetch(&later->inits, 1, __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

static inline void later_bury(struct sluice_stage *self,
			      const struct sluice_dead_letter *letter)
{
	struct later *later = sluice_stage_state(self);
	uint32_t at = later->letters;

	if (at < UNIT_COUNT(later->letter)) {
		later->letter[at] = *letter;
		memcpy(&later->letter_event[at], letter->event,
		       sizeof(uint64_t));
	}
	__atomic_store_n(&later->letters, at + 1, __ATOMIC_RELEASE);
}

#define LATER_SINK                                                             \
	.kind = SLUICE_CONSUMER, .in_bytes = 8, .handle_events = later_events, \
	.init = later_init, .fini = flow_fini
#define LATER_MIDDLE                                                           \
	.kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8, .out_bytes = 8,       \
	.handle_events = later_events, .init = later_init, .fini = flow_fini

/* Until the handler has been called so often. */
static inline void later_await(struct sluice_pipeline *p,
			       const struct later *later, uint32_t given)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(&later->given, __ATOMIC_ACQUIRE) >= given)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("no batch %u", given);
}

static inline void later_await_word(struct sluice_pipeline *p,
				    const uint32_t *word, uint32_t n)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) >= n)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("a word does not come to %u", n);
}

/* Answers for part of a batch: events [from, from + n) of it. */
static inline int later_ack_part(const struct later *later, uint32_t at,
				 uint32_t from, uint32_t n)
{
	const struct later_note *note = &later->note[at];

	return sluice_ack(note->sub, note->batch.ticket + from, n);
}

static inline int later_ack(const struct later *later, uint32_t at)
{
	return later_ack_part(later, at, 0, later->note[at].batch.count);
}

static inline int later_nack(const struct later *later, uint32_t at,
			     int verdict)
{
	const struct later_note *note = &later->note[at];

	return sluice_nack(note->sub, note->batch.ticket, note->batch.count,
			   verdict);
}

/* What it was given first lies where it did. */
static inline void later_check_bytes(const struct later *later, uint32_t at)
{
	const struct later_note *note = &later->note[at];

	for (uint32_t i = 0; i < note->batch.count; i++)
		assert_int_equal(SLUICE_EVENTS(&note->batch, uint64_t)[i],
				 note->first + i);
}

/* Until all of @sub is acknowledged, and as much credit there as in the beginning. */
static inline void later_await_acked(struct sluice_pipeline *p,
				     struct sluice_sub sub, uint64_t acked)
{
	struct sluice_subscription_stats stat = {0};

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(sub, &stat) == 0 &&
		    stat.acked == acked)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("%llu are acknowledged, not %llu",
		 (unsigned long long)stat.acked, (unsigned long long)acked);
}

#endif
