/* SPDX-License-Identifier: Apache-2.0 */
/* A run in real time: what it is given, and what it may take. */
#include "bench/run/live_priv.h"
#include "bench/common/bench.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many times its services one after the other, and nothing happens: it will not
 * any more. How long all of it takes is the machine's business. */
#define DEADLINE_FACTOR   4u
#define DEADLINE_LEAST_NS UINT64_C(100000000000)
/* Room on each event, for machines that do other things too. */
#define DEADLINE_EVENT_NS 20000u

/* As a stage emits by default. */
#define ROW_BYTES 65536u
#define ROW_LEAST 16u
#define ROW_MOST  2048u

int live_refuse(const struct live *live, int rc, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(live->why, live->why_bytes, "%s: ", live->ps->name);

	if (n < 0 || (uint32_t)n >= live->why_bytes)
		return rc;
	va_start(args, fmt);
	(void)vsnprintf(live->why + n, live->why_bytes - (uint32_t)n, fmt,
			args);
	va_end(args);
	return rc;
}

int live_stuck(const struct live *live, uint64_t left)
{
	return live_refuse(live, -ETIMEDOUT,
			   "%llu of %llu events were not handled, and none for "
			   "%.1f s",
			   (unsigned long long)left,
			   (unsigned long long)live->trace->count,
			   (double)live->deadline_ns * 1e-9);
}

/* ---- faults -------------------------------------------------------------- */

static void live_faults_open(struct live *live)
{
	for (uint32_t c = 0; c < PLAN_CONSUMERS_MAX; c++)
		live->fault[c] = (struct live_fault){
			.factor = 1,
			.kill_ns = LIVE_NEVER,
			.join_ns = LIVE_NEVER,
		};
	for (uint32_t i = 0; i < live->plan->faults; i++) {
		const struct plan_fault *f = &live->plan->fault[i];
		struct live_fault *fault = &live->fault[f->consumer];

		switch (f->kind) {
		case PLAN_SLOW:
			fault->factor = f->factor;
			break;
		case PLAN_STALL:
			fault->stall_from_ns = f->at_ns;
			fault->stall_until_ns = f->at_ns + f->for_ns;
			break;
		case PLAN_KILL:
			fault->kill_ns = f->at_ns;
			break;
		case PLAN_JOIN:
			fault->join_ns = f->at_ns;
			break;
		}
	}
}

