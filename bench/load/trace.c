/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/trace.h"
#include "bench/load/draw.h"
#include "ring/hist.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UNIT      0x1p24 /* of a mean gap, before there is a load */
#define PEAK_GAPS 100 /* mean gaps in the window of the peak; at most a tenth */

/* What is drawn does not depend on what else is drawn. */
enum trace_stream {
	TRACE_GAPS = 1,
	TRACE_SERVICES,
	TRACE_KEYS,
};

/* ---- as text -------------------------------------------------------------- */

/* clang-format off */
/* Arrivals, services and keys as they are written, for trace.c. */
#define DEPTH(name_) \
	{SPEC_FIELD(name_, arrival, depth, SPEC_REQUIRED, U32, 1, LOAD_DEPTH_MAX)}
#define MODES(share_, factor_) \
	{SPEC_FIELD("SHARE", service, share, share_, REAL, 1e-6, 1 - 1e-6), \
	 SPEC_FIELD("FACTOR", service, factor, factor_, REAL, 1, 1e6)}
#define KEYS(left_out_) \
	SPEC_FIELD("N", keys, count, left_out_, U32, 1, LOAD_KEYS_MAX)

static const struct spec_form arrival_forms[] = {
	[ARRIVAL_CLOSED] = {"closed", DEPTH("DEPTH")},
	[ARRIVAL_POISSON] = {.name = "poisson"},
	[ARRIVAL_UNIFORM] = {.name = "uniform"},
	[ARRIVAL_BURST] = {"burst", DEPTH("N")},
	[ARRIVAL_TRACE] = {"trace",
		{SPEC_FIELD("FILE", arrival, file, SPEC_REQUIRED, TEXT, 0, 0)}},
};
static const struct spec_form service_forms[] = {
	[SERVICE_FIXED] = {.name = "fixed"},
	[SERVICE_EXP] = {.name = "exp"},
	[SERVICE_LOGNORMAL] = {"lognormal",
		{SPEC_FIELD("SIGMA", service, share, 1, REAL, 0.01, 3)}},
	[SERVICE_BIMODAL] = {"bimodal", MODES(0.1, 10)},
	[SERVICE_EXTREME] = {"extreme", MODES(0.005, 1000)},
};
static const struct spec_form key_forms[] = {
	[KEY_UNIFORM] = {"uniform", {KEYS(1024)}},
	[KEY_ZIPF] = {"zipf",
		{SPEC_FIELD("THETA", keys, theta, SPEC_REQUIRED, REAL, 0.001, 2),
		 KEYS(SPEC_REQUIRED)}},
};

const struct spec load_arrivals = SPEC_TABLE(":", arrival_forms);
const struct spec load_service = SPEC_TABLE(":", service_forms);
const struct spec load_keys = SPEC_TABLE(":", key_forms);
/* clang-format on */

/* ---- what events are ----------------------------------------------------- */

static int trace_draw_services(struct trace *trace,
			       const struct trace_opts *opts)
{
	const struct service *service = &opts->service;
	struct draw draw = draw_start(opts->seed, TRACE_SERVICES);
	double briefly =
		service->mean_ns / (1 + service->share * (service->factor - 1));

	if (service->kind >= SERVICE_BIMODAL && briefly < 1)
		return REFUSE("service mean %g ns: the short ones take %g ns; "
			      "at least 1 is possible",
			      service->mean_ns, briefly);
	for (uint64_t i = 0; i < trace->count; i++) {
		double ns = draw_service(&draw, service) * service->mean_ns;

		trace->event[i].service_ns = (uint64_t)round(
			fmin(fmax(ns, 1), (double)TRACE_NS_MAX));
	}
	return 0;
}

static void trace_draw_keys(struct trace *trace, const struct trace_opts *opts)
{
	struct draw draw = draw_start(opts->seed, TRACE_KEYS);

	for (uint64_t i = 0; i < trace->count; i++)
		trace->event[i].key = draw_key(&draw, &opts->keys);
	trace->keyed = 1;
}

/* Services and keys that are not there, and the sum. */
static int trace_complete(struct trace *trace, const struct trace_opts *opts)
{
	double sum_ns = 0;
	int rc = 0;

	if (!trace->facts.has_service)
		rc = trace_draw_services(trace, opts);
	if (!trace->facts.has_keys &&
	    (opts->draw_keys || opts->arrival.kind != ARRIVAL_TRACE))
		trace_draw_keys(trace, opts);
	for (uint64_t i = 0; i < trace->count; i++)
		sum_ns += (double)trace->event[i].service_ns;
	trace->service_mean_ns = sum_ns / (double)trace->count;
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	if (rc == 0 && sum_ns > (double)TRACE_NS_MAX)
		rc = REFUSE("all services take %g ns together: at most %g is "
			    "possible",
			    sum_ns, (double)TRACE_NS_MAX);
	return rc;
}

/* ---- when they arrive ---------------------------------------------------- */

