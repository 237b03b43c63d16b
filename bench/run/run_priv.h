/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all modes share: the event that travels, what is written down of each,
 * faults, the producers' shares of the trace, the timed strategy and the sums.
 *
 * Words  writer            readers  order    meaning
 * base   who begins first  all      acq_rel  the clock at the start
 *
 * While a run lasts nothing is computed of it: whoever has handled an event
 * writes its times down, and the tally does the rest afterwards. Times are ns
 * from the start of the run. Latency counts from the intended arrival, so an
 * event that could not be offered in time has waited.
 *
 * Of run.c, source.c (producers), tally.c (sums) and the modes: sim.c,
 * virtual.c, threads.c. Knows one run; not plans of several, reports.
 */
#ifndef SLUICE_BENCH_RUN_RUN_PRIV_H
#define SLUICE_BENCH_RUN_RUN_PRIV_H

#include "bench/common/bench.h"
#include "bench/run/quiet.h"
#include "bench/run/result.h"

#define RUN_NEVER UINT64_MAX
#define RUN_APART __attribute__((aligned(SLUICE_LINE_BYTES)))

/* The head of an event in a ring; event_bytes may be more. */
struct run_event {
	uint64_t seq; /* its place in the trace, where its key is */
	uint64_t intended_ns;
	uint64_t placed_ns; /* when the strategy was shown it */
	uint64_t service_ns;
	uint64_t number; /* among its producer's; `ordered` reads it */
};

/* What is written down of an event, by who handled it. */
struct run_record {
	uint64_t intended_ns;
	uint64_t placed_ns;
	uint64_t started_ns;
	uint64_t ended_ns;
	/* The resequencer, if there is one; then it is over. */
	uint64_t left_ns;
	uint32_t consumer;
	uint32_t times; /* how often it was handled */
};

/* The faults of one consumer that have a length. */
struct run_fault {
	double factor;
	uint64_t stall_from_ns;
	uint64_t stall_until_ns;
	uint32_t late; /* it is not there from the start */
};

/* A producer: every producers-th event of the trace is its own, and it offers
 * them when they are due. Its thread's. */
struct source {
	struct run *run;
	uint32_t index;
	uint32_t stalled; /* something waits, and nobody has credit */
	uint64_t count;
	uint64_t due;
	uint64_t placed;     /* of those, shown to the strategy */
	uint64_t *let_in_ns; /* closed: when each was due */
	uint64_t waiting;    /* to be placed, and spilled */
	uint64_t waiting_most;
	uint64_t measured_ns; /* when that was */
	uint64_t stalled_ns;
	double waiting_area;
	struct sluice_hist lag; /* how late arrivals were offered */
	/* The strategy, with some of its decisions timed (source.c). */
	struct sluice_dispatch_opts opts;
	uint64_t picks;
	uint64_t events_timed;
	double pick_ns;
} RUN_APART;

struct run {
	const struct bench_plan *plan;
	const struct plan_strategy *ps;
	const struct trace *trace;
	struct run_result *result;
	uint32_t consumers;
	uint32_t producers;
	uint32_t ordered;    /* a resequencer restores the order */
	uint32_t throughput; /* no services, and nothing written down */
	uint32_t row_events; /* most of one emission */
	struct sluice_credit credit;
	/* Who leaves or comes, or whose stall ends; by the time of that. The
	 * last is RUN_NEVER. */
	struct plan_fault change[PLAN_FAULTS_MAX + 1];
	struct run_fault fault[PLAN_CONSUMERS_MAX];
	uint64_t closed_depth; /* 0: arrivals are open */
	uint64_t claim_ns;     /* what a claim of `shared` takes */
	double clock_ns;       /* what it costs to look at the clock */
	double deadline_ns;    /* nothing handled for so long: it failed */
	/* Decides as that of the plan, with what the plan says; its init takes
	 * opts->own for a struct source. Of one run at a time. */
	struct sluice_strategy timed;
	struct source *source;
	struct run_record *record; /* by seq; throughput: unused */
	struct quiet *quiet;       /* sim: all of it */
	struct quiet_watch *watch; /* one for each thread there may be */
	struct run_block *block;   /* of memory, the last */
	/* Of the try that is on. */
	uint64_t twice;    /* handled more than once, or another one was */
	uint64_t ended_ns; /* the last event */
	sluice_a64 base;   /* of the clock, ns; 0: it has not begun */
};

