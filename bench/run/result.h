/* SPDX-License-Identifier: Apache-2.0 */
/* What one run of one strategy over one trace gave. Times are ns unless said;
 * in sim they are virtual. Of run.c. Knows figures; not who reads them. */
#ifndef SLUICE_BENCH_RUN_RESULT_H
#define SLUICE_BENCH_RUN_RESULT_H

#include "bench/plan.h"
#include "ring/hist.h"

/* Why events were not handled. */
struct run_drops {
	uint64_t all;
	uint64_t overflow; /* no room to wait in */
	uint64_t unplaced; /* never placed by the end of the run */
};

/* May the figures be compared? Of sim always. */
struct run_validity {
	double kept;      /* share of the events whose times are told: nothing
			     * disturbed them */
	uint64_t tries;   /* of which they are; 0: sim */
	uint64_t lost_ns; /* by the threads, in the best of them */
	uint64_t generator_lag_ns; /* p99 of how late arrivals were offered */
	double poll_ns;     /* virtual: p99 of the time between two looks at a
			     * consumer: services are told no more finely */
	double clock_ns;    /* what it costs to look at the clock */
	uint32_t contended; /* non-zero: marked, never compared */
	char why[80];       /* what made it so */
};

/* A piece of a run, so many events that arrived one after the other: how it went
 * on. */
#define RUN_PARTS 40u
struct run_part {
	uint64_t from_ns; /* intended arrival of its first event */
	uint64_t backlog; /* events that had arrived by then, and not ended */
	uint64_t earlier; /* of them, those that had arrived before that */
	uint64_t latency_p50_ns;
	uint64_t latency_p99_ns;
	uint64_t latency_max_ns;
};

struct run_result {
	char strategy[48];
	double load;
	/* What was looked at: a figure that was not is told as none. */
	enum plan_mode mode;
	uint32_t closed;      /* arrivals have no times */
	uint32_t resequenced; /* there was one */
	double offered_per_s; /* 0: all at one instant, or closed */
	double achieved_per_s;
	uint64_t events;               /* handled */
	struct sluice_hist latency;    /* from the intended time to the end */
	struct sluice_hist slowdown;   /* the same / service, in 1/1000 */
	struct sluice_hist dispatcher; /* waiting to be placed */
	struct sluice_hist lane;       /* placed, waiting for the consumer */
	double objective;         /* what the slo is about: ns, or slowdown */
	double jain;              /* of events handled per consumer */
	uint64_t order_key;       /* handled after a later one of their key */
	uint64_t order_global;    /* handled after a later one */
	uint64_t reordered;       /* the same behind the resequencer */
	uint64_t credit_stall_ns; /* an event waited and nobody had credit */
	uint64_t depth_max;       /* waiting to be placed, and spilled */
	double depth_mean;
	double pick_ns; /* real time per event in pick; 0: not measured */
	uint64_t join_depth_max; /* in threads it is the engine's own */
	struct run_drops drops;
	uint32_t late; /* a bit for each fault that came when all was over */
	struct run_validity valid;
	uint64_t handled[PLAN_CONSUMERS_MAX];
	/* The backlog grows to the end: what is told of times depends on how
	 * long the run was. */
	uint32_t saturated;
	uint32_t parts; /* 0: times of single events were not taken */
	struct run_part part[RUN_PARTS];
};

/* One strategy over one trace, which has the load of the run, in the plan's mode.
 * Returns 0, or a negative errno with a sentence in cli_error(). */
int run_strategy(const struct bench_plan *plan,
		 const struct plan_strategy *strategy,
		 const struct trace *trace, struct run_result *result);
/* Can this machine do it? If not a negative errno, and the sentence names a mode
 * that can. Told before anything is measured: run_strategy() does not ask. */
int run_possible(const struct bench_plan *plan, const struct trace *trace);

#endif