/* For a mean gap of 1 UNIT: the load is one factor to all of them. */
static void trace_draw_arrivals(struct trace *trace,
				const struct trace_opts *opts)
{
	struct draw draw = draw_start(opts->seed, TRACE_GAPS);
	uint64_t depth = opts->arrival.depth;
	double at = 0;

	for (uint64_t i = 0; i < trace->count; i++) {
		if (opts->arrival.kind == ARRIVAL_POISSON)
			at += draw_exp(&draw);
		else if (opts->arrival.kind == ARRIVAL_UNIFORM)
			at = (double)(i + 1);
		else if (opts->arrival.kind == ARRIVAL_BURST)
			at = (double)((i / depth + 1) * depth);
		trace->event[i].arrival_ns = (uint64_t)round(at * UNIT);
	}
}

/* To the load or the speed that is asked for; what was drawn has a rate of one
 * event each UNIT. */
static int trace_scale(struct trace *trace, const struct trace_opts *opts)
{
	uint64_t *last = &trace->event[trace->count - 1].arrival_ns;
	double gap = opts->own ? (double)*last / (double)trace->count : UNIT;
	double factor = opts->speed > 0 ? 1 / opts->speed : 1;

	if (opts->arrival.kind == ARRIVAL_CLOSED)
		return 0;
	if (opts->own == NULL || opts->load != 0) {
		if (!(opts->load >= LOAD_MIN && opts->load <= LOAD_MAX))
			return REFUSE("load %g: must be in [%g, %g]",
				      opts->load, LOAD_MIN, LOAD_MAX);
		factor = trace->service_mean_ns /
			 (opts->load * opts->consumers) / gap;
	}
	if (factor != 1 && *last == 0)
		return REFUSE("%.120s: all arrive at one instant, which no "
			      "load and no speed changes",
			      opts->arrival.file);
	if ((double)*last * factor > (double)TRACE_NS_MAX)
		return REFUSE(
			"load %g: the last event arrives after more than %g ns",
			opts->load, (double)TRACE_NS_MAX);
	for (uint64_t i = 0; factor != 1 && i < trace->count; i++) {
		struct trace_event *event = &trace->event[i];

		event->arrival_ns =
			(uint64_t)round((double)event->arrival_ns * factor);
	}
	trace->span_ns = *last;
	return 0;
}

/* ---- what can be told of a file ------------------------------------------ */

/* Within a window of a round length: one digit and noughts. */
static void facts_peak(struct trace_facts *facts, const struct trace *trace)
{
	double gaps = PEAK_GAPS * 1e9 / facts->rate_per_s;
	double least = fmax(fmin(gaps, (double)facts->span_ns / 10), 1);
	double ten = pow(10, floor(log10(least)));
	uint64_t window = (uint64_t)(ceil(least / ten) * ten);
	uint64_t first = 0;
	uint64_t most = 0;

	for (uint64_t i = 0; i < trace->count; i++) {
		while (trace->event[i].arrival_ns -
			       trace->event[first].arrival_ns >=
		       window)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	facts->peak_window_ns = window;
	facts->peak_per_s = (double)most * 1e9 / (double)window;
}

/* Of keys trace_load() tells. */
static void trace_facts(struct trace *trace, uint32_t consumers)
{
	struct trace_facts *facts = &trace->facts;
	struct sluice_hist services = {0};

	for (uint64_t i = 0; i < trace->count; i++)
		sluice_hist_add(&services, trace->event[i].service_ns);
	facts->service_p99_9_ns =
		(double)sluice_hist_quantile(&services, 0.999);
	facts->events = trace->count;
	facts->span_ns = trace->span_ns;
	facts->service_mean_ns = trace->service_mean_ns;
	if (facts->span_ns == 0)
		return;
	facts->rate_per_s = (double)trace->count * 1e9 / (double)facts->span_ns;
	facts->load =
		trace->service_mean_ns * facts->rate_per_s / 1e9 / consumers;
	facts_peak(facts, trace);
}

/* ---- the whole ----------------------------------------------------------- */

int trace_read(struct trace *trace, const struct trace_opts *opts)
{
	int rc = trace_load(trace, opts->arrival.file);

	if (rc == 0)
		rc = trace_complete(trace, opts);
	if (rc == 0)
		trace_facts(trace, opts->consumers);
	else
		trace_close(trace);
	return rc;
}

int trace_open(struct trace *trace, const struct trace_opts *opts)
{
	const struct trace *own = opts->own;
	int rc;

	*trace = own != NULL ? *own : (struct trace){.count = opts->count};
	trace->event = calloc(trace->count, sizeof(*trace->event));
	if (trace->event == NULL)
		return cli_fail(-ENOMEM, "events %" PRIu64 ": no memory",
				trace->count);
	if (own != NULL)
		memcpy(trace->event, own->event,
		       own->count * sizeof(*own->event));
	else
		trace_draw_arrivals(trace, opts);
	rc = trace_complete(trace, opts);
	if (rc == 0)
		rc = trace_scale(trace, opts);
	if (rc < 0)
		trace_close(trace);
	return rc;
}

void trace_close(struct trace *trace)
{
	free(trace->event);
	*trace = (struct trace){0};
}
