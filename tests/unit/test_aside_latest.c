/* SPDX-License-Identifier: Apache-2.0 */
/* The latest event of an onlooker reaches it, whatever its stage does meanwhile;
 * and what it never gets is counted. */
#include "tests/unit/flow.h"

static struct flow_source source;
static struct flow_sink sink;

static int set_up(void **state)
{
	source = (struct flow_source){.end = 20000};
	sink = (struct flow_sink){0};
	return flow_setup(state);
}

static uint32_t look_shut;
static uint64_t looked_at;

static int look_behind_gate(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	(void)self;
	while (__atomic_load_n(&look_shut, __ATOMIC_ACQUIRE))
		flow_sleep_ms(1);
	__atomic_store_n(&looked_at,
			 SLUICE_EVENTS(batch, uint64_t)[batch->count - 1],
			 __ATOMIC_RELEASE);
	return SLUICE_OK;
}

static uint64_t one_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

/* An onlooker, shut; what its stage made meanwhile waits for it. */
static void add_shut_onlooker(struct sluice_pipeline *p, const char *of)
{
	__atomic_store_n(&look_shut, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&looked_at, UINT64_MAX, __ATOMIC_RELEASE);
	flow_add(p, SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1,
				 .handle_events = look_behind_gate));
	flow_subscribe(p, "onlooker", of,
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 1,
					   .key_of = one_key));
}

static void await_latest(uint64_t latest)
{
	__atomic_store_n(&look_shut, 0, __ATOMIC_RELEASE);
	for (uint32_t ms = 0;
	     __atomic_load_n(&looked_at, __ATOMIC_ACQUIRE) != latest; ms++) {
		if (ms == FLOW_DEADLINE_MS)
			fail_msg("the onlooker is at %llu",
				 (unsigned long long)looked_at);
		flow_sleep_ms(1);
	}
}

static void await_events_in(struct sluice_pipeline *p, const char *name,
			    uint64_t n)
{
	for (uint32_t ms = 0; flow_stats(p, name).events_in < n; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

static int pass_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	memcpy(sluice_emit(self, batch->count), batch->events,
	       (size_t)batch->count * 8);
	return SLUICE_OK;
}

/* Its inputs have ended, and it stays. */
static void the_latest_leaves_a_stage_without_inputs(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	source.end = 20;
	source.most = 1;
	flow_add_source(p, "source", &source);
	flow_add(p,
		 SLUICE_STAGE(.name = "middle",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .handle_events = pass_on,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "middle", "source", NULL);
	flow_subscribe(p, "sink", "middle", NULL);
	add_shut_onlooker(p, "middle");
	flow_start(p);
	await_events_in(p, "sink", 20);
	await_latest(19);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

static int count_then_rest(struct sluice_stage *self, uint32_t demand)
{
	(void)flow_count(self, demand < 20 - source.next
				       ? demand
				       : (uint32_t)(20 - source.next));
	return SLUICE_OK;
}

/* It holds back what it makes from here on; this is made. */
static void the_latest_leaves_a_stage_that_accumulates(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	source.most = 1;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .state = &source,
				 .handle_demand = count_then_rest));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	add_shut_onlooker(p, "source");
	flow_start(p);
	await_events_in(p, "sink", 20);
	assert_int_equal(sluice_demand_set(sluice_stage_find(p, "source"),
					   SLUICE_DEMAND_ACCUMULATE),
			 0);
	await_latest(19);
	sluice_pipeline_close(p);
}

static int fail_once_at_the_end(struct sluice_stage *self, uint32_t demand)
{
	if (source.next == 20)
		return SLUICE_FAIL;
	return count_then_rest(self, demand);
}

/* It has failed, and is not up again for as long as the test lasts. */
static void the_latest_leaves_a_stage_that_is_down(void **state)
{
	struct sluice_pipeline *p = NULL;

	(void)state;
	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = 2, .backoff_ms = 60000,
					    .backoff_max_ms = 60000)),
		0);
	source.most = 1;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .state = &source,
				 .handle_demand = fail_once_at_the_end,
				 .restart = SLUICE_RESTART_TRANSIENT));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	add_shut_onlooker(p, "source");
	flow_start(p);
	await_events_in(p, "sink", 20);
	await_latest(19);
	sluice_pipeline_close(p);
}

