/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file times.h
 * How a stage spends its time: so long at work, idle, out of credit, blocked in a
 * callback. The four exclude each other and add up.
 *
 * Words      writer     readers     order    meaning
 * *_ns       the stage  all         release  time accounted for, ns, by what it did
 * began_ns   the stage  all         release  when it began, monotonic; 0: not yet
 * doing      the stage  all         release  enum sluice_doing: what it does since;
 *                                            above it how often the words changed,
 *                                            odd while they do
 * noticed    all        the stage,  acq_rel  enum sluice_doing: what a reader has
 *                       readers              added time as; above it of which
 *                                            change
 *
 * All but `noticed` are among the counters of counter.h, in the stage's region.
 *
 * The writer reads a clock when its thread finds nothing to do, and else about
 * every 25 us. So what is accounted for ends at its last look, and a reader adds
 * what has passed since, to what the stage was doing then, but for the last
 * SLUICE_TIMES_LOOK_NS. A step that lasts longer than that is work whatever was
 * told, and blocked beyond a callback's time. Time once told is told for good: a
 * reader that has added any lets the writer and other readers know as what, and
 * the writer accounts for it so.
 *
 * Stale      A reader that finds the words changing, or changed, reads anew, a few
 *            times; then it takes what there is, and adds nothing. A claim of
 *            another change is void. Nothing is decided on any of it.
 */
#ifndef SLUICE_RING_TIMES_H
#define SLUICE_RING_TIMES_H

#include "counter.h"
#include "wait.h"

SLUICE_BEGIN_DECLS

/** A callback should return within this. What goes beyond is blocked, no work. */
#define SLUICE_TIMES_LONG_NS UINT64_C(1000000)
/** How far behind the clock what is told may be. */
#define SLUICE_TIMES_LOOK_NS UINT64_C(50000)

/** Of `doing` and `noticed`: the bits of enum sluice_doing. */
#define SLUICE_TIMES_DOING_BITS 3u
#define SLUICE_TIMES_DOING_MASK ((UINT64_C(1) << SLUICE_TIMES_DOING_BITS) - 1)

/** What a stage does. */
enum sluice_doing {
	SLUICE_DOING_NOTHING = 0,   /* it has not begun, or has ended */
	SLUICE_DOING_WORK = 1,      /* it has something to do */
	SLUICE_DOING_IDLE = 2,      /* nothing came, or is asked for */
	SLUICE_DOING_NO_CREDIT = 3, /* there is no room ahead */
	SLUICE_DOING_BLOCKED = 4,   /* in a callback, for too long */
	SLUICE_DOING_COUNT
};

/** It waits for others: nothing came, or there is no room. */
static inline int sluice_doing_waits(enum sluice_doing doing)
{
	return doing == SLUICE_DOING_IDLE || doing == SLUICE_DOING_NO_CREDIT;
}

/** @span_ns of work: what goes beyond a callback's time was one that blocked. */
static inline void sluice_times_work(uint64_t spent_ns[SLUICE_DOING_COUNT],
				     uint64_t span_ns)
{
	uint64_t work_ns =
		span_ns < SLUICE_TIMES_LONG_NS ? span_ns : SLUICE_TIMES_LONG_NS;

	spent_ns[SLUICE_DOING_WORK] += work_ns;
	spent_ns[SLUICE_DOING_BLOCKED] += span_ns - work_ns;
}

/** Time as it was spent. */
struct sluice_times {
	/** Since it began, until it ended; behind the clock by no more than
	 * SLUICE_TIMES_LOOK_NS, but while its worker is elsewhere, or has no CPU,
	 * and it works. The sum of the others, always. */
	uint64_t lived_ns;
	uint64_t working_ns;
	uint64_t idle_ns;
	uint64_t no_credit_ns;
	uint64_t blocked_ns;
	enum sluice_doing doing; /* just now */
	uint32_t resv;
};

/** The writer's end: private to the stage's thread, zero before it begins. */
struct sluice_times_writer {
	uint64_t since_ns; /* accounted for up to here */
	uint64_t changes;  /* of the words; even */
	enum sluice_doing doing;
};

/** It begins at @now_ns, at work. Threads: the writer. */
SLUICE_API void sluice_times_begin(struct sluice_times_writer *w,
				   struct sluice_counters *counters,
				   uint64_t now_ns);

/**
 * sluice_times_spend - account for time.
 *
 * @spent_ns  of each enum sluice_doing; the sum is what w->since_ns goes on by
 * @doing     what it does from then on
 *
 * Threads: the writer.
 */
SLUICE_API void sluice_times_spend(struct sluice_times_writer *w,
				   struct sluice_counters *counters,
				   const uint64_t spent_ns[SLUICE_DOING_COUNT],
				   enum sluice_doing doing);

/** As what somebody has told the time since the last change; NOTHING: nobody has.
 * Threads: the writer. */
static inline enum sluice_doing
sluice_times_noticed(const struct sluice_times_writer *w,
		     const sluice_a64 *noticed)
{
	uint64_t claim = sluice_load_stale(noticed);

	return SLUICE_CAST(enum sluice_doing,
			   claim >> SLUICE_TIMES_DOING_BITS == w->changes
				   ? claim & SLUICE_TIMES_DOING_MASK
				   : 0);
}

/**
 * sluice_times_read - what a stage has spent its time on.
 *
 * @inside   a word that is non-zero while its thread is in one of its steps; NULL:
 *           it is whenever it works
 * @noticed  NULL: the writer says itself what it does before anybody can be told
 *           otherwise
 *
 * Threads: any.
 */
SLUICE_API void sluice_times_read(const struct sluice_counters *counters,
				  const struct sluice_wait_ops *ops,
				  const sluice_a32 *inside, sluice_a64 *noticed,
				  struct sluice_times *times);

SLUICE_END_DECLS

#endif
