/* SPDX-License-Identifier: Apache-2.0 */
/* A run: what it is given, what it may take, and how often it is tried. */
#include "bench/run/run_priv.h"
#include "engine/graph/platform_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a machine that does other things too may take for one event. */
#define DEADLINE_NS 1e11

/* What is disturbed is done again, so often at most; and of so many of the events
 * there must be times in the end. */
#define TRIES      8u
#define KEPT_LEAST 0.5
/* What the driver adds to times, against the 99th percentile that is told. */
#define ADDED_MOST 0.1

static int (*const run_modes[])(struct run *run) = {
	[PLAN_SIM] = sim_go,
	[PLAN_VIRTUAL] = virtual_go,
	[PLAN_THREADS] = threads_go,
};

/* ---- memory -------------------------------------------------------------- */

/* In front of what it is about. */
struct run_block {
	struct run_block *before;
} RUN_APART;

void *run_memory(struct run *run, size_t bytes)
{
	struct run_block *block = bench_memory(sizeof(*block) + bytes);

	if (block == NULL) {
		(void)fprintf(stderr, "sluice-bench: no memory\n");
		exit(1);
	}
	block->before = run->block;
	run->block = block;
	return block + 1;
}

void run_forget(struct run *run, const struct run_block *until)
{
	while (run->block != until) {
		struct run_block *block = run->block;

		run->block = block->before;
		free(block);
	}
}

/* ---- faults -------------------------------------------------------------- */

/* By time, and as they were given. And how long it may take until the next event
 * has been handled. */
static void run_faults_open(struct run *run)
{
	double services =
		run->trace->service_mean_ns * (double)run->trace->count;
	uint32_t changes = 0;

	run->deadline_ns = DEADLINE_NS + (double)run->trace->span_ns + services;
	for (uint32_t c = 0; c < PLAN_CONSUMERS_MAX; c++)
		run->fault[c].factor = 1;
	for (uint32_t k = 0; k < run->plan->faults; k++) {
		struct plan_fault change = run->plan->fault[k];
		struct run_fault *fault = &run->fault[change.consumer];
		uint32_t i;

		run->deadline_ns += (double)(change.at_ns + change.for_ns) +
				    services * change.factor;
		if (change.kind == PLAN_SLOW) {
			fault->factor = change.factor;
			continue;
		}
		if (change.kind == PLAN_STALL) {
			fault->stall_from_ns = change.at_ns;
			fault->stall_until_ns = change.at_ns += change.for_ns;
		}
		fault->late |= change.kind == PLAN_JOIN;
		for (i = changes++;
		     i > 0 && run->change[i - 1].at_ns > change.at_ns; i--)
			run->change[i] = run->change[i - 1];
		run->change[i] = change;
	}
	run->change[changes].at_ns = RUN_NEVER;
}

uint64_t run_service_end(const struct run *run, uint32_t c, uint64_t *start,
			 uint64_t service_ns)
{
	const struct run_fault *fault = &run->fault[c];
	uint64_t end;

	if (run_stalled(run, c, *start))
		*start = fault->stall_until_ns;
	end = *start + (uint64_t)llround((double)service_ns * fault->factor);
	if (*start < fault->stall_from_ns && end > fault->stall_from_ns)
		end += fault->stall_until_ns - fault->stall_from_ns;
	return end;
}

/* ---- what cannot be ------------------------------------------------------ */

int run_possible(const struct bench_plan *plan, const struct trace *trace)
{
	int virtual = plan->mode == PLAN_VIRTUAL;
	uint32_t busy = virtual ? 2 : plan->consumers + plan->producers;
	struct platform_cpus cpus;

	platform_linux()->cpus(NULL, &cpus);
	if (plan->mode == PLAN_SIM || busy <= cpus.count ||
	    (!virtual && trace->service_mean_ns <= PLAN_SERVICE_NONE_NS))
		return 0;
	return cli_fail(-EINVAL,
			"--mode=%s keeps %u threads busy, on %u CPUs: they "
			"would wait for each other; --mode=%s can do",
			virtual ? "virtual" : "threads", busy, cpus.count,
			cpus.count < 2 ? "sim" : "virtual");
}

/* ---- a try --------------------------------------------------------------- */

static int run_try(struct run *run)
{
	const struct run_block *mark = run->block;
	/* At most; a resequencer is one of them. */
	uint32_t threads = run->producers + run->consumers + 1;
	int rc;

	*run->result = (struct run_result){
		.mode = run->plan->mode,
		.closed = run->closed_depth > 0,
		.resequenced = run->ordered,
		.valid = {.kept = 1},
	};
	if (!run->throughput)
		memset(run->record, 0,
		       run->trace->count * sizeof(*run->record));
	run->twice = 0;
	run->ended_ns = 0;
	sluice_store_release(&run->base, 0);
	run_sources_open(run);
	RUN_NEW(run, run->watch, threads);
	rc = run_modes[run->plan->mode](run);
	if (rc == -ETIMEDOUT)
		(void)cli_fail(rc,
			       "%" PRIu64 " of %" PRIu64 " events were not "
			       "handled, and none for %.1f s",
			       run->result->drops.unplaced, run->trace->count,
			       run->deadline_ns * 1e-9);
	if (rc == 0)
		rc = tally_whole(run);
	quiet_judge(run->quiet, run->watch, threads,
		    quiet_lost_most(run->trace->service_mean_ns));
	run->result->valid.lost_ns = run->quiet->lost_ns;
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
				 record[i].left_ns))
			continue;
		kept[i] = record[i];
		more++;
	}
	return more;
}

