/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/draw.h"
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- checks -------------------------------------------------------------- */

static int trace_check_load(const struct trace_opts *opts, char *why,
			    uint32_t why_bytes)
{
	if (!(opts->load >= LOAD_MIN && opts->load <= LOAD_MAX))
		return load_refuse(why, why_bytes,
				   "load %g: must be in [%g, %g]", opts->load,
				   LOAD_MIN, LOAD_MAX);
	if (opts->consumers == 0)
		return load_refuse(why, why_bytes,
				   "consumers 0: must be at least 1");
	return 0;
}

/* With a short and a long service: can both be said in ns? */
static int trace_check_modes(const struct service *service, char *why,
			     uint32_t why_bytes)
{
	double briefly =
		service->mean_ns / (1 + service->share * (service->factor - 1));

	if (!(service->share > 0 && service->share < 1 && service->factor >= 1))
		return load_refuse(why, why_bytes,
				   "service share %g, factor %g: must be in "
				   "(0, 1) and at least 1",
				   service->share, service->factor);
	if (briefly < 1)
		return load_refuse(why, why_bytes,
				   "service mean %g ns: the short ones take "
				   "%g ns; at least 1 is possible",
				   service->mean_ns, briefly);
	if (briefly * service->factor > UINT32_MAX)
		return load_refuse(why, why_bytes,
				   "service mean %g ns: the long ones take "
				   "%g ns; at most %u is possible",
				   service->mean_ns, briefly * service->factor,
				   UINT32_MAX);
	return 0;
}

static int trace_check_keys(const struct keys *keys, char *why,
			    uint32_t why_bytes)
{
	uint32_t most =
		keys->kind == KEY_ZIPF ? LOAD_ZIPF_KEYS_MAX : LOAD_KEYS_MAX;

	if (keys->count == 0 || keys->count > most)
		return load_refuse(why, why_bytes,
				   "keys %u: must be in [1, %u]", keys->count,
				   most);
	if (keys->kind == KEY_ZIPF && !(keys->theta > 0 && keys->theta <= 2))
		return load_refuse(why, why_bytes,
				   "keys theta %g: must be in (0, 2]",
				   keys->theta);
	return 0;
}

static int trace_check(const struct trace_opts *opts, char *why,
		       uint32_t why_bytes)
{
	const struct service *service = &opts->service;

	if (opts->count == 0 || opts->count > TRACE_EVENTS_MAX)
		return load_refuse(why, why_bytes,
				   "events %" PRIu64 ": must be in [1, %u]",
				   opts->count, TRACE_EVENTS_MAX);
	if (!(service->mean_ns >= 1 && service->mean_ns <= LOAD_MEAN_NS_MAX))
		return load_refuse(why, why_bytes,
				   "service mean %g ns: must be in [1, %g]",
				   service->mean_ns, LOAD_MEAN_NS_MAX);
	if (opts->arrival.kind == ARRIVAL_BURST && opts->arrival.depth == 0)
		return load_refuse(why, why_bytes,
				   "burst of 0: must be at least 1");
	if (service->kind == SERVICE_LOGNORMAL &&
	    !(service->share > 0 && service->share <= 3))
		return load_refuse(why, why_bytes,
				   "service sigma %g: must be in (0, 3]",
				   service->share);
	if (service->kind == SERVICE_BIMODAL ||
	    service->kind == SERVICE_EXTREME) {
		int rc = trace_check_modes(service, why, why_bytes);

		if (rc < 0)
			return rc;
	}
	return trace_check_keys(&opts->keys, why, why_bytes);
}

/* ---- drawing ------------------------------------------------------------- */

static void trace_draw_services(struct trace *trace,
				const struct trace_opts *opts)
{
	struct draw draw = draw_start(opts->seed, TRACE_SERVICES);

	for (uint64_t i = 0; i < trace->count; i++) {
		double ns = draw_service(&draw, &opts->service) *
			    opts->service.mean_ns;

		if (ns > UINT32_MAX)
			ns = UINT32_MAX;
		trace->event[i].service_ns =
			ns < 1 ? 1 : (uint32_t)trace_round(ns);
	}
}

