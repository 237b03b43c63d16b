/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dispatch.h
 * What a strategy is: a pure function from the consumers' credit to the choice
 * of a consumer. (A dispatcher, in the options of a stage, is a strategy by its
 * name.)
 *
 * A strategy is one header of static inline functions and one line in
 * strategies.def. It never blocks, allocates, touches shared memory or knows a
 * thread: the engine, the tests and the bench tool run the same compiled code.
 *
 * Words used below
 *   lane        one subscription, as the producer's strategy sees it
 *   run         a decision: the next n events go to this lane
 *   to place    to decide where an event goes
 *   credit      events that a lane can be sent now
 *   in hand     of a lane: events that it was sent and has not finished
 *   receipt     the number of events that a lane has finished
 *   late        said of a strategy that chooses among lanes which have credit,
 *               so that a lane without credit delays no event
 *   early       said of a strategy that is bound to one lane by the event or by
 *               its turn, so that the event waits for that lane's credit
 *   spill       where events wait that are bound to a lane without credit
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
 * Lanes come and go between batches only. A lane has credit while it is active
 * and none otherwise. Lanes may come and go at any index below lanes->count,
 * which may grow, and there may be none at all. Lanes that are there from the
 * start are active when init is called; join is not called for them.
 *
 * A joining lane has been sent nothing. When a lane leaves, the caller takes
 * back the events that the lane had not finished, empties its spill, and offers
 * these events to pick again. To keep the order of each key it offers them in
 * this order, all before any event that was never placed:
 *
 *   1. the lane's unfinished events, then those in its spill
 *   2. the events in the spills of lanes that have joined and were never
 *      active: they may be newer than 1, and are taken back with it
 *   3. events that were taken back earlier and have not been placed again
 *
 * pick may make an active lane join again: after its decision it takes away the
 * lane's credit, makes its state joining and sets lanes->rejoined. From then on
 * that lane counts as one that was never active.
 *
 * pick writes its decision as runs. It takes the events that it gives to a lane
 * from lane->credit, so that the next decision, in this call or the next, sees
 * it. The caller copies the events.
 */
#ifndef SLUICE_DISPATCH_DISPATCH_H
#define SLUICE_DISPATCH_DISPATCH_H

#include "../ring/base.h"

/** What a lane is to its producer. */
enum sluice_lane_state {
	SLUICE_LANE_VACANT = 0,   /* no subscription */
	SLUICE_LANE_JOINING = 1,  /* sluice_NAME_ready() has not said yes */
	SLUICE_LANE_ACTIVE = 2,   /* is sent events */
	SLUICE_LANE_DRAINING = 3, /* is sent no more, and finishes its events */
};

/** One subscription as its producer's strategy sees it. */
struct sluice_lane {
	uint64_t credit;  /* events it can be sent now */
	uint64_t since;   /* stamp of when credit came to this value */
	uint64_t acked;   /* receipt: events finished when last looked at */
	uint64_t sent;    /* events it has been sent */
	uint32_t spilled; /* its events that wait in the spill, in order */
	uint32_t state;   /* enum sluice_lane_state */
	uint32_t weight;  /* rr: events a turn; 0 = 1 */
	uint32_t resv32;
	uint64_t barrier; /* partition: the receipt that lets another lane go
			   * on with keys that were taken from this one */
};

/** All subscriptions of one producer. */
struct sluice_lanes {
	struct sluice_lane *lane;
	uint32_t count;      /* some of them may be vacant */
	uint32_t spill_free; /* events the spill can still take, all lanes */
	uint64_t stamp;      /* free-running, for `since` */
	uint64_t ring_free;  /* shared: slots free in the pool */
	uint64_t restored;   /* ordered: events below it have passed the
			      * resequencer */
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

/** Added to an index: the events go to that lane's spill, in order. */
#define SLUICE_RUN_SPILL (UINT32_C(1) << 31)
/** Instead of an index: the event's key names a partition that does not exist.
 * An error; the run is of one event, and pick decides nothing behind it. */
#define SLUICE_LANE_WRONG UINT32_C(0x7ffffffd)
/** Instead of an index: the events go to the ring that all lanes take from. */
#define SLUICE_LANE_ANY UINT32_C(0x7ffffffc)
/** Instead of an index: every active lane gets the events. */
#define SLUICE_LANE_ALL UINT32_C(0x7ffffffe)
/** Instead of an index: the events are discarded, and counted. */
#define SLUICE_LANE_NONE UINT32_C(0x7fffffff)

/** A key function returns it for an event that is to be discarded. */
#define SLUICE_KEY_NONE UINT64_MAX

/** For chunk_events, where 0 means an even split: the consumer with most credit
 * gets as many events as it has credit for, then the next one. */
#define SLUICE_CHUNK_ALL UINT32_MAX

/** Bytes of a sequence number in an event. */
#define SLUICE_ORDER_BYTES 8u

/** In an emission of this many events, or more, the engine reads the credit of
 * a few lanes only, in turn; what it knows of the others may be old. */
#define SLUICE_EVENTS_LARGE 1024u

/** Maps an event to its key; equal keys go to one consumer, in order. */
typedef uint64_t (*sluice_key_fn)(const void *event, uint32_t bytes, void *ctx);

/** The same of @count events, one behind the other, into @keys. */
typedef void (*sluice_keys_fn)(const void *events, uint32_t bytes,
			       uint32_t count, void *ctx, uint64_t *keys);

/** Options of all strategies; each reads its own. struct sluice_stage_opts says
 * more of those that it has as well. */
struct sluice_dispatch_opts {
	/* ---- without keys ------------------------------------------------ */

