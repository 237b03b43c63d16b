/* SPDX-License-Identifier: Apache-2.0 */
/* Traces in files: what is saved is read, and files as they come. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/bench/load_file.h"

#include <errno.h>
#include <math.h>

static void file_saved(const struct trace *trace)
{
	FILE *stream = fopen(path, "we");

	assert_non_null(stream);
	assert_int_equal(trace_save(trace, stream), 0);
	assert_int_equal(fclose(stream), 0);
}

/* Of keys the numbers may differ, not what they stand for. */
static void assert_alike(const struct trace *a, const struct trace *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->span_ns, b->span_ns);
	assert_true(fabs(a->service_mean_ns - b->service_mean_ns) < 1e-9);
	for (uint64_t i = 0; i < a->count; i++) {
		const struct trace_event *x = &a->event[i];
		const struct trace_event *y = &b->event[i];

		assert_int_equal(x->arrival_ns, y->arrival_ns);
		assert_int_equal(x->service_ns, y->service_ns);
		assert_true(trace_key(a, x->key) == trace_key(b, y->key));
	}
}

/* ---- there and back ------------------------------------------------------ */

static void what_is_saved_is_read(void **state)
{
	(void)state;
	for (enum arrival_kind kind = ARRIVAL_CLOSED; kind < ARRIVAL_TRACE;
	     kind++) {
		struct trace a = drawn(kind, 0.7);
		struct trace b;

		file_saved(&a);
		b = file_opened(0);
		assert_alike(&a, &b);
		trace_close(&a);
		trace_close(&b);
	}
}

/* Read at another load, it is what would have been drawn for that load, but for
 * the rounding of what was saved. */
static void a_file_is_scaled_to_the_load(void **state)
{
	static const enum arrival_kind kinds[] = {ARRIVAL_UNIFORM,
						  ARRIVAL_BURST};

	(void)state;
	for (size_t k = 0; k < UNIT_COUNT(kinds); k++) {
		struct trace saved = drawn(kinds[k], 0.3);
		struct trace meant = drawn(kinds[k], 0.9);
		struct trace trace;

		file_saved(&saved);
		trace = file_opened(0.9);
		assert_int_equal(trace.count, meant.count);
		for (uint64_t i = 0; i < trace.count; i++) {
			double seen = (double)trace.event[i].arrival_ns;
			double want = (double)meant.event[i].arrival_ns;

			assert_true(fabs(seen - want) <= 2);
			assert_int_equal(trace.event[i].service_ns,
					 meant.event[i].service_ns);
			assert_int_equal(trace_key(&trace, trace.event[i].key),
					 meant.event[i].key);
		}
		assert_int_equal(trace.span_ns,
				 trace.event[trace.count - 1].arrival_ns);
		trace_close(&saved);
		trace_close(&meant);
		trace_close(&trace);
	}
}

/* ---- files as they come -------------------------------------------------- */

static void assert_events(const struct trace *trace,
			  const struct trace_event *events, size_t count)
{
	assert_int_equal(trace->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(trace->event[i].arrival_ns,
				 events[i].arrival_ns);
		assert_int_equal(trace->event[i].service_ns,
				 events[i].service_ns);
		assert_int_equal(trace->event[i].key, events[i].key);
	}
}

struct read_row {
	const char *name;
	const char *text;
	struct trace_event events[4]; /* up to a service of 0 */
	uint64_t keys[4];             /* of the numbers there are */
};

