/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dispatch.h
 * What a strategy is: a pure decision, credits in, choice out.
 *
 * A strategy is one header of static inline functions and one line in
 * strategies.def. It never blocks, allocates, touches shared memory or knows a
 * thread: the engine, the tests and the bench tool run the same compiled code.
 *
 *   struct sluice_NAME                its state, private to the producer
 *   sluice_NAME_init(s, lanes, o)     fill the state in
 *   sluice_NAME_placeable(s, lanes)   how many events pick could place now,
 *                                     whatever they are
 *   sluice_NAME_pick(s, lanes, events, runs, n_runs)
 *                                     decide for a prefix of the events;
 *                                     returns its length
 *   sluice_NAME_join(s, lanes, i)     lane i is SLUICE_LANE_JOINING: a
 *                                     subscription has come
 *   sluice_NAME_ready(s, lanes, i)    may lane i become SLUICE_LANE_ACTIVE?
 *   sluice_NAME_leave(s, lanes, i)    lane i is SLUICE_LANE_VACANT: its
 *                                     subscription has gone, and nothing that
 *                                     it was sent is in flight any more
 *   sluice_NAME_verify(s, lanes)      NULL, or which promise is broken: for
 *                                     tests, after every step
 *
 * strategy.h makes a table of them; strategies.def lists those compiled in.
 *
 * Membership changes between batches only. A lane has credit while it is
 * active and none otherwise. Lanes may come and go at any index below
 * lanes->count, which may grow, and there may be none at all. init sees as
 * active who is there from the start; there is no join for them.
 *
 * A joining lane has been sent nothing. Whoever calls takes back what a lane
 * had not finished when it left, empties its spill, and offers these events to
 * pick again. The order of a key holds if they are offered in this order, all
 * before any event that was never placed:
 *
 *   1. what the lane had not finished, then what waited in its spill
 *   2. what waits in the spill of the lanes that have joined and were never
 *      active: it may be newer than 1, and is taken back with it
 *   3. what was taken back earlier and has not been placed again
 *
 * pick may make an active lane joining again, once it has decided: it takes away
 * its credit and sets lanes->rejoined. Then that lane counts as never active.
 *
 * pick writes its decision as runs: "the next n events go to this lane". It
 * takes what it gives from lane->credit, so that the next decision, in this
 * call or the next, sees it. Whoever calls it copies the events.
 */
#ifndef SLUICE_DISPATCH_DISPATCH_H
#define SLUICE_DISPATCH_DISPATCH_H

#include "../ring/base.h"

/** What a lane is to its producer. */
enum sluice_lane_state {
	SLUICE_LANE_VACANT = 0,   /* no subscription */
	SLUICE_LANE_JOINING = 1,  /* the strategy is not ready for it yet */
	SLUICE_LANE_ACTIVE = 2,   /* gets events */
	SLUICE_LANE_DRAINING = 3, /* finishes what it has been sent */
};

/** One subscription as its producer's strategy sees it. */
struct sluice_lane {
	uint64_t credit;  /* events it can be sent now */
	uint64_t since;   /* turn at which credit came to this value */
	uint64_t acked;   /* events it had finished when last looked at */
	uint64_t sent;    /* events it has been sent */
	uint32_t spilled; /* its events that wait in the spill, in order */
	uint32_t state;   /* enum sluice_lane_state */
	uint32_t weight;  /* rr: events a turn; 0 = 1 */
	uint32_t resv32;
	uint64_t barrier; /* partition's: what it must have finished before
			   * another lane may go on with its keys */
};

/** All subscriptions of one producer. */
struct sluice_lanes {
	struct sluice_lane *lane;
	uint32_t count;      /* some of them may be vacant */
	uint32_t spill_free; /* events the spill can still take, all lanes */
	uint64_t turn;       /* free-running stamp for `since` */
	uint64_t ring_free;  /* shared: slots free in the pool */
	uint64_t restored;   /* ordered: events below it are restored */
	uint32_t rejoined;   /* pick has made an active lane join again */
	uint32_t resv32;
};

