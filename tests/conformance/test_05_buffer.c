/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage has emitted and nobody has asked for. */
#include "tests/conformance/stage.h"
#include "tests/support/rng.h"

/* Events a, b, c ... and markers. */
enum { a = 'a', b, c, d, e, f, g, h };

static struct actor *add_silent_with(uint32_t size, enum sluice_keep keep)
{
	struct actor *source = silent_new("source");

	flow_add(rig.pipeline, SOURCE_OPTS(source, .buffer_events = size,
					   .buffer_keep = keep));
	return source;
}

static void F02_whole_stages(void **state)
{
	struct actor *source = add_silent_with(3, SLUICE_KEEP_FIRST);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c);
	emit(source, d, e, f);
	WAIT_STATS(source, overflowed, 3);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	check_events(sink, a, b, c);
}

static void F03_whole_stages(void **state)
{
	struct actor *source = add_silent_with(3, SLUICE_KEEP_LAST);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c);
	emit(source, d, e, f);
	WAIT_STATS(source, overflowed, 3);
	(void)subscribe(sink, source, 10, SLUICE_MIN_HALF);
	check_events(sink, d, e, f);
}

/* One emission larger than the buffer. */
static void F02_F03_at_once(void **state)
{
	struct actor *first = silent_new("first");
	struct actor *last = silent_new("last");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline, SOURCE_OPTS(first, .buffer_events = 3,
					   .buffer_keep = SLUICE_KEEP_FIRST));
	flow_add(rig.pipeline, SOURCE_OPTS(last, .buffer_events = 3,
					   .buffer_keep = SLUICE_KEEP_LAST));
	rig_start();
	emit(first, a, b, c, d, e, f);
	emit(last, a, b, c, d, e, f);
	WAIT_STATS(first, overflowed, 3);
	WAIT_STATS(last, overflowed, 3);
	(void)subscribe(sink, first, 10, SLUICE_MIN_HALF);
	check_events(sink, a, b, c);
	(void)subscribe(sink, last, 10, SLUICE_MIN_HALF);
	check_events(sink, a, b, c, d, e, f);
}

/* F06 is the same without a limit, where GenStage counts 4. */
static void check_count_with_markers(uint32_t size)
{
	struct actor *source = add_silent_with(size, SLUICE_KEEP_LAST);

	rig_start();
	emit(source, 1, 2);
	marker(source, 3);
	marker(source, 4);
	check_markers(source, 0);
	assert_int_equal(actor_stats(source).buffered, 2);
}

static void F05_whole_stages(void **state)
{
	(void)state;
	check_count_with_markers(10);
}

static void F06_markers_are_not_counted_without_a_limit(void **state)
{
	(void)state;
	check_count_with_markers(SLUICE_BUFFER_EVENTS_MAX);
}

static void F07_events_stop_at_a_marker(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub;

	(void)state;
	rig_start();
	emit(source, 1, 2);
	marker(source, 3);
	emit(source, 4);
	check_markers(source, 0);
	sub = subscribe_manual(sink, source, 16);
	ask(sub, 5);
	check_events(sink, 1, 2, 4);
	assert_int_equal(source->markers, 1);
	assert_int_equal(source->marker[0].behind, 2);
	/* Three were still wanted behind the marker, and two behind the 4. */
	check_told(source, 2);
	assert_int_equal(source->tells, 1);
}

static void F08_markers_keep_their_order(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, 1, 2);
	for (uint64_t value = 3; value <= 5; value++)
		marker(source, value);
	check_markers(source, 0);
	(void)subscribe(sink, source, 5, SLUICE_MIN_HALF);
	check_events(sink, 1, 2);
	check_markers(source, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(source->marker[i].value, 3 + i);
		assert_int_equal(source->marker[i].behind, 2);
	}
	check_told(source, 3);
}

static void F11_buffer_first_then_the_missing(void **state)
{
	struct actor *source = add_counter("source", 27);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c);
	emit(source, d, e);
	WAIT_STATS(source, buffered, 5);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	/* The e and the 0 1 2 are published one after the other; a sink that
	 * looks late finds them together. */
	check_events(sink, a, b, c, d, e, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		     12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
		     26);
	check_sizes(sink, 4);
	for (uint32_t i = 0; i < sink->batches; i++)
		assert_true(sink->batch[i].count <= 4);
	check_told(source, 3, 4, 4, 4, 4, 4, 4);
	assert_int_equal(actor_stats(source).buffered, 0);
}

