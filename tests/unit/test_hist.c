/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/hist.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <math.h>
#include <pthread.h>

#define VALUES_MAX 20000u
#define LIVE_ADDS  2000000u

/* Static: a histogram is large for a stack. */
static struct sluice_hist hist;
static struct sluice_hist part[3];
static uint64_t values[VALUES_MAX];

static int empty_hist(void **state)
{
	(void)state;
	memset(&hist, 0, sizeof(hist));
	memset(part, 0, sizeof(part));
	return 0;
}

/* ---- buckets ------------------------------------------------------------- */

static void buckets_follow_each_other(void **state)
{
	uint64_t low = 0;

	(void)state;
	for (uint32_t i = 0; i < SLUICE_HIST_BUCKETS; i++) {
		uint64_t top = sluice_hist_bucket_top(i);

		assert_true(top >= low);
		assert_int_equal(sluice_hist_bucket(low), i);
		assert_int_equal(sluice_hist_bucket(top), i);
		assert_int_equal(sluice_hist_bucket(low + (top - low) / 2), i);
		if (low < 256)
			assert_int_equal(top, low);
		else
			assert_true(top - low < low / 128);
		low = top + 1;
	}
	assert_int_equal(low, 0); /* behind 2^64 - 1 */
}

/* ---- what little there is ------------------------------------------------ */

static void empty_answers_nothing(void **state)
{
	struct sluice_hist_curve curve;
	struct sluice_hist_point point;

	(void)state;
	assert_int_equal(sluice_hist_count(&hist), 0);
	assert_int_equal(sluice_hist_min(&hist), 0);
	assert_int_equal(sluice_hist_max(&hist), 0);
	assert_true(sluice_hist_mean(&hist) == 0);
	assert_int_equal(sluice_hist_quantile(&hist, 0), 0);
	assert_int_equal(sluice_hist_quantile(&hist, 1), 0);
	sluice_hist_curve_init(&curve, &hist, 5);
	assert_int_equal(sluice_hist_curve_next(&curve, &point), 0);
}

static void one_value_is_exact(void **state)
{
	static const uint64_t samples[] = {
		0,
		1,
		127,
		128,
		255,
		256,
		257,
		1000000007,
		UINT64_C(1) << 62,
		(UINT64_C(1) << 63) - 1,
		UINT64_C(1) << 63,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(samples); i++) {
		uint64_t v = samples[i];

		sluice_hist_reset(&hist);
		sluice_hist_add(&hist, v);
		assert_int_equal(sluice_hist_count(&hist), 1);
		assert_int_equal(sluice_hist_min(&hist), v);
		assert_int_equal(sluice_hist_max(&hist), v);
		assert_int_equal(sluice_hist_quantile(&hist, 0), v);
		assert_int_equal(sluice_hist_quantile(&hist, 0.5), v);
		assert_int_equal(sluice_hist_quantile(&hist, 1), v);
		/* 2^64 - 1 is the mark of a sum that does not fit. */
		if (v < UINT64_MAX)
			assert_true(sluice_hist_mean(&hist) == (double)v);
	}
}

static void a_place_is_counted_from_above(void **state)
{
	(void)state;
	for (uint64_t v = 1; v <= 100; v++)
		sluice_hist_add(&hist, v);
	assert_int_equal(sluice_hist_quantile(&hist, 0), 1);
	assert_int_equal(sluice_hist_quantile(&hist, 0.001), 1);
	/* 0.07 * 100 is more than 7 as a double. */
	for (uint32_t i = 1; i <= 100; i++)
		assert_int_equal(sluice_hist_quantile(&hist, i / 100.0), i);
	assert_int_equal(sluice_hist_quantile(&hist, 0.071), 8);
	assert_int_equal(sluice_hist_quantile(&hist, 0.991), 100);
}

