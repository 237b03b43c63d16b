/* SPDX-License-Identifier: Apache-2.0 */
/* Traces in files that cannot be: what is wrong is named, with file and line. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/bench/load_file.h"
#include "tests/support/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

struct line_row {
	const char *name;
	const char *text;
	const char *why;
};

#define HEAD "arrival_us,service_us,key\n"

static struct line_row line_rows[] = {
	{"nothing", "", ": is empty; the first line has the names"},
	{"comments_only", "# none\n\n", ": is empty"},
	{"header_only", HEAD, ": has no events, only names"},
	{"no_header", "1,2,3\n4,5,6\n", ":1: no column arrival_ns"},
	{"no_arrival", "time,service_us,key\n", ":1: no column arrival_ns"},
	{"no_unit", "arrival,service_us\n1,2\n",
	 ":1: column arrival: in which unit? arrival_ns, _us, _ms or _s"},
	{"two_arrivals", "arrival_us,arrival_ns\n1,2\n",
	 ":1: columns arrival_us and arrival_ns: one of them is too many"},
	{"two_services", "service_s,arrival_us,Service_s\n1,2,3\n",
	 ":1: columns service_s and Service_s"},
	{"a_word", HEAD "1,2,3\nhello,2,3\n",
	 ":3: column arrival_us: 'hello' must be a number of us"},
	{"nothing_there", HEAD ",2,3\n", ":2: column arrival_us: ''"},
	{"no_service", HEAD "1,,3\n", ":2: column service_us: ''"},
	{"two_fields", HEAD "1,2\n", ":2: 2 fields; the first line names 3"},
	{"four_fields", HEAD "1,2,3,4\n", ":2: 4 fields; the first"},
	{"negative", HEAD "-1,2,3\n", ":2: column arrival_us: '-1'"},
	{"plus", HEAD "+1,2,3\n", ":2: column arrival_us: '+1'"},
	{"hexadecimal", HEAD "1,0x2,3\n", ":2: column service_us: '0x2'"},
	{"infinite", HEAD "1,inf,3\n", ":2: column service_us: 'inf'"},
	{"two_points", HEAD "1.2.3,1,3\n", ":2: column arrival_us: '1.2.3'"},
	{"long_service", HEAD "1,4611686018428000,3\n",
	 ":2: column service_us: '4611686018428000' must be a number of "
	 "us, from 0 to 4611686018.43s"},
	{"long_services", HEAD "1,4611686018427387,3\n2,4611686018427387,3\n",
	 "all services take 9.22337e+18 ns together: at most 4.61169e+18 is"},
	{"65_bits", "arrival_ns,service_ns\n18446744073709551616,1\n",
	 ":2: column arrival_ns: '18446744073709551616'"},
	{"huge_power", HEAD "1e999999999999,1,1\n", ":2: column arrival_us"},
	{"no_end_of_quotes", HEAD "1,\"2,3\n4,5,6\n",
	 ":2: field 2: its quote does not end"},
	{"behind_quotes", HEAD "1,\"2\"3,3\n", ":2: field 2: '3,3' follows"},
	{"too_long_apart",
	 "arrival_ns,service_ns\n1,1\n4611686018427387906,1\n",
	 ": more than 4.61169e+18 ns from the first event to the last"},
	{"before_the_origin", "# origin_ns=5\narrival_ns,service_ns\n4,1\n",
	 ": an event arrives before origin_ns"},
};

static void a_bad_line_is_named(void **state)
{
	const struct line_row *row = *state;
	struct trace trace;

	file_has(row->text, strlen(row->text));
	assert_int_equal(file_open(&trace, 0), -EINVAL);
	assert_text_has(cli_error(), row->why);
	if (strncmp(row->why, "all", 3) != 0)
		assert_text_has(cli_error(), path);
	assert_null(trace.event);
}

static void a_line_without_end_is_refused(void **state)
{
	static char text[100000];
	struct trace trace;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, HEAD, strlen(HEAD));
	file_has(text, sizeof(text));
	assert_int_equal(file_open(&trace, 0), -EINVAL);
	assert_text_has(cli_error(), ":2: longer than 65534 bytes");
	memset(text + strlen(HEAD), 0, sizeof(text) - strlen(HEAD));
	file_has(text, sizeof(text));
	assert_int_equal(file_open(&trace, 0), -EINVAL);
	assert_text_has(cli_error(),
			":2: longer than 65534 bytes, or a zero byte");
	memset(text, ',', sizeof(text));
	file_has(text, 1000);
	assert_int_equal(file_open(&trace, 0), -EINVAL);
	assert_text_has(cli_error(), ":1: more than 256 fields");
}

/* Whatever stands there: it is read or refused, and a refusal has words. */
static void anything_is_read_or_refused(void **state)
{
	static const char letters[] = "0123456789.,;\t\"#e+-_ \r\n\nausnk\xff";
	struct rng rng = rng_start("anything_is_read_or_refused");
	uint32_t taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		char text[400] = HEAD;
		size_t used = i % 4 > 0 ? strlen(HEAD) : 0;
		uint64_t few = i % 4 == 2 ? 15 : sizeof(letters) - 1;
		struct trace trace;

		for (uint64_t j = rng_below(&rng, 300); i % 4 < 3 && j > 0; j--)
			text[used++] = i % 4 == 1
					       ? (char)rng_below(&rng, 256)
					       : letters[rng_below(&rng, few)];
		if (i % 4 == 3)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used,
				"%" PRIu64 ",1.%" PRIu64 ",k%" PRIu64 "\n",
				rng_below(&rng, 99), rng_below(&rng, 9),
				rng_below(&rng, 3));
		file_has(text, used);
		if (file_open(&trace, 0) == 0) {
			taken++;
			trace_close(&trace);
		} else if (strncmp(cli_error(), "all", 3) != 0) {
			assert_text_has(cli_error(), path);
		}
	}
	assert_true(taken >= 1000);
}

