/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/trace.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

/* ---- what is taken, and how it is written back --------------------------- */

enum field {
	ARRIVALS,
	SERVICE,
	KEYS,
};

static const struct spec *const specs[] = {
	[ARRIVALS] = &load_arrivals,
	[SERVICE] = &load_service,
	[KEYS] = &load_keys,
};

/* What begins with its kind, as it would be written. */
static void show(const struct spec *spec, const void *from, char *text,
		 size_t bytes)
{
	FILE *out = fmemopen(text, bytes, "w");

	assert_non_null(out);
	spec_show(spec, *(const uint32_t *)from, from, out);
	(void)fputc('\0', out);
	assert_int_equal(fclose(out), 0);
}

/* Parse @text and write it back to @back. Returns what parsing returned. */
static int there_and_back(enum field field, const char *text, char *back)
{
	union {
		struct arrival arrival;
		struct service service;
		struct keys keys;
	} made = {.service = {.mean_ns = 123}};
	int rc = spec_parse(specs[field], &made, text);

	if (field == SERVICE)
		assert_true(made.service.mean_ns >= 123 &&
			    made.service.mean_ns <= 123);
	if (rc == 0)
		show(specs[field], &made, back, SPEC_TEXT_BYTES);
	return rc;
}

struct text_row {
	const char *text; /* the test's name too */
	enum field field;
	const char *back; /* or what is wrong with it */
};

static struct text_row taken_rows[] = {
	{"closed:1", ARRIVALS, "closed:1"},
	{"closed:64", ARRIVALS, "closed:64"},
	{"closed:1048576", ARRIVALS, "closed:1048576"},
	{"poisson", ARRIVALS, "poisson"},
	{"uniform", ARRIVALS, "uniform"},
	{"burst:32", ARRIVALS, "burst:32"},
	{"burst:1e3", ARRIVALS, "burst:1000"},
	{"burst:1k", ARRIVALS, "burst:1000"},
	{"trace:a b/c.txt", ARRIVALS, "trace:a b/c.txt"},
	{"trace:c:d", ARRIVALS, "trace:c:d"},
	{"fixed", SERVICE, "fixed"},
	{"exp", SERVICE, "exp"},
	{"lognormal", SERVICE, "lognormal:1"},
	{"lognormal:.25", SERVICE, "lognormal:0.25"},
	{"lognormal:3", SERVICE, "lognormal:3"},
	{"lognormal:0.123456789012", SERVICE, "lognormal:0.123456789012"},
	{"bimodal", SERVICE, "bimodal:0.1:10"},
	{"bimodal:0.2", SERVICE, "bimodal:0.2:10"},
	{"bimodal:5%:20", SERVICE, "bimodal:0.05:20"},
	{"bimodal:5e-1:2.5", SERVICE, "bimodal:0.5:2.5"},
	{"extreme", SERVICE, "extreme:0.005:1000"},
	{"extreme:0.000001:1000000", SERVICE, "extreme:1e-06:1000000"},
	{"uniform", KEYS, "uniform:1024"},
	{"uniform:1", KEYS, "uniform:1"},
	{"uniform:67108864", KEYS, "uniform:67108864"},
	{"zipf:0.99:1000000", KEYS, "zipf:0.99:1000000"},
	{"zipf:2:1", KEYS, "zipf:2:1"},
	{"zipf:0.001:67108864", KEYS, "zipf:0.001:67108864"},
};

static void is_taken(void **state)
{
	const struct text_row *row = *state;
	char back[SPEC_TEXT_BYTES] = "";

	if (there_and_back(row->field, row->text, back) != 0)
		fail_msg("%s", cli_error());
	assert_string_equal(back, row->back);
	/* What is written is taken, and written alike. */
	if (there_and_back(row->field, row->back, back) != 0)
		fail_msg("%s", cli_error());
	assert_string_equal(back, row->back);
}

