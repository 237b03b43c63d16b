/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workload, drawn before anything is measured: when each event is meant to
 * arrive, how long it takes, what its key is. Every strategy replays the same
 * trace. What an event is does not depend on the load: from one seed traces of
 * several loads differ in the gaps between arrivals only, by one factor.
 */
#ifndef SLUICE_BENCH_LOAD_TRACE_H
#define SLUICE_BENCH_LOAD_TRACE_H

#include <stdint.h>

#define LOAD_TEXT_BYTES 192 /* of a specification, or of why it is refused */

/* Limits, each named when something is refused for it. */
#define TRACE_EVENTS_MAX   (1u << 27)
#define TRACE_ARRIVAL_MAX  (UINT64_C(1) << 62) /* ns */
#define LOAD_DEPTH_MAX     (1u << 20)          /* closed:DEPTH, burst:N */
#define LOAD_ZIPF_KEYS_MAX (1u << 22)
#define LOAD_MEAN_NS_MAX   1e8
#define LOAD_MIN           1e-6
#define LOAD_MAX           1e3

enum arrival_kind {
	ARRIVAL_CLOSED, /* so many in flight; intended times are all 0 */
	ARRIVAL_POISSON,
	ARRIVAL_UNIFORM, /* equal gaps */
	ARRIVAL_BURST,   /* so many at once, then a gap */
	ARRIVAL_TRACE,   /* from a file, with services and keys */
};

struct arrival {
	enum arrival_kind kind;
	uint32_t depth;   /* closed: in flight; burst: at once */
	const char *file; /* trace; not copied */
};

enum service_kind {
	SERVICE_FIXED,
	SERVICE_EXP,
	SERVICE_LOGNORMAL,
	SERVICE_BIMODAL, /* a share takes factor times as long as the rest */
	SERVICE_EXTREME, /* the same, with other defaults */
};

struct service {
	enum service_kind kind;
	double share;   /* of the long ones; lognormal: sigma */
	double factor;  /* long / short */
	double mean_ns; /* of all */
};

enum key_kind {
	KEY_UNIFORM,
	KEY_ZIPF,
};

struct keys {
	enum key_kind kind;
	double theta; /* zipf */
	uint32_t count;
};

/* One event. */
struct trace_event {
	uint64_t arrival_ns; /* intended, from the start; never falls */
	uint32_t service_ns; /* rounded; at least 1, at most what fits */
	uint32_t key;
};

struct trace {
	struct trace_event *event;
	uint64_t count;
	uint64_t span_ns;       /* to the last arrival; 0: closed */
	double service_mean_ns; /* of these very events */
};

struct trace_opts {
	uint64_t seed;
	uint64_t count;
	struct arrival arrival;
	struct service service;
	struct keys keys;
	double load;        /* of all consumers together: 1 = saturated; closed:
			     * of no meaning */
	uint32_t consumers; /* that share the load */
};

/*
 * From text, as on the command line. Each returns 0, or -EINVAL with a sentence
 * in @why that says what is wrong and what is allowed.
 *
 *   arrivals  closed:DEPTH  poisson  uniform  burst:N  trace:FILE
 *   service   fixed  exp  lognormal[:SIGMA]  bimodal[:SHARE:FACTOR]
 *             extreme[:SHARE:FACTOR]
 *   keys      uniform[:N]  zipf:THETA:N
 *
 * Left out: lognormal:1, bimodal:0.1:10, extreme:0.005:1000, uniform:1024. The
 * mean of a service is not part of the text and stays as it is.
 */
int arrival_parse(struct arrival *arrival, const char *text, char *why,
		  uint32_t why_bytes);
int service_parse(struct service *service, const char *text, char *why,
		  uint32_t why_bytes);
int keys_parse(struct keys *keys, const char *text, char *why,
	       uint32_t why_bytes);

/* Back to text, with all that was left out filled in. */
void arrival_format(const struct arrival *arrival, char *text, uint32_t bytes);
void service_format(const struct service *service, char *text, uint32_t bytes);
void keys_format(const struct keys *keys, char *text, uint32_t bytes);

/*
 * Draw, or read, a trace. Returns 0 or a negative errno, with a sentence in
 * @why.
 *
 * The load is that of the very events drawn: the mean gap is the mean of their
 * service times divided by load and consumers. An event arrives at the end of
 * its gap, so that count / span_ns is the rate; N at once at the end of N gaps.
 *
 * Gaps, services and keys are drawn from streams of their own: another
 * arrival process changes no service, another service no key.
 *
 * A trace file has its own services, keys and count; its arrivals are scaled to
 * the load unless load is 0. Lines of it are "arrival_ns service_ns key", times
 * from the start of the run, and # begins a comment.
 */
int trace_open(struct trace *trace, const struct trace_opts *opts, char *why,
	       uint32_t why_bytes);
/* Write it so that trace:FILE reads it. Returns 0 or a negative errno. */
int trace_save(const struct trace *trace, const char *file);
void trace_close(struct trace *trace);

#endif