/** A row of events to be placed, oldest first. */
struct sluice_events {
	const unsigned char *first;
	uint32_t count;
	uint32_t bytes; /* of one event */
};

/** A decision: the next @count events go to @lane, an index, or one of the
 * values below. */
struct sluice_run {
	uint32_t lane;
	uint32_t count;
};

/** With an index: to that lane's spill, in order. */
#define SLUICE_RUN_SPILL (UINT32_C(1) << 31)
/** There is no such partition: an error, of one event. Nothing behind it is
 * decided. */
#define SLUICE_LANE_WRONG UINT32_C(0x7ffffffd)
/** To the pool, which all take from. */
#define SLUICE_LANE_ANY UINT32_C(0x7ffffffc)
/** To every active lane. */
#define SLUICE_LANE_ALL UINT32_C(0x7ffffffe)
/** Discard, and count it. */
#define SLUICE_LANE_NONE UINT32_C(0x7fffffff)

/** What a key function answers for an event that nobody shall get. */
#define SLUICE_KEY_NONE UINT64_MAX

/** For chunk_events, where 0 means an even split: whoever has most credit gets as
 * much as it can take, then the next. */
#define SLUICE_CHUNK_ALL UINT32_MAX

/** Bytes of a sequence number in an event. */
#define SLUICE_ORDER_BYTES 8u

/** Of so many events, or more, at once a few lanes are looked at, in turn: what is
 * known of the others may be old. */
#define SLUICE_EVENTS_LARGE 1024u

/** Maps an event to its key; equal keys go to one consumer, in order. */
typedef uint64_t (*sluice_key_fn)(const void *event, uint32_t bytes, void *ctx);

/** What the strategies can be told; each takes what concerns it. */
struct sluice_dispatch_opts {
	/** demand: events before choosing again; 0 = an even split;
	 * SLUICE_CHUNK_ALL. */
	uint32_t chunk_events;
	/** demand: 0, or where chance starts for the first dispatch. */
	uint32_t shuffle;
	/** p2c: where chance starts. */
	uint32_t seed;
	/** rr: non-zero = pass over a lane without credit, or with something in
	 * hand while another is idle. */
	uint32_t skip;
	/** jbsq, p2c, ordered: most events in flight at a lane; 0 = as many as
	 * it has credit for. */
	uint32_t in_flight_max;
	/** sticky: a lane holds at most that much of the average, in percent,
	 * from 100; 0 = 125. */
	uint32_t load_percent;
	/** partition, atomic: a power of two; 0 = 256 (atomic: 4096). */
	uint32_t key_groups;
	/** hash: so many lanes, each of them one partition; at least 1. */
	uint32_t partitions;
	/** hash: 1 = the key is the lane, and one that is too large is wrong;
	 * 0 = the lane is the key modulo partitions. */
	uint32_t key_is_lane;
	/** partition: move key groups away from a lane that has so many percent
	 * more than the average; 0 = only as lanes come and go. */
	uint32_t rebalance_percent;
	/** ordered: where in an event its sequence number lies, 8 bytes. */
	uint32_t order_offset;
	/** ordered: events between placing and the stage that restores their
	 * order, a power of two. */
	uint32_t order_events;
	sluice_key_fn key_of; /* strategies by key */
	void *key_ctx;
	/** For a strategy of your own. */
	const void *own;
};

/** Events a lane was sent and has not finished, as far as is known. */
static inline uint64_t sluice_lane_in_flight(const struct sluice_lane *lane)
{
	return lane->sent - lane->acked;
}

/** Is the lane there, or coming, to stay? */
static inline int sluice_lane_stays(const struct sluice_lane *lane)
{
	return lane->state == SLUICE_LANE_ACTIVE ||
	       lane->state == SLUICE_LANE_JOINING;
}

/** Take @n events' credit from a lane. */
static inline void sluice_lane_take(struct sluice_lanes *lanes, uint32_t index,
				    uint64_t n)
{
	lanes->lane[index].credit -= n;
	lanes->lane[index].sent += n;
	lanes->lane[index].since = ++lanes->turn;
}