static void quantiles_outside_are_the_ends(void **state)
{
	(void)state;
	sluice_hist_add(&hist, 3);
	sluice_hist_add(&hist, 9);
	assert_int_equal(sluice_hist_quantile(&hist, -1), 3);
	assert_int_equal(sluice_hist_quantile(&hist, (double)NAN), 3);
	assert_int_equal(sluice_hist_quantile(&hist, -(double)INFINITY), 3);
	assert_int_equal(sluice_hist_quantile(&hist, 1.5), 9);
	assert_int_equal(sluice_hist_quantile(&hist, (double)INFINITY), 9);
}

/* ---- against the sorted values ------------------------------------------- */

static uint64_t draw_small(struct rng *rng)
{
	return rng_below(rng, 300);
}

static uint64_t draw_flat(struct rng *rng)
{
	return 1000 + rng_below(rng, 9000000);
}

/* Every number of bits alike. */
static uint64_t draw_any(struct rng *rng)
{
	return rng_u64(rng) >> rng_below(rng, 64);
}

static uint64_t draw_exponential(struct rng *rng)
{
	double unit = (double)((rng_u64(rng) >> 11) + 1) * 0x1p-53;

	return (uint64_t)(-log(unit) * 50000);
}

static uint64_t draw_bimodal(struct rng *rng)
{
	return rng_below(rng, 200) == 0 ? 1000000 : 1000;
}

static uint64_t draw_constant(struct rng *rng)
{
	(void)rng;
	return 777777;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct shape {
	const char *name;
	uint64_t (*draw)(struct rng *rng);
};

static struct shape shapes[] = {
	{"quantiles_of_small_values", draw_small},
	{"quantiles_of_a_flat_distribution", draw_flat},
	{"quantiles_of_any_magnitude", draw_any},
	{"quantiles_of_an_exponential", draw_exponential},
	{"quantiles_of_two_modes", draw_bimodal},
	{"quantiles_of_a_constant", draw_constant},
};

/* Never too low, never above the maximum, and less than 1/128 too high. */
static void told_is_close(uint64_t told, uint64_t exact, uint64_t highest)
{
	assert_true(told >= exact);
	assert_true(told <= highest);
	if (exact < 256)
		assert_int_equal(told, exact);
	else
		assert_true(told - exact < exact / 128);
}

static void shape_check(uint32_t n)
{
	double sum = 0;

	qsort(values, n, sizeof(values[0]), compare);
	for (uint32_t i = 0; i < n; i++)
		sum += (double)values[i];
	assert_int_equal(sluice_hist_count(&hist), n);
	assert_int_equal(sluice_hist_min(&hist), values[0]);
	assert_int_equal(sluice_hist_max(&hist), values[n - 1]);
	/* Where the sum fits; else see the test of a sum that does not. */
	if (sum < 1.8e19)
		assert_true(fabs(sluice_hist_mean(&hist) - sum / n) <=
			    1e-9 * sum / n);
	for (uint32_t k = 0; k <= 10000; k += k < 9900 ? 100 : 1) {
		uint64_t place = ((uint64_t)k * n + 9999) / 10000;

		told_is_close(sluice_hist_quantile(&hist, k / 10000.0),
			      values[place > 0 ? place - 1 : 0], values[n - 1]);
	}
}

static void quantiles_match_sorted_values(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 10, 999, VALUES_MAX};
	const struct shape *shape = *state;
	struct rng rng = rng_start(shape->name);

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		sluice_hist_reset(&hist);
		for (uint32_t j = 0; j < sizes[i]; j++) {
			values[j] = shape->draw(&rng);
			sluice_hist_add(&hist, values[j]);
		}
		shape_check(sizes[i]);
	}
}

/* ---- adding in other ways ------------------------------------------------ */

static void add_n_is_many_adds(void **state)
{
	struct rng rng = rng_start("add_n_is_many_adds");

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t v = rng_u64(&rng) >> (20 + rng_below(&rng, 44));
		uint64_t n = rng_below(&rng, 20);

		sluice_hist_add_n(&part[0], v, n);
		while (n-- > 0)
			sluice_hist_add(&part[1], v);
		assert_memory_equal(&part[0], &part[1], sizeof(part[0]));
	}
	assert_true(sluice_hist_count(&part[0]) > 0);
}