uint64_t live_service_end(const struct live *live, uint32_t c, uint64_t *start,
			  uint64_t service_ns)
{
	const struct live_fault *fault = &live->fault[c];
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

static uint64_t live_key_of(const void *event, uint32_t bytes, void *ctx)
{
	const struct trace *trace = ctx;
	uint64_t seq;

	(void)bytes;
	memcpy(&seq, (const char *)event + offsetof(struct live_event, seq),
	       sizeof(seq));
	return trace_key(trace, trace->event[seq].key);
}

struct sluice_dispatch_opts live_opts(const struct live *live, uint32_t p)
{
	struct sluice_dispatch_opts opts = live->ps->opts;

	opts.key_of = live_key_of;
	opts.key_ctx = (void *)(uintptr_t)live->trace;
	opts.order_offset = (uint32_t)offsetof(struct live_event, number);
	/* Or all would draw the same. */
	opts.seed =
		(opts.seed ? opts.seed : (uint32_t)live->plan->trace.seed + 1) +
		p;
	return opts;
}

uint64_t live_share(const struct live *live, uint32_t p)
{
	uint64_t producers = live->plan->producers;

	return (live->trace->count + producers - 1 - p) / producers;
}

uint32_t live_row_events(uint32_t event_bytes)
{
	uint32_t row = ROW_BYTES / event_bytes;

	return row < ROW_LEAST ? ROW_LEAST : row > ROW_MOST ? ROW_MOST : row;
}

/* ---- opening ------------------------------------------------------------- */

/* Long enough for one consumer to do it all, if a key makes it. */
static uint64_t live_deadline(const struct live *live)
{
	double services =
		live->trace->service_mean_ns * (double)live->trace->count;
	double slowest = 1;
	double ns;

	for (uint32_t c = 0; c < live->plan->consumers; c++)
		if (live->fault[c].factor > slowest)
			slowest = live->fault[c].factor;
	ns = (double)live->trace->span_ns + services * slowest +
	     (double)live->trace->count * DEADLINE_EVENT_NS;
	for (uint32_t i = 0; i < live->plan->faults; i++)
		ns += (double)(live->plan->fault[i].at_ns +
			       live->plan->fault[i].for_ns);
	ns = DEADLINE_FACTOR * ns + (double)DEADLINE_LEAST_NS;
	return ns < 1e18 ? (uint64_t)ns : (uint64_t)1e18;
}

static int live_check(struct live *live)
{
	const struct bench_plan *plan = live->plan;
	uint32_t consumers = plan->consumers;

	if (live->ps->strategy->rings == SLUICE_RINGS_COMMON)
		return live_refuse(live, -ENOTSUP,
				   "every consumer gets every event; there is "
				   "nothing to compare at the same load");
	if (plan->event_bytes < sizeof(struct live_event))
		return live_refuse(live, -EINVAL,
				   "event bytes %u: at least %zu in this mode",
				   plan->event_bytes,
				   sizeof(struct live_event));
	if (consumers < 1 || consumers > PLAN_CONSUMERS_MAX ||
	    plan->producers < 1 || plan->producers > PLAN_PRODUCERS_MAX)
		return live_refuse(live, -EINVAL,
				   "consumers %u and producers %u: 1 to %u and "
				   "1 to %u",
				   consumers, plan->producers,
				   PLAN_CONSUMERS_MAX, PLAN_PRODUCERS_MAX);
	if (live->trace->count < 1 || live->trace->count > PLAN_EVENTS_MAX)
		return live_refuse(live, -EINVAL, "events %llu: 1 to %llu",
				   (unsigned long long)live->trace->count,
				   (unsigned long long)PLAN_EVENTS_MAX);
	for (uint32_t i = 0; i < plan->faults; i++)
		if (plan->fault[i].consumer >= consumers)
			return live_refuse(
				live, -EINVAL, "consumer %u: there are 0 to %u",
				plan->fault[i].consumer, consumers - 1);
	return 0;
}

int live_open(struct live *live, const struct bench_plan *plan,
	      const struct plan_strategy *strategy, const struct trace *trace,
	      struct run_result *result, char *why, uint32_t why_bytes)
{
	int rc;

	memset(live, 0, sizeof(*live));
	memset(result, 0, sizeof(*result));
	live->plan = plan;
	live->ps = strategy;
	live->trace = trace;
	live->result = result;
	live->why = why;
	live->why_bytes = why_bytes;
	(void)snprintf(result->strategy, sizeof(result->strategy), "%s",
		       strategy->name);
	result->load = plan->trace.load;
	rc = live_check(live);
	if (rc == 0)
		rc = plan_credit(plan, strategy, &live->credit, why, why_bytes);
	if (rc < 0)
		return rc;
	live_faults_open(live);
	live->deadline_ns = live_deadline(live);
	live->claim_ns =
		(uint64_t)llround((plan->claim < 0 ? plan->hop : plan->claim) *
				  trace->service_mean_ns);
	if (plan->trace.arrival.kind == ARRIVAL_CLOSED)
		live->closed_depth = plan->trace.arrival.depth
					     ? plan->trace.arrival.depth
					     : 1;
	live->record = bench_memory(trace->count * sizeof(*live->record));
	if (live->record == NULL)
		return live_refuse(live, -ENOMEM, "no memory for %llu events",
				   (unsigned long long)trace->count);
	return 0;
}

void live_close(struct live *live)
{
	free(live->record);
	free(live->left_ns);
	live->record = NULL;
	live->left_ns = NULL;
}
