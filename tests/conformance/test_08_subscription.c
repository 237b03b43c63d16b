/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribing: who is told, who refuses, and what an id reaches. */
#include "tests/conformance/pipe.h"

/* ---- C01, C13: who is told ----------------------------------------------- */

static void c01_both_sides_are_told_before_the_start(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	pipe_start();
	pipe_check_link(pipe_wait(source, PIPE_SUBSCRIBED, 0), sub,
			SLUICE_SIDE_PRODUCER, "sink");
	pipe_check_link(pipe_wait(sink, PIPE_SUBSCRIBED, 0), sub,
			SLUICE_SIDE_CONSUMER, "source");
}

static void c01_both_sides_are_told_while_running(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	sink = pipe_sink("sink");
	pipe_start();
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 10);
	pipe_check_link(pipe_wait(source, PIPE_SUBSCRIBED, 0), sub,
			SLUICE_SIDE_PRODUCER, "sink");
	pipe_check_link(pipe_wait(sink, PIPE_SUBSCRIBED, 0), sub,
			SLUICE_SIDE_CONSUMER, "source");
	pipe_wait_seen(sink, 1000);
	pipe_check_row(sink, 0, 1);
}

/* ---- C04, C05: somebody is not there ------------------------------------- */

static struct absent_row {
	const char *name;
	enum sluice_on_end mode;
	int exits;
} absent_rows[] = {
	{"C04_permanent_source_is_dead", SLUICE_PERMANENT, 1},
	{"C04_transient_source_is_dead", SLUICE_TRANSIENT, 1},
	{"C04_temporary_source_is_dead", SLUICE_TEMPORARY, 0},
};

static void c04_source_is_dead(void **state)
{
	const struct absent_row *row = *state;
	struct pipe_stage *source, *other, *sink;
	struct sluice_sub sub;

	pipe_open(2);
	source = pipe_silent("source");
	other = pipe_silent("other");
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("sink", "other", .on_end = SLUICE_TEMPORARY);
	pipe_start();
	pipe_order(source, "e");
	(void)pipe_wait(source, PIPE_ENDED, 0);
	sub = PIPE_SUBSCRIBE("sink", "source", .on_end = row->mode);
	pipe_check_cancelled(pipe_wait(sink, PIPE_CANCELLED, 0), SLUICE_DOWN,
			     SLUICE_REASON_NO_PRODUCER, 0);
	if (row->exits) {
		assert_int_equal(pipe_wait(sink, PIPE_ENDED, 0)->count,
				 SLUICE_REASON_NO_PRODUCER);
	} else {
		pipe_emit_row(other, 0, 5);
		pipe_wait_seen(sink, 5);
		assert_null(pipe_find(sink, PIPE_ENDED, 0));
	}
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -ENOENT);
}

static void c04_source_was_never_there(void **state)
{
	(void)state;
	pipe_open(1);
	(void)pipe_sink("sink");
	assert_int_equal(
		sluice_subscribe(pipe_all.pipeline, "sink", "nobody", NULL),
		-ENOENT);
	assert_text_has(sluice_last_error(), "nobody");
	pipe_start();
	assert_int_equal(
		sluice_subscribe(pipe_all.pipeline, "sink", "nobody", NULL),
		-ENOENT);
}

static void c05_not_a_consumer(void **state)
{
	(void)state;
	pipe_open(1);
	(void)pipe_silent("source");
	(void)pipe_silent("other");
	(void)pipe_sink("sink");
	for (uint32_t started = 0; started < 2; started++) {
		assert_int_equal(sluice_subscribe(pipe_all.pipeline, "source",
						  "other", NULL),
				 -EINVAL);
		assert_text_has(sluice_last_error(), "'source' is a producer");
		assert_int_equal(sluice_subscribe(pipe_all.pipeline, "sink",
						  "sink", NULL),
				 -EINVAL);
		assert_text_has(sluice_last_error(), "'sink' is a consumer");
		if (!started)
			pipe_start();
	}
}

static void c05_dead_sink(void **state)
{
	struct pipe_stage *sink;

	(void)state;
	pipe_open(1);
	(void)pipe_silent("source");
	sink = pipe_sink("sink");
	pipe_start();
	pipe_order(sink, "e");
	(void)pipe_wait(sink, PIPE_ENDED, 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_call(pipe_stage_of(sink), NULL, 0, NULL, 0, 100) ==
		    -EPIPE)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(
		sluice_subscribe(pipe_all.pipeline, "sink", "source", NULL),
		-EPIPE);
	assert_text_has(sluice_last_error(), "has ended");
}

/* ---- C06: a hook refuses ------------------------------------------------- */