static void add_none_leaves_it_empty(void **state)
{
	(void)state;
	sluice_hist_add_n(&hist, 5, 0);
	assert_memory_equal(&hist, &part[0], sizeof(hist));
}

static void merge_is_adding_all_to_one(void **state)
{
	struct rng rng = rng_start("merge_is_adding_all_to_one");

	(void)state;
	for (uint32_t i = 0; i < VALUES_MAX; i++) {
		uint64_t v = rng_u64(&rng) >> (16 + rng_below(&rng, 48));

		sluice_hist_add(&hist, v);
		sluice_hist_add(&part[1 + rng_below(&rng, 2)], v);
	}
	sluice_hist_merge(&part[0], &part[1]);
	assert_memory_equal(&part[0], &part[1], sizeof(hist));
	sluice_hist_merge(&part[0], &part[2]);
	assert_memory_equal(&part[0], &hist, sizeof(hist));
	/* An empty one changes nothing. */
	sluice_hist_reset(&part[1]);
	sluice_hist_merge(&part[0], &part[1]);
	assert_memory_equal(&part[0], &hist, sizeof(hist));
}

static void reset_is_zeroed_memory(void **state)
{
	(void)state;
	sluice_hist_add(&hist, 0);
	sluice_hist_add(&hist, 12345);
	sluice_hist_add(&hist, UINT64_MAX);
	sluice_hist_reset(&hist);
	assert_memory_equal(&hist, &part[0], sizeof(hist));
}

static void mean_outlives_a_sum_that_does_not_fit(void **state)
{
	const double exact = 0x1p62 * 3 / 4;

	(void)state;
	/* By addition, by multiplication, by merging. */
	for (uint32_t i = 0; i < 6; i++)
		sluice_hist_add(&hist, UINT64_C(1) << 62);
	sluice_hist_add_n(&hist, 0, 2);
	sluice_hist_add_n(&part[0], UINT64_C(1) << 62, 6);
	sluice_hist_add_n(&part[0], 0, 2);
	assert_memory_equal(&hist, &part[0], sizeof(hist));
	assert_true(fabs(sluice_hist_mean(&hist) - exact) < 0.004 * exact);
	sluice_hist_add_n(&part[1], UINT64_C(1) << 62, 3);
	sluice_hist_add_n(&part[1], 0, 1);
	assert_true(sluice_hist_mean(&part[1]) == exact);
	sluice_hist_merge(&part[2], &part[1]);
	sluice_hist_merge(&part[2], &part[1]);
	assert_memory_equal(&hist, &part[2], sizeof(hist));
	/* And it stays so. */
	sluice_hist_merge(&part[2], &part[1]);
	sluice_hist_add(&part[2], 1);
	assert_true(fabs(sluice_hist_mean(&part[2]) - exact * 12 / 13) <
		    0.004 * exact);
}

/* ---- curve --------------------------------------------------------------- */

/* Values that a bucket up to that of @value may hold. */
static uint64_t values_up_to(uint64_t value, uint32_t n)
{
	uint64_t top = sluice_hist_bucket_top(sluice_hist_bucket(value));
	uint64_t below = 0;

	for (uint32_t i = 0; i < n; i++)
		below += values[i] <= top;
	return below;
}

static void curve_check(uint32_t ticks, uint32_t n)
{
	struct sluice_hist_curve curve;
	struct sluice_hist_point point;
	uint64_t most = 54 * (uint64_t)ticks + 2;
	uint64_t points = 0;
	double left = 1;
	double q = 0;

	sluice_hist_curve_init(&curve, &hist, ticks);
	while (sluice_hist_curve_next(&curve, &point)) {
		assert_true(++points <= most);
		assert_int_equal(point.value,
				 sluice_hist_quantile(&hist, point.quantile));
		assert_int_equal(point.count, values_up_to(point.value, n));
		if (point.quantile >= 1)
			break;
		assert_true(fabs(point.quantile - q) < 1e-12);
		q += left / 2 / ticks;
		if (points % ticks == 0)
			left /= 2;
	}
	assert_true(points >= 2);
	assert_true(point.quantile == 1);
	assert_int_equal(point.value, sluice_hist_max(&hist));
	assert_int_equal(point.count, n);
	assert_int_equal(sluice_hist_curve_next(&curve, &point), 0);
	assert_int_equal(sluice_hist_curve_next(&curve, &point), 0);
}

