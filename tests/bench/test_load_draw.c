/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions against their theory. Seeds are fixed, so a test that passes
 * always passes; the bounds are five standard deviations. */
#include "bench/load/draw.h"
#include "tests/support/unit.h"

#include <math.h>
#include <stdlib.h>

#define DRAWS 400000u
#define SEED  20240607u

/* What a number of draws gave. */
struct moments {
	double mean;
	double variance;
	double lowest;
	double highest;
};

static double samples[DRAWS];

static struct moments moments_of_samples(void)
{
	struct moments m = {0, 0, samples[0], samples[0]};

	for (uint32_t i = 0; i < DRAWS; i++) {
		m.mean += samples[i] / DRAWS;
		m.lowest = fmin(m.lowest, samples[i]);
		m.highest = fmax(m.highest, samples[i]);
	}
	for (uint32_t i = 0; i < DRAWS; i++)
		m.variance += (samples[i] - m.mean) * (samples[i] - m.mean) /
			      (DRAWS - 1);
	return m;
}

static void assert_close(double seen, double expected, double bound)
{
	if (!(fabs(seen - expected) <= bound))
		fail_msg("%g is not %g +- %g", seen, expected, bound);
}

/* The share of the samples in (low, high] is @expected. */
static void assert_share(double low, double high, double expected)
{
	double seen = 0;

	for (uint32_t i = 0; i < DRAWS; i++)
		seen += samples[i] > low && samples[i] <= high;
	assert_close(seen / DRAWS, expected,
		     5 * sqrt(expected * (1 - expected) / DRAWS));
}

/* ---- numbers ------------------------------------------------------------- */

static void streams_are_repeatable_and_differ(void **state)
{
	struct draw a = draw_start(SEED, 1);
	struct draw again = draw_start(SEED, 1);
	struct draw stream = draw_start(SEED, 2);
	struct draw seed = draw_start(SEED + 1, 1);
	uint32_t bits = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t number = draw_u64(&a);

		assert_int_equal(number, draw_u64(&again));
		bits += (uint32_t)__builtin_popcountll(number ^
						       draw_u64(&stream));
		bits += (uint32_t)__builtin_popcountll(number ^
						       draw_u64(&seed));
	}
	/* Half of 128,000 bits differ. */
	assert_close(bits, 64000, 5 * sqrt(32000));
}

static void units_are_flat(void **state)
{
	struct draw draw = draw_start(SEED, 3);
	struct moments m;

	(void)state;
	for (uint32_t i = 0; i < DRAWS; i++)
		samples[i] = draw_unit(&draw);
	m = moments_of_samples();
	assert_true(m.lowest > 0 && m.lowest < 1e-4);
	assert_true(m.highest <= 1 && m.highest > 1 - 1e-4);
	assert_close(m.mean, 0.5, 5 * sqrt(1.0 / 12 / DRAWS));
	for (uint32_t i = 0; i < 10; i++)
		assert_share(i / 10.0, (i + 1) / 10.0, 0.1);
}

static void below_is_fair(void **state)
{
	struct draw draw = draw_start(SEED, 4);
	const uint64_t n = UINT64_C(3) << 62;
	uint64_t seen[7] = {0};
	uint64_t low = 0;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++)
		seen[draw_below(&draw, UNIT_COUNT(seen))]++;
	for (size_t i = 0; i < UNIT_COUNT(seen); i++)
		assert_close((double)seen[i], 10000, 5 * sqrt(10000));
	/* A remainder alone would give the lowest third half of all. */
	for (uint32_t i = 0; i < 30000; i++) {
		uint64_t number = draw_below(&draw, n);

		assert_true(number < n);
		low += number < n / 3;
	}
	assert_close((double)low, 10000, 5 * sqrt(10000));
	assert_int_equal(draw_below(&draw, 1), 0);
}

static void normal_is_normal(void **state)
{
	struct draw draw = draw_start(SEED, 5);
	struct moments m;

	(void)state;
	for (uint32_t i = 0; i < DRAWS; i++)
		samples[i] = draw_normal(&draw);
	m = moments_of_samples();
	assert_close(m.mean, 0, 5 / sqrt(DRAWS));
	assert_close(m.variance, 1, 5 * sqrt(2.0 / DRAWS));
	assert_share(0, 1, 0.341345);
	assert_share(-2, -1, 0.135905);
	assert_share(2, 1e9, 0.022750);
	assert_share(-1e9, -3, 0.001350);
}

/* ---- services ------------------------------------------------------------ */

static struct moments service_draws(const struct service *service)
{
	struct draw draw = draw_start(SEED, 6);

	for (uint32_t i = 0; i < DRAWS; i++)
		samples[i] = draw_service(&draw, service);
	return moments_of_samples();
}

static void exponential_is_exponential(void **state)
{
	const struct service service = {.kind = SERVICE_EXP};
	struct moments m = service_draws(&service);

	(void)state;
	assert_close(m.mean, 1, 5 / sqrt(DRAWS));
	assert_close(m.variance, 1, 5 * sqrt(8.0 / DRAWS));
	assert_true(m.lowest >= 0);
	for (uint32_t i = 0; i < 8; i++)
		assert_share(i, i + 1, exp(-(double)i) - exp(-(double)i - 1));
}

