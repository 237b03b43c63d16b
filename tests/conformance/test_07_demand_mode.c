/* SPDX-License-Identifier: Apache-2.0 */
/* A source that holds back, and one that gives out. */
#include "tests/conformance/stage.h"
#include "tests/support/rng.h"

static void set_mode(const struct actor *actor, enum sluice_demand_mode mode)
{
	if (sluice_demand_set(actor_stage(actor), mode) != 0)
		fail_msg("%s", sluice_last_error());
}

static void check_mode(const struct actor *actor, enum sluice_demand_mode mode)
{
	assert_int_equal(sluice_demand_get(actor_stage(actor)), mode);
}

/* A counter or silent source that starts holding back. */
static void add_accumulating(struct actor *source)
{
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .demand = SLUICE_DEMAND_ACCUMULATE));
}

static void check_nothing(struct actor *source, struct actor *sink)
{
	stage_settle();
	assert_int_equal(sink->events, 0);
	assert_int_equal(source->tells, 0);
}

/* Its sink has max 4, min 0. */
static void check_flow(struct actor *source, struct actor *sink)
{
	check_counts(sink, 0, 40);
	check_sizes(sink, 4, 4, 4, 4);
	check_told(source, 4, 4, 4, 4);
}

static void A01_started_in_accumulate(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	source->end = 40;
	add_accumulating(source);
	rig_start();
	check_mode(source, SLUICE_DEMAND_ACCUMULATE);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_nothing(source, sink);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_mode(source, SLUICE_DEMAND_FORWARD);
	check_flow(source, sink);
}

/* The sink has subscribed before the start. */
static void A01_as_a_start_gate(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	source->end = 40;
	add_accumulating(source);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	rig_start();
	check_nothing(source, sink);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_flow(source, sink);
}

static void A02_set_at_run_time(void **state)
{
	struct actor *source = add_counter("source", 40);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	check_mode(source, SLUICE_DEMAND_FORWARD);
	set_mode(source, SLUICE_DEMAND_ACCUMULATE);
	check_mode(source, SLUICE_DEMAND_ACCUMULATE);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_nothing(source, sink);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_flow(source, sink);
}

static void A02_forward_before_any_sink(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	source->end = 40;
	add_accumulating(source);
	rig_start();
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_mode(source, SLUICE_DEMAND_FORWARD);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_flow(source, sink);
}

static void A02_set_before_the_start(void **state)
{
	struct actor *source = add_counter("source", 40);
	struct actor *sink = add_sink("sink");

	(void)state;
	set_mode(source, SLUICE_DEMAND_ACCUMULATE);
	check_mode(source, SLUICE_DEMAND_ACCUMULATE);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	rig_start();
	check_nothing(source, sink);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_flow(source, sink);
}

static void A02_accumulate_twice_loses_nothing(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	add_accumulating(source);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	rig_start();
	emit(source, 1, 2);
	stage_settle();
	set_mode(source, SLUICE_DEMAND_ACCUMULATE);
	emit(source, 3, 4, 5);
	check_nothing(source, sink);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_events(sink, 1, 2, 3, 4, 5);
}

/* Sinks leave and others come while the source holds back; those that are there
 * when it gives out get all it held. */
static void A02_broadcast(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *old = add_sink("old");
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub sub;

	(void)state;
	flow_add(rig.pipeline, SOURCE_OPTS(source, .dispatcher = "broadcast"));
	sub = subscribe(old, source, 1000, SLUICE_MIN_HALF);
	rig_start();
	WAIT_UNTIL(source, source->tells >= 1);
	set_mode(source, SLUICE_DEMAND_ACCUMULATE);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	for (uint64_t i = 1; i <= 4; i++)
		emit(source, i);
	(void)subscribe(one, source, 1000, SLUICE_MIN_HALF);
	(void)subscribe(two, source, 1000, SLUICE_MIN_HALF);
	stage_settle();
	assert_int_equal(one->events + two->events, 0);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_events(one, 1, 2, 3, 4);
	check_events(two, 1, 2, 3, 4);
	assert_int_equal(old->events, 0);
	assert_int_equal(actor_stats(source).buffered, 0);
}

/* Two asks of 2, then asks of 1. GenStage replays asks one by one; sluice may
 * tell the sum of those it finds together. What counts is that all of it is told
 * and no more. */
static void A03_demand_held_back_is_told(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub subs[2];

	(void)state;
	add_accumulating(source);
	subs[0] = subscribe_manual(one, source, 2);
	subs[1] = subscribe_manual(two, source, 2);
	rig_start();
	ask(subs[0], 2);
	ask(subs[1], 2);
	stage_settle();
	assert_int_equal(source->tells, 0);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	WAIT_STATS(source, events_out, 4);
	stage_settle();
	assert_int_equal(source->told_sum, 4);
	assert_int_equal(one->events, 2);
	assert_int_equal(two->events, 2);
	for (uint32_t n = 1; n <= 6; n++) {
		ask(subs[n % 2], 1);
		WAIT_STATS(source, events_out, 4 + n);
		stage_settle();
		assert_int_equal(source->told_sum, 4 + n);
		assert_int_equal(one->events + two->events, 4 + n);
	}
	assert_int_equal(one->events, 5);
	assert_int_equal(two->events, 5);
}

