/* SPDX-License-Identifier: Apache-2.0 */
/* A run: what it is given, what it may take, and how often it is tried. */
#define _GNU_SOURCE
#include "bench/common/floor.h"
#include "bench/run/run_priv.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many times its services one after the other, and nothing happens: it will not
 * any more. How long all of it takes is the machine's business. */
#define DEADLINE_FACTOR   4u
#define DEADLINE_LEAST_NS UINT64_C(100000000000)
/* Room on each event, for machines that do other things too. */
#define DEADLINE_EVENT_NS 20000u

/* Services of this mean are none. */
#define SERVICE_NONE_NS 1.0

/* What is disturbed is done again, so often at most; and of so many of the events
 * there must be times in the end. */
#define TRIES      8u
#define KEPT_LEAST 0.5
/* What the driver adds to times, against the 99th percentile that is told. */
#define ADDED_MOST 0.1
/* The two CPUs are near or far; a run that saw both has measured neither. */
#define FLOOR_CHANGED 1.6
#define CLOCK_READS   1000u

static const struct run_mode {
	int (*check)(const struct run *run); /* NULL: it can do all */
	int (*go)(struct run *run);
} modes[] = {
	[PLAN_SIM] = {NULL, sim_go},
	[PLAN_VIRTUAL] = {NULL, virtual_go},
	[PLAN_THREADS] = {threads_check, threads_go},
};

int run_refuse(const struct run *run, int rc, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(run->why, run->why_bytes, "%s: ", run->ps->name);

	if (n < 0 || (uint32_t)n >= run->why_bytes)
		return rc;
	va_start(args, fmt);
	(void)vsnprintf(run->why + n, run->why_bytes - (uint32_t)n, fmt, args);
	va_end(args);
	return rc;
}

int run_stuck(const struct run *run, uint64_t left)
{
	return run_refuse(run, -ETIMEDOUT,
			  "%llu of %llu events were not handled, and none for "
			  "%.1f s",
			  (unsigned long long)left,
			  (unsigned long long)run->trace->count,
			  (double)run->deadline_ns * 1e-9);
}

/* ---- memory -------------------------------------------------------------- */

/* Behind what it is about. */
struct run_block {
	void *memory;
	struct run_block *before;
};

void *run_memory(struct run *run, size_t bytes)
{
	size_t room = (bytes + 15) & ~(size_t)15;
	char *memory = bench_memory(room + sizeof(struct run_block));
	struct run_block *block = (void *)(memory + room);

	if (memory == NULL) {
		(void)fprintf(stderr, "sluice-bench: %s: no memory\n",
			      run->ps->name);
		exit(1);
	}
	*block = (struct run_block){memory, run->block};
	run->block = block;
	return memory;
}

void run_forget(struct run *run, const struct run_block *until)
{
	while (run->block != until) {
		struct run_block *block = run->block;

		run->block = block->before;
		free(block->memory);
	}
}

/* ---- faults -------------------------------------------------------------- */

/* By time, and as they were given. */
static void run_change_add(struct run *run, enum plan_fault_kind kind,
			   uint32_t consumer, uint64_t at_ns)
{
	uint32_t i = run->changes++;

	for (; i > 0 && run->change[i - 1].at_ns > at_ns; i--)
		run->change[i] = run->change[i - 1];
	run->change[i] = (struct run_change){at_ns, kind, consumer};
}

static void run_faults_open(struct run *run)
{
	for (uint32_t c = 0; c < PLAN_CONSUMERS_MAX; c++)
		run->fault[c].factor = 1;
	for (uint32_t i = 0; i < run->plan->faults; i++) {
		const struct plan_fault *f = &run->plan->fault[i];
		struct run_fault *fault = &run->fault[f->consumer];
		uint64_t at_ns = f->at_ns;

		if (f->kind == PLAN_SLOW) {
			fault->factor = f->factor;
			continue;
		}
		if (f->kind == PLAN_STALL) {
			fault->stall_from_ns = at_ns;
			fault->stall_until_ns = at_ns += f->for_ns;
		}
		fault->late |= f->kind == PLAN_JOIN;
		run_change_add(run, f->kind, f->consumer, at_ns);
	}
}

uint64_t run_service_end(const struct run *run, uint32_t c, uint64_t *start,
			 uint64_t service_ns)
{
	const struct run_fault *fault = &run->fault[c];
	uint64_t end;

	if (*start >= fault->stall_from_ns && *start < fault->stall_until_ns)
		*start = fault->stall_until_ns;
	end = *start + service_ns;
	if (fault->factor > 1 || fault->factor < 1)
		end = *start +
		      (uint64_t)llround((double)service_ns * fault->factor);
	if (*start < fault->stall_from_ns && end > fault->stall_from_ns)
		end += fault->stall_until_ns - fault->stall_from_ns;
	return end;
}

/* ---- what cannot be ------------------------------------------------------ */

static uint32_t run_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0
		       ? (uint32_t)CPU_COUNT(&set)
		       : 1;
}