/** Give a lane its credit and receipt as just read from shared memory. */
static inline void sluice_lane_set(struct sluice_lanes *lanes, uint32_t index,
				   uint64_t credit, uint64_t acked)
{
	lanes->lane[index].acked = acked;
	if (lanes->lane[index].credit == credit)
		return;
	lanes->lane[index].credit = credit;
	lanes->lane[index].since = ++lanes->turn;
}

static inline uint64_t sluice_lanes_sum(const struct sluice_lanes *lanes)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < lanes->count; i++)
		sum += lanes->lane[i].credit;
	return sum;
}

/** The lowest credit of all active lanes; 0 when there is none. */
static inline uint64_t sluice_lanes_min(const struct sluice_lanes *lanes)
{
	uint64_t min = UINT64_MAX;

	for (uint32_t i = 0; i < lanes->count; i++)
		if (lanes->lane[i].state == SLUICE_LANE_ACTIVE &&
		    lanes->lane[i].credit < min)
			min = lanes->lane[i].credit;
	return min == UINT64_MAX ? 0 : min;
}

/** What holds of the lanes of every strategy: NULL, or which promise is
 * broken. */
static inline const char *sluice_lanes_verify(const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->count; i++) {
		const struct sluice_lane *lane = &lanes->lane[i];

		if (lane->state > SLUICE_LANE_DRAINING)
			return "a lane is in no known state";
		if (lane->state != SLUICE_LANE_ACTIVE && lane->credit > 0)
			return "a lane that is not active has credit";
		if ((int64_t)(lane->sent - lane->acked) < 0)
			return "a lane has finished more than it was sent";
		if (lane->since > lanes->turn)
			return "a lane's turn has not come yet";
	}
	return NULL;
}

/** Append a decision; one for the lane of the last run makes that longer. */
static inline void sluice_run_add(struct sluice_run *runs, uint32_t *n_runs,
				  uint32_t lane, uint32_t count)
{
	if (*n_runs > 0 && runs[*n_runs - 1].lane == lane) {
		runs[*n_runs - 1].count += count;
		return;
	}
	runs[*n_runs].lane = lane;
	runs[*n_runs].count = count;
	++*n_runs;
}

/** The next @n events go to lane @index, which has credit for them. */
static inline void sluice_lane_send(struct sluice_lanes *lanes, uint32_t index,
				    uint64_t n, struct sluice_run *runs,
				    uint32_t *n_runs)
{
	sluice_lane_take(lanes, index, n);
	sluice_run_add(runs, n_runs, index, (uint32_t)n);
}

/** The three functions about members, for strategy @name if lanes come and go
 * without a word: one without credit is never chosen, and nobody waits. */
#define SLUICE_STRATEGY_FREE_MEMBERS(name)                                     \
	static inline void sluice_##name##_join(struct sluice_##name *s,       \
						struct sluice_lanes *lanes,    \
						uint32_t i)                    \
	{                                                                      \
		(void)s;                                                       \
		(void)lanes;                                                   \
		(void)i;                                                       \
	}                                                                      \
	static inline void sluice_##name##_leave(struct sluice_##name *s,      \
						 struct sluice_lanes *lanes,   \
						 uint32_t i)                   \
	{                                                                      \
		(void)s;                                                       \
		(void)lanes;                                                   \
		(void)i;                                                       \
	}                                                                      \
	SLUICE_STRATEGY_READY_AT_ONCE(name)

/** sluice_NAME_ready, if nobody who joins has to wait. */
#define SLUICE_STRATEGY_READY_AT_ONCE(name)                                    \
	static inline int sluice_##name##_ready(                               \
		const struct sluice_##name *s,                                 \
		const struct sluice_lanes *lanes, uint32_t i)                  \
	{                                                                      \
		(void)s;                                                       \
		(void)lanes;                                                   \
		(void)i;                                                       \
		return 1;                                                      \
	}

#endif
