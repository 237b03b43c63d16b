/* SPDX-License-Identifier: Apache-2.0 */
/* Where batches end. With an explicit min_demand the borders are exact: they
 * follow from max and min alone, whoever is slow. */
#include "flow.h"

#define BORDERS 8u

static struct exact {
	const char *name;
	uint32_t max_demand;
	int32_t min_demand;
	struct {
		uint64_t first;
		uint32_t count;
	} border[BORDERS];
} exacts[] = {
	{"defaults_of_old",
	 1000,
	 SLUICE_MIN_HALF,
	 {{0, 500},
	  {500, 500},
	  {1000, 500},
	  {1500, 500},
	  {2000, 500},
	  {2500, 500},
	  {3000, 500},
	  {3500, 500}}},
	{"max_100_min_80",
	 100,
	 80,
	 {{0, 20},
	  {20, 20},
	  {40, 20},
	  {60, 20},
	  {80, 20},
	  {100, 20},
	  {120, 20},
	  {140, 20}}},
	{"max_100_min_20",
	 100,
	 20,
	 {{0, 80},
	  {80, 20},
	  {100, 80},
	  {180, 80},
	  {260, 20},
	  {280, 80},
	  {360, 80},
	  {440, 20}}},
	{"max_1_min_0",
	 1,
	 SLUICE_MIN_ZERO,
	 {{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}}},
	{"max_10_min_0",
	 10,
	 SLUICE_MIN_ZERO,
	 {{0, 10},
	  {10, 10},
	  {20, 10},
	  {30, 10},
	  {40, 10},
	  {50, 10},
	  {60, 10},
	  {70, 10}}},
	{"max_5_min_half",
	 5,
	 SLUICE_MIN_HALF,
	 {{0, 3}, {3, 2}, {5, 3}, {8, 3}, {11, 2}, {13, 3}, {16, 3}, {19, 2}}},
};

/* Far enough for every border of the period to lie across the ring's end once:
 * such a batch is put together from two pieces. */
static void borders_are_exact(void **state)
{
	const struct exact *row = *state;
	uint64_t n = row->max_demand < 1000 ? 6000 : 100000;

	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct flow_source source = {.end = n};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(workers);

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					    .min_demand = row->min_demand));
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&sink, n);
		for (size_t i = 0; i < BORDERS; i++) {
			assert_int_equal(sink.border[i].first,
					 row->border[i].first);
			assert_int_equal(sink.border[i].count,
					 row->border[i].count);
		}
		assert_int_equal(sink.largest, row->border[0].count);
		sluice_pipeline_close(p);
	}
}

static int collect_and_pass_on(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	memcpy(sluice_emit(self, batch->count), batch->events,
	       (size_t)batch->count * 8);
	return flow_collect(self, batch);
}

/* A stage whose output finds room for one event at a time gets the same batches:
 * what it makes of them waits. */
static void borders_in_the_middle(void **state)
{
	const struct exact *row = &exacts[2];
	const uint64_t n = 6000;
	struct flow_source source = {.end = n};
	struct flow_sink middle = {0};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add(p,
		 SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
			      .in_bytes = 8, .out_bytes = 8, .state = &middle,
			      .handle_events = collect_and_pass_on));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "b", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					   .min_demand = row->min_demand));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 1));
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&middle, n);
	flow_check_all(&sink, n);
	for (size_t i = 0; i < BORDERS; i++) {
		assert_int_equal(middle.border[i].first, row->border[i].first);
		assert_int_equal(middle.border[i].count, row->border[i].count);
	}
	sluice_pipeline_close(p);
}

/* The borders repeat to the end: so many batches of each size, no odd ones. */
static struct period {
	const char *name;
	uint32_t max_demand;
	int32_t min_demand;
	uint64_t events;
	uint64_t batches;
} periods[] = {
	{"period_500", 1000, SLUICE_MIN_HALF, 500 * 200, 200},
	{"period_20", 100, 80, 20 * 2000, 2000},
	{"period_80_20_80", 100, 20, 180 * 500, 1500},
	{"period_1", 1, SLUICE_MIN_ZERO, 4000, 4000},
	{"period_10", 10, SLUICE_MIN_ZERO, 10 * 2000, 2000},
};

static void borders_repeat(void **state)
{
	const struct period *row = *state;

	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct flow_source source = {.end = row->events};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(workers);

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_subscribe(
			p, "c", "a",
			SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					    .min_demand = row->min_demand));
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&sink, row->events);
		assert_int_equal(sink.batches, row->batches);
		sluice_pipeline_close(p);
	}
}

/* A source with few events: what there is comes, without waiting for more. */
static void short_stream(void **state)
{
	struct flow_source source = {.end = 10};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = SLUICE_DEMAND_DEFAULT,
					   .min_demand = SLUICE_MIN_HALF));
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 10);
	assert_int_equal(sink.batches, 1);
	sluice_pipeline_close(p);
}

