/* SPDX-License-Identifier: Apache-2.0 */
/* Finite sources, and a thread that pulls from a pipeline. */
#include "tests/conformance/pipe.h"

#include "stages/source.h"

/* ---- finite sources ------------------------------------------------------ */

static const uint64_t ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/* Both ways to write one: a callback that answers SLUICE_END, an array. */
enum made_of {
	OF_CALLBACK,
	OF_ARRAY,
};

static void add_ten(enum made_of made_of)
{
	if (made_of == OF_ARRAY) {
		assert_int_equal(
			sluice_source_array_add(
				pipe_all.pipeline,
				SLUICE_STAGE(.name = "source", .out_bytes = 8),
				ten, UNIT_COUNT(ten)),
			0);
	} else {
		struct pipe_stage *s =
			pipe_add(SLUICE_STAGE(.name = "source",
					      .kind = SLUICE_PRODUCER));

		s->next = 1;
		s->end = 11;
	}
}

static struct ten_row {
	const char *name;
	enum made_of made_of;
	uint32_t workers;
} e01_rows[] =
	{
		{"E01_batches_of_two_callback", OF_CALLBACK, 2},
		{"E01_batches_of_two_array", OF_ARRAY, 2},
		{"E01_batches_of_two_array_1_worker", OF_ARRAY, 1},
},
  e02_rows[] =
	  {
		  {"E02_one_batch_callback", OF_CALLBACK, 2},
		  {"E02_one_batch_array", OF_ARRAY, 2},
		  {"E02_one_batch_array_1_worker", OF_ARRAY, 1},
},
  e06_rows[] = {
	  {"E06_finite_callback", OF_CALLBACK, 2},
	  {"E06_finite_array", OF_ARRAY, 2},
};

static uint32_t place_of(struct pipe_stage *s, enum pipe_what what, uint32_t n)
{
	return (uint32_t)(pipe_wait(s, what, n) - s->notes);
}

static void e01_batches_of_two(void **state)
{
	const struct ten_row *row = *state;
	struct pipe_stage *sink;
	const struct pipe_note *note;

	pipe_open(row->workers);
	sink = pipe_sink("sink");
	add_ten(row->made_of);
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 4, .min_demand = 2,
			     .on_end = SLUICE_TEMPORARY);
	pipe_start();
	note = pipe_wait(sink, PIPE_CANCELLED, 0);
	PIPE_CHECK_BATCHES(sink, 1, 2, 3, 2, 5, 2, 7, 2, 9, 2);
	assert_int_equal(pipe_count(sink, PIPE_BATCH), 5);
	assert_int_equal(note->link.kind, SLUICE_DOWN);
	assert_int_equal(note->link.reason, SLUICE_REASON_NORMAL);
	assert_true(place_of(sink, PIPE_BATCH, 4) <
		    place_of(sink, PIPE_CANCELLED, 0));
	pipe_touch(sink);
	assert_null(pipe_find(sink, PIPE_ENDED, 0));
}

static void e02_one_batch(void **state)
{
	const struct ten_row *row = *state;
	struct pipe_stage *sink;

	pipe_open(row->workers);
	sink = pipe_sink("sink");
	add_ten(row->made_of);
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 1000,
			     .min_demand = SLUICE_MIN_HALF,
			     .on_end = SLUICE_PERMANENT);
	pipe_start();
	assert_int_equal(pipe_join(), 0);
	PIPE_CHECK_BATCHES(sink, 1, 10);
	assert_int_equal(pipe_count(sink, PIPE_BATCH), 1);
	assert_int_equal(pipe_wait(sink, PIPE_ENDED, 0)->count,
			 SLUICE_REASON_NORMAL);
}

/* The end comes behind what waits in the buffer. */
static void e03_end_comes_behind_the_buffer(void **state)
{
	struct pipe_stage *source, *sink;

	(void)state;
	pipe_open(2);
	source = pipe_silent("source");
	sink = pipe_sink("sink");
	pipe_start();
	pipe_emit_row(source, 0, 100);
	pipe_order(source, "e");
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 8,
			     .on_end = SLUICE_TEMPORARY);
	assert_int_equal(pipe_wait(sink, PIPE_CANCELLED, 0)->link.reason,
			 SLUICE_REASON_NORMAL);
	assert_int_equal(pipe_seen(sink), 100);
	pipe_check_row(sink, 0, 1);
	assert_int_equal(flow_stats(pipe_all.pipeline, "source").stranded, 0);
}

/* ---- the pull iterator --------------------------------------------------- */

static struct sluice_stage *add_port(const char *name)
{
	flow_add(pipe_all.pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .on_idle = SLUICE_IDLE_STAY));
	return sluice_stage_find(pipe_all.pipeline, name);
}

/* Take events in order from @next on until there were @n; returns how many came
 * before the end. */
static uint32_t take(struct sluice_stage *port, uint64_t next, uint32_t n)
{
	struct sluice_batch batch;
	uint32_t taken = 0;

	while (taken < n) {
		int got = sluice_recv(port, &batch, FLOW_DEADLINE_MS);

		if (got == -EPIPE)
			break;
		assert_true(got > 0);
		assert_int_equal(got, batch.count);
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 next++);
		taken += batch.count;
	}
	return taken;
}

static struct take_row {
	const char *name;
	uint32_t max_demand;
	uint32_t take;
} take_rows[] = {
	{"E04_take_10_of_max_1000", 1000, 10},
	{"E04_take_300_of_max_100", 100, 300},
	{"E04_take_100000_of_max_7", 7, 100000},
};