static void what_has_no_span_has_no_load(void **state)
{
	struct trace trace;

	(void)state;
	trace = file_text("arrival_ns,service_ns,key\n7,5,1\n7,5,2\n");
	assert_int_equal(trace.count, 2);
	assert_int_equal(trace.span_ns, 0);
	assert_true(!(trace.facts.load > 0) && !(trace.facts.peak_per_s > 0));
	trace_close(&trace);
	assert_int_equal(file_open(&trace, 0.5), -EINVAL);
	assert_text_has(cli_error(), ": all arrive at one instant");
	trace = file_text("arrival_ns,service_ns,key\n0,5,1\n9,5,2\n");
	trace_close(&trace);
	assert_int_equal(file_open(&trace, -1), -EINVAL);
	assert_text_has(cli_error(), "load -1: must be in");
	assert_int_equal(file_open(&trace, (double)NAN), -EINVAL);
	assert_text_has(cli_error(), "nan: must be in");
	/* 2 * 4294967295 ns / 10^-6 / 4 consumers. */
	trace = file_text("arrival_ns,service_ns\n0,4294967295\n"
			  "9,4294967295\n");
	trace_close(&trace);
	trace = file_opened(1e-6);
	assert_int_equal(trace.span_ns, UINT64_C(2147483647500000));
	trace_close(&trace);
}

static void files_that_are_none_are_named(void **state)
{
	struct trace trace = drawn(ARRIVAL_POISSON, 0.5);
	FILE *full = fopen("/dev/full", "we");
	struct trace none;

	(void)state;
	(void)snprintf(path, sizeof(path), "/nowhere/there/is");
	assert_int_equal(file_open(&none, 0), -ENOENT);
	assert_text_has(cli_error(), "/nowhere/there/is: No such file");
	(void)snprintf(path, sizeof(path), "/proc/self");
	assert_int_equal(file_open(&none, 0), -EIO);
	assert_text_has(cli_error(), "/proc/self: cannot be read");
	/* Noticed while writing, and at the end only. */
	assert_non_null(full);
	assert_int_equal(trace_save(&trace, full), -EIO);
	trace.count = 1;
	clearerr(full);
	assert_int_equal(trace_save(&trace, full), -EIO);
	(void)fclose(full);
	trace_close(&trace);
}

int main(void)
{
	struct CMUnitTest tests[48] = {
		FILE_TEST(a_line_without_end_is_refused),
		FILE_TEST(anything_is_read_or_refused),
		FILE_TEST(what_has_no_span_has_no_load),
		FILE_TEST(files_that_are_none_are_named),
	};
	const size_t first = 4;
	size_t count =
		UNIT_ADD_ROWS(tests, first, a_bad_line_is_named, line_rows);

	file_rows(tests, first, count);
	return _cmocka_run_group_tests("load_file_bad", tests, count, NULL,
				       NULL);
}