/* One consumer, twice subscribed to one producer: two windows of 4, four
 * batches of 2, each subscription in order. */
static void one_consumer_subscribed_twice(void **state)
{
	const struct sluice_subscription_opts *opts =
		SLUICE_SUBSCRIPTION(.max_demand = 4,
				    .min_demand = SLUICE_MIN_HALF);

	(void)state;
	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct flow_source source = {.end = 8};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(workers);

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_subscribe(p, "c", "a", opts);
		flow_subscribe(p, "c", "a", opts);
		assert_int_equal(flow_run(p), 0);
		assert_int_equal(sink.events, 8);
		assert_int_equal(sink.sum, flow_sum(8));
		assert_int_equal(sink.batches, 4);
		assert_int_equal(sink.largest, 2);
		assert_int_equal(sink.of_inlet[0], 4);
		assert_int_equal(sink.of_inlet[1], 4);
		assert_int_equal(sink.disorder, 0);
		assert_int_equal(sink.misplaced, 0);
		sluice_pipeline_close(p);
	}
}

/* ---- selectors ----------------------------------------------------------- */

/* One event in so many. */
struct one_in {
	uint64_t every;
	uint64_t calls;
};

static int one_in(const void *event, void *ctx)
{
	struct one_in *one = ctx;
	uint64_t number;

	one->calls++;
	memcpy(&number, event, sizeof(number));
	return number % one->every == 0;
}

static int none(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 0;
}

/* Sums up what passes, and notes when a batch comes empty. */
struct sieve {
	uint64_t events;
	uint64_t sum;
	uint64_t empty;
	uint64_t next;
	uint64_t disorder;
};

static int sieve_events(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct sieve *sieve = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	sieve->empty += batch->count == 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		sieve->disorder += events[i] < sieve->next;
		sieve->next = events[i] + 1;
		sieve->sum += events[i];
	}
	sieve->events += batch->count;
	return SLUICE_OK;
}

static struct selector_row {
	const char *name;
	uint64_t every;
	uint32_t workers;
	uint32_t max_demand;
	int32_t min_demand;
} selector_rows[] = {
	{"selector_1_in_1000", 1000, 2, 4, 0},
	{"selector_1_in_1000_one_worker", 1000, 1, 4, 0},
	{"selector_1_in_1000_exact", 1000, 2, 4, SLUICE_MIN_ZERO},
	{"selector_1_in_3_exact", 3, 2, 100, 20},
	{"selector_1_in_2", 2, 2, 0, 0},
	{"selector_takes_all", 1, 2, 7, SLUICE_MIN_HALF},
};

/* What a selector refuses costs no credit: rare events still come. Its
 * neighbours get all, and one who wants nothing gets nothing. */
static void selector_lets_through(void **state)
{
	const struct selector_row *row = *state;
	const uint64_t n = 30000;
	struct sluice_pipeline *p = flow_open(row->workers);
	struct flow_source source = {.end = n};
	struct flow_sink sink = {0};
	struct sieve some = {0};
	struct sieve nothing = {0};
	struct one_in one = {.every = row->every};
	uint64_t passed = (n + row->every - 1) / row->every;
	struct sluice_stage_stats stats;

	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "some", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sieve_events,
				 .state = &some));
	flow_add(p, SLUICE_STAGE(.name = "nothing", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sieve_events,
				 .state = &nothing));
	flow_add_sink(p, "all", &sink);
	flow_subscribe(p, "some", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					   .min_demand = row->min_demand,
					   .selector = one_in,
					   .selector_ctx = &one));
	flow_subscribe(p, "nothing", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 3, .selector = none));
	flow_subscribe(p, "all", "a", NULL);
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, n);
	assert_int_equal(some.events, passed);
	assert_int_equal(some.sum, row->every * flow_sum(passed));
	assert_int_equal(some.disorder, 0);
	assert_int_equal(some.empty, 0);
	assert_int_equal(one.calls, n); /* once each: it may keep count */
	assert_int_equal(nothing.events + nothing.empty, 0);
	assert_int_equal(sluice_stage_stat(p, "some", &stats), 0);
	assert_int_equal(stats.events_in, passed);
	assert_int_equal(stats.refused, n - passed);
	assert_int_equal(sluice_stage_stat(p, "nothing", &stats), 0);
	assert_int_equal(stats.refused, n);
	assert_int_equal(stats.batches_in, 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(borders_in_the_middle),
		cmocka_unit_test(short_stream),
		cmocka_unit_test(one_consumer_subscribed_twice),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(exacts) +
			      UNIT_COUNT(periods) + UNIT_COUNT(selector_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, borders_are_exact, exacts);
	at = UNIT_ADD_ROWS(all, at, borders_repeat, periods);
	at = UNIT_ADD_ROWS(all, at, selector_lets_through, selector_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("batches", all, NULL, NULL);
}
