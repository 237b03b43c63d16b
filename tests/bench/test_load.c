/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/trace.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define EVENTS 100000u

static const struct trace_opts standard = {
	.seed = 99,
	.count = EVENTS,
	.arrival = {ARRIVAL_POISSON, 0, NULL},
	.service = {SERVICE_EXP, 0, 0, 1000},
	.keys = {KEY_ZIPF, 0.99, 1000},
	.load = 0.5,
	.consumers = 4,
};

static struct trace trace_made(const struct trace_opts *opts)
{
	struct trace trace;

	if (trace_open(&trace, opts) != 0)
		fail_msg("%s", cli_error());
	assert_non_null(trace.event);
	return trace;
}

static void assert_close(double seen, double expected, double bound)
{
	if (!(fabs(seen - expected) <= bound))
		fail_msg("%g is not %g +- %g", seen, expected, bound);
}

static void assert_same(const struct trace *a, const struct trace *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->event, b->event, a->count * sizeof(*a->event));
	assert_int_equal(a->span_ns, b->span_ns);
	assert_close(a->service_mean_ns, b->service_mean_ns, 0);
}

/* Differences of two traces of the same length, in events. */
struct differs {
	uint64_t arrivals;
	uint64_t services;
	uint64_t keys;
};

static struct differs trace_differs(const struct trace_opts *first,
				    const struct trace_opts *second)
{
	struct trace a = trace_made(first);
	struct trace b = trace_made(second);
	struct differs differs = {0};

	for (uint64_t i = 0; i < a.count && i < b.count; i++) {
		const struct trace_event *x = &a.event[i];
		const struct trace_event *y = &b.event[i];

		differs.arrivals += x->arrival_ns != y->arrival_ns;
		differs.services += x->service_ns != y->service_ns;
		differs.keys += x->key != y->key;
	}
	trace_close(&a);
	trace_close(&b);
	return differs;
}

/* ---- the same, and not the same ------------------------------------------ */

static void one_seed_is_one_trace(void **state)
{
	struct trace_opts other = standard;
	struct trace a = trace_made(&standard);
	struct trace b = trace_made(&standard);
	struct differs differs;

	(void)state;
	assert_same(&a, &b);
	trace_close(&a);
	trace_close(&b);
	other.seed++;
	differs = trace_differs(&standard, &other);
	assert_true(differs.arrivals > EVENTS / 2);
	assert_true(differs.services > EVENTS / 2);
	assert_true(differs.keys > EVENTS / 2);
}

static void what_is_drawn_depends_on_nothing_else(void **state)
{
	struct trace_opts other = standard;
	struct differs differs;

	(void)state;
	other.arrival = (struct arrival){ARRIVAL_BURST, 10, NULL};
	differs = trace_differs(&standard, &other);
	assert_int_equal(differs.services + differs.keys, 0);
	other = standard;
	other.keys = (struct keys){KEY_UNIFORM, 0, 1024};
	differs = trace_differs(&standard, &other);
	assert_int_equal(differs.arrivals + differs.services, 0);
	assert_true(differs.keys > 0);
	other = standard;
	other.service = (struct service){SERVICE_LOGNORMAL, 1, 0, 777};
	differs = trace_differs(&standard, &other);
	assert_int_equal(differs.keys, 0);
	assert_true(differs.services > 0);
	/* More events are the same and some more. */
	other = standard;
	other.count = EVENTS + 1000;
	differs = trace_differs(&standard, &other);
	assert_int_equal(differs.services + differs.keys, 0);
}

/* Of @count pairs; of what is independent below 5 / sqrt(count). */
static double correlation(const double *x, const double *y, uint32_t count)
{
	double sum[2] = {0};
	double square[2] = {0};
	double product = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum[0] += x[i] / count;
		sum[1] += y[i] / count;
	}
	for (uint32_t i = 0; i < count; i++) {
		square[0] += (x[i] - sum[0]) * (x[i] - sum[0]);
		square[1] += (y[i] - sum[1]) * (y[i] - sum[1]);
		product += (x[i] - sum[0]) * (y[i] - sum[1]);
	}
	return product / sqrt(square[0] * square[1]);
}

