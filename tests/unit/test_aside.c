/* SPDX-License-Identifier: Apache-2.0 */
/* Modifiers of a subscription: onlookers beside any dispatcher (tee, conflate),
 * and lanes that are read in proportion to their weights. */
#include "tests/unit/flow.h"

#define EVENTS 20000u
#define KEYS   16u

struct onlooker {
	uint64_t events;
	uint64_t next;     /* one above the last value */
	uint32_t disorder; /* values not above the one before */
	uint32_t odd;      /* values that were not due */
	uint32_t every;
	uint32_t nap_ms;       /* in each of the first batches */
	uint64_t last[KEYS];   /* value of each key */
	uint32_t key_disorder; /* a key's values not above the one before */
};

static struct flow_source source;
static struct flow_sink sink;
static struct onlooker onlooker;

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	sink = (struct flow_sink){0};
	onlooker = (struct onlooker){.every = 1};
	return flow_setup(state);
}

static int look_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct onlooker *o = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	if (o->nap_ms > 0 && o->events < 200)
		flow_sleep_ms(o->nap_ms);
	for (uint32_t i = 0; i < batch->count; i++) {
		o->disorder += events[i] < o->next;
		o->next = events[i] + 1;
		o->odd += events[i] % o->every != 0;
		o->key_disorder += o->last[events[i] % KEYS] > events[i];
		o->last[events[i] % KEYS] = events[i];
	}
	o->events += batch->count;
	return SLUICE_OK;
}

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value % KEYS;
}

static const char *const dispatchers[] = {
	"demand", "broadcast", "partition", "rr",  "jbsq",
	"p2c",    "shared",    "atomic",    "pkg", "sticky"};

static struct sluice_pipeline *build(const char *dispatcher,
				     const struct sluice_subscription_opts *o)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = dispatcher,
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .state = &sink));
	flow_add(p, SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = look_on,
				 .blocking = 1, .state = &onlooker));
	flow_subscribe(p, "sink", "source", NULL);
	flow_subscribe(p, "onlooker", "source", o);
	return p;
}

/* With credit for all that is due it gets all that is due; the sink gets all. */
static void tee_gives_one_in_so_many(void **state)
{
	for (size_t d = 0; d < UNIT_COUNT(dispatchers); d++) {
		struct sluice_pipeline *p;

		(void)set_up(state);
		onlooker.every = 10;
		p = build(dispatchers[d],
			  SLUICE_SUBSCRIPTION(.max_demand = EVENTS, .tee = 10));
		assert_int_equal(flow_run(p), 0);
		assert_int_equal(sink.events, EVENTS);
		assert_int_equal(onlooker.events, EVENTS / 10);
		assert_int_equal(onlooker.odd, 0);
		assert_int_equal(onlooker.disorder, 0);
		sluice_pipeline_close(p);
	}
}

/* One that sleeps holds nobody up, and what it missed is counted. */
static void tee_passes_over_the_slow(void **state)
{
	struct sluice_pipeline *p =
		build("demand", SLUICE_SUBSCRIPTION(.max_demand = 2, .tee = 1));
	struct sluice_stage_stats stats;

	(void)state;
	onlooker.nap_ms = 1;
	assert_int_equal(flow_run(p), 0);
	stats = flow_stats(p, "source");
	assert_int_equal(sink.events, EVENTS);
	assert_true(onlooker.events < EVENTS);
	assert_int_equal(onlooker.events + stats.passed_over, EVENTS);
	assert_int_equal(onlooker.disorder, 0);
	sluice_pipeline_close(p);
}

/* However slow, it ends with the latest of every key. */
static void conflate_keeps_the_latest(void **state)
{
	for (size_t d = 0; d < UNIT_COUNT(dispatchers); d++) {
		struct sluice_pipeline *p;
		struct sluice_stage_stats stats;

		(void)set_up(state);
		p = build(dispatchers[d],
			  SLUICE_SUBSCRIPTION(.max_demand = 4,
					      .conflate_keys = KEYS,
					      .key_of = key_of));
		onlooker.nap_ms = 1;
		assert_int_equal(flow_run(p), 0);
		stats = flow_stats(p, "source");
		assert_int_equal(sink.events, EVENTS);
		assert_int_equal(onlooker.key_disorder, 0);
		for (uint32_t k = 0; k < KEYS; k++)
			assert_int_equal(onlooker.last[k], EVENTS - KEYS + k);
		assert_int_equal(onlooker.events + stats.passed_over, EVENTS);
		sluice_pipeline_close(p);
	}
}

