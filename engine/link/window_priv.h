/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window that follows what its link shows (SLUICE_DEMAND_AUTO). Private to the
 * consumer's thread. Of window.c. Not installed.
 *
 * Cut        A look of the consumer meets, as the producer's last position, one that the
 *            consumer had granted: the producer has used all credit that it knew of, so
 *            the window has cut its emission short. Of a producer that has credit left
 *            the position is another one.
 * Epochs     Twice as many events as the window has. Time in which there was nothing
 *            does not count; if the look was cut, the first 200 us do, for then the
 *            consumer waits for its own grant to come around. An epoch tells something
 *            when at least a quarter of its looks were cut. Until a look is cut there is
 *            no epoch, and nobody reads the clock: light load.
 * Rows       Four epochs one behind the other, or 20 ms of them, that tell something. The
 *            best of them counts: in another the thread may not have run.
 * Wait       Behind a full window an event waits for as long as the window takes. Is that
 *            more than wait_ns, the window is halved; would it be three quarters of that
 *            at most with twice the window, the window is doubled.
 * Trials     What the change was good for the next row tells: if events go by slower by
 *            more than a seventh, the change is taken back, and tried again after one
 *            second, two, ... (a handler may need long batches; a ring may leave the
 *            cache). Neither do equals swing: the way back is closed for 10 ms, and twice
 *            as long each time that the direction changes.
 *
 * The ring has room for `most` from the beginning. A smaller window takes nothing back of
 * what was granted: less is granted from then on.
 *
 * Knows      positions, a clock
 * Knows not  rings, stages
 */
#ifndef SLUICE_ENGINE_WINDOW_PRIV_H
#define SLUICE_ENGINE_WINDOW_PRIV_H

#include "ring/wait.h"
#include "engine/subscription.h"

/* The simulator has others, by which all of it happens in a few events, and in a time that
 * is made up: there it stands still while somebody works. */
#ifndef WINDOW_LEAST
#define WINDOW_LEAST    16u   /* events, or as many as its ring has slots */
#define WINDOW_FIRST    1024u /* the same */
#define WINDOW_ROW      4u
#define WINDOW_BACK_NS  UINT64_C(10000000)
#define WINDOW_FAIL_NS  UINT64_C(1000000000)
#define WINDOW_TOOK(ns) (ns)
#endif
#define WINDOW_ROW_NS  UINT64_C(20000000)
#define WINDOW_TRIP_NS UINT64_C(200000)
#define WINDOW_GRANTS_LOG                                                      \
	5u /* so many of the last are remembered: 2 to the power of */
#define WINDOW_GRANTS (1u << WINDOW_GRANTS_LOG)

/* What the subscription's options say; changed as a whole. */
struct window_rule {
	uint32_t most;    /* events, a power of two; 0: the window is fixed */
	uint32_t wait_us; /* in [1, SLUICE_AUTO_WAIT_US_MAX] */
	int32_t min; /* min_demand: 0, SLUICE_MIN_ZERO or SLUICE_MIN_HALF */
};

enum window_way {
	WINDOW_NARROW = 0,
	WINDOW_WIDEN = 1,
};

struct window {
	struct window_rule rule;
	uint32_t events; /* in use: a power of two in [least, rule.most] */
	uint32_t least;
	uint64_t wait_ns;
	uint64_t granted[WINDOW_GRANTS]; /* by a hash of their own */

	/* The epoch. */
	uint32_t begun;
	uint32_t looks;
	uint32_t cut;
	uint64_t from;
	uint64_t since_ns;
	uint64_t
		idle_ns; /* since when there is nothing; 0: there is something */
	uint64_t idle_own_ns; /* as much of that counts */

	/* The row. */
	uint32_t settling; /* the next epoch does not count */
	uint32_t epochs;
	uint64_t row_ns;
	uint64_t pace; /* of the best: ns for 1024 events */