static void lognormal_is_lognormal(void **state)
{
	static const double sigmas[] = {0.2, 1, 1.5};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(sigmas); i++) {
		double sigma = sigmas[i];
		const struct service service = {.kind = SERVICE_LOGNORMAL,
						.share = sigma};
		double variance = exp(sigma * sigma) - 1;
		double median = exp(-sigma * sigma / 2);
		struct moments m = service_draws(&service);

		assert_close(m.mean, 1, 5 * sqrt(variance / DRAWS));
		assert_share(0, median, 0.5);
		assert_share(median, median * exp(sigma), 0.341345);
		assert_share(median * exp(2 * sigma), 1e9, 0.022750);
	}
}

static void two_modes_are_two(void **state)
{
	static const struct service services[] = {
		{.kind = SERVICE_BIMODAL, .share = 0.1, .factor = 10},
		{.kind = SERVICE_BIMODAL, .share = 0.5, .factor = 2},
		{.kind = SERVICE_EXTREME, .share = 0.005, .factor = 1000},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(services); i++) {
		const struct service *service = &services[i];
		double p = service->share;
		struct moments m = service_draws(service);
		double apart = m.highest - m.lowest;

		assert_close(m.highest / m.lowest, service->factor, 1e-9);
		assert_close(m.mean, 1, 5 * apart * sqrt(p * (1 - p) / DRAWS));
		assert_share(m.lowest, m.highest, p);
		/* None in between. */
		assert_share(m.lowest, m.highest * (1 - 1e-9), 0);
	}
}

static void fixed_is_one(void **state)
{
	const struct service service = {.kind = SERVICE_FIXED};
	struct moments m = service_draws(&service);

	(void)state;
	assert_true(m.lowest >= 1 && m.highest <= 1);
}

/* ---- keys ---------------------------------------------------------------- */

struct key_row {
	const char *name;
	struct keys keys;
};

static struct key_row key_rows[] = {
	{"keys_uniform_10", {KEY_UNIFORM, 0, 10}},
	{"keys_uniform_1024", {KEY_UNIFORM, 0, 1024}},
	{"keys_zipf_0.001_of_20", {KEY_ZIPF, 0.001, 20}},
	{"keys_zipf_0.5_of_100", {KEY_ZIPF, 0.5, 100}},
	{"keys_zipf_0.99_of_1000", {KEY_ZIPF, 0.99, 1000}},
	{"keys_zipf_1_of_7", {KEY_ZIPF, 1, 7}},
	{"keys_zipf_1.2_of_1000000", {KEY_ZIPF, 1.2, 1000000}},
	{"keys_zipf_2_of_50", {KEY_ZIPF, 2, 50}},
	{"keys_zipf_2_of_100000", {KEY_ZIPF, 2, 100000}},
	{"keys_zipf_0.8_of_1000000", {KEY_ZIPF, 0.8, 1000000}},
};

/* Chi-square of what was seen against the exact probabilities, neighbours being
 * counted together until 20 are expected. */
static void keys_have_their_probabilities(void **state)
{
	const struct key_row *row = *state;
	uint32_t n = row->keys.count;
	double theta = row->keys.kind == KEY_ZIPF ? row->keys.theta : 0;
	uint32_t *seen = calloc(n, sizeof(*seen));
	struct draw draw = draw_start(SEED, 7);
	double chi_square = 0;
	double expected = 0;
	double found = 0;
	double freedom = -1;
	double sum = 0;

	assert_non_null(seen);
	for (uint32_t i = 0; i < DRAWS; i++) {
		uint32_t key = draw_key(&draw, &row->keys);

		assert_true(key < n);
		seen[key]++;
	}
	for (uint32_t i = 0; i < n; i++)
		sum += pow(i + 1.0, -theta);
	for (uint32_t i = 0; i < n; i++) {
		expected += DRAWS * pow(i + 1.0, -theta) / sum;
		found += seen[i];
		if (expected < 20 && i + 1 < n)
			continue;
		chi_square +=
			(found - expected) * (found - expected) / expected;
		freedom++;
		expected = 0;
		found = 0;
	}
	assert_true(freedom >= 6);
	assert_close(chi_square, freedom, 5 * sqrt(2 * freedom));
	free(seen);
}

static void one_key_is_always_0(void **state)
{
	const struct keys spec = {KEY_ZIPF, 1, 1};
	struct draw draw = draw_start(SEED, 8);

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(draw_key(&draw, &spec), 0);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(streams_are_repeatable_and_differ),
		cmocka_unit_test(units_are_flat),
		cmocka_unit_test(below_is_fair),
		cmocka_unit_test(normal_is_normal),
		cmocka_unit_test(exponential_is_exponential),
		cmocka_unit_test(lognormal_is_lognormal),
		cmocka_unit_test(two_modes_are_two),
		cmocka_unit_test(fixed_is_one),
		cmocka_unit_test(one_key_is_always_0),
	};
	size_t count = 9;

	count = UNIT_ADD_ROWS(tests, count, keys_have_their_probabilities,
			      key_rows);
	return _cmocka_run_group_tests("load_draw", tests, count, NULL, NULL);
}