int run_possible(const struct bench_plan *plan, const struct trace *trace)
{
	uint32_t cpus = run_cpus();
	uint32_t busy = plan->consumers + plan->producers;

	if (plan->mode == PLAN_VIRTUAL && cpus < 2)
		return sluice_fail(-EINVAL,
				   "--mode=virtual needs two CPUs, there is "
				   "one; --mode=sim can do without");
	if (plan->mode == PLAN_THREADS && busy > cpus &&
	    trace->service_mean_ns > SERVICE_NONE_NS)
		return sluice_fail(-EINVAL,
				   "--mode=threads: %u consumers and %u "
				   "producers are busy on a CPU each, of %u: "
				   "they would wait for each other; "
				   "--mode=virtual has all of them on two",
				   plan->consumers, plan->producers, cpus);
	return 0;
}

static int run_check(const struct run *run)
{
	const struct bench_plan *plan = run->plan;

	if (run->ps->strategy->rings == SLUICE_RINGS_COMMON)
		return run_refuse(run, -ENOTSUP,
				  "every consumer gets every event; there is "
				  "nothing to compare at the same load");
	if (plan->event_bytes < sizeof(struct run_event))
		return run_refuse(run, -EINVAL, "event bytes %u: at least %zu",
				  plan->event_bytes, sizeof(struct run_event));
	if (plan->consumers < 1 || plan->consumers > PLAN_CONSUMERS_MAX ||
	    plan->producers < 1 || plan->producers > PLAN_PRODUCERS_MAX)
		return run_refuse(run, -EINVAL,
				  "consumers %u and producers %u: 1 to %u and "
				  "1 to %u",
				  plan->consumers, plan->producers,
				  PLAN_CONSUMERS_MAX, PLAN_PRODUCERS_MAX);
	if (run->trace->count < 1 || run->trace->count > PLAN_EVENTS_MAX)
		return run_refuse(run, -EINVAL, "events %llu: 1 to %llu",
				  (unsigned long long)run->trace->count,
				  (unsigned long long)PLAN_EVENTS_MAX);
	for (uint32_t i = 0; i < plan->faults; i++)
		if (plan->fault[i].consumer >= plan->consumers)
			return run_refuse(
				run, -EINVAL, "consumer %u: there are 0 to %u",
				plan->fault[i].consumer, plan->consumers - 1);
	return modes[plan->mode].check != NULL ? modes[plan->mode].check(run)
					       : 0;
}

/* Long enough for one consumer to do it all, if a key makes it. */
static uint64_t run_deadline(const struct run *run)
{
	const struct trace *trace = run->trace;
	double slowest = 1;
	double ns = (double)trace->span_ns +
		    (double)trace->count * DEADLINE_EVENT_NS;

	for (uint32_t i = 0; i < run->plan->faults; i++) {
		const struct plan_fault *fault = &run->plan->fault[i];

		if (fault->kind == PLAN_SLOW && fault->factor > slowest)
			slowest = fault->factor;
		ns += (double)(fault->at_ns + fault->for_ns);
	}
	ns += trace->service_mean_ns * (double)trace->count * slowest;
	ns = DEADLINE_FACTOR * ns + (double)DEADLINE_LEAST_NS;
	return ns < 1e18 ? (uint64_t)ns : (uint64_t)1e18;
}

/* ---- a try --------------------------------------------------------------- */

static int run_try(struct run *run)
{
	const struct run_block *mark = run->block;
	int rc;

	memset(run->result, 0, sizeof(*run->result));
	if (run->record != NULL)
		memset(run->record, 0,
		       run->trace->count * sizeof(*run->record));
	run->discarded = 0;
	run->unplaced = 0;
	run->ended_ns = 0;
	sluice_store_release(&run->base, 0);
	run_sources_open(run);
	rc = modes[run->plan->mode].go(run);
	if (rc == 0)
		rc = tally_whole(run);
	run_forget(run, mark);
	return rc;
}

uint64_t run_keep(const struct quiet *quiet, const struct run_record *record,
		  struct run_record *kept, uint64_t count)
{
	uint64_t more = 0;

	for (uint64_t i = 0; i < count; i++) {
		if (record[i].times == 0 || kept[i].times > 0 ||
		    !quiet_holds(quiet, record[i].intended_ns,
				 run_left_ns(&record[i])))
			continue;
		kept[i] = record[i];
		more++;
	}
	return more;
}

/* The first reason is told; there is room for one. */
#define MARK(valid, ...)                                                       \
	do {                                                                   \
		if (!(valid)->contended)                                       \
			(void)snprintf((valid)->why, sizeof((valid)->why),     \
				       __VA_ARGS__);                           \
		(valid)->contended = 1;                                        \
	} while (0)