static void A05_held_outside_the_buffer(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .demand = SLUICE_DEMAND_ACCUMULATE,
			     .buffer_events = 2));
	rig_start();
	emit(source, 1, 2, 3, 4);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 0);
	assert_int_equal(actor_stats(source).held, 4);
	assert_int_equal(actor_stats(source).overflowed, 0);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	stage_settle();
	assert_int_equal(actor_stats(source).held, 0);
	assert_int_equal(actor_stats(source).buffered, 2);
	assert_int_equal(actor_stats(source).overflowed, 2);
	assert_int_equal(source->discards, 1);
	assert_int_equal(source->discard[0], 2);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_events(sink, 3, 4);
}

/* With a sink there, what it has asked for is not dropped. */
static void A05_held_goes_out_first(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .demand = SLUICE_DEMAND_ACCUMULATE,
			     .buffer_events = 2));
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	rig_start();
	emit(source, 1, 2, 3, 4);
	stage_settle();
	assert_int_equal(actor_stats(source).held, 4);
	set_mode(source, SLUICE_DEMAND_FORWARD);
	check_events(sink, 1, 2, 3, 4);
	assert_int_equal(actor_stats(source).overflowed, 0);
}

static void A06_who_has_no_demand_mode(void **state)
{
	struct actor *source = add_counter("source", 40);
	struct actor *middle = actor_new("middle");
	struct actor *sink = add_sink("sink");

	(void)state;
	middle->factor = 1;
	flow_add(rig.pipeline, MIDDLE_OPTS(middle, .fan_out_max = 1));
	(void)subscribe(middle, source, 10, SLUICE_MIN_HALF);
	rig_start();
	assert_int_equal(
		sluice_demand_set(actor_stage(sink), SLUICE_DEMAND_ACCUMULATE),
		-EINVAL);
	assert_text_has(sluice_last_error(), "consumer");
	assert_int_equal(
		sluice_demand_set(actor_stage(sink), SLUICE_DEMAND_FORWARD),
		-EINVAL);
	assert_int_equal(sluice_demand_set(actor_stage(middle),
					   SLUICE_DEMAND_ACCUMULATE),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "middle");
	assert_int_equal(sluice_demand_set(actor_stage(source),
					   (enum sluice_demand_mode)7),
			 -EINVAL);
	/* No effect, and to read it ends nobody. */
	check_mode(middle, SLUICE_DEMAND_FORWARD);
	check_mode(sink, SLUICE_DEMAND_FORWARD);
	check_mode(source, SLUICE_DEMAND_FORWARD);
	(void)subscribe(sink, middle, 10, SLUICE_MIN_HALF);
	check_counts(sink, 0, 40);
}

/* Held back and let go at any moment, nothing is lost, doubled or passed. */
static void A02_stop_and_go(void **state)
{
	struct rng rng = rng_start(__func__);
	struct actor *source = add_counter("source", ACTOR_EVENTS);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe_manual(sink, source, 64);
	uint64_t asked = 0;

	(void)state;
	rig_start();
	while (asked < ACTOR_EVENTS) {
		uint32_t n = rng_between(&rng, 1, 100);
		uint64_t seen;

		if (n > ACTOR_EVENTS - asked)
			n = (uint32_t)(ACTOR_EVENTS - asked);
		ask(sub, n);
		asked += n;
		if (rng_below(&rng, 2) == 0)
			continue;
		set_mode(source, SLUICE_DEMAND_ACCUMULATE);
		stage_settle();
		seen = sink->events;
		stage_settle();
		assert_int_equal(sink->events, seen);
		set_mode(source, SLUICE_DEMAND_FORWARD);
	}
	check_counts(sink, 0, ACTOR_EVENTS);
	stage_settle();
	assert_int_equal(sink->events, ACTOR_EVENTS);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(A01_started_in_accumulate),
		cmocka_unit_test(A01_as_a_start_gate),
		cmocka_unit_test(A02_set_at_run_time),
		cmocka_unit_test(A02_forward_before_any_sink),
		cmocka_unit_test(A02_set_before_the_start),
		cmocka_unit_test(A02_accumulate_twice_loses_nothing),
		cmocka_unit_test(A02_broadcast),
		cmocka_unit_test(A02_stop_and_go),
		cmocka_unit_test(A03_demand_held_back_is_told),
		cmocka_unit_test(A05_held_outside_the_buffer),
		cmocka_unit_test(A05_held_goes_out_first),
		cmocka_unit_test(A06_who_has_no_demand_mode),
	};

	return rig_run("conformance/07", tests, UNIT_COUNT(tests));
}