static void c06_source_refuses_one_sink(void **state)
{
	struct pipe_stage *source, *one, *two;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	source->no_link = 2;
	one = pipe_sink("one");
	two = pipe_sink("two");
	(void)PIPE_SUBSCRIBE("one", "source", .max_demand = 10);
	pipe_start();
	sub = PIPE_SUBSCRIBE("two", "source", .max_demand = 10,
			     .on_end = SLUICE_TEMPORARY);
	pipe_check_cancelled(pipe_wait(two, PIPE_CANCELLED, 0), SLUICE_DOWN,
			     SLUICE_REASON_ERROR, EACCES);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -ENOENT);
	pipe_emit_row(source, 0, 8);
	pipe_wait_seen(one, 8);
	pipe_check_row(one, 0, 1);
	assert_int_equal(pipe_seen(two), 0);
	assert_null(pipe_find(source, PIPE_ENDED, 0));
	assert_null(pipe_find(source, PIPE_CANCELLED, 0));
}

static void c06_sink_refuses_one_source(void **state)
{
	struct pipe_stage *one, *two, *sink;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	one = pipe_silent("one");
	two = pipe_silent("two");
	sink = pipe_sink("sink");
	sink->no_link = 2;
	(void)PIPE_SUBSCRIBE("sink", "one", .max_demand = 10);
	pipe_start();
	sub = PIPE_SUBSCRIBE("sink", "two", .max_demand = 10);
	(void)pipe_wait(sink, PIPE_SUBSCRIBED, 1);
	pipe_emit_row(two, 100, 4);
	pipe_emit_row(one, 0, 4);
	pipe_wait_seen(sink, 4);
	pipe_check_row(sink, 0, 1);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -ENOENT);
	/* What it could not have waits for somebody who wants it. */
	assert_int_equal(flow_stats(pipe_all.pipeline, "two").buffered, 4);
	assert_null(pipe_find(sink, PIPE_ENDED, 0));
	assert_null(pipe_find(two, PIPE_ENDED, 0));
}

/* ---- C07, C08: ids ------------------------------------------------------- */

static void c07_every_subscription_has_an_id_of_its_own(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_sub one, two;

	(void)state;
	pipe_open(1);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	pipe_start();
	one = PIPE_SUBSCRIBE("sink", "source", .max_demand = 4);
	two = PIPE_SUBSCRIBE("sink", "source", .max_demand = 4);
	assert_false(one.index == two.index &&
		     one.generation == two.generation);
	pipe_wait(source, PIPE_SUBSCRIBED, 1);
	pipe_emit_row(source, 0, 8);
	pipe_wait_seen(sink, 8);
	assert_int_equal(sluice_cancel(one, SLUICE_REASON_NORMAL, 0), 0);
	(void)pipe_wait(sink, PIPE_CANCELLED, 0);
	pipe_emit_row(source, 8, 4);
	pipe_wait_seen(sink, 12);
	assert_null(pipe_find(sink, PIPE_ENDED, 0));
}

static void c08_unknown_ids_do_nothing(void **state)
{
	struct pipe_stage *source, *sink;
	struct sluice_subscription_stats stat;
	struct sluice_sub sub, none = {0};

	(void)state;
	pipe_open(1);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 4,
			     .flags = SLUICE_SUBSCRIBE_MANUAL);
	pipe_start();
	for (uint32_t i = 0; i < 3; i++) {
		struct sluice_sub wrong = sub;

		wrong.generation += i == 0;
		wrong.index += i == 1 ? 1 : i == 2 ? UINT32_MAX / 2 : 0;
		assert_int_equal(sluice_ask(wrong, 5), -ENOENT);
		assert_int_equal(sluice_cancel(wrong, SLUICE_REASON_NORMAL, 0),
				 -ENOENT);
		assert_int_equal(sluice_subscription_stat(wrong, &stat),
				 -ENOENT);
	}
	assert_int_equal(sluice_ask(none, 5), -ENOENT);
	assert_int_equal(sluice_cancel(none, SLUICE_REASON_NORMAL, 0), -ENOENT);
	assert_int_equal(sluice_ask(sub, 2), 0);
	pipe_emit_row(source, 0, 5);
	pipe_wait_seen(sink, 2);
	pipe_touch(sink);
	assert_int_equal(sluice_subscription_stat(sub, &stat), 0);
	assert_int_equal(stat.granted, 2);
	assert_int_equal(pipe_seen(sink), 2);
	assert_null(pipe_find(sink, PIPE_CANCELLED, 0));
}

/* ---- C10, C12 ------------------------------------------------------------ */

static struct again_row {
	const char *name;
	enum sluice_on_end mode;
} again_rows[] = {
	{"C10_default_sub_resized_in_place", SLUICE_ON_END_DEFAULT},
	{"C10_permanent_sub_resized_in_place", SLUICE_PERMANENT},
	{"C10_transient_sub_resized_in_place", SLUICE_TRANSIENT},
	{"C10_temporary_sub_resized_in_place", SLUICE_TEMPORARY},
};