/* What a look at the clock costs. */
static double run_clock_ns(void)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 1000; i++) {
		int64_t ns = bench_now_ns();

		ns = bench_now_ns() - ns;
		least = ns < least ? ns : least;
	}
	return (double)least;
}

/* Until all of it was undisturbed once, or a try is of no use. The sums are those
 * of the best try. */
static int run_quietly(struct run *run)
{
	struct run_result *told = run->result;
	struct run_validity *valid = &told->valid;
	uint64_t count = run->trace->count;
	struct run_record *kept = RUN_NEW(run, kept, count);
	uint64_t all = 0;
	uint64_t more = 0;
	uint64_t most = 0;
	uint64_t tries = 0;

	run->clock_ns = run_clock_ns();
	RUN_NEW(run, run->result, 1);
	do {
		int rc = run_try(run);

		if (rc < 0)
			return rc;
		more = run->throughput
			       ? quiet_share(run->quiet, run->ended_ns,
					     run->result->events)
			       : run_keep(run->quiet, run->record, kept, count);
		if (more >= most) {
			most = more;
			*told = *run->result;
		}
		all = run->throughput ? most : all + more;
	} while (++tries < TRIES && all < run->result->events &&
		 (tries == 1 || more > 0));
	if ((double)all < KEPT_LEAST * (double)told->events)
		/* All of the last one, which is marked. */
		*told = *run->result;
	else
		run->record = kept;
	run->result = told;
	valid->kept = told->events > 0 ? (double)all / (double)told->events : 1;
	valid->tries = tries;
	valid->clock_ns = run->clock_ns;
	return 0;
}

/* Is there a reason not to compare it? */
static void run_mark(struct run *run)
{
	struct run_validity *valid = &run->result->valid;
	double most = ADDED_MOST *
		      (double)sluice_hist_quantile(&run->result->latency, 0.99);
	const char *why = "";

	if (valid->kept < KEPT_LEAST)
		why = "too few of the events were undisturbed: see kept";
	else if (run->throughput)
		return;
	else if (!run->closed_depth && (double)valid->generator_lag_ns > most)
		why = "lag p99 is more than a tenth of the p99 latency";
	else if (valid->poll_ns > most)
		why = "poll p99 is more than a tenth of the p99 latency";
	(void)snprintf(valid->why, sizeof(valid->why), "%s", why);
	valid->contended = why[0] != '\0';
}

int run_strategy(const struct bench_plan *plan,
		 const struct plan_strategy *strategy,
		 const struct trace *trace, struct run_result *result)
{
	const struct arrival *arrival = &plan->trace.arrival;
	double claim = plan->claim < 0 ? plan->hop : plan->claim;
	struct run run = {
		.plan = plan,
		.ps = strategy,
		.trace = trace,
		.result = result,
		.consumers = plan->consumers,
		.producers = plan->producers,
		.ordered =
			(strategy->strategy->needs & SLUICE_NEEDS_ORDER) != 0,
		.throughput = plan->mode == PLAN_THREADS &&
			      trace->service_mean_ns <= PLAN_SERVICE_NONE_NS,
		.closed_depth =
			arrival->kind == ARRIVAL_CLOSED ? arrival->depth : 0,
		.claim_ns = (uint64_t)llround(claim * trace->service_mean_ns),
	};
	int rc = plan_credit(plan, strategy, &run.credit);

	SLUICE_STATIC_ASSERT(sizeof(struct run_event) == PLAN_EVENT_BYTES_MIN,
			     "an event has room for it");
	if (rc < 0)
		return rc;
	if (strategy->strategy->rings == SLUICE_RINGS_COMMON)
		rc = cli_fail(-ENOTSUP,
			      "every consumer gets every event; there is "
			      "nothing to compare at the same load");
	else if (plan->mode == PLAN_THREADS)
		rc = threads_check(&run);
	if (rc == 0) {
		run_faults_open(&run);
		RUN_NEW(&run, run.record, trace->count);
		RUN_NEW(&run, run.quiet, 1);
		rc = plan->mode == PLAN_SIM ? run_try(&run) : run_quietly(&run);
	}
	if (rc == 0 && !run.throughput)
		tally_times(&run, run.record);
	if (rc == 0)
		run_mark(&run);
	for (uint32_t k = 0; k < plan->faults; k++)
		result->late |= (uint32_t)(result->drops.unplaced == 0 &&
					   plan->fault[k].at_ns >= run.ended_ns)
				<< k;
	run_forget(&run, NULL);
	if (rc < 0)
		(void)cli_within("%s: ", strategy->name);
	return rc;
}
