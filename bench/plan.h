/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line asks for: which strategies, under which load, how. Of
 * plan.c. Knows strategies, their settings, the objective; not runs and
 * reports. */
#ifndef SLUICE_BENCH_PLAN_H
#define SLUICE_BENCH_PLAN_H

#include "bench/load/trace.h"
#include "dispatch/strategy.h"
#include "ring/credit.h"

#define PLAN_STRATEGIES_MAX 16u
#define PLAN_CONSUMERS_MAX  64u
#define PLAN_LOADS_MAX      32u
#define PLAN_FAULTS_MAX     16u
#define PLAN_PRODUCERS_MAX  16u
#define PLAN_EVENTS_MAX     UINT64_C(100000000)
/* Sequence numbers, key, times and service, in modes with real events. */
#define PLAN_EVENT_BYTES_MIN 40u
/* "hash" without a number: as many partitions as there are consumers. */
#define PLAN_PARTITIONS_CONSUMERS UINT32_MAX
#define PLAN_REFILL_HALF          UINT32_MAX
#define PLAN_CLAIM_HOP            (-1.0)
/* Virtual and threads, unless a mean is given: beside such services neither what
 * a driver spends on an event nor an interrupt is much. */
#define PLAN_LIVE_MEAN_NS 100000
#define PLAN_LIVE_EVENTS  50000
/* In threads services of this mean are none: no times are taken. */
#define PLAN_SERVICE_NONE_NS 1.0

enum plan_mode {
	PLAN_SIM,     /* virtual time, one thread, deterministic */
	PLAN_VIRTUAL, /* real rings; all consumers on one thread */
	PLAN_THREADS, /* real stages on pinned workers */
};

/*
 * A strategy with what it is told, NAME[:ARGUMENT][@SETTING...], as in
 *
 *   jbsq:2  p2c:8  rr:skip  ordered:1024  demand:all@window=64@min=half
 *
 * The argument is the strategy's one number, or a word: rr's, or demand's for
 * SLUICE_CHUNK_ALL. Settings: window=N, refill=N, min=N, min=half (GenStage's
 * arithmetic), and for partition rebalance=PERCENT.
 */
struct plan_strategy {
	const struct sluice_strategy *strategy;
	struct sluice_dispatch_opts opts; /* key_of, key_ctx: the driver's */
	uint32_t window; /* of this strategy only; 0 = the plan's */
	uint32_t refill; /* likewise */
	int32_t min;     /* SLUICE_MIN_...; 0: by refill */
	char name[48];   /* as written */
};

enum plan_fault_kind {
	PLAN_SLOW,  /* consumer takes factor times as long, from the start on */
	PLAN_STALL, /* does nothing from at_ns for for_ns */
	PLAN_KILL,  /* is gone at at_ns; what it had is dealt again */
	PLAN_JOIN,  /* comes at at_ns only */
};

struct plan_fault {
	enum plan_fault_kind kind;
	uint32_t consumer;
	double factor;
	uint64_t at_ns;
	uint64_t for_ns;
};

/* The option, by kind. */
extern const char *const plan_fault_names[];

/* An objective: a percentile of the latency or of the slowdown, and what it may
 * be at most. */
struct plan_slo {
	double quantile; /* in (0, 1); p99.9 is 0.999 */
	double limit;    /* ns, or times the own service */
	uint32_t is_latency;
};

struct bench_plan {
	enum plan_mode mode;
	struct plan_strategy strategy[PLAN_STRATEGIES_MAX];
	uint32_t strategies;
	double load[PLAN_LOADS_MAX]; /* several: a curve */
	uint32_t loads;
	uint32_t by_speed;       /* they are times a file's own rate */
	struct trace_opts trace; /* load: filled in per run */
	uint32_t consumers;
	uint32_t producers; /* that share the arrivals in turn */
	uint32_t window;    /* max_demand of each consumer */
	uint32_t refill;    /* 0: window/16; PLAN_REFILL_HALF: min is half of
			     * the window, under strategies that say nothing */
	uint32_t batch;     /* most events a consumer is handed at once */
	uint32_t capacity;  /* events the spill, or the shared ring, can hold */
	uint32_t event_bytes;
	double hop;   /* sim: one way between dispatcher and consumer, in mean
		       * service times */
	double claim; /* sim, virtual: what a claim of `shared` takes, in the
		       * same; or PLAN_CLAIM_HOP */
	struct plan_slo slo; /* that load@slo asks for */
	uint32_t repeats;    /* of all strategies, each over a trace that is
			      * drawn from a seed of its own */
	struct plan_fault fault[PLAN_FAULTS_MAX];
	uint32_t faults;
	uint32_t late[PLAN_FAULTS_MAX]; /* runs that had ended before each */
};

/* Everything at its default: 8 consumers, bimodal, Poisson at 0.8, in sim. */
void plan_init(struct bench_plan *plan);
/* Each returns 0, or -EINVAL with a sentence in cli_error(): what is
 * wrong, and what is allowed. A list has commas. */
int plan_strategies_parse(struct bench_plan *plan, const char *list);
/* p99.9:1ms, p99:10, 10 (then p99). */
int plan_slo_parse(struct plan_slo *slo, const char *text);
/* The whole, once everything has been said. */
int plan_check(struct bench_plan *plan);
/* The demand policy of each consumer under @strategy. */
int plan_credit(const struct bench_plan *plan,
		const struct plan_strategy *strategy,
		struct sluice_credit *credit);
/* Does chance have a part in it? */
int plan_draws(const struct bench_plan *plan);
/* As it would be written, into NUMBER_TEXT_BYTES. */
const char *plan_slo_text(const struct plan_slo *slo, char *text);

#endif