static void F12_told_what_the_buffer_lacks(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, 1, 2, 3);
	WAIT_STATS(source, buffered, 3);
	(void)subscribe(sink, source, 8, SLUICE_MIN_HALF);
	check_events(sink, 1, 2, 3);
	check_sizes(sink, 3);
	check_told(source, 5);
	assert_int_equal(source->tells, 1);
}

static void F13_keep_first(void **state)
{
	struct actor *source = add_silent_with(5, SLUICE_KEEP_FIRST);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c, d, e);
	emit(source, f, g, h);
	WAIT_STATS(source, overflowed, 3);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_events(sink, a, b, c, d, e);
	check_sizes(sink, 4, 1);
}

static void F14_keep_last_drops_the_oldest(void **state)
{
	/* The default. */
	struct actor *source = add_silent_with(5, SLUICE_KEEP_DEFAULT);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c, d, e);
	emit(source, f, g, h);
	WAIT_STATS(source, overflowed, 3);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_events(sink, d, e, f, g, h);
	check_sizes(sink, 4, 1);
}

static void F15_no_limit(void **state)
{
	struct actor *source =
		add_silent_with(SLUICE_BUFFER_EVENTS_MAX, SLUICE_KEEP_DEFAULT);
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, a, b, c, d, e);
	emit(source, f, g, h);
	WAIT_STATS(source, buffered, 8);
	(void)subscribe(sink, source, 4, SLUICE_MIN_ZERO);
	check_events(sink, a, b, c, d, e, f, g, h);
	check_sizes(sink, 4, 4);
	assert_int_equal(actor_stats(source).overflowed, 0);
}

static void F16_hook_is_told_how_many(void **state)
{
	struct actor *loud = add_silent_with(5, SLUICE_KEEP_DEFAULT);
	struct actor *quiet = silent_new("quiet");

	(void)state;
	quiet->tell = 0;
	flow_add(rig.pipeline, SOURCE_OPTS(quiet, .buffer_events = 5));
	rig_start();
	emit(quiet, a, b, c, d, e);
	emit(quiet, f, g, h);
	WAIT_UNTIL(quiet, quiet->discards >= 1);
	stage_settle();
	assert_int_equal(quiet->discards, 1);
	assert_int_equal(quiet->discard[0], 3);
	assert_int_equal(rig.lines, 0);
	emit(loud, a, b, c, d, e);
	emit(loud, f, g, h);
	WAIT_UNTIL(loud, loud->discards >= 1);
	stage_settle();
	assert_int_equal(loud->discards, 1);
	assert_int_equal(loud->discard[0], 3);
	assert_int_equal(rig.lines, 1);
	assert_text_has(rig.log[0], "source");
	assert_text_has(rig.log[0], "3 events");
	/* Once per overflow. */
	emit(loud, a, b);
	WAIT_UNTIL(loud, loud->discards >= 2);
	stage_settle();
	assert_int_equal(loud->discards, 2);
	assert_int_equal(loud->discard[1], 2);
	assert_int_equal(actor_stats(loud).overflowed, 5);
}

static void F17_buffered_count(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, 1, 2, 3, 4, 5);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 5);
	emit(source, 6, 7, 8);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 8);
	(void)subscribe(sink, source, 4, SLUICE_MIN_HALF);
	check_events(sink, 1, 2, 3, 4, 5, 6, 7, 8);
	assert_int_equal(actor_stats(source).buffered, 0);
	/* A sink has none, and it is no error to ask. */
	assert_int_equal(actor_stats(sink).buffered, 0);
}

static void F19_default_size_of_a_source(void **state)
{
	struct actor *source = add_silent("source");
	uint64_t row[1000] = {0};

	(void)state;
	rig_start();
	for (uint32_t i = 0; i < 10; i++)
		emit_row(source, row, 1000);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 10000);
	assert_int_equal(actor_stats(source).overflowed, 0);
	emit(source, 1);
	stage_settle();
	assert_int_equal(actor_stats(source).buffered, 10000);
	assert_int_equal(actor_stats(source).overflowed, 1);
	assert_int_equal(source->refused, 0);
}

/* Memory has an end: a middle is not given more than its output has room for,
 * and so loses nothing all the same. */
