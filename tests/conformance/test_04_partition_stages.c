/* SPDX-License-Identifier: Apache-2.0 */
/* The partition dispatcher in whole stages. An event is its partition in the
 * upper half and a number in the lower. */
#include "tests/conformance/stage.h"

#define EVENT(partition, number) ((uint64_t)(partition) << 32 | (number))

static uint64_t partition_of(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t number;

	(void)bytes;
	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number >> 32;
}

/* A number that is divided by 100 goes to partition 0, others to 1. */
static uint64_t mostly_1(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t number;

	(void)bytes;
	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 100 != 0;
}

/* Nobody gets the numbers up to 2000. */
static uint64_t above_2000(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t number;

	(void)bytes;
	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number <= 2000 ? SLUICE_KEY_NONE : number % 2;
}

/* Two partitions, and so many events may wait for them. */
static struct actor *add_partitions(struct actor *source, sluice_key_fn key_of,
				    uint32_t spill)
{
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .dispatcher = "partition", .partitions = 2,
			     .key_of = key_of, .spill_events = spill));
	return source;
}

static struct sluice_subscription_opts on_partition(uint32_t partition,
						    uint32_t max)
{
	return (struct sluice_subscription_opts){
		.size = sizeof(struct sluice_subscription_opts),
		.max_demand = max,
		.partition = partition,
	};
}

static struct sluice_sub subscribe_to(const struct actor *sink,
				      const struct actor *source,
				      uint32_t partition, uint32_t max,
				      uint32_t flags)
{
	struct sluice_subscription_opts opts =
		on_partition(SLUICE_PARTITION(partition), max);
	struct sluice_sub sub = {0};

	opts.flags = flags;
	opts.sub = &sub;
	if (flags == 0)
		opts.min_demand = SLUICE_MIN_HALF;
	flow_subscribe(rig.pipeline, sink->name, source->name, &opts);
	return sub;
}

/* ---- wrong keys ---------------------------------------------------------- */

static void P10_unknown_partition_is_an_error(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");

	(void)state;
	(void)subscribe_to(zero, source, 0, 10, 0);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	emit(source, EVENT(0, 1), EVENT(1, 2), EVENT(2, 3), EVENT(0, 4));
	assert_int_equal(rig_join(), -ERANGE);
	assert_text_has(sluice_last_error(), "source");
	assert_text_has(sluice_last_error(), "partition");
}

static void P10_largest_key_that_is_one(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");

	(void)state;
	(void)subscribe_to(zero, source, 0, 10, 0);
	rig_start();
	/* One below "none". */
	emit(source, EVENT(UINT32_MAX, 0));
	assert_int_equal(rig_join(), -ERANGE);
}

/* ---- how many ------------------------------------------------------------ */

/* Sluice needs no number of partitions: without one the consumers share the
 * keys. */
static void P11_without_partitions_sinks_share(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *one = add_sink("one");
	struct actor *two = add_sink("two");

	(void)state;
	source->end = 1000;
	flow_add(rig.pipeline, SOURCE_OPTS(source, .dispatcher = "partition"));
	(void)subscribe(one, source, 10, SLUICE_MIN_HALF);
	(void)subscribe(two, source, 10, SLUICE_MIN_HALF);
	rig_start();
	/* What waits for credit has left the source already. */
	for (uint32_t ms = 0;
	     actor_stats(one).events_in + actor_stats(two).events_in < 1000 &&
	     ms < FLOW_DEADLINE_MS;
	     ms++)
		flow_sleep_ms(1);
	stage_settle();
	assert_int_equal(one->events + two->events, 1000);
	assert_true(one->events > 0 && two->events > 0);
}