	/** demand: events before it chooses again; 0 = an even split;
	 * SLUICE_CHUNK_ALL. */
	uint32_t chunk_events;
	/** demand: the seed of the first dispatch's random order; 0 = none. */
	uint32_t shuffle;
	/** p2c: the seed of its draws. */
	uint32_t seed;
	/** rr: non-zero = a lane without credit loses its turn, and so does one
	 * with events in hand while another is idle. */
	uint32_t skip;
	/** jbsq, p2c, ordered: most events in hand of a lane; 0 = as many as it
	 * has credit for. */
	uint32_t in_flight_max;
	/** ordered: where in an event its sequence number lies, 8 bytes. */
	uint32_t order_offset;
	/** ordered: most events between here and the resequencer, the stage
	 * that restores their order; a power of two. */
	uint32_t order_events;

	/* ---- by key ------------------------------------------------------ */

	/** sticky: most events in hand of a lane, in percent of the average,
	 * from 100; 0 = 125. */
	uint32_t load_percent;
	/** partition, atomic: a power of two; 0 = 256 (atomic: 4096). */
	uint32_t key_groups;
	/** hash: the number of partitions, each of them a lane; at least 1. */
	uint32_t partitions;
	/** hash: 1 = the key is the number of the lane, and a key that is too
	 * large is an error; 0 = the lane is the key modulo partitions. */
	uint32_t key_is_lane;
	/** partition: key groups leave a lane whose load is this many percent
	 * above the average; 0 = only as lanes come and go. */
	uint32_t rebalance_percent;
	sluice_key_fn key_of;
	/** The same of many events at once; NULL: there is no such function. It
	 * may be asked for keys of events that are not placed yet, and again. */
	sluice_keys_fn keys_of;
	void *key_ctx;

	/* ---- a strategy of your own -------------------------------------- */

	/** strategy_ctx of the stage's options. */
	const void *own;
};

/** Events in hand of a lane, by its last receipt. */
static inline uint64_t sluice_lane_in_flight(const struct sluice_lane *lane)
{
	return lane->sent - lane->acked;
}

/** Is the lane active, or about to be? */
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
	lanes->lane[index].since = ++lanes->stamp;
}

/** Set a lane's credit and receipt to what was just read from shared memory. */
static inline void sluice_lane_set(struct sluice_lanes *lanes, uint32_t index,
				   uint64_t credit, uint64_t acked)
{
	lanes->lane[index].acked = acked;
	if (lanes->lane[index].credit == credit)
		return;
	lanes->lane[index].credit = credit;
	lanes->lane[index].since = ++lanes->stamp;
}

/** The credit of all lanes together. */
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

/** Check what must hold of the lanes under every strategy. Returns NULL, or a
 * text that says which promise is broken. */
static inline const char *sluice_lanes_verify(const struct sluice_lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->count; i++) {
		const struct sluice_lane *lane = &lanes->lane[i];

		if (lane->state > SLUICE_LANE_DRAINING)
			return "a lane is in no known state";
		if (lane->state != SLUICE_LANE_ACTIVE && lane->credit > 0)
			return "a lane that is not active has credit";
		if (SLUICE_CAST(int64_t, lane->sent - lane->acked) < 0)
			return "a lane has finished more than it was sent";
		if (lane->since > lanes->stamp)
			return "a lane's stamp has not come yet";
	}
	return NULL;
}

/** Append a run; if it is for the lane of the last run, that becomes longer. */
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
	sluice_run_add(runs, n_runs, index, SLUICE_CAST(uint32_t, n));
}

/** Defines sluice_NAME_join, _leave and _ready for a strategy that keeps
 * nothing about single lanes: it chooses among those that have credit, and a
 * joining lane becomes active at once. */
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

/** Defines sluice_NAME_ready: a joining lane becomes active at once. */
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
