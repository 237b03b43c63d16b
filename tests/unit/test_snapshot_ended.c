/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot tells of what ends, and of what has ended. */
#include "tests/unit/look.h"

/* ---- what ends ----------------------------------------------------------- */

/* A stop that its callback does not heed. */
static void a_pipeline_ends_in_steps(void **state)
{
	struct sluice_sub sub;

	(void)state;
	open_gated(&sub);
	sluice_pipeline_stop(pipeline);
	look_until_stage("source", SLUICE_PHASE_ENDED);
	assert_int_equal(seen->phase, SLUICE_PHASE_ENDING);
	assert_int_equal(stage_row("source")->worker, SLUICE_WORKER_NONE);
	assert_int_equal(stage_row("gated")->phase, SLUICE_PHASE_RUNNING);
	gate_open(&gate, EVENTS);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	look();
	assert_int_equal(seen->phase, SLUICE_PHASE_ENDED);
	assert_int_equal(stage_row("gated")->phase, SLUICE_PHASE_ENDED);
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_ENDED);
	/* It stays good when the pipeline is gone. */
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
	assert_string_equal(sub_row(sub)->consumer, "gated");
	assert_string_equal(stage_row("source")->dispatcher, "demand");
}

/* It has half of its events in hand when it is to end: they go back. */
static void a_stage_that_ends_still_gives_out(void **state)
{
	struct sluice_sub sub;

	(void)state;
	open_gated(&sub);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "source"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	look_until_stage("source", SLUICE_PHASE_ENDING);
	assert_true(stage_row("source")->worker < 2);
	gate_open(&gate, EVENTS);
	look_until_sub(sub, SLUICE_SUB_ENDED);
	assert_int_equal(sub_row(sub)->counts.published, EVENTS);
	assert_int_equal(sub_row(sub)->counts.acked, EVENTS);
	assert_true(sub_row(sub)->counts.granted > EVENTS);
	assert_int_equal(sub_row(sub)->counts.depth, 0);
	assert_int_equal(sub_row(sub)->counts.credit, 0);
}

/* ---- how full it was ----------------------------------------------------- */

/* Behind the first batch come more; less later on. */
static void the_fullest_is_remembered(void **state)
{
	static const uint64_t ends[] = {EVENTS + 7, EVENTS + 9};
	struct sluice_sub sub;
	uint64_t batches;

	(void)state;
	open_gated(&sub);
	for (uint32_t i = 0; i < UNIT_COUNT(ends); i++) {
		__atomic_store_n(&source.end, ends[i], __ATOMIC_RELEASE);
		sluice_wake(sluice_stage_find(pipeline, "source"));
		look_until_out("source", ends[i]);
		gate_open(&gate, i == 0 ? 1 : 2 * WINDOW);
		flow_wait_handled(pipeline, "gated", i == 0 ? EVENTS : ends[i]);
	}
	look_until_sub(sub, SLUICE_SUB_OPEN);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		if (sub_row(sub)->carried == ends[1])
			break;
		flow_sleep_ms(1);
	}
	batches = sub_row(sub)->counts.batches;
	assert_in_range(batches, 3, 5);
	assert_int_equal(sub_row(sub)->counts.high, 7);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	look();
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_ENDED);
	assert_int_equal(sub_row(sub)->counts.batches, batches);
	assert_int_equal(sub_row(sub)->counts.high, 7);
}

/* ---- what has ended ------------------------------------------------------ */

/* Removed with its stage, it is told of, until another takes its place. */
static void what_it_carried_can_be_read_after_its_end(void **state)
{
	struct sluice_subscription_stats stat;
	struct sluice_stage *stage;
	struct sluice_sub sub;
	struct sluice_sub next;
	uint64_t serial;

	(void)state;
	pipeline = flow_open(1);
	add_source(100, NULL);
	add_sink("first", &sinks[0]);
	flow_subscribe(pipeline, "first", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4, .sub = &sub));
	flow_start(pipeline);
	flow_wait_events(pipeline, &sinks[0], 100);
	look();
	serial = stage_row("first")->serial;
	stage = sluice_stage_find(pipeline, "first");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS), 0);
	add_sink("second", &sinks[1]); /* in its place */
	look();
	assert_null(sluice_snapshot_stage(seen, "first"));
	assert_int_equal(stage_row("second")->serial, serial + 1);
	assert_int_equal(seen->subscription_count, 1);
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_ENDED);
	assert_string_equal(sub_row(sub)->consumer, "first");
	assert_string_equal(sub_row(sub)->producer, "source");
	assert_int_equal(sub_row(sub)->carried, 100);
	assert_int_equal(sub_row(sub)->counts.published, 100);
	assert_int_equal(sluice_subscription_stat(sub, &stat), -ENOENT);
	flow_subscribe(pipeline, "second", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4, .sub = &next));
	look_until_sub(next, SLUICE_SUB_OPEN);
	assert_int_equal(seen->subscription_count, 1);
	assert_null(sluice_snapshot_subscription(seen, sub));
	assert_string_equal(sub_row(next)->consumer, "second");
	assert_int_equal(sub_row(next)->carried, 0);
}

/* The second joins behind the first events, and is cancelled before the last ones;
 * it has a batch in its hands meanwhile. */
static void a_reader_of_a_broadcast_has_carried_its_own(void **state)
{
	struct sluice_stage *self;
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source(20, "broadcast");
	add_sink("all", &sinks[1]);
	flow_subscribe(pipeline, "all", "source", NULL);
	flow_start(pipeline);
	flow_wait_events(pipeline, &sinks[1], 20);
	add_gated(&sub);
	look_until_sub(sub, SLUICE_SUB_OPEN);
	assert_int_equal(sub_row(sub)->carried, 0);
	assert_int_equal(sub_row(sub)->counts.acked, 20);
	self = sluice_stage_find(pipeline, "source");
	__atomic_store_n(&source.end, 26, __ATOMIC_RELEASE);
	sluice_wake(self);
	flow_wait_events(pipeline, &sinks[1], 26);
	assert_int_equal(gate_await(&gate, 1), 0);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	__atomic_store_n(&source.end, 70, __ATOMIC_RELEASE);
	sluice_wake(self);
	flow_wait_events(pipeline, &sinks[1], 70);
	look();
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_CANCELLED);
	assert_int_equal(sub_row(sub)->counts.published, 26);
	assert_int_equal(sub_row(sub)->counts.depth,
			 26 - sub_row(sub)->counts.acked);
	gate_open(&gate, 6);
	look_until_sub(sub, SLUICE_SUB_ENDED);
	assert_int_equal(sub_row(sub)->carried, 6);
	assert_int_equal(sub_row(sub)->counts.acked, 26);
	assert_int_equal(sub_row(sub)->counts.published, 26);
	assert_int_equal(sinks[0].events, 6);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipeline_ends_in_steps),
		cmocka_unit_test(a_stage_that_ends_still_gives_out),
		cmocka_unit_test(the_fullest_is_remembered),
		cmocka_unit_test(what_it_carried_can_be_read_after_its_end),
		cmocka_unit_test(a_reader_of_a_broadcast_has_carried_its_own),
	};

	look_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("snapshot_ended", tests, NULL, NULL);
}