static void gaps_services_and_keys_are_independent(void **state)
{
	static double gaps[EVENTS];
	static double services[EVENTS];
	static double keys[EVENTS];
	struct trace trace = trace_made(&standard);
	uint64_t before = 0;

	(void)state;
	for (uint32_t i = 0; i < EVENTS; i++) {
		gaps[i] = (double)(trace.event[i].arrival_ns - before);
		services[i] = (double)trace.event[i].service_ns;
		keys[i] = (double)trace.event[i].key;
		before = trace.event[i].arrival_ns;
	}
	assert_close(correlation(gaps, services, EVENTS), 0, 5 / sqrt(EVENTS));
	assert_close(correlation(services, keys, EVENTS), 0, 5 / sqrt(EVENTS));
	assert_close(correlation(keys, gaps, EVENTS), 0, 5 / sqrt(EVENTS));
	trace_close(&trace);
}

static void load_is_one_factor_to_the_arrivals(void **state)
{
	static const struct arrival arrivals[] = {
		{ARRIVAL_POISSON, 0, NULL},
		{ARRIVAL_UNIFORM, 0, NULL},
		{ARRIVAL_BURST, 32, NULL},
	};

	(void)state;
	for (size_t k = 0; k < UNIT_COUNT(arrivals); k++) {
		struct trace_opts opts = standard;
		struct trace light;
		struct trace heavy;

		opts.arrival = arrivals[k];
		opts.load = 0.1;
		light = trace_made(&opts);
		opts.load = 0.95;
		heavy = trace_made(&opts);
		for (uint64_t i = 0; i < EVENTS; i++) {
			struct trace_event *a = &light.event[i];
			struct trace_event *b = &heavy.event[i];

			assert_int_equal(a->service_ns, b->service_ns);
			assert_int_equal(a->key, b->key);
			assert_close((double)b->arrival_ns,
				     (double)a->arrival_ns * 0.1 / 0.95, 0.6);
		}
		trace_close(&light);
		trace_close(&heavy);
	}
}

/* ---- arrivals ------------------------------------------------------------ */

static double load_of(const struct trace *trace, uint32_t consumers)
{
	return trace->service_mean_ns * (double)trace->count /
	       ((double)trace->span_ns * consumers);
}

static void uniform_has_equal_gaps(void **state)
{
	struct trace_opts opts = standard;
	uint64_t before = 0;
	struct trace trace;
	double gap;

	(void)state;
	opts.arrival.kind = ARRIVAL_UNIFORM;
	trace = trace_made(&opts);
	gap = trace.service_mean_ns / (opts.load * opts.consumers);
	for (uint64_t i = 0; i < trace.count; i++) {
		uint64_t at = trace.event[i].arrival_ns;

		assert_close((double)(at - before), gap, 1);
		before = at;
	}
	assert_int_equal(trace.span_ns, before);
	assert_close(load_of(&trace, 4), 0.5, 1e-7);
	trace_close(&trace);
}

static void poisson_has_exponential_gaps(void **state)
{
	struct trace trace = trace_made(&standard);
	double gap = trace.service_mean_ns / (0.5 * 4);
	double above[4] = {0}; /* 0, 1, 2, 3 mean gaps */
	uint64_t before = 0;

	(void)state;
	assert_close(load_of(&trace, 4), 0.5, 0.5 * 5 / sqrt(EVENTS));
	for (uint64_t i = 0; i < trace.count; i++) {
		uint64_t at = trace.event[i].arrival_ns;

		assert_true(at >= before);
		for (uint32_t k = 1; k < UNIT_COUNT(above); k++)
			above[k] += (double)(at - before) > k * gap;
		before = at;
	}
	for (uint32_t k = 1; k < UNIT_COUNT(above); k++) {
		double p = exp(-(double)k);

		/* And 1 ns of rounding in 500. */
		assert_close(above[k] / EVENTS, p,
			     5 * sqrt(p * (1 - p) / EVENTS) + p / 500);
	}
	assert_int_equal(trace.span_ns, before);
	trace_close(&trace);
}

static void bursts_are_at_once(void **state)
{
	struct trace_opts opts = standard;
	uint64_t before = 0;
	struct trace trace;
	double gap;

	(void)state;
	opts.arrival = (struct arrival){ARRIVAL_BURST, 64, NULL};
	opts.count = 64 * 100 + 7; /* the last one is not whole */
	trace = trace_made(&opts);
	gap = trace.service_mean_ns / (opts.load * opts.consumers);
	for (uint64_t i = 0; i < trace.count; i++) {
		uint64_t at = trace.event[i].arrival_ns;

		if (i % 64 == 0)
			assert_close((double)(at - before), 64 * gap, 1);
		else
			assert_int_equal(at, before);
		before = at;
	}
	trace_close(&trace);
	/* Whole ones have the very load. */
	opts.count = 6400;
	trace = trace_made(&opts);
	assert_close(load_of(&trace, 4), 0.5, 1e-6);
	trace_close(&trace);
}

