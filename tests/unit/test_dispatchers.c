/* SPDX-License-Identifier: Apache-2.0 */
/* Every dispatcher in a whole pipeline, with consumers that fail, come and go:
 * each event is handled once, and keys keep their order where that is promised. */
#include "tests/unit/flow.h"

#define EVENTS    40000u
#define CONSUMERS 4u
#define KEYS      64u

static struct flow_source source;
static sluice_a32 handled[EVENTS]; /* how often */
static sluice_a32 last[KEYS];      /* one above its last event handled */
static sluice_a32 disorder;
static sluice_a32 overlaps; /* a key was in two hands */
static sluice_a32 busy[KEYS];

struct hand {
	uint32_t batches;
	uint32_t retry_one_in; /* 0: never */
};

static struct hand hands[CONSUMERS];

static struct row {
	const char *name;
	struct sluice_stage_opts opts;
	uint32_t max_demand;
	uint32_t keeps_keys; /* order per key, one consumer at a time */
} rows[] = {
	{"demand", {.dispatcher = "demand"}, 100, 0},
	{"demand_whole",
	 {.dispatcher = "demand", .chunk_events = SLUICE_CHUNK_ALL},
	 100,
	 0},
	{"demand_in_chunks", {.dispatcher = "demand", .chunk_events = 3}, 7, 0},
	{"rr", {.dispatcher = "rr"}, 64, 0},
	{"rr_skip", {.dispatcher = "rr", .flags = SLUICE_STAGE_SKIP}, 9, 0},
	{"jbsq", {.dispatcher = "jbsq"}, 200, 0},
	{"jbsq_of_two", {.dispatcher = "jbsq", .in_flight_max = 2}, 64, 0},
	{"p2c", {.dispatcher = "p2c"}, 50, 0},
	{"p2c_of_three", {.dispatcher = "p2c", .in_flight_max = 3}, 64, 0},
	{"shared", {.dispatcher = "shared"}, 100, 0},
	{"partition", {.dispatcher = "partition", .key_bytes = 8}, 100, 1},
	{"partition_small",
	 {.dispatcher = "partition", .key_bytes = 8, .spill_events = 64},
	 5,
	 1},
	{"partition_moving",
	 {.dispatcher = "partition", .key_bytes = 8, .rebalance_percent = 1},
	 100,
	 1},
	{"partition_moving_small",
	 {.dispatcher = "partition",
	  .key_bytes = 8,
	  .rebalance_percent = 1,
	  .spill_events = 128},
	 8,
	 1},
	{"atomic", {.dispatcher = "atomic", .key_bytes = 8}, 100, 1},
	{"atomic_small",
	 {.dispatcher = "atomic",
	  .key_bytes = 8,
	  .spill_events = 64,
	  .key_groups = 16},
	 6,
	 1},
	{"pkg", {.dispatcher = "pkg", .key_bytes = 8}, 100, 0},
	{"sticky", {.dispatcher = "sticky", .key_bytes = 8}, 100, 0},
	{"sticky_tight",
	 {.dispatcher = "sticky", .key_bytes = 8, .load_percent = 100},
	 10,
	 0},
};

struct item {
	uint64_t key;
	uint64_t number;
};

static int set_up(void **state)
{
	(void)state;
	source = (struct flow_source){.end = EVENTS};
	memset(hands, 0, sizeof(hands));
	memset(handled, 0, sizeof(handled));
	memset(last, 0, sizeof(last));
	memset(busy, 0, sizeof(busy));
	sluice_store_release(&disorder, 0);
	sluice_store_release(&overlaps, 0);
	flow_fds_before = fds_count();
	flow_regions_before = fds_mappings("memfd:sluice:");
	return 0;
}

static int tear_down(void **state)
{
	return flow_teardown(state);
}

/* Half of the events have one of eight keys. */
static int make(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *s = sluice_stage_state(self);
	uint64_t left = s->end - s->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct item *items = sluice_emit(self, n);

	for (uint32_t i = 0; items != NULL && i < n; i++) {
		uint64_t number = s->next++;
		uint64_t spread = (number * UINT64_C(2654435761)) >> 7;

		items[i].number = number;
		items[i].key = spread % 2 ? spread / 2 % 8 : spread / 2 % KEYS;
	}
	return s->next == s->end ? SLUICE_END : SLUICE_OK;
}

static void handle_one(const struct item *item)
{
	uint32_t number = (uint32_t)item->number;

	/* Long enough for others to come and go meanwhile. */
	for (volatile uint32_t spin = 0; spin < 500; spin++)
		;
	if (sluice_fetch_add(&busy[item->key], 1) != 0)
		(void)sluice_fetch_add(&overlaps, 1);
	if (sluice_load_acquire(&last[item->key]) > number)
		(void)sluice_fetch_add(&disorder, 1);
	sluice_store_release(&last[item->key], number + 1);
	(void)sluice_fetch_add(&handled[number], 1);
	(void)sluice_fetch_add(&busy[item->key], UINT32_MAX);
}

