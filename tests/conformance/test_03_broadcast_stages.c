/* SPDX-License-Identifier: Apache-2.0 */
/* The demand and broadcast dispatchers in whole stages. */
#include "tests/conformance/stage.h"

static struct actor *add_broadcast(struct actor *source)
{
	flow_add(rig.pipeline, SOURCE_OPTS(source, .dispatcher = "broadcast"));
	return source;
}

/* Another subscription of the same two stages: its code. */
static int subscribe_again(const struct actor *sink, const struct actor *source)
{
	return sluice_subscribe(
		rig.pipeline, sink->name, source->name,
		SLUICE_SUBSCRIPTION(.max_demand = 10,
				    .min_demand = SLUICE_MIN_HALF,
				    .on_end = SLUICE_PERMANENT));
}

/* ---- demand -------------------------------------------------------------- */

/* The numbers of @sink's events from inlet @inlet, by their batches of two. */
static uint64_t pairs_of(const struct actor *sink, uint32_t inlet,
			 uint64_t first)
{
	uint64_t next = first;

	for (uint32_t i = 0; i < sink->batches; i++) {
		assert_int_equal(sink->batch[i].count, 2);
		if (sink->batch[i].inlet != inlet)
			continue;
		assert_int_equal(sink->batch[i].first, next);
		next += 2;
	}
	return next - first;
}

/* One sink, two independent subscriptions: each has its own ring, and its order
 * holds on it. GenStage's sink sees the four batches in one row; here each ring
 * is read in turn. */
static void D12_one_sink_twice(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct sluice_sub one = subscribe(sink, source, 4, SLUICE_MIN_HALF);
	struct sluice_sub two = subscribe(sink, source, 4, SLUICE_MIN_HALF);
	uint32_t i = 0;

	(void)state;
	rig_start();
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8);
	WAIT_UNTIL(sink, sink->events >= 8);
	stage_settle();
	assert_int_equal(sink->events, 8);
	assert_int_equal(sink->batches, 4);
	while (i < 3 && sink->batch[i].first != 1)
		i++;
	assert_int_equal(pairs_of(sink, sink->batch[i].inlet, 1), 4);
	assert_int_equal(pairs_of(sink, 1 - sink->batch[i].inlet, 5), 4);
	/* Four at first, and two after each batch. */
	assert_int_equal(sub_stats(one).granted, 8);
	assert_int_equal(sub_stats(two).granted, 8);
	assert_int_equal(sub_stats(one).acked, 4);
	assert_int_equal(sub_stats(two).acked, 4);
}

/* ---- broadcast: the same sink twice -------------------------------------- */

static void B09_second_subscription_is_refused(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *sink = add_sink("sink");

	(void)state;
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	assert_int_equal(subscribe_again(sink, source), -EEXIST);
	assert_text_has(sluice_last_error(), "subscribed already");
	rig_start();
	emit(source, 1, 2, 3);
	check_events(sink, 1, 2, 3);
}

