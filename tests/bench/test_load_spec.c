/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/spec.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>

/* ---- what is taken, and how it is written back --------------------------- */

enum field {
	ARRIVALS,
	SERVICE,
	KEYS,
};

/* Parse @text and write it back to @back. Returns what parsing returned. */
static int there_and_back(enum field field, const char *text, char *back,
			  char *why)
{
	static const struct load_spec *const specs[] = {
		[ARRIVALS] = &load_arrivals,
		[SERVICE] = &load_service,
		[KEYS] = &load_keys,
	};
	union {
		struct arrival arrival;
		struct service service;
		struct keys keys;
	} made = {.service = {.mean_ns = 123}};
	int rc = load_parse(specs[field], &made, text, why, LOAD_TEXT_BYTES);

	if (field == SERVICE)
		assert_true(made.service.mean_ns >= 123 &&
			    made.service.mean_ns <= 123);
	if (rc == 0)
		load_format(specs[field], &made, back, LOAD_TEXT_BYTES);
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
	char back[LOAD_TEXT_BYTES] = "";
	char why[LOAD_TEXT_BYTES] = "";

	if (there_and_back(row->field, row->text, back, why) != 0)
		fail_msg("%s", why);
	assert_string_equal(back, row->back);
	/* What is written is taken, and written alike. */
	if (there_and_back(row->field, row->back, back, why) != 0)
		fail_msg("%s", why);
	assert_string_equal(back, row->back);
}

/* ---- what is refused, and in which words --------------------------------- */

#define DEPTH "DEPTH must be a whole number in [1, 1048576]"
#define BURST "N must be a whole number in [1, 1048576]"
#define SIGMA "SIGMA must be a number in [0.01, 3]"
#define THETA "THETA must be a number in [0.001, 2]"
#define ZIPFS "N must be a whole number in [1, 67108864]"

static struct text_row refused_rows[] = {
	{"", ARRIVALS, "arrivals '': not one of closed:DEPTH, poisson"},
	{"fast", ARRIVALS, "arrivals 'fast': not one of"},
	{"poissonian", ARRIVALS, "not one of"},
	{"Poisson", ARRIVALS, "not one of"},
	{"closed", ARRIVALS, "arrivals 'closed': " DEPTH},
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
	{"trace", ARRIVALS, "arrivals 'trace': FILE is missing"},
	{"trace:", ARRIVALS, "FILE is missing"},
	{"slow", SERVICE, "service 'slow': not one of fixed, exp, lognormal"},
	{"fixed:1", SERVICE, "nothing may follow before ':1'"},
	{"exp:", SERVICE, "nothing may follow"},
	{"lognormal:0", SERVICE, "service 'lognormal:0': " SIGMA},
	{"lognormal:3.1", SERVICE, SIGMA},
	{"lognormal:nan", SERVICE, SIGMA},
	{"lognormal:inf", SERVICE, SIGMA},
	{"lognormal:1e", SERVICE, SIGMA},
	{"lognormal:1.2.3", SERVICE, SIGMA},
	{"bimodal:0.1", SERVICE, "FACTOR must be a number in [1, 1000000]"},
	{"bimodal:0.1:", SERVICE, "FACTOR must be"},
	{"bimodal:0.1:0.5", SERVICE, "FACTOR must be"},
	{"bimodal:0:10", SERVICE,
	 "SHARE must be a number in [1e-06, 0.999999]"},
	{"bimodal:1:10", SERVICE, "SHARE must be"},
	{"bimodal:0.1:10:9", SERVICE, "nothing may follow before ':9'"},
	{"extreme::10", SERVICE, "SHARE must be"},
	{"gauss:3", KEYS, "keys 'gauss:3': not one of uniform:N, zipf:THETA:N"},
	{"uniform:0", KEYS, "N must be a whole number in [1, 67108864]"},
	{"uniform:67108865", KEYS, "N must be"},
	{"uniform:10:1", KEYS, "nothing may follow before ':1'"},
	{"zipf", KEYS, "keys 'zipf': " THETA},
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
	char back[LOAD_TEXT_BYTES] = "";
	char why[LOAD_TEXT_BYTES] = "";

	assert_int_equal(there_and_back(row->field, row->text, back, why),
			 -EINVAL);
	assert_text_has(why, row->back);
	assert_text_has(why, row->text);
}

static void what_is_refused_changes_nothing(void **state)
{
	struct arrival arrival = {ARRIVAL_BURST, 7, NULL};
	struct service service = {SERVICE_EXTREME, 0.25, 3, 55};
	struct keys keys = {KEY_ZIPF, 1.5, 9};
	char why[LOAD_TEXT_BYTES];
	char text[LOAD_TEXT_BYTES];

	(void)state;
	assert_int_equal(load_parse(&load_arrivals, &arrival, "closed:0", why,
				    sizeof(why)),
			 -EINVAL);
	assert_int_equal(load_parse(&load_service, &service, "bimodal:0.5:0",
				    why, sizeof(why)),
			 -EINVAL);
	assert_int_equal(
		load_parse(&load_keys, &keys, "uniform:1:1", why, sizeof(why)),
		-EINVAL);
	load_format(&load_arrivals, &arrival, text, sizeof(text));
	assert_string_equal(text, "burst:7");
	load_format(&load_service, &service, text, sizeof(text));
	assert_string_equal(text, "extreme:0.25:3");
	load_format(&load_keys, &keys, text, sizeof(text));
	assert_string_equal(text, "zipf:1.5:9");
}

static void a_long_text_stays_in_its_buffer(void **state)
{
	struct arrival arrival = {0};
	char text[1000];
	char why[40 + 1];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	why[40] = '#';
	assert_int_equal(load_parse(&load_arrivals, &arrival, text, why, 40),
			 -EINVAL);
	assert_int_equal(strlen(why), 39);
	assert_int_equal(why[40], '#');
	memcpy(text, "trace:", 6);
	assert_int_equal(load_parse(&load_arrivals, &arrival, text, why, 40),
			 0);
	load_format(&load_arrivals, &arrival, why, 40);
	assert_int_equal(strlen(why), 39);
	assert_int_equal(why[40], '#');
}

/* No number is lost on the way through a text. */
static void any_number_comes_back(void **state)
{
	struct rng rng = rng_start("any_number_comes_back");

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		struct service a = {.kind = SERVICE_BIMODAL};
		struct service b = {0};
		char why[LOAD_TEXT_BYTES];
		char text[LOAD_TEXT_BYTES];
		double unit = (double)(rng_u64(&rng) >> 11) * 0x1p-53;

		a.share = 1e-6 + 0.9 * unit;
		a.factor = 1 + (double)rng_below(&rng, 1000) * unit;
		load_format(&load_service, &a, text, sizeof(text));
		if (load_parse(&load_service, &b, text, why, sizeof(why)) != 0)
			fail_msg("%s", why);
		assert_memory_equal(&a.share, &b.share, sizeof(a.share));
		assert_memory_equal(&a.factor, &b.factor, sizeof(a.factor));
	}
}

int main(void)
{
	struct CMUnitTest tests[128] = {
		cmocka_unit_test(what_is_refused_changes_nothing),
		cmocka_unit_test(a_long_text_stays_in_its_buffer),
		cmocka_unit_test(any_number_comes_back),
	};
	size_t count = 3;

	count = UNIT_ADD_ROWS(tests, count, is_taken, taken_rows);
	count = UNIT_ADD_ROWS(tests, count, is_refused, refused_rows);
	return _cmocka_run_group_tests("load_spec", tests, count, NULL, NULL);
}