static struct read_row read_rows[] = {
	{"plain",
	 "arrival_us,service_us,key\n1,2,3\n4,5,6\n",
	 {{0, 2000, 0}, {3000, 5000, 1}},
	 {3, 6}},
	{"other_order_and_units",
	 "key,service_ms,arrival_s\n7,1.5,10\n8,0.000001,10.5",
	 {{0, 1500000, 0}, {500000000, 1, 1}},
	 {7, 8}},
	{"epoch_with_a_fraction",
	 "arrival_s,service_us,key\n1700000000.123456789,1,0\n"
	 "1700000000.123456790,1,0\n1.700000001123456789e9,1,0\n",
	 {{0, 1000, 0}, {1, 1000, 0}, {1000000000, 1000, 0}},
	 {0}},
	{"epoch_in_ns",
	 "arrival_ns,service_ns,key\n1700000000123456789,1,0\n"
	 "1700000000123456792.4,1,0\n1700000000123456792.6,1,0\n",
	 {{0, 1, 0}, {3, 1, 0}, {4, 1, 0}},
	 {0}},
	{"mark_quotes_blanks_and_comments",
	 "\xef\xbb\xbf\"arrival_ns\" , \"service_ns\",key,\"a, \"\"b\"\"\"\r\n"
	 "# none\r\n\r\n  \t\n\"0\", 1 ,\"9\",\",\"\"\"\r\n 5,2 , 4,\r\n",
	 {{0, 1, 1}, {5, 2, 0}},
	 {4, 9}},
	{"semicolons",
	 "arrival_ns;service_ns;key\n0;7;1\n2;7;1;\n",
	 {{0, 7, 0}, {2, 7, 0}},
	 {1}},
	{"tabs",
	 "Arrival_NS\tservice_ns\tKEY\n0\t7\t1\n2\t7\t 1\n",
	 {{0, 7, 0}, {2, 7, 0}},
	 {1}},
	{"sorted_by_time_then_as_they_stand",
	 "arrival_ns,service_ns,key\n20,1,1\n10,1,2\n20,1,3\n10,1,4\n",
	 {{0, 1, 1}, {0, 1, 3}, {10, 1, 0}, {10, 1, 2}},
	 {1, 2, 3, 4}},
	{"without_keys_each_has_its_own",
	 "arrival_ns,service_ns\n0,5\n1,5\n2,5\n",
	 {{0, 5, 0}, {1, 5, 1}, {2, 5, 2}},
	 {0, 1, 2}},
	{"no_time_is_the_shortest",
	 "arrival_ms,service_ms,key\n0,0,1\n1,0.4,1\n",
	 {{0, 1, 0}, {1000000, 400000, 0}},
	 {1}},
	{"longest",
	 "arrival_ns,service_ns,key\n0,4611686018427387000,"
	 "18446744073709551614\n4611686018427387904,1,0\n",
	 {{0, UINT64_C(4611686018427387000), 1}, {UINT64_C(1) << 62, 1, 0}},
	 {0, UINT64_MAX - 1}},
	{"time_from_an_origin",
	 "# origin_ns=7\narrival_ns,service_ns,key\n10,1,1\n12,1,1\n",
	 {{3, 1, 0}, {5, 1, 0}},
	 {1}},
};

static void is_read(void **state)
{
	const struct read_row *row = *state;
	struct trace trace = file_text(row->text);
	size_t count = 0;

	while (count < UNIT_COUNT(row->events) &&
	       row->events[count].service_ns > 0)
		count++;
	assert_events(&trace, row->events, count);
	for (size_t i = 0; i < count; i++) {
		uint32_t key = trace.event[i].key;

		assert_true(trace_key(&trace, key) == row->keys[key]);
	}
	assert_int_equal(trace.span_ns, row->events[count - 1].arrival_ns);
	assert_int_equal(trace.facts.events, count);
	trace_close(&trace);
}

/* One text is one key, two are two, and what was read stays what it is. */
static void texts_are_keys(void **state)
{
	struct trace trace = file_text("arrival_ns,service_ns,key\n0,1,ann\n"
				       "1,1,bob\n2,1,ann\n3,1,7\n4,1,\n");
	struct trace again;

	(void)state;
	assert_int_equal(trace.event[0].key, trace.event[2].key);
	assert_int_equal(trace_key(&trace, trace.event[3].key), 7);
	assert_int_equal(trace.facts.keys, 4);
	assert_true(fabs(trace.facts.key_share - 0.4) < 1e-9);
	file_saved(&trace);
	again = file_opened(0);
	assert_alike(&again, &trace);
	trace_close(&again);
	trace_close(&trace);
	/* The highest number means no key to a strategy. */
	trace = file_text("arrival_ns,service_ns,key\n"
			  "0,1,18446744073709551615\n");
	assert_true(trace_key(&trace, 0) < UINT64_MAX);
	trace_close(&trace);
	/* 007 is no number: it would be that of 7. */
	trace = file_text("arrival_ns,service_ns,key\n0,1,7\n1,1,007\n");
	assert_int_equal(trace.facts.keys, 2);
	trace_close(&trace);
}

