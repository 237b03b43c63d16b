/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producing end of a stage: its strategy and the rings of its
 * subscriptions. Private to the stage's thread. Of outlet.c (placing),
 * outlet_member.c (lanes that come and go), rings_pool.c (the pool) and
 * rings_separate.c (marks of redelivery). Not installed.
 *
 * The strategy decides over `lanes`; the outlet copies the events where it
 * says, publishes once per touched ring, and rings the consumers' bells. Events
 * that a consumer left behind (orphans) are dealt again, before all others.
 *
 * Knows      lanes, rings, the spill, orphans, credit
 * Knows not  stages, callbacks, the hold: it is handed rows of events
 */
#ifndef SLUICE_ENGINE_OUTLET_PRIV_H
#define SLUICE_ENGINE_OUTLET_PRIV_H

#include "engine/link/helper_priv.h"
#include "dispatch/strategy.h"
#include "ring/broadcast.h"
#include "ring/counter.h"
#include "ring/wait.h"
#include "engine/link/lent_priv.h"
#include "engine/link/pool_priv.h"
#include "engine/link/spill_priv.h"
#include "engine/link/stamp_priv.h"
#include "engine/link/place_priv.h"

/* The pool: one ring, each event for one of its readers (rings_pool.c). */
struct outlet_pool {
	struct pool_ring *ring; /* NULL: no such ring */
	void *memory;
	uint64_t pushed; /* events, ever */
	uint64_t free;   /* slots below it are free for this position */
	uint64_t left;   /* taken by consumers that have gone */
	uint32_t far;    /* consumers in other processes; see far_pool.c */
};

struct rings_ops;

struct outlet {
	const struct sluice_strategy *strategy;
	const struct rings_ops *rings; /* their kind; see rings_priv.h */
	void *state;                   /* the strategy's */
	struct sluice_lanes lanes;
	struct sluice_spsc_writer *writers; /* separate rings: one per lane */
	struct stamper *stampers;           /* likewise */
	struct stamper stamper;             /* of a ring for all */
	struct sluice_broadcast_writer common; /* the common ring */
	struct outlet_pool pool;
	struct sluice_bell **bells; /* consumers'; NULL: same worker */
	struct subscription **subs; /* NULL: the lane is vacant */
	sluice_a64 *places;  /* where the control calls put new subscriptions */
	uint32_t places_max; /* lanes there can be */
	uint32_t joined;     /* lanes with a subscription */
	uint32_t joining;    /* some lane's strategy is not ready for it yet */
	uint32_t wrong;      /* an event was for a partition there is not */
	uint32_t run_events; /* most events of one decision */
	uint32_t lends;      /* its strategy suits that; see lent_priv.h */
	uint32_t emits;     /* callbacks make its events, no port's user does */
	uint32_t chooses;   /* by what lanes are known to have, or to lack */
	uint32_t corked;    /* what is placed is published later */
	uint32_t far;       /* another process writes: see far_priv.h */
	uint32_t looked;    /* at every lane, since the last decision */
	uint32_t look_next; /* the lane to look at next, for a large emission */
	const struct sluice_wait_ops *ops;
	struct helper *helper; /* who steps it in the worker's stead, or NULL */
	struct sluice_counters *counters;
	struct sluice_run *runs; /* room for one per event of an emission */
	struct spill spill;
	struct sluice_copier copier;  /* to other workers and processes */
	struct subscription *orphans; /* dealt again, first before last */
	struct lent lent;             /* slots that are filled in place */
	uint32_t asides_waiting; /* events that wait beside the dispatcher */
	uint32_t event_bytes;
	struct sequence *sequence; /* NULL: events are not numbered */
	struct aside *asides;      /* subscriptions beside the dispatcher */
	/* Common ring: those who left have read nothing from there on, and below it,
	 * by slot, that. */
	uint64_t read_to;
	unsigned char *read;
	/* What one that left was the last to have, or what the resequencer missed:
	 * stranded, and not told yet. */
	uint64_t unread;
	uint32_t hurried; /* all were told that it ends: outlet_hurry() */
};

/* Allocate for @places subscriptions, @lanes of them there now, and decisions
 * over at most @batch events. Returns 0 or -ENOMEM. */