/* More keys wait than there is room for: the oldest go, the rest is exact. */
static void conflate_has_a_limit(void **state)
{
	struct sluice_pipeline *p =
		build("demand",
		      SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 4,
					  .key_of = key_of));
	struct sluice_stage_stats stats;

	(void)state;
	onlooker.nap_ms = 1;
	assert_int_equal(flow_run(p), 0);
	stats = flow_stats(p, "source");
	assert_int_equal(sink.events, EVENTS);
	assert_int_equal(onlooker.key_disorder, 0);
	assert_int_equal(onlooker.events + stats.passed_over, EVENTS);
	sluice_pipeline_close(p);
}

/* Onlookers come and go while events flow. */
static void onlookers_come_and_go(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};

	(void)state;
	source.end = UINT64_MAX;
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	flow_add(p,
		 SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = look_on,
			      .on_idle = SLUICE_IDLE_STAY, .state = &onlooker));
	flow_start(p);
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t before = flow_stats(p, "onlooker").events_in;

		flow_subscribe(
			p, "onlooker", "source",
			i % 2 ? SLUICE_SUBSCRIPTION(.max_demand = 8, .tee = 3,
						    .on_end = SLUICE_TEMPORARY,
						    .sub = &sub)
			      : SLUICE_SUBSCRIPTION(.max_demand = 8,
						    .conflate_keys = 8,
						    .on_end = SLUICE_TEMPORARY,
						    .sub = &sub));
		flow_wait_handled(p, "onlooker", before + 10);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, source.next);
	sluice_pipeline_close(p);
}

/* A stage that only onlookers are left to has no consumer any more. */
static int take_ten(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_END;
}

static void onlookers_are_no_consumers(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	source.end = UINT64_MAX;
	flow_add_source(p, "source", &source);
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take_ten));
	flow_subscribe(p, "sink", "source", NULL);
	flow_add(p, SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = look_on,
				 .state = &onlooker));
	flow_subscribe(p, "onlooker", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .tee = 1));
	/* What it had been sent and did not take has nowhere to go. */
	assert_int_equal(flow_run(p), -EPIPE);
	sluice_pipeline_close(p);
}

/* ---- weighted lanes ------------------------------------------------------ */

#define LANES 2u

struct reader {
	struct sluice_pipeline *pipeline;
	uint64_t of[LANES];
	uint64_t at_half[LANES]; /* when half of all had been read */
};

static int read_lanes(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	struct reader *r = sluice_stage_state(self);

	/* It begins when both lanes are full. */
	while (r->of[0] + r->of[1] == 0 &&
	       flow_stats(r->pipeline, "source").events_out < EVENTS)
		flow_sleep_ms(1);
	r->of[batch->inlet] += batch->count;
	if (r->at_half[0] + r->at_half[1] == 0 &&
	    r->of[0] + r->of[1] >= EVENTS / 2)
		memcpy(r->at_half, r->of, sizeof(r->at_half));
	return SLUICE_OK;
}

static uint64_t lane_of(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value % LANES;
}

/* Of two lanes, both full, the one that weighs 4 is read 4 times as much. */
static void lanes_are_read_by_weight(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct reader reader = {.pipeline = p};

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "partition",
			      .partitions = LANES, .key_of = lane_of,
			      .cpu = SLUICE_CPU(0), .handle_demand = flow_count,
			      .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = read_lanes,
				 .blocking = 1, .state = &reader));
	for (uint32_t i = 0; i < LANES; i++)
		flow_subscribe(
			p, "reader", "source",
			SLUICE_SUBSCRIPTION(.max_demand = EVENTS,
					    .partition = SLUICE_PARTITION(i),
					    .weight = i == 0 ? 4 : 1));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(reader.of[0], EVENTS / 2);
	assert_int_equal(reader.of[1], EVENTS / 2);
	if (reader.at_half[0] < 3 * reader.at_half[1])
		fail_msg("read %llu and %llu: not by weight",
			 (unsigned long long)reader.at_half[0],
			 (unsigned long long)reader.at_half[1]);
	sluice_pipeline_close(p);
}

/* ---- beside partitions ---------------------------------------------------------- */

