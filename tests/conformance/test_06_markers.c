/* SPDX-License-Identifier: Apache-2.0 */
/* Markers: handled when everything that waited before them has left. */
#include "tests/conformance/stage.h"

enum { a = 'a', b, c, d, e };

/* One that waits for its marker, while the test goes on. */
struct waiter {
	pthread_t thread;
	struct sluice_stage *stage;
	uint64_t value;
	int rc;
};

static void *waiter_wait(void *ctx)
{
	struct waiter *waiter = ctx;

	waiter->rc = sluice_info_sync(waiter->stage, &waiter->value,
				      sizeof(waiter->value), FLOW_DEADLINE_MS);
	return NULL;
}

static void waiter_start(struct waiter *waiter, const struct actor *actor,
			 uint64_t value)
{
	*waiter = (struct waiter){.stage = actor_stage(actor), .value = value};
	assert_int_equal(
		pthread_create(&waiter->thread, NULL, waiter_wait, waiter), 0);
}

static void waiter_check(struct waiter *waiter)
{
	assert_int_equal(pthread_join(waiter->thread, NULL), 0);
	assert_int_equal(waiter->rc, 0);
}

static int info_sync(const struct actor *actor, uint64_t value)
{
	return sluice_info_sync(actor_stage(actor), &value, sizeof(value),
				FLOW_DEADLINE_MS);
}

/* Async, then sync, with nothing to wait for. */
static void check_at_once(struct actor *actor)
{
	marker(actor, 1);
	assert_int_equal(info_sync(actor, 2), 0);
	actor_lock(actor);
	assert_int_equal(actor->markers, 2);
	assert_int_equal(actor->marker[0].value, 1);
	assert_int_equal(actor->marker[1].value, 2);
	actor_unlock(actor);
}

static void M01_to_a_sink(void **state)
{
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	check_at_once(sink);
}

static void M01_to_a_source_with_nothing_buffered(void **state)
{
	struct actor *source = add_silent("source");

	(void)state;
	rig_start();
	check_at_once(source);
}

static void M01_to_a_middle_with_nothing_buffered(void **state)
{
	struct actor *middle = actor_new("middle");

	(void)state;
	middle->factor = 1;
	flow_add(rig.pipeline, MIDDLE_OPTS(middle, .fan_out_max = 1));
	rig_start();
	check_at_once(middle);
}

/* Also while all three are joined, and events have gone through. */
static void M01_when_all_has_left(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *middle = actor_new("middle");
	struct actor *sink = add_sink("sink");

	(void)state;
	middle->factor = 1;
	flow_add(rig.pipeline, MIDDLE_OPTS(middle, .fan_out_max = 1));
	(void)subscribe(middle, source, 10, SLUICE_MIN_HALF);
	(void)subscribe(sink, middle, 10, SLUICE_MIN_HALF);
	rig_start();
	emit(source, 1, 2, 3);
	check_events(sink, 1, 2, 3);
	check_at_once(source);
	check_at_once(middle);
	check_at_once(sink);
}

/* ---- behind what is buffered --------------------------------------------- */

struct behind_row {
	const char *name;
	uint32_t size;
	uint32_t events;
};

static struct behind_row behind_rows[] = {
	{"M02_no_limit_3_events", SLUICE_BUFFER_EVENTS_MAX, 3},
	{"M02_size_3_with_1_event", 3, 1},
	{"M02_size_3_with_2_events", 3, 2},
	{"M02_size_3_with_3_events", 3, 3},
};

static void M02_behind_what_is_buffered(void **state)
{
	static const uint64_t row_events[] = {1, 2, 3};
	const struct behind_row *row = *state;
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");
	static struct waiter waiter;

	flow_add(rig.pipeline, SOURCE_OPTS(source, .buffer_events = row->size));
	rig_start();
	emit_row(source, row_events, row->events);
	marker(source, 7);
	check_markers(source, 0);
	waiter_start(&waiter, source, 8);
	check_markers(source, 0);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	waiter_check(&waiter);
	check_events_row(sink, row_events, row->events);
	check_markers(source, 2);
	assert_int_equal(source->marker[0].value, 7);
	assert_int_equal(source->marker[1].value, 8);
	assert_int_equal(source->marker[0].behind, row->events);
	assert_int_equal(source->marker[1].behind, row->events);
}

/* It has left when it is sent, not when it was handled; and a part is not all. */
static void M02_behind_the_last_of_them(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe_manual(sink, source, 8);

	(void)state;
	rig_start();
	emit(source, 1, 2, 3);
	marker(source, 7);
	for (uint32_t asked = 1; asked <= 3; asked++) {
		check_markers(source, 0);
		ask(sub, 1);
		WAIT_UNTIL(sink, sink->events >= asked);
	}
	check_markers(source, 1);
	assert_int_equal(source->marker[0].behind, 3);
}

static void M04_never_dropped_with_its_events(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline, SOURCE_OPTS(source, .buffer_events = 3,
					   .buffer_keep = SLUICE_KEEP_LAST));
	rig_start();
	emit(source, a, b);
	marker(source, 7);
	check_markers(source, 0);
	emit(source, c, d, e);
	WAIT_UNTIL(source, source->markers >= 1);
	check_markers(source, 1);
	assert_int_equal(source->marker[0].behind, 0);
	assert_int_equal(actor_stats(source).overflowed, 2);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	check_events(sink, c, d, e);
}