int outlet_open(struct outlet *out, const struct sluice_strategy *strategy,
		uint32_t places, uint32_t lanes, uint32_t event_bytes,
		uint32_t batch, uint32_t spill_events);
void outlet_close(struct outlet *out);

/* Allocate what a common ring of @capacity has to remember. Returns 0 or -ENOMEM. */
int outlet_common_open(struct outlet *out, uint32_t capacity);

/* Let the strategy see its lanes, once they are attached. */
void outlet_start(struct outlet *out, const struct sluice_dispatch_opts *opts);

/* @sub takes its lane; before the start, or (outlet_join) between batches. */
void outlet_attach(struct outlet *out, struct subscription *sub,
		   struct sluice_bell *bell);
/* Returns the position of its first event. */
uint64_t outlet_join(struct outlet *out, struct subscription *sub,
		     struct sluice_bell *bell);

/* A lane that joins gets events once its strategy is ready for it. Returns
 * non-zero when it is active. */
int outlet_admit(struct outlet *out, uint32_t lane);

/* Allocate the pool; @slots_least 0: of the default size. Returns 0 or -ENOMEM. */
int outlet_pool_open(struct outlet *out, uint32_t slots_least);
/* @n events into it, which is not more than are free, and which have been handed
 * out @deliveries times. */
void outlet_pool_push(struct outlet *out, const unsigned char *events,
		      uint32_t n, uint32_t deliveries);
/* Forget what lies in it; nobody takes from it any more. */
void outlet_pool_drop(struct outlet *out);
void outlet_pool_close(struct outlet *out);

/* Wake the consumer of @lane; of all. */
void outlet_ring(struct outlet *out, uint32_t lane);
void outlet_ring_all(struct outlet *out);

/* No consumer is there, and none is on its way. An onlooker does not count. */
int outlet_deserted(const struct outlet *out);

/* Send nothing more on @sub: its stream ends here, for @closed. */
void outlet_cancel(struct outlet *out, struct subscription *sub,
		   uint32_t closed);
/* The consumer of @sub has left: take back what it has not finished. */
void outlet_leave(struct outlet *out, struct subscription *sub);
/* Part of that: what it did not finish waits to be dealt again. */
void outlet_orphan(struct outlet *out, struct subscription *sub);
/* And its place may be used again, as soon as nothing of it is lent. */
void outlet_release(struct outlet *out, struct subscription *sub);

/* Look at the consumers' grants, unless the room that is known covers @want; what
 * waits for one of them alone, in the spill or beside the dispatcher, goes as far
 * as it has found credit. Returns 1 when any went, or 0. */
int outlet_refresh(struct outlet *out, uint64_t want);

/* How many events could be placed, whatever they are, as far as the outlet has
 * looked. */
static inline uint64_t outlet_room(const struct outlet *out)
{
	return out->strategy->placeable(out->state, &out->lanes);
}

/* All that the consumers have asked for, ever, as far as the producer has looked;
 * or as it is now. Of a broadcast: what all of them have. It grows with each new
 * ask; the asks of one that has left, outlet_asks_of(), do not count any more. */
uint64_t outlet_asks_seen(struct outlet *out);
uint64_t outlet_asks(struct outlet *out);
uint64_t outlet_asks_of(const struct outlet *out,
			const struct subscription *sub);

/* From here on what is placed is not published, until all of it is at once: that is
 * cheaper than one publish an emission, and before it nobody sees these events. */
static inline void outlet_cork(struct outlet *out)
{
	out->corked = 1;
}
void outlet_uncork(struct outlet *out);

/* Place a prefix of @n events and publish it, unless corked. Of an ordered producer the
 * events have their numbers already (sequence_stamp()). Returns the length of the
 * prefix, which is @n whenever @n was within the room. */
uint32_t outlet_place(struct outlet *out, const unsigned char *events,
		      uint32_t n);

/* Decide for @n events that have been handed out @deliveries times, and write
 * what was decided. Returns how many went. */
uint32_t outlet_deal(struct outlet *out, const unsigned char *events,
		     uint32_t n, uint32_t deliveries);

/* The first @n_runs of out->runs, decided for @events: of outlet_write.c. */
void outlet_write_runs(struct outlet *out, const unsigned char *events,
		       uint32_t n_runs, uint32_t deliveries);
