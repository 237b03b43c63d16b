/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/trace.h"
#include "bench/load/draw.h"
#include "ring/hist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PEAK_GAPS 100 /* mean gaps in the window of the peak; at most a tenth */

/* What is drawn does not depend on what else is drawn. */
enum trace_stream {
	TRACE_GAPS = 1,
	TRACE_SERVICES,
	TRACE_KEYS,
};

/* To the nearest, for what is not negative. */
static uint64_t trace_round(double number)
{
	return (uint64_t)(number + 0.5);
}

/* ---- what events are ----------------------------------------------------- */

static int trace_draw_services(struct trace *trace,
			       const struct trace_opts *opts, char *why,
			       uint32_t why_bytes)
{
	const struct service *service = &opts->service;
	struct draw draw = draw_start(opts->seed, TRACE_SERVICES);
	int modes = service->kind == SERVICE_BIMODAL ||
		    service->kind == SERVICE_EXTREME;
	double briefly =
		service->mean_ns / (1 + service->share * (service->factor - 1));

	if (modes && briefly < 1)
		return load_refuse(why, why_bytes,
				   "service mean %g ns: the short ones take "
				   "%g ns; at least 1 is possible",
				   service->mean_ns, briefly);
	for (uint64_t i = 0; i < trace->count; i++) {
		double ns = draw_service(&draw, service) * service->mean_ns;

		trace->event[i].service_ns = ns < 1 ? 1
					     : ns < (double)TRACE_NS_MAX
						     ? trace_round(ns)
						     : TRACE_NS_MAX;
	}
	return 0;
}

static void trace_draw_keys(struct trace *trace, const struct trace_opts *opts)
{
	struct draw draw = draw_start(opts->seed, TRACE_KEYS);
	struct draw_keys keys = draw_keys_start(&opts->keys);

	for (uint64_t i = 0; i < trace->count; i++)
		trace->event[i].key = draw_key(&draw, &keys);
	trace->keyed = 1;
}

static int trace_sum_up(struct trace *trace, char *why, uint32_t why_bytes)
{
	double sum_ns = 0;

	for (uint64_t i = 0; i < trace->count; i++)
		sum_ns += (double)trace->event[i].service_ns;
	trace->service_mean_ns = sum_ns / (double)trace->count;
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	return sum_ns <= (double)TRACE_NS_MAX
		       ? 0
		       : load_refuse(why, why_bytes,
				     "all services take %g ns together: at "
				     "most %g is possible",
				     sum_ns, (double)TRACE_NS_MAX);
}

/* ---- when they arrive ---------------------------------------------------- */

/* The mean time between arrivals that makes the load. */
static int trace_gap(const struct trace *trace, const struct trace_opts *opts,
		     double *gap_ns, char *why, uint32_t why_bytes)
{
	*gap_ns = trace->service_mean_ns / (opts->load * opts->consumers);
	return opts->load >= LOAD_MIN && opts->load <= LOAD_MAX
		       ? 0
		       : load_refuse(why, why_bytes,
				     "load %g: must be in [%g, %g]", opts->load,
				     LOAD_MIN, LOAD_MAX);
}

static int trace_check_span(const struct trace_opts *opts, double span_ns,
			    char *why, uint32_t why_bytes)
{
	return span_ns <= (double)TRACE_NS_MAX
		       ? 0
		       : load_refuse(why, why_bytes,
				     "load %g: the last event arrives after "
				     "more than %g ns",
				     opts->load, (double)TRACE_NS_MAX);
}

/* The arrivals for a mean gap of 1: the load is one factor to all of them. */
static double trace_arrival(const struct arrival *arrival, struct draw *draw,
			    uint64_t i, double before)
{
	switch (arrival->kind) {
	case ARRIVAL_POISSON:
		return before + draw_exp(draw);
	case ARRIVAL_UNIFORM:
		return (double)(i + 1);
	case ARRIVAL_BURST:
		return (double)((i / arrival->depth + 1) * arrival->depth);
	case ARRIVAL_CLOSED:
	case ARRIVAL_TRACE:
	default:
		return 0;
	}
}

static int trace_draw_arrivals(struct trace *trace,
			       const struct trace_opts *opts, char *why,
			       uint32_t why_bytes)
{
	struct draw draw = draw_start(opts->seed, TRACE_GAPS);
	double gap_ns;
	double at = 0;
	int rc = trace_gap(trace, opts, &gap_ns, why, why_bytes);

	for (uint64_t i = 0; rc == 0 && i < trace->count; i++) {
		at = trace_arrival(&opts->arrival, &draw, i, at);
		rc = trace_check_span(opts, at * gap_ns, why, why_bytes);
		if (rc == 0)
			trace->event[i].arrival_ns = trace_round(at * gap_ns);
	}
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	return rc;
}

