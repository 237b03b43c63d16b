/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscription one of whose two stages is driven by another process: here stands
 * a port in its place, which no user drives. Its ring and words lie in memory that
 * both processes have mapped, each writing what is its own: that end's ring is never
 * touched from here, only looked at. Of far.c, far_died.c, far_pool.c and far_held.c. Not
 * installed.
 *
 * Nothing that is read there is believed: positions are taken only as far as they
 * are possible, and an event is copied before anybody sees it, unless its sender is
 * trusted.
 *
 * Words         writer           reader         order
 * tx, slots     the producer     the consumer   as in ring/spsc.h
 * notes         the producer     the consumer   filled: release; see notes
 * rx            the consumer     the producer   as in ring/spsc.h
 * notes_read    the consumer     the producer   release
 * stream        the producer     the consumer   see struct far_stream
 *
 * A common ring goes to readers in other processes, too: they map it, and each is
 * told of its own stream there. Until that has begun a reader has stored nothing but
 * how much it asks for at first, where demand is manual.
 *
 * Life  The consumer's end is in the other process: the stage here opens, asks for
 *       nothing, and leaves when the stream is over and all is acknowledged, when it
 *       is ended, or when that process has died: what is not acknowledged then is
 *       dealt again. The producer's end is there: the stage here joins, places
 *       nothing, and ends when it is told to, or when that process has died: its
 *       stream ends at what was published then. One that has both ends there (a worker)
 *       ends its output last: when the producers that it reads look at its receipts
 *       no more. What it made of an event is published before the receipt; so it lies
 *       before that end for every event that counts as finished.
 *
 * Away  A consumer whose process has died, or whose connection is lost, may come back, in
 *       another one: until then its place is kept (far_heed). The producer looks at its
 *       words for the last time, marks what was perhaps in its hands, and looks at words
 *       of its own from then on; whatever is dealt to that place waits in the ring. The
 *       next process has words of its own, at the same address, which begin at what the
 *       producer has seen; then it is as if the consumer had never been away.
 *
 * Knows      rings and words of a subscription
 * Knows not  who the other process is, and how it came by its memory
 */
#ifndef SLUICE_ENGINE_FAR_PRIV_H
#define SLUICE_ENGINE_FAR_PRIV_H

#include "engine/link/inlet_priv.h"
#include "engine/link/outlet_priv.h"

/* ---- far.c: the consumer is in the other process ---- */

/* Its link opens at @position: nothing is asked for from here. */
void far_attach(struct inlet *in, struct subscription *sub, uint64_t position);
/* What it has granted and acknowledged by now, as far as that is possible: not beyond
 * the end of its stream. */
void far_settle(struct inlet_link *link);
/* How its stream has ended, and all of it is acknowledged: a SLUICE_CLOSED() word;
 * 0: not yet. */
uint32_t far_over(struct inlet_link *link);
/* The notes that there are, ever, whichever process makes them; and of them those that
 * the consumer has taken up. */
uint32_t far_notes_made(struct subscription *sub);
uint32_t far_notes_read(struct subscription *sub);

/* Marks that may be made before it takes up more. */
static inline uint32_t far_notes_room(struct subscription *sub)
{
	uint32_t made = far_notes_made(sub) - far_notes_read(sub);

	/* A process that has died may have had a batch of the note before. */
	return made < NOTES_MAX - 1 ? NOTES_MAX - 1 - made : 0;
}

/* ---- far_died.c: it has died ---- */

/* An event that is given up: so many processes died of it. */
struct far_dead {
	const void *event; /* where it lies, until more is placed */
	uint64_t seq;
	uint32_t deliveries;
};

/* @wanted of @sub's place (far_heed()) is that it is kept, and that is new: its process has
 * died. */
static inline int far_goes_away(const struct subscription *sub, uint32_t wanted)
{
	/* Relaxed: our own word. */
	return wanted % 2 != 0 &&
	       wanted != sluice_load_relaxed(&sub->by_producer.held);
}
/* It has left: because its process has died, no place being kept, or not for as long as the
 * producer takes to look? Told once. What one that leaves a common ring has not read comes
 * to nobody again. */
