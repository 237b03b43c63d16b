/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workload, drawn or read before anything is measured: when each event is
 * meant to arrive, how long it takes, what its key is. Every strategy replays the
 * same trace. What an event is does not depend on the load: from one seed traces
 * of several loads differ in the gaps between arrivals only, by one factor.
 *
 * Of trace.c, and of trace_file.c for files. Knows times, services, keys; not
 * strategies and modes.
 */
#ifndef SLUICE_BENCH_LOAD_TRACE_H
#define SLUICE_BENCH_LOAD_TRACE_H

#include "tools/cli/spec.h"

/* Limits, each named when something is refused for it. */
#define TRACE_EVENTS_MAX (1u << 27)
#define TRACE_NS_MAX     (UINT64_C(1) << 62) /* of arrivals; of all services */
#define LOAD_DEPTH_MAX   (1u << 20)          /* closed:DEPTH, burst:N */
#define LOAD_KEYS_MAX    (1u << 26)          /* that are drawn */
#define LOAD_MEAN_NS_MAX 1e11
#define LOAD_MIN         1e-6
#define LOAD_MAX         1e3

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
	const char *file; /* trace: "-" is stdin; not copied */
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

/* Of the three: the place of a form is its kind. The mean of a service is not part
 * of the text. */
extern const struct spec load_arrivals;
extern const struct spec load_service;
extern const struct spec load_keys;

/* One event. */
struct trace_event {
	uint64_t arrival_ns; /* intended, from the start; never falls */
	uint64_t service_ns; /* at least 1 */
	uint32_t key;        /* its number, from 0 on: see trace_key() */
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
	/* Of a file, by number, within the memory of what was read; NULL: a
	 * number is its own key. */
	const uint64_t *key;
	uint32_t keyed;         /* 0: each event has a key of its own */
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
	uint32_t draw_keys; /* of a file without: draw them */
	const struct trace *own; /* of a file: what trace_read() has given */
};

/*
 * Each returns 0 or a negative errno, with a sentence in cli_error().
 * Specifications are within their limits.
 *
 * trace_read() reads a file once; it may be a pipe. Services that it lacks are
 * drawn; keys that it lacks are drawn with `draw_keys`, else each event has a key
 * of its own. trace_load(), in trace_file.c, is the part of it that reads.
 *
 * trace_open() draws a trace, or copies what was read at another load or speed,
 * for which what it lacks is drawn once more, maybe from another seed. The load
 * is that of the very events: the mean gap is the mean of their service times
 * divided by load and consumers. An event that is drawn arrives at the end of its
 * gap, so that count / span_ns is the rate; N at once at the end of N gaps.
 *
 * Gaps, services and keys are drawn from streams of their own: another arrival
 * process changes no service, another service no key.
 */
int trace_load(struct trace *trace, const char *file);
int trace_read(struct trace *trace, const struct trace_opts *opts);
int trace_open(struct trace *trace, const struct trace_opts *opts);
void trace_close(struct trace *trace);
/* Write it so that trace:FILE reads it, to the last ns. */
int trace_save(const struct trace *trace, FILE *stream);

/* The key that a number stands for: of a file a whole number as it was written,
 * or the hash of another text. */
static inline uint64_t trace_key(const struct trace *trace, uint32_t number)
{
	return trace->key != NULL ? trace->key[number] : number;
}

#endif