static void curve_is_the_quantiles(void **state)
{
	struct rng rng = rng_start("curve_is_the_quantiles");
	static const uint32_t sizes[] = {1, 2, 7, 1000, VALUES_MAX};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		sluice_hist_reset(&hist);
		for (uint32_t j = 0; j < sizes[i]; j++) {
			values[j] = draw_exponential(&rng);
			sluice_hist_add(&hist, values[j]);
		}
		curve_check(1, sizes[i]);
		curve_check(5, sizes[i]);
		curve_check(16, sizes[i]);
	}
}

static void curve_ticks_are_limited(void **state)
{
	struct sluice_hist_curve curve;

	(void)state;
	sluice_hist_add(&hist, 1);
	sluice_hist_curve_init(&curve, &hist, 0);
	assert_int_equal(curve.ticks, 1);
	sluice_hist_curve_init(&curve, &hist, UINT32_MAX);
	assert_int_equal(curve.ticks, SLUICE_HIST_PARTS);
}

/* ---- a reader beside the writer ------------------------------------------ */

static void *live_writer(void *arg)
{
	struct sluice_hist *live = arg;

	for (uint64_t i = 0; i < LIVE_ADDS; i++)
		sluice_hist_add(live, 1000 + i % 1000);
	return NULL;
}

/* Under a race detector this also says that no access is a race. */
static void a_reader_sees_it_grow(void **state)
{
	struct sluice_hist_curve curve;
	struct sluice_hist_point point;
	uint64_t count = 0;
	uint64_t merged = 0;
	pthread_t writer;
	uint32_t wrong = 0; /* asserted on when the writer has gone */

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, live_writer, &hist), 0);
	while (count < LIVE_ADDS) {
		uint64_t seen = sluice_hist_count(&hist);
		uint64_t median = sluice_hist_quantile(&hist, 0.5);

		wrong += seen < count;
		count = seen;
		/* 0: nothing was seen yet. */
		wrong += median > 1999 || (median < 1000 && median > 0);
		sluice_hist_reset(&part[0]);
		sluice_hist_merge(&part[0], &hist);
		wrong += sluice_hist_count(&part[0]) < merged;
		merged = sluice_hist_count(&part[0]);
		sluice_hist_curve_init(&curve, &part[0], 5);
		while (sluice_hist_curve_next(&curve, &point))
			wrong += point.value > 1999;
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(wrong, 0);
	assert_int_equal(sluice_hist_count(&hist), LIVE_ADDS);
	assert_int_equal(sluice_hist_min(&hist), 1000);
	assert_int_equal(sluice_hist_max(&hist), 1999);
	assert_true(sluice_hist_mean(&hist) == 1499.5);
}

#define HIST_TEST(f) cmocka_unit_test_setup(f, empty_hist)

int main(void)
{
	struct CMUnitTest tests[32] = {
		HIST_TEST(buckets_follow_each_other),
		HIST_TEST(empty_answers_nothing),
		HIST_TEST(one_value_is_exact),
		HIST_TEST(a_place_is_counted_from_above),
		HIST_TEST(quantiles_outside_are_the_ends),
		HIST_TEST(add_n_is_many_adds),
		HIST_TEST(add_none_leaves_it_empty),
		HIST_TEST(merge_is_adding_all_to_one),
		HIST_TEST(reset_is_zeroed_memory),
		HIST_TEST(mean_outlives_a_sum_that_does_not_fit),
		HIST_TEST(curve_is_the_quantiles),
		HIST_TEST(curve_ticks_are_limited),
		HIST_TEST(a_reader_sees_it_grow),
	};
	size_t count = 13;

	count = UNIT_ADD_ROWS(tests, count, quantiles_match_sorted_values,
			      shapes);
	return _cmocka_run_group_tests("hist", tests, count, NULL, NULL);
}
