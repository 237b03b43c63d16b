/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two modes in real time share: the event that travels, what is written
 * down of each, faults, the timed strategy, the sums and what makes a run valid.
 *
 * While a run lasts nothing is computed of it: whoever has handled an event
 * writes its times down, and live_tally() does the rest afterwards. Times are ns
 * from the start of the run. Latency counts from the intended arrival, so an
 * event that could not be offered in time has waited.
 */
#ifndef SLUICE_BENCH_RUN_LIVE_PRIV_H
#define SLUICE_BENCH_RUN_LIVE_PRIV_H

#include "bench/run/clock.h"
#include "bench/run/result.h"

#define LIVE_NEVER UINT64_MAX

/* The head of an event in a ring; event_bytes may be more. */
struct live_event {
	uint64_t seq; /* its place in the trace, where its key is */
	uint64_t intended_ns;
	uint64_t placed_ns; /* when the strategy was shown it */
	uint64_t service_ns;
	uint64_t number; /* among its producer's; `ordered` reads it */
};

/* What is written down of an event, by who handled it. */
struct live_record {
	uint64_t intended_ns;
	uint64_t placed_ns;
	uint64_t started_ns;
	uint64_t ended_ns;
	uint32_t position; /* among those that this consumer handled */
	uint16_t consumer;
	uint16_t times; /* how often it was handled */
};

/* The faults of one consumer. */
struct live_fault {
	double factor;
	uint64_t kill_ns;
	uint64_t join_ns; /* LIVE_NEVER: there from the start */
	uint64_t stall_from_ns;
	uint64_t stall_until_ns;
};

struct live {
	const struct bench_plan *plan;
	const struct plan_strategy *ps;
	const struct trace *trace;
	struct run_result *result;
	struct clock clock;
	struct sluice_credit credit;
	struct live_fault fault[PLAN_CONSUMERS_MAX];
	struct live_record *record; /* by seq */
	uint64_t *left_ns;          /* the join, or NULL: when each left it */
	uint64_t base_ns;           /* of the clock, at the start */
	uint64_t deadline_ns;       /* nothing handled for so long: it failed */
	uint64_t closed_depth;      /* 0: arrivals are open */
	uint64_t claim_ns;          /* what a claim of `shared` takes */
	struct sluice_hist lag;     /* how late arrivals were offered */
	char *why;
	uint32_t why_bytes;
};

/* Returns @rc, with a sentence that begins with the strategy's name. */
int live_refuse(const struct live *live, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* It has failed: @left events are there, and nobody has handled any for long. */
int live_stuck(const struct live *live, uint64_t left);

/* Look at what was asked for, allocate, and touch it. Returns 0 or a negative
 * errno; live_close() in any case. */
int live_open(struct live *live, const struct bench_plan *plan,
	      const struct plan_strategy *strategy, const struct trace *trace,
	      struct run_result *result, char *why, uint32_t why_bytes);
void live_close(struct live *live);

static inline uint64_t live_now(const struct live *live)
{
	return clock_now(&live->clock) - live->base_ns;
}

/* When consumer @c will have finished a service that could begin at *@start,
 * which moves behind a stall. */
uint64_t live_service_end(const struct live *live, uint32_t c, uint64_t *start,
			  uint64_t service_ns);

/* Does consumer @c do nothing now? */
static inline int live_stalled(const struct live *live, uint32_t c,
			       uint64_t now)
{
	return now >= live->fault[c].stall_from_ns &&
	       now < live->fault[c].stall_until_ns;
}

/* What the strategy of producer @p is told: what the plan says, where an event
 * has its key and its number, and a seed, so that it can be said again. */
struct sluice_dispatch_opts live_opts(const struct live *live, uint32_t p);
/* How many events of the trace are producer @p's. */
uint64_t live_share(const struct live *live, uint32_t p);
/* Most events of one emission: as many as a stage of the engine would emit. */
uint32_t live_row_events(uint32_t event_bytes);

/* Everything in the result that follows from the records. @discarded events
 * were dropped on purpose, @unplaced found nobody. Returns 0, or -EBADMSG when
 * an event was lost or handled twice. */
int live_tally(struct live *live, uint64_t discarded, uint64_t unplaced);
/* Of those the rates, and Jain's index of what the consumers handled. @ended_ns:
 * the last event. */
void live_rates(struct live *live, uint64_t ended_ns);

/* Does the backlog grow from part to part? Of @events in all. */
int live_grows(const struct run_part *part, uint32_t parts, uint64_t events);

/* ---- the timed strategy (live_strategy.c) -------------------------------- */

/* Every so many-th decision is timed. */
#define LIVE_PICK_SAMPLE 8u

struct live_pick {
	const struct sluice_strategy *inner;
	struct sluice_dispatch_opts opts; /* these, whatever the caller says */
	const struct clock *clock;
	uint32_t calls;
	uint64_t timed; /* decisions */
	uint64_t events;
	double ns;
};

/* A strategy that decides as @inner does, and is told @opts. One each producer.
 * Its init takes its opts->own for a struct live_pick. */
void live_pick_init(struct live_pick *pick, const struct live *live,
		    const struct sluice_dispatch_opts *opts);
void live_strategy_init(struct sluice_strategy *timed,
			const struct sluice_strategy *inner);
/* Of @n producers; 0: nothing was timed. */
double live_pick_ns(const struct live_pick *picks, uint32_t n);

/* ---- may it be compared? (live_valid.c) ---------------------------------- */

/* Floor, before anything runs. */
void live_valid_begin(struct live *live);
/* Floor, lag, and whether the run is marked: @threads of them ran, and were
 * switched @involuntary times in @span_ns. */
void live_valid_end(struct live *live, uint32_t threads, uint64_t involuntary,
		    uint64_t span_ns);
/* Switches of the calling thread that it did not ask for. */
uint64_t live_involuntary(void);

#endif