/* Many enough for every table to grow. */
static void many_texts_are_many_keys(void **state)
{
	FILE *stream = fopen(path, "we");
	struct trace trace;

	(void)state;
	assert_non_null(stream);
	(void)fputs("arrival_ns,service_ns,key\n", stream);
	for (uint32_t i = 0; i < 60000; i++)
		(void)fprintf(stream, "%u,1,user-%u\n", i, i % 30000);
	assert_int_equal(fclose(stream), 0);
	trace = file_opened(0);
	assert_int_equal(trace.facts.keys, 30000);
	for (uint32_t i = 0; i < 30000; i++)
		assert_int_equal(trace.event[i].key,
				 trace.event[i + 30000].key);
	trace_close(&trace);
}

static void what_was_read_is_told(void **state)
{
	struct trace trace = file_text("path,arrival_us,service_us,key,code\n"
				       "/,3,0,1,200\n/,2,3,1,200\n"
				       "/,12,5,2,500\n/,6,4,1,200\n");
	const struct trace_facts *facts = &trace.facts;

	(void)state;
	assert_int_equal(facts->events, 4);
	assert_int_equal(facts->span_ns, 10000);
	assert_true(fabs(facts->rate_per_s - 4e5) < 1e-6);
	assert_true(fabs(facts->service_mean_ns - 12001 / 4.0) < 1e-9);
	assert_true(fabs(facts->service_p99_9_ns - 5000) < 1e-9);
	/* 3 us of work each 2.5 us, by 4. */
	assert_true(fabs(facts->load - 12001 / 4.0 / 2500 / 4) < 1e-9);
	assert_int_equal(facts->keys, 2);
	assert_true(fabs(facts->key_share - 0.75) < 1e-9);
	assert_int_equal(facts->moved, 2);
	assert_int_equal(facts->moved_ns, 6000);
	assert_int_equal(facts->no_time, 1);
	assert_string_equal(facts->ignored, "path, code");
	trace_close(&trace);
}

/* 50 events a second apart, then 50 within 5 seconds. */
static void the_peak_is_of_a_window(void **state)
{
	char text[4096] = "arrival_ms,service_us,key\n";
	struct trace trace;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%u,1,1\n",
			       i < 50 ? i * 1000 : 50000 + i * 100);
	}
	trace = file_text(text);
	/* Of 59.9 s a tenth or more, and the 50 are in it. */
	assert_int_equal(trace.facts.peak_window_ns, UINT64_C(6000000000));
	assert_true(fabs(trace.facts.peak_per_s - 50 / 6.0) < 1e-9);
	trace_close(&trace);
}

/* ---- load and speed ------------------------------------------------------ */

static void a_file_has_its_own_rate(void **state)
{
	static const char text[] = "arrival_ns,service_ns,key\n0,8,1\n4,8,2\n"
				   "9,8,3\n";
	struct trace_opts opts = {.arrival = {ARRIVAL_TRACE, 0, path},
				  .consumers = 2};
	struct trace trace;
	struct trace fast;

	(void)state;
	trace = file_text(text);
	opts.own = &trace;
	assert_int_equal(trace.event[1].arrival_ns, 4);
	opts.speed = 0.5;
	assert_int_equal(trace_open(&fast, &opts), 0);
	assert_int_equal(fast.event[1].arrival_ns, 8);
	assert_int_equal(fast.span_ns, 18);
	/* What was read is told as it was. */
	assert_int_equal(fast.facts.span_ns, 9);
	trace_close(&fast);
	opts.speed = 1;
	assert_int_equal(trace_open(&fast, &opts), 0);
	assert_events(&fast, trace.event, trace.count);
	trace_close(&fast);
	opts.speed = 0;
	opts.load = 0.5; /* 24 ns of work by 2 in 24 ns */
	assert_int_equal(trace_open(&fast, &opts), 0);
	assert_int_equal(fast.span_ns, 24);
	trace_close(&fast);
	trace_close(&trace);
}