static int trace_draw_keys(struct trace *trace, const struct trace_opts *opts,
			   char *why, uint32_t why_bytes)
{
	struct draw draw = draw_start(opts->seed, TRACE_KEYS);
	struct draw_keys keys;
	int rc = draw_keys_open(&keys, &opts->keys);

	if (rc < 0) {
		(void)load_refuse(why, why_bytes, "keys %u: no memory",
				  opts->keys.count);
		return rc;
	}
	for (uint64_t i = 0; i < trace->count; i++)
		trace->event[i].key = draw_key(&draw, &keys);
	draw_keys_close(&keys);
	return 0;
}

/* The arrivals for a mean gap of 1: the load is one factor to all of them. */
static double trace_arrival(const struct trace_opts *opts, struct draw *draw,
			    uint64_t i, double before)
{
	uint32_t depth = opts->arrival.depth;

	switch (opts->arrival.kind) {
	case ARRIVAL_POISSON:
		return before + draw_exp(draw);
	case ARRIVAL_UNIFORM:
		return (double)(i + 1);
	case ARRIVAL_BURST:
		return (double)((i / depth + 1) * depth);
	case ARRIVAL_CLOSED:
	case ARRIVAL_TRACE:
	default:
		return 0;
	}
}

/* The mean time between arrivals that makes the load. */
static double trace_gap_ns(const struct trace *trace,
			   const struct trace_opts *opts)
{
	return trace->service_mean_ns / (opts->load * opts->consumers);
}

static int trace_refuse_span(const struct trace_opts *opts, char *why,
			     uint32_t why_bytes)
{
	return load_refuse(why, why_bytes,
			   "load %g: the last event arrives after more than "
			   "%g ns",
			   opts->load, (double)TRACE_ARRIVAL_MAX);
}

static int trace_draw_arrivals(struct trace *trace,
			       const struct trace_opts *opts, char *why,
			       uint32_t why_bytes)
{
	struct draw draw = draw_start(opts->seed, TRACE_GAPS);
	double gap_ns = trace_gap_ns(trace, opts);
	double at = 0;

	for (uint64_t i = 0; i < trace->count; i++) {
		at = trace_arrival(opts, &draw, i, at);
		if (at * gap_ns > (double)TRACE_ARRIVAL_MAX)
			return trace_refuse_span(opts, why, why_bytes);
		trace->event[i].arrival_ns = trace_round(at * gap_ns);
	}
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	return 0;
}

static void trace_sum_up(struct trace *trace)
{
	uint64_t sum_ns = 0;

	for (uint64_t i = 0; i < trace->count; i++)
		sum_ns += trace->event[i].service_ns;
	trace->service_mean_ns = (double)sum_ns / (double)trace->count;
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
}

static int trace_draw(struct trace *trace, const struct trace_opts *opts,
		      char *why, uint32_t why_bytes)
{
	int closed = opts->arrival.kind == ARRIVAL_CLOSED;
	int rc = trace_check(opts, why, why_bytes);

	if (rc == 0 && !closed)
		rc = trace_check_load(opts, why, why_bytes);
	if (rc < 0)
		return rc;
	trace->event = calloc(opts->count, sizeof(*trace->event));
	if (trace->event == NULL) {
		(void)load_refuse(why, why_bytes,
				  "events %" PRIu64 ": no memory", opts->count);
		return -ENOMEM;
	}
	trace->count = opts->count;
	trace_draw_services(trace, opts);
	rc = trace_draw_keys(trace, opts, why, why_bytes);
	if (rc < 0)
		return rc;
	trace_sum_up(trace);
	return closed ? 0 : trace_draw_arrivals(trace, opts, why, why_bytes);
}

/* ---- from a file --------------------------------------------------------- */