static void e04_take(void **state)
{
	const struct take_row *row = *state;
	struct sluice_stage *port;
	struct sluice_batch batch;

	pipe_open(2);
	(void)pipe_source("source");
	port = add_port("port");
	(void)PIPE_SUBSCRIBE("port", "source", .max_demand = row->max_demand);
	pipe_start();
	assert_true(take(port, 0, row->take) >= row->take);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_recv(port, &batch, 0), -EPIPE);
}

/* Many, one after another: each goes on where the one before it stopped, for
 * what it had not been handed went back. */
static void e04_iterators_take_turns(void **state)
{
	static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5"};
	struct sluice_stage *port[UNIT_COUNT(names)];
	struct pipe_stage *source;
	uint64_t next = 0;

	(void)state;
	pipe_open(2);
	source = pipe_source("source");
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++)
		port[i] = add_port(names[i]);
	pipe_start();
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++) {
		(void)PIPE_SUBSCRIBE(names[i], "source", .max_demand = 64);
		next += take(port[i], next, 500);
		assert_int_equal(sluice_port_end(port[i], SLUICE_REASON_NORMAL),
				 0);
		(void)pipe_wait(source, PIPE_CANCELLED, i);
	}
	assert_null(pipe_find(source, PIPE_ENDED, 0));
}

static void e06_iterator_over_a_finite_list(void **state)
{
	const struct ten_row *row = *state;
	struct sluice_stage *port;

	pipe_open(row->workers);
	port = add_port("port");
	add_ten(row->made_of);
	(void)PIPE_SUBSCRIBE("port", "source", .max_demand = 1000,
			     .on_end = SLUICE_PERMANENT);
	pipe_start();
	assert_int_equal(take(port, 1, 11), 10);
	assert_int_equal(pipe_join(), 0);
}

/* Transient, and the end was normal: the iterator stays, for another source. */
static void e06_transient_iterator_goes_on(void **state)
{
	struct sluice_stage *port;
	struct sluice_batch batch;
	struct pipe_stage *other;

	(void)state;
	pipe_open(2);
	port = add_port("port");
	other = pipe_silent("other");
	add_ten(OF_ARRAY);
	(void)PIPE_SUBSCRIBE("port", "source", .max_demand = 1000,
			     .on_end = SLUICE_TRANSIENT);
	pipe_start();
	assert_int_equal(take(port, 1, 10), 10);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	(void)PIPE_SUBSCRIBE("port", "other", .on_end = SLUICE_PERMANENT);
	pipe_emit_row(other, 0, 5);
	assert_int_equal(take(port, 0, 5), 5);
	pipe_order(other, "e");
	assert_int_equal(sluice_recv(port, &batch, FLOW_DEADLINE_MS), -EPIPE);
}

static struct left_row {
	const char *name;
	enum sluice_idle idle;
	uint32_t take; /* 0: the iterator takes nothing */
} left_rows[] = {
	{"E06_endless_source_lives_on", SLUICE_IDLE_STAY, 10},
	{"E07_source_stays_without_sinks", SLUICE_IDLE_STAY, 1},
	{"E07_source_ends_with_its_last_sink", SLUICE_IDLE_END, 10},
	{"E07_source_ends_with_an_idle_sink", SLUICE_IDLE_END, 0},
};

static void e07_what_an_iterator_leaves(void **state)
{
	const struct left_row *row = *state;
	struct pipe_stage *source, *sink;
	struct sluice_stage *port;

	pipe_open(2);
	source =
		pipe_add(SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				      .on_idle = row->idle));
	sink = pipe_sink("sink");
	port = add_port("port");
	(void)PIPE_SUBSCRIBE("port", "source", .max_demand = 100);
	pipe_start();
	if (row->take > 0)
		assert_true(take(port, 0, row->take) >= row->take);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	if (row->idle == SLUICE_IDLE_END) {
		assert_int_equal(pipe_wait(source, PIPE_ENDED, 0)->count,
				 SLUICE_REASON_NORMAL);
		return;
	}
	(void)pipe_wait(source, PIPE_CANCELLED, 0);
	(void)PIPE_SUBSCRIBE("sink", "source", .max_demand = 100);
	pipe_wait_seen(sink, 1000);
	assert_null(pipe_find(source, PIPE_ENDED, 0));
	pipe_check_row(sink, sink->events[0], 1);
}

static struct CMUnitTest tests[40] = {
#define CASE(id, test)                                                         \
	{                                                                      \
		.name = (id), .test_func = (test)                              \
	}
	CASE("E03_end_comes_behind_the_buffer",
	     e03_end_comes_behind_the_buffer),
	CASE("E04_iterators_take_turns", e04_iterators_take_turns),
	CASE("E06_transient_iterator_goes_on", e06_transient_iterator_goes_on),
#undef CASE
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, e01_batches_of_two, e01_rows);
	count = UNIT_ADD_ROWS(tests, count, e02_one_batch, e02_rows);
	count = UNIT_ADD_ROWS(tests, count, e04_take, take_rows);
	count = UNIT_ADD_ROWS(tests, count, e06_iterator_over_a_finite_list,
			      e06_rows);
	count = UNIT_ADD_ROWS(tests, count, e07_what_an_iterator_leaves,
			      left_rows);
	pipe_watch(tests, count);
	return _cmocka_run_group_tests("sources", tests, count, NULL, NULL);
}