/* ---- columns that are not there ------------------------------------------ */

static struct trace file_drawn(const char *text, uint32_t draw_keys)
{
	const struct trace_opts opts = {
		.seed = 5,
		.arrival = {ARRIVAL_TRACE, 0, path},
		.service = {SERVICE_FIXED, 0, 0, 1000},
		.keys = {KEY_UNIFORM, 0, 2},
		.consumers = 2,
		.draw_keys = draw_keys,
	};
	struct trace trace;

	file_has(text, strlen(text));
	if (trace_read(&trace, &opts) != 0)
		fail_msg("%s", cli_error());
	return trace;
}

static void what_is_not_there_is_drawn(void **state)
{
	static const char bare[] = "arrival_us\n1\n2\n9\n";
	static const char whole[] = "arrival_us,service_us,key\n1,3,7\n";
	struct trace trace = file_drawn(bare, 0);
	struct trace again;

	(void)state;
	assert_int_equal(trace.event[2].service_ns, 1000);
	assert_int_equal(trace.event[2].key, 2);
	assert_false(trace.facts.has_service || trace.keyed);
	trace_close(&trace);
	trace = file_drawn(bare, 1);
	assert_true(trace.event[0].key < 2 && trace.event[2].key < 2);
	assert_true(trace.keyed && !trace.facts.has_keys);
	/* What was drawn beside it is saved with it. */
	file_saved(&trace);
	again = file_opened(0);
	assert_alike(&trace, &again);
	trace_close(&again);
	trace_close(&trace);
	/* Never what is there. */
	trace = file_drawn(whole, 1);
	assert_int_equal(trace.event[0].service_ns, 3000);
	assert_int_equal(trace_key(&trace, trace.event[0].key), 7);
	trace_close(&trace);
}

static void what_is_drawn_is_drawn_again(void **state)
{
	static const char bare[] = "arrival_us\n1\n2\n9\n";
	struct trace_opts opts = {.seed = 5,
				  .arrival = {ARRIVAL_TRACE, 0, path},
				  .service = {SERVICE_EXP, 0, 0, 1000},
				  .keys = {KEY_UNIFORM, 0, 2},
				  .consumers = 2};
	struct trace trace;
	struct trace again;

	(void)state;
	file_has(bare, strlen(bare));
	assert_int_equal(trace_read(&trace, &opts), 0);
	opts.own = &trace;
	assert_int_equal(trace_open(&again, &opts), 0);
	assert_events(&again, trace.event, trace.count);
	trace_close(&again);
	opts.seed = 6;
	assert_int_equal(trace_open(&again, &opts), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(again.event[i].arrival_ns,
				 trace.event[i].arrival_ns);
	assert_int_not_equal(again.event[0].service_ns,
			     trace.event[0].service_ns);
	assert_true(again.service_mean_ns > trace.service_mean_ns ||
		    again.service_mean_ns < trace.service_mean_ns);
	trace_close(&again);
	trace_close(&trace);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		FILE_TEST(what_is_saved_is_read),
		FILE_TEST(a_file_is_scaled_to_the_load),
		FILE_TEST(texts_are_keys),
		FILE_TEST(many_texts_are_many_keys),
		FILE_TEST(what_was_read_is_told),
		FILE_TEST(the_peak_is_of_a_window),
		FILE_TEST(a_file_has_its_own_rate),
		FILE_TEST(what_is_not_there_is_drawn),
		FILE_TEST(what_is_drawn_is_drawn_again),
	};
	const size_t first = 9;
	size_t count = UNIT_ADD_ROWS(tests, first, is_read, read_rows);

	file_rows(tests, first, count);
	return _cmocka_run_group_tests("load_file", tests, count, NULL, NULL);
}
