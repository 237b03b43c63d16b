/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/times.h"

/* A reader that is always interrupted takes what it has after so many tries. */
#define TIMES_TRIES 16u

/* Where time that was spent so is counted; of nothing none is. */
static const enum sluice_counter times_words[SLUICE_DOING_COUNT] = {
	[SLUICE_DOING_WORK] = SLUICE_COUNTER_WORKING_NS,
	[SLUICE_DOING_IDLE] = SLUICE_COUNTER_IDLE_NS,
	[SLUICE_DOING_NO_CREDIT] = SLUICE_COUNTER_NO_CREDIT_NS,
	[SLUICE_DOING_BLOCKED] = SLUICE_COUNTER_BLOCKED_NS,
};

/* ---- the writer ---------------------------------------------------------- */

static void times_show(struct sluice_times_writer *w,
		       struct sluice_counters *counters, uint64_t changes)
{
	sluice_store_stale(&counters->value[SLUICE_COUNTER_DOING],
			   changes << SLUICE_TIMES_DOING_BITS | w->doing);
}

void sluice_times_begin(struct sluice_times_writer *w,
			struct sluice_counters *counters, uint64_t now_ns)
{
	w->since_ns = now_ns;
	w->doing = SLUICE_DOING_WORK;
	sluice_store_stale(&counters->value[SLUICE_COUNTER_BEGAN_NS], now_ns);
	times_show(w, counters, w->changes);
}

void sluice_times_spend(struct sluice_times_writer *w,
			struct sluice_counters *counters,
			const uint64_t spent_ns[SLUICE_DOING_COUNT],
			enum sluice_doing doing)
{
	times_show(w, counters, w->changes + 1);
	for (uint32_t i = SLUICE_DOING_WORK; i < SLUICE_DOING_COUNT; i++) {
		sluice_a64 *word = &counters->value[times_words[i]];

		if (spent_ns[i] == 0)
			continue;
		sluice_store_stale(word, sluice_load_stale(word) + spent_ns[i]);
		w->since_ns += spent_ns[i];
	}
	w->doing = doing;
	w->changes += 2;
	times_show(w, counters, w->changes);
}

/* ---- a reader ------------------------------------------------------------ */

/* What it has read, and what it adds. */
struct times_reading {
	uint64_t seen;                   /* doing, and of which change */
	uint64_t ns[SLUICE_DOING_COUNT]; /* by enum sluice_doing */
	uint64_t lived_ns;               /* their sum */
	uint64_t end_ns;                 /* the writer's last look */
	enum sluice_doing doing;
};

/* Returns zero when the words were changing. */
static int times_load(const struct sluice_counters *counters,
		      struct times_reading *r)
{
	/* Acquire, all: no word is read before the one above it. */
	r->seen = sluice_load_acquire(&counters->value[SLUICE_COUNTER_DOING]);
	r->end_ns =
		sluice_load_acquire(&counters->value[SLUICE_COUNTER_BEGAN_NS]);
	r->lived_ns = 0;
	for (uint32_t i = SLUICE_DOING_WORK; i < SLUICE_DOING_COUNT; i++) {
		r->ns[i] =
			sluice_load_acquire(&counters->value[times_words[i]]);
		r->lived_ns += r->ns[i];
	}
	r->end_ns += r->lived_ns;
	r->doing = SLUICE_DOING_NOTHING;
	if ((r->seen & SLUICE_TIMES_DOING_MASK) < SLUICE_DOING_COUNT)
		r->doing =
			(enum sluice_doing)(r->seen & SLUICE_TIMES_DOING_MASK);
	return (r->seen >> SLUICE_TIMES_DOING_BITS & 1) == 0;
}

static int times_same(const struct sluice_counters *counters,
		      const struct times_reading *r)
{
	return sluice_load_acquire(&counters->value[SLUICE_COUNTER_DOING]) ==
	       r->seen;
}

static int times_inside(const sluice_a32 *inside, enum sluice_doing doing)
{
	return inside != NULL ? sluice_load_acquire(inside) != 0
			      : doing == SLUICE_DOING_WORK;
}