/* @n events into the ring of @w, not published yet. */
void outlet_write(const struct outlet *out, struct sluice_spsc_writer *w,
		  const unsigned char *events, uint32_t n);

/* Is there room to mark one more row of redelivered events? */
int outlet_note_room(struct subscription *sub);
/* The next @n events written for @sub, from @position on, have been handed out
 * @deliveries times. The caller has seen that there is room. */
void outlet_note(struct subscription *sub, uint64_t position, uint32_t n,
		 uint32_t deliveries);
/* So far; before these events are published. */
void outlet_show_notes(struct subscription *sub);

/* Does it matter what each consumer has? */
static inline int outlet_chooses(const struct outlet *out)
{
	return out->chooses && out->joined > 1;
}

/* Is an emission of @n events worth slots of its own? */
static inline int outlet_lends_bytes(const struct outlet *out, uint32_t n)
{
	return out->lends &&
	       (uint64_t)n * out->event_bytes >= SLUICE_COPIER_LEAST;
}

/* Deal orphans again. Returns non-zero when any went. */
int outlet_deal_orphans(struct outlet *out);

/* Events in the spill, orphans included. */
static inline uint32_t outlet_spilled(const struct outlet *out)
{
	return out->spill.capacity - out->lanes.spill_free;
}

/* Orphans that lie in their old rings still. */
uint64_t outlet_orphaned(const struct outlet *out);

/* Events in the pool, taken by nobody yet. */
static inline uint64_t outlet_pool_left(const struct outlet *out)
{
	return out->pool.ring ? sluice_mpmc_depth(&out->pool.ring->mpmc) : 0;
}

/* How many wait in front of the next that is placed: orphans and spill; and those
 * in a pool that nobody takes from. */
static inline uint64_t outlet_waiting(const struct outlet *out)
{
	return outlet_spilled(out) +
	       (SLUICE_UNLIKELY(out->orphans != NULL) ? outlet_orphaned(out)
						      : 0) +
	       (SLUICE_UNLIKELY(out->joined == 0) ? outlet_pool_left(out) : 0);
}

/* What waits for a consumer, ahead of what is emitted next. */
#define AHEAD_ORPHANS 1u /* events of one that has left, to be dealt again */
#define AHEAD_SPILLED 2u
#define AHEAD_ASIDE   4u   /* beside the dispatcher */
#define AHEAD_POOLED  8u   /* in a pool that nobody takes from */
#define AHEAD_FAR     256u /* in a pool, for who cannot take it */
/* Whoever grants may move these, and nothing need be emitted for it. */
#define AHEAD_LEFT (AHEAD_ORPHANS | AHEAD_SPILLED | AHEAD_ASIDE | AHEAD_FAR)

/* Does any of @which wait? They are constants: nothing else is looked at. */
static inline int outlet_ahead(const struct outlet *out, uint32_t which)
{
	return (which & AHEAD_ORPHANS && out->orphans != NULL) ||
	       (which & AHEAD_ASIDE && out->asides_waiting > 0) ||
	       (which & AHEAD_SPILLED && outlet_spilled(out) > 0) ||
	       (which & AHEAD_POOLED && out->joined == 0 &&
		outlet_pool_left(out) > 0) ||
	       (which & AHEAD_FAR && SLUICE_UNLIKELY(out->pool.far > 0) &&
		outlet_pool_left(out) > 0);
}

/* Tell each subscription how many of its events wait in the spill. */
void outlet_tell_gauges(struct outlet *out);

/* Has every consumer finished everything it was sent? */
int outlet_quiet(struct outlet *out);

/* Its stage makes no more, and waits until all is finished: tell those that wait for more
 * events (gather_priv.h). Returns non-zero when there was somebody to tell. */
int outlet_hurry(struct outlet *out);

/* End the stream of every subscription, behind all that was placed. */
void outlet_end(struct outlet *out, uint32_t closed);

/* Drop what waits for partitions that nobody reads, or will; returns how many
 * events. */
uint64_t outlet_drop_vacant(struct outlet *out);

/* Drop spill and orphans; returns how many events. */
uint64_t outlet_drop(struct outlet *out);

#endif
