/* SPDX-License-Identifier: Apache-2.0 */
/* Middle stages: what they are handed, and that nothing in them is lost, however
 * the stages around them end. */
#include "tests/conformance/pipe.h"

#define LONG_RUN 100000u

static struct pipe_stage *pipe_doubler(const char *name)
{
	struct pipe_stage *s =
		PIPE_ADD(SLUICE_PRODUCER_CONSUMER, name, .fan_out_max = 2);

	s->copies = 2;
	return s;
}

static uint32_t pipe_largest(struct pipe_stage *s)
{
	uint32_t count = pipe_noted(s);
	uint32_t largest = 0;

	for (uint32_t i = 0; i < count; i++)
		if (s->notes[i].what == PIPE_BATCH &&
		    s->notes[i].count > largest)
			largest = s->notes[i].count;
	return largest;
}

/* ---- W01 - W03: batches -------------------------------------------------- */

static void w01_batches_of_20(void **state)
{
	struct pipe_stage *source, *doubler, *sink;
	uint32_t batches;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	source->end = LONG_RUN;
	doubler = pipe_doubler("doubler");
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("doubler", "source", .max_demand = 100,
			     .min_demand = 80);
	(void)PIPE_SUBSCRIBE("sink", "doubler", .max_demand = 100,
			     .min_demand = 50);
	pipe_start();
	pipe_wait_seen(sink, 2 * LONG_RUN);
	assert_int_equal(pipe_seen(sink), 2 * LONG_RUN);
	pipe_check_row(sink, 0, 2);
	pipe_check_row(doubler, 0, 1);
	assert_true(pipe_largest(sink) <= 50);
	PIPE_CHECK_BATCHES(doubler, 0, 20, 20, 20, 40, 20, 60, 20, 80, 20);
	batches = pipe_count(doubler, PIPE_BATCH);
	assert_int_equal(pipe_largest(doubler), 20);
	assert_int_equal(batches, LONG_RUN / 20);
}

static struct either_row {
	const char *name;
	uint32_t sink_first;
	uint32_t running;
} either_rows[] = {
	{"W02_source_end_first", 0, 0},
	{"W02_sink_end_first", 1, 0},
	{"W02_source_end_first_while_running", 0, 1},
	{"W02_sink_end_first_while_running", 1, 1},
};

static void w02_either_end_first(void **state)
{
	const struct either_row *row = *state;
	struct pipe_stage *doubler, *sink;

	pipe_open(2);
	(void)pipe_source("source");
	doubler = pipe_doubler("doubler");
	sink = pipe_sink("sink");
	if (row->running)
		pipe_start();
	for (uint32_t i = 0; i < 2; i++) {
		if (i == row->sink_first)
			(void)PIPE_SUBSCRIBE("doubler", "source",
					     .max_demand = 100,
					     .min_demand = 20);
		else
			(void)PIPE_SUBSCRIBE("sink", "doubler",
					     .max_demand = 100,
					     .min_demand = 50);
	}
	if (!row->running)
		pipe_start();
	PIPE_CHECK_BATCHES(doubler, 0, 80, 80, 20, 100, 80, 180, 80, 260, 20,
			   280, 80);
	/* 0..24, 25..49, 50..74, twice each. */
	PIPE_CHECK_BATCHES(sink, 0, 50, 25, 50, 50, 50);
	pipe_wait_seen(sink, 10000);
	pipe_check_row(sink, 0, 2);
	pipe_check_row(doubler, 0, 1);
	assert_true(pipe_largest(sink) <= 50);
	assert_true(pipe_largest(doubler) <= 80);
}

