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
 *
 * pick writes its decision as runs: "the next n events go to this lane". It
 * takes what it gives from lane->credit, so that the next decision, in this
 * call or the next, sees it. Whoever calls it copies the events.
 */
#ifndef SLUICE_DISPATCH_DISPATCH_H
#define SLUICE_DISPATCH_DISPATCH_H

#include "../ring/base.h"

/** One subscription as its producer's strategy sees it. */
struct sluice_lane {
	uint64_t credit;  /* events it can be sent now */
	uint64_t since;   /* turn at which credit came to this value */
	uint64_t acked;   /* events it had finished when last looked at */
	uint64_t sent;    /* events it has been sent */
	uint32_t spilled; /* its events that wait in the spill, in order */
};

/** All subscriptions of one producer. */
struct sluice_lanes {
	struct sluice_lane *lane;
	uint32_t count;      /* at least 1 */
	uint32_t spill_free; /* events the spill can still take, all lanes */
	uint64_t turn;       /* free-running stamp for `since` */
};

/** A row of events to be placed, oldest first. */
struct sluice_events {
	const unsigned char *first;
	uint32_t count;
	uint32_t bytes; /* of one event */
};

/** A decision: the next @count events go to @lane. */
struct sluice_run {
	uint32_t lane; /* index, perhaps with SLUICE_RUN_SPILL; or a value below
			*/
	uint32_t count;
};

#define SLUICE_RUN_SPILL                                                       \
	(UINT32_C(1) << 31)                   /* to the lane's spill, in order \
					       */
#define SLUICE_LANE_ALL  UINT32_C(0x7ffffffe) /* to every lane */
#define SLUICE_LANE_NONE UINT32_C(0x7fffffff) /* discard, and count it */

/** What a key function answers for an event that nobody shall get. */
#define SLUICE_KEY_NONE UINT64_MAX

/** Maps an event to its key; equal keys go to one consumer, in order. */
typedef uint64_t (*sluice_key_fn)(const void *event, uint32_t bytes, void *ctx);

/** What the strategies can be told; each takes what concerns it. */
struct sluice_dispatch_opts {
	uint32_t chunk_events; /* demand: events before choosing again; 0 = all
				*/
	uint32_t key_groups;   /* partition: a power of two */
	sluice_key_fn key_of;  /* partition */
	void *key_ctx;
};

/** Events a lane was sent and has not finished, as far as is known. */
static inline uint64_t sluice_lane_in_flight(const struct sluice_lane *lane)
{
	return lane->sent - lane->acked;
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

static inline uint64_t sluice_lanes_min(const struct sluice_lanes *lanes)
{
	uint64_t min = lanes->lane[0].credit;

	for (uint32_t i = 1; i < lanes->count; i++)
		if (lanes->lane[i].credit < min)
			min = lanes->lane[i].credit;
	return min;
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

#endif
