/* SPDX-License-Identifier: Apache-2.0 */
/* The pipelines of `sluice-bench engine`: each carries its events, and a wrong sum is
 * seen. */
#include "bench/rivals/pipelines.h"
#include "tests/support/unit.h"

#include <errno.h>

#define EVENTS UINT64_C(30000)

/* By name, as unit_add_rows() wants them. */
static struct pipeline_case rows[] = {
	{"one of 8 bytes carries its events", PIPELINE_ONE, 8, 1, 1, 0, 0},
	{"one of 64 bytes carries its events", PIPELINE_ONE, 64, 1, 1, 0, 0},
	{"one of 256 bytes carries its events", PIPELINE_ONE, 256, 1, 1, 0, 0},
	{"one with a wide window carries them", PIPELINE_ONE, 8, 1, 1, 16384,
	 0},
	{"one event per emission", PIPELINE_ONE, 64, 1, 1, 0, 1},
	{"a broadcast to 3", PIPELINE_BROADCAST, 64, 1, 3, 0, 0},
	{"a broadcast to 4", PIPELINE_BROADCAST, 64, 1, 4, 0, 0},
	{"a partition of 4", PIPELINE_PARTITION, 64, 1, 4, 0, 0},
	{"a chain of 3", PIPELINE_CHAIN, 64, 1, 1, 0, 0},
	{"a fan-in of 3", PIPELINE_FAN_IN, 64, 3, 1, 0, 0},
};

static struct pipeline_run run;

/* Whatever is wrong with what has come, it is seen; then all is right again. */
static void every_event_counts(void **state)
{
	const struct pipeline_case *of = *state;
	char text[PIPELINE_TEXT_BYTES];

	assert_int_equal(pipeline_run(&run, of, EVENTS), 0);
	assert_true(run.rate > 0);
	for (uint32_t i = 0; i < of->sums; i++) {
		struct process_meter *meter = &run.sum[i].meter;

		assert_true(meter->timed > 0);
		assert_true(meter->timed < meter->n);
		meter->sum++;
		assert_int_equal(pipeline_check(&run), -EBADMSG);
		meter->sum--;
		meter->seen--;
		assert_int_equal(pipeline_check(&run), -EBADMSG);
		meter->seen++;
		assert_int_equal(pipeline_check(&run), 0);
	}
	pipeline_placed(&run, text);
	assert_text_has(text, "count0 on CPU ");
	assert_text_has(text, "sum0 on CPU ");
}

static void a_rate_is_from_the_first_to_the_last(void **state)
{
	const struct pipeline_case of = {"", PIPELINE_PARTITION, 64, 1, 2, 0,
					 0};

	(void)state;
	run = (struct pipeline_run){.of = &of, .n = 4000};
	for (uint32_t i = 0; i < 2; i++)
		run.sum[i].meter = (struct process_meter){
			.seen = 2000,
			.timed = 1500,
			.began_ns = i == 0 ? 1000000 : 1100000,
			.ns = i == 0 ? 100000 : 200000};
	run.sum[0].meter.sum = pipeline_sum_expected(&of, 4000);
	assert_int_equal(pipeline_check(&run), 0);
	/* 3000 in 300 us. */
	assert_float_equal(run.rate, 10, 1e-9);
}

/* A broadcast's events are told as they are made, not as they arrive. */
static void a_broadcast_counts_each_event_once(void **state)
{
	const struct pipeline_case of = {"", PIPELINE_BROADCAST, 64, 1, 2, 0,
					 0};

	(void)state;
	run = (struct pipeline_run){.of = &of, .n = 4000};
	for (uint32_t i = 0; i < 2; i++)
		run.sum[i].meter = (struct process_meter){
			.seen = 4000,
			.timed = 3000,
			.sum = pipeline_sum_expected(&of, 4000) / 2,
			.began_ns = 1000000,
			.ns = 300000};
	assert_int_equal(pipeline_check(&run), 0);
	assert_float_equal(run.rate, 10, 1e-9);
}

static void what_is_too_short_has_no_rate(void **state)
{
	const struct pipeline_case of = {"", PIPELINE_ONE, 8, 1, 1, 0, 0};

	(void)state;
	run = (struct pipeline_run){.of = &of, .n = 1};
	run.sum[0].meter.seen = 1;
	assert_int_equal(pipeline_check(&run), -ERANGE);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(rows) + 3] = {
		cmocka_unit_test(a_rate_is_from_the_first_to_the_last),
		cmocka_unit_test(a_broadcast_counts_each_event_once),
		cmocka_unit_test(what_is_too_short_has_no_rate),
	};

	(void)UNIT_ADD_ROWS(tests, 3, every_event_counts, rows);
	return cmocka_run_group_tests_name("pipelines", tests, NULL, NULL);
}