/* The other way round its events are kept, and it waits for them. */
static void M04_keep_first(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline, SOURCE_OPTS(source, .buffer_events = 3,
					   .buffer_keep = SLUICE_KEEP_FIRST));
	rig_start();
	emit(source, a, b);
	marker(source, 7);
	emit(source, c, d, e);
	marker(source, 8);
	check_markers(source, 0);
	assert_int_equal(actor_stats(source).overflowed, 2);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	check_events(sink, a, b, c);
	check_markers(source, 2);
	assert_int_equal(source->marker[0].behind, 2);
	assert_int_equal(source->marker[1].behind, 3);
}

/* ---- a middle ------------------------------------------------------------ */

static void M06_behind_what_a_middle_has_queued(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *middle = actor_new("middle");
	struct actor *sink = add_sink("sink");
	static struct waiter waiter;

	(void)state;
	middle->factor = 2;
	flow_add(rig.pipeline, MIDDLE_OPTS(middle, .fan_out_max = 2));
	(void)subscribe(middle, source, 100, SLUICE_MIN_HALF);
	rig_start();
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	WAIT_STATS(source, events_out, 10);
	marker(middle, 7);
	waiter_start(&waiter, middle, 8);
	check_markers(middle, 0);
	(void)subscribe(sink, middle, 6, SLUICE_MIN_HALF);
	waiter_check(&waiter);
	check_events(sink, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9,
		     10, 10);
	check_markers(middle, 2);
	assert_int_equal(middle->marker[0].value, 7);
	assert_int_equal(middle->marker[1].value, 8);
	assert_int_equal(middle->marker[0].behind, 20);
}

/* The events that come to a middle after its marker do not hold that up. */
static void M06_not_behind_what_comes_later(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *middle = actor_new("middle");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub;

	(void)state;
	middle->factor = 1;
	flow_add(rig.pipeline, MIDDLE_OPTS(middle, .fan_out_max = 1));
	(void)subscribe(middle, source, 100, SLUICE_MIN_HALF);
	sub = subscribe_manual(sink, middle, 16);
	rig_start();
	emit(source, 1, 2, 3);
	WAIT_STATS(source, events_out, 3);
	marker(middle, 7);
	check_markers(middle, 0);
	emit(source, 4, 5);
	WAIT_STATS(source, events_out, 5);
	ask(sub, 3);
	check_events(sink, 1, 2, 3);
	check_markers(middle, 1);
	assert_int_equal(middle->marker[0].behind, 3);
	ask(sub, 2);
	check_events(sink, 1, 2, 3, 4, 5);
}

/* ---- held back ----------------------------------------------------------- */

static void M08_behind_what_is_held_back(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .demand = SLUICE_DEMAND_ACCUMULATE));
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	rig_start();
	emit(source, 1, 2, 3, 4);
	marker(source, 7);
	check_markers(source, 0);
	assert_int_equal(
		sluice_demand_set(actor_stage(source), SLUICE_DEMAND_FORWARD),
		0);
	check_events(sink, 1, 2, 3, 4);
	check_markers(source, 1);
	assert_int_equal(source->marker[0].behind, 4);
}

/* Let go into a buffer that is too small, and keeps the first: the markers stay,
 * each behind those of its events that do. */
static void M08_of_held_events_that_are_dropped(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .demand = SLUICE_DEMAND_ACCUMULATE,
			     .buffer_events = 2,
			     .buffer_keep = SLUICE_KEEP_FIRST));
	rig_start();
	emit(source, 1);
	marker(source, 7);
	emit(source, 2, 3);
	marker(source, 8);
	emit(source, 4);
	marker(source, 9);
	check_markers(source, 0);
	assert_int_equal(
		sluice_demand_set(actor_stage(source), SLUICE_DEMAND_FORWARD),
		0);
	check_markers(source, 0);
	assert_int_equal(actor_stats(source).overflowed, 2);
	emit(source, 5);
	WAIT_STATS(source, overflowed, 3);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	check_events(sink, 1, 2);
	check_markers(source, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(source->marker[i].value, 7 + i);
	assert_int_equal(source->marker[0].behind, 1);
	assert_int_equal(source->marker[1].behind, 2);
	assert_int_equal(source->marker[2].behind, 2);
	emit(source, 6);
	check_events(sink, 1, 2, 6);
}

int main(void)
{
	static struct CMUnitTest tests[32] = {
		cmocka_unit_test(M01_to_a_sink),
		cmocka_unit_test(M01_to_a_source_with_nothing_buffered),
		cmocka_unit_test(M01_to_a_middle_with_nothing_buffered),
		cmocka_unit_test(M01_when_all_has_left),
		cmocka_unit_test(M02_behind_the_last_of_them),
		cmocka_unit_test(M04_never_dropped_with_its_events),
		cmocka_unit_test(M04_keep_first),
		cmocka_unit_test(M06_behind_what_a_middle_has_queued),
		cmocka_unit_test(M06_not_behind_what_comes_later),
		cmocka_unit_test(M08_behind_what_is_held_back),
		cmocka_unit_test(M08_of_held_events_that_are_dropped),
	};
	size_t count = UNIT_ADD_ROWS(tests, 11, M02_behind_what_is_buffered,
				     behind_rows);

	return rig_run("conformance/06", tests, count);
}