/* ---- what is refused, and in which words --------------------------------- */

#define DEPTH "DEPTH must be a whole number in [1, 1048576]"
#define BURST "N must be a whole number in [1, 1048576]"
#define SIGMA "SIGMA must be a number in [0.01, 3]"
#define THETA "THETA must be a number in [0.001, 2]"
#define ZIPFS "N must be a whole number in [1, 67108864]"

static struct text_row refused_rows[] = {
	{"", ARRIVALS,
	 "must be one of closed:DEPTH, poisson, uniform, burst:N, trace:FILE"},
	{"fast", ARRIVALS, "must be one of closed"},
	{"poissonian", ARRIVALS, "must be one of"},
	{"Poisson", ARRIVALS, "must be one of"},
	{"closed", ARRIVALS, DEPTH},
	{"closed:", ARRIVALS, DEPTH},
	{"closed:0", ARRIVALS, DEPTH},
	{"closed:-1", ARRIVALS, DEPTH},
	{"closed:+1", ARRIVALS, DEPTH},
	{"closed: 1", ARRIVALS, DEPTH},
	{"closed:0x10", ARRIVALS, DEPTH},
	{"closed:1048577", ARRIVALS, DEPTH},
	{"closed:1e999", ARRIVALS, DEPTH},
	{"closed:ten", ARRIVALS, DEPTH},
	{"closed:1.5", ARRIVALS, DEPTH},
	{"closed:1:2", ARRIVALS, "nothing may follow before ':2'"},
	{"poisson:1", ARRIVALS, "nothing may follow before ':1'"},
	{"uniform:", ARRIVALS, "nothing may follow"},
	{"burst", ARRIVALS, BURST},
	{"burst:0", ARRIVALS, BURST},
	{"trace", ARRIVALS, "FILE must not be empty"},
	{"trace:", ARRIVALS, "FILE must not be empty"},
	{"slow", SERVICE,
	 "must be one of fixed, exp, lognormal[:SIGMA], "
	 "bimodal[:SHARE][:FACTOR]"},
	{"fixed:1", SERVICE, "nothing may follow before ':1'"},
	{"exp:", SERVICE, "nothing may follow"},
	{"lognormal:0", SERVICE, SIGMA},
	{"lognormal:3.1", SERVICE, SIGMA},
	{"lognormal:nan", SERVICE, SIGMA},
	{"lognormal:inf", SERVICE, SIGMA},
	{"lognormal:1e", SERVICE, SIGMA},
	{"lognormal:1.2.3", SERVICE, SIGMA},
	{"bimodal:0.1:", SERVICE, "FACTOR must be a number in [1, 1000000]"},
	{"bimodal:0.1:0.5", SERVICE, "FACTOR must be"},
	{"bimodal:0:10", SERVICE,
	 "SHARE must be a number in [1e-06, 0.999999]"},
	{"bimodal:1:10", SERVICE, "SHARE must be"},
	{"bimodal:0.1:10:9", SERVICE, "nothing may follow before ':9'"},
	{"extreme::10", SERVICE, "SHARE must be"},
	{"gauss:3", KEYS, "must be one of uniform[:N], zipf:THETA:N"},
	{"uniform:0", KEYS, "N must be a whole number in [1, 67108864]"},
	{"uniform:67108865", KEYS, "N must be"},
	{"uniform:10:1", KEYS, "nothing may follow before ':1'"},
	{"zipf", KEYS, THETA},
	{"zipf:0:10", KEYS, THETA},
	{"zipf:2.01:10", KEYS, THETA},
	{"zipf:1", KEYS, ZIPFS},
	{"zipf:1:0", KEYS, ZIPFS},
	{"zipf:1:67108865", KEYS, ZIPFS},
	{"zipf:1:2.5", KEYS, ZIPFS},
};