static void closed_has_no_times(void **state)
{
	struct trace_opts opts = standard;
	struct trace trace;

	(void)state;
	opts.arrival = (struct arrival){ARRIVAL_CLOSED, 16, NULL};
	opts.load = 0; /* of no meaning */
	opts.consumers = 0;
	trace = trace_made(&opts);
	for (uint64_t i = 0; i < trace.count; i++)
		assert_int_equal(trace.event[i].arrival_ns, 0);
	assert_int_equal(trace.span_ns, 0);
	trace_close(&trace);
}

/* ---- services ------------------------------------------------------------ */

struct service_row {
	const char *name;
	struct service service;
	double deviation; /* of one, in means */
};

static struct service_row service_rows[] = {
	{"mean_of_fixed", {SERVICE_FIXED, 0, 0, 1234}, 0},
	{"mean_of_exp", {SERVICE_EXP, 0, 0, 1000}, 1},
	{"mean_of_exp_1e8", {SERVICE_EXP, 0, 0, 1e8}, 1},
	{"mean_of_lognormal", {SERVICE_LOGNORMAL, 1, 0, 500}, 1.311},
	{"mean_of_bimodal", {SERVICE_BIMODAL, 0.1, 10, 1900}, 1.422},
	{"mean_of_extreme", {SERVICE_EXTREME, 0.005, 1000, 5995}, 11.76},
};

static void services_have_their_mean(void **state)
{
	const struct service_row *row = *state;
	struct trace_opts opts = standard;
	struct trace trace;
	double mean = 0;

	opts.service = row->service;
	trace = trace_made(&opts);
	for (uint64_t i = 0; i < trace.count; i++) {
		assert_true(trace.event[i].service_ns >= 1);
		mean += (double)trace.event[i].service_ns / EVENTS;
	}
	assert_close(trace.service_mean_ns, mean, 1e-9 * mean);
	assert_close(mean, row->service.mean_ns,
		     (5 * row->deviation / sqrt(EVENTS) + 1e-9) *
			     row->service.mean_ns);
	trace_close(&trace);
}

static void modes_are_whole_ns(void **state)
{
	struct trace_opts opts = standard;
	uint64_t count[2] = {0};
	struct trace trace;

	(void)state;
	opts.service = (struct service){SERVICE_BIMODAL, 0.1, 10, 1900};
	trace = trace_made(&opts);
	for (uint64_t i = 0; i < trace.count; i++) {
		count[0] += trace.event[i].service_ns == 1000;
		count[1] += trace.event[i].service_ns == 10000;
	}
	assert_int_equal(count[0] + count[1], EVENTS);
	trace_close(&trace);
}

/* The longest of a long tail, and the shortest of a short mean. */
static void services_fit_their_field(void **state)
{
	struct trace_opts opts = standard;
	uint64_t highest = 0;
	uint64_t lowest = UINT64_MAX;
	struct trace trace;

	(void)state;
	/* 4.5 to 4.7 deviations above: e^(3 * 4.5 - 4.5) means and more. */
	opts.service = (struct service){SERVICE_LOGNORMAL, 3, 0, 1e8};
	trace = trace_made(&opts);
	for (uint64_t i = 0; i < trace.count; i++)
		if (trace.event[i].service_ns > highest)
			highest = trace.event[i].service_ns;
	assert_true(highest > UINT64_C(20000000000));
	trace_close(&trace);
	opts.service = (struct service){SERVICE_EXP, 0, 0, 1};
	trace = trace_made(&opts);
	for (uint64_t i = 0; i < trace.count; i++)
		if (trace.event[i].service_ns < lowest)
			lowest = trace.event[i].service_ns;
	assert_int_equal(lowest, 1);
	trace_close(&trace);
}

int main(void)
{
	struct CMUnitTest tests[24] = {
		cmocka_unit_test(one_seed_is_one_trace),
		cmocka_unit_test(what_is_drawn_depends_on_nothing_else),
		cmocka_unit_test(gaps_services_and_keys_are_independent),
		cmocka_unit_test(load_is_one_factor_to_the_arrivals),
		cmocka_unit_test(uniform_has_equal_gaps),
		cmocka_unit_test(poisson_has_exponential_gaps),
		cmocka_unit_test(bursts_are_at_once),
		cmocka_unit_test(closed_has_no_times),
		cmocka_unit_test(modes_are_whole_ns),
		cmocka_unit_test(services_fit_their_field),
	};
	size_t count = 10;

	count = UNIT_ADD_ROWS(tests, count, services_have_their_mean,
			      service_rows);
	return _cmocka_run_group_tests("load", tests, count, NULL, NULL);
}
