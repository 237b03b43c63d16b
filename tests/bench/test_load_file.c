/* SPDX-License-Identifier: Apache-2.0 */
/* Traces in files; the files are in memory, so that none is left behind. */
#define _GNU_SOURCE /* memfd_create */
#include "bench/load/trace.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[64];
static int fd = -1;

static int file_made(void **state)
{
	(void)state;
	fd = memfd_create("trace", MFD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0;
}

static int file_gone(void **state)
{
	(void)state;
	return close(fd);
}

static void file_has(const char *text, size_t bytes)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, text, bytes, 0), bytes);
}

static int file_open(struct trace *trace, double load, char *why)
{
	const struct trace_opts opts = {
		.arrival = {ARRIVAL_TRACE, 0, path},
		.load = load,
		.consumers = 4,
	};

	return trace_open(trace, &opts, why, LOAD_TEXT_BYTES);
}

static struct trace file_opened(double load)
{
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	if (file_open(&trace, load, why) != 0)
		fail_msg("%s", why);
	assert_non_null(trace.event);
	return trace;
}

static struct trace drawn(enum arrival_kind kind, double load)
{
	const struct trace_opts opts = {
		.seed = 5,
		.count = 20000,
		.arrival = {kind, 16, NULL},
		.service = {SERVICE_EXP, 0, 0, 1000},
		.keys = {KEY_ZIPF, 0.99, 1000},
		.load = load,
		.consumers = 4,
	};
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	if (trace_open(&trace, &opts, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_non_null(trace.event);
	return trace;
}

/* ---- there and back ------------------------------------------------------ */

static void what_is_saved_is_read(void **state)
{
	(void)state;
	for (enum arrival_kind kind = ARRIVAL_CLOSED; kind < ARRIVAL_TRACE;
	     kind++) {
		struct trace a = drawn(kind, 0.7);
		struct trace b;

		assert_int_equal(trace_save(&a, path), 0);
		b = file_opened(0);
		assert_int_equal(a.count, b.count);
		assert_memory_equal(a.event, b.event,
				    a.count * sizeof(*a.event));
		assert_int_equal(a.span_ns, b.span_ns);
		assert_true(fabs(a.service_mean_ns - b.service_mean_ns) < 1e-9);
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

		assert_int_equal(trace_save(&saved, path), 0);
		trace = file_opened(0.9);
		assert_int_equal(trace.count, meant.count);
		for (uint64_t i = 0; i < trace.count; i++) {
			double seen = (double)trace.event[i].arrival_ns;
			double want = (double)meant.event[i].arrival_ns;

			assert_true(fabs(seen - want) <= 2);
			assert_int_equal(trace.event[i].service_ns,
					 meant.event[i].service_ns);
			assert_int_equal(trace.event[i].key,
					 meant.event[i].key);
		}
		assert_int_equal(trace.span_ns,
				 trace.event[trace.count - 1].arrival_ns);
		trace_close(&saved);
		trace_close(&meant);
		trace_close(&trace);
	}
}

static void blanks_and_comments_are_skipped(void **state)
{
	static const char text[] = "# arrival service key\n"
				   "\n"
				   "  \t\n"
				   "0 1 0\n"
				   "\t5  7\t3 # a comment\r\n"
				   "   # another\n"
				   "5 4294967295 4294967295#\n"
				   "4611686018427387904 10 1";
	static const struct trace_event events[] = {
		{0, 1, 0},
		{5, 7, 3},
		{5, UINT32_MAX, UINT32_MAX},
		{UINT64_C(1) << 62, 10, 1},
	};
	struct trace trace;

	(void)state;
	file_has(text, sizeof(text) - 1);
	trace = file_opened(0);
	assert_int_equal(trace.count, UNIT_COUNT(events));
	for (size_t i = 0; i < UNIT_COUNT(events); i++) {
		assert_int_equal(trace.event[i].arrival_ns,
				 events[i].arrival_ns);
		assert_int_equal(trace.event[i].service_ns,
				 events[i].service_ns);
		assert_int_equal(trace.event[i].key, events[i].key);
	}
	assert_int_equal(trace.span_ns, UINT64_C(1) << 62);
	assert_true(fabs(trace.service_mean_ns - 4294967313 / 4.0) < 1e-6);
	trace_close(&trace);
}

/* ---- refusals ------------------------------------------------------------ */

struct line_row {
	const char *name;
	const char *text;
	const char *why;
};

#define TOO_BIG "18446744073709551616"

static struct line_row line_rows[] = {
	{"nothing", "", ": has no events"},
	{"comments_only", "# none\n\n", ": has no events"},
	{"a_word", "1 2 3\nhello\n", ":2: arrival_ns 'hello' is not in [0, "},
	{"one_number", "1\n", ":1: service_ns '' is not in [1, 4294967295]"},
	{"two_numbers", "1 2\n", ":1: key '' is not in [0, 4294967295]"},
	{"four_numbers", "1 2 3 4\n", ":1: more than arrival_ns, service_ns"},
	{"negative", "-1 2 3\n", ":1: arrival_ns '-1' is not in"},
	{"plus", "+1 2 3\n", ":1: arrival_ns '+1' is not in"},
	{"fraction", "1.5 2 3\n", ":1: arrival_ns '1.5' is not in"},
	{"hexadecimal", "1 0x2 3\n", ":1: service_ns '0x2' is not in"},
	{"commas", "1,2,3\n", ":1: arrival_ns '1,2,3' is not in"},
	{"no_service_time", "# a\n1 0 3\n", ":2: service_ns '0' is not in"},
	{"long_service", "1 4294967296 3\n", ":1: service_ns '4294967296' is"},
	{"big_key", "1 2 4294967296\n", ":1: key '4294967296' is not in"},
	{"late", "4611686018427387905 2 3\n",
	 ":1: arrival_ns '4611686018427387905' is not in"},
	{"64_bits_and_more", TOO_BIG " 2 3\n", ":1: arrival_ns '" TOO_BIG "'"},
	{"20_zeros_too_many", "1 2 00000000000000000000003\n", ":1: key '000"},
	{"backwards", "5 1 1\n\n4 1 1\n",
	 ":3: arrival_ns is lower than that of the event before"},
};

static void a_bad_line_is_named(void **state)
{
	const struct line_row *row = *state;
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	file_has(row->text, strlen(row->text));
	assert_int_equal(file_open(&trace, 0, why), -EINVAL);
	assert_text_has(why, row->why);
	assert_text_has(why, path);
	assert_null(trace.event);
}

static void a_line_without_end_is_refused(void **state)
{
	static char text[100000];
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "1 2 3\n", 6);
	file_has(text, sizeof(text));
	assert_int_equal(file_open(&trace, 0, why), -EINVAL);
	assert_text_has(why, ":2: longer than 510 bytes, or not text");
	/* Zeros, of which a string sees the first only. */
	memset(text + 6, 0, sizeof(text) - 6);
	file_has(text, sizeof(text));
	assert_int_equal(file_open(&trace, 0, why), -EINVAL);
	assert_text_has(why, ":2: longer than 510 bytes, or not text");
}

static void what_has_no_span_has_no_load(void **state)
{
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	(void)state;
	file_has("0 5 1\n0 5 2\n", 12);
	assert_int_equal(file_open(&trace, 0.5, why), -EINVAL);
	assert_text_has(why, ": all arrive at 0 ns, which no factor makes a "
			     "load");
	trace = file_opened(0);
	assert_int_equal(trace.count, 2);
	trace_close(&trace);
	file_has("0 5 1\n9 5 2\n", 12);
	assert_int_equal(file_open(&trace, -1, why), -EINVAL);
	assert_text_has(why, "load -1: must be in");
	assert_int_equal(file_open(&trace, (double)NAN, why), -EINVAL);
	assert_text_has(why, "nan: must be in");
	/* 2 * 4294967295 ns / 10^-6 / 4 consumers. */
	file_has("0 4294967295 1\n9 4294967295 2\n", 30);
	trace = file_opened(1e-6);
	assert_int_equal(trace.span_ns, UINT64_C(2147483647500000));
	trace_close(&trace);
}

static void files_that_are_none_are_named(void **state)
{
	struct trace trace = drawn(ARRIVAL_POISSON, 0.5);
	struct trace none;
	char why[LOAD_TEXT_BYTES] = "";

	(void)state;
	(void)snprintf(path, sizeof(path), "/nowhere/there/is");
	assert_int_equal(file_open(&none, 0, why), -ENOENT);
	assert_text_has(why, "/nowhere/there/is: No such file");
	assert_int_equal(trace_save(&trace, path), -ENOENT);
	(void)snprintf(path, sizeof(path), "/proc/self");
	assert_int_equal(file_open(&none, 0, why), -EIO);
	assert_text_has(why, "/proc/self: cannot be read");
	assert_int_equal(trace_save(&trace, path), -EISDIR);
	/* Noticed while writing, and at the end only. */
	assert_int_equal(trace_save(&trace, "/dev/full"), -ENOSPC);
	trace.count = 1;
	assert_int_equal(trace_save(&trace, "/dev/full"), -ENOSPC);
	trace_close(&trace);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, file_made, file_gone)

int main(void)
{
	struct CMUnitTest tests[48] = {
		FILE_TEST(what_is_saved_is_read),
		FILE_TEST(a_file_is_scaled_to_the_load),
		FILE_TEST(blanks_and_comments_are_skipped),
		FILE_TEST(a_line_without_end_is_refused),
		FILE_TEST(what_has_no_span_has_no_load),
		FILE_TEST(files_that_are_none_are_named),
	};
	const size_t first = 6;
	size_t count =
		UNIT_ADD_ROWS(tests, first, a_bad_line_is_named, line_rows);

	for (size_t i = first; i < count; i++) {
		tests[i].setup_func = file_made;
		tests[i].teardown_func = file_gone;
	}
	return _cmocka_run_group_tests("load_file", tests, count, NULL, NULL);
}