static int leave_when_all_is_made(struct sluice_stage *self,
				  const struct sluice_batch *batch)
{
	struct sluice_pipeline *p = sluice_stage_state(self);

	(void)batch;
	while (flow_stats(p, "source").events_out < 20)
		flow_sleep_ms(1);
	return SLUICE_END;
}

/* Its last consumer has left events that nobody takes any more: they are
 * stranded, but the onlooker is there. */
static void the_latest_leaves_a_stage_without_consumers(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	source.most = 1;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .state = &source,
				 .handle_demand = count_then_rest));
	flow_add(p, SLUICE_STAGE(.name = "leaver", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1, .state = p,
				 .handle_events = leave_when_all_is_made));
	flow_subscribe(p, "leaver", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64, .min_demand = 60));
	add_shut_onlooker(p, "source");
	flow_start(p);
	await_events_in(p, "leaver", 1);
	flow_sleep_ms(20); /* for an end that would come too early */
	await_latest(19);
	(void)flow_join(p);
	assert_int_equal(flow_stats(p, "source").stranded,
			 20 - flow_stats(p, "leaver").events_in);
	sluice_pipeline_close(p);
}

/* What waits for an onlooker that goes is counted, as what it missed. */
static void what_waits_for_one_that_goes_is_counted(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_stage_stats stats;

	(void)state;
	source.end = 20;
	source.most = 1;
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_add(p, SLUICE_STAGE(.name = "port", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_subscribe(p, "sink", "source", NULL);
	flow_subscribe(p, "port", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 1,
					   .key_of = one_key));
	flow_start(p);
	await_events_in(p, "sink", 20);
	assert_int_equal(sluice_port_end(sluice_stage_find(p, "port"),
					 SLUICE_REASON_NORMAL),
			 0);
	assert_int_equal(flow_join(p), 0);
	stats = flow_stats(p, "source");
	/* One lay in its ring. */
	assert_int_equal(stats.passed_over, 19);
	sluice_pipeline_close(p);
}

/* One that is being cancelled, and looks at its last event still, is waited for by
 * nobody: its stage ends. */
static void who_is_cancelled_holds_up_no_end(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};

	(void)state;
	__atomic_store_n(&look_shut, 1, __ATOMIC_RELEASE);
	source.end = 20;
	source.most = 1;
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64,
					   .on_end = SLUICE_PERMANENT));
	flow_add(p, SLUICE_STAGE(.name = "onlooker", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .blocking = 1,
				 .handle_events = look_behind_gate));
	flow_subscribe(p, "onlooker", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 1,
					   .key_of = one_key, .sub = &sub));
	flow_start(p);
	await_events_in(p, "sink", 20);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	for (uint32_t ms = 0;
	     __atomic_load_n(&source.ended.finis, __ATOMIC_ACQUIRE) == 0;
	     ms++) {
		if (ms == FLOW_DEADLINE_MS)
			fail_msg("the source does not end");
		flow_sleep_ms(1);
	}
	__atomic_store_n(&look_shut, 0, __ATOMIC_RELEASE);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_leaves_a_stage_without_inputs),
		cmocka_unit_test(the_latest_leaves_a_stage_that_accumulates),
		cmocka_unit_test(the_latest_leaves_a_stage_that_is_down),
		cmocka_unit_test(the_latest_leaves_a_stage_without_consumers),
		cmocka_unit_test(what_waits_for_one_that_goes_is_counted),
		cmocka_unit_test(who_is_cancelled_holds_up_no_end),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("aside_latest", tests, NULL, NULL);
}
