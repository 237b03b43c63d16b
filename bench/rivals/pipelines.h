/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipelines of `sluice-bench engine`, as a user declares them: the public calls, and
 * options at their defaults, but for what a case says; a worker on each of the two CPUs.
 * Where the stages run the engine decides.
 *
 * Of pipelines.c (stages, and a run) and pipelines_check.c (what came of it). Knows
 * stages; not rounds, nor rivals.
 */
#ifndef SLUICE_BENCH_PIPELINES_H
#define SLUICE_BENCH_PIPELINES_H

#include "bench/rivals/process_link.h"

#define PIPELINE_MAKERS_MAX 3u
#define PIPELINE_SUMS_MAX   4u
#define PIPELINE_TEXT_BYTES 160u

enum pipeline_shape {
	PIPELINE_ONE,       /* a producer, a consumer */
	PIPELINE_BROADCAST, /* each event to all consumers */
	PIPELINE_PARTITION, /* by the event's first 8 bytes */
	PIPELINE_CHAIN,     /* a stage between the two adds one to each word */
	PIPELINE_FAN_IN,    /* several producers, a consumer */
};

struct pipeline_case {
	const char *name;
	enum pipeline_shape shape;
	uint32_t bytes; /* of an event: 8, 64 or 256 */
	uint32_t makers;
	uint32_t sums;
	uint32_t window; /* max_demand, or SLUICE_DEMAND_AUTO; 0: the default */
	uint32_t most; /* events of an emission; 0: as many as are asked for */
};

/* Where a stage runs. */
struct pipeline_place {
	int cpu;
} __attribute__((aligned(128)));

/* A producer: numbers events, and knows what it has lost. */
struct pipeline_maker {
	struct pipeline_place place;
	uint64_t next;
	uint64_t end;
	uint64_t preempted; /* since it was warm */
	uint32_t most;
	uint32_t warm;
};

/* A consumer. */
struct pipeline_sum {
	struct pipeline_place place;
	struct process_meter meter;
};

/* The stage between; it has lost its CPU if one beside it has. */
struct pipeline_relay {
	struct pipeline_place place;
	uint64_t seen;
};

/* One run, and what came of it. */
struct pipeline_run {
	const struct pipeline_case *of;
	struct pipeline_maker maker[PIPELINE_MAKERS_MAX];
	struct pipeline_relay relay;
	struct pipeline_sum sum[PIPELINE_SUMS_MAX];
	uint64_t n;
	double rate; /* M events/s made, from a fourth of them on */
	uint64_t preempted;
};

/* @n events, or a few less, so that each producer has as many. Returns 0, or a negative
 * errno: -EBADMSG for a wrong sum. */
int pipeline_run(struct pipeline_run *run, const struct pipeline_case *of,
		 uint64_t n);

/* ---- pipelines_check.c ------------------------------------------------------ */

/* What all consumers together must have as their sum, and as their number, of @n events. */
uint64_t pipeline_sum_expected(const struct pipeline_case *of, uint64_t n);
uint64_t pipeline_seen_expected(const struct pipeline_case *of, uint64_t n);
/* Is it what came? Fills in the rate. Returns 0 or -EBADMSG. */
int pipeline_check(struct pipeline_run *run);
/* "count on CPU 0, sum0 on 1, sum1 on 0", where the stages have run. */
void pipeline_placed(const struct pipeline_run *run,
		     char text[PIPELINE_TEXT_BYTES]);

#endif