static void P11_too_many_partitions(void **state)
{
	struct actor *source = silent_new("source");

	(void)state;
	assert_int_equal(
		sluice_stage_add(rig.pipeline,
				 SOURCE_OPTS(source, .dispatcher = "partition",
					     .partitions = 4097)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "partitions");
}

static void P11_partitions_of_another_dispatcher(void **state)
{
	struct actor *source = silent_new("source");

	(void)state;
	assert_int_equal(
		sluice_stage_add(rig.pipeline,
				 SOURCE_OPTS(source, .dispatcher = "broadcast",
					     .partitions = 2)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "partitions");
}

/* ---- refused at subscribe ------------------------------------------------ */

struct wrong_row {
	const char *name;
	uint32_t partition; /* as the option says it */
	int rc;
	const char *says;
};

static struct wrong_row wrong_rows[] = {
	{"P12_without_a_partition", 0, -EINVAL, "missing"},
	{"P12_partition_2_of_2", SLUICE_PARTITION(2), -EINVAL, "partition 2"},
	{"P12_partition_of_no_number", UINT32_MAX, -EINVAL, "0 to 1"},
	{"P12_partition_taken", SLUICE_PARTITION(0), -EBUSY,
	 "in use by 'zero'"},
};

/* A sink's mistake is the sink's alone: it is refused, the source lives (P13).
 * SLUICE_PARTITION(-1) is 0, which is "none". */
static void P12_P13_wrong_partition(void **state)
{
	const struct wrong_row *row = *state;
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");
	struct sluice_subscription_opts opts = on_partition(row->partition, 10);

	(void)subscribe_to(zero, source, 0, 10, 0);
	assert_int_equal(sluice_subscribe(rig.pipeline, "one", "source", &opts),
			 row->rc);
	assert_text_has(sluice_last_error(), row->says);
	rig_start();
	emit(source, EVENT(0, 1), EVENT(1, 2));
	check_events(zero, EVENT(0, 1));
	assert_int_equal(sluice_subscribe(rig.pipeline, "one", "source", &opts),
			 row->rc);
	assert_text_has(sluice_last_error(), row->says);
	stage_settle();
	assert_int_equal(one->events, 0);
	(void)subscribe_to(one, source, 1, 10, 0);
	check_events(one, EVENT(1, 2));
	emit(source, EVENT(0, 3));
	check_events(zero, EVENT(0, 1), EVENT(0, 3));
}

/* ---- hot partitions ------------------------------------------------------ */

/* What waits for one takes no credit from the other, until the pool is full. */
static void P14_hot_partition_leaves_the_other_its_credit(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");
	struct sluice_sub sub;
	struct sluice_stage_stats stats;

	(void)state;
	source->end = 4000;
	add_partitions(source, mostly_1, 64);
	sub = subscribe_to(zero, source, 0, 10, SLUICE_SUBSCRIBE_MANUAL);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	/* 40 of them wait for 0, and 3960 go to 1. */
	WAIT_UNTIL(one, one->events >= 3960);
	stage_settle();
	assert_int_equal(zero->events, 0);
	stats = actor_stats(source);
	assert_int_equal(stats.buffered, 40);
	ask(sub, 100);
	WAIT_UNTIL(zero, zero->events >= 40);
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(zero->event[i], i * 100);
	assert_int_equal(actor_stats(source).discarded, 0);
}

/* The pool full, the stage waits; then it goes on, and nothing is dropped. */
static void P14_full_pool_waits(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");
	struct sluice_sub sub;

	(void)state;
	source->end = 4000;
	add_partitions(source, mostly_1, 16);
	sub = subscribe_to(zero, source, 0, 8, SLUICE_SUBSCRIBE_MANUAL);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	WAIT_UNTIL(one, one->events >= 1000);
	for (uint32_t asked = 1; asked <= 40; asked++) {
		stage_settle();
		assert_in_range(actor_stats(source).buffered, 0, 16);
		ask(sub, 1);
		WAIT_UNTIL(zero, zero->events >= asked);
	}
	WAIT_UNTIL(one, one->events >= 3960);
	stage_settle();
	assert_int_equal(zero->events, 40);
	assert_int_equal(one->events, 3960);
	for (uint64_t i = 1; i < 3960; i++)
		assert_true(one->event[i] > one->event[i - 1]);
	assert_int_equal(actor_stats(source).overflowed, 0);
}

static void P15_what_waits_is_counted_and_limited(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 8);
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");
	struct sluice_sub sub;

	(void)state;
	sub = subscribe_to(zero, source, 0, 4, SLUICE_SUBSCRIBE_MANUAL);
	(void)subscribe_to(one, source, 1, 4, 0);
	rig_start();
	for (uint64_t i = 0; i < 10; i++)
		emit(source, EVENT(0, i));
	stage_settle();
	/* In the pool or behind it: the count is of all. */
	assert_int_equal(actor_stats(source).buffered, 10);
	assert_int_equal(sub_stats(sub).depth, 0);
	ask(sub, 3);
	check_events(zero, EVENT(0, 0), EVENT(0, 1), EVENT(0, 2));
	assert_int_equal(actor_stats(source).buffered, 7);
	ask(sub, 100);
	WAIT_UNTIL(zero, zero->events >= 10);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 0);
}

/* ---- who leaves ---------------------------------------------------------- */

/* What waits for a partition waits for its next owner, and the marker behind
 * it does so too. In GenStage both events and order go with the owner. */
