/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of several shapes on threads of several kinds: every event arrives,
 * and arrives in order. */
#include "flow.h"

#include <stdlib.h>

#define EVENTS 20000u

/* Through a window of few events there is a hand-over for each few, which takes
 * long on a busy machine. */
static uint32_t events_through(uint32_t max_demand)
{
	return max_demand == 0 || max_demand >= 100 ? EVENTS : 1000u;
}

/* ---- where stages run ---------------------------------------------------- */

static int pass_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	void *events = sluice_emit(self, batch->count);

	if (events == NULL)
		return -ENOBUFS;
	memcpy(events, batch->events, batch->count * sizeof(uint64_t));
	return SLUICE_OK;
}

/* The first CPU this process may use, from the text that refuses another. */
static uint32_t any_cpu(void)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 1};
	struct flow_sink sink = {0};
	const char *there;

	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .cpu = SLUICE_CPU(100000),
			      .handle_demand = flow_count, .state = &source));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	there = strstr(sluice_last_error(), "there are: ");
	assert_non_null(there);
	sluice_pipeline_close(p);
	return (uint32_t)strtoul(there + strlen("there are: "), NULL, 10);
}

static struct placing {
	const char *name;
	const char *dispatcher;
	uint32_t workers;
	uint32_t pinned;   /* all on one CPU */
	uint32_t blocking; /* every second stage */
	uint32_t max_demand;
	uint32_t spin_us;
} placings[] = {
	{"chain_on_one_worker", "demand", 1, 0, 0, 0, 0},
	{"chain_on_one_pinned_worker", "demand", 0, 1, 0, 0, 0},
	{"chain_on_two_workers", "demand", 2, 0, 0, 100, 0},
	{"chain_on_eight_workers", "demand", 8, 0, 0, 100, 0},
	{"chain_that_blocks", "demand", 2, 0, 1, 100, 0},
	{"chain_that_never_spins", "demand", 2, 0, 0, 10, SLUICE_SPIN_NEVER},
	{"chain_with_windows_of_one", "demand", 2, 0, 0, 1, 0},
	{"broadcast_chain", "broadcast", 8, 0, 0, 10, 0},
	{"partition_chain", "partition", 8, 0, 0, 10, 0},
	{"partition_chain_pinned", "partition", 0, 1, 0, 3, 0},
};

static void chain_delivers(void **state)
{
	static const char *const names[] = {"b0", "b1", "b2", "b3"};
	const struct placing *row = *state;
	uint32_t cpu = row->pinned ? SLUICE_CPU(any_cpu()) : 0;
	uint32_t n = events_through(row->max_demand);
	struct flow_source source = {.end = n};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = NULL;
	const struct sluice_subscription_opts *opts =
		SLUICE_SUBSCRIPTION(.max_demand = row->max_demand);

	assert_int_equal(sluice_pipeline_open(
				 &p, SLUICE_PIPELINE(.workers = row->workers,
						     .spin_us = row->spin_us)),
			 0);
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .dispatcher = row->dispatcher, .cpu = cpu,
				 .state = &source));
	for (uint32_t i = 0; i < 4; i++) {
		flow_add(p, SLUICE_STAGE(.name = names[i], .in_bytes = 8,
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .out_bytes = 8, .cpu = cpu,
					 .handle_events = pass_on,
					 .dispatcher = row->dispatcher,
					 .blocking = row->blocking && i % 2));
		flow_subscribe(p, names[i], i ? names[i - 1] : "a", opts);
	}
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .cpu = cpu, .state = &sink,
				 .handle_events = flow_collect,
				 .fini = flow_fini));
	flow_subscribe(p, "c", "b3", opts);
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, n);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

/* ---- more or fewer events out than in ------------------------------------ */

struct fan {
	uint32_t most; /* event e goes out e mod (most + 1) times */
};

static int fan_out(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct fan *fan = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t copies = (uint32_t)(events[i] % (fan->most + 1));
		uint64_t *out = copies ? sluice_emit(self, copies) : NULL;

		if (copies > 0 && out == NULL)
			return -ENOBUFS;
		for (uint32_t k = 0; k < copies; k++)
			out[k] = events[i] * (fan->most + 1) + k;
	}
	return SLUICE_OK;
}

static struct fan_row {
	const char *name;
	uint32_t most;
	uint32_t workers;
	uint32_t max_demand; /* of the last: often too small for one event */
	int32_t min_demand;
	uint32_t batch_events;
	const char *dispatcher;
} fan_rows[] = {
	{"drops_all", 0, 2, 0, 0, 0, "demand"},
	{"drops_half", 1, 2, 0, 0, 0, "demand"},
	{"up_to_7", 7, 2, 0, 0, 0, "demand"},
	{"up_to_7_one_worker", 7, 1, 0, 0, 0, "demand"},
	{"up_to_7_into_a_window_of_3", 7, 2, 3, 0, 0, "demand"},
	{"up_to_7_into_a_window_of_3_one_worker", 7, 1, 3, 0, 0, "demand"},
	{"up_to_7_into_a_window_of_1", 7, 2, 1, SLUICE_MIN_ZERO, 0, "demand"},
	{"up_to_7_in_batches_of_1", 7, 2, 0, 0, 1, "demand"},
	{"up_to_100_exact", 100, 2, 20, 5, 0, "demand"},
	{"up_to_7_broadcast", 7, 2, 5, 0, 0, "broadcast"},
	{"up_to_7_partition", 7, 2, 5, 0, 0, "partition"},
};