/* As what time of this change was told by others; NOTHING: none was. */
static enum sluice_doing times_told(const struct times_reading *r,
				    const sluice_a64 *noticed)
{
	uint64_t claim = noticed != NULL ? sluice_load_acquire(noticed) : 0;

	return (enum sluice_doing)(
		(claim ^ r->seen) >> SLUICE_TIMES_DOING_BITS == 0
			? claim & SLUICE_TIMES_DOING_MASK
			: 0);
}

/* @more_ns of work, as far as its thread is at it. When it is elsewhere, or does
 * not run, what that was will be known. */
static void times_add_work(struct times_reading *r, uint64_t more_ns,
			   int inside)
{
	if (!inside && more_ns > SLUICE_TIMES_LONG_NS)
		more_ns = SLUICE_TIMES_LONG_NS;
	sluice_times_work(r->ns, more_ns);
	r->lived_ns += more_ns;
	r->doing = more_ns > SLUICE_TIMES_LONG_NS ? SLUICE_DOING_BLOCKED
						  : SLUICE_DOING_WORK;
}

/* What has passed since the writer's last look; as others have been told, if they
 * have. */
static void times_add(struct times_reading *r, enum sluice_doing told,
		      uint64_t more_ns, int inside)
{
	if (told == SLUICE_DOING_NOTHING && !inside)
		told = r->doing;
	if (sluice_doing_waits(told)) {
		r->ns[told] += more_ns;
		r->lived_ns += more_ns;
		r->doing = told;
		return;
	}
	times_add_work(r, more_ns,
		       inside || told != r->doing ||
			       told == SLUICE_DOING_BLOCKED);
}

/* Returns zero when the words have changed meanwhile. */
static int times_extend(struct times_reading *r,
			const struct sluice_counters *counters,
			const struct sluice_wait_ops *ops,
			const sluice_a32 *inside, sluice_a64 *noticed,
			int was_inside)
{
	uint64_t now_ns = ops->now_ns(ops->ctx);
	uint64_t end_ns = r->end_ns + SLUICE_TIMES_LOOK_NS;

	if (r->doing == SLUICE_DOING_NOTHING || now_ns <= end_ns)
		return times_same(counters, r);
	/* Again, behind the clock: it has not slept meanwhile. */
	times_add(r, times_told(r, noticed), now_ns - end_ns,
		  was_inside && times_inside(inside, r->doing));
	/* First of all the writer has to know. */
	if (noticed != NULL)
		(void)sluice_exchange(noticed,
				      (r->seen & ~SLUICE_TIMES_DOING_MASK) |
					      r->doing);
	return times_same(counters, r);
}

/* Returns zero when the words were changing, or have changed meanwhile. */
static int times_try(struct times_reading *r,
		     const struct sluice_counters *counters,
		     const struct sluice_wait_ops *ops,
		     const sluice_a32 *inside, sluice_a64 *noticed)
{
	/* Before the words: what its thread accounted for before it entered is
	 * seen. */
	int was_inside = times_inside(inside, SLUICE_DOING_WORK);

	return times_load(counters, r) &&
	       times_extend(r, counters, ops, inside, noticed, was_inside);
}

void sluice_times_read(const struct sluice_counters *counters,
		       const struct sluice_wait_ops *ops,
		       const sluice_a32 *inside, sluice_a64 *noticed,
		       struct sluice_times *times)
{
	struct times_reading r = {0};
	uint32_t tries = 0;

	while (!times_try(&r, counters, ops, inside, noticed))
		if (++tries == TIMES_TRIES) {
			/* Without what was added. */
			(void)times_load(counters, &r);
			break;
		}
	*times = (struct sluice_times){
		.lived_ns = r.lived_ns,
		.working_ns = r.ns[SLUICE_DOING_WORK],
		.idle_ns = r.ns[SLUICE_DOING_IDLE],
		.no_credit_ns = r.ns[SLUICE_DOING_NO_CREDIT],
		.blocked_ns = r.ns[SLUICE_DOING_BLOCKED],
		.doing = r.doing,
	};
}