static void c10_resubscribe_stops_nobody(void **state)
{
	const struct again_row *row = *state;
	struct pipe_stage *source, *sink;
	struct sluice_sub sub;

	pipe_open(2);
	source = pipe_source("source");
	sink = pipe_sink("sink");
	sub = PIPE_SUBSCRIBE("sink", "source", .max_demand = 64,
			     .min_demand = 32, .on_end = row->mode);
	pipe_start();
	for (uint32_t i = 0; i < 50; i++) {
		pipe_wait_seen(sink, pipe_seen(sink) + 10);
		assert_int_equal(
			sluice_resubscribe(
				sub,
				SLUICE_SUBSCRIPTION(.max_demand = 4 + i,
						    .min_demand = 1 + (int)i)),
			0);
	}
	pipe_wait_seen(sink, pipe_seen(sink) + 100);
	assert_null(pipe_find(sink, PIPE_CANCELLED, 0));
	assert_null(pipe_find(sink, PIPE_ENDED, 0));
	assert_null(pipe_find(source, PIPE_CANCELLED, 0));
	pipe_check_row(sink, 0, 1);
}

/* A peer loses what a dead sink had in hand. Here the next one gets it. */
static void c12_what_a_dead_sink_left_is_dealt_again(void **state)
{
	struct pipe_stage *source, *first, *second;
	const struct pipe_note *note;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	first = PIPE_ADD(SLUICE_CONSUMER, "first",
			 .restart = SLUICE_RESTART_TEMPORARY);
	first->fail_at = 2;
	second = pipe_sink("second");
	(void)PIPE_SUBSCRIBE("first", "source", .max_demand = 10,
			     .min_demand = SLUICE_MIN_ZERO);
	pipe_start();
	pipe_emit_row(source, 0, 3);
	(void)pipe_wait(source, PIPE_CANCELLED, 0);
	assert_int_equal(pipe_seen(first), 0);
	(void)PIPE_SUBSCRIBE("second", "source", .max_demand = 10,
			     .min_demand = SLUICE_MIN_ZERO);
	pipe_wait_seen(second, 3);
	note = pipe_wait(second, PIPE_BATCH, 0);
	assert_int_equal(note->first, 0);
	assert_true(note->flags & SLUICE_BATCH_REDELIVERED);
	assert_int_equal(note->deliveries, 2);
	pipe_emit_row(source, 3, 7);
	pipe_wait_seen(second, 10);
	pipe_check_row(second, 0, 1);
	assert_int_equal(pipe_seen(second), 10);
}

/* ---- C13: by name, in init or later -------------------------------------- */

static int subscribe_in_init(struct sluice_stage *self)
{
	return sluice_subscribe(pipe_all.pipeline, sluice_stage_name(self),
				"source",
				SLUICE_SUBSCRIPTION(.max_demand = 10));
}

static void c13_subscribe_in_init(void **state)
{
	struct pipe_stage *source, *sink;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	sink = pipe_sink("sink");
	sink->on_init = subscribe_in_init;
	pipe_start();
	pipe_wait_seen(sink, 100);
	pipe_check_row(sink, 0, 1);
	(void)pipe_wait(source, PIPE_SUBSCRIBED, 0);
}

static struct CMUnitTest tests[80] = {
#define CASE(id, test)                                                         \
	{                                                                      \
		.name = (id), .test_func = (test)                              \
	}
	CASE("C01_both_sides_are_told_before_the_start",
	     c01_both_sides_are_told_before_the_start),
	CASE("C01_both_sides_are_told_while_running",
	     c01_both_sides_are_told_while_running),
	CASE("C04_source_was_never_there", c04_source_was_never_there),
	CASE("C05_not_a_consumer", c05_not_a_consumer),
	CASE("C05_dead_sink", c05_dead_sink),
	CASE("C06_source_refuses_one_sink", c06_source_refuses_one_sink),
	CASE("C06_sink_refuses_one_source", c06_sink_refuses_one_source),
	CASE("C07_every_subscription_has_an_id_of_its_own",
	     c07_every_subscription_has_an_id_of_its_own),
	CASE("C08_unknown_ids_do_nothing", c08_unknown_ids_do_nothing),
	CASE("C12_what_a_dead_sink_left_is_dealt_again",
	     c12_what_a_dead_sink_left_is_dealt_again),
	CASE("C13_subscribe_in_init", c13_subscribe_in_init),
#undef CASE
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, c04_source_is_dead, absent_rows);
	count = UNIT_ADD_ROWS(tests, count, c10_resubscribe_stops_nobody,
			      again_rows);
	pipe_watch(tests, count);
	return _cmocka_run_group_tests("subscription", tests, count, NULL,
				       NULL);
}