static void fan_out_is_exact(void **state)
{
	const struct fan_row *row = *state;
	struct fan fan = {.most = row->most};
	uint32_t n = events_through(row->max_demand);
	struct flow_source source = {.end = n};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(row->workers);
	uint64_t events = 0;
	uint64_t sum = 0;

	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .fan_out_max = row->most,
				 .batch_events = row->batch_events,
				 .dispatcher = row->dispatcher,
				 .handle_events = fan_out, .state = &fan));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "b", "a", NULL);
	flow_subscribe(p, "c", "b",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					   .min_demand = row->min_demand));
	assert_int_equal(flow_run(p), 0);
	for (uint64_t e = 0; e < n; e++) {
		uint64_t copies = e % (row->most + 1);

		events += copies;
		sum += copies * e * (row->most + 1) + flow_sum(copies);
	}
	assert_int_equal(sink.events, events);
	assert_int_equal(sink.sum, sum);
	assert_int_equal(sink.disorder, 0); /* numbers only rise */
	sluice_pipeline_close(p);
}

/* ---- joins --------------------------------------------------------------- */

static struct join_row {
	const char *name;
	uint32_t workers;
	uint64_t first; /* events of each producer */
	uint64_t second;
} join_rows[] = {
	{"two_producers_alike", 2, EVENTS, EVENTS},
	{"two_producers_one_worker", 1, EVENTS, EVENTS},
	{"two_producers_one_of_them_empty", 2, 0, EVENTS},
	{"two_producers_one_of_them_short", 2, EVENTS, 3},
};

static void consumer_of_two_producers(void **state)
{
	const struct join_row *row = *state;
	struct sluice_pipeline *p = flow_open(row->workers);
	struct flow_source sources[2] = {{.end = row->first},
					 {.end = row->second}};
	struct flow_sink sink = {0};

	flow_add_source(p, "a0", &sources[0]);
	flow_add_source(p, "a1", &sources[1]);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a0", NULL);
	flow_subscribe(p, "c", "a1", SLUICE_SUBSCRIPTION(.max_demand = 10));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(sink.of_inlet[0], row->first);
	assert_int_equal(sink.of_inlet[1], row->second);
	assert_int_equal(sink.sum,
			 flow_sum(row->first) + flow_sum(row->second));
	assert_int_equal(sink.gaps, 0);
	assert_int_equal(sink.misplaced, 0);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

/* Split by broadcast, join again: each way in order and complete. */
static void diamond(void **state)
{
	static const char *const ways[] = {"left", "right"};

	const uint32_t n = events_through(1);

	(void)state;
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct sluice_pipeline *p = flow_open(workers);
		struct flow_source source = {.end = n};
		struct flow_sink sink = {0};

		flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					 .out_bytes = 8, .state = &source,
					 .dispatcher = "broadcast",
					 .handle_demand = flow_count));
		flow_add_sink(p, "c", &sink);
		for (uint32_t i = 0; i < 2; i++) {
			flow_add(p,
				 SLUICE_STAGE(.name = ways[i], .in_bytes = 8,
					      .kind = SLUICE_PRODUCER_CONSUMER,
					      .out_bytes = 8,
					      .handle_events = pass_on));
			flow_subscribe(p, ways[i], "a", NULL);
			flow_subscribe(
				p, "c", ways[i],
				SLUICE_SUBSCRIPTION(.max_demand = 1 + 50 * i));
		}
		assert_int_equal(flow_run(p), 0);
		assert_int_equal(sink.of_inlet[0], n);
		assert_int_equal(sink.of_inlet[1], n);
		assert_int_equal(sink.gaps, 0);
		sluice_pipeline_close(p);
	}
}

/* ---- sizes --------------------------------------------------------------- */

struct bulk {
	uint32_t bytes;
	uint32_t next;
	uint32_t wrong;
};

static int bulk_demand(struct sluice_stage *self, uint32_t demand)
{
	struct bulk *bulk = sluice_stage_state(self);
	unsigned char *events = sluice_emit(self, demand);

	for (uint32_t i = 0; events != NULL && i < demand; i++)
		memset(events + (size_t)i * bulk->bytes,
		       (int)(bulk->next++ % 251), bulk->bytes);
	return bulk->next >= 500 ? SLUICE_END : SLUICE_OK;
}

static int bulk_events(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	struct bulk *bulk = sluice_stage_state(self);
	const unsigned char *byte = batch->events;

	for (uint32_t i = 0; i < batch->count; i++, bulk->next++)
		for (uint32_t k = 0; k < bulk->bytes; k++)
			bulk->wrong += *byte++ != bulk->next % 251;
	return SLUICE_OK;
}

static void events_of_many_sizes(void **state)
{
	static const uint32_t sizes[] = {1, 3, 8, 100, 4096, 65536};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct bulk from = {.bytes = sizes[i]};
		struct bulk to = {.bytes = sizes[i]};
		struct sluice_pipeline *p = flow_open(2);

		flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					 .out_bytes = sizes[i], .state = &from,
					 .handle_demand = bulk_demand));
		flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					 .in_bytes = sizes[i], .state = &to,
					 .handle_events = bulk_events));
		flow_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = 20, .min_demand = 7));
		assert_int_equal(flow_run(p), 0);
		assert_true(from.next >= 500);
		assert_int_equal(to.next, from.next);
		assert_int_equal(to.wrong, 0);
		sluice_pipeline_close(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diamond),
		cmocka_unit_test(events_of_many_sizes),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(placings) +
			      UNIT_COUNT(fan_rows) + UNIT_COUNT(join_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, chain_delivers, placings);
	at = UNIT_ADD_ROWS(all, at, fan_out_is_exact, fan_rows);
	at = UNIT_ADD_ROWS(all, at, consumer_of_two_producers, join_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("shapes", all, NULL, NULL);
}