static void P07_P16_next_owner_goes_on(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");
	struct actor *next = add_sink("next");
	struct actor *one = add_sink("one");
	struct sluice_sub sub;

	(void)state;
	sub = subscribe_to(zero, source, 0, 10, SLUICE_SUBSCRIBE_MANUAL);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	emit(source, EVENT(0, 1), EVENT(0, 2), EVENT(0, 3), EVENT(0, 4),
	     EVENT(0, 5));
	marker(source, 7);
	check_markers(source, 0);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	check_markers(source, 0);
	/* The place is free as soon as the old owner has left. */
	emit(source, EVENT(0, 6));
	sub = subscribe_to(next, source, 0, 10, SLUICE_SUBSCRIBE_MANUAL);
	check_markers(source, 0);
	ask(sub, 5);
	check_events(next, EVENT(0, 1), EVENT(0, 2), EVENT(0, 3), EVENT(0, 4),
		     EVENT(0, 5));
	/* It may wait for what came after it as well. */
	ask(sub, 5);
	check_events(next, EVENT(0, 1), EVENT(0, 2), EVENT(0, 3), EVENT(0, 4),
		     EVENT(0, 5), EVENT(0, 6));
	check_markers(source, 1);
	assert_int_equal(zero->events, 0);
}

static void P08_marker_with_nothing_waiting(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");

	(void)state;
	rig_start();
	marker(source, 7);
	WAIT_UNTIL(source, source->markers >= 1);
	(void)subscribe_to(zero, source, 0, 10, 0);
	emit(source, EVENT(0, 1));
	check_events(zero, EVENT(0, 1));
	marker(source, 8);
	WAIT_UNTIL(source, source->markers >= 2);
}

static void P09_marker_behind_what_waits(void **state)
{
	struct actor *source =
		add_partitions(silent_new("source"), partition_of, 0);
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");
	struct sluice_sub sub;

	(void)state;
	sub = subscribe_to(zero, source, 0, 10, SLUICE_SUBSCRIBE_MANUAL);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	emit(source, EVENT(0, 1), EVENT(0, 2), EVENT(0, 3));
	marker(source, 7);
	check_markers(source, 0);
	/* What comes later, for whom it may be, passes no marker of its own. */
	emit(source, EVENT(1, 4));
	check_events(one, EVENT(1, 4));
	ask(sub, 2);
	check_events(zero, EVENT(0, 1), EVENT(0, 2));
	check_markers(source, 0);
	ask(sub, 3);
	check_events(zero, EVENT(0, 1), EVENT(0, 2), EVENT(0, 3));
	check_markers(source, 1);
	/* Of its five credits two are left. */
	assert_int_equal(sub_stats(sub).credit, 2);
}

/* ---- nobody's events ----------------------------------------------------- */

/* Far more events than all credit are refused, and all is made up for. */
static void P17_refused_events_are_made_up_for(void **state)
{
	struct actor *source = actor_new("source");
	struct actor *zero = add_sink("zero");
	struct actor *one = add_sink("one");

	(void)state;
	source->end = 2101;
	add_partitions(source, above_2000, 0);
	(void)subscribe_to(zero, source, 0, 10, 0);
	(void)subscribe_to(one, source, 1, 10, 0);
	rig_start();
	WAIT_UNTIL(one, one->events >= 50);
	WAIT_UNTIL(zero, zero->events >= 50);
	stage_settle();
	assert_int_equal(one->events + zero->events, 100);
	assert_int_equal(one->event[0], 2001);
	assert_int_equal(zero->event[0], 2002);
	assert_int_equal(actor_stats(source).discarded, 2001);
}

int main(void)
{
	static struct CMUnitTest tests[32] = {
		cmocka_unit_test(P07_P16_next_owner_goes_on),
		cmocka_unit_test(P08_marker_with_nothing_waiting),
		cmocka_unit_test(P09_marker_behind_what_waits),
		cmocka_unit_test(P10_unknown_partition_is_an_error),
		cmocka_unit_test(P10_largest_key_that_is_one),
		cmocka_unit_test(P11_without_partitions_sinks_share),
		cmocka_unit_test(P11_too_many_partitions),
		cmocka_unit_test(P11_partitions_of_another_dispatcher),
		cmocka_unit_test(P14_hot_partition_leaves_the_other_its_credit),
		cmocka_unit_test(P14_full_pool_waits),
		cmocka_unit_test(P15_what_waits_is_counted_and_limited),
		cmocka_unit_test(P17_refused_events_are_made_up_for),
	};
	size_t count =
		UNIT_ADD_ROWS(tests, 12, P12_P13_wrong_partition, wrong_rows);

	return rig_run("conformance/04 stages", tests, count);
}