/* What the file has not. */
static int trace_complete(struct trace *trace, const struct trace_opts *opts,
			  char *why, uint32_t why_bytes)
{
	const struct trace_facts *facts = &trace->facts;
	const char *file = opts->arrival.file;
	struct trace_opts drawn = *opts;
	char idle[LOAD_TEXT_BYTES / 2] = "";
	const char *name = "service=";
	int rc;

	if (facts->has_service && opts->service_given) {
		load_format(&load_service, &opts->service, idle, sizeof(idle));
	} else if (facts->has_service && opts->mean_given) {
		name = "service-mean=";
		(void)number_time_text(opts->service.mean_ns, idle);
	} else if (facts->has_keys && opts->keys_given) {
		name = "keys=";
		load_format(&load_keys, &opts->keys, idle, sizeof(idle));
	}
	if (idle[0] != '\0') {
		(void)load_refuse(why, why_bytes,
				  "--%s%s: has no effect: %.80s has a column "
				  "of its own",
				  name, idle, file);
		return TRACE_IDLE;
	}
	if (!facts->has_service && !opts->service_given) {
		(void)load_refuse(why, why_bytes,
				  "%.120s has no column service_ns, _us, _ms "
				  "or _s; --service=HOW draws services",
				  file);
		return TRACE_LACKS;
	}
	if (!facts->has_keys && !opts->keys_given && opts->keys_needed) {
		(void)load_refuse(why, why_bytes,
				  "%.120s has no column key, which a strategy "
				  "needs; --keys=HOW draws keys",
				  file);
		return TRACE_LACKS;
	}
	drawn.count = trace->count;
	rc = facts->has_service && !opts->keys_given
		     ? 0
		     : trace_check(&drawn, why, why_bytes);
	if (rc == 0 && !facts->has_service)
		trace_draw_services(trace, opts);
	return rc < 0 || facts->has_keys || !opts->keys_given
		       ? rc
		       : trace_draw_keys(trace, opts, why, why_bytes);
}

static int trace_scaled(const struct trace_opts *opts)
{
	return opts->load != 0 ||
	       (opts->speed > 0 && (opts->speed < 1 || opts->speed > 1));
}

static int trace_scale(struct trace *trace, const struct trace_opts *opts,
		       char *why, uint32_t why_bytes)
{
	double factor = opts->speed > 0 ? 1 / opts->speed : 1;
	double span_ns;

	if (opts->load != 0) {
		int rc = trace_check_load(opts, why, why_bytes);

		if (rc < 0)
			return rc;
		factor = trace_gap_ns(trace, opts) * (double)trace->count /
			 (double)trace->span_ns;
	}
	if (trace->span_ns == 0)
		return load_refuse(why, why_bytes,
				   "%.120s: all arrive at one instant, which "
				   "no load and no speed changes",
				   opts->arrival.file);
	span_ns = (double)trace->span_ns * factor;
	if (span_ns > (double)TRACE_ARRIVAL_MAX)
		return trace_refuse_span(opts, why, why_bytes);
	for (uint64_t i = 0; i < trace->count; i++) {
		struct trace_event *event = &trace->event[i];

		event->arrival_ns =
			trace_round((double)event->arrival_ns * factor);
	}
	trace->span_ns = trace->event[trace->count - 1].arrival_ns;
	return 0;
}

int trace_again(struct trace *trace, const struct trace *own,
		const struct trace_opts *opts, char *why, uint32_t why_bytes)
{
	size_t bytes = own->count * sizeof(*own->event);
	int rc = 0;

	*trace = *own;
	trace->event = malloc(bytes);
	if (trace->event == NULL) {
		(void)load_refuse(why, why_bytes, "%.120s: no memory",
				  opts->arrival.file);
		return -ENOMEM;
	}
	memcpy(trace->event, own->event, bytes);
	/* What is drawn beside it, from the seed that is told now. */
	rc = trace_complete(trace, opts, why, why_bytes);
	if (rc == 0)
		trace_sum_up(trace);
	if (rc == 0 && trace_scaled(opts))
		rc = trace_scale(trace, opts, why, why_bytes);
	if (rc < 0)
		trace_close(trace);
	return rc;
}

static int trace_load(struct trace *trace, const struct trace_opts *opts,
		      char *why, uint32_t why_bytes)
{
	int rc = trace_read(trace, opts->arrival.file, why, why_bytes);

	if (rc == 0)
		rc = trace_complete(trace, opts, why, why_bytes);
	if (rc < 0)
		return rc;
	trace_sum_up(trace);
	rc = trace_facts(trace, opts->consumers);
	if (rc < 0)
		(void)load_refuse(why, why_bytes, "%.120s: no memory",
				  opts->arrival.file);
	else if (trace_scaled(opts))
		rc = trace_scale(trace, opts, why, why_bytes);
	return rc;
}

int trace_open(struct trace *trace, const struct trace_opts *opts, char *why,
	       uint32_t why_bytes)
{
	int rc;

	*trace = (struct trace){0};
	if (opts->arrival.kind == ARRIVAL_TRACE)
		rc = trace_load(trace, opts, why, why_bytes);
	else
		rc = trace_draw(trace, opts, why, why_bytes);
	if (rc < 0)
		trace_close(trace);
	return rc;
}

void trace_close(struct trace *trace)
{
	free(trace->event);
	*trace = (struct trace){0};
}
