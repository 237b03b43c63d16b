/* SPDX-License-Identifier: Apache-2.0 */
/* Batches by size or time. That nothing is handed out too early the batches show that
 * come later; a wait that must not end lasts an hour. */
#include "paced.h"

#define HOUR_US 3600000000u

static void add_sink(struct sluice_pipeline *p, struct flow_sink *sink)
{
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .state = sink));
}

/* ---- by size -------------------------------------------------------------- */

static struct size {
	const char *name;
	const char *dispatcher;
	uint32_t max_demand;
	int32_t min_demand;
	uint32_t refill_events;
	uint32_t batch_min;
	uint32_t tee;
	uint32_t ring_events;
} sizes[] = {
	{"whole", "demand", 10, 0, 0, 5, 0, 0},
	{"the_window", "demand", 10, 0, 0, 10, 0, 0},
	{"window_of_16", "demand", 16, 0, 0, 16, 0, 0},
	{"one", "demand", 10, SLUICE_MIN_HALF, 0, 1, 0, 0},
	{"refill_all", "demand", 10, 0, 10, 7, 0, 0},
	{"min_half", "demand", 10, SLUICE_MIN_HALF, 0, 5, 0, 0},
	{"min_zero", "demand", 10, SLUICE_MIN_ZERO, 0, 7, 0, 0},
	{"min_2_of_10", "demand", 10, 2, 0, 5, 0, 0},
	{"min_8_of_10", "demand", 10, 8, 0, 2, 0, 0},
	{"large", "demand", 1000, 0, 0, 900, 0, 0},
	{"partition", "partition", 10, 0, 0, 7, 0, 0},
	{"broadcast", "broadcast", 10, 0, 0, 7, 0, 0},
	{"broadcast_min_2", "broadcast", 10, 2, 0, 8, 0, 0},
	{"broadcast_ring_of_8", "broadcast", 10, 0, 0, 7, 0, 8},
	{"shared", "shared", 10, 0, 0, 7, 0, 0},
	{"shared_of_8", "shared", 10, 0, 0, 10, 0, 8},
	{"shared_of_2", "shared", 10, 0, 0, 7, 0, 2},
};

/* Whoever trickles: no batch is too small, but for the last; nor does any wait for
 * events that cannot come. Batches of each size begin at each place of the ring. */
static void no_batch_is_too_small(void **state)
{
	const struct size *row = *state;
	const uint64_t n = (uint64_t)row->batch_min * 400 + 1;

	for (uint32_t most = 0; most <= 3; most++) {
		struct flow_source source = {.end = n, .most = most};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(1 + most % 2);

		flow_add(p,
			 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				      .out_bytes = 8, .state = &source,
				      .dispatcher = row->dispatcher,
				      .ring_events = row->ring_events,
				      .handle_demand = flow_count));
		add_sink(p, &sink);
		flow_subscribe(
			p, "sink", "source",
			SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					    .min_demand = row->min_demand,
					    .refill_events = row->refill_events,
					    .batch_min = row->batch_min,
					    .batch_wait_us = HOUR_US));
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&sink, n);
		assert_in_range(sink.batches, 1, n / row->batch_min + 1);
		for (uint32_t i = 0; i < FLOW_BORDERS; i++)
			assert_in_range(sink.border[i].count, row->batch_min,
					row->max_demand);
		sluice_pipeline_close(p);
	}
}

/* What is emitted one by one comes together, also where two threads share it out. */
static void singles_come_together(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct flow_source state_of = {.end = UINT64_MAX};
		struct flow_sink sinks[2] = {{.events = 0}};
		struct sluice_pipeline *p = flow_open(workers);

		paced_add_source(p, "shared", SLUICE_IDLE_STAY, &state_of);
		flow_add_sink(p, "a", &sinks[0]);
		flow_add_sink(p, "b", &sinks[1]);
		for (uint32_t i = 0; i < 2; i++)
			flow_subscribe(
				p, i ? "b" : "a", "source",
				SLUICE_SUBSCRIPTION(.max_demand = 16,
						    .batch_min = 8,
						    .batch_wait_us = HOUR_US));
		flow_start(p);
		for (uint64_t n = 1; n <= 800; n++)
			paced_go(p, n);
		/* Nobody keeps what another one needs. */
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			uint64_t a = __atomic_load_n(&sinks[0].events,
						     __ATOMIC_ACQUIRE);
			uint64_t b = __atomic_load_n(&sinks[1].events,
						     __ATOMIC_ACQUIRE);

			if (a + b > 800 - 16)
				break;
			flow_sleep_ms(1);
		}
		assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		assert_int_equal(flow_join(p), 0);
		assert_int_equal(sinks[0].events + sinks[1].events, 800);
		assert_int_equal(sinks[0].disorder + sinks[1].disorder, 0);
		for (uint32_t i = 0; i < 2; i++)
			for (uint32_t j = 0;
			     j + 2 < sinks[i].batches && j < FLOW_BORDERS; j++)
				assert_true(sinks[i].border[j].count >= 8);
		sluice_pipeline_close(p);
	}
}

