/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the same user attach as others do, and then write whatever they like
 * wherever they may: words, slots, bells, fences, marks, descriptors. An honest pair
 * goes on meanwhile, on the same worker; what it sends arrives once and in order. What
 * the outlaws may not write they cannot.
 *
 *     honest feeder, outlaw feeder  ->  "hub"   ->  honest reader
 *                                       "wild"  ->  outlaw reader
 *                                       "loud"  ->  outlaw reader, and "witness"
 *                                       "pool"  ->  outlaw reader, honest taker
 *
 * "loud" broadcasts: the one ring is read by an outlaw and by a stage of the engine,
 * which gets each event once and in order.
 *
 * "pool" lets its consumers compete. An outlaw may lose what it was given, by saying
 * that it is finished; the honest taker beside it gets what it gets whole, each event
 * once, or again and marked.
 *
 * outlaw.c is one of them; main.c all else.
 */
#ifndef SLUICE_TESTS_STRESS_OUTLAWS_H
#define SLUICE_TESTS_STRESS_OUTLAWS_H

#include "sluice.h"
#include "ring/atomic.h"
#include "engine/peer/wire_priv.h"
#include "tests/support/deadline.h"
#include "tests/support/rng.h"

#include <poll.h>
#include <time.h>

#define PIPELINE    "outlaws"
#define LIFE_MS_MAX 300u
#define NS_PER_MS   UINT64_C(1000000)

struct event {
	uint64_t number;
	uint64_t check;
};

/* What all see. */
struct seen {
	sluice_a32 listens;
	sluice_a32 over;     /* the honest feeder leaves */
	sluice_a32 drains;   /* the engine drains */
	sluice_a64 sent;     /* by the honest feeder */
	sluice_a64 received; /* by the honest reader */
	sluice_a64 garbage;  /* events of outlaws that the hub got */
	sluice_a64 heard;    /* by the witness */
	sluice_a64 pooled;   /* made by "pool" */
	sluice_a64
		taken; /* of these, by the honest taker, for the first time */
	sluice_a64 again; /* and marked */
	sluice_a32 lives; /* of outlaws that were let in */
	sluice_a32 tries; /* of what is refused */
};

extern struct seen *seen;
extern char folder[64];

/* Ends the process, with words, if it is not so. */
void must(int is_so, const char *what);

static inline uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
}

static inline void rest_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

enum outlaw_kind {
	OUTLAW_WILD, /* reads a ring of its own */
	OUTLAW_FEEDS,
	OUTLAW_LOUD,  /* reads a ring that others read */
	OUTLAW_WORKS, /* reads and feeds */
	OUTLAW_TAKES, /* competes with others */
	OUTLAWS
};

/* One life; ends the process. */
void outlaw_main(uint32_t kind, uint64_t seed);

#endif