static void F19_a_middle_waits(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *middle = actor_new("middle");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub;

	(void)state;
	middle->factor = 3;
	flow_add(rig.pipeline,
		 MIDDLE_OPTS(middle, .fan_out_max = 3, .buffer_events = 2));
	(void)subscribe(middle, source, 100, SLUICE_MIN_HALF);
	sub = subscribe_manual(sink, middle, 64);
	rig_start();
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	stage_settle();
	assert_int_equal(middle->events, 0);
	for (uint32_t asked = 5; asked <= 40; asked += 5) {
		uint32_t want = asked < 36 ? asked : 36;

		ask(sub, 5);
		WAIT_UNTIL(sink, sink->events >= want);
		stage_settle();
		assert_int_equal(sink->events, want);
	}
	for (uint32_t i = 0; i < 36; i++)
		assert_int_equal(sink->event[i], 1 + i / 3);
	assert_int_equal(actor_stats(middle).overflowed, 0);
}

/* A stop says how much it left; nothing is lost silently. */
static void F19_a_stop_counts_what_it_leaves(void **state)
{
	struct actor *source = add_silent("source");

	(void)state;
	rig_start();
	emit(source, 1, 2, 3);
	WAIT_STATS(source, buffered, 3);
	sluice_pipeline_stop(rig.pipeline);
	assert_int_equal(rig_join(), -ECANCELED);
	assert_int_equal(actor_stats(source).stranded, 3);
	assert_int_equal(actor_stats(source).buffered, 0);
}

/* And a source that ends is not gone before its events have left. */
static void F19_an_end_waits_for_the_buffer(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	rig_start();
	emit(source, 1, 2, 3);
	WAIT_STATS(source, buffered, 3);
	assert_int_equal(
		sluice_stage_end(actor_stage(source), SLUICE_REASON_NORMAL, 0),
		0);
	stage_settle();
	assert_int_equal(actor_stats(source).stranded, 0);
	(void)subscribe(sink, source, 4, SLUICE_MIN_HALF);
	check_events(sink, 1, 2, 3);
}

/* New events pass none that wait, whatever credit there is when they come. */
static void F20_nothing_passes_the_buffer(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct rng rng = rng_start(__func__);
	struct sluice_sub sub = subscribe_manual(sink, source, 8);
	uint64_t emitted = 0;
	uint64_t asked = 0;

	(void)state;
	rig_start();
	while (emitted < 3000) {
		uint64_t row[7];
		uint32_t n = 1 + (uint32_t)rng_below(&rng, UNIT_COUNT(row));

		for (uint32_t i = 0; i < n; i++)
			row[i] = emitted++;
		emit_row(source, row, n);
		n = (uint32_t)rng_below(&rng, 7);
		ask(sub, n);
		asked += n;
		if (rng_below(&rng, 8) == 0)
			WAIT_UNTIL(sink, sink->events >= asked ||
						 sink->events >= emitted);
	}
	if (asked < emitted)
		ask(sub, (uint32_t)(emitted - asked));
	check_counts(sink, 0, emitted);
	assert_int_equal(actor_stats(source).overflowed, 0);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(F02_whole_stages),
		cmocka_unit_test(F03_whole_stages),
		cmocka_unit_test(F02_F03_at_once),
		cmocka_unit_test(F05_whole_stages),
		cmocka_unit_test(F06_markers_are_not_counted_without_a_limit),
		cmocka_unit_test(F07_events_stop_at_a_marker),
		cmocka_unit_test(F08_markers_keep_their_order),
		cmocka_unit_test(F11_buffer_first_then_the_missing),
		cmocka_unit_test(F12_told_what_the_buffer_lacks),
		cmocka_unit_test(F13_keep_first),
		cmocka_unit_test(F14_keep_last_drops_the_oldest),
		cmocka_unit_test(F15_no_limit),
		cmocka_unit_test(F16_hook_is_told_how_many),
		cmocka_unit_test(F17_buffered_count),
		cmocka_unit_test(F19_default_size_of_a_source),
		cmocka_unit_test(F19_a_middle_waits),
		cmocka_unit_test(F19_a_stop_counts_what_it_leaves),
		cmocka_unit_test(F19_an_end_waits_for_the_buffer),
		cmocka_unit_test(F20_nothing_passes_the_buffer),
	};

	return rig_run("conformance/05", tests, UNIT_COUNT(tests));
}