/* ---- by time -------------------------------------------------------------- */

/* Three, and no more come: they wait for a moment, and are handed out. */
static void a_wait_ends(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct flow_source source = {.end = UINT64_MAX};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(workers);

		paced_add_source(p, "demand", SLUICE_IDLE_STAY, &source);
		add_sink(p, &sink);
		/* Without a time it is one of its own; without a number as many as a
		 * batch may have. */
		flow_subscribe(
			p, "sink", "source",
			workers == 1
				? SLUICE_SUBSCRIPTION(.max_demand = 100,
						      .batch_min = 50)
				: SLUICE_SUBSCRIPTION(.max_demand = 100,
						      .batch_wait_us = 2000));
		flow_start(p);
		for (uint64_t n = 3; n <= 30; n += 3) {
			paced_go(p, n);
			flow_wait_events(p, &sink, n);
		}
		sluice_pipeline_stop(p);
		assert_int_equal(flow_join(p), -ECANCELED);
		assert_int_equal(sink.gaps, 0);
		sluice_pipeline_close(p);
	}
}

static void a_time_alone_fills_the_batch(void **state)
{
	struct flow_source source = {.end = 5000, .most = 7};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	flow_add_source(p, "source", &source);
	add_sink(p, &sink);
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 100,
					   .batch_wait_us = HOUR_US));
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 5000);
	assert_int_equal(sink.batches, 100);
	assert_int_equal(sink.largest, 50);
	sluice_pipeline_close(p);
}

/* Its producer keeps no more than two in flight: so many are never there. */
static void who_deals_few_is_waited_for_in_vain(void **state)
{
	struct flow_source source = {.end = 40};
	struct flow_sink sinks[2] = {{.events = 0}};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .state = &source,
				 .dispatcher = "jbsq", .in_flight_max = 2,
				 .handle_demand = flow_count));
	flow_add_sink(p, "a", &sinks[0]);
	flow_add_sink(p, "b", &sinks[1]);
	for (uint32_t i = 0; i < 2; i++)
		flow_subscribe(p, i ? "b" : "a", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 10,
						   .batch_min = 5,
						   .batch_wait_us = 100));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(sinks[0].events + sinks[1].events, 40);
	assert_int_equal(sinks[0].sum + sinks[1].sum, flow_sum(40));
	sluice_pipeline_close(p);
}

/* ---- at once ---------------------------------------------------------------- */

enum hurry { NO_MORE_ASKED, COMES_AGAIN, MARKED };

static struct row {
	const char *name;
	enum hurry hurry;
} hurries[] = {
	{"no_more_is_asked_for", NO_MORE_ASKED},
	{"comes_again", COMES_AGAIN},
	{"before_a_marker", MARKED},
};

static sluice_a32 refusals; /* so many times the handler says RETRY */
static sluice_a32 refused;

static int refuse_some(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	if (sluice_load_acquire(&refused) < sluice_load_acquire(&refusals)) {
		(void)sluice_fetch_add(&refused, 1);
		return SLUICE_RETRY;
	}
	return flow_collect(self, batch);
}

static int take_marker(struct sluice_stage *self,
		       const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_OK;
}

static int pass_marker(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	(void)sluice_emit(self, 1);
	return flow_collect(self, batch);
}

static void add_hurried(struct sluice_pipeline *p, enum hurry hurry,
			struct flow_sink *sink)
{
	struct sluice_stage_opts o =
		*SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = refuse_some,
			      .state = sink, .on_idle = SLUICE_IDLE_STAY,
			      .max_deliveries = 2);

	if (hurry == MARKED) {
		o.kind = SLUICE_PRODUCER_CONSUMER;
		o.out_bytes = 8;
		o.handle_events = pass_marker;
		o.handle_info = take_marker;
	}
	flow_add(p, &o);
}

static void hurry_up(struct sluice_pipeline *p, enum hurry hurry)
{
	switch (hurry) {
	case NO_MORE_ASKED:
		break;
	case COMES_AGAIN:
		/* Five make a batch, which is refused: then they come singly. */
		paced_go(p, 5);
		break;
	case MARKED:
		assert_int_equal(
			sluice_info(sluice_stage_find(p, "sink"), NULL, 0), 0);
		break;
	}
}

