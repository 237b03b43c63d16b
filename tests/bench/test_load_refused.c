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
	{"load_0", WITH_NUMBERS(10, 0, 2), "load 0: must be in [1e-06, 1000]"},
	{"load_negative", WITH_NUMBERS(10, -0.5, 2), "load -0.5: must be"},
	{"load_too_high", WITH_NUMBERS(10, 1001, 2), "load 1001: must be"},
	{"load_not_a_number", WITH_NUMBERS(10, (double)NAN, 2), "nan: must be"},
	{"short_ones_too_short", WITH_SERVICE(SERVICE_EXTREME, 0.005, 1000, 5),
	 "service mean 5 ns: the short ones take 0.834028 ns"},
	{"longer_than_can_be_said", WITH_SERVICE(SERVICE_FIXED, 0, 0, 4.7e17),
	 "all services take 4.7e+18 ns together: at most 4.61169e+18 is"},
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
	struct trace trace;

	assert_int_equal(trace_open(&trace, &row->opts), -EINVAL);
	assert_text_has(cli_error(), row->why);
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