static struct flow_sink lane_sinks[LANES];
static struct flow_sink looker[2]; /* declared, and come later */

static void add_lane(struct sluice_pipeline *p, const char *name, uint32_t i)
{
	memset(&lane_sinks[i], 0, sizeof(lane_sinks[i]));
	memset(&looker[i], 0, sizeof(looker[i]));
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &lane_sinks[i]));
}

static void read_lane(struct sluice_pipeline *p, const char *name, uint32_t i)
{
	flow_subscribe(p, name, "in",
		       SLUICE_SUBSCRIPTION(.partition = SLUICE_PARTITION(i)));
}

static void await_phase(struct sluice_pipeline *p, const char *consumer,
			enum sluice_sub_phase phase)
{
	int is = 0;

	for (uint32_t ms = 0; !is; ms++) {
		struct sluice_snapshot *now = NULL;

		assert_true(ms < FLOW_DEADLINE_MS);
		assert_int_equal(sluice_pipeline_stat(p, &now), 0);
		for (uint32_t i = 0; i < now->subscription_count; i++)
			is |= strcmp(now->subscriptions[i]->consumer,
				     consumer) == 0 &&
			      now->subscriptions[i]->phase == phase;
		sluice_snapshot_close(now);
		flow_sleep_ms(1);
	}
}

static void send_counted(struct sluice_stage *in, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		assert_int_equal(sluice_send(in, &i, 1, FLOW_DEADLINE_MS), 1);
}

static void open_partitions(struct sluice_pipeline *p, struct sluice_sub *looks)
{
	flow_add(p, SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .dispatcher = "partition",
				 .partitions = LANES, .key_of = lane_of,
				 .flags = SLUICE_STAGE_PORT));
	flow_add(p, SLUICE_STAGE(.name = "looks", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &looker[0]));
	flow_add(p, SLUICE_STAGE(.name = "late", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .on_idle = SLUICE_IDLE_STAY,
				 .state = &looker[1]));
	flow_subscribe(
		p, "looks", "in",
		SLUICE_SUBSCRIPTION(.tee = 1, .max_demand = 256, .sub = looks));
	add_lane(p, "first", 0);
	add_lane(p, "second", 1);
	read_lane(p, "first", 0);
	flow_start(p);
}

/* Each sees all events from where it came, and takes no partition, also one that nobody
 * reads yet. */
static void onlookers_see_all_partitions(void **state)
{
	struct sluice_pipeline *p = flow_open_named(2);
	struct sluice_sub looks = {0};
	struct sluice_stage *in;

	(void)state;
	open_partitions(p, &looks);
	in = sluice_stage_find(p, "in");
	send_counted(in, 0, 100);
	flow_subscribe(p, "late", "in",
		       SLUICE_SUBSCRIPTION(.tee = 1, .max_demand = 256));
	await_phase(p, "late", SLUICE_SUB_OPEN);
	read_lane(p, "second", 1);
	send_counted(in, 100, 200);
	assert_int_equal(
		sluice_subscribe(
			p, "late", "in",
			SLUICE_SUBSCRIPTION(.tee = 1,
					    .partition = SLUICE_PARTITION(1))),
		-EINVAL);
	assert_text_has(sluice_last_error(),
			"partition 1 is set, and tee looks on at all events");
	assert_int_equal(sluice_cancel(looks, SLUICE_REASON_NORMAL, 0), 0);
	await_phase(p, "looks", SLUICE_SUB_ENDED);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	assert_int_equal(lane_sinks[0].events, 100);
	assert_int_equal(lane_sinks[1].events, 100);
	assert_int_equal(looker[0].events, 200);
	assert_int_equal(looker[0].sum, flow_sum(200));
	assert_int_equal(looker[1].events, 100);
	assert_int_equal(looker[1].sum, flow_sum(200) - flow_sum(100));
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(tee_gives_one_in_so_many),
		cmocka_unit_test(tee_passes_over_the_slow),
		cmocka_unit_test(conflate_keeps_the_latest),
		cmocka_unit_test(conflate_has_a_limit),
		cmocka_unit_test(onlookers_come_and_go),
		cmocka_unit_test(onlookers_are_no_consumers),
		cmocka_unit_test(lanes_are_read_by_weight),
		cmocka_unit_test(onlookers_see_all_partitions),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