static void B10_and_the_sink_lives_on(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	assert_int_equal(subscribe_again(sink, source), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(subscribe_again(sink, source), -EEXIST);
	stage_settle();
	assert_int_equal(subscribe_again(sink, source), -EEXIST);
	emit(source, 1);
	check_events(sink, 1);
	emit(source, 2);
	check_events(sink, 1, 2);
}

/* ---- broadcast: two sinks ------------------------------------------------ */

/* Where the logs of @late and @early are the same: @late's first event. */
static void check_same_from(struct actor *early, struct actor *late)
{
	uint64_t first;

	actor_lock(late);
	first = late->event[0];
	actor_unlock(late);
	assert_true(first + 1000 < ACTOR_EVENTS);
	check_counts(early, 0, ACTOR_EVENTS);
	check_counts(late, first, ACTOR_EVENTS - first);
}

static int same_ten(struct actor *one, struct actor *two)
{
	for (uint32_t i = 0; i < ACTOR_BATCHES; i++)
		for (uint32_t k = 0; k < ACTOR_BATCHES; k++)
			if (one->batch[i].count == 10 &&
			    two->batch[k].count == 10 &&
			    one->batch[i].first == two->batch[k].first)
				return 1;
	return 0;
}

static void B13_both_get_the_same(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");

	(void)state;
	source->end = 2 * ACTOR_EVENTS;
	add_broadcast(source);
	(void)subscribe(one, source, 10, SLUICE_MIN_ZERO);
	(void)subscribe(two, source, 20, SLUICE_MIN_ZERO);
	rig_start();
	check_same_from(one, two);
	WAIT_STATS(one, events_in, 2 * ACTOR_EVENTS);
	WAIT_STATS(two, events_in, 2 * ACTOR_EVENTS);
	stage_settle();
	for (uint32_t i = 0; i < ACTOR_BATCHES; i++) {
		assert_int_equal(one->batch[i].count, 10);
		assert_int_equal(two->batch[i].count % 10, 0);
	}
	/* A sink that looks late may find two tens together. */
	if (rig.workers == 1)
		assert_true(same_ten(one, two));
}

/* The second one comes while events flow. */
static void B13_from_the_first_event_of_a_joiner_on(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub sub;

	(void)state;
	source->end = ACTOR_EVENTS;
	add_broadcast(source);
	sub = subscribe_manual(one, source, 1000);
	rig_start();
	ask(sub, 500);
	WAIT_UNTIL(one, one->events >= 100);
	(void)subscribe(two, source, 20, SLUICE_MIN_ZERO);
	/* Little enough at a time that it joins before the end. */
	for (uint32_t i = 0; i < 20; i++) {
		ask(sub, 50);
		stage_settle();
	}
	WAIT_UNTIL(two, two->events >= 1);
	ask(sub, ACTOR_EVENTS);
	check_same_from(one, two);
}

static void B15_credit_reaches_what_waits(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub sub_one;
	struct sluice_sub sub_two;

	(void)state;
	sub_one = subscribe(one, source, 10, SLUICE_MIN_ZERO);
	rig_start();
	check_told(source, 10);
	sub_two = subscribe(two, source, 4, SLUICE_MIN_ZERO);
	WAIT_SUB(sub_two, credit, 4);
	emit(source, 1, 2, 3, 4, 5, 6);
	check_events(one, 1, 2, 3, 4, 5, 6);
	check_events(two, 1, 2, 3, 4, 5, 6);
	check_sizes(two, 4, 2);
	assert_int_equal(sub_stats(sub_one).credit, 4);
	assert_int_equal(actor_stats(source).buffered, 0);
	assert_int_equal(source->tells, 1);
}

/* And not before: the slowest rules. */
static void B15_both_must_have_asked(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub manual;

	(void)state;
	(void)subscribe(one, source, 10, SLUICE_MIN_ZERO);
	manual = subscribe_manual(two, source, 16);
	rig_start();
	ask(manual, 4);
	WAIT_SUB(manual, credit, 4);
	stage_settle();
	emit(source, 1, 2, 3, 4, 5, 6);
	check_events(one, 1, 2, 3, 4);
	check_events(two, 1, 2, 3, 4);
	assert_int_equal(actor_stats(source).buffered, 2);
	ask(manual, 4);
	check_events(one, 1, 2, 3, 4, 5, 6);
	check_events(two, 1, 2, 3, 4, 5, 6);
}

/* One joins between the demand and the events: both get them, and nothing waits
 * for ever. */
static void B21_join_between_demand_and_events(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");
	struct sluice_sub sub;

	(void)state;
	(void)subscribe(one, source, 10, SLUICE_MIN_ZERO);
	rig_start();
	check_told(source, 10);
	sub = subscribe(two, source, 10, SLUICE_MIN_ZERO);
	WAIT_SUB(sub, credit, 10);
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	check_events(one, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	check_events(two, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	emit(source, 11, 12);
	check_events(one, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	check_events(two, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
}

/* ---- broadcast: selectors ------------------------------------------------ */

static int above_100(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number > 100;
}

/* Of an automatic sink a refused event counts as handled: its arithmetic brings
 * the credit back. */
static void B17_refused_events_cost_no_credit(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = {0};

	(void)state;
	flow_subscribe(rig.pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4,
					   .min_demand = SLUICE_MIN_HALF,
					   .selector = above_100, .sub = &sub));
	rig_start();
	emit(source, 1, 2, 3);
	WAIT_SUB(sub, acked, 3);
	stage_settle();
	assert_int_equal(sink->batches, 0);
	assert_true(sub_stats(sub).credit > 2);
	assert_int_equal(sub_stats(sub).granted, 6);
	assert_int_equal(actor_stats(sink).refused, 3);
	assert_int_equal(actor_stats(sink).events_in, 0);
	emit(source, 101);
	check_events(sink, 101);
	assert_int_equal(sink->batches, 1);
}

/* Many more than it ever had credit for, and still it goes on. */
static void B17_refused_events_for_ever(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	source->end = 3000;
	add_broadcast(source);
	flow_subscribe(rig.pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4,
					   .min_demand = SLUICE_MIN_ZERO,
					   .selector = above_100));
	rig_start();
	check_counts(sink, 101, 2899);
	assert_int_equal(actor_stats(sink).refused, 101);
}

static void B18_no_call_without_events(void **state)
{
	struct actor *source = add_broadcast(silent_new("source"));
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = {0};

	(void)state;
	flow_subscribe(rig.pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.flags = SLUICE_SUBSCRIBE_MANUAL,
					   .max_demand = 4,
					   .selector = above_100, .sub = &sub));
	rig_start();
	ask(sub, 3);
	WAIT_SUB(sub, credit, 3);
	emit(source, 1, 2, 3);
	WAIT_SUB(sub, acked, 3);
	stage_settle();
	assert_int_equal(sink->batches, 0);
	/* What it asked for is still owed to it. */
	assert_int_equal(sub_stats(sub).credit, 3);
	emit(source, 101, 4, 102);
	check_events(sink, 101, 102);
	emit(source, 103, 104);
	check_events(sink, 101, 102, 103);
	assert_int_equal(actor_stats(source).buffered, 1);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(D12_one_sink_twice),
		cmocka_unit_test(B09_second_subscription_is_refused),
		cmocka_unit_test(B10_and_the_sink_lives_on),
		cmocka_unit_test(B13_both_get_the_same),
		cmocka_unit_test(B13_from_the_first_event_of_a_joiner_on),
		cmocka_unit_test(B15_credit_reaches_what_waits),
		cmocka_unit_test(B15_both_must_have_asked),
		cmocka_unit_test(B21_join_between_demand_and_events),
		cmocka_unit_test(B17_refused_events_cost_no_credit),
		cmocka_unit_test(B17_refused_events_for_ever),
		cmocka_unit_test(B18_no_call_without_events),
	};

	return rig_run("conformance/03 stages", tests, UNIT_COUNT(tests));
}
