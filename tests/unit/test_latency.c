/* SPDX-License-Identifier: Apache-2.0 */
/* The histogram of a subscription's latencies. */
#include "ring/latency.h"
#include "tests/support/unit.h"

static struct sluice_latency latency;
static struct sluice_latency_stats stat;

static int open_empty(void **state)
{
	(void)state;
	latency = (struct sluice_latency){0};
	return 0;
}

static void an_empty_one_says_nothing(void **state)
{
	static const struct sluice_latency_stats none;

	(void)state;
	sluice_latency_stat(&latency, &stat);
	assert_memory_equal(&stat, &none, sizeof(none));
}

/* Exact below 16; else never too low, and too high by less than an eighth. */
static void each_bucket_holds_what_it_says(void **state)
{
	uint64_t step = 1;

	(void)state;
	for (uint64_t v = 0; v < UINT64_MAX - step; v += step) {
		(void)open_empty(NULL);
		sluice_latency_add(&latency, v);
		sluice_latency_add(&latency, UINT64_MAX);
		sluice_latency_stat(&latency, &stat);
		assert_int_equal(stat.count, 2);
		assert_int_equal(stat.max_ns, UINT64_MAX);
		assert_true(stat.p50_ns >= v);
		assert_true(stat.p50_ns - v <= (v < 16 ? 0 : v / 8));
		if (v >= 64)
			step = v / 5 + 1;
	}
}

/* Of 1000 values, of one alone, and of three. */
static void a_share_is_what_it_does_not_exceed(void **state)
{
	(void)state;
	for (uint64_t v = 1; v <= 1000; v++)
		sluice_latency_add(&latency, v * 16);
	sluice_latency_stat(&latency, &stat);
	assert_int_equal(stat.count, 1000);
	assert_in_range(stat.p50_ns, 8000, 9000);
	assert_in_range(stat.p90_ns, 14400, 16000);
	assert_in_range(stat.p99_ns, 15840, 16000);
	assert_in_range(stat.p999_ns, 15984, 16000);
	assert_int_equal(stat.max_ns, 16000);
	(void)open_empty(NULL);
	sluice_latency_add(&latency, 1001);
	sluice_latency_stat(&latency, &stat);
	assert_int_equal(stat.p50_ns, 1001);
	assert_int_equal(stat.p999_ns, 1001);
	/* The second of three is what half of them do not exceed. */
	(void)open_empty(NULL);
	for (uint64_t v = 1; v <= 3; v++)
		sluice_latency_add(&latency, v);
	sluice_latency_stat(&latency, &stat);
	assert_int_equal(stat.p50_ns, 2);
	assert_int_equal(stat.p90_ns, 3);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_says_nothing),
		cmocka_unit_test(each_bucket_holds_what_it_says),
		cmocka_unit_test(a_share_is_what_it_does_not_exceed),
	};

	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = open_empty;
	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