	/* The trial, and what came of those before. */
	uint32_t before; /* the window before it; 0: there is none */
	uint64_t before_pace;
	enum window_way way;  /* of the last trial */
	enum window_way kept; /* of the last change that was kept */
	uint32_t swings;      /* such changes in a row, each the other way */
	uint32_t failed[2];   /* trials of a way in a row */
	uint64_t until_ns[2]; /* a way is closed */
};

/* A policy in one word, never 0: it is handed over whole, without a lock. Of one that
 * follows its link: most and wait_us stand for max and min, and a number above those of
 * a batch for min_demand. */
#define WINDOW_BITS 21
#define WINDOW_MASK ((UINT64_C(1) << WINDOW_BITS) - 1)
#define WINDOW_RULE (SLUICE_DEMAND_MAX + 1u) /* and two more */
SLUICE_STATIC_ASSERT(WINDOW_RULE + 2 <= WINDOW_MASK &&
			     SLUICE_AUTO_WAIT_US_MAX <= WINDOW_MASK,
		     "each number of a window has its bits");

static inline uint64_t window_pack(const struct sluice_credit *credit)
{
	return (uint64_t)(credit->exact != 0) << (3 * WINDOW_BITS) |
	       (uint64_t)credit->batch_events << (2 * WINDOW_BITS) |
	       (uint64_t)credit->min_events << WINDOW_BITS | credit->max_events;
}

static inline uint64_t window_pack_rule(const struct window_rule *rule)
{
	uint32_t min = rule->min == 0                 ? 0
		       : rule->min == SLUICE_MIN_ZERO ? 1
						      : 2;

	return (uint64_t)(WINDOW_RULE + min) << (2 * WINDOW_BITS) |
	       (uint64_t)rule->wait_us << WINDOW_BITS | rule->most;
}

/* most is 0: the word is one of a fixed window. */
static inline struct window_rule window_unpack_rule(uint64_t word)
{
	static const int32_t min[] = {0, SLUICE_MIN_ZERO, SLUICE_MIN_HALF};
	uint32_t kind = (uint32_t)(word >> (2 * WINDOW_BITS) & WINDOW_MASK);

	if (kind < WINDOW_RULE)
		return (struct window_rule){0};
	return (struct window_rule){
		.most = (uint32_t)(word & WINDOW_MASK),
		.wait_us = (uint32_t)(word >> WINDOW_BITS & WINDOW_MASK),
		.min = min[kind - WINDOW_RULE],
	};
}

static inline struct sluice_credit window_unpack(uint64_t word)
{
	return (struct sluice_credit){
		.max_events = (uint32_t)(word & WINDOW_MASK),
		.min_events = (uint32_t)(word >> WINDOW_BITS & WINDOW_MASK),
		.batch_events =
			(uint32_t)(word >> (2 * WINDOW_BITS) & WINDOW_MASK),
		.exact = (uint32_t)(word >> (3 * WINDOW_BITS)),
	};
}

/* The window in use with which a rule begins, in a ring of @capacity slots. */
uint32_t window_first(const struct window_rule *rule, uint32_t capacity);
/* The demand policy of a window of @events. */
void window_credit(struct sluice_credit *credit, const struct window_rule *rule,
		   uint32_t events);

/* It begins (again). */
void window_begin(struct window *w, const struct window_rule *rule,
		  uint32_t capacity);

/* Of the same position, the same place. */
static inline uint64_t *window_place(struct window *w, uint64_t position)
{
	return &w->granted[position * UINT64_C(0x9e3779b97f4a7c15) >>
			   (64 - WINDOW_GRANTS_LOG)];
}

/* @granted was granted. */
static inline void window_granted(struct window *w, uint64_t granted)
{
	*window_place(w, granted) = granted;
}

/* The producer stands at @published, and what the consumer has finished, at @acked. Returns
 * non-zero when `events` is another one: grant by it from here on. */
int window_look(struct window *w, uint64_t published, uint64_t acked,
		const struct sluice_wait_ops *ops);
/* There is nothing, and the producer stands at @published. */
void window_idle(struct window *w, uint64_t published,
		 const struct sluice_wait_ops *ops);

#endif
