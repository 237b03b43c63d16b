/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot tells of how long events take, with each kind of ring. */
#include "tests/unit/look.h"

static struct kind_row {
	const char *name;
	const char *dispatcher;
} kinds[] = {
	{"of_separate_rings", "demand"},
	{"of_a_common_ring", "broadcast"},
	{"of_a_pool", "shared"},
};

static void assert_rises(const struct sluice_latency_stats *l)
{
	assert_true(l->p50_ns <= l->p90_ns);
	assert_true(l->p90_ns <= l->p99_ns);
	assert_true(l->p99_ns <= l->p999_ns);
	assert_true(l->p999_ns <= l->max_ns);
}

static void events_take_time(void **state)
{
	const struct kind_row *row = *state;
	const struct sluice_latency_stats *l;
	struct sluice_sub sub;

	pipeline = flow_open(1);
	add_source(EVENTS, row->dispatcher);
	add_gated(&sub);
	flow_start(pipeline);
	assert_int_equal(gate_await(&gate, 1), 0);
	look();
	assert_int_equal(sub_row(sub)->latency.count, 0);
	flow_sleep_ms(2);
	gate_open(&gate, EVENTS);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	look();
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_ENDED);
	l = &sub_row(sub)->latency;
	assert_in_range(l->count, 1, EVENTS);
	assert_true(l->max_ns > 2000000);
	assert_rises(l);
}

/* One at a time: none is passed over, and the last one's too is there when the
 * subscription has ended. */
static void each_of_a_few_is_looked_at(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source(0, NULL);
	add_gated(&sub);
	flow_start(pipeline);
	gate_open(&gate, EVENTS);
	for (uint64_t i = 1; i <= EVENTS; i++) {
		__atomic_store_n(&source.end, i, __ATOMIC_RELEASE);
		sluice_wake(sluice_stage_find(pipeline, "source"));
		flow_wait_handled(pipeline, "gated", i);
		flow_sleep_ms(2);
	}
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	look();
	assert_int_equal(sub_row(sub)->latency.count, EVENTS);
	assert_rises(&sub_row(sub)->latency);
}

static void an_onlooker_has_none(void **state)
{
	struct sluice_sub sub;
	struct sluice_sub tee;

	(void)state;
	pipeline = flow_open(1);
	add_source(EVENTS, NULL);
	add_sink("tee", &sinks[1]);
	flow_subscribe(pipeline, "tee", "source",
		       SLUICE_SUBSCRIPTION(.tee = 1, .sub = &tee));
	add_gated(&sub);
	gate_open(&gate, EVENTS);
	flow_start(pipeline);
	flow_wait_handled(pipeline, "gated", EVENTS);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	look();
	assert_int_equal(sub_row(tee)->carried, EVENTS);
	assert_int_equal(sub_row(tee)->latency.count, 0);
	assert_true(sub_row(sub)->latency.count > 0);
}

int main(void)
{
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(each_of_a_few_is_looked_at),
		cmocka_unit_test(an_onlooker_has_none),
	};
	struct CMUnitTest tests[UNIT_COUNT(alone) + UNIT_COUNT(kinds)];

	memcpy(tests, alone, sizeof(alone));
	(void)UNIT_ADD_ROWS(tests, UNIT_COUNT(alone), events_take_time, kinds);
	look_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("snapshot_latency", tests, NULL,
					   NULL);
}