/* What was read, at another load or speed. */
static int trace_scale(struct trace *trace, const struct trace_opts *opts,
		       char *why, uint32_t why_bytes)
{
	double span_ns = (double)trace->span_ns;
	double factor = opts->speed > 0 ? 1 / opts->speed : 1;
	int rc = 0;

	if (opts->load != 0) {
		rc = trace_gap(trace, opts, &factor, why, why_bytes);
		factor *= (double)trace->count / span_ns;
	}
	if (rc < 0 || !(factor > 1 || factor < 1))
		return rc;
	if (trace->span_ns == 0)
		return load_refuse(why, why_bytes,
				   "%.120s: all arrive at one instant, which "
				   "no load and no speed changes",
				   opts->arrival.file);
	rc = trace_check_span(opts, span_ns * factor, why, why_bytes);
	for (uint64_t i = 0; rc == 0 && i < trace->count; i++) {
		struct trace_event *event = &trace->event[i];

		event->arrival_ns =
			trace_round((double)event->arrival_ns * factor);
	}
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	return rc;
}

/* ---- what can be told of them -------------------------------------------- */

/* The lowest of 1, 2, 5, 10, 20, ... ns that is not below. */
static uint64_t facts_window(double ns)
{
	static const uint64_t steps[] = {1, 2, 5};
	uint64_t ten = 1;

	for (; (double)(ten * 10) < ns; ten *= 10)
		;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if ((double)(ten * steps[i]) >= ns)
			return ten * steps[i];
	return 10 * ten;
}

static void facts_peak(struct trace_facts *facts, const struct trace *trace)
{
	double span = (double)facts->span_ns;
	double gaps = PEAK_GAPS * span / (double)trace->count;
	uint64_t first = 0;
	uint64_t most = 0;

	facts->peak_window_ns =
		facts_window(gaps < span / 10 ? gaps : span / 10);
	for (uint64_t i = 0; i < trace->count; i++) {
		while (trace->event[i].arrival_ns -
			       trace->event[first].arrival_ns >=
		       facts->peak_window_ns)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	facts->peak_per_s = (double)most * 1e9 / (double)facts->peak_window_ns;
}

/* Of keys the file itself tells: trace_load(). */
static int trace_facts(struct trace *trace, uint32_t consumers)
{
	struct trace_facts *facts = &trace->facts;
	struct sluice_hist *services = calloc(1, sizeof(*services));

	if (services == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < trace->count; i++)
		sluice_hist_add(services, trace->event[i].service_ns);
	facts->service_p99_9_ns = (double)sluice_hist_quantile(services, 0.999);
	free(services);
	facts->events = trace->count;
	facts->span_ns = trace->span_ns;
	facts->service_mean_ns = trace->service_mean_ns;
	if (facts->span_ns == 0)
		return 0;
	facts->rate_per_s = (double)trace->count * 1e9 / (double)facts->span_ns;
	facts->load =
		trace->service_mean_ns * facts->rate_per_s / 1e9 / consumers;
	facts_peak(facts, trace);
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

/* Services and keys that are not there, and the sums. */
static int trace_complete(struct trace *trace, const struct trace_opts *opts,
			  char *why, uint32_t why_bytes)
{
	int rc = 0;

	if (!trace->facts.has_service)
		rc = trace_draw_services(trace, opts, why, why_bytes);
	if (!trace->facts.has_keys &&
	    (opts->draw_keys || opts->arrival.kind != ARRIVAL_TRACE))
		trace_draw_keys(trace, opts);
	return rc < 0 ? rc : trace_sum_up(trace, why, why_bytes);
}

int trace_read(struct trace *trace, const struct trace_opts *opts, char *why,
	       uint32_t why_bytes)
{
	int rc = trace_load(trace, opts->arrival.file, why, why_bytes);

	if (rc == 0)
		rc = trace_complete(trace, opts, why, why_bytes);
	if (rc == 0 && (rc = trace_facts(trace, opts->consumers)) < 0)
		(void)load_refuse(why, why_bytes, "%.120s: no memory",
				  opts->arrival.file);
	if (rc < 0)
		trace_close(trace);
	return rc;
}

int trace_open(struct trace *trace, const struct trace_opts *opts, char *why,
	       uint32_t why_bytes)
{
	const struct trace *own = opts->own;
	int rc;

	*trace = own != NULL ? *own : (struct trace){.count = opts->count};
	trace->event = calloc(trace->count, sizeof(*trace->event));
	if (trace->event == NULL) {
		(void)load_refuse(why, why_bytes,
				  "events %" PRIu64 ": no memory",
				  trace->count);
		return -ENOMEM;
	}
	if (own != NULL)
		memcpy(trace->event, own->event,
		       own->count * sizeof(*own->event));
	rc = trace_complete(trace, opts, why, why_bytes);
	if (rc == 0 && own != NULL)
		rc = trace_scale(trace, opts, why, why_bytes);
	else if (rc == 0 && opts->arrival.kind != ARRIVAL_CLOSED)
		rc = trace_draw_arrivals(trace, opts, why, why_bytes);
	if (rc < 0)
		trace_close(trace);
	return rc;
}

void trace_close(struct trace *trace)
{
	free(trace->event);
	*trace = (struct trace){0};
}