int far_has_died(const struct outlet *out, struct subscription *sub);
/* The process of @sub's consumer has died: the event that it was at, the first that it had
 * not acknowledged, has been handed out once more. Before far_heed() and outlet_leave().
 * Returns 1 when that was once too often: it counts as acknowledged then, and *dead says
 * which; or 0. */
int far_gives_up(struct outlet *out, struct subscription *sub,
		 struct far_dead *dead);
/* What it has left, [@at, @to), was perhaps in its hands: how often each has been
 * handed out. Of the first far_gives_up() knows. Those behind it were perhaps not handed
 * out at all, so of them no more is counted than makes each come alone. */
void far_handed(struct subscription *sub, uint64_t at, uint64_t to,
		struct handed *handed);

/* ---- far_pool.c: it would take from a pool ---- */

/* Give each of them what it may have of the pool now. Returns 1 when any was given
 * something, or 0. */
int far_pool_feed(struct outlet *out);

/* ---- far_held.c: the consumer is away ---- */

/* Heed what is @wanted of @sub's place, by_control.hold: it is kept, or goes on. Of the
 * producer. */
void far_heed(struct outlet *out, struct subscription *sub, uint32_t wanted);
/* The same of @sub's producer, a worker: what is wanted now, above 0, or 0: nothing new;
 * and that it is so, what it had published before @cut being all that counts. Of the
 * consumer, who touches nothing of that process meanwhile but that. */
uint32_t far_feeder_wanted(const struct subscription *sub);
void far_feeder_heed(struct subscription *sub, uint32_t wanted, uint64_t cut);
/* Where it is cut off, if it is to be away: what it has published by now, as far as that
 * is possible. It may live, and publish more. */
uint64_t far_feeder_cut(const struct inlet_link *link);
/* Are others better off with what could go to @lane? */
int far_passed_over(const struct outlet *out, uint32_t lane);
/* @sub's consumer is @acked and @granted far, and what lies there up to @end is marked.
 * Returns the words, of our own, that say so as long as its place is kept. */
const struct sluice_rx_words *far_keep(struct subscription *sub, uint64_t acked,
				       uint64_t granted, uint64_t end);
/* Of rings that are separate, or lie behind a pool. */
void far_hold(struct outlet *out, struct subscription *sub);
void far_resume(struct outlet *out, struct subscription *sub);

/* Its stream in a common ring begins at @position, whose slot is written again only
 * after its receipt; and ends at @end, if it has not ended yet. By the producer.
 * Neither does anything to one that has a ring of its own. */
void far_begin(struct subscription *sub, uint64_t position);
void far_finish(struct subscription *sub, uint64_t end, uint32_t closed);

/* ---- far.c: the producer is in the other process ---- */

/* Its stream in a common ring has not begun yet: the stage here cannot join. */
static inline int far_unbegun(const struct subscription *sub)
{
	return sub->far.side == FAR_PRODUCER && sub->far.stream != NULL &&
	       sluice_load_acquire(&sub->far.stream->begun) == 0;
}
/* The consumer here wants it now: with manual demand its first ask is told, for which
 * the producer waits. */
void far_want(struct subscription *sub);

/* Is that lane written there? Others of the outlet may not be. */
static inline int far_lane(const struct outlet *out, uint32_t lane)
{
	return out->subs[lane] != NULL &&
	       out->subs[lane]->far.side == FAR_PRODUCER;
}
/* Does a process there still write? It has closed no stream, and none was closed for
 * it. */
int far_writes(const struct outlet *out);
/* What it has published on @lane by now, as far as that is possible. */
void far_refresh(struct outlet *out, uint32_t lane);
/* That stream ends there, for @closed: whatever is published later is not read. */
void far_close(struct outlet *out, uint32_t lane, uint32_t closed);
/* So do all of them that are written elsewhere. */
void far_stop(struct outlet *out, uint32_t closed);
/* The consuming end of it: what is written there is read as of any ring, up to that
 * end. */
extern const struct rings_ops rings_far;
/* The same of a common ring. */
extern const struct rings_ops rings_far_common;

#endif