static void nothing_waits_any_more(void **state)
{
	const struct row *row = *state;
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct flow_sink end = {0};
	struct sluice_sub sub = {0};
	struct sluice_pipeline *p = flow_open(2);
	uint64_t there = row->hurry == COMES_AGAIN ? 5 : 3;

	sluice_store_release(&refusals, row->hurry == COMES_AGAIN ? 1 : 0);
	sluice_store_release(&refused, 0);
	paced_add_source(p, "demand", SLUICE_IDLE_STAY, &source);
	add_hurried(p, row->hurry, &sink);
	if (row->hurry == MARKED) {
		flow_add_sink(p, "end", &end);
		flow_subscribe(p, "end", "sink", NULL);
	}
	flow_subscribe(
		p, "sink", "source",
		row->hurry == NO_MORE_ASKED
			? SLUICE_SUBSCRIPTION(.max_demand = 10, .batch_min = 5,
					      .batch_wait_us = HOUR_US,
					      .flags = SLUICE_SUBSCRIBE_MANUAL,
					      .sub = &sub)
			: SLUICE_SUBSCRIPTION(.max_demand = 10, .batch_min = 5,
					      .batch_wait_us = HOUR_US,
					      .sub = &sub));
	flow_start(p);
	if (row->hurry == NO_MORE_ASKED)
		assert_int_equal(sluice_ask(sub, 3), 0);
	paced_go(p, 3);
	for (uint32_t ms = 0;
	     row->hurry != NO_MORE_ASKED &&
	     flow_stats(p, "source").events_out < 3 && ms < FLOW_DEADLINE_MS;
	     ms++)
		flow_sleep_ms(1);
	hurry_up(p, row->hurry);
	flow_wait_events(p, &sink, there);
	sluice_pipeline_stop(p);
	(void)flow_join(p);
	assert_int_equal(sink.border[0].count,
			 row->hurry == COMES_AGAIN ? 1 : 3);
	assert_int_equal(sluice_load_acquire(&refused),
			 row->hurry == COMES_AGAIN ? 1 : 0);
	sluice_pipeline_close(p);
}

/* Its producer is in a callback, which returns when the sink has had its events. */
struct blocker {
	struct flow_source source;
	const struct flow_sink *sink;
	uint32_t calls;
};

static int emit_three_and_block(struct sluice_stage *self, uint32_t demand)
{
	struct blocker *blocker = sluice_stage_state(self);
	uint64_t *events;

	(void)demand;
	if (blocker->calls++ > 0) {
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			if (__atomic_load_n(&blocker->sink->events,
					    __ATOMIC_ACQUIRE) >= 3)
				return SLUICE_END;
			flow_sleep_ms(1);
		}
		return SLUICE_FAIL;
	}
	events = sluice_emit(self, 3);
	for (uint32_t i = 0; i < 3; i++)
		events[i] = i;
	return SLUICE_OK;
}

static void a_producer_that_blocks_keeps_nothing(void **state)
{
	(void)state;
	for (uint32_t drained = 0; drained <= 1; drained++) {
		struct flow_sink sink = {0};
		struct blocker blocker = {.sink = &sink};
		struct sluice_sub sub = {0};
		struct sluice_pipeline *p = flow_open(2);

		flow_add(p,
			 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				      .out_bytes = 8, .blocking = 1,
				      .handle_demand = emit_three_and_block,
				      .state = &blocker));
		add_sink(p, &sink);
		flow_subscribe(p, "sink", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 10,
						   .batch_min = 5,
						   .batch_wait_us = HOUR_US,
						   .sub = &sub));
		flow_start(p);
		while (flow_stats(p, "source").events_out < 3)
			flow_sleep_ms(1);
		if (drained)
			assert_int_equal(
				sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		else
			assert_int_equal(
				sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
		assert_int_equal(flow_join(p), 0);
		flow_check_all(&sink, 3);
		sluice_pipeline_close(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(singles_come_together),
		cmocka_unit_test(a_wait_ends),
		cmocka_unit_test(a_time_alone_fills_the_batch),
		cmocka_unit_test(who_deals_few_is_waited_for_in_vain),
		cmocka_unit_test(a_producer_that_blocks_keeps_nothing),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(sizes) +
			      UNIT_COUNT(hurries)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, no_batch_is_too_small, sizes);
	at = UNIT_ADD_ROWS(all, at, nothing_waits_any_more, hurries);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("gather", all, NULL, NULL);
}
