/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How quiet the machine was during a run in real time, slice by slice: how much of
 * its time each thread lost, to others on its CPU (it was ready to run and did not,
 * as the kernel counts it) or to nobody the kernel knows (gaps between two looks
 * at the clock). An event may be told that met no disturbed slice, and did not
 * come right behind one.
 *
 * Of quiet.c. Knows times of threads and slices of a run; not strategies and
 * events' contents.
 */
#ifndef SLUICE_BENCH_RUN_QUIET_H
#define SLUICE_BENCH_RUN_QUIET_H

#include <stdint.h>

#define QUIET_SLICE_NS UINT64_C(10000000)
/* The last one is all that comes later: 40 s are long for a run. */
#define QUIET_SLICES 4096u
/* The least and the most that a thread may lose of a slice undisturbed. */
#define QUIET_LOST_MIN_NS UINT64_C(50000)
#define QUIET_LOST_MAX_NS (QUIET_SLICE_NS / 20)
/* Between two looks with nothing to do in between; interrupts are shorter. */
#define QUIET_GAP_NS UINT64_C(20000)

/* What one thread lost. Its own while it runs; zeroed: it has not looked. */
struct quiet_watch {
	uint32_t slice; /* the one that is on */
	int file; /* the kernel's count; 0: not open yet, negative: not to be had */
	uint64_t delay_ns; /* the count, as read when the slice began */
	uint64_t runs;     /* likewise, how often it got a CPU */
	uint64_t gap_ns;   /* seen in the slice so far */
	uint64_t seen_ns;  /* the last look */
	uint64_t next_ns;  /* when the slice ends */
	uint64_t all_ns;   /* that was lost */
	uint64_t lost_ns[QUIET_SLICES]; /* in each, or in one of several */
};

/* By the thread itself: the slice is over, what was lost lies between its begin
 * and @now; the thread is over. */
void quiet_turn(struct quiet_watch *watch, uint64_t now);
void quiet_watch_end(struct quiet_watch *watch, uint64_t now);

/* It looks at the clock, and what it did since the last look takes @most_ns, or
 * QUIET_ANY. Returns non-zero when it was away. */
#define QUIET_ANY UINT64_MAX
static inline int quiet_look(struct quiet_watch *watch, uint64_t now,
			     uint64_t most_ns)
{
	uint64_t gap = now - watch->seen_ns;
	int away = gap > most_ns;

	if (away)
		watch->gap_ns += gap;
	watch->seen_ns = now;
	if (now >= watch->next_ns)
		quiet_turn(watch, now);
	return away;
}

/* What all threads lost, as slices that were disturbed below each. */
struct quiet {
	uint64_t lost_ns;
	uint32_t disturbed[QUIET_SLICES + 1];
};

/* How much a thread may lose of a slice: what five services of @service_ns take
 * is little beside a 99th percentile of waiting for them. */
uint64_t quiet_lost_most(double service_ns);
/* Of @n threads that have ended; of a slice each may have lost @most_ns. */
void quiet_judge(struct quiet *quiet, const struct quiet_watch *watch,
		 uint32_t n, uint64_t most_ns);
/* May it be told, what came and went then? */
int quiet_holds(const struct quiet *quiet, uint64_t from_ns, uint64_t to_ns);
/* Of so many @events until @ended_ns: those that fall on undisturbed slices. */
uint64_t quiet_share(const struct quiet *quiet, uint64_t ended_ns,
		     uint64_t events);

#endif