static int handle(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct hand *hand = sluice_stage_state(self);
	const struct item *items = batch->events;

	hand->batches++;
	if (hand->retry_one_in && hand->batches % hand->retry_one_in == 0)
		return SLUICE_RETRY;
	for (uint32_t i = 0; i < batch->count; i++)
		handle_one(&items[i]);
	return SLUICE_OK;
}

static const char *const names[CONSUMERS] = {"c0", "c1", "c2", "c3"};

static struct sluice_pipeline *build(const struct row *row, uint32_t subscribed)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_stage_opts o = row->opts;

	o.size = sizeof(o);
	o.name = "source";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = sizeof(struct item);
	o.handle_demand = make;
	o.state = &source;
	flow_add(p, &o);
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		flow_add(p,
			 SLUICE_STAGE(.name = names[i], .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .handle_events = handle,
				      .max_deliveries = 1000,
				      .on_idle = SLUICE_IDLE_STAY,
				      .state = &hands[i]));
		if (i < subscribed)
			flow_subscribe(
				p, names[i], "source",
				SLUICE_SUBSCRIPTION(.max_demand =
							    row->max_demand));
	}
	return p;
}

static void check(const struct row *row)
{
	for (uint32_t i = 0; i < EVENTS; i++)
		if (sluice_load_acquire(&handled[i]) != 1)
			fail_msg("event %u was handled %u times", i,
				 sluice_load_acquire(&handled[i]));
	if (row->keeps_keys) {
		assert_int_equal(sluice_load_acquire(&disorder), 0);
		assert_int_equal(sluice_load_acquire(&overlaps), 0);
	}
}

/* All there from the start; each fails now and then. */
static void each_event_is_handled_once(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = build(row, CONSUMERS);

	for (uint32_t i = 0; i < CONSUMERS; i++)
		hands[i].retry_one_in = 5 + 3 * i;
	flow_start(p);
	flow_wait_handled(p, "c0", 1);
	while (flow_stats(p, "source").events_out < EVENTS)
		flow_sleep_ms(1);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	check(row);
	sluice_pipeline_close(p);
}

/* One stays, the others come and go while events flow. */
static void whoever_comes_and_goes(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = build(row, 1);
	struct sluice_sub sub[CONSUMERS];

	flow_start(p);
	for (uint32_t round = 0; round < 6; round++) {
		uint32_t there = 0;

		for (uint32_t i = 1; i < CONSUMERS; i++) {
			int rc = sluice_subscribe(
				p, names[i], "source",
				SLUICE_SUBSCRIPTION(.max_demand =
							    row->max_demand,
						    .on_end = SLUICE_TEMPORARY,
						    .sub = &sub[i]));

			if (rc != 0)
				break; /* the source has ended */
			there = i;
		}
		flow_sleep_ms(1);
		for (uint32_t i = 1; i <= there; i++)
			if (sluice_cancel(sub[i], SLUICE_REASON_NORMAL, 0) != 0)
				break;
	}
	while (flow_stats(p, "source").events_out < EVENTS)
		flow_sleep_ms(1);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	check(row);
	sluice_pipeline_close(p);
}

/* Key groups have owners only in partition: elsewhere there may be more consumers
 * than these. */
static void subscriptions_outnumber_key_groups(void **state)
{
	const char *const *dispatcher = *state;
	struct sluice_pipeline *p = flow_open(1);

	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .dispatcher = *dispatcher, .key_bytes = 8,
				 .handle_demand = make, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "c0", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .handle_events = handle, .state = &hands[0]));
	for (uint32_t i = 0; i < 257; i++)
		flow_subscribe(p, "c0", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 4));
	source.end = 2000;
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(flow_stats(p, "c0").events_in, 2000);
	sluice_pipeline_close(p);
}

static const char *const spilling[] = {"atomic", "pkg"};

int main(void)
{
	static struct CMUnitTest
		tests[2 * UNIT_COUNT(rows) + UNIT_COUNT(spilling)];
	static char names_of[2 * UNIT_COUNT(rows)][48];

	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		(void)snprintf(names_of[2 * i], sizeof(names_of[0]), "%s_once",
			       rows[i].name);
		(void)snprintf(names_of[2 * i + 1], sizeof(names_of[0]),
			       "%s_members", rows[i].name);
		tests[2 * i] = (struct CMUnitTest){names_of[2 * i],
						   each_event_is_handled_once,
						   set_up, tear_down, &rows[i]};
		tests[2 * i + 1] = (struct CMUnitTest){
			names_of[2 * i + 1], whoever_comes_and_goes, set_up,
			tear_down, &rows[i]};
	}
	for (size_t i = 0; i < UNIT_COUNT(spilling); i++)
		tests[2 * UNIT_COUNT(rows) + i] = (struct CMUnitTest){
			spilling[i], subscriptions_outnumber_key_groups, set_up,
			tear_down, (void *)(uintptr_t)&spilling[i]};
	return cmocka_run_group_tests_name("dispatchers", tests, NULL, NULL);
}
