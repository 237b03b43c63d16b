/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of rings: one for each subscription (separate), one that all consumers
 * read (common), or one of which each event is taken by one of them (pool). A
 * strategy says which (strategy.h); what differs between them is told here, in a
 * table of functions, and decided nowhere else. Of rings_separate.c, rings_common.c
 * and rings_pool.c. Not installed.
 *
 * One thing is not in the table: where a run goes is told by the lane that it names
 * (outlet.c). By keys an event may be a run, and a call for each costs speed.
 *
 * Knows      both ends of a link
 * Knows not  stages, and what a strategy decides
 */
#ifndef SLUICE_ENGINE_RINGS_PRIV_H
#define SLUICE_ENGINE_RINGS_PRIV_H

#include "engine/link/inlet_priv.h"
#include "engine/link/outlet_priv.h"

struct rings_ops {
	uint32_t own; /* each subscription has a ring of its own */

	/* ---- memory; NULL: there is nothing to do ---- */
	/* What the outlet has besides, of @slots_least slots at least; 0: the
	 * default. Both return 0 or -ENOMEM. */
	int (*open)(struct outlet *out, uint32_t slots_least);
	/* @sub is given what is the outlet's. */
	int (*lend)(const struct outlet *out, struct subscription *sub);

	/* ---- the producing end ---- */
	/* @sub has its lane; @late: it joins others, between batches. Returns the
	 * position of its first event. */
	uint64_t (*attach)(struct outlet *out, struct subscription *sub,
			   int late);
	/* Look at grants, as far as that is worth while; what waits for one of
	 * them goes. Returns 1 when any went, or 0. */
	int (*refresh)(struct outlet *out);
	/* The same before @n events are dealt, for a strategy that chooses by what
	 * lanes have; NULL: none can. */
	void (*look)(struct outlet *out, uint32_t n);
	/* @n events that are for all, or for any; NULL: there are none. */
	void (*write)(struct outlet *out, const unsigned char *events,
		      uint32_t n, uint32_t deliveries);
	/* What was written and is not published; NULL: there is nothing such. */
	void (*publish)(struct outlet *out, uint32_t deliveries);
	/* Nothing more for @sub: its stream ends here, for @closed. */
	void (*cancel)(struct outlet *out, struct subscription *sub,
		       uint32_t closed);
	/* Its consumer has left; its lane is not vacant yet. */
	void (*leave)(struct outlet *out, struct subscription *sub);
	/* The consumer of @sub, in another process, is away: look at its words once
	 * more, and no more until it has others. What is left of it is kept for it,
	 * and marked. NULL: no place is kept. */
	void (*hold)(struct outlet *out, struct subscription *sub);
	/* The last receipt of @sub's consumer, which is in another process and has gone:
	 * the producer's own word, for it; and *end: what it was sent. NULL: what it has
	 * left comes to nobody again. */
	uint64_t *(*last)(struct outlet *out, struct subscription *sub,
			  uint64_t *end);
	/* And it has. */
	void (*resume)(struct outlet *out, struct subscription *sub);
	/* Has everybody finished everything? */
	int (*quiet)(struct outlet *out);
	/* The same of those that restore no sequence (sequence_between.c). */
	int (*answered)(struct outlet *out);
	/* All streams end, but for those that have. */
	void (*end)(struct outlet *out, uint32_t closed);
	/* All that was asked for, ever: as it is now, or as it was seen last; and
	 * what of it goes with @sub. */
	uint64_t (*asks)(struct outlet *out, int now);
	uint64_t (*asks_of)(const struct subscription *sub);

	/* ---- the consuming end ---- */
	/* Before a look at the link's ring for @limit events at most; returns 0 when
	 * there are none. NULL: the look is enough. */
	int (*fetch)(struct inlet *in, struct inlet_link *link, uint32_t limit);
	/* Of a link that gathers (gather_priv.h), where some may be there already: look,
	 * and take, when at least @enough are there, what has to be taken, @limit at
	 * most. Returns how many are in sight. NULL: none gathers. */
	uint64_t (*gather)(struct inlet *in, struct inlet_link *link,
			   uint32_t limit, uint32_t enough);
	/* How the link's stream has ended, a SLUICE_CLOSED() word; 0: it has
	 * not. */
	uint32_t (*ended)(struct inlet_link *link);
};

extern const struct rings_ops rings_separate;
extern const struct rings_ops rings_common;
extern const struct rings_ops rings_pool;

static inline const struct rings_ops *rings_of(enum sluice_rings kind)
{
	switch (kind) {
	case SLUICE_RINGS_COMMON:
		return &rings_common;
	case SLUICE_RINGS_POOL:
		return &rings_pool;
	case SLUICE_RINGS_SEPARATE:
		break;
	}
	return &rings_separate;
}

/* rings_separate.c: of the pool, too, behind which each has a ring of its own. */
uint64_t separate_attach(struct outlet *out, struct subscription *sub,
			 int late);
void separate_cancel(struct outlet *out, struct subscription *sub,
		     uint32_t closed);
void separate_end(struct outlet *out, uint32_t closed);
uint64_t *separate_last(struct outlet *out, struct subscription *sub,
			uint64_t *end);
uint64_t separate_asks(struct outlet *out, int now);
uint64_t separate_asks_of(const struct subscription *sub);
uint32_t separate_ended(struct inlet_link *link);

#endif