static void w03_a_middle_that_drops_everything(void **state)
{
	struct pipe_stage *drop, *sink;

	(void)state;
	pipe_open(2);
	(void)pipe_source("source");
	drop = PIPE_ADD(SLUICE_PRODUCER_CONSUMER, "drop");
	drop->copies = 0;
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("drop", "source", .max_demand = 100,
			     .min_demand = 80);
	(void)PIPE_SUBSCRIBE("sink", "drop", .max_demand = 100,
			     .min_demand = 50);
	pipe_start();
	pipe_wait_seen(drop, LONG_RUN);
	assert_int_equal(pipe_wait(drop, PIPE_BATCH, 50)->first, 1000);
	assert_int_equal(pipe_wait(drop, PIPE_BATCH, 50)->count, 20);
	assert_int_equal(pipe_seen(sink), 0);
	pipe_check_row(drop, 0, 1);
}

/* ---- W05 - W07: ends ----------------------------------------------------- */

static struct end_row {
	const char *name;
	enum sluice_on_end mode;
	enum sluice_idle idle;
	int ends;
} end_rows[] = {
	{"W06_permanent_middle_ends_behind_its_output", SLUICE_PERMANENT,
	 SLUICE_IDLE_STAY, 1},
	{"W06_default_middle_ends_behind_its_output", SLUICE_ON_END_DEFAULT,
	 SLUICE_IDLE_END, 1},
	{"W05_transient_middle_stays", SLUICE_TRANSIENT, SLUICE_IDLE_STAY, 0},
	{"W05_temporary_middle_stays", SLUICE_TEMPORARY, SLUICE_IDLE_STAY, 0},
};

static struct pipe_stage *pipe_middle(const char *name, uint32_t idle)
{
	struct pipe_stage *s =
		pipe_add(SLUICE_STAGE(.name = name, .fan_out_max = 2,
				      .kind = SLUICE_PRODUCER_CONSUMER,
				      .on_idle = (enum sluice_idle)idle));

	s->copies = 2;
	return s;
}

/* The source ends; the middle's output arrives all the same. */
static void w06_source_ends(void **state)
{
	const struct end_row *row = *state;
	struct pipe_stage *source, *doubler, *sink;

	pipe_open(2);
	source = pipe_source("source");
	source->end = 4;
	doubler = pipe_middle("doubler", row->idle);
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("doubler", "source", .max_demand = 10,
			     .on_end = row->mode);
	(void)PIPE_SUBSCRIBE("sink", "doubler", .max_demand = 100,
			     .on_end = SLUICE_TEMPORARY);
	pipe_start();
	pipe_wait_seen(sink, 8);
	pipe_check_row(sink, 0, 2);
	assert_int_equal(pipe_wait(doubler, PIPE_CANCELLED, 0)->link.reason,
			 SLUICE_REASON_NORMAL);
	if (row->ends) {
		assert_int_equal(pipe_wait(doubler, PIPE_ENDED, 0)->count,
				 SLUICE_REASON_NORMAL);
		assert_int_equal(
			pipe_wait(sink, PIPE_CANCELLED, 0)->link.reason,
			SLUICE_REASON_NORMAL);
	} else {
		pipe_touch(doubler);
		assert_null(pipe_find(doubler, PIPE_ENDED, 0));
	}
	assert_int_equal(pipe_seen(sink), 8);
}

/* A peer's permanent chain loses half of this: four of eight events are still in
 * the middle when the source's end reaches it. */
static void w07_output_without_credit_outlives_the_source(void **state)
{
	struct pipe_stage *source, *doubler, *sink;
	struct sluice_sub sub;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	source->end = 4;
	doubler = pipe_middle("doubler", SLUICE_IDLE_END);
	sink = pipe_sink("sink");
	(void)PIPE_SUBSCRIBE("doubler", "source", .max_demand = 10,
			     .on_end = SLUICE_PERMANENT);
	sub = PIPE_SUBSCRIBE("sink", "doubler", .max_demand = 100,
			     .flags = SLUICE_SUBSCRIBE_MANUAL,
			     .on_end = SLUICE_PERMANENT);
	pipe_start();
	assert_int_equal(sluice_ask(sub, 4), 0);
	pipe_wait_seen(sink, 4);
	pipe_touch(doubler);
	assert_null(pipe_find(doubler, PIPE_ENDED, 0));
	assert_int_equal(sluice_ask(sub, 4), 0);
	pipe_wait_seen(sink, 8);
	pipe_check_row(sink, 0, 2);
	assert_int_equal(pipe_wait(sink, PIPE_ENDED, 0)->count,
			 SLUICE_REASON_NORMAL);
	assert_int_equal(pipe_join(), 0);
	assert_int_equal(pipe_seen(sink), 8);
}

