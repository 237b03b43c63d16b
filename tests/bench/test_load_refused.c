/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that cannot be drawn: what is wrong is named, with its limit. */
#include "bench/load/trace.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>

struct refusal {
	const char *name;
	struct trace_opts opts;
	const char *why;
};

#define POISSON                                                                \
	{                                                                      \
		ARRIVAL_POISSON, 0, NULL                                       \
	}
#define EXP                                                                    \
	{                                                                      \
		SERVICE_EXP, 0, 0, 1000                                        \
	}
#define UNIFORM                                                                \
	{                                                                      \
		KEY_UNIFORM, 0, 8                                              \
	}

/* Options that are good but for what is said. */
#define WITH_NUMBERS(count_, load_, consumers_)                                \
	{                                                                      \
		.count = (count_), .arrival = POISSON, .service = EXP,         \
		.keys = UNIFORM, .load = (load_), .consumers = (consumers_)    \
	}
#define WITH_SERVICE(kind, share, factor, mean_ns)                             \
	{                                                                      \
		.count = 10, .arrival = POISSON,                               \
		.service = {kind, share, factor, mean_ns}, .keys = UNIFORM,    \
		.load = 0.5, .consumers = 2                                    \
	}

static struct refusal refusals[] = {
	{"no_events", WITH_NUMBERS(0, 0.5, 2),
	 "events 0: must be in [1, 134217728]"},
	{"events_too_many", WITH_NUMBERS(TRACE_EVENTS_MAX + 1, 0.5, 2),
	 "events 134217729: must be"},
	{"load_0", WITH_NUMBERS(10, 0, 2), "load 0: must be in [1e-06, 1000]"},
	{"load_negative", WITH_NUMBERS(10, -0.5, 2), "load -0.5: must be"},
	{"load_too_high", WITH_NUMBERS(10, 1001, 2), "load 1001: must be"},
	{"load_not_a_number", WITH_NUMBERS(10, (double)NAN, 2), "nan: must be"},
	{"no_consumers", WITH_NUMBERS(10, 0.5, 0), "consumers 0: must be"},
	{"mean_0", WITH_SERVICE(SERVICE_EXP, 0, 0, 0),
	 "service mean 0 ns: must be in [1, 1e+08]"},
	{"mean_too_long", WITH_SERVICE(SERVICE_EXP, 0, 0, 1.1e8),
	 "service mean 1.1e+08 ns: must be"},
	{"mean_not_a_number", WITH_SERVICE(SERVICE_EXP, 0, 0, (double)NAN),
	 "ns: must be"},
	{"short_ones_too_short", WITH_SERVICE(SERVICE_EXTREME, 0.005, 1000, 5),
	 "service mean 5 ns: the short ones take 0.834028 ns"},
	{"long_ones_too_long", WITH_SERVICE(SERVICE_BIMODAL, 1e-6, 1e6, 1e8),
	 "service mean 1e+08 ns: the long ones take 5e+13 ns"},
	{"share_of_all", WITH_SERVICE(SERVICE_BIMODAL, 1, 10, 1000),
	 "service share 1, factor 10: must be in (0, 1)"},
	{"factor_below_1", WITH_SERVICE(SERVICE_BIMODAL, 0.5, 0.5, 1000),
	 "factor 0.5: must be in (0, 1) and at least 1"},
	{"sigma_0", WITH_SERVICE(SERVICE_LOGNORMAL, 0, 0, 1000),
	 "service sigma 0: must be in (0, 3]"},
	{"no_keys",
	 {.count = 10,
	  .arrival = POISSON,
	  .service = EXP,
	  .keys = {KEY_UNIFORM, 0, 0},
	  .load = 0.5,
	  .consumers = 2},
	 "keys 0"},
	{"zipf_of_too_many",
	 {.count = 10,
	  .arrival = POISSON,
	  .service = EXP,
	  .keys = {KEY_ZIPF, 1, 4194305},
	  .load = 0.5,
	  .consumers = 2},
	 "keys 4194305: must be in [1, 4194304]"},
	{"theta_0",
	 {.count = 10,
	  .arrival = POISSON,
	  .service = EXP,
	  .keys = {KEY_ZIPF, 0, 9},
	  .load = 0.5,
	  .consumers = 2},
	 "keys theta 0: must be in (0, 2]"},
	{"burst_of_0",
	 {.count = 10,
	  .arrival = {ARRIVAL_BURST, 0, NULL},
	  .service = EXP,
	  .keys = UNIFORM,
	  .load = 0.5,
	  .consumers = 2},
	 "burst of 0: must be"},
	{"span_too_long",
	 {.count = 1000000,
	  .arrival = POISSON,
	  .service = {SERVICE_FIXED, 0, 0, 1e8},
	  .keys = UNIFORM,
	  .load = 1e-6,
	  .consumers = 1},
	 "load 1e-06: the last event arrives after more than"},
};

static void is_refused(void **state)
{
	const struct refusal *row = *state;
	char why[LOAD_TEXT_BYTES] = "";
	struct trace trace;

	assert_int_equal(trace_open(&trace, &row->opts, why, sizeof(why)),
			 -EINVAL);
	assert_text_has(why, row->why);
	assert_null(trace.event);
	trace_close(&trace);
}

int main(void)
{
	struct CMUnitTest tests[32];
	size_t count = UNIT_ADD_ROWS(tests, 0, is_refused, refusals);

	return _cmocka_run_group_tests("load_refused", tests, count, NULL,
				       NULL);
}