static void run_judge(struct run *run)
{
	struct run_validity *valid = &run->result->valid;
	double p99 = (double)sluice_hist_quantile(&run->result->latency, 0.99);
	double low = valid->floor_before_ns;
	double high = valid->floor_after_ns;

	if (valid->kept < KEPT_LEAST)
		MARK(valid,
		     "%.3g %% of the events were undisturbed, in %llu tries",
		     100 * valid->kept, (unsigned long long)valid->tries);
	if (run->closed_depth == 0 && p99 > 0 &&
	    (double)valid->generator_lag_ns > ADDED_MOST * p99)
		MARK(valid, "lag p99 %llu ns is much of the p99 latency, %.0f",
		     (unsigned long long)valid->generator_lag_ns, p99);
	if (p99 > 0 && valid->poll_ns > ADDED_MOST * p99)
		MARK(valid, "poll p99 %.0f ns is much of the p99 latency, %.0f",
		     valid->poll_ns, p99);
	if (low > 0 &&
	    (high > FLOOR_CHANGED * low || low > FLOOR_CHANGED * high))
		MARK(valid, "the floor changed from %.0f to %.0f ns", low,
		     high);
}

static double run_floor(void)
{
	struct bench_floor floor;

	bench_floor_measure(&floor);
	return floor.median_ns;
}

/* What it costs to look at the clock. */
static double run_clock_ns(void)
{
	int64_t cheapest = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		int64_t began = bench_now_ns();
		int64_t ended = began;

		for (uint32_t k = 0; k < CLOCK_READS; k++)
			ended = bench_now_ns();
		if (ended - began < cheapest)
			cheapest = ended - began;
	}
	return (double)cheapest / CLOCK_READS;
}

/* Until all of it was undisturbed once, or a try is of no use. The sums are those
 * of the best try. */
static int run_quietly(struct run *run)
{
	struct run_result *told = run->result;
	uint64_t count = run->trace->count;
	struct run_record *kept = NULL;
	double floor_ns = run_floor();
	uint64_t kept_events = 0;
	uint64_t more = 0;
	uint64_t most = 0;
	uint64_t tries = 0;
	double share;
	int rc;

	if (!run->throughput)
		kept = run_memory(run, count * sizeof(*kept));
	run->clock_ns = run_clock_ns();
	run->quiet = run_memory(run, sizeof(*run->quiet));
	run->result = run_memory(run, sizeof(*run->result));
	do {
		rc = run_try(run);
		if (rc < 0)
			return rc;
		more = kept != NULL
			       ? run_keep(run->quiet, run->record, kept, count)
			       : quiet_share(run->quiet, run->ended_ns,
					     run->result->events);
		run->result->valid.lost_ns = run->quiet->lost_ns;
		if (tries++ == 0 || more > most)
			*told = *run->result;
		if (more > most)
			most = more;
		kept_events = kept != NULL ? kept_events + more : most;
	} while (kept_events < run->result->events && tries < TRIES &&
		 (tries == 1 || more > 0));
	share = told->events > 0 ? (double)kept_events / (double)told->events
				 : 1;
	if (share < KEPT_LEAST) {
		/* All of the last one, which is marked. */
		*told = *run->result;
		kept = run->record;
	}
	run->result = told;
	told->valid.kept = share;
	told->valid.tries = tries;
	told->valid.clock_ns = run->clock_ns;
	told->valid.floor_before_ns = floor_ns;
	told->valid.floor_after_ns = run_floor();
	if (kept != NULL)
		tally_times(run, kept);
	run_judge(run);
	return 0;
}

int run_strategy(const struct bench_plan *plan,
		 const struct plan_strategy *strategy,
		 const struct trace *trace, struct run_result *result,
		 char *why, uint32_t why_bytes)
{
	struct run run = {
		.plan = plan,
		.ps = strategy,
		.trace = trace,
		.result = result,
		.why = why,
		.why_bytes = why_bytes,
		.ordered =
			(strategy->strategy->needs & SLUICE_NEEDS_ORDER) != 0,
		.throughput = plan->mode == PLAN_THREADS &&
			      trace->service_mean_ns <= SERVICE_NONE_NS,
	};
	double hop = plan->claim < 0 ? plan->hop : plan->claim;
	int rc = run_check(&run);

	if (rc == 0)
		rc = plan_credit(plan, strategy, &run.credit);
	if (rc < 0)
		return rc;
	run_faults_open(&run);
	run.deadline_ns = run_deadline(&run);
	run.claim_ns = (uint64_t)llround(hop * trace->service_mean_ns);
	if (plan->trace.arrival.kind == ARRIVAL_CLOSED)
		run.closed_depth = plan->trace.arrival.depth
					   ? plan->trace.arrival.depth
					   : 1;
	if (!run.throughput)
		run.record =
			run_memory(&run, trace->count * sizeof(*run.record));
	if (plan->mode != PLAN_SIM) {
		rc = run_quietly(&run);
	} else {
		rc = run_try(&run);
		result->valid.kept = 1;
		if (rc == 0)
			tally_times(&run, run.record);
	}
	run_forget(&run, NULL);
	return rc;
}