/* ---- W08: a broadcasting middle ------------------------------------------ */

static void w08_broadcast_middle(void **state)
{
	struct pipe_stage *source, *doubler, *small, *large;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	source->end = 20000;
	doubler = PIPE_ADD(SLUICE_PRODUCER_CONSUMER, "doubler",
			   .fan_out_max = 2, .dispatcher = "broadcast");
	doubler->copies = 2;
	small = pipe_sink("small");
	large = pipe_sink("large");
	(void)PIPE_SUBSCRIBE("doubler", "source", .max_demand = 10,
			     .min_demand = SLUICE_MIN_ZERO);
	(void)PIPE_SUBSCRIBE("small", "doubler", .max_demand = 10,
			     .min_demand = SLUICE_MIN_ZERO);
	(void)PIPE_SUBSCRIBE("large", "doubler", .max_demand = 20,
			     .min_demand = SLUICE_MIN_ZERO);
	pipe_start();
	pipe_wait_seen(small, 40000);
	pipe_wait_seen(large, 40000);
	pipe_check_row(small, 0, 2);
	pipe_check_row(large, 0, 2);
	assert_true(pipe_largest(small) <= 10);
	assert_true(pipe_largest(large) <= 20);
	pipe_check_row(doubler, 0, 1);
}

/* ---- nothing lost in the middle ------------------------------------------ */

/* The middle's subscription is cancelled while its output waits for credit. */
static void w09_upstream_cancelled_over_a_full_middle(void **state)
{
	struct pipe_stage *source, *doubler, *sink;
	struct sluice_sub up, down;
	uint32_t made;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	doubler = pipe_doubler("doubler");
	sink = pipe_sink("sink");
	up = PIPE_SUBSCRIBE("doubler", "source", .max_demand = 64,
			    .on_end = SLUICE_TEMPORARY);
	down = PIPE_SUBSCRIBE("sink", "doubler", .max_demand = 1024,
			      .flags = SLUICE_SUBSCRIBE_MANUAL);
	pipe_start();
	assert_int_equal(sluice_ask(down, 31), 0);
	pipe_wait_seen(sink, 31);
	assert_int_equal(sluice_cancel(up, SLUICE_REASON_NORMAL, 0), 0);
	(void)pipe_wait(source, PIPE_CANCELLED, 0);
	assert_int_equal(sluice_ask(down, 1000), 0);
	(void)pipe_wait(doubler, PIPE_CANCELLED, 0);
	/* What it was handed before that, all of it. */
	made = 2 * pipe_seen(doubler);
	pipe_wait_seen(sink, made);
	pipe_touch(doubler);
	pipe_touch(sink);
	assert_int_equal(pipe_seen(sink), made);
	pipe_check_row(sink, 0, 2);
	/* A new source takes up where the old one was. */
	(void)PIPE_SUBSCRIBE("doubler", "source", .max_demand = 64);
	pipe_wait_seen(sink, 1031);
	pipe_check_row(doubler, 0, 1);
	pipe_check_row(sink, 0, 2);
}

