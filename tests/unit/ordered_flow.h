/* SPDX-License-Identifier: Apache-2.0 */
/* Ordered pipelines in a few lines: a source that numbers what it counts, workers
 * that pass it on, a join that keeps the books. */
#ifndef SLUICE_TESTS_UNIT_ORDERED_FLOW_H
#define SLUICE_TESTS_UNIT_ORDERED_FLOW_H

#include "tests/unit/flow.h"

/* What travels: the number is the engine's, the value the source's. */
struct item {
	uint64_t value;
	uint64_t number;
};

#define ITEM_OFFSET SLUICE_ORDER_OFFSET(offsetof(struct item, number))

/* Of a join, or of another consumer. */
struct item_sink {
	uint64_t events;
	uint64_t sum;
	uint64_t next; /* one above the last value */
	uint32_t disorder;
	uint32_t gaps;
};

static inline int item_make(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *s = sluice_stage_state(self);
	uint64_t left = s->end - s->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct item *items;

	if (s->most && s->most < n)
		n = s->most;
	items = sluice_emit(self, n);
	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = s->next++, .number = 77};
	return s->next == s->end ? SLUICE_END : SLUICE_OK;
}

static inline int item_pass(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	struct item *out = sluice_emit(self, batch->count);

	if (out == NULL)
		return -ENOBUFS;
	memcpy(out, batch->events, batch->count * sizeof(*out));
	return SLUICE_OK;
}

static inline int item_join(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	struct item_sink *j = sluice_stage_state(self);
	const struct item *items = batch->events;

	for (uint32_t i = 0; i < batch->count; i++) {
		j->disorder += items[i].value < j->next;
		j->gaps += items[i].value != j->next;
		j->next = items[i].value + 1;
		j->sum += items[i].value;
	}
	j->events += batch->count;
	return SLUICE_OK;
}

/* ---- building ------------------------------------------------------------ */

static inline void item_add_source(struct sluice_pipeline *p, const char *name,
				   struct flow_source *source, uint32_t window)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .dispatcher = "ordered",
				 .order_offset = ITEM_OFFSET,
				 .order_events = window,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_demand = item_make, .state = source));
}

/* Options of a stage between. */
#define ITEM_WORKER                                                            \
	.kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = sizeof(struct item),     \
	.out_bytes = sizeof(struct item)

static inline void item_add_join(struct sluice_pipeline *p, const char *name,
				 const char *of, struct item_sink *sink)
{
	flow_add(p,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item), .order_of = of,
			      .handle_events = item_join, .state = sink));
}

/* Every value of [0, n) came, once and in order. */
static inline void item_check_all(const struct item_sink *sink, uint64_t n)
{
	assert_int_equal(sink->events, n);
	assert_int_equal(sink->sum, flow_sum(n));
	assert_int_equal(sink->gaps, 0);
}

#endif
