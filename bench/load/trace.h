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
#include <stdio.h>

#define LOAD_TEXT_BYTES 192 /* of a specification, or of why it is refused */

/* Limits, each named when something is refused for it. */
#define TRACE_EVENTS_MAX   (1u << 27)
#define TRACE_ARRIVAL_MAX  (UINT64_C(1) << 62) /* ns */
#define LOAD_DEPTH_MAX     (1u << 20)          /* closed:DEPTH, burst:N */
#define LOAD_ZIPF_KEYS_MAX (1u << 22)
#define LOAD_KEYS_MAX      (1u << 26) /* any key is below it */
#define LOAD_MEAN_NS_MAX   1e8
#define LOAD_MIN           1e-6
#define LOAD_MAX           1e3

enum arrival_kind {
	ARRIVAL_CLOSED, /* so many in flight; intended times are all 0 */
	ARRIVAL_POISSON,
	ARRIVAL_UNIFORM, /* equal gaps */
	ARRIVAL_BURST,   /* so many at once, then a gap */
	ARRIVAL_TRACE,   /* from a file, with services and keys if it has any */
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

/* What was read from a file, at its own rate. */
struct trace_facts {
	uint64_t events; /* 0: nothing was read */
	uint64_t span_ns;
	double rate_per_s; /* 0: all at one instant */
	double peak_per_s; /* the most within any window */
	uint64_t peak_window_ns;
	double service_mean_ns;
	double service_p99_9_ns; /* of the services alone */
	double load;             /* of all consumers; 0: all at one instant */
	uint64_t keys;           /* different ones */
	double key_share;        /* of the key that comes most often */
	uint64_t moved;          /* lines that were not in order of time */
	uint64_t moved_ns;       /* how late the latest of them stood */
	uint64_t no_time;        /* services of 0, taken as 1 ns */
	uint32_t has_service;    /* a column of the file */
	uint32_t has_keys;
	char ignored[128]; /* columns, by their names */
};

struct trace {
	struct trace_event *event;
	uint64_t count;
	uint64_t span_ns;       /* to the last arrival; 0: closed */
	double service_mean_ns; /* of these very events */
	struct trace_facts facts;
};

struct trace_opts {
	uint64_t seed;
	uint64_t count;
	struct arrival arrival;
	struct service service;
	struct keys keys;
	double load;        /* of all consumers together: 1 = saturated; closed:
			     * of no meaning; of a file 0: its own rate */
	uint32_t consumers; /* that share the load */
	double speed;       /* of a file: times its own rate; 0: 1 */
	/* What was asked for by name: refused when a file has its own. */
	uint32_t service_given;
	uint32_t mean_given;
	uint32_t keys_given;
	uint32_t keys_needed; /* refuse a file without keys */
};

/*
 * From text, as on the command line, into a struct arrival, service or keys.
 * Returns 0, or -EINVAL with a sentence in @why that says what is wrong and what
 * is allowed; nothing has changed then.
 *
 *   arrivals  closed:DEPTH  poisson  uniform  burst:N  trace:FILE
 *   service   fixed  exp  lognormal[:SIGMA]  bimodal[:SHARE:FACTOR]
 *             extreme[:SHARE:FACTOR]
 *   keys      uniform[:N]  zipf:THETA:N
 *
 * Left out: lognormal:1, bimodal:0.1:10, extreme:0.005:1000, uniform:1024. The
 * mean of a service is not part of the text and stays as it is.
 */
struct load_spec;
extern const struct load_spec load_arrivals;
extern const struct load_spec load_service;
extern const struct load_spec load_keys;
int load_parse(const struct load_spec *spec, void *into, const char *text,
	       char *why, uint32_t why_bytes);
/* Back to text, with all that was left out filled in. */
void load_format(const struct load_spec *spec, const void *from, char *text,
		 uint32_t bytes);

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
 * A file keeps its own rate unless a load or a speed is given. Services and keys
 * that it lacks are drawn when they were asked for by name; else it needs
 * services, and each event has a key of its own. TRACE_IDLE: something was asked
 * for that the file has; TRACE_LACKS: it has not what is needed.
 */
#define TRACE_IDLE  (-17) /* -EEXIST */
#define TRACE_LACKS (-61) /* -ENODATA */
int trace_open(struct trace *trace, const struct trace_opts *opts, char *why,
	       uint32_t why_bytes);
/* What was read, once more, at another load or speed; what it lacks is drawn from
 * another seed. */
int trace_again(struct trace *trace, const struct trace *own,
		const struct trace_opts *opts, char *why, uint32_t why_bytes);
/* Write it so that trace:FILE reads it, to the last ns. Returns 0 or a negative
 * errno. */
int trace_save(const struct trace *trace, FILE *stream);
void trace_close(struct trace *trace);

#endif