static void is_refused(void **state)
{
	const struct text_row *row = *state;
	char back[SPEC_TEXT_BYTES] = "";

	assert_int_equal(there_and_back(row->field, row->text, back), -EINVAL);
	assert_text_has(cli_error(), row->back);
}

/* No number is lost on the way through a text. */
static void any_number_comes_back(void **state)
{
	struct rng rng = rng_start("any_number_comes_back");

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		struct service a = {.kind = SERVICE_BIMODAL};
		struct service b = {0};
		char text[SPEC_TEXT_BYTES];
		double unit = (double)(rng_u64(&rng) >> 11) * 0x1p-53;

		a.share = 1e-6 + 0.9 * unit;
		a.factor = 1 + (double)rng_below(&rng, 1000) * unit;
		show(&load_service, &a, text, sizeof(text));
		if (spec_parse(&load_service, &b, text) != 0)
			fail_msg("%s", cli_error());
		assert_memory_equal(&a.share, &b.share, sizeof(a.share));
		assert_memory_equal(&a.factor, &b.factor, sizeof(a.factor));
	}
}

/* ---- lists and ranges ---------------------------------------------------- */

struct list_row {
	const char *text;
	uint32_t count; /* 0: refused */
	double last;
	const char *why;
};

static struct list_row list_rows[] = {
	{"0.5", 1, 0.5, ""},
	{"0.1,0.2", 2, 0.2, ""},
	{"10%,0.5", 2, 0.5, ""},
	{"0.1:0.9:0.2", 5, 0.9, ""},
	{"0.1:0.3:0.1", 3, 0.3, ""},
	{"0.5:0.5:0.1", 1, 0.5, ""},
	{"0.1,", 0, 0, "each must be a number in [0, 1]"},
	{"0.1:0.9", 0, 0, "a range FROM:TO:STEP goes up"},
	{"0.1:0.9:0", 0, 0, "goes up, by a STEP above 0"},
	{"0.9:0.1:0.1", 0, 0, "goes up"},
	{"1:2:3:4", 0, 0, "FROM:TO:STEP"},
	{"0.5,0.5", 0, 0, "0.5 is there twice"},
	{"0.01:0.99:0.01", 0, 0, "at most 8 are taken"},
	{"2", 0, 0, "each must be a number in [0, 1]"},
};

static void is_that_list(void **state)
{
	static const struct number_form form = {.kind = NUMBER_REAL, .high = 1};
	const struct list_row *row = *state;
	double out[8];
	int count = spec_list(&form, row->text, out, UNIT_COUNT(out));

	if (row->count == 0) {
		assert_int_equal(count, -EINVAL);
		assert_text_has(cli_error(), row->why);
		return;
	}
	assert_int_equal(count, row->count);
	assert_true(fabs(out[count - 1] - row->last) < 1e-12);
}

static void whole_numbers_go_in_steps_of_1(void **state)
{
	static const struct number_form form = {
		.kind = NUMBER_COUNT, .low = 1, .high = 64};
	double out[64];

	(void)state;
	assert_int_equal(spec_list(&form, "1:32", out, 64), 32);
	assert_true(fabs(out[31] - 32) < 1e-12);
	assert_int_equal(spec_list(&form, "2:8:2", out, 64), 4);
	assert_int_equal(spec_list(&form, "0:3", out, 64), -EINVAL);
	assert_text_has(cli_error(), "each must be a whole number in [1, 64]");
}

int main(void)
{
	struct CMUnitTest tests[160] = {
		cmocka_unit_test(any_number_comes_back),
		cmocka_unit_test(whole_numbers_go_in_steps_of_1),
	};
	size_t count = 2;

	count = UNIT_ADD_ROWS(tests, count, is_taken, taken_rows);
	count = UNIT_ADD_ROWS(tests, count, is_refused, refused_rows);
	count = UNIT_ADD_ROWS(tests, count, is_that_list, list_rows);
	return _cmocka_run_group_tests("load_spec", tests, count, NULL, NULL);
}