/* Sinks of a middle come and go, one at a time; each event is seen once. */
static void w10_sinks_take_turns(void **state)
{
	static const char *const names[] = {"s0", "s1", "s2"};
	struct pipe_stage *source, *middle, *sink[3];
	struct sluice_sub sub;
	uint64_t seen = 0;
	uint64_t sum = 0;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	middle = PIPE_ADD(SLUICE_PRODUCER_CONSUMER, "middle");
	for (uint32_t i = 0; i < 3; i++)
		sink[i] = pipe_sink(names[i]);
	(void)PIPE_SUBSCRIBE("middle", "source", .max_demand = 50);
	pipe_start();
	for (uint32_t i = 0; i < 60; i++) {
		struct pipe_stage *s = sink[i % 3];

		sub = PIPE_SUBSCRIBE(names[i % 3], "middle", .max_demand = 40,
				     .on_end = SLUICE_TEMPORARY);
		pipe_wait_seen(s, pipe_seen(s) + 100);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		(void)pipe_wait(s, PIPE_CANCELLED, i / 3);
	}
	pipe_order(source, "e");
	(void)PIPE_SUBSCRIBE("s0", "middle", .on_end = SLUICE_PERMANENT);
	assert_int_equal(
		sluice_pipeline_drain(pipe_all.pipeline, FLOW_DEADLINE_MS), 0);
	pipe_check_row(middle, 0, 1);
	for (uint32_t i = 0; i < 3; i++) {
		seen += pipe_seen(sink[i]);
		sum += sink[i]->sum;
		assert_int_equal(sink[i]->disorder, 0);
	}
	assert_int_equal(seen, pipe_seen(middle));
	assert_int_equal(sum, flow_sum(seen));
}

/* The middle is ended from outside: what it emitted leaves, what it had not
 * handled goes back, and the next middle goes on with it. */
static void w11_one_middle_after_another(void **state)
{
	static const char *const names[] = {"m0", "m1", "m2", "m3"};
	struct pipe_stage *source, *middle, *sink;
	uint32_t handled = 0;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	sink = pipe_sink("sink");
	for (uint32_t i = 0; i < 4; i++) {
		middle = PIPE_ADD(SLUICE_PRODUCER_CONSUMER, names[i]);
		(void)PIPE_SUBSCRIBE("sink", names[i], .max_demand = 100,
				     .on_end = SLUICE_TEMPORARY);
	}
	pipe_start();
	for (uint32_t i = 0; i < 4; i++) {
		middle = sink + 1 + i;
		(void)PIPE_SUBSCRIBE(names[i], "source", .max_demand = 50);
		pipe_wait_seen(middle, 500);
		if (i == 3)
			break;
		assert_int_equal(sluice_stage_end(pipe_stage_of(middle),
						  SLUICE_REASON_SHUTDOWN, 3),
				 0);
		(void)pipe_wait(middle, PIPE_ENDED, 0);
		(void)pipe_wait(source, PIPE_CANCELLED, i);
		(void)pipe_wait(sink, PIPE_CANCELLED, i);
		handled += pipe_seen(middle);
		assert_int_equal(pipe_seen(sink), handled);
	}
	assert_int_equal(
		sluice_pipeline_drain(pipe_all.pipeline, FLOW_DEADLINE_MS), 0);
	handled += pipe_seen(middle);
	assert_int_equal(pipe_seen(sink), handled);
	assert_int_equal(source->next, handled);
	pipe_check_row(sink, 0, 1);
}

static struct CMUnitTest tests[40] = {
#define CASE(id, test)                                                         \
	{                                                                      \
		.name = (id), .test_func = (test)                              \
	}
	CASE("W01_batches_of_20", w01_batches_of_20),
	CASE("W03_a_middle_that_drops_everything",
	     w03_a_middle_that_drops_everything),
	CASE("W07_output_without_credit_outlives_the_source",
	     w07_output_without_credit_outlives_the_source),
	CASE("W08_broadcast_middle", w08_broadcast_middle),
	CASE("middle_upstream_cancelled_while_full",
	     w09_upstream_cancelled_over_a_full_middle),
	CASE("middle_sinks_take_turns", w10_sinks_take_turns),
	CASE("middle_one_after_another", w11_one_middle_after_another),
#undef CASE
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, w02_either_end_first, either_rows);
	count = UNIT_ADD_ROWS(tests, count, w06_source_ends, end_rows);
	pipe_watch(tests, count);
	return _cmocka_run_group_tests("middle", tests, count, NULL, NULL);
}