static inline uint64_t run_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t run_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A try in each of the modes, and what it cannot do. Each returns 0, or a negative
 * errno with a sentence in cli_error(); -ETIMEDOUT: nothing was handled for
 * long. What was dropped is in the result. */
int sim_go(struct run *run);
int virtual_go(struct run *run);
int threads_check(const struct run *run);
int threads_go(struct run *run);

/* ---- run.c --------------------------------------------------------------- */

/* Zeroed lines, until the try is over; without memory the program ends. */
void *run_memory(struct run *run, size_t bytes);
/* @n of what @at is to point to. */
#define RUN_NEW(run, at, n)                                                    \
	((at) = run_memory(run, (size_t)(n) * sizeof(*(at))))
/* Release what was got since @until was the last. */
void run_forget(struct run *run, const struct run_block *until);

/* It begins now, unless it has: whoever sees that has the base. */
static inline void run_begin(struct run *run)
{
	uint64_t none = 0;

	/* Relaxed: a first look. */
	if (SLUICE_UNLIKELY(sluice_load_relaxed(&run->base) == 0))
		(void)sluice_compare_exchange(&run->base, &none,
					      (uint64_t)bench_now_ns());
}

static inline int run_begun(const struct run *run)
{
	return sluice_load_acquire(&run->base) != 0;
}

static inline uint64_t run_now(const struct run *run)
{
	return (uint64_t)bench_now_ns() - sluice_load_acquire(&run->base);
}

/* When consumer @c will have finished a service that could begin at *@start,
 * which moves behind a stall. */
uint64_t run_service_end(const struct run *run, uint32_t c, uint64_t *start,
			 uint64_t service_ns);

/* Does consumer @c do nothing now? */
static inline int run_stalled(const struct run *run, uint32_t c, uint64_t now)
{
	return now >= run->fault[c].stall_from_ns &&
	       now < run->fault[c].stall_until_ns;
}

/* Consumer @c has handled @event. */
static inline void run_write(const struct run *run, uint32_t c,
			     const struct run_event *event, uint64_t started_ns,
			     uint64_t ended_ns)
{
	struct run_record *record = &run->record[event->seq];

	record->intended_ns = event->intended_ns;
	record->placed_ns = event->placed_ns;
	record->started_ns = started_ns;
	record->ended_ns = ended_ns;
	record->left_ns = ended_ns;
	record->consumer = c;
	record->times++;
}

/* @n more in a word of our own. */
static inline void run_count(sluice_a64 *word, uint64_t n)
{
	/* Relaxed load: nobody else writes it. */
	sluice_store_release(word, sluice_load_relaxed(word) + n);
}

/* Take over from @record what @quiet lets be told and is not among the @kept yet.
 * Returns how many. */
uint64_t run_keep(const struct quiet *quiet, const struct run_record *record,
		  struct run_record *kept, uint64_t count);

/* ---- source.c ------------------------------------------------------------ */

/* And the timed strategy. */
void run_sources_open(struct run *run);
/* What arrives next, and was not offered; RUN_NEVER: nothing. */
uint64_t source_next_ns(const struct source *source);
/* Offer what is due @now; closed: what those make room for that had been
 * @finished before the clock was read. @watched: an arrival that is late now is
 * late because nobody looked. */
void source_look(struct source *source, uint64_t finished, uint64_t now,
		 int watched);
/* The next @n events, event_bytes each, which are placed now. */
void source_write(struct source *source, unsigned char *row, uint32_t n,
		  uint64_t now);
/* From now on so many are @waiting. */
void source_measure(struct source *source, uint64_t waiting, int stalled,
		    uint64_t now);
/* The sum over all producers, in the result. */
void run_sources_report(struct run *run);

/* ---- tally.c ------------------------------------------------------------- */

/* Was each event handled once, or left for a reason? And what follows from all of
 * them: order, fairness, rates. Returns 0 or -EBADMSG. */
int tally_whole(struct run *run);
/* What follows from the times of each: those of @record that were handled. */
void tally_times(struct run *run, const struct run_record *record);
/* Does the backlog grow from part to part? Of @events in all. */
int tally_grows(const struct run_part *part, uint64_t events);

#endif
